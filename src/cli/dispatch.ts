import type { Run } from "../model/run.ts";
import { oneLine } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { type Config, ConfigError, readConfig } from "../service/config/config.ts";
import { workflowsOf } from "../service/workflows.ts";
import { CommandError } from "./command-error.ts";
import { asMessage, bodyFor, type DryWrite, runHere } from "./run-here.ts";

export type DispatchOptions = { readonly revision?: string; readonly dryRun?: true; readonly json?: true };

/** Does the job for one application, and prints what became of it. Exit code 1 when it failed. */
export async function dispatch(application: string, { revision, dryRun, json }: DispatchOptions): Promise<void> {
  const config = settings();
  const requests: DryWrite[] = [];
  const given = { application, ...(revision === undefined ? {} : { revision }) };
  const run = await runOf(config, given, dryRun && ((request) => void requests.push(request)));
  const failed = run.status === "failure" || run.status === "queued";
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...asJson(run, failed), ...(dryRun ? { dryRun, requests } : {}) })}\n`);
    if (failed) process.exitCode = 1;
    return;
  }
  if (failed) {
    const again = run.kind === "limit" ? " This command does not wait for it: run it again then." : "";
    throw new CommandError(oneLine((run.reason ?? "") + again));
  }
  if (run.status === "skipped") {
    process.stdout.write(`skipped: ${oneLine(run.reason ?? "")}\n`);
    return;
  }
  const { commitHash } = run.outputs as { commitHash: string };
  const what = `${config.workflows.eventType} for ${application} with commit ${commitHash} to ${config.workflows.targetRepo}`;
  process.stdout.write(
    dryRun ? `${requests.map(asMessage).join("\n")}\nnot sent: ${oneLine(what)}\n` : `sent: ${oneLine(what)}\n`,
  );
}

type Ended = Pick<Run, "status" | "outputs" | "reason" | "kind" | "dueAt">;

/** Of the settings, what is about the built-in workflow. */
function settings(): Config {
  try {
    const config = readConfig();
    const { workflows, observe } = config;
    return {
      ...config,
      workflows: { ...workflows, dir: undefined },
      observe: { ...observe, traceEndpoint: undefined, logLevel: "silent" },
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.message, { cause: error });
  }
}

async function runOf(config: Config, given: object, dryRun: Parameters<typeof runHere>[3]["dryRun"]): Promise<Ended> {
  const [workflow] = (await workflowsOf(config.workflows, { onClose: () => {}, hasWebhookSecret: false }))
    .workflows as [Workflow];
  const read = bodyFor(workflow.on.http!.body, given);
  if ("problems" in read) return failure(read.problems);
  const hasToken = config.github.hasCredential;
  if (workflow.on.http?.refuse?.(read.body, { hasToken })) {
    return failure("No GitHub token: set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.");
  }
  return (await runHere(config, workflow.name, read.body, { waitForLimits: false, dryRun })).run;
}

function failure(reason: string): Ended {
  return { status: "failure", kind: "permanent", reason, outputs: undefined, dueAt: undefined };
}

function asJson({ status, outputs, reason, kind, dueAt }: Ended, failed: boolean): object {
  if (status === "success") return { status, ...(outputs as object) };
  if (!failed) return { status, reason };
  const isLimit = kind === "limit" && dueAt !== undefined;
  return { status: "failure", reason, kind, ...(isLimit ? { notBefore: new Date(dueAt).toISOString() } : {}) };
}
