import { html } from "hono/html";
import type { Chain } from "../model/chain.ts";
import type { RunDetail } from "../model/history.ts";
import type { Json, ListedRun, LogLevel } from "../model/run.ts";
import type { SinceSuccess } from "../model/since-success.ts";
import { visible } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { endOf, type Lines, underWay } from "./attempt-view.ts";
import { chainSection } from "./chain-view.ts";
import type { CurlPlace } from "./curl.ts";
import { curlSection } from "./curl-section.ts";
import type { GitHubWeb } from "./github-web.ts";
import { type Frame, type Html, layout } from "./layout.ts";
import { clipped, fitting, sizeOf } from "./room.ts";
import { type NotDone, notDone, runActions } from "./run-actions.ts";
import { runFacts } from "./run-facts.ts";
import { counted, isDeep, MAX_JSON_LEVELS, name, nameText, statusIcon, statusName, subjectOf } from "./shown.ts";
import { oneAttempt, timeLine } from "./time-line.ts";
import { verdict } from "./verdict.ts";

type RunFacts = {
  readonly detail: RunDetail;
  readonly lines: Lines;
  /** Only lines of this level and worse are shown. */
  readonly level: LogLevel | undefined;
  /** If set, only this attempt is shown. */
  readonly attempt: number | undefined;
  /** The last success before this run. Undefined if none is known or the run has not failed. */
  readonly since: SinceSuccess | undefined;
  /** The newest run of its group, if that is another run and replaces this one. */
  readonly newer?: ListedRun | undefined;
  /** The preview that the run belongs to. */
  readonly chain: Chain | undefined;
  readonly workflow: Workflow | undefined;
  readonly curl: CurlPlace;
  readonly argocdUrl: string | undefined;
  readonly web: GitHubWeb;
  readonly now: number;
  /** The action that the reader just requested and that did not happen. */
  readonly rejected?: NotDone | undefined;
};

/** Maximum size of the page without its frame. With the frame it stays below 60,000 bytes. */
const MAX_BYTES = 44_000;

/** The page of a run, or of one of its attempts. */
export function runPage(frame: Frame, facts: RunFacts) {
  const { detail, now, rejected, attempt } = facts;
  const { run } = detail;
  const subject = subjectOf(run);
  const status = statusName(run.status);
  const main = attempt === undefined ? wholeRun(frame, facts) : attemptAlone(facts, attempt);
  const here =
    attempt === undefined
      ? ""
      : html` <span aria-hidden="true">/</span> <span aria-current="page">Attempt ${attempt}</span>`;
  const crumb =
    attempt === undefined
      ? html`<span aria-current="page">${name(subject)}</span>`
      : html`<a href="/runs/${run.id}">${name(subject)}</a>`;
  return layout(
    `${nameText(subject)}: ${attempt === undefined ? status : `attempt ${attempt}`}`,
    "runs",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Runs</a> <span aria-hidden="true">/</span>
${crumb}${here}</nav>
${rejected === undefined ? "" : notDone(run, rejected, now)}
<div id="run" data-live data-said="${nameText(subject)} is now: ${status}">
<div class="title"><h1>${statusIcon(run.status)}<span>${name(subject)}</span>
<small class="pill is-${run.status}">${status}</small></h1>
${runActions(detail, frame.reader.may("operate", run.workflow))}</div>
${main}
</div>`,
  );
}

function wholeRun({ paused }: Frame, facts: RunFacts) {
  const { detail, since, newer, chain, workflow, curl, argocdUrl, web, now, level, lines } = facts;
  const { run } = detail;
  const before = html`${verdict(detail, { paused, since, newer, now })}
${runFacts(run, web, now)}
${chainSection(chain, run.id, { web, argocdUrl, now })}`;
  const after = html`${supersededRuns(detail)}
<div class="pair">
${json("Input", run.input, run.id)}
${run.outputs === undefined ? "" : json("Outputs", run.outputs, run.id)}
</div>
${curlSection(run, workflow, curl)}`;
  const room = MAX_BYTES - sizeOf(before) - sizeOf(after);
  return html`${before}
<section aria-labelledby="attempts"><h2 id="attempts">What happened</h2>
${timeLine({ detail, lines, level, path: `/runs/${run.id}`, now }, room)}
</section>
${after}`;
}

/** The page of one attempt. It is a permalink: a link in a chat message or an issue keeps showing the same attempt. */
function attemptAlone({ detail, lines, level, now, web }: RunFacts, number: number) {
  const { run, attempts } = detail;
  const path = `/runs/${run.id}/attempts/${number}`;
  const shown = attempts.find((each) => each.number === number);
  const numbers = [...attempts.map((each) => each.number), underWay(detail)?.number ?? 0];
  const [earlier, later] = [
    numbers.findLast((each) => each > 0 && each < number),
    numbers.find((each) => each > number),
  ];
  const link = (to: number | undefined, text: string) =>
    to === undefined ? "" : html`<a href="/runs/${run.id}/attempts/${to}">${text} attempt</a> `;
  const facts = runFacts(run, web, now);
  const one = oneAttempt({ detail, lines, level, path, now }, number, MAX_BYTES - sizeOf(facts) - 2000);
  return html`<div class="banner attempt"><p><strong>Attempt ${number} of ${run.attempts}.</strong> ${
    shown === undefined ? "It is running." : `${endOf(shown)}.`
  } ${link(earlier, "Earlier")}${link(later, "Later")}<a href="/runs/${run.id}">Whole run</a></p></div>
<section aria-labelledby="attempts"><h2 id="attempts">What happened</h2>
${one}
</section>
${facts}`;
}

const MAX_SUPERSEDED_BYTES = 1200;

function supersededRuns({ run: { id }, superseded }: RunDetail) {
  if (superseded.length === 0) return "";
  const { shown, left } = fitting(
    superseded.toReversed(),
    MAX_SUPERSEDED_BYTES,
    (each) => html`<li><a href="/runs/${each}"><code>${each}</code></a></li>`,
  );
  const more = left === 0 ? "" : html`<li class="note">and ${counted(left)} older ones: see GET /api/runs/${id}</li>`;
  return html`<section aria-labelledby="superseded"><h2 id="superseded">Superseded runs</h2>
<ul class="plain">${shown.toReversed()}${more}</ul></section>`;
}

/** Enough to recognise an input or output. */
const MAX_JSON_BYTES = 5000;

/** A value of a run, indented. */
function json(title: string, value: Json, id: string): Html {
  const heading = title.toLowerCase();
  const section = (content: unknown) =>
    html`<section aria-labelledby="${heading}"><h2 id="${heading}">${title}</h2>\n${content}</section>`;
  if (isDeep(value)) {
    return section(html`<p class="note">This value has more than ${MAX_JSON_LEVELS} levels, too many to show here.
GET /api/runs/${id} returns it.</p>`);
  }
  const text = JSON.stringify(value, null, 2);
  const shown = clipped(visible(text.slice(0, MAX_JSON_BYTES)), MAX_JSON_BYTES);
  const isCut = text.length > MAX_JSON_BYTES || shown.endsWith("…");
  const note = html`<p class="note">This is only the beginning. GET /api/runs/${id} returns all of it.</p>`;
  return section(html`<pre tabindex="0" aria-labelledby="${heading}"><code>${shown}</code></pre>
${isCut ? note : ""}`);
}
