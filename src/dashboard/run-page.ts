import { html } from "hono/html";
import type { Json, Run } from "../model/run.ts";
import type { RerunRejected, RunDetail } from "../model/store.ts";
import { visible } from "../model/visible.ts";
import { actionsUrl, commitOf, type GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import { name, nameText } from "./names.ts";
import { reasonText } from "./reason.ts";
import { statusIcon, statusName, subjectOf, tookMs } from "./status.ts";
import { timeLine } from "./time-line.ts";
import { durationText, time } from "./times.ts";
import { verdict } from "./verdict.ts";

export type RunFacts = {
  readonly detail: RunDetail;
  readonly web: GitHubWeb;
  readonly now: number;
  /** Why the re-run that was just asked for did not happen. */
  readonly rejected?: RerunRejected | undefined;
};

export function runPage(frame: Frame, { detail, web, now, rejected }: RunFacts) {
  const { run, superseded } = detail;
  const subject = nameText(subjectOf(run));
  const canRerun = run.status !== "queued" && run.status !== "running" && !run.ownToken;
  return layout(
    `${subject}: ${statusName(run.status)}`,
    "runs",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Runs</a> <span aria-hidden="true">/</span> <span aria-current="page">${name(subjectOf(run))}</span></nav>
${rejected === undefined ? "" : notRerun(run, rejected, now)}
<div id="run" data-live data-said="${subject} is now: ${statusName(run.status)}">
<div class="title"><h1>${statusIcon(run.status)}<span>${name(subjectOf(run))}</span> <small class="pill is-${run.status}">${statusName(run.status)}</small></h1>
${canRerun ? html`<form method="post" action="/runs/${run.id}/rerun"><button class="primary">Re-run</button></form>` : ""}</div>
${facts(run, web, now)}
${verdict(run, now)}
<section aria-labelledby="attempts"><h2 id="attempts">What happened</h2>
${timeLine(detail, now)}
</section>
${superseded.length > 0 ? html`<section aria-labelledby="superseded"><h2 id="superseded">Superseded runs</h2><ul class="plain">${superseded.map((id) => html`<li><a href="/runs/${id}"><code>${id}</code></a></li>`)}</ul></section>` : ""}
<div class="pair">
${json("Input", run.input, run.id)}
${run.outputs === undefined ? "" : json("Outputs", run.outputs, run.id)}
</div>
</div>`,
  );
}

/** Asks, where the person may insist. */
function notRerun(run: Run, rejected: RerunRejected, now: number) {
  const canForce = rejected.status === "notNeeded" && rejected.canForce;
  return html`<div class="banner failure" role="alert"><p><strong>It was not re-run.</strong> ${reasonText(rejected.reason, { now })}</p>
${canForce ? html`<form method="post" action="/runs/${run.id}/rerun?evenIfOlder=true"><button>Re-run this older one anyway</button></form>` : ""}</div>`;
}

function facts(run: Run, web: GitHubWeb, now: number) {
  const commit = commitOf(run, web);
  const repository = web.repositoryOf(run.workflow);
  const took = tookMs(run, now);
  const fact = (term: string, value: unknown) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
${fact("Workflow", run.workflow)}
${commit ? fact("Commit", commit.href ? html`<a href="${commit.href}"><code>${commit.short}</code></a>` : html`<code>${commit.short}</code>`) : ""}
${fact("Accepted", time(run.acceptedAt, "age", now))}
${took === undefined ? "" : fact(run.attempts > 1 ? "Last attempt took" : "Duration", durationText(took))}
${fact("Attempts", run.attempts)}
${repository ? fact("GitHub", html`<a href="${actionsUrl(repository, web)}">Actions in ${repository}</a>`) : ""}
${fact("Run", html`<code class="id">${run.id}</code>`)}
</dl>`;
}

/** Enough to recognise what came in and went out. */
const MAX_JSON_CHARACTERS = 6000;

/** Indented, what is nested deeper takes many times its own room, and ten thousand levels cannot be indented at all. */
const MAX_JSON_LEVELS = 50;

function json(title: string, value: Json, id: string) {
  const heading = title.toLowerCase();
  if (isDeep(value)) {
    return html`<section aria-labelledby="${heading}"><h2 id="${heading}">${title}</h2>
<p class="note">Nested too deep to be shown here, more than ${MAX_JSON_LEVELS} levels; GET /api/runs/${id} has it.</p></section>`;
  }
  const text = JSON.stringify(value, null, 2);
  const isLong = text.length > MAX_JSON_CHARACTERS;
  return html`<section aria-labelledby="${heading}"><h2 id="${heading}">${title}</h2>
<pre tabindex="0" aria-labelledby="${heading}"><code>${visible(text.slice(0, MAX_JSON_CHARACTERS))}</code></pre>
${isLong ? html`<p class="note">Cut off here; GET /api/runs/${id} has all of it.</p>` : ""}</section>`;
}

/** Not by recursion: what others send may be nested without end. */
function isDeep(value: Json): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; depth <= MAX_JSON_LEVELS && level.length > 0; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return level.length > 0;
}
