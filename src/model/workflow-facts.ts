import type { Workflow } from "./workflow.ts";
import type { BrokenFile } from "./workflow-file.ts";
import type { RecentRun, WorkflowStats } from "./workflow-stats.ts";

/** Schedules are shown for so long ahead, ms. With daylight saving a day of the clock may be an hour longer or shorter. */
export const AHEAD_MS = 24 * 3_600_000;

/** So many ticks of one schedule are named. One that is due more often than once an hour has more. */
export const MAX_TICKS = 24;

/** A tick makes its run within a second. After so long, ms, something is wrong. */
const LATE_MS = 60_000;

/** What is known about a workflow. */
export type WorkflowFacts = {
  readonly name: string;
  /** Undefined: it is gone, and runs of it are left. */
  readonly workflow: Workflow | undefined;
  /** Its name in WORKFLOWS_DIR, or `built in`. */
  readonly file: string | undefined;
  /** The version of its code, see `Attempt`. */
  readonly code: string | undefined;
  /** Of one that is gone: the file that is named like it, and what is wrong with that. */
  readonly broken: BrokenFile | undefined;
  readonly stats: WorkflowStats;
  /** Undefined: it has no schedule. */
  readonly schedule: ScheduleFacts | undefined;
};

/** Finds what is known now, or at another time, epoch milliseconds. */
export type FindFacts = {
  /** In the order in which the workflows were loaded; those that are gone come last. */
  all(now?: number): Promise<readonly WorkflowFacts[]>;
  /** Undefined: there is neither a workflow of this name, nor a run. */
  one(name: string, now?: number): Promise<WorkflowFacts | undefined>;
};

/** When a schedule is due. All times are epoch milliseconds. */
export type ScheduleFacts = {
  /** In the next 24 hours, the first `MAX_TICKS`. */
  readonly ticks: readonly number[];
  /** Whether there are further ones in the next 24 hours. */
  readonly hasMore: boolean;
  /** The next one, also when that is later; undefined: there is none any more. */
  readonly next: number | undefined;
  readonly late: Late | undefined;
};

/** A tick that has passed: its run has not begun, or was not even accepted. */
export type Late = { readonly at: number; readonly run: string | undefined };

/**
 * What is late of a schedule.
 * @param last its last tick. @param carriedOutUntil the last tick that was accepted; undefined: it is not known yet.
 * @param recent the newest runs of its workflow, newest first.
 */
export function lateOf(
  last: number | undefined,
  carriedOutUntil: number | undefined,
  recent: readonly RecentRun[],
  now: number,
): Late | undefined {
  // One that was attempted has begun, and failed: it is not late, but retried.
  const waiting = recent.findLast(
    ({ trigger, status, startedAt }) => trigger === "schedule" && status === "queued" && startedAt === undefined,
  );
  if (waiting && now - waiting.acceptedAt >= LATE_MS) return { at: waiting.acceptedAt, run: waiting.id };
  if (last === undefined || carriedOutUntil === undefined || carriedOutUntil >= last) return undefined;
  return now - last >= LATE_MS ? { at: last, run: undefined } : undefined;
}
