import { html } from "hono/html";
import { ENDED_STATUSES, isOpen, type RunStatus } from "../model/run.ts";
import { RECENT_RUNS, type RecentRun } from "../model/workflow-stats.ts";
import { ageText, durationText, statusName, tookMs } from "./shown.ts";

/** The width of one run, and of the bar in it. */
const STEP = 8;
const BAR = 6;
const HEIGHT = 24;
const WIDTH = RECENT_RUNS * STEP;
/** Minimum height: the fastest success stays visible. */
const LEAST = 5;

/**
 * The newest runs as bars, the newest on the right. The height of a success shows its duration. Each other status has a shape as
 * well as a colour: a failure has full height and a cross, an open run is hollow, a run that did no work is low.
 * @param links how many bars are links, failures first. Each link adds 150 bytes to the page.
 */
export function sparkline(
  recent: readonly RecentRun[],
  { links, now }: { readonly links: number; readonly now: number },
) {
  if (recent.length === 0) return html`<p class="note">No run yet.</p>`;
  const bars = barsOf(recent, now);
  const linked = new Set(
    bars.toSorted((a, b) => Number(b.run.status === "failure") - Number(a.run.status === "failure")).slice(0, links),
  );
  const paths = [...Map.groupBy(bars, ({ kind }) => kind)].map(
    ([kind, its]) => html`<path class="${kind}" d="${its.map(({ path }) => path).join("")}"/>`,
  );
  const crosses = bars.flatMap(({ kind, x }) => (kind === "failure" ? `M${x + 1} 4l4 4m0-4-4 4` : []));
  return html`<div class="spark"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
<path class="axis" d="M0 23.5H${WIDTH}"/>${paths}${crosses.length > 0 ? html`<path class="cross" d="${crosses.join("")}"/>` : ""}
${bars
  .filter((bar) => linked.has(bar))
  .map(
    ({ run, x }) => html`<a href="/runs/${run.id}" tabindex="-1"><title>${barText(run, now)}</title><path
 class="hit" d="M${x - 1} 0h${STEP}v${HEIGHT}h-${STEP}z"/></a>`,
  )}</svg><span class="unseen">${inWords(recent)}</span></div>`;
}

type Bar = { readonly run: RecentRun; readonly kind: string; readonly x: number; readonly path: string };

/** The bars of the runs. The newest is at the right end. */
function barsOf(recent: readonly RecentRun[], now: number): readonly Bar[] {
  const took = (run: RecentRun) => Math.sqrt(tookMs(run, now) ?? 0);
  const longest = Math.max(1, ...recent.filter(({ status }) => status === "success").map(took));
  return recent.map((run, at) => {
    const x = WIDTH - (at + 1) * STEP + 1;
    const kind = isOpen(run) ? "open" : run.status;
    return { run, kind, x, path: shapeOf(kind, x, took(run) / longest) };
  });
}

/** The path of a bar. A line with the width of the bar takes half the bytes of an outline. */
function shapeOf(kind: string, x: number, share: number): string {
  const bar = (height: number) => `M${x + BAR / 2} ${HEIGHT}v-${height}`;
  switch (kind) {
    case "success":
      return bar(Math.round(LEAST + share * (HEIGHT - 3 - LEAST)));
    case "failure":
      return bar(HEIGHT);
    case "open":
      return `M${x + 1} 13h4v10h-4z`;
    case "cancelled":
      return `M${x + 1} 19h4v4h-4z`;
    case "superseded":
      return `M${x} 20h2v4h-2zm4 0h2v4h-2z`;
    default:
      return bar(3);
  }
}

function barText(run: RecentRun, now: number): string {
  const took = tookMs(run, now);
  const lasted = took === undefined ? "" : `, ${run.endedAt === undefined ? "for" : "took"} ${durationText(took)}`;
  return `${statusName(run.status)}, ${ageText(now - run.acceptedAt)}${lasted}`;
}

/** The bars in words, for screen readers. */
function inWords(recent: readonly RecentRun[]): string {
  const byStatus = Map.groupBy(recent, (run): RunStatus | "unfinished" => (isOpen(run) ? "unfinished" : run.status));
  const counts = [...ENDED_STATUSES, "unfinished" as const]
    .flatMap((status) => (byStatus.has(status) ? `${byStatus.get(status)?.length} ${status}` : []))
    .join(", ");
  const newest = recent[0]?.status ?? "";
  return recent.length === 1
    ? `The last run: ${newest}.`
    : `The last ${recent.length} runs: ${counts}. The newest: ${newest}.`;
}
