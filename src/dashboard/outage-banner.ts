import { html } from "hono/html";
import type { Outage } from "../model/outage.ts";
import { visible } from "../model/visible.ts";
import { cut, time } from "./shown.ts";

const MAX_FAULT_CHARACTERS = 200;

/** Shows since when GitHub fails most requests, and what that means for runs. Empty without an outage. */
export function outageBanner(outage: Outage | undefined, now: number) {
  if (!outage) return "";
  const { since, until, fault } = outage;
  if (until !== undefined) {
    return html`<div class="banner limit"><p><strong>GitHub has worked again since ${time(until, "clock", now)}.</strong> Most requests
failed from ${time(since, "clock", now)} until then. Waiting runs continue, the newest of each group first.</p></div>`;
  }
  return html`<div class="banner failure"><p><strong>GitHub has failed most requests since ${time(since, "clock", now)}</strong>
(${visible(cut(fault, MAX_FAULT_CHARACTERS))}). New events are accepted, and their runs wait. When GitHub works again,
gh-runner retries them, the newest of each group first.</p></div>`;
}
