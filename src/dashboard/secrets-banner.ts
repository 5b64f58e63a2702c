import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import { cut, plural } from "./shown.ts";

/** The log has the whole reason. */
const MAX_REASON_CHARACTERS = 500;

/** A secret whose file contains an invalid value. */
export type RejectedSecret = { readonly name: string; readonly reason: string };

/** Lists the secrets with invalid new values, and why. Empty if there are none. */
export function secretsBanner(rejected: readonly RejectedSecret[]) {
  if (rejected.length === 0) return "";
  const number = `${rejected.length} ${plural(rejected.length, "secret", "secrets")} cannot be reloaded.`;
  const consequence = `The previous ${plural(rejected.length, "value stays", "values stay")} in use. Fix the ${plural(rejected.length, "file", "files")}.`;
  const each = rejected.map(
    ({ name, reason }) =>
      html`<li><strong>${visible(name)}</strong>: ${visible(cut(reason, MAX_REASON_CHARACTERS))}</li>`,
  );
  return html`<section class="banner failure broken" aria-label="Rejected secrets">
<p><strong>${number}</strong> ${consequence}</p>
<ul>${each}</ul></section>`;
}
