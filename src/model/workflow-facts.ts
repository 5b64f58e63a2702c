import type { Workflow } from "./workflow.ts";
import type { BrokenFile } from "./workflow-file.ts";
import type { RecentRun, WorkflowStats } from "./workflow-stats.ts";

/**
 * How far ahead schedules are shown, ms. With daylight saving time, a calendar day may be one hour longer or shorter.
 */
export const AHEAD_MS = 24 * 3_600_000;

/** How many ticks of one schedule are listed. A schedule that runs more than once per hour has more. */
export const MAX_TICKS = 24;

/** A tick starts its run within a second. After this long, ms, something is wrong. */
const LATE_MS = 60_000;

/** The facts about a workflow. */
export type WorkflowFacts = {
  readonly name: string;
  /** Undefined: it is gone, but some of its runs are left. */
  readonly workflow: Workflow | undefined;
  /** Its name in WORKFLOWS_DIR, or `built in`. */
  readonly file: string | undefined;
  /** The version of its code, see `Attempt`. */
  readonly code: string | undefined;
  /** For a workflow that is gone: the file with its name, and what is wrong with that file. */
  readonly broken: BrokenFile | undefined;
  readonly stats: WorkflowStats;
  /** Undefined: it has no schedule. */
  readonly schedule: ScheduleFacts | undefined;
};

/** Finds the facts now, or at another time, epoch milliseconds. */
export type FindFacts = {
  /** In the order in which the workflows were loaded; those that are gone come last. */
  all(now?: number): Promise<readonly WorkflowFacts[]>;
  /** Undefined: there is no workflow with this name, and no run of it. */
  one(name: string, now?: number): Promise<WorkflowFacts | undefined>;
};

/** When a schedule is due. All times are epoch milliseconds. */
export type ScheduleFacts = {
  /** In the next 24 hours, the first `MAX_TICKS`. */
  readonly ticks: readonly number[];
  /** Whether there are more in the next 24 hours. */
  readonly hasMore: boolean;
  /** The next tick, even if it is later; undefined: there is none. */
  readonly next: number | undefined;
  readonly late: Late | undefined;
};

/** A tick that has passed, but whose run has not started, or was not even accepted. */
export type Late = { readonly at: number; readonly run: string | undefined };

/**
 * What is late in a schedule.
 * @param last its last tick. @param carriedOutUntil the last accepted tick; undefined: unknown so far.
 * @param recent the newest runs of its workflow, newest first.
 */
export function lateOf(
  last: number | undefined,
  carriedOutUntil: number | undefined,
  recent: readonly RecentRun[],
  now: number,
): Late | undefined {
  // A run that was attempted has started and failed: it is retried, not late.
  const waiting = recent.findLast(
    ({ trigger, status, startedAt }) => trigger === "schedule" && status === "queued" && startedAt === undefined,
  );
  if (waiting && now - waiting.acceptedAt >= LATE_MS) return { at: waiting.acceptedAt, run: waiting.id };
  if (last === undefined || carriedOutUntil === undefined || carriedOutUntil >= last) return undefined;
  return now - last >= LATE_MS ? { at: last, run: undefined } : undefined;
}
