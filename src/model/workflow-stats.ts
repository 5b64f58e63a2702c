import { type Durations, durationsOf } from "./durations.ts";
import { isOpen, type ListedRun } from "./run.ts";

/** How many of the newest ended runs the success rate and the durations use. */
export const MEASURED_RUNS = 100;

/** How many of the newest runs are shown one by one. */
export const RECENT_RUNS = 30;

/** How many of a workflow's newest runs are checked for its last success. */
export const LOOKED_THROUGH_RUNS = 2000;

/** The part of a run that its workflow's figures need. */
export type RecentRun = Pick<ListedRun, "id" | "status" | "trigger" | "acceptedAt" | "dueAt" | "startedAt" | "endedAt">;

/** How the recent runs of a workflow ended. */
export type WorkflowStats = {
  /** The newest runs, newest first, up to `RECENT_RUNS`. */
  readonly recent: readonly RecentRun[];
  /** How many of the newest ended runs the next three figures use, up to `MEASURED_RUNS`. */
  readonly ended: number;
  readonly success: number;
  readonly failure: number;
  /** Of the latest attempts of runs that ended as success or failure. */
  readonly durations: Durations | undefined;
  /** Of the newest `LOOKED_THROUGH_RUNS`; undefined: none of them succeeded. */
  readonly lastSuccess: RecentRun | undefined;
  /** Of all stored runs. */
  readonly lastFailure: RecentRun | undefined;
};

/**
 * The figures of a workflow. Skipped, superseded or cancelled runs do not show whether it works, so the rate and the
 * durations leave them out.
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

/** The share of successes, 0 to 1; undefined if no run ended as success or failure. */
export function successRate({ success, failure }: Pick<WorkflowStats, "success" | "failure">): number | undefined {
  return success + failure === 0 ? undefined : success / (success + failure);
}

/** The same in whole percent: 100 only if all runs succeeded, and 0 only if none did. */
export function ratePercent(counts: Pick<WorkflowStats, "success" | "failure">): number | undefined {
  const rate = successRate(counts);
  if (rate === undefined) return undefined;
  if (counts.failure === 0) return 100;
  return counts.success === 0 ? 0 : Math.min(99, Math.max(1, Math.round(rate * 100)));
}
