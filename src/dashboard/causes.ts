import { html } from "hono/html";
import type { Cause } from "../model/causes.ts";
import { bulkPath } from "./bulk-page.ts";
import { type ListQuery, listPath } from "./list-query.ts";
import { counted, cut, name, plural, reasonText, time } from "./shown.ts";

type CausesFacts = {
  readonly query: ListQuery;
  readonly causes: readonly Cause[];
  /** Whether there are more failures than were compared. */
  readonly more: boolean;
  readonly mayRerun: boolean;
  readonly now: number;
};

/** How many causes are shown, and how many more when the reader unfolds them. */
const SHOWN_CAUSES = 4;
const MORE_CAUSES = 12;

/** Further workflows of a cause are only counted. */
const SHOWN_WORKFLOWS = 3;

/** Maximum size of the search words in a link, percent-encoded. Each row has two such links. */
const MAX_WORD_BYTES = 240;

/** The list cuts longer reasons. The run's page shows all of it. */
const MAX_REASON_CHARACTERS = 200;

/** Failures grouped by cause: a hundred failures often have three causes. */
export function causesOf({ query, causes, more, mayRerun, now }: CausesFacts) {
  const failures = causes.reduce((sum, { count }) => sum + count, 0);
  if (failures < 2) return "";
  const [first, others] = [causes.slice(0, SHOWN_CAUSES), causes.slice(SHOWN_CAUSES)];
  const number = `${counted(failures)} ${more ? "newest " : ""}failures, ${counted(causes.length)} ${plural(causes.length, "cause", "causes")}`;
  const list = (those: readonly Cause[]) => html`<ul>${those.map((cause) => row(cause, query, mayRerun, now))}</ul>`;
  return html`<section class="causes" aria-labelledby="causes"><h2 id="causes">${number}</h2>
${list(first)}
${
  others.length === 0
    ? ""
    : html`<details id="more-causes"><summary>${counted(others.length)} more ${plural(others.length, "cause", "causes")}</summary>
${list(others.slice(0, MORE_CAUSES))}
${others.length > MORE_CAUSES ? html`<p class="note">The other causes have fewer failures each. Narrow the search to see them.</p>` : ""}</details>`
}</section>`;
}

function row(
  { text, count, workflows, newest, firstAt, words }: Cause,
  query: ListQuery,
  mayRerun: boolean,
  now: number,
) {
  const its = {
    ...query,
    before: undefined,
    text: [query.text, ...thatFit(words).map((word) => `"${word}"`)].filter(Boolean).join(" "),
  };
  const times =
    count === 1
      ? time(newest.at, "age", now)
      : html`newest <a href="/runs/${newest.id}">${time(newest.at, "age", now)}</a>, first ${time(firstAt, "age", now)}`;
  const named = workflows.slice(0, SHOWN_WORKFLOWS);
  const others = workflows.length > named.length ? ` and ${workflows.length - named.length} more` : "";
  return html`<li><span class="count">${counted(count)}</span>
<div><p>${reasonText(cut(text, MAX_REASON_CHARACTERS), { now })}</p>
<p class="sub">${named.map((each, at) => html`${at > 0 ? ", " : ""}${name(each)}`)}${others}, ${times}</p></div>
<p class="do"><a href="${listPath(its)}">Show</a>${mayRerun ? html` <a href="${bulkPath("rerun", its)}">Re-run these…</a>` : ""}</p></li>`;
}

/** As many words as fit into a short address, and at least a part of the first one. */
function thatFit([first = "", ...others]: readonly string[]): readonly string[] {
  const sizeOf = (text: string) => encodeURIComponent(text).length;
  let beginning = "";
  for (const character of first) if (sizeOf(beginning + character) <= MAX_WORD_BYTES) beginning += character;
  const fit = [beginning];
  for (const word of others) if (sizeOf([...fit, word].join(" ")) <= MAX_WORD_BYTES) fit.push(word);
  return fit;
}
