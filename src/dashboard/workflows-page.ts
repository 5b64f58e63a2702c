import { html } from "hono/html";
import { credentialLines } from "../model/identity.ts";
import { reportOf } from "../model/report.ts";
import { ALL_WORKFLOWS, pauseOf } from "../model/run-actions.ts";
import type { WorkflowFacts } from "../model/workflow-facts.ts";
import { brokenBanner, type FileProblems } from "./broken-banner.ts";
import { type Frame, layout } from "./layout.ts";
import { lateText, scheduleList } from "./schedule-list.ts";
import { name, statusIcon, time } from "./shown.ts";
import { sparkline } from "./sparkline.ts";
import {
  agoLink,
  durationsText,
  FIGURES_NOTE,
  pausedNote,
  pauseForm,
  rateText,
  triggerItems,
  workflowActions,
  workflowPath,
} from "./workflow-parts.ts";

/** A workflow may have fifty triggers. Its page shows all of them. */
const SHOWN_TRIGGERS = 4;

/** How many bars of all sparklines together are links. The limit keeps the page small with many workflows. */
const LINKED_BARS = 40;

/** Workflows on one page. Such a page is small enough for a slow connection. */
const PAGE_WORKFLOWS = 15;

type ListFacts = {
  readonly facts: readonly WorkflowFacts[];
  /** From 1. */
  readonly page: number;
  readonly files: FileProblems;
};

/** Every workflow: its triggers, the results of its runs, and whether it is paused. Then the next ticks of all schedules. */
export function workflowsPage(frame: Frame, { facts, files, page }: ListFacts) {
  const { paused, now, reader } = frame;
  const mayAll = reader.may("operate-all");
  const all = paused.find(({ workflow }) => workflow === ALL_WORKFLOWS);
  const there = facts.filter(({ workflow }) => workflow !== undefined);
  const gone = facts.filter(({ workflow }) => workflow === undefined);
  const pausedAndGone = paused.filter(
    ({ workflow }) => workflow !== ALL_WORKFLOWS && !facts.some((each) => each.name === workflow),
  );
  const pages = Math.max(1, Math.ceil(facts.length / PAGE_WORKFLOWS));
  const at = Math.min(page, pages);
  const shown = [...there, ...gone].slice((at - 1) * PAGE_WORKFLOWS, at * PAGE_WORKFLOWS);
  const links = Math.floor(LINKED_BARS / Math.max(1, shown.length));
  const isPaused = (workflow: string) => pauseOf(workflow, paused) !== undefined;
  return layout(
    "Workflows",
    "workflows",
    frame,
    html`<div id="workflows" data-live data-said="${paused.length === 0 ? "Nothing is paused" : `${paused.length} paused`}">
<div class="title"><h1>Workflows</h1><div class="do"><a class="button" href="#schedule">What runs next</a>
${mayAll ? (all ? pauseForm(ALL_WORKFLOWS, "resume", "Resume all") : pauseAll()) : ""}</div></div>
${brokenBanner(files)}
<ul class="runs workflows">${shown.map((each) => entry(each, frame, links))}
${pausedAndGone.map(
  (each) => html`<li class="run">${statusIcon("stopped")}<div class="what"><p class="name">${name(each.workflow)}</p>
<p class="why">This workflow no longer exists. It is still paused.</p></div><div class="do">${reader.may("operate", each.workflow) ? pauseForm(each.workflow, "resume", "Resume") : ""}</div></li>`,
)}
</ul>
${pages === 1 ? "" : paging(at, pages)}
<p class="note after">${FIGURES_NOTE}</p>
<section class="next" id="schedule"><h2>The next 24 hours</h2>${scheduleList({ facts: there, isPaused, now })}</section></div>`,
  );
}

function paging(page: number, pages: number) {
  return html`<nav class="paging" aria-label="Pages of the list">
${page === 1 ? "" : html`<a href="/workflows?page=${page - 1}" rel="prev">Previous</a>`}
<span class="note">Page ${page} of ${pages}</span>
${page === pages ? "" : html`<a href="/workflows?page=${page + 1}" rel="next">Next</a>`}
</nav>`;
}

/** Asks for confirmation: this button stops everything. */
function pauseAll() {
  return html`<details class="sure" id="pause-all"><summary class="button">Pause all…</summary>
<div class="ask"><p>No workflow starts a run until you resume them. Running runs continue. New events are accepted and wait.</p>
${pauseForm(ALL_WORKFLOWS, "pause", "Pause all workflows")}</div></details>`;
}

function entry(facts: WorkflowFacts, { paused, now, reader }: Frame, links: number) {
  const { name: workflow, workflow: its, file, code, stats, schedule } = facts;
  const pause = paused.find((each) => each.workflow === workflow);
  const [newest] = stats.recent;
  return html`<li class="run" id="workflow-${workflow}" data-row>
${newest ? statusIcon(newest.status, { alone: true }) : html`<span></span>`}
<div class="what"><p class="name"><a class="name" href="${workflowPath(workflow)}">${name(workflow)}</a></p>
${its ? html`<ul class="plain sub">${itemsOf(facts)}</ul>` : goneNote(facts)}
${file === undefined ? "" : html`<p class="sub">${name(file)}${code === undefined ? "" : html` <code>${code}</code>`}</p>`}
${pause ? pausedNote(pause, now) : ""}
${schedule?.late ? html`<p class="why">${lateText(schedule.late, { isPaused: pauseOf(workflow, paused) !== undefined, now })}</p>` : ""}</div>
<div class="went">${sparkline(stats.recent, { links, now })}${figures(facts)}</div>
<div class="last">${lastEnds(facts, now)}</div>
<div class="do">${reader.may("operate", workflow) ? workflowActions(facts, pause !== undefined) : ""}</div>
</li>`;
}

function itemsOf({ name: workflow, workflow: its }: WorkflowFacts) {
  if (!its) return "";
  const report = reportOf(its);
  const triggers = triggerItems(its);
  const more = triggers.length - SHOWN_TRIGGERS;
  return [
    // One more trigger takes as much room as the text "one more".
    ...(more > 1 ? triggers.slice(0, SHOWN_TRIGGERS) : triggers),
    ...(more > 1 ? [html`<li><a href="${workflowPath(workflow)}">and ${more} more triggers</a></li>`] : []),
    ...(report ? [html`<li>Reports the ${report.as} <code>${report.name}</code></li>`] : []),
    ...credentialLines(its).map((line) => html`<li>Acts on GitHub as ${line}</li>`),
  ];
}

/** Why a workflow with runs does not exist now. */
export function goneNote({ broken }: WorkflowFacts) {
  if (broken) {
    return html`<p class="why"><strong>Broken:</strong> ${name(broken.file)} has no working workflow now. Its runs begin when you fix the file.</p>`;
  }
  return html`<p class="why">This workflow no longer exists. Its runs are kept.</p>`;
}

function figures({ stats }: WorkflowFacts) {
  const rate = rateText(stats);
  if (rate === undefined) return "";
  return html`<p class="note"><strong>${rate}</strong> of ${stats.success + stats.failure} succeeded
<span class="whole">${durationsText(stats) ?? ""}</span></p>`;
}

function lastEnds({ stats: { lastSuccess, lastFailure }, schedule }: WorkflowFacts, now: number) {
  return html`${lastSuccess ? html`<p>Last success ${agoLink(lastSuccess, now)}</p>` : ""}
${lastFailure ? html`<p>Last failure ${agoLink(lastFailure, now)}</p>` : ""}
${schedule ? html`<p>${schedule.next === undefined ? "Never due again" : html`Next ${time(schedule.next, "clock", now)}`}</p>` : ""}`;
}
