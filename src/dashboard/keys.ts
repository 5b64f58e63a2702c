import { html } from "hono/html";
import type { Reader } from "./reader.ts";

/** Each has a letter, which opens it when it follows `g`. */
export const NAVIGATION = [
  { page: "runs", href: "/", text: "Runs", letter: "r" },
  { page: "previews", href: "/previews", text: "Previews", letter: "p" },
  { page: "workflows", href: "/workflows", text: "Workflows", letter: "w" },
  { page: "events", href: "/events", text: "Events", letter: "e" },
] as const;

/** Where a reader may go. */
export function pagesFor({ may }: Pick<Reader, "may">) {
  return NAVIGATION.filter(({ page }) => may(page === "events" ? "read-all" : "read"));
}

/** What the script does at each key, or at two of them, one after the other. */
export const keysFor = (reader: Pick<Reader, "may">): readonly (readonly [keys: readonly string[], does: string])[] => [
  [["/"], "Search"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row"],
  ...pagesFor(reader).map(({ letter, text }) => [["g", letter], text] as const),
  [["Esc"], "Leave the search field, or close what is open"],
  [["?"], "Show or close this"],
];

/** Explains the keys. Who dictates, or whose hand trembles, turns them off. */
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
