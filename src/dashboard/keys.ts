import { html } from "hono/html";
import type { Reader } from "./reader.ts";

/** The pages. The key `g` and then the letter opens a page. */
export const NAVIGATION = [
  { page: "runs", href: "/", text: "Runs", letter: "r" },
  { page: "previews", href: "/previews", text: "Previews", letter: "p" },
  { page: "workflows", href: "/workflows", text: "Workflows", letter: "w" },
  { page: "events", href: "/events", text: "Events", letter: "e" },
] as const;

/** The pages that a reader may open. */
export function pagesFor({ may }: Pick<Reader, "may">) {
  return NAVIGATION.filter(({ page }) => may(page === "events" ? "read-all" : "read"));
}

/** What each key does, or a sequence of two keys. The script implements them. */
export const keysFor = (reader: Pick<Reader, "may">): readonly (readonly [keys: readonly string[], does: string])[] => [
  [["/"], "Search"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row"],
  ...pagesFor(reader).map(({ letter, text }) => [["g", letter], text] as const),
  [["Esc"], "Leave the search field, or close the open hint"],
  [["?"], "Show or close this help"],
];

/** Explains the keys. Readers who dictate, or whose hands tremble, can turn them off. */
export function keysDialog(reader: Pick<Reader, "may">) {
  const kbd = (key: string) => html`<kbd>${key}</kbd> `;
  const rows = keysFor(reader).map(
    ([keys, does]) => html`<tr><th scope="row">${keys.map(kbd)}</th><td>${does}</td></tr>\n`,
  );
  return html`<dialog class="keys" id="keys" aria-labelledby="keys-title">
<form method="dialog">
<h2 id="keys-title">Keyboard</h2>
<table>
${rows}</table>
<p><button autofocus>Close</button>
<button type="button" id="keys-switch">Turn keys off</button></p>
</form>
</dialog>`;
}
