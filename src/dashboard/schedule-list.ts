import { html } from "hono/html";
import type { ScheduleTrigger } from "../model/triggers.ts";
import { AHEAD_MS, type Late, MAX_TICKS, type WorkflowFacts } from "../model/workflow-facts.ts";
import type { Html } from "./layout.ts";
import { name, time } from "./shown.ts";
import { workflowPath } from "./workflow-parts.ts";

/** A schedule with more ticks than this gets one row, so that it does not hide the others. */
const OFTEN = 6;

/** The pages of the workflows show the rest. */
const MAX_ROWS = 30;

type Row = { readonly at: number; readonly facts: WorkflowFacts; readonly note: string };

type Telling = {
  readonly facts: readonly WorkflowFacts[];
  /** Whether a workflow is paused. */
  readonly isPaused: (workflow: string) => boolean;
  readonly now: number;
};

/** All ticks of all schedules in the next 24 hours, in order. Late ones come first. */
export function scheduleList({ facts, isPaused, now }: Telling) {
  const scheduled = facts.filter(({ schedule }) => schedule !== undefined);
  if (scheduled.length === 0) return html`<p class="note">No workflow has a schedule.</p>`;
  const late = scheduled.flatMap((each) => (each.schedule?.late ? [{ facts: each, late: each.schedule.late }] : []));
  const rows = scheduled.flatMap(rowsOf).sort((a, b) => a.at - b.at);
  const shown = rows.slice(0, MAX_ROWS);
  const paused = ({ name: workflow }: WorkflowFacts) => (isPaused(workflow) ? "Paused: the run will wait." : "");
  if (late.length === 0 && rows.length === 0) return html`<p class="note">Nothing is due in the next 24 hours.</p>`;
  return html`<ol class="runs schedule">${late.map(
    (each) => html`<li class="run is-late"><span>${time(each.late.at, "clock", now)}</span>
<div class="what">${linkTo(each.facts)}<p class="why">${lateText(each.late, { isPaused: isPaused(each.facts.name), now })}</p></div>
<div class="sub">${cronOf(each.facts)}</div></li>`,
  )}${shown.map(
    ({ at, facts: its, note }) => html`<li class="run"><span>${time(at, "clock", now)}</span>
<div class="what">${linkTo(its)}${wallClock(its, at)}${note ? html`<p class="sub">${note}</p>` : ""}${
      paused(its) ? html`<p class="why">${paused(its)}</p>` : ""
    }</div><div class="sub">${cronOf(its)}</div></li>`,
  )}</ol>${
    rows.length > shown.length
      ? html`<p class="note after">${rows.length - shown.length} more in these 24 hours: see the pages of the workflows.</p>`
      : ""
  }`;
}

function rowsOf(facts: WorkflowFacts): readonly Row[] {
  const { ticks = [], hasMore = false } = facts.schedule ?? {};
  if (ticks.length <= OFTEN) return ticks.map((at) => ({ at, facts, note: "" }));
  return ticks.slice(0, 1).map((at) => ({ at, facts, note: timesText(ticks.length, hasMore) }));
}

const timesText = (ticks: number, hasMore: boolean): string =>
  `${hasMore ? `More than ${MAX_TICKS}` : ticks} times in these 24 hours. This is the next.`;

/** Why the run of a past tick has not begun. */
export function lateText(
  { at, run }: Late,
  { isPaused, now }: { readonly isPaused: boolean; readonly now: number },
): Html {
  if (run === undefined) {
    return html`<strong>Late.</strong> The run of ${time(at, "clock", now)} was not accepted. The service’s log has the reason.`;
  }
  const link = html`<a href="/runs/${run}">Its run</a>`;
  if (isPaused)
    return html`<strong>Paused.</strong> ${link} of ${time(at, "clock", now)} waits until you resume the workflow.`;
  return html`<strong>Late.</strong> ${link} of ${time(at, "clock", now)} has not begun.`;
}

/** The ticks of one schedule in the next 24 hours. */
export function ticksOf({ workflow, schedule }: WorkflowFacts, now: number) {
  const trigger = workflow?.on.schedule;
  if (!trigger || !schedule) return "";
  const { ticks, hasMore, next } = schedule;
  const change = clockChange(trigger, now);
  const later =
    next === undefined ? "It is never due again." : html`Nothing in these 24 hours. Next: ${time(next, "full", now)}.`;
  return html`${change}${
    ticks.length === 0
      ? html`<p>${later}</p>`
      : html`<ol class="${isUtc(trigger) ? "ticks" : "ticks zoned"}">${ticks.map((at) => html`<li>${time(at, "clock", now)}${zoned(trigger, at)}</li>`)}${
          hasMore ? html`<li class="note">and more: only the first ${MAX_TICKS} are shown</li>` : ""
        }</ol>`
  }`;
}

const linkTo = ({ name: workflow }: WorkflowFacts) =>
  html`<a class="name" href="${workflowPath(workflow)}">${name(workflow)}</a>`;

const cronOf = ({ workflow }: WorkflowFacts) =>
  html`<code>${workflow?.on.schedule?.cron}</code> ${workflow?.on.schedule?.timeZone ?? "UTC"}`;

function wallClock({ workflow }: WorkflowFacts, at: number) {
  const trigger = workflow?.on.schedule;
  return trigger ? zoned(trigger, at) : "";
}

const isUtc = ({ timeZone = "UTC" }: Pick<ScheduleTrigger, "timeZone">): boolean => timeZone === "UTC";

/** The tick in the time zone of the schedule, unless that is UTC. */
function zoned({ timeZone = "UTC" }: ScheduleTrigger, at: number) {
  return isUtc({ timeZone }) ? "" : html` <span class="sub">${clockIn(timeZone, at)}</span>`;
}

/** `03:00 GMT+1` */
function clockIn(timeZone: string, at: number): string {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "shortOffset",
  }).format(at);
}

/** Warns that the clocks of the schedule's zone change in these 24 hours: a tick may come twice, or at another hour. */
function clockChange({ timeZone = "UTC" }: ScheduleTrigger, now: number) {
  const [before, after] = [now, now + AHEAD_MS].map((at) => clockIn(timeZone, at).slice("00:00 ".length));
  if (before === after) return "";
  return html`<p class="note">The clocks of ${timeZone} change in these 24 hours, from ${before} to ${after}.</p>`;
}
