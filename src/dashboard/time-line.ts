import { html } from "hono/html";
import type { Attempt, Step } from "../model/run.ts";
import type { RunDetail } from "../model/store.ts";
import { visible } from "../model/visible.ts";
import { cut, name as nameOf } from "./names.ts";
import { reasonText } from "./reason.ts";
import { statusIcon, statusName } from "./status.ts";
import { durationText, time } from "./times.ts";

/** A run that waits for limits can have any number of attempts; the latest are shown. */
const MAX_ATTEMPTS = 50;
const MAX_STEPS = 50;
const MAX_STEP_ERROR_CHARACTERS = 500;

/**
 * What happened to a run, in order: accepted, each attempt with its steps, and what comes next. The reason that the run
 * itself has stands above it already.
 */
export function timeLine({ run, attempts, steps }: RunDetail, now: number) {
  const shown = attempts.slice(-MAX_ATTEMPTS);
  const hidden = attempts.length - shown.length;
  const isUnderWay = run.status === "running" && run.startedAt !== undefined;
  return html`<ol class="line-of-time">
<li><span class="dot"></span><p class="head"><strong>Accepted</strong> ${time(run.acceptedAt, "full", now)}</p></li>
${hidden > 0 ? html`<li><span class="dot"></span><p class="note">${hidden} earlier attempts are left out here; GET /api/runs/${run.id} has them all.</p></li>` : ""}
${shown.map((attempt, at) => {
  const before = at > 0 ? shown[at - 1]?.endedAt : hidden === 0 ? run.acceptedAt : undefined;
  const own = steps.filter((step) => step.attempt === attempt.number);
  const entry =
    attempt === attempts.at(-1) && attempt.reason === run.reason ? { ...attempt, reason: undefined } : attempt;
  return attemptEntry(entry, own, before === undefined ? 0 : attempt.startedAt - before, now);
})}
${
  isUnderWay
    ? html`<li>${statusIcon("running")}<p class="head"><strong>Attempt ${run.attempts}</strong> running since ${time(run.startedAt ?? now, "full", now)}</p>
${stepList(
  steps.filter((step) => step.attempt === run.attempts),
  run.startedAt ?? now,
  now,
)}</li>`
    : ""
}
${run.status === "queued" ? html`<li>${statusIcon("queued")}<p class="head"><strong>${attempts.length === 0 ? "First attempt" : "Next attempt"}</strong> ${run.dueAt === undefined || run.dueAt <= now ? "as soon as its turn comes" : time(run.dueAt, "full", now)}</p></li>` : ""}
${run.status === "superseded" ? html`<li>${statusIcon("superseded")}<p class="head"><strong>Superseded</strong> ${run.endedAt === undefined ? "" : time(run.endedAt, "full", now)}</p></li>` : ""}
</ol>`;
}

/** Shorter waits than this between attempts go without saying. */
const WORTH_SAYING_MS = 1000;

function attemptEntry(attempt: Attempt, steps: readonly Step[], waitedMs: number, now: number) {
  const { number, startedAt, endedAt, outcome, kind, reason, githubRequestId, stack } = attempt;
  // A limit is no failure of anybody's; the run went on after it, unless it had a token of its own.
  const isLimit = kind === "limit";
  return html`<li>${statusIcon(isLimit ? "queued" : outcome)}
<p class="head"><strong>Attempt ${number}</strong> ${isLimit ? "Met a limit of GitHub" : statusName(outcome)} after ${durationText(endedAt - startedAt)}</p>
<p class="note">Began ${time(startedAt, "full", now)}${waitedMs >= WORTH_SAYING_MS ? html`, after waiting ${durationText(waitedMs)}` : ""}.${githubRequestId ? html` GitHub’s request id: <code>${githubRequestId}</code>` : ""}</p>
${reason ? html`<p class="reason">${reasonText(reason, { waits: isLimit, now })}</p>` : ""}
${stack === undefined ? "" : html`<pre class="stack" tabindex="0" role="group" aria-label="Stack of attempt ${number}"><code>${visible(stack)}</code></pre>`}
${stepList(steps, startedAt, endedAt)}</li>`;
}

function stepList(steps: readonly Step[], from: number, to: number) {
  if (steps.length === 0) return "";
  const shown = steps.slice(0, MAX_STEPS);
  return html`<ul class="steps">${shown.map((step) => stepEntry(step, from, to))}</ul>
${steps.length > shown.length ? html`<p class="note">And ${steps.length - shown.length} more steps.</p>` : ""}`;
}

/** The bar stands where the step lies within its attempt; it repeats what the text says. */
function stepEntry({ name, startedAt, endedAt, error }: Step, from: number, to: number) {
  const span = Math.max(1, to - from);
  const percent = (ms: number) => Math.min(100, Math.max(0, Math.round((ms / span) * 1000) / 10));
  const x = Math.min(percent(startedAt - from), 99);
  const width = Math.max(1, Math.min(percent(endedAt - startedAt), 100 - x));
  return html`<li>${statusIcon(error === undefined ? "success" : "failure")}<span class="step-name">${nameOf(name)}${error === undefined ? "" : html` <span class="unseen">failed</span>`}</span>
<svg class="bar ${error === undefined ? "success" : "failure"}" width="100%" height="8" aria-hidden="true"><rect width="100%" height="8" rx="4" class="track"/><rect x="${x}%" width="${width}%" height="8" rx="4"/></svg>
<span class="step-took">${durationText(endedAt - startedAt)}</span>
${error === undefined ? "" : html`<p class="reason">${visible(cut(error, MAX_STEP_ERROR_CHARACTERS))}</p>`}</li>`;
}
