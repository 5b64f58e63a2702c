import { fileURLToPath } from "node:url";
import type { WorkflowSource as Source } from "../model/workflow.ts";

/** What an exception in a workflow tells besides its message. */
export type Trace = {
  /** The first frame in the workflow's file, such as `merged-pr.ts:14`; else the first one in its folder. */
  readonly at: string | undefined;
  /** The error, its frames and its causes. The frames of the workflow's file come first. */
  readonly stack: readonly string[];
};

const MAX_FRAMES = 20;
const MAX_CAUSES = 3;

/** The trace of what was thrown; undefined when that is no error. Tokens are still in it. */
export function traceOf(thrown: unknown, source: Source | undefined): Trace | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const frames = framesOf(thrown, source);
  const own = frames.find(({ rank }) => rank === 0) ?? frames.find(({ rank }) => rank === 1);
  const lines = [...linesOf(thrown, frames)];
  let cause = thrown.cause;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++, cause = cause.cause) {
    const [first, ...more] = linesOf(cause, framesOf(cause, source));
    lines.push(`Caused by ${first}`, ...more);
  }
  return { at: own?.at, stack: lines };
}

/** 0: in the workflow's file. 1: in its folder. 2: elsewhere. */
type Frame = { readonly rank: 0 | 1 | 2; readonly at: string; readonly line: string };

function linesOf({ name, message }: Error, frames: readonly Frame[]): string[] {
  const inOrder = frames.toSorted((one, other) => one.rank - other.rank).slice(0, MAX_FRAMES);
  return [`${name}: ${message}`, ...inOrder.map(({ line }) => `    ${line}`)];
}

/** A file and a place in it, as V8 ends a frame with: `(file:///a/b.ts:14:3)`, or without the brackets. */
const PLACE = /\(?((?:file:\/\/|\/|[A-Z]:\\)[^()\s]*):(\d+):(\d+)\)?$/;

function framesOf({ stack, message: given }: Error, source: Source | undefined): readonly Frame[] {
  if (typeof stack !== "string") return [];
  // The message may have lines that look like frames.
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
