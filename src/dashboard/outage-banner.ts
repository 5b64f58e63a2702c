import { html } from "hono/html";
import type { Outage } from "../model/outage.ts";
import { visible } from "../model/visible.ts";
import { cut, time } from "./shown.ts";

const MAX_FAULT_CHARACTERS = 200;

/** Says since when GitHub fails most requests, and what that means for runs. Nothing when it does not. */
export function outageBanner(outage: Outage | undefined, now: number) {
  if (!outage) return "";
  const { since, until, fault } = outage;
  if (until !== undefined) {
    return html`<div class="banner limit"><p><strong>GitHub works again</strong> since ${time(until, "clock", now)}. It failed
most requests from ${time(since, "clock", now)}. Runs that waited continue, the newest of each group first.</p></div>`;
  }
  return html`<div class="banner failure"><p><strong>GitHub has failed most requests since ${time(since, "clock", now)}</strong>
(${visible(cut(fault, MAX_FAULT_CHARACTERS))}). Events are accepted. Their runs wait and are retried, the newest of each
group first, when GitHub works.</p></div>`;
}
