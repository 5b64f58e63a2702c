/** A longer word is not a key. */
const MAX_WORD_CHARACTERS = 100;
const MAX_WORDS = 40;

/**
 * The possible keys in the name of an Actions run (`display_title`): its words of letters, digits, `_`, `.`, `:` and
 * `-`, with and without punctuation at their ends. So `Preview (key).` and `run: key` show the key.
 */
export function keysIn(title: string): ReadonlySet<string> {
  const words = (title.match(/[\w.:-]+/g) ?? []).slice(0, MAX_WORDS);
  const all = words.flatMap((word) => [word, word.replace(/^[.:-]+|[.:-]+$/g, ""), ...(word.match(UUID) ?? [])]);
  return new Set(all.filter((word) => word !== "" && word.length <= MAX_WORD_CHARACTERS));
}

/** Whether a run's name shows a key of the kind that gh-runner creates. */
export function showsSomeKey(title: string): boolean {
  return title.search(UUID) !== -1;
}

const UUID = /(?<![\da-f])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-f])/gi;
