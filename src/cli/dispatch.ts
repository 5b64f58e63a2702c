import type { Command } from "commander";
import type { Check } from "../model/check.ts";
import type { Json, Run } from "../model/run.ts";
import { oneLine } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import type { Config } from "../service/config/config.ts";
import { CommandError, examples, JSON_OPTION, settingsHelp } from "./command.ts";
import type { DryWrite } from "./run-here.ts";

export function dispatchCommand(program: Command): void {
  program
    .command("dispatch <application>")
    .description("Send one application's event, without the service")
    .option("--revision <ref>", "Read the values file at this git ref of the deployment repository")
    .option("--dry-run", "Print what would be sent, and send nothing")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Show what would be sent for the application pr-1234", "gh-runner dispatch pr-1234 --dry-run"],
        ["Send it, with the values file of another branch", "gh-runner dispatch pr-1234 --revision release"],
      ),
    )
    .addHelpText("after", settingsHelp("GITHUB_TOKEN", "TARGET_REPO", "DEPLOYMENT_REPO"))
    .action(dispatch);
}

type Options = { readonly revision?: string; readonly dryRun?: true; readonly json?: true };

/** Sends one application's event and prints the result. Exit code 1 on failure. */
async function dispatch(application: string, { revision, dryRun, json }: Options): Promise<void> {
  const { asMessage } = await import("./run-here.ts");
  const config = await settings();
  const requests: DryWrite[] = [];
  const given = { application, ...(revision === undefined ? {} : { revision }) };
  const run = await runOf(config, given, dryRun && ((request) => void requests.push(request)));
  const failed = run.status === "failure" || run.status === "queued";
  const warnings = dryRun && !failed ? await aboutTests(config) : [];
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ...asJson(run, failed), ...(dryRun ? { dryRun, requests } : {}), ...(warnings.length > 0 ? { warnings } : {}) })}\n`,
    );
    if (failed) process.exitCode = 1;
    return;
  }
  if (failed) {
    const again = run.kind === "limit" ? " This command does not wait: run it again then." : "";
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
  for (const { check, message, remedy } of warnings) {
    process.stdout.write(`${oneLine(`${check}: ${message}. ${remedy ?? ""}`)}\n`);
  }
}

/** Problems that would prevent following the tests. */
async function aboutTests(config: Config): Promise<readonly Check[]> {
  const { checkTests } = await import("../service/doctor.ts");
  return checkTests(config);
}

type Ended = Pick<Run, "status" | "outputs" | "reason" | "kind" | "dueAt">;

/** The settings, reduced to those of the built-in workflow. */
async function settings(): Promise<Config> {
  const { readConfig } = await import("../service/config/config.ts");
  const config = readConfig();
  return {
    ...config,
    workflows: { ...config.workflows, dir: undefined },
    observe: { ...config.observe, traceEndpoint: undefined, logLevel: "silent" },
  };
}

async function runOf(config: Config, given: object, dryRun: ((write: DryWrite) => void) | undefined): Promise<Ended> {
  const { bodyFor, runHere } = await import("./run-here.ts");
  const startedBy = ({ on: { http } }: Workflow) => {
    const body = http && bodyFor(http.body, given);
    const rejection = http?.reject?.(body, { hasToken: config.github.hasCredential });
    if (!rejection) return { trigger: "http", input: body as Json } as const;
    throw new CommandError("No GitHub token: set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.");
  };
  try {
    return (await runHere(config, "environment-ready", startedBy, { waitForLimits: false, dryRun })).run;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { status: "failure", kind: "permanent", reason: error.message, outputs: undefined, dueAt: undefined };
  }
}

function asJson({ status, outputs, reason, kind, dueAt }: Ended, failed: boolean): object {
  if (status === "success") return { status, ...(outputs as object) };
  if (!failed) return { status, reason };
  const isLimit = kind === "limit" && dueAt !== undefined;
  return { status: "failure", reason, kind, ...(isLimit ? { notBefore: new Date(dueAt).toISOString() } : {}) };
}
