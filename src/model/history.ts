import type { Action, Attempt, ListedRun, LogLine, Run, RunStatus, Step } from "./run.ts";

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

/** Whether a text can be the id of a run, as the service writes it. PostgreSQL compares an id with no other text. */
export const isRunId = (text: string): boolean => UUID.test(text);

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

export type LinesPage = {
  readonly lines: readonly (LogLine & { readonly attempt: number })[];
  /** Give it as `after` to get what comes next, also of a run that has not ended. */
  readonly next: string;
};
