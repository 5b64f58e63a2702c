import { oneLine } from "../model/visible.ts";

/**
 * Rows under a heading, in aligned columns. Lines longer than `width` characters are cut, so what may be long goes last.
 * @param width of the terminal; undefined: nothing is cut.
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  const lines = [heading, ...rows].map((line) => line.map(oneLine));
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => lengthOf(line[column] ?? ""))));
  return lines
    .map((line) => line.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - lengthOf(cell))).join("  "))
    .map((line) => `${cut(line.trimEnd(), width)}\n`)
    .join("");
}

/** Names have any length; nobody needs more of one to recognise it, and one must not widen the rows of all others. */
const MAX_NAME_CHARACTERS = 100;

/** A name as a person is shown it; `--json` has all of it. */
export function shortName(text: string): string {
  return cut(text, MAX_NAME_CHARACTERS);
}

/** Of a run: on a narrower terminal its first characters, which every command takes, so that there is room for the rest. */
export function shownId(id: string, width: number | undefined): string {
  return width !== undefined && width < COLUMNS_FOR_IDS ? id.slice(0, SHORT_ID_CHARACTERS) : id;
}

const COLUMNS_FOR_IDS = 160;
const SHORT_ID_CHARACTERS = 8;

/** What a text says within a line; `--json` has all of it. */
export function shortText(text: string): string {
  return cut(text, MAX_TEXT_CHARACTERS);
}

/** All of a reason; inputs, outputs and results may be far longer. */
const MAX_TEXT_CHARACTERS = 4000;

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w./@:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function cut(line: string, width: number | undefined): string {
  return width === undefined || lengthOf(line) <= width ? line : `${[...line].slice(0, width - 1).join("")}…`;
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** Says on a terminal how a long wait goes, on one line that replaces itself; in a pipe it says nothing. */
export type Progress = { show(text: string): void; clear(): void };

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { show() {}, clear() {} };
  const clear = () => void stream.write("\r\u001b[2K");
  return {
    show(text) {
      clear();
      stream.write([...text].slice(0, (stream.columns || 80) - 1).join(""));
    },
    clear,
  };
}

/** Ends the command when what it writes is not read any more, as with `| head`: that is no failure. */
export function endWhenUnread(stream: NodeJS.WriteStream): void {
  stream.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds in the largest unit that leaves a readable number: `450ms`, `59s`, `47h`, `12d`. */
export function shortDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < UNITS_MS.s) return `${Math.round(ms)}ms`;
  if (ms < UNITS_MS.m) return `${Math.floor(ms / UNITS_MS.s)}s`;
  if (ms < UNITS_MS.h) return `${Math.floor(ms / UNITS_MS.m)}m`;
  if (ms < 2 * UNITS_MS.d) return `${Math.floor(ms / UNITS_MS.h)}h`;
  return `${Math.floor(ms / UNITS_MS.d)}d`;
}
