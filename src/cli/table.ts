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

/** What a text says within a line; `--json` has all of it. */
export function shortText(text: string): string {
  return cut(text, MAX_TEXT_CHARACTERS);
}

/** All of a reason; inputs, outputs and results may be far longer. */
const MAX_TEXT_CHARACTERS = 4000;

function cut(line: string, width: number | undefined): string {
  return width === undefined || lengthOf(line) <= width ? line : `${[...line].slice(0, width - 1).join("")}…`;
}

function lengthOf(text: string): number {
  return [...text].length;
}
