import { html, raw } from "hono/html";
import type { Count, Counts, RunFilter } from "../model/history.ts";
import { RUN_STATUSES, type RunStatus } from "../model/run.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import { type ListQuery, listPath } from "./list-query.ts";
import { counted, nameText, statusIcon, statusName } from "./shown.ts";

type Filtering = {
  readonly query: ListQuery;
  /** The filter for the query. */
  readonly filter: RunFilter;
  /** Undefined if the query is not valid. */
  readonly counts: Counts | undefined;
  /** Names of the workflows of the service. */
  readonly workflows: readonly string[];
};

/** A tab per status, with the number of runs that match the filter. */
export function statusTabs({ query, filter, counts }: Filtering) {
  const tab = (each: RunStatus | undefined) => {
    const current = each === filter.status ? raw(' aria-current="true"') : "";
    const its = counts && (each ? counts[each] : sum(counts));
    const count =
      its && its.count > 0
        ? html` <span class="count" id="count-${each ?? "all"}">${counted(its.count)}${its.more ? "+" : ""}</span>`
        : "";
    const label = each ? html`${statusIcon(each)}${statusName(each)}` : "All";
    return html`<a href="${listPath({ ...query, before: undefined, status: each ?? allOf(query.text) })}"${current}>${label}${count}</a>`;
  };
  return html`<nav class="tabs" id="tabs" aria-label="Status" data-live>${[undefined, ...RUN_STATUSES].map(tab)}</nav>`;
}

function sum(counts: Counts): Count {
  const all = Object.values(counts);
  return { count: all.reduce((total, { count }) => total + count, 0), more: all.some(({ more }) => more) };
}

/** The value that overrides a status or a time in the text. */
const allOf = (text: string | undefined) => (text === undefined ? undefined : "all");

const RANGES = [
  ["1h", "1 h", "The last hour"],
  ["24h", "24 h", "The last 24 hours"],
  ["7d", "7 d", "The last 7 days"],
  ["30d", "30 d", "The last 30 days"],
] as const;

/** The filters beside the search: since when, and of which workflow. */
export function filterForm({ query, filter, workflows }: Filtering) {
  const { since, text } = query;
  const range = (value: string | undefined, label: string, title: string, isCurrent: boolean) =>
    html`<a href="${listPath({ ...query, before: undefined, until: undefined, since: value })}" title="${title}"${isCurrent ? raw(' aria-current="true"') : ""}>${label}</a>`;
  const kept = Object.entries({ status: query.status, until: query.until, text });
  const { workflow } = filter;
  const names = workflow === undefined || workflows.includes(workflow) ? workflows : [workflow, ...workflows];
  return html`<div class="filters">
<nav class="ranges" aria-label="Since">${range(allOf(text), "All", "All stored runs", filter.since === undefined)}${RANGES.map(
    ([value, label, title]) => range(value, label, title, since === value),
  )}</nav>
<form class="narrow" action="/">
${kept.map(([name, value]) => (value === undefined ? "" : html`<input type="hidden" name="${name}" value="${value}">`))}
<label><span aria-hidden="true">Since </span><input name="since" aria-label="Since" value="${since ?? ""}" size="8" placeholder="13:00" autocomplete="off"
 title="How long ago (2h), a time (13:00), a day (2026-11-29) or both (2026-11-29T13:00)"></label>
${names.length > 1 ? workflowSelect(names, workflow, text) : ""}
<button>Filter</button>
</form></div>`;
}

function workflowSelect(names: readonly string[], current: string | undefined, text: string | undefined) {
  const options = names.map((each) => {
    const shown = nameText(each);
    const value = shown === each ? "" : html` value="${each}"`;
    return html`<option${value}${each === current ? raw(" selected") : ""}>${shown}</option>`;
  });
  return html`<label><span class="unseen">Workflow</span>
<select name="workflow"><option value="${text === undefined ? "" : ALL_WORKFLOWS}">All workflows</option>${options}</select></label>`;
}
