import type { Action, Attempt, FailureKind, ListedRun, LogLine, Run, RunStatus, Step, Trigger } from "./run.ts";

export type RunFilter = {
  /** The beginning of an id; `isBeginningOfId` says which texts can be one. */
  readonly id?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly workflow?: string | undefined;
  /** Those that one may read who asks: of other workflows there are no runs. Undefined: all. */
  readonly workflows?: readonly string[] | undefined;
  readonly group?: string | undefined;
  /** All of them are looked for, each anywhere in what is known of a run, in any case of its letters. */
  readonly words?: readonly string[] | undefined;
  /** Accepted at or after, epoch milliseconds. */
  readonly since?: number | undefined;
  /** Accepted before, epoch milliseconds. */
  readonly until?: number | undefined;
  /** Of the event: `owner/name` or `name`, in any case. */
  readonly repository?: string | undefined;
  /** `pull_request`, with any action, or `pull_request.opened`. */
  readonly event?: string | undefined;
  /** Number of the pull request. */
  readonly pull?: number | undefined;
  /** The beginning of the hash of a commit that it is about. */
  readonly commit?: string | undefined;
  /** Part of the name of one who started, re-ran or cancelled it, or whose event it was; in any case. */
  readonly by?: string | undefined;
  readonly trigger?: Trigger | undefined;
};

/** How many runs there are. `more`: they were counted so far, and there are others. */
export type Count = { readonly count: number; readonly more: boolean };

/** How many runs there are in each status. */
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

/** Whether a text can be the beginning of a run's id, which is a UUID, or the whole of it. */
export function isBeginningOfId(text: string): boolean {
  return text !== "" && UUID.test(completed(text, "0"));
}

/** The first and the last UUID that begin with this text. */
export function idsThatBegin(text: string): readonly [string, string] {
  return [completed(text, "0"), completed(text, "f")];
}

/** Whether a text can be the id of a run, as the service writes it. PostgreSQL compares an id with no other text. */
export const isRunId = (text: string): boolean => UUID.test(text);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function completed(text: string, digit: string): string {
  return text.toLowerCase() + "00000000-0000-0000-0000-000000000000".slice(text.length).replaceAll("0", digit);
}

export type RunPage = {
  readonly runs: readonly ListedRun[];
  readonly next: string | undefined;
  /** Of a search: so many runs it does not know as they are now, such as all of them after an upgrade. Absent when there is none. */
  readonly unsearched?: Count | undefined;
};

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

export type LinesPage = {
  readonly lines: readonly (LogLine & { readonly attempt: number })[];
  /** Give it as `after` to get what comes next, also of a run that has not ended. */
  readonly next: string;
};
