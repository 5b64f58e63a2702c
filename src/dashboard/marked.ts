import { html } from "hono/html";

/** More marks in one text would take room without helping: a search may be for one letter. */
const MAX_MARKS = 5;

/** A text with the searched words marked. Case does not matter. */
export function marked(text: string, words: readonly string[] = []) {
  const looked = words.filter((word) => word !== "").toSorted((one, other) => other.length - one.length);
  if (looked.length === 0) return text;
  // `split` puts the separators at the odd places.
  return text
    .split(new RegExp(`(${looked.map(RegExp.escape).join("|")})`, "iu"))
    .map((part, at) => (at % 2 === 1 && at < 2 * MAX_MARKS ? html`<mark>${part}</mark>` : part));
}
