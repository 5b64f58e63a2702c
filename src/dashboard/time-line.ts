import { html } from "hono/html";
import type { Attempt, Run, Step } from "../model/run.ts";
import type { RunDetail } from "../model/store.ts";
import { visible } from "../model/visible.ts";
import type { Html } from "./layout.ts";
import { cut, durationText, name as nameOf, reasonText, statusIcon, statusName, time } from "./shown.ts";

/** A run that waits for limits can have any number of attempts; the latest are shown. */
const MAX_ATTEMPTS = 50;
const MAX_STEPS = 50;
const MAX_STEP_ERROR_CHARACTERS = 500;

/** What happened to a run, in order: accepted, each attempt with its steps, and what comes next. */
export function timeLine({ run, attempts, steps }: RunDetail, now: number) {
  const shown = attempts.slice(-MAX_ATTEMPTS);
  const hidden = attempts.length - shown.length;
  const stepsOf = (number: number) => steps.filter((step) => step.attempt === number);
  return html`<ol class="line-of-time">
${entry(DOT, "Accepted", time(run.acceptedAt, "full", now))}
${hidden > 0 ? leftOut(hidden, run) : ""}
${shown.map((attempt, at) => {
  const before = at > 0 ? shown[at - 1]?.endedAt : hidden === 0 ? run.acceptedAt : undefined;
  const waitedMs = before === undefined ? 0 : attempt.startedAt - before;
  // The reason that the run itself has stands above it already.
  const isSaid = attempt === attempts.at(-1) && attempt.reason === run.reason;
  return attemptEntry(attempt, { steps: stepsOf(attempt.number), waitedMs, isSaid, now });
})}
${lastEntry(run, attempts.length === 0, stepsOf(run.attempts), now)}
</ol>`;
}

const DOT = html`<span class="dot"></span>`;

function entry(icon: Html, title: string, words: unknown, more: unknown = "") {
  return html`<li>${icon}<p class="head"><strong>${title}</strong> ${words}</p>${more}</li>`;
}

function leftOut(attempts: number, { id }: Run) {
  return html`<li>${DOT}<p class="note">${attempts} earlier attempts are left out here;
GET /api/runs/${id} has them all.</p></li>`;
}

/** What is under way, or comes next. */
function lastEntry(run: Run, isFirst: boolean, steps: readonly Step[], now: number) {
  const { status, startedAt, dueAt, endedAt } = run;
  if (status === "running" && startedAt !== undefined) {
    const since = html`running since ${time(startedAt, "full", now)}`;
    return entry(statusIcon("running"), `Attempt ${run.attempts}`, since, stepList(steps, startedAt, now));
  }
  if (status === "queued") {
    const when = dueAt === undefined || dueAt <= now ? "as soon as its turn comes" : time(dueAt, "full", now);
    return entry(statusIcon("queued"), isFirst ? "First attempt" : "Next attempt", when);
  }
  if (status !== "superseded") return "";
  return entry(statusIcon("superseded"), "Superseded", endedAt === undefined ? "" : time(endedAt, "full", now));
}

/** Shorter waits than this between attempts go without saying. */
const WORTH_SAYING_MS = 1000;

function attemptEntry(
  attempt: Attempt,
  { steps, waitedMs, isSaid, now }: { steps: readonly Step[]; waitedMs: number; isSaid: boolean; now: number },
) {
  const { number, startedAt, endedAt, outcome, kind, reason, githubRequestId, stack } = attempt;
  // A limit is not a failure: the run continued after it, unless it brought its token.
  const isLimit = kind === "limit";
  const ended = `${isLimit ? "Met a limit of GitHub" : statusName(outcome)} after ${durationText(endedAt - startedAt)}`;
  const waited = waitedMs >= WORTH_SAYING_MS ? `, after waiting ${durationText(waitedMs)}` : "";
  const requestId = githubRequestId ? html` GitHub’s request id: <code>${githubRequestId}</code>` : "";
  const frames = html`<pre class="stack" tabindex="0" role="group" aria-label="Stack of attempt ${number}"
><code>${visible(stack ?? "")}</code></pre>`;
  return entry(
    statusIcon(isLimit ? "queued" : outcome),
    `Attempt ${number}`,
    ended,
    html`<p class="note">Began ${time(startedAt, "full", now)}${waited}.${requestId}</p>
${reason && !isSaid ? html`<p class="reason">${reasonText(reason, { waits: isLimit, now })}</p>` : ""}
${stack === undefined ? "" : frames}
${stepList(steps, startedAt, endedAt)}`,
  );
}

function stepList(steps: readonly Step[], from: number, to: number) {
  if (steps.length === 0) return "";
  const shown = steps.slice(0, MAX_STEPS);
  return html`<ul class="steps">${shown.map((step) => stepEntry(step, from, to))}</ul>
${steps.length > shown.length ? html`<p class="note">And ${steps.length - shown.length} more steps.</p>` : ""}`;
}

/** The bar stands where the step lies within its attempt; it repeats what the text says. */
function stepEntry({ name, startedAt, endedAt: ended, error }: Step, from: number, to: number) {
  const endedAt = ended ?? to;
  const span = Math.max(1, to - from);
  const percent = (ms: number) => Math.min(100, Math.max(0, Math.round((ms / span) * 1000) / 10));
  const x = Math.min(percent(startedAt - from), 99);
  const width = Math.max(1, Math.min(percent(endedAt - startedAt), 100 - x));
  const outcome = error === undefined ? "success" : "failure";
  const failed = error === undefined ? "" : html` <span class="unseen">failed</span>`;
  const why = error === undefined ? "" : html`<p class="reason">${visible(cut(error, MAX_STEP_ERROR_CHARACTERS))}</p>`;
  return html`<li>${statusIcon(outcome)}<span class="step-name">${nameOf(name)}${failed}</span>
<svg class="bar ${outcome}" width="100%" height="8" aria-hidden="true">
<rect width="100%" height="8" rx="4" class="track"/><rect x="${x}%" width="${width}%" height="8" rx="4"/></svg>
<span class="step-took">${durationText(endedAt - startedAt)}</span>
${why}</li>`;
}
