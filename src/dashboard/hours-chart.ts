import { html } from "hono/html";
import type { HourOfRuns } from "../model/overview.ts";

const HOUR_MS = 3_600_000;
const HOURS = 24;
const WIDTH = 288;
const HEIGHT = 64;
const STEP = WIDTH / HOURS;
/** What there is at all can be seen, be it one run beside thousands. */
const LEAST = 2.5;

const SERIES = ["success", "skipped", "failure"] as const;

/** The last 24 hours as stacked bars, one an hour; failures stand on top. */
export function hoursChart(hours: readonly HourOfRuns[], now: number) {
  const last = Math.floor(now / HOUR_MS);
  const byHour = new Map(hours.map((hour) => [hour.from / HOUR_MS, hour]));
  const all = Array.from({ length: HOURS }, (_, at) => {
    const hour = last - HOURS + 1 + at;
    return byHour.get(hour) ?? { from: hour * HOUR_MS, success: 0, failure: 0, skipped: 0 };
  });
  const most = Math.max(1, ...all.map(({ success, failure, skipped }) => success + failure + skipped));
  const total = (series: (typeof SERIES)[number]) => all.reduce((sum, hour) => sum + hour[series], 0);
  const [success, skipped, failure] = SERIES.map(total) as [number, number, number];
  const words = `${success} success, ${failure} failure, ${skipped} skipped`;

  return html`<figure class="chart">
<figcaption><h2 id="day">Last 24 hours</h2>
<ul class="legend"><li><i class="key success"></i>${success} success</li><li><i class="key failure"></i>${failure} failure</li><li><i class="key skipped"></i>${skipped} skipped</li></ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Runs that ended in the last 24 hours: ${words}.">
<line x1="0" y1="${HEIGHT - 0.5}" x2="${WIDTH}" y2="${HEIGHT - 0.5}" class="axis"/>
${all.map((hour, at) => bar(hour, at, most))}
</svg>
<p class="ends" aria-hidden="true"><span>24 h ago</span><span>now</span></p>
</figure>`;
}

function bar(hour: HourOfRuns, at: number, most: number) {
  let top = HEIGHT - 1;
  const rects = SERIES.filter((series) => hour[series] > 0).map((series) => {
    const height = Math.max(LEAST, (hour[series] / most) * (HEIGHT - 10));
    top -= height;
    return html`<rect x="${fixed(at * STEP + 1.5)}" y="${fixed(top)}" width="${STEP - 3}" height="${fixed(height)}" class="${series}"/>`;
  });
  if (rects.length === 0) return "";
  const from = new Date(hour.from).toISOString();
  const words = `: ${hour.success} success, ${hour.failure} failure, ${hour.skipped} skipped`;
  // Within a title no element can stand, so the page's script writes it in the reader's zone.
  return html`<g><title data-from="${from}" data-words="${words}">${from.slice(11, 16)} UTC${words}</title>${rects}</g>`;
}

const fixed = (number: number): string => String(Math.round(number * 10) / 10);
