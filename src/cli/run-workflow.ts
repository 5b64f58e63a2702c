import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fluxEvent } from "../http/triggers/flux.ts";
import type { Json } from "../model/run.ts";
import { oneLine, visible } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { startApp, workflowsOf } from "../service/app.ts";
import { closingStack } from "../service/closing-stack.ts";
import { readConfig } from "../service/config/config.ts";
import { CommandError } from "./command-error.ts";
import { asMessage } from "./held-back.ts";

export type RunOptions = { readonly input?: string; readonly dryRun?: true };

/** Longer than any run should take that somebody waits for at a terminal. */
const WAIT_MS = 24 * 3_600_000;

/**
 * Executes one attempt of a workflow here, with the settings of the environment and a history of its own that is thrown
 * away. Exit code 1 when it has not ended well.
 */
export async function runWorkflow(name: string, { input, dryRun }: RunOptions): Promise<void> {
  const { onClose, close } = closingStack();
  try {
    const config = readConfig();
    const found = await workflowsOf(config, { onClose, hasWebhookSecret: true });
    const workflow = found.workflows.find((each) => each.name === name);
    if (!workflow) {
      throw new CommandError(`There is no workflow ${name}. There are ${[...found.fileOf.keys()].join(", ")}.`);
    }
    const folder = mkdtempSync(join(tmpdir(), "gh-runner-run-"));
    onClose("the history", () => rmSync(folder, { recursive: true, force: true }));
    const secret = config.githubWebhookSecret.length > 0 ? config.githubWebhookSecret : ["of no use here"];
    const app = await startApp(
      { ...config, dataDir: folder, githubWebhookSecret: secret },
      {
        closed: true,
        logTo: { write: (line) => void process.stderr.write(visible(line)) },
        ...(dryRun ? { holdBack: (held) => write(asMessage(held)) } : {}),
      },
    );
    onClose("the runs", app.close);
    const { run, steps } = await app.start(name, inputOf(workflow, input), WAIT_MS);
    for (const step of steps) write(oneLine(`step ${step.name}: ${step.error ?? "done"}`));
    const ended = run.status === "success" ? JSON.stringify(run.outputs) : (run.reason ?? "");
    const again = run.status === "queued" ? " (the service would attempt it again)" : "";
    write(oneLine(`${run.status === "queued" ? "failure" : run.status}${again}: ${ended}`));
    if (run.status !== "success" && run.status !== "skipped") process.exitCode = 1;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError((error as Error).message, { cause: error });
  } finally {
    await close();
  }
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What would have been stored, had this come in by the workflow's trigger. */
function inputOf({ on }: Workflow, text: string | undefined): Json {
  const given = parsed(text ?? (on.schedule ? JSON.stringify({ scheduledAt: new Date().toISOString() }) : "{}"));
  if (on.flux) return fluxEvent(given) as unknown as Json;
  if (on.github) {
    if (typeof given.name === "string" && typeof given.payload === "object") {
      return { delivery: "by-hand", ...given } as Json;
    }
    throw new CommandError(
      `--input must be an event: {"name":"pull_request","payload":{…}}, the payload as GitHub sends it.`,
    );
  }
  if (!on.http) return given as Json;
  const body = on.http.body.safeParse(given);
  if (body.success) return body.data as Json;
  const problems = body.error.issues.map(({ path, message }) => `${path.join(".") || "body"} ${message}`);
  throw new CommandError(`--input cannot be used: ${problems.join("; ")}.`);
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new CommandError(`--input must be a JSON object, such as '{"application":"pr-1234"}'.`);
}
