import type { FailureReason } from "./history.ts";

/** Failures with the same cause, as far as their reasons show. */
export type Cause = {
  /** The shared reason, with `…` for the parts that differ. */
  readonly text: string;
  readonly count: number;
  readonly workflows: readonly string[];
  /** The newest failure, and when it was accepted, epoch milliseconds. */
  readonly newest: { readonly id: string; readonly at: number };
  /** When the first one was accepted. */
  readonly firstAt: number;
  /** Words of a search that finds them: parts of the reason that are always the same. */
  readonly words: readonly string[];
};

/** Groups failures by their cause, the most frequent first. */
export function causesOf(failures: readonly FailureReason[]): readonly Cause[] {
  const groups = Map.groupBy(failures, ({ reason }) => sharedText(reason));
  return [...groups]
    .map(([text, those]) => causeOf(text, those))
    .sort((one, other) => other.count - one.count || other.newest.at - one.newest.at);
}

function causeOf(text: string, those: readonly FailureReason[]): Cause {
  const byAge = those.toSorted((one, other) => other.acceptedAt - one.acceptedAt);
  const newest = byAge[0] as FailureReason;
  return {
    text: those.length === 1 ? newest.reason : text,
    count: those.length,
    workflows: [...new Set(byAge.map(({ workflow }) => workflow))],
    newest: { id: newest.id, at: newest.acceptedAt },
    firstAt: (byAge.at(-1) as FailureReason).acceptedAt,
    words: wordsOf(text, newest.reason),
  };
}

/** Replaces a part that differs. */
const GAP = "…";

/** Differences after this length do not matter. */
const COMPARED_CHARACTERS = 500;

/** Names, numbers, hashes and times, which differ between failures with the same cause. */
const DIFFERS = [
  // Quotes and names from outside.
  /"[^"\n]*"|“[^”\n]*”|`[^`\n]*`/g,
  /\bhttps?:\/\/\S+/g,
  /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi,
  // Paths and repositories.
  /(?<![\w…])[\w.@~+-]*(?:\/[\w.@~+-]+)+\/?/g,
  // pr-1234, 3f9c2a1, 12:00:07.123Z, #7, 2 h. The status of an answer is part of the cause.
  /(?<!(?:answered|status|code|HTTP)[\s:=]{1,3})(?!(?<=(?:answered|returned|responded)(?: with)?\s)[1-5]\d\d\b)(?<![\w…])[\w#.:+-]*\d[\w.:+-]*/gi,
] as const;

/** The reason without the parts that differ. */
function sharedText(reason: string): string {
  let text = reason.slice(0, COMPARED_CHARACTERS);
  for (const pattern of DIFFERS) text = text.replace(pattern, (found) => GAP + (/[.:,]+$/.exec(found)?.[0] ?? ""));
  const shared = text
    .replace(/\s+/g, " ")
    .replace(/…(?:[ ,.]*…)+/g, GAP)
    .replace(/…\.(?=\s|$)/g, GAP)
    .trim();
  // If everything differs, nothing shows that the causes are the same.
  return /[\p{L}\p{N}]/u.test(shared) ? shared : reason.trim();
}

/** Shorter parts match too much. */
const LEAST_WORD_CHARACTERS = 4;

/** A longer part finds nothing more, and makes the address long. */
const MOST_WORD_CHARACTERS = 80;

/** How many of the longest parts distinguish a cause from others. */
const MOST_WORDS = 4;

function wordsOf(text: string, reason: string): readonly string[] {
  const parts = text
    .split(GAP)
    // White space may have been more than one space.
    .flatMap((part) => (reason.includes(part) ? part : part.split(" ")))
    .map((part) => part.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ""))
    // No text contains half of a surrogate pair.
    .map((part) =>
      part
        .slice(0, MOST_WORD_CHARACTERS)
        .replace(/[\ud800-\udbff]$/, "")
        .trimEnd(),
    )
    .filter((part) => part.length >= LEAST_WORD_CHARACTERS && !part.includes('"'));
  const longest = [...new Set(parts)].sort((one, other) => other.length - one.length).slice(0, MOST_WORDS);
  if (longest.length > 0) return longest;
  const [any] = reason.split(/["\s]+/).toSorted((one, other) => other.length - one.length);
  return any ? [any.slice(0, COMPARED_CHARACTERS)] : [];
}
