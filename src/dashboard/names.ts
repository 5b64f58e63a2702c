import { html } from "hono/html";

/** The names that are looked up have at most 253 characters; others, such as those that are skipped, have any number. */
const MAX_NAME_CHARACTERS = 100;
const MAX_WHOLE_CHARACTERS = 1000;

/** A name from elsewhere, so that it turns no text around it and takes no room of others; more of it is in its title. */
export function name(text: string) {
  const whole = beginning(text, MAX_WHOLE_CHARACTERS);
  const shown = nameText(text);
  return html`<bdi${shown === whole ? "" : html` title="${whole}"`}>${shown}</bdi>`;
}

/** The same where only text can stand. */
export function nameText(text: string): string {
  return beginning(text, MAX_NAME_CHARACTERS);
}

function beginning(text: string, most: number): string {
  return visible(cut(text, most)).replace(/[\t\n\r]/g, pictureOf);
}

/** So many characters of a text, with a sign when there are more. */
export function cut(text: string, most: number): string {
  // A character has one or two units: not all of a long text has to be taken apart.
  const characters = [...text.slice(0, 2 * (most + 1))];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : text;
}

/** The text with all that nobody would see, or that would turn others around, as characters that are seen. */
export function visible(text: string): string {
  return text.replace(UNSEEN, pictureOf);
}

/** The same for JSON, which stays JSON of the same value. */
export function visibleJson(json: string): string {
  return json.replace(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Control characters but for white space, halves of characters, and what sets a direction: https://www.unicode.org/reports/tr9/ */
const UNSEEN = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\u2028-\u202e\u2066-\u2069]/gu;

/** https://www.unicode.org/charts/PDF/U2400.pdf */
function pictureOf(unit: string): string {
  const code = unit.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}
