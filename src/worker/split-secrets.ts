import type { LogLine } from "../model/run.ts";

/** A line with what the workflow wrote, of which its message is what may be kept. */
export type Written = { readonly line: LogLine; readonly raw: string };

/** Longer than any secret, a key of an App among them. */
const REACH_CHARACTERS = 4096;

const HIDDEN = "***";

/** Between the pieces of a secret: nothing, or the line break that was between them. */
const BETWEEN = ["", "\n"] as const;

/**
 * Hides secrets that are written in pieces, one a line: each piece alone does not look like one.
 * @returns what looks through the next lines of a log. What comes before them cannot be changed any more.
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
      // With something else that is hidden in it, places in it are others.
      const message = line.message === pieces[at]?.clean ? without(line.message, from, to) : HIDDEN;
      return { ...line, message };
    });
  };
}

type Piece = { readonly raw: string; readonly clean: string };

/** How many characters of each line, at its beginning and at its end, are of a secret that goes beyond it. */
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
