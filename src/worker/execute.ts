import { isFailure } from "../model/failure.ts";
import type { Outcome } from "../model/run.ts";
import { StoreUnavailable } from "../model/store.ts";
import { type Context, skipReason, type Workflow, type WorkflowSource } from "../model/workflow.ts";
import type { Log } from "../observe/log.ts";
import type { Calls } from "./calls.ts";
import { keptJson } from "./kept.ts";
import { traceOf } from "./stack.ts";

/**
 * Carries one event through a workflow, and waits for what it has called and not awaited. Never throws: whatever the
 * workflow throws becomes an outcome.
 */
export async function execute(
  workflow: Pick<Workflow, "run">,
  context: Context,
  {
    attempting: { calls, source },
    facts,
    log,
  }: {
    attempting: { readonly calls: Calls; readonly source: WorkflowSource | undefined };
    facts: Readonly<Record<string, unknown>>;
    log: Pick<Log, "warn">;
  },
): Promise<Outcome> {
  const outcome = await executed(workflow, context, source);
  const failed = await calls.rest(warningOfCalls(log, facts));
  const first = outcome.status === "failure" ? undefined : failed[0];
  for (const { what, error } of first ? failed.slice(1) : failed) {
    log.warn({ ...facts, call: what, err: error }, "a call that the workflow did not await has failed, too");
  }
  return first ? failedAside(first.error, first.what, source) : outcome;
}

/**
 * What an attempt comes to in which this was thrown where the workflow does not await it.
 * @param call in which it was; undefined for anything else.
 */
export function failedAside(error: unknown, call: string | undefined, source: WorkflowSource | undefined): Outcome {
  const outcome = failedBy(error, source);
  if (outcome.status !== "failure") return outcome;
  const remark = call === undefined ? OUTSIDE : `${call}, which was not awaited`;
  return { ...outcome, reason: `${outcome.reason} (${remark})` };
}

const OUTSIDE = "outside of what the workflow awaits: in a timer or a forgotten promise";

/** Says in the log which calls were not awaited. */
export function warningOfCalls(log: Pick<Log, "warn">, facts: Readonly<Record<string, unknown>>) {
  return (calls: readonly string[]): void =>
    log.warn(
      { ...facts, calls: calls.slice(0, MAX_CALLS), count: calls.length },
      "the workflow did not await these calls: the service waits for them, and their failure is the run's",
    );
}

const MAX_CALLS = 10;

async function executed(
  workflow: Pick<Workflow, "run">,
  context: Context,
  source: WorkflowSource | undefined,
): Promise<Outcome> {
  try {
    const result = await workflow.run(context);
    const reason = skipReason(result);
    if (reason !== undefined) return { status: "skipped", reason };
    return success(result);
  } catch (error) {
    return failedBy(error, source);
  }
}

/** What an attempt comes to that this was thrown in. */
export function failedBy(error: unknown, source: WorkflowSource | undefined): Outcome {
  try {
    return failed(error, source);
  } catch {
    const reason = "The workflow threw something that cannot even be shown: throw an Error.";
    return { status: "failure", reason, http: 500, kind: "permanent" };
  }
}

/** As large as the body of a request may be, in characters of JSON: outputs stand in the log and in every list. */
const MAX_OUTPUTS_CHARACTERS = 65_536;

function success(result: unknown): Outcome {
  try {
    return { status: "success", outputs: keptJson(result, MAX_OUTPUTS_CHARACTERS) };
  } catch (error) {
    const reason = `The workflow returned what cannot be kept as JSON: ${(error as Error).message}`;
    return { status: "failure", reason, http: 500, kind: "permanent" };
  }
}

function failed(error: unknown, source: WorkflowSource | undefined): Outcome {
  const trace = traceOf(error, source);
  if (isFailure(error)) {
    const { message: reason, kind, http } = error;
    // It says all, but for which of several calls it was.
    const stack = trace?.at === undefined || kind === "limit" ? {} : { stack: trace.stack };
    const base = { status: "failure", reason, http, kind, ...stack } as const;
    if (error.kind === "limit") return { ...base, notBefore: error.notBefore };
    return error.kind === "transient" && error.attempts ? { ...base, attempts: error.attempts } : base;
  }
  if (error instanceof StoreUnavailable)
    return { status: "failure", reason: error.message, http: 500, kind: "transient" };
  const at = trace?.at === undefined ? "" : ` (${trace.at})`;
  const reason = `The workflow threw ${shown(error)}${at}`;
  return { status: "failure", reason, http: 500, kind: "permanent", ...(trace && { stack: trace.stack }) };
}

/** What a workflow prints or throws, in words. */
export function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "[JSON cannot carry it]";
  }
}
