import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import { isOpen, type Run } from "../model/run.ts";
import type { Rerun } from "../model/run-actions.ts";
import { linkedText } from "./shown.ts";

/** Buttons for what a person can do with the run now. */
export function runActions({ run, steps }: RunDetail, mayOperate: boolean) {
  const { id, status, ownToken } = run;
  if (isOpen(run)) {
    return html`<div class="buttons">
${mayOperate ? html`<form method="post" action="/runs/${id}/cancel"><button>Cancel run</button></form>` : ""}
<button type="button" class="watch" data-watch="${id}" aria-pressed="false" hidden>Notify me when it ends</button></div>`;
  }
  if (ownToken || !mayOperate) return "";
  const stands = steps.some(({ endedAt, error }) => endedAt !== undefined && error === undefined);
  const fromFailure = html`<form method="post" action="/runs/${id}/rerun?from=failure"
><button>${status === "failure" ? "Re-run from the failed step" : "Re-run the unfinished steps"}</button></form>`;
  return html`<div class="buttons">
<form method="post" action="/runs/${id}/rerun"><button class="primary">${stands ? "Re-run all steps" : "Re-run"}</button></form>
${stands && (status === "failure" || status === "cancelled") ? fromFailure : ""}
<a class="button" href="/runs/${id}/changed">Re-run with changed input</a></div>`;
}

/** An action that did not happen, and why. */
export type NotDone =
  | { readonly asked: "rerun"; readonly rerun: Exclude<Rerun, { status: "queued" | "unknown" }>; readonly from: string }
  | { readonly asked: "cancel" };

/** Shows why an action did not happen, with a button if the person can still force it. */
export function notDone(run: Run, what: NotDone, now: number) {
  if (what.asked === "cancel") {
    return html`<div class="banner failure" role="alert">
<p><strong>The run was not cancelled.</strong> It had already ended: its status is ${run.status}.</p></div>`;
  }
  const { rerun, from } = what;
  const force = html`<form method="post" action="/runs/${run.id}/rerun?evenIfOlder=true${from === "failure" ? "&from=failure" : ""}"
><button>Re-run this older run anyway</button></form>`;
  return html`<div class="banner failure" role="alert">
<p><strong>The run was not re-run.</strong> ${linkedText(rerun.reason, now)}</p>
${rerun.status === "notNeeded" && rerun.canForce ? force : ""}</div>`;
}
