import { fileURLToPath } from "node:url";
import { isFailure } from "../model/failure.ts";
import type { Outcome } from "../model/run.ts";
import { StoreUnavailable } from "../model/store.ts";
import { endingOf } from "../model/workflow.ts";
import type { WorkflowSource } from "../model/workflow-file.ts";
import { keptJson } from "./kept.ts";

/** The outcome of an attempt whose workflow returned `result`. */
export function outcomeOf(result: unknown): Outcome {
  const ending = endingOf(result);
  if (ending === undefined) return success(result);
  const { status, reason } = ending;
  return status === "skipped" ? { status, reason } : { status, reason, http: 500, kind: "permanent" };
}

/**
 * The outcome of an attempt in which code that the workflow does not await threw an error.
 * @param call the call that threw; undefined for other code.
 */
export function failedAside(error: unknown, call: string | undefined, source: WorkflowSource | undefined): Outcome {
  const outcome = failedBy(error, source);
  if (outcome.status !== "failure") return outcome;
  const remark = call === undefined ? OUTSIDE : `${call}, which was not awaited`;
  return { ...outcome, reason: `${outcome.reason} (${remark})` };
}

const OUTSIDE = "in code that the workflow does not await: a timer or a forgotten promise";

/** The outcome of an attempt that threw `error`. */
export function failedBy(error: unknown, source: WorkflowSource | undefined): Outcome {
  try {
    return failed(error, source);
  } catch {
    const reason = "The workflow threw a value that cannot be shown. Throw an Error.";
    return { status: "failure", reason, http: 500, kind: "permanent" };
  }
}

/** The limit of a request's body, in characters of JSON, since outputs appear in the log and in every list. */
const MAX_OUTPUTS_CHARACTERS = 65_536;

function success(result: unknown): Outcome {
  try {
    return { status: "success", outputs: keptJson(result, MAX_OUTPUTS_CHARACTERS) };
  } catch (error) {
    const reason = `The workflow returned a value that cannot be stored as JSON: ${(error as Error).message}`;
    return { status: "failure", reason, http: 500, kind: "permanent" };
  }
}

function failed(error: unknown, source: WorkflowSource | undefined): Outcome {
  const trace = traceOf(error, source);
  if (isFailure(error)) {
    const { message: reason, kind, http } = error;
    // The message is complete, except for which of several calls failed.
    const stack = trace?.at === undefined || kind === "limit" ? {} : { stack: trace.stack };
    const base = { status: "failure", reason, http, kind, ...stack } as const;
    if (error.kind === "limit") return { ...base, notBefore: error.notBefore };
    return error.kind === "transient" && error.attempts ? { ...base, attempts: error.attempts } : base;
  }
  if (error instanceof StoreUnavailable)
    return { status: "failure", reason: error.message, http: 500, kind: "transient" };
  const at = trace?.at === undefined ? "" : ` (${trace.at})`;
  const because = causesOf(error).map((cause) => `, caused by ${shown(cause)}`);
  const reason = `The workflow threw ${shown(error)}${at}${because.join("")}`;
  return { status: "failure", reason, http: 500, kind: "permanent", ...(trace && { stack: trace.stack }) };
}

/** What a workflow prints or throws, as text. */
export function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "[cannot be shown as JSON]";
  }
}

/** What an exception in a workflow has in addition to its message. */
type Trace = {
  /** The first frame in the workflow's file, such as `merged-pr.ts:14`. Otherwise the first frame in its folder. */
  readonly at: string | undefined;
  /** The error, its frames and its causes. Frames of the workflow's file come first. */
  readonly stack: readonly string[];
};

const MAX_FRAMES = 20;
const MAX_CAUSES = 3;

/** The trace of an error; undefined for any other value. It may still contain tokens. */
export function traceOf(thrown: unknown, source: WorkflowSource | undefined): Trace | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const frames = framesOf(thrown, source);
  const nearest = frames.find(({ rank }) => rank === 0) ?? frames.find(({ rank }) => rank === 1);
  const lines = [...linesOf(thrown, frames)];
  for (const cause of causesOf(thrown)) {
    const [first, ...more] = linesOf(cause, framesOf(cause, source));
    lines.push(`Caused by ${first}`, ...more);
  }
  return { at: nearest?.at, stack: lines };
}

/** Nearest cause first. If several addresses failed (an AggregateError without a message), the first of them counts. */
function causesOf(thrown: unknown): readonly Error[] {
  const causes: Error[] = [];
  let cause = causeOf(thrown);
  while (cause !== undefined && causes.length < MAX_CAUSES) {
    causes.push(cause);
    cause = causeOf(cause);
  }
  return causes;
}

function causeOf(thrown: unknown): Error | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { cause } = thrown;
  const [first] = cause instanceof AggregateError && cause.message === "" ? cause.errors : [cause];
  return first instanceof Error ? first : undefined;
}

/** 0: in the workflow's file. 1: in its folder. 2: elsewhere. */
type Frame = { readonly rank: 0 | 1 | 2; readonly at: string; readonly line: string };

function linesOf({ name, message }: Error, frames: readonly Frame[]): string[] {
  const inOrder = frames.toSorted((one, other) => one.rank - other.rank).slice(0, MAX_FRAMES);
  return [`${name}: ${message}`, ...inOrder.map(({ line }) => `    ${line}`)];
}

/** The file and position at the end of a V8 frame: `(file:///a/b.ts:14:3)`, or without the brackets. */
const PLACE = /\(?((?:file:\/\/|\/|[A-Z]:\\)[^()\s]*):(\d+):(\d+)\)?$/;

function framesOf({ stack, message: given }: Error, source: WorkflowSource | undefined): readonly Frame[] {
  if (typeof stack !== "string") return [];
  // The message may contain lines that look like frames.
  const message = String(given);
  const after = stack.indexOf(message);
  const text = after < 0 ? stack : stack.slice(after + message.length);
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "))
    .map((line) => {
      const [place, file = "", row] = PLACE.exec(line) ?? [];
      if (place === undefined) return { rank: 2, at: "", line };
      const path = file.startsWith("file:") ? pathOf(file) : file;
      const isOwn = path === source?.path;
      const isNear = source !== undefined && path.startsWith(`${source.folder}/`) && !path.includes("/node_modules/");
      const shown = isOwn ? source.file : isNear ? path.slice(source.folder.length + 1) : path;
      return {
        rank: isOwn ? 0 : isNear ? 1 : 2,
        at: `${shown}:${row}`,
        line: line.replace(file, () => shown),
      };
    });
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
