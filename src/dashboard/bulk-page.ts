import { html } from "hono/html";
import type { ListedRun } from "../model/run.ts";
import type { Bulk, BulkResult } from "../model/run-actions.ts";
import { type Frame, layout } from "./layout.ts";
import { type ListQuery, listPath } from "./list-query.ts";
import { counted, linkedText, name, plural, statusIcon, subjectOf, time } from "./shown.ts";
import type { Found } from "./site.ts";

/** An action on all runs of a filter. */
export type BulkAction = "rerun" | "cancel";

type Filter = Omit<ListQuery, "before">;

const WORDS = {
  rerun: { title: "Re-run failed runs", of: "failed", ask: "Re-run", done: "re-run", none: "No failed run matches." },
  cancel: {
    title: "Cancel unfinished runs",
    of: "unfinished",
    ask: "Cancel",
    done: "cancelled",
    none: "No unfinished run matches.",
  },
} as const;

/** The path of the confirmation page. */
export function bulkPath(action: BulkAction, filter: Filter): string {
  return listPath(filter).replace("/", `/bulk/${action}`);
}

const runsText = (number: number, of: string) => `${counted(number)} ${of} ${plural(number, "run", "runs")}`;

/**
 * Asks for confirmation and shows how many runs will change.
 * @param exact a filter that matches only these runs, and no runs that are accepted before the reader confirms.
 */
export function confirmPage(
  frame: Frame,
  action: BulkAction,
  { filter, exact }: { filter: Filter; exact: Filter },
  { runs, more }: Found,
) {
  const { title, of, ask, none } = WORDS[action];
  const back = listPath(filter);
  const what =
    action === "rerun"
      ? "This repeats all steps. A run is not re-run if its group has a newer run."
      : "Queued and waiting runs end immediately. Running runs end as soon as they can and send nothing more.";
  const limit = more ? " More runs match. Repeat this for the others." : "";
  const question = html`<p class="lead">${ask} ${runsText(runs.length, of)}? ${what}${limit}</p>
<form class="buttons" method="post" action="${bulkPath(action, exact)}">
<button class="${action === "cancel" ? "danger" : "primary"}">${ask} ${runsText(runs.length, of)}</button><a class="button" href="${back}">Back</a></form>
<ul class="runs">${runs.slice(0, MAX_LISTED).map((run) => row(run, "", frame.now))}</ul>
${runs.length > MAX_LISTED ? html`<p class="note after">And ${counted(runs.length - MAX_LISTED)} more.</p>` : ""}`;
  const nothing = html`<div class="empty"><p><strong>${none}</strong></p><p><a href="${back}">Back to the list</a></p></div>`;
  return layout(
    title,
    "runs",
    frame,
    html`<h1>${title}</h1>
${filterText(filter)}
${runs.length === 0 ? nothing : question}`,
  );
}

/** Enough to check that these are the right runs. */
const MAX_LISTED = 50;

const RESULTS: Readonly<Record<BulkResult["result"], string>> = {
  queued: "re-run",
  notNeeded: "not changed",
  rejected: "not changed",
  cancelled: "cancelled",
  cancelling: "being cancelled",
};

const isLeft = ({ result }: BulkResult) => result === "notNeeded" || result === "rejected";

/** Shows which runs changed, and which did not and why. */
export function resultPage(frame: Frame, action: BulkAction, filter: Filter, { results, more }: Bulk) {
  const { title, done } = WORDS[action];
  const left = results.filter(isLeft);
  const counts = `${counted(results.length - left.length)} ${done}, ${counted(left.length)} not changed.`;
  const others = more
    ? html` More runs match: <a href="${bulkPath(action, filter)}">repeat this</a> for the others.`
    : "";
  // Unchanged runs first: readers want to know why.
  const sorted = [...left, ...results.filter((each) => !isLeft(each))];
  return layout(
    title,
    "runs",
    frame,
    html`<h1>${title}</h1>
<p class="lead" role="status"><strong>${counts}</strong>${others}
<a href="${listPath({ ...filter, status: undefined })}">Show the runs</a></p>
<ul class="runs">${sorted.map(({ run, result, reason }) => row(run, [RESULTS[result], reason], frame.now))}</ul>`,
  );
}

function filterText({ workflow, text, since, until }: Filter) {
  const parts = [
    ...(workflow === undefined ? [] : [html`Workflow ${name(workflow)}.`]),
    ...(text === undefined ? [] : [html`With “${name(text)}”.`]),
    ...(since === undefined || since === "all" ? [] : [`Since ${since}.`]),
    ...(until === undefined || until === "all" ? [] : [`Until ${until}.`]),
  ];
  return parts.length === 0 ? "" : html`<p class="sub">${parts.map((part) => html`${part} `)}</p>`;
}

function row(run: ListedRun, result: "" | readonly [string, string | undefined], now: number) {
  const [word = "", reason] = result;
  return html`<li class="run">${statusIcon(run.status, { alone: true })}
<div class="what"><a class="name" href="/runs/${run.id}">${name(subjectOf(run))}</a>
<p class="sub">${run.workflow}</p>${reason ? html`<p class="why">${linkedText(reason, now)}</p>` : ""}</div>
<div class="commit"></div><div class="took">${word}</div><div class="age">${time(run.acceptedAt, "age", now)}</div></li>`;
}
