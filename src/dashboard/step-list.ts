import { html } from "hono/html";
import { isInterrupted, type Step } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { cut, durationText, name as nameOf, statusIcon, time } from "./shown.ts";

const MAX_STEPS = 50;
const MAX_STEP_ERROR_CHARACTERS = 500;

/** The time that an attempt takes up, which bars of steps are drawn in. */
type Span = { readonly from: number; readonly to: number; readonly now: number };

/** Steps and waits that began in an attempt, those under way too. */
export function stepList(steps: readonly Step[], span: Span, detail: Parameters<typeof isInterrupted>[1]) {
  if (steps.length === 0) return "";
  const shown = steps.slice(0, MAX_STEPS);
  return html`<ul class="steps">${shown.map((step) => stepEntry(step, span, isInterrupted(step, detail)))}</ul>
${steps.length > shown.length ? html`<p class="note">And ${steps.length - shown.length} more steps.</p>` : ""}`;
}

/** What each kind is called beside its name. */
const KINDS = { step: "", sleep: "sleep", waitUntil: "wait", callback: "callback" } as const;

function stepEntry(step: Step, span: Span, isLeft: boolean) {
  const { name, kind, startedAt, endedAt, error } = step;
  const state = stateOf(step, isLeft);
  const word = { success: "", failure: "failed", running: "running", waiting: "waiting", stopped: "not finished" }[
    state
  ];
  const said = word === "" ? "" : html` <span class="${state === "failure" ? "unseen" : "note"}">${word}</span>`;
  const kindName = KINDS[kind] === "" ? "" : html` <span class="kind">${KINDS[kind]}</span>`;
  const why = error === undefined ? "" : html`<p class="reason">${visible(cut(error, MAX_STEP_ERROR_CHARACTERS))}</p>`;
  const took = durationText((endedAt ?? span.now) - startedAt);
  return html`<li>${statusIcon(state)}<span class="step-name">${nameOf(name)}${kindName}${said}</span>
${kind === "step" ? bar(step, state, span) : html`<span class="bar note">${untilOf(step, isLeft, span.now)}</span>`}
<span class="step-took">${state === "stopped" ? "" : took}</span>
${why}</li>`;
}

function stateOf({ kind, endedAt, error }: Step, isLeft: boolean) {
  if (endedAt !== undefined) return error === undefined ? "success" : "failure";
  if (isLeft) return "stopped";
  return kind === "step" ? "running" : "waiting";
}

function untilOf({ endedAt, until }: Step, isLeft: boolean, now: number) {
  if (endedAt !== undefined || isLeft || until === undefined) return "";
  return html`until ${time(until, "clock", now)}`;
}

/** The bar stands where the step lies within its attempt; it repeats what the text says. */
function bar({ startedAt, endedAt }: Step, state: string, { from, to }: Span) {
  const span = Math.max(1, to - from);
  const percent = (ms: number) => Math.min(100, Math.max(0, Math.round((ms / span) * 1000) / 10));
  const x = Math.min(percent(startedAt - from), 99);
  const width = Math.max(1, Math.min(percent((endedAt ?? to) - startedAt), 100 - x));
  return html`<svg class="bar ${state}" width="100%" height="8" aria-hidden="true">
<rect width="100%" height="8" rx="4" class="track"/><rect x="${x}%" width="${width}%" height="8" rx="4"/></svg>`;
}
