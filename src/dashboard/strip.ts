import { html } from "hono/html";
import type { Activity } from "../model/overview.ts";
import { hoursChart } from "./hours-chart.ts";
import { durationText, time } from "./times.ts";

/** What an account has left at GitHub, as it is known to this process. Times are epoch milliseconds. */
export type AccountState = {
  readonly account: string;
  readonly pausedUntil: number | undefined;
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetsAt: number } | undefined;
  /** When its token ends. */
  readonly tokenExpiresAt: number | undefined;
};

const counted = (number: number): string => number.toLocaleString("en");
const runs = (number: number): string => (number === 1 ? "1 run" : `${counted(number)} runs`);

/** The state of things in a row of cards. */
export function strip(activity: Activity, accounts: readonly AccountState[], now: number) {
  const { durations, queued, running, nextDueAt, finished } = activity;
  return html`<section class="strip" aria-labelledby="day">
<div class="card wide">${hoursChart(activity.hours, now)}</div>
<div class="card"><h2>Duration</h2>
${
  durations
    ? html`<p class="figure">${durationText(durations.p50)}</p><p class="note">p50 of the last ${runs(durations.runs)}. p95 is <span class="whole">${durationText(durations.p95)}.</span></p>`
    : html`<p class="figure none">–</p><p class="note">No run has ended in the last 24 hours.</p>`
}</div>
<div class="card"><h2>Waiting</h2>
<p class="figure">${counted(queued)}</p>
<p class="note">${nextDueAt === undefined ? "No run waits." : html`Next attempt ${nextDueAt <= now ? "now" : html`at ${time(nextDueAt, "clock", now)}`}.`} ${running > 0 ? `${runs(running)} running.` : ""}</p></div>
<div class="card"><h2>GitHub’s quota</h2>${quotaOf(accounts, now)}${tokenEnd(accounts, now)}</div>
<div class="card"><h2>Actions minutes saved</h2>
<p class="figure">${counted(finished.thisMonth)}</p>
<p class="note"><span title="Each run that ended would have been billed as one minute at least.">At least, this month.</span> ${counted(finished.ever)} in all.</p></div>
</section>`;
}

/** Tokens that came with requests are their senders' affair; the scarcest of the service's own accounts is shown. */
function quotaOf(accounts: readonly AccountState[], now: number) {
  const own = accounts.filter(({ account }) => !account.startsWith("token "));
  const known = own.flatMap(({ quota }) => (quota && quota.resetsAt > now ? [quota] : []));
  const [scarcest] = known.sort((a, b) => a.remaining / a.limit - b.remaining / b.limit);
  if (!scarcest)
    return html`<p class="figure none">–</p><p class="note">Not known: GitHub has answered nothing in the last hour.</p>`;
  const { remaining, limit, resetsAt } = scarcest;
  return html`<p class="figure">${counted(remaining)}</p>
<meter class="unseen" min="0" max="${limit}" low="${limit / 10}" value="${remaining}" aria-label="Requests left of GitHub’s quota">${remaining} of ${limit}</meter>
<p class="note">requests left of ${counted(limit)}; full again at ${time(resetsAt, "clock", now)}.</p>`;
}

/** From so long before its end the page warns of it, ms. */
const WARNED_MS = 14 * 86_400_000;

/** When the service's token ends; an App's are renewed by themselves. */
function tokenEnd(accounts: readonly AccountState[], now: number) {
  const end = accounts.find(({ tokenExpiresAt }) => tokenExpiresAt !== undefined)?.tokenExpiresAt;
  if (end === undefined) return "";
  const said = html`${end > now ? "The GitHub token ends" : "The GitHub token ended"} ${time(end, "full", now)}.`;
  return end - now > WARNED_MS
    ? html`<p class="note">${said}</p>`
    : html`<p class="note"><strong>${said}</strong> Make a new one, and restart the service with it.</p>`;
}

/** Says that GitHub holds runs back, and until when. Nothing when it does not. */
export function limitBanner({ limited }: Activity, accounts: readonly AccountState[], now: number) {
  const paused = accounts.filter(({ pausedUntil }) => pausedUntil !== undefined && pausedUntil > now);
  const own = paused.filter(({ account }) => !account.startsWith("token "));
  const until = Math.max(0, ...(own.length > 0 ? own : paused).map(({ pausedUntil }) => pausedUntil ?? 0));
  if (until > 0) {
    const whom = own.length > 0 ? "us" : "the token of a caller";
    return html`<div class="banner limit"><p><strong>GitHub is limiting ${whom} until ${time(until, "clock", now)}.</strong>
Nothing is lost: ${limited ? html`${runs(limited.runs)} ${limited.runs === 1 ? "waits" : "wait"} and ${limited.runs === 1 ? "continues" : "continue"} then` : "runs that need GitHub continue then"}.</p></div>`;
  }
  if (!limited) return "";
  const when = limited.nextDueAt <= now ? "now" : html`at ${time(limited.nextDueAt, "clock", now)}`;
  return html`<div class="banner limit"><p><strong>${runs(limited.runs)} ${limited.runs === 1 ? "waits" : "wait"} for room in GitHub’s limits.</strong>
The next continues ${when}. Nothing is lost.</p></div>`;
}
