import { html, raw } from "hono/html";
import type { Activity } from "../model/overview.ts";
import { type ListedRun, RUN_STATUSES } from "../model/run.ts";
import type { RunPage } from "../model/store.ts";
import { commitOf, type GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import { type ListQuery, listPath } from "./list-query.ts";
import { cut, name, nameText } from "./names.ts";
import { reasonText } from "./reason.ts";
import { statusIcon, statusName, subjectOf, tookMs } from "./status.ts";
import { type AccountState, limitBanner, strip } from "./strip.ts";
import { durationText, time } from "./times.ts";

export type ListFacts = {
  readonly query: ListQuery;
  readonly page: RunPage;
  readonly activity: Activity;
  readonly accounts: readonly AccountState[];
  /** Names of the workflows that there are. */
  readonly workflows: readonly string[];
  readonly web: GitHubWeb;
  /** Where this page was asked for, such as `http://localhost:9555`. */
  readonly origin: string;
  /** Whether callers must bring one of AUTH_TOKENS. */
  readonly guarded: boolean;
  readonly now: number;
};

export function listPage(frame: Frame, facts: ListFacts) {
  const { query, page, activity, accounts, now } = facts;
  const newest = page.runs[0];
  const said = newest ? `Newest run: ${nameText(subjectOf(newest))}, ${statusName(newest.status)}` : "No runs";
  return layout(
    "Runs",
    "runs",
    frame,
    html`<h1 class="unseen">Runs</h1>
<div id="state" data-live>
${limitBanner(activity, accounts, now)}
${strip(activity, accounts, now)}
</div>
<section aria-label="List of runs">
${filters(facts)}
<div id="list" data-live data-said="${said}">
${page.runs.length > 0 ? html`<ul class="runs">${page.runs.map((run) => row(run, facts))}</ul>` : nothing(facts)}
${paging(query, page)}
${activity.refused > 0 ? html`<p class="note after">${activity.refused === 1 ? "1 request was" : `${activity.refused.toLocaleString("en")} requests were`} rejected in the last 24 hours and started no run: <a href="/refused">see why</a>.</p>` : ""}
</div>
</section>`,
  );
}

function filters({ query, workflows }: ListFacts) {
  const { status, workflow, text } = query;
  const tab = (each: (typeof RUN_STATUSES)[number] | undefined) =>
    html`<a href="${listPath({ status: each, workflow, text })}"${each === status ? raw(' aria-current="true"') : ""}>${each ? html`${statusIcon(each)}${statusName(each)}` : "All"}</a>`;
  const names = workflow === undefined || workflows.includes(workflow) ? workflows : [workflow, ...workflows];
  return html`<nav class="tabs" aria-label="Status">${[undefined, ...RUN_STATUSES].map(tab)}</nav>
<form class="search" role="search" action="/">
${status ? html`<input type="hidden" name="status" value="${status}">` : ""}
${
  names.length > 1
    ? html`<label><span class="unseen">Workflow</span><select name="workflow"><option value="">All workflows</option>${names.map((each) => html`<option${each === workflow ? raw(" selected") : ""}>${each}</option>`)}</select></label>`
    : ""
}
<label class="text"><span class="unseen">Application, commit, run or reason</span><input type="search" name="text" value="${text ?? ""}" maxlength="100" placeholder="Application, commit, run or reason" autocomplete="off" spellcheck="false"></label>
<button>Filter</button>
</form>`;
}

function row(run: ListedRun, { web, now }: ListFacts) {
  const commit = commitOf(run, web);
  const took = tookMs(run, now);
  const waits = run.status === "queued" && run.dueAt !== undefined;
  return html`<li class="run" id="run-${run.id}">
${statusIcon(run.status, { alone: true })}
<div class="what"><a class="name" href="/runs/${run.id}">${name(subjectOf(run))}</a>
<p class="sub">${run.group ? run.workflow : `run ${run.id.slice(0, 8)}`}${run.attempts > 1 ? html` <span class="attempt">attempt ${run.attempts}</span>` : ""}</p>
${whyOf(run, now)}</div>
<div class="commit">${commit ? (commit.href ? html`<a href="${commit.href}" title="${commit.hash}"><code>${commit.short}</code></a>` : html`<code>${commit.short}</code>`) : ""}</div>
<div class="took">${took !== undefined ? html`<span class="unseen">Took </span>${durationText(took)}` : waits ? html`next ${time(run.dueAt ?? now, "clock", now)}` : ""}</div>
<div class="age">${time(run.acceptedAt, "age", now)}</div>
</li>`;
}

/** A reason is shown so far; all of it is on the run's page. */
const MAX_REASON_CHARACTERS = 300;

function whyOf(run: ListedRun, now: number) {
  if (run.status === "superseded") {
    return html`<p class="why">A newer event replaced it${run.supersededBy ? html`: <a href="/runs/${run.supersededBy}">that run</a>` : ""}.</p>`;
  }
  if (run.reason === undefined || run.status === "success" || run.status === "running") return "";
  return html`<p class="why">${reasonText(cut(run.reason, MAX_REASON_CHARACTERS), { waits: run.status === "queued", now })}</p>`;
}

function nothing({ query, page, origin, guarded }: ListFacts) {
  if (page.next !== undefined) {
    return html`<div class="empty"><p><strong>None of the newest runs matches.</strong> Older ones have not been looked through yet.</p></div>`;
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
  return html`<nav class="paging" aria-label="Pages of the list">
${query.before === undefined ? "" : html`<a href="${listPath({ ...query, before: undefined })}">Newest</a>`}
${next === undefined ? "" : html`<a href="${listPath({ ...query, before: next })}" rel="next">${query.text && runs.length < PAGE_RUNS ? "Look through older runs" : "Older"}</a>`}
</nav>`;
}

/** Runs on one page. */
export const PAGE_RUNS = 25;
