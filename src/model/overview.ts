import type { Durations } from "./durations.ts";

/** The totals of what happened, which outlive single runs. All times are epoch milliseconds. */
export type Activity = {
  /** The hours of the last day in which runs ended, oldest first. Hours without runs are left out. */
  readonly hours: readonly HourOfRuns[];
  /** How long the latest attempts took, in ms, for the newest runs of the last day. Undefined if none has ended. */
  readonly durations: Durations | undefined;
  readonly queued: number;
  readonly running: number;
  /** Runs that wait for a time or an event. */
  readonly waiting: number;
  /** When the first queued run is due, which may be in the past. */
  readonly nextDueAt: number | undefined;
  /** The queued runs that wait for a GitHub rate limit. */
  readonly limited: { readonly runs: number; readonly nextDueAt: number } | undefined;
  /** Runs that succeeded or failed, counted each time that they ended, including deleted runs. */
  readonly finished: { readonly thisMonth: number; readonly ever: number };
  /** Requests of the last day that did not become runs. */
  readonly rejected: number;
};

/** Runs that ended within the hour that begins at `from`. */
export type HourOfRuns = {
  readonly from: number;
  readonly success: number;
  readonly failure: number;
  readonly skipped: number;
};

/**
 * A request that should have started a run but did not, or an event that no workflow wanted. Never contains a body or a
 * token.
 */
export type RejectedRequest = {
  readonly method: string;
  readonly path: string;
  /** The status of the answer. */
  readonly status: number;
  /** The application's name, if it could be read. */
  readonly application: string | undefined;
  readonly reason: string;
};

/** Equal requests are one entry. */
export type RejectedKind = RejectedRequest & {
  readonly firstAt: number;
  readonly lastAt: number;
  readonly times: number;
};

/** What happened to the runs with a failed attempt in an outage. */
export type Late = {
  /** Runs that ended afterwards. */
  readonly runs: number;
  /** The longest time from the first such attempt to the run's end, ms. */
  readonly atMostMs: number;
  /** Runs that a newer event replaced, or that were cancelled. */
  readonly replaced: number;
  /** Failed runs that are not retried. */
  readonly failed: number;
  /** The first of those. */
  readonly failedRuns: readonly string[];
  /** Runs that will still be attempted. */
  readonly open: number;
};

/** Failures are counted up to this number. */
export const MAX_FAILURES = 100;

/** How many kinds of rejected requests are kept; the oldest are deleted. */
export const MAX_REJECTED = 200;

export type Overview = {
  activity(now: number): Promise<Activity>;
  /** Adds these counts to the stored ones, in one transaction. Keeps up to `MAX_REJECTED` kinds. */
  noteRejected(events: readonly RejectedKind[]): Promise<void>;
  /** Latest first, up to `MAX_REJECTED`. */
  rejected(): Promise<readonly RejectedKind[]>;
  /** How many currently failed runs ended since then, up to `MAX_FAILURES`. */
  failures(since: number): Promise<number>;
  /** The outcome of the newest runs with a failed attempt in an outage between these times. */
  late(since: number, until: number): Promise<Late>;
  /** Changes when anything in this store may have changed. */
  revision(): Promise<string>;
};
