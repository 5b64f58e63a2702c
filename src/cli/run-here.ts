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

/** Longer than any run should take that somebody waits for at a terminal. */
const WAIT_MS = 24 * 3_600_000;

/**
 * Executes a workflow once in this process, as the service would. Its history is gone with the process.
 * @param startedBy the trigger, and what would have been stored, had the event come in by it.
 * @param options.waitForLimits whether a limit of GitHub is waited for, and the workflow attempted again.
 * @throws CommandError when there is no such workflow, and what `startedBy` throws.
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

/** What a dry run would have sent, in the form of HTTP, with the whole URL in the first line. */
export function asMessage({ method, url, headers, body, identity }: DryWrite): string {
  const by = (name: string) => (identity !== undefined && name === "authorization" ? ` (as ${identity})` : "");
  const lines = Object.entries(headers).map(([name, value]) => oneLine(`${name}: ${value}${by(name)}`));
  return [`${method} ${url}`, ...lines, "", ...(body === null ? [] : [visible(body), ""])].join("\n");
}

/**
 * The body, or the inputs, that a workflow is given.
 * @throws CommandError that begins with `lead` and says what its schema does not like.
 */
export function bodyFor(schema: Schema<unknown>, given: unknown, lead = "", whole = "body"): Json {
  const read = schema.safeParse(given);
  if (read.success) return read.data as Json;
  throw new CommandError(`${lead}${problemsIn(read.error, { whole }).join("; ")}.`);
}
