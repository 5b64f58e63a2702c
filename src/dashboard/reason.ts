import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import { time } from "./times.ts";

/** Whether the run continues by itself. Then what was tried has not succeeded yet, but the run has not failed. */
type Facts = { readonly waits?: boolean; readonly now: number };

/**
 * A run's reason in its words: "TRIED failed: WHAT HAPPENED. WHAT TO DO". Its times become those of the page, which are
 * shown in the reader's zone.
 */
export function reasonText(reason: string, { waits = false, now }: Facts) {
  const [tried, rest] = partsOf(reason);
  return withTimes(tried === undefined || !waits ? visible(reason) : visible(`${tried}: ${rest}`), now);
}

/** The same, with what was tried as a heading. */
export function headedReason(reason: string, { waits = false, now }: Facts) {
  const [tried, rest] = partsOf(reason);
  if (tried === undefined || rest === undefined) return withTimes(visible(reason), now);
  return html`<strong>${visible(tried)}${waits ? "" : " failed"}:</strong> ${withTimes(visible(rest), now)}`;
}

function partsOf(reason: string): readonly [tried: string | undefined, rest: string | undefined] {
  const [, tried, rest] = /^([^\n]{3,200}?) failed: (.+)$/s.exec(reason) ?? [];
  return [tried, rest];
}

/** As `Date.toISOString` writes a time. */
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/;

function withTimes(text: string, now: number) {
  return text.split(TIME).map((part) => {
    const at = TIME.test(part) ? Date.parse(part) : Number.NaN;
    return Number.isNaN(at) ? part : time(at, "clock", now);
  });
}
