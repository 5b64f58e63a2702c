import { html } from "hono/html";

/** More marks in one text show nothing more, and take room: a letter may be looked for. */
const MAX_MARKS = 5;

/** A text in which what is looked for is marked, in any case of letters. */
export function marked(text: string, words: readonly string[] = []) {
  const looked = words.filter((word) => word !== "").toSorted((one, other) => other.length - one.length);
  if (looked.length === 0) return text;
  // What a text is split by stands at the odd places.
  return text
    .split(new RegExp(`(${looked.map(RegExp.escape).join("|")})`, "iu"))
    .map((part, at) => (at % 2 === 1 && at < 2 * MAX_MARKS ? html`<mark>${part}</mark>` : part));
}
