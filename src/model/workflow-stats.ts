import { type Durations, durationsOf } from "./durations.ts";
import { isOpen, type ListedRun } from "./run.ts";

/** The success rate and the durations are taken from so many of the newest runs that have ended. */
export const MEASURED_RUNS = 100;

/** So many of the newest runs are shown one by one. */
export const RECENT_RUNS = 30;

/** So many of the newest runs of a workflow are looked through for its last success. */
export const LOOKED_THROUGH_RUNS = 2000;

/** A run as far as the figures of its workflow need it. */
export type RecentRun = Pick<ListedRun, "id" | "status" | "trigger" | "acceptedAt" | "dueAt" | "startedAt" | "endedAt">;

/** How the runs of a workflow went of late. */
export type WorkflowStats = {
  /** The newest runs, newest first, up to `RECENT_RUNS`. */
  readonly recent: readonly RecentRun[];
  /** How many of the newest ended runs the next three are taken from, up to `MEASURED_RUNS`. */
  readonly ended: number;
  readonly success: number;
  readonly failure: number;
  /** Of the latest attempts of those that ended as success or failure. */
  readonly durations: Durations | undefined;
  /** Of the newest `LOOKED_THROUGH_RUNS`; undefined: none of them was a success. */
  readonly lastSuccess: RecentRun | undefined;
  /** Of all runs that are kept. */
  readonly lastFailure: RecentRun | undefined;
};

/**
 * The figures of a workflow. Runs that were skipped, superseded or cancelled say nothing about whether it works: they are
 * left out of the rate and of the durations.
 * @param newest its newest runs, newest first.
 */
export function statsOf(
  newest: readonly RecentRun[],
  last: { readonly success?: RecentRun | undefined; readonly failure?: RecentRun | undefined } = {},
): WorkflowStats {
  const ended = newest.filter((run) => !isOpen(run)).slice(0, MEASURED_RUNS);
  const counted = ended.filter(({ status }) => status === "success" || status === "failure");
  const success = counted.filter(({ status }) => status === "success").length;
  const durations = counted.flatMap(({ startedAt, endedAt }) =>
    startedAt === undefined || endedAt === undefined ? [] : [Math.max(0, endedAt - startedAt)],
  );
  return {
    recent: newest.slice(0, RECENT_RUNS),
    ended: ended.length,
    success,
    failure: counted.length - success,
    durations: durationsOf(durations),
    lastSuccess: newest.find(({ status }) => status === "success") ?? last.success,
    lastFailure: newest.find(({ status }) => status === "failure") ?? last.failure,
  };
}

/** The share of successes, 0 to 1; undefined when no run ended as success or failure. */
export function successRate({ success, failure }: Pick<WorkflowStats, "success" | "failure">): number | undefined {
  return success + failure === 0 ? undefined : success / (success + failure);
}

/** The same in whole percent: 100 only if all were successes, and 0 only if none was. */
export function ratePercent(counts: Pick<WorkflowStats, "success" | "failure">): number | undefined {
  const rate = successRate(counts);
  if (rate === undefined) return undefined;
  if (counts.failure === 0) return 100;
  return counts.success === 0 ? 0 : Math.min(99, Math.max(1, Math.round(rate * 100)));
}
