import { html } from "hono/html";
import type { Activity, HourOfRuns } from "../model/overview.ts";
import { counted, durationText, plural, time } from "./shown.ts";

/** What an account has left at GitHub, as it is known to this process. Times are epoch milliseconds. */
export type AccountState = {
  readonly account: string;
  /** Whether it is about its GraphQL requests alone, which have their own quota. */
  readonly resource: "account" | "graphql";
  readonly pausedUntil: number | undefined;
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetsAt: number } | undefined;
  /** When its token ends. */
  readonly tokenExpiresAt: number | undefined;
};

/** Tokens that came with requests are their senders' affair. */
const isOfService = ({ account }: AccountState): boolean => !account.startsWith("token ");

const runs = (number: number): string => `${counted(number)} ${plural(number, "run", "runs")}`;

/** The state of things in a row of cards. */
export function cards(activity: Activity, accounts: readonly AccountState[], now: number) {
  const { queued, running, waiting, nextDueAt, finished } = activity;
  const next = nextDueAt === undefined ? "No run is queued." : html`Next attempt ${when(nextDueAt, now)}.`;
  const others = [running > 0 ? `${runs(running)} running` : "", waiting > 0 ? `${counted(waiting)} waiting` : ""];
  const open = others.filter(Boolean).join(", ");
  return html`<section class="strip" aria-labelledby="day">
<div class="card wide">${hoursChart(activity.hours, now)}</div>
<div class="card"><h2>Duration</h2>${durationsOf(activity)}</div>
<div class="card"><h2>Queued</h2>
<p class="figure">${counted(queued)}</p>
<p class="note">${next} ${open === "" ? "" : `${open}.`}</p></div>
<div class="card"><h2>GitHub’s quota</h2>${quotaOf(accounts, now)}${tokenEnd(accounts, now)}</div>
<div class="card"><h2>Actions minutes saved</h2>
<p class="figure">${counted(finished.thisMonth)}</p>
<p class="note"><span title="Each run that ended would have been billed as one minute at least.">At least, this
month.</span> ${counted(finished.ever)} in all.</p></div>
</section>`;
}

const when = (at: number, now: number) => (at <= now ? "now" : html`at ${time(at, "clock", now)}`);

const unknown = (why: string) => html`<p class="figure none">–</p><p class="note">${why}</p>`;

function durationsOf({ durations }: Activity) {
  if (!durations) return unknown("No run has ended in the last 24 hours.");
  return html`<p class="figure">${durationText(durations.p50)}</p>
<p class="note">p50 of the last ${runs(durations.runs)}. p95 is
<span class="whole">${durationText(durations.p95)}.</span></p>`;
}

/** The scarcest of the service's accounts. */
function quotaOf(accounts: readonly AccountState[], now: number) {
  const [scarcest] = accounts
    .filter(isOfService)
    .flatMap(({ quota, resource }) => (quota && quota.resetsAt > now ? [{ ...quota, resource }] : []))
    .sort((a, b) => a.remaining / a.limit - b.remaining / b.limit);
  if (!scarcest) return unknown("Not known: GitHub has answered nothing in the last hour.");
  const { remaining, limit, resetsAt, resource } = scarcest;
  const what = resource === "graphql" ? "GraphQL points" : "requests";
  return html`<p class="figure">${counted(remaining)}</p>
<meter class="unseen" min="0" max="${limit}" low="${limit / 10}" value="${remaining}"
 aria-label="${resource === "graphql" ? what : "Requests"} left of GitHub’s quota">${remaining} of ${limit}</meter>
<p class="note">${what} left of ${counted(limit)}; full again at ${time(resetsAt, "clock", now)}.</p>`;
}

/** From so long before its end the page warns of it, ms. */
const WARNED_MS = 14 * 86_400_000;

/** When the first of the service's tokens ends, and of those that workflows name; an App's are renewed by themselves. */
function tokenEnd(accounts: readonly AccountState[], now: number) {
  const [first] = accounts
    .flatMap(({ account, tokenExpiresAt: end }) => (end === undefined ? [] : [{ account, end }]))
    .sort((a, b) => a.end - b.end);
  if (!first) return "";
  const { account, end } = first;
  const which = account === "GITHUB_TOKEN" ? "GitHub token" : `token in ${account}`;
  const said = html`The ${which} ${end > now ? "ends" : "ended"} ${time(end, "full", now)}.`;
  if (end - now > WARNED_MS) return html`<p class="note">${said}</p>`;
  return html`<p class="note"><strong>${said}</strong> Make a new one, and restart the service with it.</p>`;
}

/** Says that GitHub's limits delay runs, and until when. Nothing when they do not. */
export function limitBanner({ limited }: Activity, accounts: readonly AccountState[], now: number) {
  const paused = accounts.filter(({ pausedUntil }) => pausedUntil !== undefined && pausedUntil > now);
  const ours = paused.filter(isOfService);
  const [whom, whose] = (
    [
      ["us", ours.filter(({ resource }) => resource === "account")],
      ["our GraphQL requests", ours],
      ["the token of a caller", paused],
    ] as const
  ).find(([, all]) => all.length > 0) ?? ["", []];
  const until = Math.max(0, ...whose.map(({ pausedUntil }) => pausedUntil ?? 0));
  if (until > 0) {
    const what = limited
      ? `${runs(limited.runs)} ${plural(limited.runs, "waits and continues", "wait and continue")} then`
      : "runs that need GitHub continue then";
    return html`<div class="banner limit">
<p><strong>GitHub is limiting ${whom} until ${time(until, "clock", now)}.</strong> Nothing is lost: ${what}.</p></div>`;
  }
  if (!limited) return "";
  const waiting = `${runs(limited.runs)} ${plural(limited.runs, "waits", "wait")} for room in GitHub’s limits.`;
  return html`<div class="banner limit"><p><strong>${waiting}</strong>
The next continues ${when(limited.nextDueAt, now)}. Nothing is lost.</p></div>`;
}

const HOUR_MS = 3_600_000;
const HOURS = 24;
const WIDTH = 288;
const HEIGHT = 64;
const STEP = WIDTH / HOURS;
/** What there is at all can be seen, be it one run beside thousands. */
const LEAST = 2.5;

/** From the bottom of a bar: failures stand on top. */
const SERIES = ["success", "skipped", "failure"] as const;

/** As they are named beside the chart. */
const NAMED = ["success", "failure", "skipped"] as const;

/** The last 24 hours as stacked bars, one an hour. */
function hoursChart(hours: readonly HourOfRuns[], now: number) {
  const last = Math.floor(now / HOUR_MS);
  const byHour = new Map(hours.map((hour) => [hour.from / HOUR_MS, hour]));
  const all = Array.from({ length: HOURS }, (_, at) => {
    const hour = last - HOURS + 1 + at;
    return byHour.get(hour) ?? { from: hour * HOUR_MS, success: 0, failure: 0, skipped: 0 };
  });
  const most = Math.max(1, ...all.map(({ success, failure, skipped }) => success + failure + skipped));
  const totals = { success: 0, failure: 0, skipped: 0 };
  for (const hour of all) for (const series of SERIES) totals[series] += hour[series];
  const legend = NAMED.map((series) => html`<li><i class="key ${series}"></i>${totals[series]} ${series}</li>`);
  return html`<figure class="chart">
<figcaption><h2 id="day">Last 24 hours</h2>
<ul class="legend">${legend}</ul>
</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
 aria-label="Runs that ended in the last 24 hours: ${words(totals)}.">
<line x1="0" y1="${HEIGHT - 0.5}" x2="${WIDTH}" y2="${HEIGHT - 0.5}" class="axis"/>
${all.map((hour, at) => bar(hour, at, most))}
</svg>
<p class="ends" aria-hidden="true"><span>24 h ago</span><span>now</span></p>
</figure>`;
}

type Counts = Readonly<Record<(typeof SERIES)[number], number>>;

const words = (counts: Counts): string => NAMED.map((series) => `${counts[series]} ${series}`).join(", ");

function bar(hour: HourOfRuns, at: number, most: number) {
  let top = HEIGHT - 1;
  const rects = SERIES.filter((series) => hour[series] > 0).map((series) => {
    const height = Math.max(LEAST, (hour[series] / most) * (HEIGHT - 10));
    top -= height;
    return html`<rect x="${fixed(at * STEP + 1.5)}" y="${fixed(top)}" width="${STEP - 3}" height="${fixed(height)}"
 class="${series}"/>`;
  });
  if (rects.length === 0) return "";
  const from = new Date(hour.from).toISOString();
  const counts = `: ${words(hour)}`;
  // Within a title no element can stand, so the page's script writes it in the reader's zone.
  const title = html`<title data-from="${from}" data-words="${counts}">${from.slice(11, 16)} UTC${counts}</title>`;
  return html`<g>${title}${rects}</g>`;
}

const fixed = (number: number): string => String(Math.round(number * 10) / 10);
