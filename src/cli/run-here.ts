import type { RunDetail } from "../model/history.ts";
import { lineText } from "../model/line-text.ts";
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
  const shown = process.stderr.isTTY ? textOfRecord : visible;
  const logTo = { write: (line: string) => void process.stderr.write(shown(line)) };
  const first = Promise.withResolvers<unknown>();
  const options = { closed: true, logTo, settled: first.resolve, ...(dryRun && { dryRun }) };
  const app = await startApp(config, options).catch((cause: Error) => {
    if (!cause.message.startsWith("Cannot start. Fix these workflows")) throw cause;
    const remedy = "To run another workflow without these files, set WORKFLOWS_STRICT=false.";
    throw new CommandError(`${cause.message}\n${remedy}`, { cause });
  });
  try {
    const workflow = app.loaded.workflows.find((each) => each.name === name);
    if (!workflow) {
      const names = app.loaded.workflows.map((each) => each.name).join(", ");
      const dir = config.workflows.dir;
      const remedy = dir === undefined ? " WORKFLOWS_DIR is not set: set it to the folder of your workflows." : "";
      throw new CommandError(`There is no workflow ${name}. The workflows are: ${names}.${remedy}`);
    }
    const started = { workflow, actor: "command line", ...startedBy(workflow) };
    return await app.start(started, WAIT_MS, waitForLimits ? undefined : first.promise);
  } finally {
    await app.close();
  }
}

/**
 * A record of the log as `gh-runner runs logs` prints it, for a terminal. Empty for the end of a run without failure,
 * because the command prints that end as its result.
 */
export function textOfRecord(line: string): string {
  const { level, time, msg, ...others } = JSON.parse(line);
  const isOfService = others.outcome !== undefined;
  if (isOfService && GOOD_ENDS.includes(msg)) return "";
  const known = isOfService && FAILURES.includes(msg) ? [...OF_THE_RUN, ...OF_ITS_RESULT] : OF_THE_RUN;
  const facts = Object.fromEntries(Object.entries<Json>(others).filter(([name]) => !known.includes(name)));
  return lineText({ at: Date.parse(time), level, message: msg, facts });
}

const GOOD_ENDS = ["run succeeded", "run skipped", "run waits", "run cancelled"];
const FAILURES = ["run failed", "attempt failed"];

/** Facts that are the same in every record of the only run. */
const OF_THE_RUN = ["run", "workflow", "attempt"];

/** Facts of a failure that the result repeats, or that only matter to the service. */
const OF_ITS_RESULT = ["outcome", "outputs", "reason", "failure", "duration_ms", "next_attempt"];

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
