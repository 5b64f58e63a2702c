import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import { isOpen, type Run } from "../model/run.ts";
import type { Rerun } from "../model/run-actions.ts";
import { linkedText } from "./shown.ts";

/** What a person can do with a run, as it is now. */
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
><button>Re-run from the failed step</button></form>`;
  return html`<div class="buttons">
<form method="post" action="/runs/${id}/rerun"><button class="primary">${stands ? "Re-run all steps" : "Re-run"}</button></form>
${stands && (status === "failure" || status === "cancelled") ? fromFailure : ""}
<a class="button" href="/runs/${id}/changed">Re-run with changed input</a></div>`;
}

/** Why what was asked for did not happen. */
export type NotDone =
  | { readonly asked: "rerun"; readonly rerun: Exclude<Rerun, { status: "queued" | "unknown" }>; readonly from: string }
  | { readonly asked: "cancel" };

/** Says so, and asks where the person may insist. */
export function notDone(run: Run, what: NotDone, now: number) {
  if (what.asked === "cancel") {
    return html`<div class="banner failure" role="alert">
<p><strong>It was not cancelled.</strong> It had ended already: its status is ${run.status}.</p></div>`;
  }
  const { rerun, from } = what;
  const force = html`<form method="post" action="/runs/${run.id}/rerun?evenIfOlder=true${from === "failure" ? "&from=failure" : ""}"
><button>Re-run this older one anyway</button></form>`;
  return html`<div class="banner failure" role="alert">
<p><strong>It was not re-run.</strong> ${linkedText(rerun.reason, now)}</p>
${rerun.status === "notNeeded" && rerun.canForce ? force : ""}</div>`;
}
