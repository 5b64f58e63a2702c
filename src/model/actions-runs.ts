import type { FollowedRun, FoundRun, StartedRun, WorkflowInputs } from "./github.ts";
import type { Json } from "./run.ts";

/**
 * What `once`, `findRun` and `follow` are made of: single looks and single sends, without any wait. They throw as the
 * methods of `GitHub` do.
 */
export type ActionsRuns = {
  /** Sends a `repository_dispatch` event once. `since`: by GitHub's clock, RFC 3339. */
  sendEvent(
    repository: string,
    eventType: string,
    payload: { readonly [key: string]: Json },
  ): Promise<{ readonly since: string }>;
  /**
   * Starts a workflow once. With `key` its input `run` is that key; a workflow without such an input is started without it,
   * and the answer then has no key.
   */
  startWorkflow(
    repository: string,
    workflow: string,
    options: { ref: string; inputs?: WorkflowInputs; key?: string },
  ): Promise<{ readonly since: string; readonly key?: string; readonly runId?: number; readonly htmlUrl?: string }>;
  /** The time by GitHub's clock as far as it is known, RFC 3339. */
  time(): string;
  /** The run that was started; undefined when there is none. Two that fit by time alone are a PermanentFailure. */
  find(started: StartedRun): Promise<FoundRun | undefined>;
  /** How a run is now: with `ended` when it has ended. */
  show(repository: string, runId: number): Promise<ShownRun>;
  /** Why nothing has started. */
  whyNothing(
    started: StartedRun,
    what: { readonly eventType?: string; readonly workflow?: string },
  ): Promise<WhyNothing>;
};

export type ShownRun = {
  /** GitHub's word: `queued`, `in_progress`, `completed`, … */
  readonly status: string;
  readonly htmlUrl: string;
  readonly attempt: number;
  readonly ended?: FollowedRun;
};

export type WhyNothing = {
  /** As in `FailureFacts`. */
  readonly happened: string;
  readonly remedy: string;
  /** Whether the same event may start something when it is sent again. */
  readonly sendAgain: boolean;
};

/** The lists of a repository's runs, newest first: one request each, up to 100 runs. */
export type ActionsRunLists = {
  /** @param of.since created at this time (RFC 3339) or later. @param of.page from 1 on. */
  listNewest(
    repository: string,
    of: { readonly event?: StartedRun["event"]; readonly since: string; readonly page?: number },
  ): Promise<ListedActionsRuns>;
  /** Those that have ended. */
  listCompleted(repository: string, of: { readonly since: string; readonly page?: number }): Promise<ListedActionsRuns>;
};

export type ListedActionsRuns = {
  /** Of all pages, as GitHub counts them; it lists the newest 1,000 of them. */
  readonly total: number;
  readonly runs: readonly ListedActionsRun[];
};

/** Whether a run or a job ended well: what was skipped counts so at GitHub, too, also where it is required. */
export function hasPassed({ conclusion }: { readonly conclusion?: string | undefined }): boolean {
  return conclusion !== undefined && PASSED.includes(conclusion);
}

const PASSED = ["success", "skipped", "neutral"];

/** A run in a list of a repository's runs. */
export type ListedActionsRun = {
  readonly id: number;
  readonly htmlUrl: string;
  readonly attempt: number;
  /** What its `run-name` made of it. */
  readonly title: string;
  readonly event: string;
  /** The file name of its workflow. */
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
};
