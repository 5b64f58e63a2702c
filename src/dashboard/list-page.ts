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
  /** Numbers of matching runs by status. Undefined if the query is not valid. */
  readonly counts: Counts | undefined;
  /** Causes of the newest failures, if only failures are shown. `more`: there are more failures. */
  readonly failures: { readonly causes: readonly Cause[]; readonly more: boolean };
  /** The answer to why nothing happened, if the reader asked. */
  readonly why: Why | undefined;
  /** Undefined for readers who may not see all workflows. */
  readonly activity: Activity | undefined;
  /** Names of GitHub's open incidents. */
  readonly incidents: readonly string[];
  readonly accounts: readonly AccountState[];
  /** Names of the workflows of the service. */
  readonly workflows: readonly string[];
  readonly files: FileProblems;
  /** Only for readers who can fix them. */
  readonly rejectedSecrets: readonly RejectedSecret[];
  readonly web: GitHubWeb;
  /** The address of the service for this reader, such as `http://localhost:9555`. */
  readonly origin: string;
  /** Whether callers need one of AUTH_TOKENS. */
  readonly guarded: boolean;
  readonly now: number;
};

export function listPage(frame: Frame, facts: ListFacts) {
  const { query, page, problems, failures, activity, accounts, files, now } = facts;
  const [newest] = page.runs;
  // An invalid text stays in the field, so that the reader can correct it. Links do not contain it.
  const chosen = problems.text.length > 0 ? { ...facts, query: { ...query, text: undefined } } : facts;
  const said = newest ? `Newest run: ${nameText(subjectOf(newest))}, ${statusName(newest.status)}` : "No runs";
  const state = activity === undefined ? "" : strip(activity, { accounts, paused: frame.paused, now });
  // The result of a search comes before the state, also on a phone.
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

/** Links to a question about the listed runs, and to actions on all of them. */
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
${open ? html`<a href="${bulkPath("cancel", filter)}">Cancel the unfinished runs…</a>` : ""}</p>`;
}

function nothing({ reader }: Frame, { query, problems, page, why, origin, guarded, now }: ListFacts) {
  if (!isClear({ problems })) {
    return html`<div class="empty"><p><strong>This search is not valid.</strong>
${problems.text.length > 0 ? "See the message at the search field." : ""}</p>
${problems.beside.map((each) => html`<p>${visible(each)}</p>`)}
<p><a href="/">Show all runs</a></p></div>`;
  }
  if (page.unsearched) {
    return html`<div class="empty"><p><strong>No run found so far.</strong></p></div>`;
  }
  if (page.next !== undefined) {
    return html`<div class="empty"><p><strong>No run found so far.</strong>
Older runs have not been searched yet.</p></div>`;
  }
  if (why) return html`${whyBlock(why, now)}<p class="after"><a href="/">Show all runs</a></p>`;
  if (Object.values(query).some((each) => each !== undefined)) {
    return html`<div class="empty"><p><strong>No run matches.</strong></p>${limitNote(reader)}<p><a href="/">Show all runs</a></p></div>`;
  }
  if (!reader.may("read-all"))
    return html`<div class="empty"><p><strong>No runs yet.</strong></p>${limitNote(reader)}</div>`;
  const header = guarded ? ` -H "Authorization: Bearer one-of-AUTH_TOKENS"` : "";
  return html`<div class="empty"><p><strong>No runs yet.</strong> The first event starts the first run:</p>
<pre tabindex="0" aria-label="Command"><code>curl -d '{"application":"pr-1234"}'${header} ${origin}/dispatch</code></pre></div>`;
}

/** After an upgrade, the service adds all runs to the search index, the newest first. */
function unsearchedNote({ unsearched }: RunPage) {
  if (!unsearched) return "";
  const { count, more } = unsearched;
  return html`<p class="note after" role="status">${counted(count)}${more ? "+" : ""} ${plural(count, "run is", "runs are")} not
searchable yet. The newest come first. Search again in a while.</p>`;
}

function paging(query: ListQuery, { next, runs }: RunPage) {
  if (query.before === undefined && next === undefined) return "";
  const older = query.text && runs.length < PAGE_RUNS ? "Search older runs" : "Older";
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
