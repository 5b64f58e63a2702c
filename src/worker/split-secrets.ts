import type { LogLine } from "../model/run.ts";

/** A line, and the raw text that the workflow wrote. The line's message is the safe form. */
export type Written = { readonly line: LogLine; readonly raw: string };

/** Longer than any secret, including an App's key. */
const REACH_CHARACTERS = 4096;

const HIDDEN = "***";

/** What may separate the pieces of a secret: nothing, or a line break. */
const BETWEEN = ["", "\n"] as const;

/**
 * Hides secrets that were written in pieces, one per line, where no piece looks like a secret.
 * @returns a function that checks the next lines of a log. Earlier lines can no longer be changed.
 */
export function splitSecrets(scrub: (text: string) => string): (lines: readonly Written[]) => readonly LogLine[] {
  let before: Piece[] = [];

  return (written) => {
    const pieces = written.map(({ raw }) => ({ raw, clean: scrub(raw) }));
    const all = [...before, ...pieces];
    const found = BETWEEN.filter((sign) => {
      return scrub(all.map(({ raw }) => raw).join(sign)) !== all.map(({ clean }) => clean).join(sign);
    });
    const cuts = found.map((sign) => cutsIn(all, sign, scrub));
    before = lastOf(all);
    const first = all.length - written.length;
    return written.map(({ line }, at) => {
      const [from = 0, to = 0] = [0, 1].map((side) =>
        Math.max(0, ...cuts.map((each) => each[first + at]?.[side] ?? 0)),
      );
      if (from === 0 && to === 0) return line;
      // If something else in the line is hidden, positions no longer match.
      const message = line.message === pieces[at]?.clean ? without(line.message, from, to) : HIDDEN;
      return { ...line, message };
    });
  };
}

type Piece = { readonly raw: string; readonly clean: string };

/** How many characters at the beginning and end of each line belong to a secret that continues in another line. */
function cutsIn(pieces: readonly Piece[], sign: string, scrub: (text: string) => string): readonly [number, number][] {
  const cuts = pieces.map((): [number, number] => [0, 0]);
  for (let at = 1; at < pieces.length; at++) {
    const left = lastOf(pieces.slice(0, at))
      .map(({ raw }) => raw)
      .join(sign);
    const right = firstOf(pieces.slice(at))
      .map(({ raw }) => raw)
      .join(sign);
    const [cleanLeft, cleanRight, whole] = [scrub(left), scrub(right), scrub(left + sign + right)];
    if (whole === cleanLeft + sign + cleanRight) continue;
    cuts[at - 1]![1] = cleanLeft.length - sameAtStart(cleanLeft, whole);
    cuts[at]![0] = cleanRight.length - sameAtEnd(cleanRight, whole);
  }
  return cuts;
}

function without(message: string, from: number, to: number): string {
  if (from + to >= message.length) return HIDDEN;
  return `${from > 0 ? HIDDEN : ""}${message.slice(from, message.length - to)}${to > 0 ? HIDDEN : ""}`;
}

function lastOf(pieces: readonly Piece[]): Piece[] {
  return firstOf(pieces.toReversed()).toReversed();
}

function firstOf(pieces: readonly Piece[]): Piece[] {
  let left = REACH_CHARACTERS;
  return pieces.filter(({ raw }) => {
    const isNear = left > 0;
    left -= raw.length;
    return isNear;
  });
}

function sameAtStart(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

function sameAtEnd(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one.at(-1 - at) === other.at(-1 - at)) at++;
  return at;
}
