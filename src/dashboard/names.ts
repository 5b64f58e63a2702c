import { html } from "hono/html";
import { visibleName } from "../model/visible.ts";

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
  return visibleName(cut(text, most));
}

/** So many characters of a text, with a sign when there are more. */
export function cut(text: string, most: number): string {
  // A character has one or two units: not all of a long text has to be taken apart.
  const characters = [...text.slice(0, 2 * (most + 1))];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : text;
}
