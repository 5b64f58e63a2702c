import type { RunDetail } from "../model/history.ts";
import { problemsIn } from "../model/problems.ts";
import type { Json } from "../model/run.ts";
import type { Schema, TriggerKind } from "../model/triggers.ts";
import { oneLine, visible } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { startApp } from "../service/app.ts";
import type { Config } from "../service/config/config.ts";
import type { AppOptions } from "../service/ground.ts";
import { CommandError } from "./command.ts";

/** Longer than any run for which a person waits at a terminal. */
const WAIT_MS = 24 * 3_600_000;

/**
 * Runs a workflow once in this process, as the service would. Its history is lost when the process ends.
 * @param startedBy returns the trigger and the input that the service would have stored.
 * @param options.waitForLimits waits for a limit of GitHub, then retries the workflow.
 * @throws CommandError when there is no such workflow, and the errors of `startedBy`.
 */
export async function runHere(
  config: Config,
  name: string,
  startedBy: (workflow: Workflow) => { readonly trigger: TriggerKind; readonly input: Json },
  { waitForLimits, dryRun }: { waitForLimits: boolean; dryRun: AppOptions["dryRun"] },
): Promise<RunDetail> {
  const logTo = { write: (line: string) => void process.stderr.write(visible(line)) };
  const first = Promise.withResolvers<unknown>();
  const app = await startApp(config, { closed: true, logTo, settled: first.resolve, ...(dryRun && { dryRun }) });
  try {
    const workflow = app.loaded.workflows.find((each) => each.name === name);
    if (!workflow) {
      const names = app.loaded.workflows.map((each) => each.name).join(", ");
      throw new CommandError(`There is no workflow ${name}. The workflows are: ${names}.`);
    }
    const started = { workflow, actor: "command line", ...startedBy(workflow) };
    return await app.start(started, WAIT_MS, waitForLimits ? undefined : first.promise);
  } finally {
    await app.close();
  }
}

export type DryWrite = Parameters<NonNullable<AppOptions["dryRun"]>>[0];

/** The request that a dry run did not send, in HTTP form, with the whole URL in the first line. */
export function asMessage({ method, url, headers, body, identity }: DryWrite): string {
  const by = (name: string) => (identity !== undefined && name === "authorization" ? ` (as ${identity})` : "");
  const lines = Object.entries(headers).map(([name, value]) => oneLine(`${name}: ${value}${by(name)}`));
  return [`${method} ${url}`, ...lines, "", ...(body === null ? [] : [visible(body), ""])].join("\n");
}

/**
 * Checks the body or the inputs of a workflow.
 * @throws CommandError that begins with `lead` and names the problems.
 */
export function bodyFor(schema: Schema<unknown>, given: unknown, lead = "", whole = "body"): Json {
  const read = schema.safeParse(given);
  if (read.success) return read.data as Json;
  throw new CommandError(`${lead}${problemsIn(read.error, { whole }).join("; ")}.`);
}
