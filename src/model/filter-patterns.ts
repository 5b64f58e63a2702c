/**
 * GitHub's filter patterns, for names of branches and tags, and for paths. `*` matches anything except a slash, and
 * `**` anything. `?` and `+` repeat the character before them. `[a-z0-9]` matches one of these characters. `\` takes
 * the next character literally. `!` at the beginning excludes what an earlier pattern has included.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
 */
export type FilterPatterns = string | readonly string[];

/**
 * Returns whether patterns include a name: the last matching pattern decides. A pattern matches the whole name, and
 * case matters. The time is proportional to the length of a pattern times the length of a name, for any pattern.
 */
export function choosing(patterns: FilterPatterns): (name: string) => boolean {
  const inOrder = [patterns].flat().map(parsed);
  return (name) => {
    const likely = inOrder.filter((each) => mayMatch(each, name));
    if (likely.length === 0) return false;
    const characters = Array.from(name);
    return likely.findLast(({ parts }) => matches(parts, characters))?.isNegative === false;
  };
}

/** What is wrong with a pattern, and what to write; undefined if nothing is. */
export function patternProblem(pattern: string): string | undefined {
  const { problem, parts } = parsed(pattern);
  return problem ?? (parts.length === 0 ? "expected a pattern, got nothing" : undefined);
}

/** Whether a pattern excludes what others have included. */
export function isNegative(pattern: string): boolean {
  return pattern.startsWith("!");
}

type Character = (character: string) => boolean;

/** Part of a pattern that takes one character. */
type Part = {
  readonly takes: Character;
  /** The only character that it takes, in every matching name. */
  readonly literal?: string;
  /** Whether it may take more characters. */
  readonly repeats?: boolean;
  /** Instead of taking a character, the match may continue this many parts later. */
  readonly skips?: readonly number[];
};

type Parsed = {
  readonly isNegative: boolean;
  readonly parts: readonly Part[];
  /** The beginning and the end of every matching name. */
  readonly begins: string;
  readonly ends: string;
  readonly problem?: string;
};

/** Rules out most names quickly. */
function mayMatch({ begins, ends }: Parsed, name: string): boolean {
  return name.startsWith(begins) && name.endsWith(ends);
}

const NONE: Character = () => false;
const ANY: Character = () => true;
const SLASH: Character = (character) => character === "/";
const NO_SLASH: Character = (character) => character !== "/";

function parsed(pattern: string): Parsed {
  const negative = isNegative(pattern);
  const characters = Array.from(negative ? pattern.slice(1) : pattern);
  const parts: Part[] = [];
  let problem: string | undefined;
  let at = 0;
  /** Whether a folder may begin here: then `**` and a slash also match no folder. */
  const isFolder = () =>
    (at === 0 || characters[at - 1] === "/") && characters[at + 2] === "/" && !/[?+]/.test(characters[at + 3] ?? "");

  while (at < characters.length) {
    const character = characters[at] as string;
    const last = parts.at(-1);
    if (character === "*" && characters[at + 1] === "*") {
      if (isFolder()) {
        parts.push({ takes: NONE, skips: [1, 3] }, { takes: ANY, repeats: true, skips: [1] }, { takes: SLASH });
        at += 3;
      } else {
        parts.push({ takes: ANY, repeats: true, skips: [1] });
        at += 2;
      }
    } else if (character === "*") {
      parts.push({ takes: NO_SLASH, repeats: true, skips: [1] });
      at += 1;
    } else if ((character === "?" || character === "+") && last) {
      parts[parts.length - 1] = character === "?" ? { ...last, skips: [1] } : { ...last, repeats: true };
      at += 1;
    } else if (character === "[") {
      const end = characters.indexOf("]", at);
      const listed = characters.slice(at + 1, end < 0 ? undefined : end);
      problem ??= end < 0 ? "has a [ without a ]: write \\[ for the character itself" : problemOfList(listed);
      parts.push({ takes: oneOf(listed) });
      at = end < 0 ? characters.length : end + 1;
    } else if (character === "\\") {
      const next = characters[at + 1];
      problem ??= next === undefined ? "ends with a \\, which has nothing to act on: write \\\\ for one" : undefined;
      parts.push(literally(next ?? "\\"));
      at += 2;
    } else {
      if (/[?+]/.test(character))
        problem ??= `begins with ${character}, which has nothing to repeat: write \\${character}`;
      parts.push(literally(character));
      at += 1;
    }
  }
  const [begins, ends] = [textOf(parts).join(""), textOf(parts.toReversed()).reverse().join("")];
  return { isNegative: negative, parts, begins, ends, ...(problem !== undefined && { problem }) };
}

function literally(literal: string): Part {
  return { takes: (character) => character === literal, literal };
}

/** The literal characters before the first part that may take another character, none, or several. */
function textOf(parts: readonly Part[]): string[] {
  const end = parts.findIndex(({ literal, repeats, skips }) => literal === undefined || repeats || skips);
  return parts.slice(0, end < 0 ? undefined : end).map(({ literal = "" }) => literal);
}

const RANGE = /^(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[a-zA-Z0-9])$/;

function problemOfList(listed: readonly string[]): string | undefined {
  const text = listed.join("");
  if (text === "") return "has an empty []: list the characters that are meant";
  if (/^[\^!]/.test(text)) return `has [${text}], which cannot exclude characters: list those that are meant`;
  const wrong = rangesIn(listed).find((range) => !RANGE.test(range) || range.charAt(0) > range.slice(-1));
  return wrong === undefined
    ? undefined
    : `has ${wrong} in [${text}]: GitHub takes letters, digits, and ranges within a-z, A-Z and 0-9`;
}

function oneOf(listed: readonly string[]): Character {
  const ranges = rangesIn(listed).map((range) => [range.charAt(0), range.slice(-1)] as const);
  return (character) => ranges.some(([from, to]) => from <= character && character <= to);
}

/** The content of brackets, split into ranges like `a-z` and single characters. */
function rangesIn(listed: readonly string[]): readonly string[] {
  return listed.join("").match(/.-.|./gsu) ?? [];
}

/** Follows all possible matches at the same time, so that no pattern needs backtracking. */
function matches(parts: readonly Part[], characters: readonly string[]): boolean {
  const seenAt = new Int32Array(parts.length + 1).fill(-1);
  let now: number[] = [];
  const enter = (places: number[], place: number, step: number) => {
    if (seenAt[place] === step) return;
    seenAt[place] = step;
    places.push(place);
    for (const skip of parts[place]?.skips ?? []) enter(places, place + skip, step);
  };
  enter(now, 0, 0);
  for (let at = 0; at < characters.length && now.length > 0; at++) {
    const next: number[] = [];
    for (const place of now) {
      const part = parts[place];
      if (!part?.takes(characters[at] as string)) continue;
      enter(next, place + 1, at + 1);
      if (part.repeats) enter(next, place, at + 1);
    }
    now = next;
  }
  return now.includes(parts.length);
}
