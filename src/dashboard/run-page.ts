import { html } from "hono/html";
import type { Json, Run } from "../model/run.ts";
import type { RerunRejected, RunDetail } from "../model/store.ts";
import { visible } from "../model/visible.ts";
import { actionsUrl, commitLink, type GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import {
  durationText,
  headedReason,
  name,
  nameText,
  reasonText,
  statusIcon,
  statusName,
  subjectOf,
  time,
  tookMs,
} from "./shown.ts";
import { timeLine } from "./time-line.ts";

type RunFacts = {
  readonly detail: RunDetail;
  readonly web: GitHubWeb;
  readonly now: number;
  /** Why the re-run that was just asked for did not happen. */
  readonly rejected?: RerunRejected | undefined;
};

export function runPage(frame: Frame, { detail, web, now, rejected }: RunFacts) {
  const { run } = detail;
  const subject = subjectOf(run);
  const status = statusName(run.status);
  return layout(
    `${nameText(subject)}: ${status}`,
    "runs",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Runs</a> <span aria-hidden="true">/</span>
<span aria-current="page">${name(subject)}</span></nav>
${rejected === undefined ? "" : notRerun(run, rejected, now)}
<div id="run" data-live data-said="${nameText(subject)} is now: ${status}">
<div class="title"><h1>${statusIcon(run.status)}<span>${name(subject)}</span>
<small class="pill is-${run.status}">${status}</small></h1>
${rerunForm(run)}</div>
${facts(run, web, now)}
${verdict(run, now)}
<section aria-labelledby="attempts"><h2 id="attempts">What happened</h2>
${timeLine(detail, now)}
</section>
${supersededRuns(detail)}
<div class="pair">
${json("Input", run.input, run.id)}
${run.outputs === undefined ? "" : json("Outputs", run.outputs, run.id)}
</div>
</div>`,
  );
}

function rerunForm({ id, status, ownToken }: Run) {
  if (status === "queued" || status === "running" || ownToken) return "";
  return html`<form method="post" action="/runs/${id}/rerun"><button class="primary">Re-run</button></form>`;
}

/** Asks, where the person may insist. */
function notRerun(run: Run, rejected: RerunRejected, now: number) {
  const force = html`<form method="post" action="/runs/${run.id}/rerun?evenIfOlder=true"
><button>Re-run this older one anyway</button></form>`;
  return html`<div class="banner failure" role="alert">
<p><strong>It was not re-run.</strong> ${reasonText(rejected.reason, { now })}</p>
${rejected.status === "notNeeded" && rejected.canForce ? force : ""}</div>`;
}

function facts(run: Run, web: GitHubWeb, now: number) {
  const commit = commitLink(run, web);
  const repository = web.repositoryOf(run.workflow);
  const took = tookMs(run, now);
  const fact = (term: string, value: unknown) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
${fact("Workflow", run.workflow)}
${commit ? fact("Commit", commit) : ""}
${fact("Accepted", time(run.acceptedAt, "age", now))}
${took === undefined ? "" : fact(run.attempts > 1 ? "Last attempt took" : "Duration", durationText(took))}
${fact("Attempts", run.attempts)}
${repository ? fact("GitHub", html`<a href="${actionsUrl(repository, web)}">Actions in ${repository}</a>`) : ""}
${fact("Run", html`<code class="id">${run.id}</code>`)}
</dl>`;
}

/** What happened, in the run's own words, and what a person has to do about it. Nothing for a success. */
function verdict(run: Run, now: number) {
  const waits = run.status === "queued";
  const reason =
    run.reason === undefined ? "" : html`<p class="reason">${headedReason(run.reason, { waits, now })}</p>`;
  if (run.status === "failure") {
    return box("failure", "Why it failed", html`${reason}<p class="next">${remedyOf(run)}</p>`);
  }
  if (run.status === "skipped") return box("skipped", "Why it was skipped", reason);
  if (run.status === "superseded") {
    const newer = run.supersededBy ? html`: <a href="/runs/${run.supersededBy}">that run</a>` : "";
    const replaced = html`<p>A newer event of the same group replaced it${newer}. You need to do nothing.</p>`;
    return box("skipped", "Why it did not run", html`${replaced}${reason}`);
  }
  if (!waits || run.reason === undefined) return "";
  const when = run.dueAt === undefined || run.dueAt <= now ? "now" : html`at ${time(run.dueAt, "clock", now)}`;
  const [title, next] =
    run.kind === "limit" ? ["Why it waits: a limit of GitHub", "It continues"] : ["Why it waits", "Next retry"];
  return box("waiting", title, html`${reason}<p class="next">${next} ${when}.</p>`);
}

function box(kind: string, title: string, text: unknown) {
  return html`<section class="verdict ${kind}" aria-labelledby="why"><h2 id="why">${title}</h2>${text}</section>`;
}

function remedyOf({ kind, ownToken }: Run): string {
  if (ownToken) {
    return "The event brought a token, which is not stored, so you cannot re-run it. Send the event again.";
  }
  if (kind === "permanent") return "It is not retried. Fix this, then re-run it.";
  return "It is no longer retried. Re-run it when the cause is gone.";
}

function supersededRuns({ superseded }: RunDetail) {
  if (superseded.length === 0) return "";
  const links = superseded.map((id) => html`<li><a href="/runs/${id}"><code>${id}</code></a></li>`);
  return html`<section aria-labelledby="superseded"><h2 id="superseded">Superseded runs</h2>
<ul class="plain">${links}</ul></section>`;
}

/** Enough to recognise what came in and went out. */
const MAX_JSON_CHARACTERS = 6000;

/** Indented, what is nested deeper takes many times its own room, and ten thousand levels cannot be indented at all. */
const MAX_JSON_LEVELS = 50;

function json(title: string, value: Json, id: string) {
  const heading = title.toLowerCase();
  const section = (content: unknown) =>
    html`<section aria-labelledby="${heading}"><h2 id="${heading}">${title}</h2>\n${content}</section>`;
  if (isDeep(value)) {
    return section(html`<p class="note">Nested too deep to be shown here, more than ${MAX_JSON_LEVELS} levels;
GET /api/runs/${id} has it.</p>`);
  }
  const text = JSON.stringify(value, null, 2);
  const shown = visible(text.slice(0, MAX_JSON_CHARACTERS));
  const note = html`<p class="note">Cut off here; GET /api/runs/${id} has all of it.</p>`;
  return section(html`<pre tabindex="0" aria-labelledby="${heading}"><code>${shown}</code></pre>
${text.length > MAX_JSON_CHARACTERS ? note : ""}`);
}

/** Not by recursion: what others send may be nested without end. */
function isDeep(value: Json): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; depth <= MAX_JSON_LEVELS && level.length > 0; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return level.length > 0;
}
