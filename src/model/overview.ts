import type { Durations } from "./durations.ts";

/** What happened, in sum: the part of the history that outlives single runs. All times are epoch milliseconds. */
export type Activity = {
  /** The hours of the last day in which runs ended, oldest first; hours without any are left out. */
  readonly hours: readonly HourOfRuns[];
  /** How long the latest attempts took, in ms, of the newest runs of the last day; undefined when none has ended. */
  readonly durations: Durations | undefined;
  readonly queued: number;
  readonly running: number;
  /** Runs whose workflow waits, for a time or an event. */
  readonly waiting: number;
  /** When the first queued run is due, be it in the past. */
  readonly nextDueAt: number | undefined;
  /** Of the queued runs, those that wait for a limit of GitHub. */
  readonly limited: { readonly runs: number; readonly nextDueAt: number } | undefined;
  /** Runs that succeeded or failed, each time that they were executed to their end, deleted ones included. */
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

/** A request that should have started a run and did not, or an event that no workflow wanted. Never holds a body or a token. */
export type RejectedRequest = {
  readonly method: string;
  readonly path: string;
  /** Of the answer. */
  readonly status: number;
  /** Name of the application, when the request could be read so far. */
  readonly application: string | undefined;
  readonly reason: string;
};

/** The same request, sent several times, is one entry. */
export type RejectedKind = RejectedRequest & {
  readonly firstAt: number;
  readonly lastAt: number;
  readonly times: number;
};

/** What became of the runs of which an attempt failed in an outage. */
export type Late = {
  /** Runs that ended afterwards. */
  readonly runs: number;
  /** The longest time from the first such attempt of one of these to its end, ms. */
  readonly atMostMs: number;
  /** Runs whose place a newer event has taken, or that were cancelled. */
  readonly replaced: number;
  /** Runs that are not tried again. */
  readonly failed: number;
  /** The first of those. */
  readonly failedRuns: readonly string[];
  /** Runs that still are to be attempted. */
  readonly open: number;
};

/** So far the failures of a time are counted. */
export const MAX_FAILURES = 100;

/** How many entries are kept of what was rejected; the oldest give way. */
export const MAX_REJECTED = 200;

export type Overview = {
  activity(now: number): Promise<Activity>;
  /** Adds these counts to what is stored, in one transaction; at most `MAX_REJECTED` kinds are kept. */
  noteRejected(events: readonly RejectedKind[]): Promise<void>;
  /** Latest first, at most `MAX_REJECTED`. */
  rejected(): Promise<readonly RejectedKind[]>;
  /** How many runs that are failed now ended since then; of `MAX_FAILURES` or more it is that many. */
  failures(since: number): Promise<number>;
  /** What became of the newest runs, of which an attempt failed in an outage between these times. */
  late(since: number, until: number): Promise<Late>;
  /** Differs from an earlier one when anything in this store may have changed since. */
  revision(): Promise<string>;
};
