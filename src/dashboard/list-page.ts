import { html } from "hono/html";
import type { Cause } from "../model/causes.ts";
import type { Counts, RunPage } from "../model/history.ts";
import type { Activity } from "../model/overview.ts";
import { isOpen, RUN_STATUSES, type RunStatus } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import type { Why } from "../model/why/facts.ts";
import { brokenBanner, type FileProblems } from "./broken-banner.ts";
import { bulkPath } from "./bulk-page.ts";
import { causesOf } from "./causes.ts";
import type { GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import { filterForm, statusTabs } from "./list-filters.ts";
import { isClear, type ListQuery, listPath, type Meant } from "./list-query.ts";
import { limitNote } from "./reader.ts";
import { runList } from "./run-row.ts";
import { type RejectedSecret, secretsBanner } from "./secrets-banner.ts";
import { counted, nameText, plural, statusName, subjectOf } from "./shown.ts";
import { type AccountState, incidentsBanner, limitBanner, strip } from "./strip.ts";
import { whyBlock } from "./why-block.ts";

/** Runs on one page. */
export const PAGE_RUNS = 25;

type ListFacts = Meant & {
  readonly query: ListQuery;
  readonly page: RunPage;
  /** Of the runs of the filter; undefined when there is a problem. */
  readonly counts: Counts | undefined;
  /** Why the newest runs of the filter failed, where these alone are shown; `more`: there are others. */
  readonly failures: { readonly causes: readonly Cause[]; readonly more: boolean };
  /** Why nothing happened, where that is asked. */
  readonly why: Why | undefined;
  /** Undefined for those who may not know how all workflows go. */
  readonly activity: Activity | undefined;
  /** Of GitHub, by their names. */
  readonly incidents: readonly string[];
  readonly accounts: readonly AccountState[];
  /** Names of the workflows that there are. */
  readonly workflows: readonly string[];
  readonly files: FileProblems;
  /** For those who can correct them. */
  readonly rejectedSecrets: readonly RejectedSecret[];
  readonly web: GitHubWeb;
  /** Where this page was asked for, such as `http://localhost:9555`. */
  readonly origin: string;
  /** Whether callers must bring one of AUTH_TOKENS. */
  readonly guarded: boolean;
  readonly now: number;
};

export function listPage(frame: Frame, facts: ListFacts) {
  const { query, page, problems, failures, activity, accounts, files, now } = facts;
  const [newest] = page.runs;
  // What cannot be meant stands in the field, to be corrected, and in no link.
  const chosen = problems.text.length > 0 ? { ...facts, query: { ...query, text: undefined } } : facts;
  const said = newest ? `Newest run: ${nameText(subjectOf(newest))}, ${statusName(newest.status)}` : "No runs";
  const state = activity === undefined ? "" : strip(activity, { accounts, paused: frame.paused, now });
  // A search is answered first, also on a phone.
  const searches = query.text !== undefined;
  return layout(
    "Runs",
    "runs",
    { ...frame, search: { text: query.text ?? "", problems: problems.text } },
    html`<h1 class="unseen">Runs</h1>
<div id="state" data-live>
${secretsBanner(facts.rejectedSecrets)}
${brokenBanner(files)}
${incidentsBanner(facts.incidents)}
${activity === undefined ? "" : limitBanner(activity, accounts, now)}
${searches ? "" : state}
</div>
<section aria-label="List of runs">
${statusTabs(chosen)}
${filterForm(chosen)}
<div id="list" data-live data-said="${said}">
${causesOf({ query, ...failures, mayRerun: frame.reader.may("operate"), now })}
${links(frame, facts)}
${newest ? html`${facts.why ? whyBlock(facts.why, now) : ""}${runList(page.runs, { ...facts, paused: frame.paused })}` : nothing(frame, facts)}
${unsearchedNote(page)}
${paging(query, page)}
${rejectedNote(activity?.rejected ?? 0)}
</div>
</section>
${searches && state !== "" ? html`<div id="strip" class="after" data-live>${state}</div>` : ""}`,
  );
}

/** What can be asked about the runs of the filter, and be done with all of them, where there are some. */
function links({ reader }: Frame, { query, counts, filter: { status }, page, why }: ListFacts) {
  const filter = { ...query, before: undefined };
  const has = (each: RunStatus) => (counts?.[each].count ?? 0) > 0 && (status === undefined || status === each);
  const mayOperate = reader.may("operate");
  const [failed, open] = [
    mayOperate && has("failure"),
    mayOperate && RUN_STATUSES.some((each) => isOpen({ status: each }) && has(each)),
  ];
  const asks = reader.may("read-all") && query.text !== undefined && page.runs.length > 0 && why === undefined;
  if (!failed && !open && !asks) return "";
  return html`<p class="bulk">
${asks ? html`<a href="${listPath(filter)}&amp;why=1">Why is there no newer run?</a>` : ""}
${failed ? html`<a href="${bulkPath("rerun", filter)}">Re-run the failed runs…</a>` : ""}
${open ? html`<a href="${bulkPath("cancel", filter)}">Cancel the open runs…</a>` : ""}</p>`;
}

function nothing({ reader }: Frame, { query, problems, page, why, origin, guarded, now }: ListFacts) {
  if (!isClear({ problems })) {
    return html`<div class="empty"><p><strong>This search cannot be carried out.</strong>
${problems.text.length > 0 ? "The field above says why." : ""}</p>
${problems.beside.map((each) => html`<p>${visible(each)}</p>`)}
<p><a href="/">Show all runs</a></p></div>`;
  }
  if (page.unsearched) {
    return html`<div class="empty"><p><strong>None of the runs that are searched so far matches.</strong></p></div>`;
  }
  if (page.next !== undefined) {
    return html`<div class="empty"><p><strong>No run found so far.</strong>
Not all runs have been looked through yet.</p></div>`;
  }
  if (why) return html`${whyBlock(why, now)}<p class="after"><a href="/">Show all runs</a></p>`;
  if (Object.values(query).some((each) => each !== undefined)) {
    return html`<div class="empty"><p><strong>No run matches.</strong></p>${limitNote(reader)}<p><a href="/">Show all runs</a></p></div>`;
  }
  if (!reader.may("read-all"))
    return html`<div class="empty"><p><strong>No runs yet.</strong></p>${limitNote(reader)}</div>`;
  const header = guarded ? ` -H "Authorization: Bearer one-of-AUTH_TOKENS"` : "";
  return html`<div class="empty"><p><strong>No runs yet.</strong> The first event makes the first run:</p>
<pre tabindex="0" aria-label="Command"><code>curl -d '{"application":"pr-1234"}'${header} ${origin}/dispatch</code></pre></div>`;
}

/** After an upgrade all runs are made known to the search, the newest first. */
function unsearchedNote({ unsearched }: RunPage) {
  if (!unsearched) return "";
  const { count, more } = unsearched;
  return html`<p class="note after" role="status">${counted(count)}${more ? "+" : ""} ${plural(count, "run is", "runs are")} not
searched yet, the oldest last. Search again in a while.</p>`;
}

function paging(query: ListQuery, { next, runs }: RunPage) {
  if (query.before === undefined && next === undefined) return "";
  const older = query.text && runs.length < PAGE_RUNS ? "Look through older runs" : "Older";
  return html`<nav class="paging" aria-label="Pages of the list">
${query.before === undefined ? "" : html`<a href="${listPath({ ...query, before: undefined })}">Newest</a>`}
${next === undefined ? "" : html`<a href="${listPath({ ...query, before: next })}" rel="next">${older}</a>`}
</nav>`;
}

function rejectedNote(requests: number) {
  if (requests === 0) return "";
  return html`<p class="note after">${counted(requests)} ${plural(requests, "request was", "requests were")} rejected
in the last 24 hours and started no run: <a href="/events">see why</a>.</p>`;
}
