import { html } from "hono/html";
import { isInterrupted, type Step } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { clipped, fitting } from "./room.ts";
import { counted, durationText, isDeep, name as nameOf, plural, statusIcon, time } from "./shown.ts";

const MAX_ERROR_BYTES = 800;
/** Only the beginning of a result is shown, on one line. */
const MAX_RESULT_BYTES = 160;

/** The duration of an attempt, which the bars of its steps are relative to. */
type Span = { readonly from: number; readonly to: number; readonly now: number };

/**
 * Steps and waits that began in an attempt, including open ones. If not all fit, it shows failed and open ones first, then the
 * latest.
 */
export function stepList(
  steps: readonly Step[],
  span: Span,
  detail: Parameters<typeof isInterrupted>[1],
  bytes: number,
) {
  if (steps.length === 0) return "";
  const stateIn = (step: Step) => stateOf(step, isInterrupted(step, detail));
  const isTelling = (step: Step) => stateIn(step) !== "success";
  const { shown, left } = fitting(steps, bytes, (step) => stepEntry(step, span, stateIn(step)), isTelling);
  const more = html`<p class="note">And ${counted(left)} more ${plural(left, "step", "steps")}: the API returns all.</p>`;
  return html`${left > 0 ? more : ""}<ul class="steps">${shown}</ul>`;
}

/** The label of each kind. */
const KINDS = { step: "", sleep: "sleep", waitUntil: "wait", callback: "callback" } as const;

const WORDS = {
  success: "",
  failure: "failed",
  running: "running",
  waiting: "waiting",
  stopped: "not finished",
} as const;

function stepEntry(step: Step, span: Span, state: keyof typeof WORDS) {
  const { name, kind, startedAt, endedAt, error } = step;
  const word = WORDS[state];
  const said = word === "" ? "" : html` <span class="${state === "failure" ? "unseen" : "note"}">${word}</span>`;
  const kindName = KINDS[kind] === "" ? "" : html` <span class="kind">${KINDS[kind]}</span>`;
  const why = error === undefined ? "" : html`<p class="reason">${clipped(visible(error), MAX_ERROR_BYTES)}</p>`;
  const ms = (endedAt ?? span.now) - startedAt;
  const took = state === "running" ? ticking(ms) : state === "stopped" ? "" : durationText(ms);
  return html`<li>${statusIcon(state)}<span class="step-name">${nameOf(name)}${kindName}${said}</span>
${kind === "step" ? bar(step, state, span) : html`<span class="bar note">${untilOf(step, state, span.now)}</span>`}
<span class="step-took">${took}</span>
${why}${error === undefined ? resultOf(step) : ""}</li>`;
}

/** A duration that the page's script keeps counting. */
export function ticking(ms: number) {
  return html`<span data-ticks="${Math.max(0, Math.round(ms))}">${durationText(ms)}</span>`;
}

function resultOf({ result }: Step) {
  if (result === undefined || result === null || isDeep(result)) return "";
  // A result may have a megabyte. Cutting it first saves work.
  const text = clipped(visible(JSON.stringify(result).slice(0, 2 * MAX_RESULT_BYTES)), MAX_RESULT_BYTES);
  return html`<code class="result">${text}</code>`;
}

function stateOf({ kind, endedAt, error }: Step, isLeft: boolean) {
  if (endedAt !== undefined) return error === undefined ? "success" : "failure";
  if (isLeft) return "stopped";
  return kind === "step" ? "running" : "waiting";
}

function untilOf({ endedAt, until }: Step, state: string, now: number) {
  if (endedAt !== undefined || state === "stopped" || until === undefined) return "";
  return html`until ${time(until, "clock", now)}`;
}

/** A bar at the step's place within its attempt. It only repeats the text, so screen readers skip it. */
function bar({ startedAt, endedAt }: Step, state: string, { from, to }: Span) {
  const span = Math.max(1, to - from);
  const percent = (ms: number) => Math.min(100, Math.max(0, Math.round((ms / span) * 1000) / 10));
  const x = Math.min(percent(startedAt - from), 99);
  const width = Math.max(1, Math.min(percent((endedAt ?? to) - startedAt), 100 - x));
  return html`<svg class="bar ${state}" width="100%" height="8" aria-hidden="true">
<rect width="100%" height="8" rx="4" class="track"/><rect x="${x}%" width="${width}%" height="8" rx="4"/></svg>`;
}
