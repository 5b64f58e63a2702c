import { type Config, readConfig } from "./config.ts";
import type { HeldBack } from "./github/dry-run.ts";
import { openLog } from "./log.ts";
import { systemClock } from "./model/clock.ts";
import type { Outcome, Run } from "./model/run.ts";
import type { Workflow } from "./model/workflow.ts";
import { knownSecrets } from "./secrets.ts";
import { secretsIn } from "./settings.ts";
import { standalone } from "./standalone.ts";
import { confined } from "./worker/confined.ts";
import { type ContextNeeds, contextOf } from "./worker/context.ts";
import { execute } from "./worker/execute.ts";
import { environmentReady } from "./workflows/environment-ready.ts";

export type DispatchedOnce = {
  readonly config: Config;
  readonly outcome: Outcome;
  /** What a dry run would have sent. */
  readonly heldBack: readonly HeldBack[];
};

/**
 * Does the job of `environment-ready` here and now, with the settings of the service and beside one that may be running.
 * Nothing is stored, so there is no other attempt, and no earlier run to be the repeat of.
 * @param input as a caller would send it.
 * @throws ConfigError when the settings cannot be used.
 */
export async function dispatchOnce(
  input: { readonly application: string; readonly revision?: string },
  { dryRun }: { readonly dryRun: boolean },
): Promise<DispatchedOnce> {
  const config = readConfig();
  // Not its token: workflows name the variable that holds theirs.
  const { githubToken, ...pair } = config;
  const workflow = environmentReady(pair) as Workflow;
  const refusal = refusalOf(workflow, input, githubToken !== undefined || config.githubApp !== undefined);
  if (refusal !== undefined) {
    return { config, outcome: { status: "failure", kind: "permanent", http: 500, reason: refusal }, heldBack: [] };
  }
  const heldBack: HeldBack[] = [];
  const holdBack = dryRun ? (write: HeldBack) => void heldBack.push(write) : undefined;
  const { gitHub, scrub, close } = await standalone(config);
  const { github, release } = gitHub.attempt({ token: undefined, name: workflow.name, holdBack });
  const run = { id: "once", workflow: workflow.name, input } as unknown as Run;
  const claim = { run, attempt: 1, owner: "", steps: [] };
  const bounds = { run: run.id, workflow: workflow.name, timeout: "5m", timeoutMs: 300_000 };
  try {
    const outcome = await confined(bounds, systemClock, (attempting) =>
      execute(workflow, contextOf(workflow, claim, github, { ...storeless(config), scrub, attempting })),
    );
    return { config, outcome: "reason" in outcome ? { ...outcome, reason: scrub(outcome.reason) } : outcome, heldBack };
  } finally {
    release();
    await close();
  }
}

function refusalOf({ on: { http } }: Workflow, input: unknown, hasToken: boolean): string | undefined {
  const parsed = http?.body.safeParse(input);
  if (parsed?.success === false) {
    return `${parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; ")}.`;
  }
  const refusal = http?.refuse?.(parsed?.data, { hasToken });
  return refusal && !hasToken
    ? "No GitHub token: set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY."
    : refusal;
}

function storeless(config: Config): Omit<ContextNeeds, "scrub" | "attempting"> {
  return {
    store: { saveStep: async () => {}, findSuccess: async () => undefined },
    envOf: () => ({}),
    log: openLog({ level: "silent", secrets: knownSecrets(secretsIn(config)) }),
    clock: systemClock,
    insist: (write) => write(),
    seen: { requestId: undefined, dedupeKey: undefined, request: () => {} },
  };
}
