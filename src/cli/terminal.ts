import { oneLine } from "../model/visible.ts";

/**
 * Rows under a heading, in aligned columns. Lines longer than `width` are cut, so put long values last.
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

/** Enough to recognise a name. A longer one must not widen all other rows. */
const MAX_NAME_CHARACTERS = 100;

/** A name, shortened for people; `--json` prints all of it. */
export function shortName(text: string): string {
  return cut(text, MAX_NAME_CHARACTERS);
}

/** A run's id. A narrow terminal shows only its first characters, which every command accepts. */
export function shownId(id: string, width: number | undefined): string {
  return width !== undefined && width < COLUMNS_FOR_IDS ? id.slice(0, SHORT_ID_CHARACTERS) : id;
}

const COLUMNS_FOR_IDS = 160;
const SHORT_ID_CHARACTERS = 8;

/** A text, shortened for one line; `--json` prints all of it. */
export function shortText(text: string): string {
  return cut(text, MAX_TEXT_CHARACTERS);
}

/** Enough for any reason. Inputs, outputs and results may be far longer. */
const MAX_TEXT_CHARACTERS = 4000;

/** Quotes a text as one word for a shell. */
export function shellWord(text: string): string {
  return /^[\w./@:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function cut(line: string, width: number | undefined): string {
  return width === undefined || lengthOf(line) <= width ? line : `${[...line].slice(0, width - 1).join("")}…`;
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** A progress line on a terminal that replaces itself. Prints nothing in a pipe. */
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

/** Exits without an error when the reader of the output ends, as with `| head`. */
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
