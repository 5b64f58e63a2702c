import { html } from "hono/html";
import type { HourOfRuns } from "../model/overview.ts";

const HOUR_MS = 3_600_000;
const HOURS = 24;
const WIDTH = 288;
const HEIGHT = 32;
const STEP = WIDTH / HOURS;
/** Minimum height of a bar: one run stays visible beside thousands. */
const LEAST = 2.5;

/** The order in a bar, from the bottom. */
const SERIES = ["success", "skipped", "failure"] as const;

/** The order in the legend. */
const NAMED = ["success", "failure", "skipped"] as const;

/** The last 24 hours as stacked bars, one per hour. */
export function hoursChart(hours: readonly HourOfRuns[], now: number) {
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
<figcaption><h2 id="day"><abbr title="Runs that ended in the last 24 hours">24 h</abbr></h2>
<ul class="legend">${legend}</ul>
</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
 aria-label="Runs that ended in the last 24 hours: ${words(totals)}.">
<line x1="0" y1="${HEIGHT - 0.5}" x2="${WIDTH}" y2="${HEIGHT - 0.5}" class="axis"/>
${all.map((hour, at) => bar(hour, at, most))}
</svg>
</figure>`;
}

type Counts = Readonly<Record<(typeof SERIES)[number], number>>;

const words = (counts: Counts): string => NAMED.map((series) => `${counts[series]} ${series}`).join(", ");

function bar(hour: HourOfRuns, at: number, most: number) {
  let top = HEIGHT - 1;
  const rects = SERIES.filter((series) => hour[series] > 0).map((series) => {
    const height = Math.max(LEAST, (hour[series] / most) * (HEIGHT - 4));
    top -= height;
    return html`<rect x="${fixed(at * STEP + 1.5)}" y="${fixed(top)}" width="${STEP - 3}" height="${fixed(height)}"
 class="${series}"/>`;
  });
  if (rects.length === 0) return "";
  const from = new Date(hour.from).toISOString();
  const counts = `: ${words(hour)}`;
  // A title cannot contain elements. So the page's script rewrites its time in the reader's zone.
  const title = html`<title data-from="${from}" data-words="${counts}">${from.slice(11, 16)} UTC${counts}</title>`;
  return html`<g>${title}${rects}</g>`;
}

const fixed = (number: number): string => String(Math.round(number * 10) / 10);
