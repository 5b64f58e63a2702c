import { html } from "hono/html";
import type { FoundEvents, IgnoredEvent } from "../model/events.ts";
import { isForOthers } from "../model/github-trigger.ts";
import type { RejectedKind } from "../model/overview.ts";
import { MAX_SEARCH_CHARACTERS } from "../model/search.ts";
import { visible } from "../model/visible.ts";
import { type Frame, layout } from "./layout.ts";
import { listPath } from "./list-query.ts";
import { clipped, fitting } from "./room.ts";
import { counted, name, plural, reasonText, statusIcon, time } from "./shown.ts";
import { workflowPath } from "./workflow-parts.ts";

/** Events on one page. */
export const PAGE_EVENTS = 25;

/** A page has up to 60 kB. This much of it is for the lists. */
const [REJECTED_BYTES, EVENTS_BYTES, REASON_BYTES, NAME_BYTES] = [18_000, 24_000, 600, 200];

type EventsFacts = {
  readonly text: string;
  /** Cursor of the page. */
  readonly before: string | undefined;
  readonly found: FoundEvents;
};

/** Rejected requests, and events that no workflow handled. */
export function eventsPage(frame: Frame, { text, before, found }: EventsFacts) {
  const { now } = frame;
  const { events, rejected, next, problems } = found;
  const [latest] = [...rejected.map(({ lastAt }) => lastAt), ...events.map(({ at }) => at)].toSorted((a, b) => b - a);
  const said = latest === undefined ? "No events" : `Latest event: ${new Date(latest).toISOString().slice(11, 16)} UTC`;
  const wrong =
    problems.length > 0
      ? html`<div class="problems" role="alert">${problems.map((each) => html`<p>${visible(each)}</p>`)}</div>`
      : "";
  const search = html`<form class="search" role="search" action="/events" aria-label="Events">
<label class="text"><span class="unseen">Search events</span><input type="search" name="text" value="${text}"
 maxlength="${MAX_SEARCH_CHARACTERS}" placeholder="pr-1234, #7, repo:shop, since:2h" autocomplete="off" spellcheck="false"></label>
<button>Filter</button>${text === "" ? "" : html` <a href="${listPath({ text })}&amp;why=1">Why did nothing happen?</a>`}
</form>`;
  return layout(
    "Events",
    "events",
    frame,
    html`<h1>Events that started no run</h1>
<p class="lead"><a href="/?status=skipped">Skipped</a> and <a href="/?status=superseded">superseded</a> events
are in the list of runs.${
      frame.reader.may("operate-all") ? html` The <a href="/audit">audit log</a> shows who did what.` : ""
    }</p>
${search}${wrong}
<div id="events" data-live data-said="${said}">
${before === undefined ? rejectedList(rejected, { text, now }) : ""}
${problems.length > 0 ? "" : ignoredList(events, { text, now })}
${paging({ text, before, next })}
</div>`,
  );
}

type Listed = { readonly text: string; readonly now: number };

function rejectedList(rejected: readonly RejectedKind[], { text, now }: Listed) {
  // If there is not enough room, the newest are shown.
  const { shown, left } = fitting(rejected.toReversed(), REJECTED_BYTES, (each) => rejectedRow(each, now));
  const more =
    left === 0
      ? ""
      : html`<p class="note after">${counted(left)} more ${plural(left, "kind", "kinds")} not shown: search for one.</p>`;
  const none = text === "" ? "Nothing was rejected." : "No rejected request matches.";
  return html`<section aria-labelledby="rejected"><h2 id="rejected">Rejected requests</h2>
${shown.length === 0 ? html`<p class="note">${none}</p>` : html`<ul class="runs rejections">${shown.toReversed()}</ul>`}${more}</section>`;
}

function rejectedRow({ method, path, status, application, reason, firstAt, lastAt, times }: RejectedKind, now: number) {
  const request = html`<code>${method} ${visible(clipped(path, NAME_BYTES))}</code>`;
  return html`<li class="run" data-row tabindex="-1">
<span class="code">${status}</span>
<div class="what"><p class="name">${application === undefined ? request : name(clipped(application, NAME_BYTES))}</p>
${application === undefined ? "" : html`<p class="sub">${request}</p>`}
<p class="why">${reasonText(clipped(reason, REASON_BYTES), { now })}</p></div>
<div class="took">${times > 1 ? html`${counted(times)} times, first ${time(firstAt, "clock", now)}` : ""}</div>
<div class="age">${time(lastAt, "age", now)}</div>
</li>
`;
}

function ignoredList(events: readonly IgnoredEvent[], { text, now }: Listed) {
  const { shown, left } = fitting(events.toReversed(), EVENTS_BYTES, (each) => ignoredRow(each, now));
  const more = left === 0 ? "" : html`<p class="note after">${counted(left)} more not shown: search for one.</p>`;
  const none = text === "" ? "There are none." : "No event matches.";
  return html`<section aria-labelledby="ignored"><h2 id="ignored">Events that no workflow handled</h2>
${shown.length === 0 ? html`<p class="note">${none}</p>` : html`<ul class="runs rejections">${shown.toReversed()}</ul>`}${more}</section>`;
}

function ignoredRow(
  { at, event, repository, number, subject, sender, ref, answer, reasons, woken }: IgnoredEvent,
  now: number,
) {
  const about = [repository, number === undefined ? undefined : `#${number}`, subject].filter(Boolean).join(" ");
  const more = [ref && `${ref}`, sender && `by ${sender}`].filter(Boolean).join(", ");
  const near = reasons.filter(({ reason }) => !isForOthers(reason));
  const others = reasons.length - near.length;
  return html`<li class="run" data-row tabindex="-1">
<span class="code">${statusIcon("skipped", { alone: true })}</span>
<div class="what"><p class="name">${about === "" ? visible(event) : name(clipped(about, NAME_BYTES))}</p>
<p class="sub"><code>${visible(clipped(event, NAME_BYTES))}</code> ${more === "" ? "" : name(clipped(more, NAME_BYTES))}</p>
${near.length === 0 || woken > 0 ? html`<p class="why">${visible(clipped(answer, REASON_BYTES))}</p>` : ""}
${near.map(
  (each) =>
    html`<p class="why"><a href="${workflowPath(each.workflow)}">${name(each.workflow)}</a>: ${visible(clipped(each.reason, REASON_BYTES))}</p>`,
)}
${others === 0 ? "" : html`<p class="sub">${counted(others)} ${plural(others, "workflow is", "workflows are")} for other events.</p>`}</div>
<div class="took"></div>
<div class="age">${time(at, "age", now)}</div>
</li>
`;
}

function paging({ text, before, next }: { text: string; before: string | undefined; next: string | undefined }) {
  if (before === undefined && next === undefined) return "";
  const path = (query: Record<string, string>) =>
    `/events?${new URLSearchParams({ ...(text !== "" && { text }), ...query })}`;
  return html`<nav class="paging" aria-label="Pages of the list">
${before === undefined ? "" : html`<a href="${path({})}">Newest</a>`}
${next === undefined ? "" : html`<a href="${path({ before: next })}" rel="next">Older</a>`}
</nav>`;
}
