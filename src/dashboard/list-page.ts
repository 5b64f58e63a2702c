import { html, raw } from "hono/html";
import type { RunPage } from "../model/history.ts";
import type { Activity } from "../model/overview.ts";
import { isOpen, type ListedRun, RUN_STATUSES, type RunStatus } from "../model/run.ts";
import type { BrokenFile } from "../model/workflow.ts";
import { brokenBanner } from "./broken-banner.ts";
import { bulkPath } from "./bulk-page.ts";
import { type AccountState, cards, limitBanner } from "./cards.ts";
import { commitLink, type GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import { type ListQuery, listPath, MAX_TEXT_CHARACTERS } from "./list-query.ts";
import {
  counted,
  cut,
  durationText,
  name,
  nameText,
  plural,
  reasonText,
  statusIcon,
  statusName,
  subjectOf,
  time,
  tookMs,
} from "./shown.ts";

/** Runs on one page. */
export const PAGE_RUNS = 25;

type ListFacts = {
  readonly query: ListQuery;
  readonly page: RunPage;
  readonly activity: Activity;
  readonly accounts: readonly AccountState[];
  /** Names of the workflows that there are. */
  readonly workflows: readonly string[];
  readonly broken: readonly BrokenFile[];
  readonly web: GitHubWeb;
  /** Where this page was asked for, such as `http://localhost:9555`. */
  readonly origin: string;
  /** Whether callers must bring one of AUTH_TOKENS. */
  readonly guarded: boolean;
  readonly now: number;
};

export function listPage(frame: Frame, facts: ListFacts) {
  const { query, page, activity, accounts, broken, now } = facts;
  const [newest] = page.runs;
  const said = newest ? `Newest run: ${nameText(subjectOf(newest))}, ${statusName(newest.status)}` : "No runs";
  return layout(
    "Runs",
    "runs",
    frame,
    html`<h1 class="unseen">Runs</h1>
<div id="state" data-live>
${brokenBanner(broken)}
${limitBanner(activity, accounts, now)}
${cards(activity, accounts, now)}
</div>
<section aria-label="List of runs">
${filters(facts)}
<div id="list" data-live data-said="${said}">
${bulkLinks(facts)}
${newest ? html`<ul class="runs">${page.runs.map((run) => row(run, facts))}</ul>` : nothing(facts)}
${paging(query, page)}
${rejectedNote(activity.rejected)}
</div>
</section>`,
  );
}

/** What can be done with all runs of the filter, where there are some. */
function bulkLinks({ query, page }: ListFacts) {
  const { before: _, ...filter } = query;
  const failed = page.runs.some(({ status }) => status === "failure");
  const open = page.runs.some(isOpen);
  if (!failed && !open) return "";
  return html`<p class="bulk">
${failed ? html`<a href="${bulkPath("rerun", filter)}">Re-run the failed runs…</a>` : ""}
${open ? html`<a href="${bulkPath("cancel", filter)}">Cancel the open runs…</a>` : ""}</p>`;
}

function filters({ query, workflows, activity }: ListFacts) {
  const { status, workflow, text } = query;
  const counts: Partial<Record<RunStatus, number>> = activity;
  const tab = (each: RunStatus | undefined) => {
    const current = each === status ? raw(' aria-current="true"') : "";
    const count =
      each && counts[each] ? html` <span class="count" id="count-${each}">${counted(counts[each])}</span>` : "";
    const label = each ? html`${statusIcon(each)}${statusName(each)}${count}` : "All";
    return html`<a href="${listPath({ status: each, workflow, text })}"${current}>${label}</a>`;
  };
  const names = workflow === undefined || workflows.includes(workflow) ? workflows : [workflow, ...workflows];
  const options = names.map((each) => html`<option${each === workflow ? raw(" selected") : ""}>${each}</option>`);
  const about = "Application, commit, run or reason";
  return html`<nav class="tabs" id="tabs" aria-label="Status" data-live>${[undefined, ...RUN_STATUSES].map(tab)}</nav>
<form class="search" role="search" action="/">
${status ? html`<input type="hidden" name="status" value="${status}">` : ""}
${
  names.length > 1
    ? html`<label><span class="unseen">Workflow</span>
<select name="workflow"><option value="">All workflows</option>${options}</select></label>`
    : ""
}
<label class="text"><span class="unseen">${about}</span><input type="search" name="text" value="${text ?? ""}"
 maxlength="${MAX_TEXT_CHARACTERS}" placeholder="${about}" autocomplete="off" spellcheck="false"></label>
<button>Filter</button>
</form>`;
}

function row(run: ListedRun, { web, now }: ListFacts) {
  const took = tookMs(run, now);
  const isDue = (run.status === "queued" || run.status === "waiting") && run.dueAt !== undefined;
  const next = isDue ? html`next ${time(run.dueAt ?? 0, "clock", now)}` : "";
  const attempt = run.attempts > 1 ? html` <span class="attempt">attempt ${run.attempts}</span>` : "";
  return html`<li class="run" id="run-${run.id}">
${statusIcon(run.status, { alone: true })}
<div class="what"><a class="name" href="/runs/${run.id}">${name(subjectOf(run))}</a>
<p class="sub">${run.group ? run.workflow : `run ${run.id.slice(0, 8)}`}${attempt}</p>
${whyOf(run, now)}</div>
<div class="commit">${commitLink(run, web) ?? ""}</div>
<div class="took">${took === undefined ? next : html`<span class="unseen">Took </span>${durationText(took)}`}</div>
<div class="age">${time(run.acceptedAt, "age", now)}</div>
</li>`;
}

/** A reason is shown so far; all of it is on the run's page. */
const MAX_REASON_CHARACTERS = 300;

function whyOf(run: ListedRun, now: number) {
  if (run.status === "superseded") {
    const newer = run.supersededBy ? html`: <a href="/runs/${run.supersededBy}">that run</a>` : "";
    return html`<p class="why">A newer event replaced it${newer}.</p>`;
  }
  if (run.reason === undefined || run.status === "success" || run.status === "running") return "";
  const waits = isOpen(run);
  return html`<p class="why">${reasonText(cut(run.reason, MAX_REASON_CHARACTERS), { waits, now })}</p>`;
}

function nothing({ query, page, origin, guarded }: ListFacts) {
  if (page.next !== undefined) {
    return html`<div class="empty"><p><strong>None of the newest runs matches.</strong>
Older ones have not been looked through yet.</p></div>`;
  }
  if (query.status ?? query.workflow ?? query.text ?? query.before) {
    return html`<div class="empty"><p><strong>No run matches.</strong></p><p><a href="/">Show all runs</a></p></div>`;
  }
  const header = guarded ? ` -H "Authorization: Bearer one-of-AUTH_TOKENS"` : "";
  return html`<div class="empty"><p><strong>No runs yet.</strong> The first event makes the first run:</p>
<pre tabindex="0" aria-label="Command"><code>curl -d '{"application":"pr-1234"}'${header} ${origin}/dispatch</code></pre></div>`;
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
in the last 24 hours and started no run: <a href="/refused">see why</a>.</p>`;
}
