import { html } from "hono/html";
import { entryInWords } from "../model/github-trigger.ts";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import type { Paused } from "../model/run-actions.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";
import type { WorkflowFacts } from "../model/workflow-facts.ts";
import { MEASURED_RUNS, type RecentRun, ratePercent, type WorkflowStats } from "../model/workflow-stats.ts";
import { fieldsOf } from "./schema-fields.ts";
import { durationText, name, time } from "./shown.ts";

/** The address of a workflow's page. */
export const workflowPath = (workflow: string, what = ""): string =>
  `/workflows/${encodeURIComponent(workflow)}${what}`;

/** The triggers of a workflow, one item per trigger. */
export function triggerItems({ on }: Workflow) {
  const { http, flux, schedule, manual, call } = on;
  return [
    ...(http ? [html`<li>HTTP <code>POST ${http.path}</code></li>`] : []),
    ...(flux ? [html`<li>Flux <code>POST ${flux.path}</code></li>`] : []),
    ...gitHubEntries(on).map((entry) => {
      const { events, only } = entryInWords(entry);
      return html`<li>GitHub <code>${events}</code>${only ? ` (${only})` : ""}</li>`;
    }),
    ...(schedule ? [html`<li>Schedule <code>${schedule.cron}</code> ${schedule.timeZone ?? "UTC"}</li>`] : []),
    ...(manual ? [html`<li>By hand</li>`] : []),
    ...(call ? [html`<li>Another workflow</li>`] : []),
  ];
}

/** @param stays shows the page of the workflow again. Otherwise the list of workflows is shown next. */
export function pauseForm(workflow: string, what: "pause" | "resume", text: string, { stays = false } = {}) {
  return html`<form method="post" action="${workflowPath(workflow, `/${what}${stays ? "?stay=true" : ""}`)}"><button>${text}</button></form>`;
}

/** Buttons for what a person can do with a workflow. */
export function workflowActions({ name, workflow }: WorkflowFacts, isPaused: boolean, { stays = false } = {}) {
  const pause = isPaused
    ? pauseForm(name, "resume", "Resume", { stays })
    : workflow
      ? pauseForm(name, "pause", "Pause", { stays })
      : "";
  return html`${workflow ? startButton(workflow) : ""}
${pause}`;
}

function startButton({ name: workflow, on }: Workflow) {
  if (!on.manual) return "";
  const path = workflowPath(workflow, "/start");
  if (fieldsOf(inputsJsonSchemaOf(on), "Inputs").length > 0) {
    return html`<a class="button primary" href="${path}">Run workflow…</a>`;
  }
  return html`<form method="post" action="${path}"><button class="primary">Run workflow</button></form>`;
}

export function pausedNote({ actor, at }: Paused, now: number) {
  return html`<p class="why"><strong>Paused</strong> by ${name(actor)} ${time(at, "full", now)}. Its runs wait.</p>`;
}

/** A link to a run with the time since its end. */
export function agoLink({ id, endedAt, acceptedAt }: RecentRun, now: number) {
  return html`<a href="/runs/${id}">${time(endedAt ?? acceptedAt, "age", now)}</a>`;
}

/** `98%` */
export function rateText(stats: WorkflowStats): string | undefined {
  const percent = ratePercent(stats);
  return percent === undefined ? undefined : `${percent}%`;
}

/** `p50 1.2 s, p95 4.0 s` */
export function durationsText({ durations }: WorkflowStats): string | undefined {
  return durations && `p50 ${durationText(durations.p50)}, p95 ${durationText(durations.p95)}`;
}

/** Explains the figures. */
export const FIGURES_NOTE = [
  `Success rate and p50 / p95 come from the newest ${MEASURED_RUNS} ended runs.`,
  "Skipped, superseded and cancelled runs do not count. Durations are those of the last attempt.",
].join(" ");
