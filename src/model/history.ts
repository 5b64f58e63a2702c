import type { Action, Attempt, FailureKind, ListedRun, LogLine, Run, RunStatus, Step, Trigger } from "./run.ts";

export type RunFilter = {
  /** The beginning of an id; see `isBeginningOfId`. */
  readonly id?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly workflow?: string | undefined;
  /** Workflows whose runs the reader may read: runs of other workflows are not found. Undefined: all. */
  readonly workflows?: readonly string[] | undefined;
  readonly group?: string | undefined;
  /** All words must match, each anywhere in a run's data, in any case. */
  readonly words?: readonly string[] | undefined;
  /** Accepted at or after, epoch milliseconds. */
  readonly since?: number | undefined;
  /** Accepted before, epoch milliseconds. */
  readonly until?: number | undefined;
  /** The event's repository: `owner/name` or `name`, in any case. */
  readonly repository?: string | undefined;
  /** `pull_request`, with any action, or `pull_request.opened`. */
  readonly event?: string | undefined;
  /** The number of the pull request. */
  readonly pull?: number | undefined;
  /** The beginning of the hash of the run's commit. */
  readonly commit?: string | undefined;
  /** Part of the name of someone who started, re-ran or cancelled the run, or caused its event; in any case. */
  readonly by?: string | undefined;
  readonly trigger?: Trigger | undefined;
};

/** A number of runs. `more`: counting stopped there, and there are more. */
export type Count = { readonly count: number; readonly more: boolean };

/** The number of runs in each status. */
export type Counts = Readonly<Record<RunStatus, Count>>;

/** Why a run failed. */
export type FailureReason = {
  readonly id: string;
  readonly workflow: string;
  readonly reason: string;
  readonly kind: FailureKind | undefined;
  /** When it was accepted, epoch milliseconds. */
  readonly acceptedAt: number;
};

/** Whether a text can be the beginning of a run's id, which is a UUID, or the full id. */
export function isBeginningOfId(text: string): boolean {
  return text !== "" && UUID.test(completed(text, "0"));
}

/** The first and the last UUID that begin with this text. */
export function idsThatBegin(text: string): readonly [string, string] {
  return [completed(text, "0"), completed(text, "f")];
}

/**
 * Whether a text can be the id of a run, as the service writes it. PostgreSQL rejects any other text in a comparison
 * with an id.
 */
export const isRunId = (text: string): boolean => UUID.test(text);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function completed(text: string, digit: string): string {
  return text.toLowerCase() + "00000000-0000-0000-0000-000000000000".slice(text.length).replaceAll("0", digit);
}

export type RunPage = {
  readonly runs: readonly ListedRun[];
  readonly next: string | undefined;
  /**
   * For a search: how many runs have changes that are not indexed yet, such as all runs after an upgrade. Missing if
   * there are none.
   */
  readonly unsearched?: Count | undefined;
};

export type RunDetail = {
  readonly run: Run;
  readonly attempts: readonly Attempt[];
  readonly steps: readonly Step[];
  /** The ids of the runs that it replaced, newest first. */
  readonly superseded: readonly string[];
  /** For a waiting run: the events that wake it, as written by `wakeKeys` in model/waits.ts. */
  readonly wakeKeys?: readonly string[];
  /** What was done with the run and by whom, oldest first. */
  readonly actions: readonly Action[];
};

export type LinesPage = {
  readonly lines: readonly (LogLine & { readonly attempt: number })[];
  /** Pass it as `after` to get the following lines, even for a run that has not ended. */
  readonly next: string;
};
