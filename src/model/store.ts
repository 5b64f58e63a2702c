import type { AuditLog } from "./audit.ts";
import type { Claim, Lease, Settlement } from "./claim.ts";
import type { EventNotes } from "./events.ts";
import type { Counts, FailureReason, LinesPage, RunDetail, RunFilter, RunPage } from "./history.ts";
import type { LimitLog } from "./limits.ts";
import type { Accepted, NewRun } from "./new-run.ts";
import type { Overview } from "./overview.ts";
import type { Attempt, Json, LogLine, Run, Step } from "./run.ts";
import type { Cancel, Paused, Rerun, RerunOptions } from "./run-actions.ts";
import type { Sessions } from "./session.ts";
import type { LastSuccess } from "./since-success.ts";
import type { By } from "./who.ts";
import type { WorkflowStats } from "./workflow-stats.ts";

/**
 * A schedule that was carried out further ahead than this was carried out with a wrong clock. Smaller differences are
 * ignored, because the clocks of replicas differ.
 */
export const WRONG_CLOCK_MS = 3_600_000;

/**
 * Queued runs, by what they wait for: their turn, another attempt after a transient fault, the end of a limit, or until
 * their workflow is resumed. Also runs whose workflow waits (`wait`), which are not queued.
 */
export type Waiting = {
  readonly reason: "turn" | "retry" | "limit" | "paused" | "wait";
  readonly count: number;
  /** The earliest `retriesFrom` of them, epoch milliseconds. */
  readonly since: number;
};

/** How a run once ended. */
export type End = { readonly status: "success" | "failure" } & Pick<Run, "kind" | "endedAt">;

/** A callback of a run, what it asks for, and whether it was answered. */
export type Callback = {
  readonly run: string;
  readonly workflow: string;
  readonly name: string;
  /** JSON Schema of the body; undefined: any. */
  readonly schema: Json | undefined;
  /** `over`: the wait is over, or the run has ended. */
  readonly state: "open" | "answered" | "over";
  /** Epoch milliseconds. */
  readonly answeredAt: number | undefined;
};

/** A key `workflow_run owner/name …` that wakes a waiting run. */
export type WatchedKey = { readonly key: string; readonly run: string; readonly since: number };

/** What another process has stored. */
export type News = {
  /** A run is queued that it will not take. */
  readonly queued?: boolean;
  /** The ids of runs whose attempt has ended, or that were superseded or cancelled. */
  readonly settled?: readonly string[];
  /** The ids of running runs that are cancelled: their process ends the attempts. */
  readonly cancel?: readonly string[];
  /** News may have been missed: anything may have happened. */
  readonly missed?: boolean;
};

/**
 * The queue and the history. Every write is one transaction. If it cannot be stored, the promise rejects with
 * `StoreUnavailable` and nothing has happened. Times are epoch milliseconds.
 */
export type RunStore = {
  /**
   * Stores an event; resolves when it is on disk. In a concurrency group at most one run waits, unless the workflow
   * runs every event (`queue: "all"`). A newer event replaces the waiting run. It joins that run instead if it has the
   * same input and the run waits for another attempt. A run that replaces one waiting for a limit is due when that one
   * was. Joining restarts the time for retries, and the next attempt is due within 30 s, unless the run waits for a
   * limit. An event that the workflow already had is not stored again while its run is kept. With `take`, the store may
   * claim the run immediately if it may start, which saves a transaction.
   */
  accept(event: NewRun, lease: Lease & { take: boolean }): Promise<Accepted>;
  /**
   * Claims up to `limit` due runs: the one that was due first, then in the order of acceptance. It claims only one
   * suspect, and none while the owner has one. Running runs whose lease has ended were interrupted: `afterInterruption`
   * decides what follows, and they have their place in that order.
   */
  claim(lease: Lease & { limit: number }): Promise<readonly Claim[]>;
  /**
   * Extends the leases of claims that still belong to their owner, and resolves with these. If there are several, a
   * claim whose run is being written now may be missing: extend it alone.
   */
  extend(claims: readonly Claim[], leaseMs: number): Promise<readonly Claim[]>;
  /**
   * Ends an attempt. If its run would wait again while a newer run waits in its group, the newer run supersedes it.
   * Resolves with the run's new state; undefined if the claim no longer belongs to this owner.
   * @param lines the last lines that its workflow wrote. A reader who sees the attempt's end finds them.
   */
  settle(claim: Claim, attempt: Attempt, settlement: Settlement, lines?: readonly LogLine[]): Promise<Run | undefined>;
  /** Stores a step or wait that has begun or ended. */
  saveStep(claim: Claim, step: Step): Promise<void>;
  /**
   * Queues an ended run for another attempt, which repeats all steps, or continues from the failure (`from`). Rejected
   * while an older run of its group has not ended: so a queued run is always newer than the running one. Not needed
   * while a newer run of its group has not ended. Also not needed if its group has any newer run, unless `evenIfOlder`
   * is set. If the workflow runs every event, runs that have not ended do not matter.
   */
  rerun(id: string, now: number, options?: RerunOptions): Promise<Rerun>;
  /** Makes every run that waits for one of these events due now, on any replica. Resolves with their number. */
  wake(keys: readonly string[]): Promise<number>;
  /** Cancels a run. `hasHandler`: whether a workflow has a `cancelled`, which is due if the run had started. */
  cancel(id: string, by: By, hasHandler: (workflow: string) => boolean): Promise<Cancel>;
  /**
   * Opens a callback of a run, or finds the open one.
   * @returns the secret part of its URL.
   */
  openCallback(claim: Claim, callback: { name: string; schema: Json | undefined }): Promise<string>;
  /** The callback with this secret; undefined if there is none. */
  callback(secret: string): Promise<Callback | undefined>;
  /** Answers a callback once. Resolves with its state before. */
  answerCallback(secret: string, body: Json, by: By): Promise<Callback | undefined>;
  /** Starts no more runs of a workflow. Running ones continue. False: it was already paused. */
  pause(workflow: string, by: By): Promise<boolean>;
  /** False: it was not paused. */
  resume(workflow: string, by: By): Promise<boolean>;
  paused(): Promise<readonly Paused[]>;
  /** Stores lines that a workflow wrote, each once. Does not wait for the disk. */
  saveLines(claim: Claim, lines: readonly LogLine[]): Promise<void>;
  /** Lines of a run, from the first attempt on; undefined if there is no such run. */
  lines(run: string, page: { after?: string | undefined; limit: number }): Promise<LinesPage | undefined>;
  get(id: string): Promise<RunDetail | undefined>;
  /** The existing ones of these runs, without details. */
  runs(ids: readonly string[]): Promise<readonly Run[]>;
  /**
   * Newest first; `cursor` is the `next` of an earlier page. With words, each page checks a limited number of runs: it
   * can have few runs, or none, and still a `next`.
   */
  list(filter: RunFilter, page: { limit: number; cursor?: string | undefined }): Promise<RunPage>;
  /** How many of a filter's runs are in each status, ignoring the filter's status. Each is counted up to 10,000. */
  counts(filter: RunFilter): Promise<Counts>;
  /**
   * Indexes up to `most` changed runs that are not running, the newest first. Resolves with their number. `busy`:
   * another process is indexing.
   */
  index(most: number): Promise<number | "busy">;
  /** Why the newest runs of a filter failed, up to 1000, newest first. Ignores the filter's status. */
  reasons(filter: RunFilter, limit: number): Promise<readonly FailureReason[]>;
  /**
   * Runs of workflows that have a group, newest first: the newest of each group, or with `group` all of that group.
   * `text` is a part of the group's name, in any case. Each page checks a limited number of runs: it can have few, or
   * none, and still a `next`. The `cursor` of a run gives the runs after it.
   */
  newestOfGroups(
    filter: {
      readonly workflows: readonly { readonly name: string /** Of the group's name. */; readonly prefix: string }[];
      readonly text?: string | undefined;
      readonly group?: string | undefined;
    },
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{
    readonly found: readonly { readonly id: string; readonly cursor: string }[];
    readonly next: string | undefined;
  }>;
  /**
   * The existing ones of these runs, with their steps, in any order. An input or a result of more than 64 KiB is left
   * out: null and undefined.
   */
  several(ids: readonly string[]): Promise<readonly Pick<RunDetail, "run" | "steps">[]>;
  /**
   * How a run of the same workflow and group last ended before this ended run. A run without a group is alone.
   * Undefined if none is known. Of two runs that are compared with each other, exactly one ended before.
   */
  endBefore(run: Run): Promise<End | undefined>;
  /** How the recent runs of each of these workflows ended; also for workflows without runs. */
  workflowStats(names: readonly string[]): Promise<ReadonlyMap<string, WorkflowStats>>;
  /** The names of workflows with runs, up to 500. */
  workflowNames(): Promise<readonly string[]>;
  /** Until when each workflow's schedule was carried out, epoch milliseconds; also for workflows that once had one. */
  schedules(): Promise<ReadonlyMap<string, number>>;
  /**
   * The last success before the latest attempt of a run: of the same workflow and group, or of the same workflow if it
   * has no group. Checks 100 runs on each side. Undefined if none of them succeeded, or there is no such run.
   */
  lastSuccess(run: Pick<Run, "id" | "workflow" | "group" | "endedAt">): Promise<LastSuccess | undefined>;
  /** The latest successful run of a workflow with this key that ended at or after `since`. */
  findSuccess(workflow: string, dedupeKey: string, since: number): Promise<string | undefined>;
  /**
   * Until when a workflow's schedule was carried out: its last accepted tick. A new schedule begins at `now`, which is
   * then stored. So does one whose last tick is more than `WRONG_CLOCK_MS` ahead.
   */
  scheduledUntil(workflow: string, now: number): Promise<number>;
  /** What is queued or waits now. A reason without runs is left out. */
  waiting(): Promise<readonly Waiting[]>;
  /**
   * When the first queued or waiting run is due, which may be in the past; undefined if there is none.
   * @param forMs leaves out runs that have been due for this long, since they may have to wait for their turn.
   */
  nextDue(forMs?: number): Promise<number | undefined>;
  /** Deletes runs that ended before this time, up to `limit`. Resolves with their number. */
  forget(before: number, limit: number): Promise<number>;
  /**
   * Whether this process may do something that one of all processes does in each interval, by the store's clock. One
   * process gets true, and the next one an interval later. A clock that is set back delays it by up to two intervals.
   */
  turn(name: string, everyMs: number): Promise<boolean>;
  /** The value stored under this name; undefined if there is none. Does not wait for the disk. */
  mark(name: string): Promise<Json | undefined>;
  setMark(name: string, value: Json): Promise<void>;
  /** The keys `workflow_run …` that wake waiting runs, those runs, and when they were accepted, epoch milliseconds. */
  watched(): Promise<readonly WatchedKey[]>;
  /**
   * Makes runs that wait to retry after a transient fault due now, the newest accepted first. Runs that wait for a
   * limit still wait. The failed attempt no longer counts. Resolves with their number.
   * @param most only this many of the newest runs that may start.
   */
  hasten(most?: number): Promise<number>;
  /** What GitHub's limits have left for each account. */
  readonly limits: LimitLog;
  /** The totals of what happened. */
  readonly overview: Overview;
  /** Events that started no run, and the senders of events. */
  readonly events: EventNotes;
  /** The people who signed in with a browser. */
  readonly sessions: Sessions;
  /** Who did what, and what was rejected. */
  readonly audit: AuditLog;
  /**
   * Gets what other processes that share the store have done. A store of one process has no such news.
   * @returns a function that ends it.
   */
  hear(listener: (news: News) => void): () => void;
  /** Rejects if nothing can be stored. */
  check(): Promise<void>;
  close(): Promise<void>;
};

export const STORE_TROUBLES = ["disk_full", "files_gone", "other"] as const;

/** Why nothing can be stored, as far as a person must act differently. */
export type StoreTrouble = (typeof STORE_TROUBLES)[number];

/**
 * Nothing can be stored now: the disk is full, or the database is not available. No partial data remains. The data may
 * be stored later if only its confirmation failed: a flush of the disk, or an answer of the database.
 */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly trouble: StoreTrouble;

  constructor(message: string, { cause, trouble = "other" }: { cause?: unknown; trouble?: StoreTrouble } = {}) {
    super(message, { cause });
    this.trouble = trouble;
  }

  /** By name, because the release has this class twice: once in the file that is loaded only for PostgreSQL. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Object && (value as Error).name === "StoreUnavailable";
  }
}
