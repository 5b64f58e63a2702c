import { html } from "hono/html";
import type { Activity } from "../model/overview.ts";
import type { Paused } from "../model/run-actions.ts";
import { visible } from "../model/visible.ts";
import { hoursChart } from "./hours-chart.ts";
import { counted, durationText, plural, time } from "./shown.ts";

/** What this process knows about an account's limits at GitHub. Times are epoch milliseconds. */
export type AccountState = {
  readonly account: string;
  /** `graphql`: only GraphQL requests, which have a separate quota. */
  readonly resource: "account" | "graphql";
  readonly pausedUntil: number | undefined;
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetsAt: number } | undefined;
  /** When its token expires. */
  readonly tokenExpiresAt: number | undefined;
};

/** Not an account of a caller's token: that is the caller's responsibility. */
const isOfService = ({ account }: AccountState): boolean => !account.startsWith("token ");

const DAY_MS = 86_400_000;

const runs = (number: number): string => `${counted(number)} ${plural(number, "run", "runs")}`;

/** One row with what a person on call wants to know first. */
export function strip(
  activity: Activity,
  { accounts, paused, now }: { accounts: readonly AccountState[]; paused: readonly Paused[]; now: number },
) {
  const { queued, running, waiting, nextDueAt } = activity;
  const open = [
    running > 0 ? `${counted(running)} running` : "",
    waiting > 0 ? `${counted(waiting)} waiting` : "",
    nextDueAt === undefined || (paused.length > 0 && nextDueAt <= now) ? "" : html`next ${when(nextDueAt, now)}`,
  ].filter((part) => part !== "");
  return html`<section class="strip" aria-labelledby="day">
<div class="part wide">${hoursChart(activity.hours, now)}</div>
${part("p50 / p95", durationsOf(activity))}
${part(
  "Queued",
  html`<p class="figure">${counted(queued)}</p>
<p class="note">${open.map((each, at) => html`${at > 0 ? ", " : ""}${each}`)}</p>`,
)}
${part("GitHub’s quota", html`${quotaOf(accounts, now)}${credentialEnd(accounts, now)}`, "quota-part")}
${part(
  html`Minutes saved ${savedInfo(activity)}`,
  html`<p class="figure">${counted(activity.finished.thisMonth)}</p>
<p class="note">this month, at least</p>`,
)}
</section>`;
}

const part = (heading: unknown, content: unknown, kind = "") =>
  html`<div class="part ${kind}"><h2>${heading}</h2>${content}</div>`;

const when = (at: number, now: number) => (at <= now ? "now" : html`at ${time(at, "clock", now)}`);

const unknown = (why: string) => html`<p class="figure none">–</p><p class="note">${why}</p>`;

function durationsOf({ durations }: Activity) {
  if (!durations) return unknown("no run ended in 24 h");
  return html`<p class="figure">${durationText(durations.p50)} <span>/ ${durationText(durations.p95)}</span></p>
<p class="note">of ${runs(durations.runs)}</p>`;
}

/** The quota of the service's account that has the least left. */
function quotaOf(accounts: readonly AccountState[], now: number) {
  const [scarcest] = accounts
    .filter(isOfService)
    .flatMap(({ quota, resource }) => (quota && quota.resetsAt > now ? [{ ...quota, resource }] : []))
    .sort((a, b) => a.remaining / a.limit - b.remaining / b.limit);
  if (!scarcest) return unknown("no answer in the last hour");
  const { remaining, limit, resetsAt, resource } = scarcest;
  const what = resource === "graphql" ? "GraphQL points" : "requests";
  const left = Math.round((100 * remaining) / limit);
  return html`<svg class="quota${left < LOW_QUOTA ? " low" : ""}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img"
 aria-label="${left} of 100 ${what} are left"><rect width="100" height="6" class="all"/><rect width="${left}" height="6" class="left"/></svg>
<p class="note"><strong>${counted(remaining)}</strong> of ${counted(limit)} ${what} left until ${time(resetsAt, "clock", now)}.</p>`;
}

/** Below this share of the quota, the page shows a warning, percent. */
const LOW_QUOTA = 10;

/** The page warns this long before a token ends. */
const WARNED_MS = 14 * DAY_MS;

/** When the first token ends, of the service's and those that workflows name. Tokens of an App are renewed automatically. */
function credentialEnd(accounts: readonly AccountState[], now: number) {
  const [first] = accounts
    .flatMap(({ account, tokenExpiresAt: end }) => (end === undefined ? [] : [{ account, end }]))
    .sort((a, b) => a.end - b.end);
  if (!first) return "";
  const { account, end } = first;
  const said = html`The token in ${account} ${end > now ? "ends" : "ended"}
<time datetime="${new Date(end).toISOString()}" title="${new Date(end).toISOString()}">${untilText(end - now)}</time>.`;
  if (end - now > WARNED_MS) return html` <p class="note">${said}</p>`;
  return html` <p class="note low"><strong>${said}</strong> Create a new token and replace this one.</p>`;
}

function untilText(milliseconds: number): string {
  const days = Math.floor(Math.abs(milliseconds) / DAY_MS);
  const length = days > 0 ? `${counted(days)} ${plural(days, "day", "days")}` : durationText(Math.abs(milliseconds));
  return milliseconds > 0 ? `in ${length}` : `${length} ago`;
}

/**
 * Price of a job's minute in a private repository, after the minutes that a plan includes, in US dollars.
 * @see https://docs.github.com/en/billing/reference/actions-runner-pricing
 */
const PRICES = [
  ["ubuntu-slim", 0.002],
  ["Linux 2-core", 0.006],
] as const;

function savedInfo({ finished: { thisMonth, ever } }: Activity) {
  const prices = PRICES.map(
    ([runner, price]) =>
      html`<li><strong>$${(thisMonth * price).toFixed(2)}</strong> on ${runner}, $${price} per minute</li>`,
  );
  return html`<details class="info" id="saved"><summary aria-label="How minutes are counted">i</summary>
<div class="hint"><p>Each run that succeeded or failed counts as one minute, the least that GitHub Actions bills for a job. Skipped,
cancelled and superseded runs do not count. This month’s minutes would cost:</p>
<ul>${prices}</ul>
<p>These are prices for private repositories, after the minutes that a plan includes. ${counted(ever)} ${plural(ever, "minute", "minutes")} in all.</p></div></details>`;
}

/** Lists the incidents that GitHub reports. Empty if there are none. */
export function incidentsBanner(incidents: readonly string[]) {
  if (incidents.length === 0) return "";
  const [what, names] = [
    plural(incidents.length, "an incident", "incidents"),
    incidents.map((each) => visible(each)).join("; "),
  ];
  return html`<div class="banner limit"><p><strong>GitHub reports ${what}:</strong> ${names}.
<a href="https://www.githubstatus.com/">GitHub’s status</a></p></div>`;
}

/** Shows that GitHub's limits delay runs, and until when. Empty if they do not. */
export function limitBanner({ limited }: Activity, accounts: readonly AccountState[], now: number) {
  const paused = accounts.filter(({ pausedUntil }) => pausedUntil !== undefined && pausedUntil > now);
  const ours = paused.filter(isOfService);
  const [whom, whose] = (
    [
      ["this service", ours.filter(({ resource }) => resource === "account")],
      ["this service’s GraphQL requests", ours],
      ["a caller’s token", paused],
    ] as const
  ).find(([, all]) => all.length > 0) ?? ["", []];
  const until = Math.max(0, ...whose.map(({ pausedUntil }) => pausedUntil ?? 0));
  if (until > 0) {
    const what = limited
      ? `${runs(limited.runs)} ${plural(limited.runs, "waits and continues", "wait and continue")} after that`
      : "runs that need GitHub continue after that";
    return html`<div class="banner limit">
<p><strong>GitHub is limiting ${whom} until ${time(until, "clock", now)}.</strong> Nothing is lost: ${what}.</p></div>`;
  }
  if (!limited) return "";
  const waiting = `${runs(limited.runs)} ${plural(limited.runs, "waits", "wait")} for room in GitHub’s rate limits.`;
  return html`<div class="banner limit"><p><strong>${waiting}</strong>
The next continues ${when(limited.nextDueAt, now)}. Nothing is lost.</p></div>`;
}
