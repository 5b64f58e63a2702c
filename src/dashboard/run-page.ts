import { html } from "hono/html";
import type { Chain } from "../model/chain.ts";
import type { RunDetail } from "../model/history.ts";
import type { Json, Run } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { chainSection } from "./chain-view.ts";
import { actionsUrl, commitLink, type GitHubWeb } from "./github-web.ts";
import { type Frame, layout } from "./layout.ts";
import { type NotDone, notDone, runActions } from "./run-actions.ts";
import {
  durationText,
  isDeep,
  linkedText,
  MAX_JSON_LEVELS,
  name,
  nameText,
  statusIcon,
  statusName,
  subjectOf,
  time,
  tookMs,
} from "./shown.ts";
import { type Lines, timeLine } from "./time-line.ts";
import { verdict } from "./verdict.ts";

type RunFacts = {
  readonly detail: RunDetail;
  readonly lines: Lines;
  /** The preview that it is of. */
  readonly chain: Chain | undefined;
  readonly argocdUrl: string | undefined;
  readonly web: GitHubWeb;
  readonly now: number;
  /** What was just asked for in vain. */
  readonly rejected?: NotDone | undefined;
};

export function runPage(frame: Frame, { detail, lines, chain, argocdUrl, web, now, rejected }: RunFacts) {
  const { run } = detail;
  const subject = subjectOf(run);
  const status = statusName(run.status);
  return layout(
    `${nameText(subject)}: ${status}`,
    "runs",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Runs</a> <span aria-hidden="true">/</span>
<span aria-current="page">${name(subject)}</span></nav>
${rejected === undefined ? "" : notDone(run, rejected, now)}
<div id="run" data-live data-said="${nameText(subject)} is now: ${status}">
<div class="title"><h1>${statusIcon(run.status)}<span>${name(subject)}</span>
<small class="pill is-${run.status}">${status}</small></h1>
${runActions(detail)}</div>
${facts(run, web, now)}
${verdict(detail, frame.paused, now)}
${chainSection(chain, run.id, { web, argocdUrl, now })}
<section aria-labelledby="attempts"><h2 id="attempts">What happened</h2>
${timeLine(detail, lines, now)}
</section>
${supersededRuns(detail)}
<div class="pair">
${json("Input", run.input, run.id)}
${run.outputs === undefined ? "" : json("Outputs", run.outputs, run.id)}
</div>
</div>`,
  );
}

const TRIGGERS = {
  http: "HTTP request",
  schedule: "Schedule",
  github: "GitHub webhook",
  flux: "Flux",
  manual: "By hand",
  call: "Another workflow",
} as const;

function facts(run: Run, web: GitHubWeb, now: number) {
  const commit = commitLink(run, web);
  const repository = web.repositoryOf(run.workflow);
  const took = tookMs(run, now);
  const fact = (term: string, value: unknown) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
${fact("Workflow", run.workflow)}
${commit ? fact("Commit", commit) : ""}
${run.trigger ? fact("Trigger", TRIGGERS[run.trigger]) : ""}
${run.actor ? fact("Started by", html`<bdi>${linkedText(nameText(run.actor), now)}</bdi>`) : ""}
${fact("Accepted", time(run.acceptedAt, "age", now))}
${took === undefined ? "" : fact(run.attempts > 1 ? "Last attempt took" : "Duration", durationText(took))}
${fact("Attempts", run.attempts)}
${repository ? fact("GitHub", html`<a href="${actionsUrl(repository, web)}">Actions in ${repository}</a>`) : ""}
${run.rerunOf ? fact("Re-run of", html`<a href="/runs/${run.rerunOf}"><code>${run.rerunOf.slice(0, 8)}</code></a>`) : ""}
${fact("Run", html`<code class="id">${run.id}</code>`)}
</dl>`;
}

function supersededRuns({ superseded }: RunDetail) {
  if (superseded.length === 0) return "";
  const links = superseded.map((id) => html`<li><a href="/runs/${id}"><code>${id}</code></a></li>`);
  return html`<section aria-labelledby="superseded"><h2 id="superseded">Superseded runs</h2>
<ul class="plain">${links}</ul></section>`;
}

/** Enough to recognise what came in and went out. */
const MAX_JSON_CHARACTERS = 6000;

/** A value of a run, indented. */
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
