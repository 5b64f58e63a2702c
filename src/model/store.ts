import type { LimitLog } from "./limits.ts";
import type { Overview } from "./overview.ts";
import type {
  Action,
  Attempt,
  BegunWait,
  FailureKind,
  FailureStatus,
  Json,
  ListedRun,
  LogLine,
  Run,
  RunStatus,
  Step,
  Trigger,
  WaitKind,
} from "./run.ts";

/** An event that is about to become a run. */
export type NewRun = {
  readonly id: string;
  readonly workflow: string;
  readonly group: string | undefined;
  readonly input: Json;
  readonly trigger?: Trigger | undefined;
  /** Who started it, see `Run`. */
  readonly actor?: string | undefined;
  readonly rerunOf?: string | undefined;
  readonly order?: Order | undefined;
  /** What tells the event from others, where its sender delivers events more than once. */
  readonly event?: EventIdentity | undefined;
  /** Stored as running already, outside its concurrency group: no other process could execute it. */
  readonly ownToken: boolean;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

/** How a workflow's runs take their turns; without it each group has one queued run, the newest. */
export type Order = {
  /** `all`: every event of a group runs, in order of acceptance. */
  readonly queue?: "latest" | "all";
  /** A newer event of a group cancels the run that is running or waits there. */
  readonly cancelRunning?: boolean;
  /** The workflow has a `cancelled`, which is called for runs that are cancelled so. */
  readonly hasHandler?: boolean;
  /** A run is due when its group has had no newer event for so long, ms. */
  readonly debounceMs?: number;
  /** At most so many runs of a group, or of a workflow without groups, begin within so many milliseconds. */
  readonly throttle?: { readonly limit: number; readonly perMs: number };
};

/** Two events in a row of one source with one id are the same event. After another one of that source it is a new one. */
export type EventIdentity = {
  readonly source: string;
  readonly id: string;
  /** Of a schedule: when it was due, epoch milliseconds. One that is not after the workflow's last is no new event. */
  readonly tick?: number;
};

/**
 * A schedule that was carried out until further ahead was so by a clock that was wrong. Less is left alone, since the
 * clocks of replicas differ.
 */
export const WRONG_CLOCK_MS = 3_600_000;

export type Accepted = {
  /** The run that stands for the event: its own, the waiting one that it joined, or the one that it has had before. */
  readonly run: string;
  readonly joined: boolean;
  /** The waiting run that this one replaced. */
  readonly superseded: string | undefined;
  /** The run that waited in its group and that this one has cancelled. */
  readonly cancelled?: string;
  /** Runs that this one cancels and that are running now. */
  readonly cancels?: readonly string[];
  /** Its workflow is paused: the run waits until it is resumed. An event with a token of its own was not stored. */
  readonly paused?: true;
  /** When it is claimed already: with a token of its own always, else if `take` was given and its turn has come. */
  readonly claim: Claim | undefined;
};

/**
 * Who claims, and for how long. The store measures the length with its clock, so a claim lasts as long as it should,
 * also when `now` (epoch milliseconds, for the history) is wrong.
 */
type Lease = { readonly owner: string; readonly now: number; readonly leaseMs: number };

/** A run that this worker alone may execute until the lease ends. */
export type Claim = {
  readonly run: Run;
  /** Number of the attempt that begins, from 1. */
  readonly attempt: number;
  readonly owner: string;
  /** Completed steps whose results stand. */
  readonly steps: readonly Step[];
  /** Waits under way. */
  readonly waits?: readonly ClaimedWait[];
  /** The run is cancelled: this is for the workflow's `cancelled`, not its `run`. */
  readonly handler?: boolean;
  /** Its two latest attempts ended with their processes: it may be the cause. */
  readonly suspect?: boolean;
};

/** A wait under way, as the next attempt finds it. */
export type ClaimedWait = {
  readonly name: string;
  readonly kind: WaitKind;
  readonly attempt: number;
  readonly startedAt: number;
  /** Its last moment has passed, by the store's clock. */
  readonly isOver: boolean;
  /** What a callback was answered with. */
  readonly answer?: { readonly body: Json; readonly actor: string; readonly at: number } | undefined;
};

/** What an attempt led to. */
export type Settlement =
  | { readonly status: "success"; readonly outputs: Json; readonly dedupeKey: string | undefined }
  | { readonly status: "skipped"; readonly reason: string }
  | { readonly status: "failure"; readonly reason: string; readonly http: FailureStatus; readonly kind: FailureKind }
  | {
      readonly status: "queued";
      readonly dueAt: number;
      /** Whether it counts as a failed attempt. */
      readonly counts: boolean;
      readonly reason: string | undefined;
      readonly http: FailureStatus | undefined;
      readonly kind: FailureKind | undefined;
    }
  | {
      readonly status: "waiting";
      readonly reason: string;
      readonly waits: readonly BegunWait[];
      /** Events that wake it, as `wakeKeys` in model/waits.ts writes them. */
      readonly wakeKeys: readonly string[];
      /** It is due again after so many milliseconds, also when none of its waits is over. */
      readonly againInMs?: number;
    }
  | { readonly status: "cancelled"; readonly reason: string };

export type RunFilter = {
  /** The beginning of an id; `isBeginningOfId` says which texts can be one. */
  readonly id?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly workflow?: string | undefined;
  readonly group?: string | undefined;
  /** Part of the group, the id, the outputs or the reason; letters count in any case. */
  readonly text?: string | undefined;
};

/** Whether a text can be the beginning of a run's id, which is a UUID, or the whole of it. */
export function isBeginningOfId(text: string): boolean {
  return text !== "" && UUID.test(completed(text, "0"));
}

/** The first and the last UUID that begin with this text. */
export function idsThatBegin(text: string): readonly [string, string] {
  return [completed(text, "0"), completed(text, "f")];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function completed(text: string, digit: string): string {
  return text.toLowerCase() + "00000000-0000-0000-0000-000000000000".slice(text.length).replaceAll("0", digit);
}

export type RunPage = { readonly runs: readonly ListedRun[]; readonly next: string | undefined };

export type RunDetail = {
  readonly run: Run;
  readonly attempts: readonly Attempt[];
  readonly steps: readonly Step[];
  /** Ids of the runs whose place it took, newest first. */
  readonly superseded: readonly string[];
  /** Of a run that waits: the events that wake it, as `wakeKeys` in model/waits.ts writes them. */
  readonly wakeKeys?: readonly string[];
  /** What was done with it and by whom, oldest first. */
  readonly actions: readonly Action[];
};

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

export type Rerun = { readonly status: "queued"; readonly run: Run } | { readonly status: "unknown" } | RerunRejected;

/** Why a run is not run again now. */
export type RerunRejected =
  | { readonly status: "rejected"; readonly reason: string }
  /** It is under way itself, or its group has a newer run. `canForce`: with `evenIfOlder` it would be queued. */
  | { readonly status: "notNeeded"; readonly reason: string; readonly canForce: boolean };

export type RerunOptions = {
  /** Queues a run although its group has a newer one. */
  readonly evenIfOlder?: boolean | undefined;
  /** `failure`: what steps and finished waits led to stands. `start`, and without it: they are repeated. */
  readonly from?: "start" | "failure" | undefined;
  readonly actor?: string | undefined;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

/** Which runs something is done with, all at once. */
export type BulkFilter = {
  readonly workflow?: string | undefined;
  readonly group?: string | undefined;
  readonly text?: string | undefined;
  /** Accepted at or after, epoch milliseconds. */
  readonly since?: number | undefined;
};

export type BulkResult = {
  /** As it is now. */
  readonly run: ListedRun;
  readonly result: "queued" | "notNeeded" | "rejected" | "cancelled" | "cancelling";
  readonly reason?: string | undefined;
};

/** What became of each run; `more`: there are further ones, with which nothing was done. */
export type Bulk = { readonly results: readonly BulkResult[]; readonly more: boolean };

/** Who does something, and when by the process's clock. */
export type By = { readonly actor: string; readonly at: number };

export type Cancel =
  /** It had not begun or it waited: it has ended. */
  | { readonly status: "cancelled"; readonly run: Run }
  /** It is running: its process is told, and ends the attempt. */
  | { readonly status: "cancelling"; readonly run: Run }
  | { readonly status: "ended"; readonly run: Run }
  | { readonly status: "unknown" };

/** A workflow whose runs are not begun for now; `*` is all of them. */
export type Paused = By & { readonly workflow: string };

export const ALL_WORKFLOWS = "*";

/** Whether one of these pauses is for a workflow. */
export function pauseOf<Pause extends { readonly workflow: string }>(
  workflow: string,
  paused: readonly Pause[],
): Pause | undefined {
  return paused.find((each) => each.workflow === workflow) ?? paused.find((each) => each.workflow === ALL_WORKFLOWS);
}

/** An event brought its token to a paused workflow: it cannot wait, since the token is not stored. */
export class WorkflowPaused extends Error {
  override readonly name = "WorkflowPaused";
}

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

export type LinesPage = {
  readonly lines: readonly (LogLine & { readonly attempt: number })[];
  /** Give it as `after` to get what comes next, also of a run that has not ended. */
  readonly next: string;
};

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
  /**
   * Newest first; `cursor` is the `next` of an earlier page. With `text` only so many runs are looked through at once:
   * a page can have few runs, or none, and still a `next`.
   */
  list(filter: RunFilter, page: { limit: number; cursor?: string | undefined }): Promise<RunPage>;
  /**
   * How a run of the same workflow and group last ended before this one, which has ended; a run without a group is
   * alone. Undefined when none is known. Of two runs that ask about each other, one ended before.
   */
  endBefore(run: Run): Promise<"success" | "failure" | undefined>;
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
  /** What GitHub's limits have left of each account. */
  readonly limits: LimitLog;
  /** What happened, in sum. */
  readonly overview: Overview;
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

/** Nothing can be stored at the moment: the disk is full, the database is away. Nothing half-written remains. */
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
