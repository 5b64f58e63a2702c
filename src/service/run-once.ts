import type { HeldBack } from "../github/dry-run.ts";
import { systemClock } from "../model/clock.ts";
import { unobserved } from "../model/observer.ts";
import type { Json, Outcome, Run } from "../model/run.ts";
import type { Claim } from "../model/store.ts";
import type { Workflow } from "../model/workflow.ts";
import { openLog } from "../observe/log.ts";
import { confined } from "../worker/confined.ts";
import { contextOf } from "../worker/context.ts";
import { execute } from "../worker/execute.ts";
import { keptOutcome } from "../worker/kept.ts";
import type { Config } from "./config/config.ts";
import { standalone } from "./standalone.ts";

export type RunOnce = {
  readonly outcome: Outcome;
  /** What a dry run would have sent. */
  readonly heldBack: readonly HeldBack[];
};

/**
 * Executes a workflow here and now, beside a service that may be running. Nothing is stored, so there is no other
 * attempt, and no earlier run to be the repeat of.
 * @param input as a caller would send it.
 */
export async function runOnce(
  config: Config,
  workflow: Workflow,
  input: Json,
  { dryRun }: { readonly dryRun: boolean },
): Promise<RunOnce> {
  const { http } = workflow.on;
  const parsed = http?.body.safeParse(input);
  if (parsed?.success === false) {
    return refused(`${parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; ")}.`);
  }
  const body = parsed ? parsed.data : input;
  const hasToken = config.githubToken !== undefined || config.githubApp !== undefined;
  const refusal = http?.refuse?.(body, { hasToken });
  if (refusal) return refused(hasToken ? refusal : NO_TOKEN);

  const env = Object.fromEntries((workflow.env ?? []).map((name) => [name, config.variable(name) ?? ""]));
  const heldBack: HeldBack[] = [];
  const holdBack = dryRun ? (write: HeldBack) => void heldBack.push(write) : undefined;
  const { gitHub, fetch, secrets, close } = await standalone(config);
  const { github, release } = gitHub.attempt({ token: undefined, name: workflow.name, holdBack });
  const log = openLog({ level: "silent", secrets });
  const bounds = { run: RUN_ID, workflow: workflow.name, timeout: TIMEOUT, timeoutMs: TIMEOUT_MS };
  try {
    const outcome = await confined(bounds, systemClock, (attempting) =>
      execute(
        workflow,
        contextOf(workflow, claimOf(workflow, body as Json), github, {
          store: { saveStep: async () => {}, findSuccess: async () => undefined },
          envOf: () => env,
          keeping: secrets,
          own: [],
          log,
          clock: systemClock,
          observe: unobserved,
          fetch,
          insist: (write) => write(),
          lease: { holds: async () => true },
          seen: { requestId: undefined, dedupeKey: undefined, request: () => {} },
          attempting,
        }),
        { attempting, facts: {}, log },
      ),
    );
    return { outcome: keptOutcome(outcome, secrets, Object.values(env)), heldBack };
  } finally {
    release();
    await close();
  }
}

const NO_TOKEN = "No GitHub token: set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.";

const RUN_ID = "once";
const TIMEOUT = "5m";
const TIMEOUT_MS = 300_000;

function refused(reason: string): RunOnce {
  return { outcome: { status: "failure", kind: "permanent", http: 500, reason }, heldBack: [] };
}

/** A run that is in no store. */
function claimOf({ name }: Workflow, input: Json): Claim {
  const now = systemClock.now();
  const run = { id: RUN_ID, workflow: name, input, status: "running", startedAt: now, acceptedAt: now } as Run;
  return { run, attempt: 1, owner: "", steps: [] };
}
