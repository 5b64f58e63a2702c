import type { Command } from "commander";
import type { Json } from "../model/run.ts";
import { oneLine } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { CommandError } from "./command.ts";

export function runCommand(program: Command): void {
  program
    .command("run <workflow>")
    .description("execute a workflow here, once; settings come from the environment")
    .option("--input <json>", "what starts it: the body, or the event")
    .option("--dry-run", "read from GitHub, but print what would be written to it")
    .action(run);
}

type Options = { readonly input?: string; readonly dryRun?: true };

/** Executes one attempt of a workflow here, with the settings of the environment. Exit code 1 when it has not ended well. */
async function run(name: string, { input, dryRun }: Options): Promise<void> {
  const { readConfig } = await import("../service/config/config.ts");
  const { workflowsOf } = await import("../service/workflows.ts");
  const { asMessage, runHere } = await import("./run-here.ts");
  await using closing = new AsyncDisposableStack();
  const config = readConfig();
  const found = await workflowsOf(config.workflows, { closing, hasWebhookSecret: true });
  const workflow = found.workflows.find((each) => each.name === name);
  if (!workflow) {
    throw new CommandError(`There is no workflow ${name}. There are ${[...found.fileOf.keys()].join(", ")}.`);
  }
  // A webhook's secret is for those who send from outside.
  const { auth } = config;
  const { run, steps } = await runHere(
    { ...config, auth: auth.webhookSecrets.length > 0 ? auth : { ...auth, webhookSecrets: ["of no use here"] } },
    name,
    await inputOf(workflow, input),
    { waitForLimits: true, dryRun: dryRun && ((request) => write(asMessage(request))) },
  );
  for (const step of steps) write(oneLine(`step ${step.name}: ${step.error ?? "done"}`));
  const ended = run.status === "success" ? JSON.stringify(run.outputs) : (run.reason ?? "");
  const again = run.status === "queued" ? " (the service would attempt it again)" : "";
  write(oneLine(`${run.status === "queued" ? "failure" : run.status}${again}: ${ended}`));
  if (run.status !== "success" && run.status !== "skipped") process.exitCode = 1;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What would have been stored, had this come in by the workflow's trigger. */
async function inputOf({ on }: Workflow, text: string | undefined): Promise<Json> {
  const given = parsed(text ?? (on.schedule ? JSON.stringify({ scheduledAt: new Date().toISOString() }) : "{}"));
  if (on.flux) {
    const { fluxEvent } = await import("../http/triggers/flux.ts");
    return fluxEvent(given) as unknown as Json;
  }
  if (on.github) {
    if (typeof given.name === "string" && typeof given.payload === "object") {
      return { delivery: "by-hand", ...given } as Json;
    }
    throw new CommandError(
      `--input must be an event: {"name":"pull_request","payload":{…}}, the payload as GitHub sends it.`,
    );
  }
  if (!on.http) return given as Json;
  const { bodyFor } = await import("./run-here.ts");
  const read = bodyFor(on.http.body, given);
  if ("body" in read) return read.body;
  throw new CommandError(`--input cannot be used: ${read.problems}`);
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new CommandError(`--input must be a JSON object, such as '{"application":"pr-1234"}'.`);
}
