import { html } from "hono/html";
import { entryInWords } from "../model/github-trigger.ts";
import { credentialLines } from "../model/identity.ts";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import { reportOf } from "../model/report.ts";
import type { ListedRun } from "../model/run.ts";
import { ALL_WORKFLOWS, type Paused } from "../model/run-actions.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { BrokenFile, Workflow } from "../model/workflow.ts";
import { brokenBanner } from "./broken-banner.ts";
import { type Frame, layout } from "./layout.ts";
import { fieldsOf } from "./schema-fields.ts";
import { name, statusIcon, statusName, time } from "./shown.ts";

type Row = {
  readonly workflow: Workflow;
  readonly lastRun: ListedRun | undefined;
  /** When its schedule is due, epoch milliseconds. */
  readonly nextTick: number | undefined;
};

/** Every workflow: what starts it, how its last run ended, and whether it is paused. */
export function workflowsPage(frame: Frame, { rows, broken }: { rows: readonly Row[]; broken: readonly BrokenFile[] }) {
  const { paused } = frame;
  const all = paused.find(({ workflow }) => workflow === ALL_WORKFLOWS);
  const gone = paused.filter(
    ({ workflow }) => workflow !== ALL_WORKFLOWS && !rows.some((row) => row.workflow.name === workflow),
  );
  return layout(
    "Workflows",
    "workflows",
    frame,
    html`<div id="workflows" data-live data-said="${paused.length === 0 ? "Nothing is paused" : `${paused.length} paused`}">
<div class="title"><h1>Workflows</h1>
${all ? form(ALL_WORKFLOWS, "resume", "Resume all") : pauseAll()}</div>
${brokenBanner(broken)}
<ul class="runs workflows">${rows.map((row) => entry(row, frame))}
${gone.map(
  (each) => html`<li class="run">${statusIcon("stopped")}<div class="what"><p class="name">${name(each.workflow)}</p>
<p class="why">There is no such workflow now. It is paused.</p></div><div class="do">${form(each.workflow, "resume", "Resume")}</div></li>`,
)}
</ul></div>`,
  );
}

/** A click that stops everything is asked about first. */
function pauseAll() {
  return html`<details class="sure" id="pause-all"><summary class="button">Pause all…</summary>
<div class="ask"><p>No run of any workflow begins until you resume them. What runs continues; events are accepted and wait.</p>
${form(ALL_WORKFLOWS, "pause", "Pause all workflows")}</div></details>`;
}

function form(workflow: string, what: "pause" | "resume", text: string) {
  return html`<form method="post" action="/workflows/${encodeURIComponent(workflow)}/${what}"><button>${text}</button></form>`;
}

function entry({ workflow, lastRun, nextTick }: Row, { paused, now }: Frame) {
  const its = paused.find((each) => each.workflow === workflow.name);
  return html`<li class="run" id="workflow-${workflow.name}">
${lastRun ? statusIcon(lastRun.status, { alone: true }) : html`<span></span>`}
<div class="what"><p class="name"><a class="name" href="/?workflow=${encodeURIComponent(workflow.name)}">${workflow.name}</a></p>
<ul class="plain sub">${triggers(workflow, nextTick, now)}${credentialLines(workflow).map((line) => html`<li>Asks GitHub as ${line}</li>`)}</ul>
${its ? pausedNote(its, now) : ""}</div>
<div class="took">${lastRun ? lastRunOf(lastRun, now) : "No run yet"}</div>
<div class="do">${startButton(workflow)}
${its ? form(workflow.name, "resume", "Resume") : form(workflow.name, "pause", "Pause")}</div>
</li>`;
}

function pausedNote({ actor, at }: Paused, now: number) {
  return html`<p class="why"><strong>Paused</strong> by ${name(actor)} ${time(at, "full", now)}. Its runs wait.</p>`;
}

function lastRunOf({ id, status, acceptedAt }: ListedRun, now: number) {
  return html`<a href="/runs/${id}">${statusName(status)}</a> ${time(acceptedAt, "age", now)}`;
}

function startButton({ name: workflow, on }: Workflow) {
  if (!on.manual) return "";
  const path = `/workflows/${encodeURIComponent(workflow)}/start`;
  if (fieldsOf(inputsJsonSchemaOf(on), "Inputs").length > 0) {
    return html`<a class="button primary" href="${path}">Run workflow…</a>`;
  }
  return html`<form method="post" action="${path}"><button class="primary">Run workflow</button></form>`;
}

function triggers(workflow: Workflow, nextTick: number | undefined, now: number) {
  const { http, flux, schedule, manual, call } = workflow.on;
  const report = reportOf(workflow);
  return [
    ...(http ? [html`<li>HTTP <code>POST ${http.path}</code></li>`] : []),
    ...(flux ? [html`<li>Flux <code>POST ${flux.path}</code></li>`] : []),
    ...gitHubEntries(workflow.on).map((entry) => {
      const { events, only } = entryInWords(entry);
      return html`<li>GitHub <code>${events}</code>${only ? ` (${only})` : ""}</li>`;
    }),
    ...(schedule
      ? [
          html`<li>Schedule <code>${schedule.cron}</code> ${schedule.timeZone ?? "UTC"}${
            nextTick === undefined ? "" : html`, next ${time(nextTick, "clock", now)}`
          }</li>`,
        ]
      : []),
    ...(manual ? [html`<li>By hand</li>`] : []),
    ...(call ? [html`<li>Another workflow</li>`] : []),
    ...(report ? [html`<li>Reports the ${report.as} <code>${report.name}</code></li>`] : []),
  ];
}
