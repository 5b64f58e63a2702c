import { html } from "hono/html";
import type { Counts } from "../model/history.ts";
import { credentialLines } from "../model/identity.ts";
import { reportOf } from "../model/report.ts";
import type { ListedRun } from "../model/run.ts";
import { type Paused, pauseOf } from "../model/run-actions.ts";
import { searchText } from "../model/search.ts";
import type { WorkflowFacts } from "../model/workflow-facts.ts";
import { LOOKED_THROUGH_RUNS, RECENT_RUNS } from "../model/workflow-stats.ts";
import type { GitHubWeb } from "./github-web.ts";
import { type Frame, type Html, layout } from "./layout.ts";
import { statusTabs } from "./list-filters.ts";
import { listPath } from "./list-query.ts";
import { optionsInWords } from "./options-in-words.ts";
import { runList } from "./run-row.ts";
import { lateText, ticksOf } from "./schedule-list.ts";
import { counted, durationText, name, nameText, statusIcon, statusName, time } from "./shown.ts";
import { sparkline } from "./sparkline.ts";
import { agoLink, FIGURES_NOTE, rateText, triggerItems, workflowActions } from "./workflow-parts.ts";
import { goneNote } from "./workflows-page.ts";

type PageFacts = {
  readonly facts: WorkflowFacts;
  /** RETRY_HOURS */
  readonly retryHours: number;
  /** Its newest runs. */
  readonly runs: Html;
};

/** Runs on the page of a workflow. */
export const PAGE_RUNS = 15;

/** One workflow: its figures, triggers, schedule, options and runs. */
export function workflowPage(frame: Frame, { facts, retryHours, runs }: PageFacts) {
  const { name: workflow, workflow: its, stats, schedule } = facts;
  const { paused, now, reader } = frame;
  const pause = paused.find((each) => each.workflow === workflow);
  const [newest] = stats.recent;
  const said = newest ? `Newest run: ${statusName(newest.status)}` : "No run yet";
  const description = its && typeof its.on.manual === "object" ? its.on.manual.description : undefined;
  return layout(
    nameText(workflow),
    "workflows",
    frame,
    html`<div id="workflow" data-live data-said="${said}">
<p class="crumbs"><a href="/workflows">Workflows</a> / ${name(workflow)}</p>
<div class="title"><h1 class="of-workflow">${newest ? statusIcon(newest.status, { alone: true }) : ""}<span>${name(workflow)}</span></h1>
<div class="do">${reader.may("operate", workflow) ? workflowActions(facts, pause !== undefined, { stays: true }) : ""}</div></div>
${description === undefined ? "" : html`<p class="lead">${description}</p>`}
${its ? "" : html`<div class="banner limit">${goneNote(facts)}${problemsOf(facts)}</div>`}
${
  schedule?.late
    ? html`<div class="banner limit"><p>${lateText(schedule.late, { isPaused: pauseOf(workflow, paused) !== undefined, now })}</p></div>`
    : ""
}
<div class="pulse"><section class="box"><h2>Last runs</h2>${sparkline(stats.recent, { links: RECENT_RUNS, now })}</section>
<dl class="facts">${figures(facts, now)}</dl></div>
<p class="note">${FIGURES_NOTE}</p>
${its ? aboutOf(facts, retryHours, now) : ""}
<section id="runs"><h2>Runs</h2>${runs}</section></div>`,
  );
}

function problemsOf({ broken }: WorkflowFacts) {
  return broken ? html`<ul>${broken.problems.map((problem) => html`<li>${problem}</li>`)}</ul>` : "";
}

const fact = (term: string, value: Html | string) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;

const whole = (ms: number) => html`<span class="whole">${durationText(ms)}</span>`;

function figures({ stats, schedule, file, code }: WorkflowFacts, now: number) {
  const { success, failure, durations, lastSuccess, lastFailure } = stats;
  const rate = rateText(stats);
  const none = stats.recent.length === 0 ? "–" : "None";
  const noSuccess =
    stats.recent.length < RECENT_RUNS ? none : `None in the newest ${counted(LOOKED_THROUGH_RUNS)} runs`;
  return [
    fact(
      "Success rate",
      rate === undefined ? "–" : html`<strong>${rate}</strong> (${success} of ${success + failure})`,
    ),
    fact("p50 / p95", durations ? html`${whole(durations.p50)} / ${whole(durations.p95)}` : "–"),
    fact("Last success", lastSuccess ? agoLink(lastSuccess, now) : noSuccess),
    fact("Last failure", lastFailure ? agoLink(lastFailure, now) : none),
    ...(schedule
      ? [fact("Next run", schedule.next === undefined ? "Never due again" : time(schedule.next, "clock", now))]
      : []),
    ...(file === undefined ? [] : [fact("File", name(file))]),
    ...(code === undefined ? [] : [fact("Code version", html`<code>${code}</code>`)]),
  ];
}

function aboutOf(facts: WorkflowFacts, retryHours: number, now: number) {
  const { workflow } = facts;
  if (!workflow) return "";
  const report = reportOf(workflow);
  const rows: (readonly [string, Html | string])[] = [
    ...optionsInWords(workflow, retryHours),
    ...(report
      ? [["Reports", html`The result of each run is the ${report.as} <code>${report.name}</code>.`] as const]
      : []),
    ...credentialLines(workflow).map((line) => ["Acts on GitHub as", line] as const),
    ...(workflow.repository === undefined ? [] : [["Repository", workflow.repository] as const]),
  ];
  return html`<div class="pair"><section><h2>What starts it</h2><ul class="box plain starts">${triggerItems(workflow)}</ul></section>
<section><h2>Options</h2><dl class="box options">${rows.map(
    ([option, words]) => html`<div><dt>${option}</dt><dd>${words}</dd></div>`,
  )}</dl></section></div>
${workflow.on.schedule ? html`<section id="schedule"><h2>The next 24 hours</h2><div class="box">${ticksOf(facts, now)}</div></section>` : ""}`;
}

type RunsFacts = {
  readonly workflow: string;
  /** Numbers of all its runs by status. */
  readonly counts: Counts;
  readonly web: GitHubWeb;
  readonly paused: readonly Paused[];
  readonly now: number;
};

/** The newest runs of a workflow, with links to all of them by status. */
export function runsOf(runs: readonly ListedRun[], facts: RunsFacts): Html {
  if (runs.length === 0) return html`<div class="empty"><p><strong>No run yet.</strong></p></div>`;
  const { workflow, counts } = facts;
  const query = { text: searchText({ workflow }) };
  return html`${statusTabs({ query, filter: {}, counts, workflows: [] })}
${runList(runs, facts)}
${runs.length < PAGE_RUNS ? "" : html`<nav class="paging" aria-label="Further runs"><a href="${listPath(query)}">All runs</a></nav>`}`;
}
