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
 * A schedule that was carried out until further ahead was so by a clock that was wrong. Less is left alone, since the
 * clocks of replicas differ.
 */
export const WRONG_CLOCK_MS = 3_600_000;

/**
 * Runs that are queued, by what they wait for: their turn, another attempt after a passing fault, a limit's end, or that
 * their workflow is resumed; and those whose workflow waits (`wait`), which are not queued.
 */
export type Waiting = {
  readonly reason: "turn" | "retry" | "limit" | "paused" | "wait";
  readonly count: number;
  /** The earliest `retriesFrom` of them, epoch milliseconds. */
  readonly since: number;
};

/** How a run once ended. */
export type End = { readonly status: "success" | "failure" } & Pick<Run, "kind" | "endedAt">;

/** A URL that was handed out, and what it asks for. */
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

/** A key `workflow_run owner/name …` by which a waiting run is woken. */
export type WatchedKey = { readonly key: string; readonly run: string; readonly since: number };

/** What another process has stored. */
export type News = {
  /** Something is queued that it will not take itself. */
  readonly queued?: boolean;
  /** Ids of runs whose attempt has ended, or that were superseded. */
  readonly settled?: readonly string[];
  /** Ids of running runs that are cancelled: their process ends the attempts. */
  readonly cancel?: readonly string[];
  /** Nothing could be heard for a while: anything may have happened. */
  readonly missed?: boolean;
};

/**
 * Queue and history in one. Every write is one transaction; when it cannot be stored, the promise rejects with
 * `StoreUnavailable` and nothing of it happened. Times are epoch milliseconds.
 */
export type RunStore = {
  /**
   * Stores an event; resolves once it is on disk. In a concurrency group at most one run waits: a newer event takes
   * the place of the waiting one, or joins it when it brings the same input as a run that waits for another attempt.
   * What takes the place of a run that waits for a limit is due when that one was.
   * Joining starts the time for retries anew, and the next attempt is due within 30 s unless a limit is waited for.
   * An event that the workflow has had is not stored again, for as long as its run is kept.
   * With `take` the store may claim the run at once when its turn has come, which saves a transaction.
   */
  accept(event: NewRun, lease: Lease & { take: boolean }): Promise<Accepted>;
  /**
   * Takes up to `limit` due runs, oldest due first, then in the order of their acceptance; of suspects one, and none while
   * the owner has one. Running ones whose lease has ended were interrupted: what follows is `afterInterruption`'s to say.
   * They have their place in that order.
   */
  claim(lease: Lease & { limit: number }): Promise<readonly Claim[]>;
  /**
   * Renews the leases of those claims that are still their owner's, and resolves with these. Of several, one whose run is
   * being written at the same moment may be left out: ask for it alone.
   */
  extend(claims: readonly Claim[], leaseMs: number): Promise<readonly Claim[]>;
  /**
   * Ends an attempt. A run that would wait again while a newer one waits in its group is superseded by it.
   * Resolves with the run as it is now; undefined when the claim is no longer this owner's.
   * @param lines the last that its workflow has written: who sees that the attempt has ended finds them.
   */
  settle(claim: Claim, attempt: Attempt, settlement: Settlement, lines?: readonly LogLine[]): Promise<Run | undefined>;
  /** Keeps a step or wait that has begun, or has ended. */
  saveStep(claim: Claim, step: Step): Promise<void>;
  /**
   * Queues an ended run again, as another attempt that repeats all steps. Rejected while its group has a run that is
   * queued or running: what waits in a group is then always newer than what runs. Not needed when its group has a
   * newer run, unless `evenIfOlder` is set.
   */
  rerun(id: string, now: number, options?: RerunOptions): Promise<Rerun>;
  /** Every run that waits for one of these events is due now, on any replica. Resolves with how many there are. */
  wake(keys: readonly string[]): Promise<number>;
  /** Cancels a run. `hasHandler`: whether a workflow has a `cancelled`, which is due when a run that had started ends so. */
  cancel(id: string, by: By, hasHandler: (workflow: string) => boolean): Promise<Cancel>;
  /**
   * Opens a callback of a run, or finds it open already.
   * @returns the secret part of its URL.
   */
  openCallback(claim: Claim, callback: { name: string; schema: Json | undefined }): Promise<string>;
  /** The callback with this secret; undefined when there is none. */
  callback(secret: string): Promise<Callback | undefined>;
  /** Answers a callback once; resolves with what it was before. */
  answerCallback(secret: string, body: Json, by: By): Promise<Callback | undefined>;
  /** Begins no more runs of a workflow; what runs continues. False: it is paused already. */
  pause(workflow: string, by: By): Promise<boolean>;
  /** False: it is not paused. */
  resume(workflow: string, by: By): Promise<boolean>;
  paused(): Promise<readonly Paused[]>;
  /** Keeps lines that a workflow has written, once each. Does not wait for the disk. */
  saveLines(claim: Claim, lines: readonly LogLine[]): Promise<void>;
  /** Lines of a run, the first attempt's first; undefined when there is no such run. */
  lines(run: string, page: { after?: string | undefined; limit: number }): Promise<LinesPage | undefined>;
  get(id: string): Promise<RunDetail | undefined>;
  /** Those of these runs that there are, without their details. */
  runs(ids: readonly string[]): Promise<readonly Run[]>;
  /**
   * Newest first; `cursor` is the `next` of an earlier page. With words only so many runs are looked through at once:
   * a page can have few runs, or none, and still a `next`.
   */
  list(filter: RunFilter, page: { limit: number; cursor?: string | undefined }): Promise<RunPage>;
  /** How many runs of a filter are in each status, whichever the filter's is; each is counted up to 10,000. */
  counts(filter: RunFilter): Promise<Counts>;
  /** Makes up to so many runs that have changed and are not running known to the search, the newest first; resolves with how many. `busy`: another process does. */
  index(most: number): Promise<number | "busy">;
  /** Why the newest runs of a filter failed, at most 1000, newest first; the filter's status does not matter. */
  reasons(filter: RunFilter, limit: number): Promise<readonly FailureReason[]>;
  /**
   * Runs of workflows that have a group, newest first: the newest of each group, or with `group` all of that one. `text` is
   * a part of the group's name; letters count in any case. Only so many runs are looked through at once: a page can have
   * few, or none, and still a `next`. The `cursor` of a run gives what comes after it.
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
   * These runs with their steps, as far as there are such runs, in any order. An input or a result of more than 64 KiB is
   * left out: null and undefined.
   */
  several(ids: readonly string[]): Promise<readonly Pick<RunDetail, "run" | "steps">[]>;
  /**
   * How a run of the same workflow and group last ended before this one, which has ended; a run without a group is
   * alone. Undefined when none is known. Of two runs that ask about each other, one ended before.
   */
  endBefore(run: Run): Promise<End | undefined>;
  /** How the runs of each of these workflows went of late; of one without runs, too. */
  workflowStats(names: readonly string[]): Promise<ReadonlyMap<string, WorkflowStats>>;
  /** The names of workflows that there are runs of, up to 500. */
  workflowNames(): Promise<readonly string[]>;
  /** Until when the schedule of each workflow has been carried out, epoch milliseconds; of those that once had one, too. */
  schedules(): Promise<ReadonlyMap<string, number>>;
  /**
   * The last success before the latest attempt of a run: of the same workflow and group, or of the same workflow when it
   * has no group. Looks through 100 runs on either side. Undefined when none of them is one, or there is no such run.
   */
  lastSuccess(run: Pick<Run, "id" | "workflow" | "group" | "endedAt">): Promise<LastSuccess | undefined>;
  /** The latest successful run of a workflow with this key that ended at or after `since`. */
  findSuccess(workflow: string, dedupeKey: string, since: number): Promise<string | undefined>;
  /**
   * Until when a workflow's schedule has been carried out: its last tick that was accepted. One that is new begins at
   * `now`, which is then remembered; so does one whose last tick is more than `WRONG_CLOCK_MS` ahead.
   */
  scheduledUntil(workflow: string, now: number): Promise<number>;
  /** What is queued or waits now. A reason that no run waits for is left out. */
  waiting(): Promise<readonly Waiting[]>;
  /**
   * When the first queued or waiting run is due, be it in the past; undefined when there is none.
   * @param forMs leaves out those that have been due for so long: they may have to wait for their turn.
   */
  nextDue(forMs?: number): Promise<number | undefined>;
  /** Deletes ended runs that ended before, at most `limit`; resolves with how many. */
  forget(before: number, limit: number): Promise<number>;
  /**
   * Whether this process may do something that one of all does every so many milliseconds, by the store's clock. One gets
   * true; the next one so many milliseconds later. A clock that is set back delays it by twice as much, at most.
   */
  turn(name: string, everyMs: number): Promise<boolean>;
  /** What was kept under this name; undefined when nothing was. Does not wait for the disk. */
  mark(name: string): Promise<Json | undefined>;
  setMark(name: string, value: Json): Promise<void>;
  /** The keys `workflow_run …` that wake runs which wait, those runs, and when they were accepted, epoch milliseconds. */
  watched(): Promise<readonly WatchedKey[]>;
  /**
   * What waits for another attempt after a passing fault is due now, the newest accepted first; what waits for a limit still
   * waits. The failed attempt before does not count any more. Resolves with how many.
   * @param most so many of the newest alone, of those that may begin.
   */
  hasten(most?: number): Promise<number>;
  /** What GitHub's limits have left of each account. */
  readonly limits: LimitLog;
  /** What happened, in sum. */
  readonly overview: Overview;
  /** Events that started no run, and who was heard. */
  readonly events: EventNotes;
  /** Who has signed in with a browser. */
  readonly sessions: Sessions;
  /** Who did what, and what was rejected. */
  readonly audit: AuditLog;
  /**
   * Tells what other processes that share the store have done; a store of one process has nothing to tell.
   * @returns how to end it.
   */
  hear(listener: (news: News) => void): () => void;
  /** Rejects when nothing can be stored. */
  check(): Promise<void>;
  close(): Promise<void>;
};

export const STORE_TROUBLES = ["disk_full", "files_gone", "other"] as const;

/** Why nothing can be stored, as far as a person acts differently. */
export type StoreTrouble = (typeof STORE_TROUBLES)[number];

/**
 * Nothing can be stored at the moment: the disk is full, the database is away. Nothing half-written remains. What was to be stored
 * may be there later nevertheless, when only its confirmation failed: a flush of the disk, an answer of the database.
 */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly trouble: StoreTrouble;

  constructor(message: string, { cause, trouble = "other" }: { cause?: unknown; trouble?: StoreTrouble } = {}) {
    super(message, { cause });
    this.trouble = trouble;
  }

  /** By name: the release has this class twice, once in the file that is loaded for PostgreSQL alone. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Object && (value as Error).name === "StoreUnavailable";
  }
}
