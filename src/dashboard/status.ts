import { html, raw } from "hono/html";
import type { Attempt, ListedRun, RunStatus } from "../model/run.ts";

type Status = RunStatus | Attempt["outcome"];

const NAMES: Readonly<Record<Status, string>> = {
  queued: "Queued",
  running: "Running",
  success: "Success",
  skipped: "Skipped",
  failure: "Failure",
  superseded: "Superseded",
  interrupted: "Interrupted",
  stopped: "Stopped",
};

const PAUSE = '<circle cx="8" cy="8" r="6.25" class="line"/><path d="M6.25 5.5v5m3.5-5v5" class="line"/>';

export const statusName = (status: Status): string => NAMES[status];

/** Each status has a shape of its own, so that it can be told without its colour. 16 units wide and high. */
const SHAPES: Readonly<Record<Status, string>> = {
  queued: '<circle cx="8" cy="8" r="6.25" class="line"/><path d="M8 4.5V8l2.5 1.5" class="line"/>',
  running:
    '<circle cx="8" cy="8" r="6.25" class="line faint"/><path d="M8 1.75A6.25 6.25 0 0 1 14.25 8" class="line"/>',
  success: '<circle cx="8" cy="8" r="7" class="fill"/><path d="M4.75 8.25 7 10.5l4.25-4.75" class="cut"/>',
  failure: '<circle cx="8" cy="8" r="7" class="fill"/><path d="m5.5 5.5 5 5m0-5-5 5" class="cut"/>',
  skipped: '<circle cx="8" cy="8" r="6.25" class="line"/><path d="m4 12 8-8" class="line"/>',
  superseded:
    '<circle cx="8" cy="8" r="6.25" class="line"/><path d="M4.75 8h6m-2.5-2.75L11 8l-2.75 2.75" class="line"/>',
  interrupted: PAUSE,
  stopped: PAUSE,
};

/** The icon of a status; `alone` when no word beside it says the same. */
export function statusIcon(status: Status, { alone = false, waits = false } = {}) {
  const meaning = alone ? html` role="img" aria-label="${NAMES[status]}"` : raw(' aria-hidden="true"');
  return html`<svg class="icon is-${status}${waits ? " waits" : ""}" viewBox="0 0 16 16" width="16" height="16"${meaning}>${raw(SHAPES[status])}</svg>`;
}

/** What a run is about, in a word or two: the application or another group, where there is one; else its workflow. */
export function subjectOf({ group, workflow }: Pick<ListedRun, "group" | "workflow">): string {
  return group || workflow;
}

/** How long the latest attempt took, ms; so far, while it runs. */
export function tookMs({ status, startedAt, endedAt }: ListedRun, now: number): number | undefined {
  if (startedAt === undefined || status === "superseded" || status === "queued") return undefined;
  return Math.max(0, (endedAt ?? now) - startedAt);
}
