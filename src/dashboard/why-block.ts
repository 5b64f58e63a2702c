import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import { type Finding, saidOf, type Why } from "../model/why/facts.ts";
import { copyBlock } from "./copy.ts";
import { linkedText } from "./shown.ts";

/** Why nothing happened: the answer, then the facts behind it and what to do next. Shown if a search finds no run. */
export function whyBlock({ answer, findings }: Pick<Why, "answer" | "findings">, now: number) {
  const { known, others } = saidOf(answer, findings);
  return html`<section class="why-block" aria-label="Why nothing happened">
<p class="why-answer"><strong>${linkedText(answer, now)}</strong>${known ? where(known) : ""}</p>
${known ? commandOf(known, 0) : ""}
${
  others.length === 0
    ? ""
    : html`<ul>${others.map(
        (each, at) => html`<li class="finding is-${each.what}">
<p>${linkedText(each.text, now)}${where(each)}</p>
${commandOf(each, at + 1)}
</li>`,
      )}</ul>`
}
</section>`;
}

/** The link of a finding. Its text already has the time. */
function where({ link }: Finding) {
  return link === undefined ? "" : html` <a href="${link.href}">${link.text}</a>`;
}

function commandOf({ command }: Finding, at: number) {
  return command === undefined ? "" : copyBlock(`why-${at}`, "Command", visible(command));
}
