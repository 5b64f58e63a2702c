import type { FollowedRun, FoundRun, StartedRun, WorkflowInputs } from "./github.ts";
import type { Json } from "./run.ts";

/**
 * The parts of `once`, `findRun` and `follow`: single looks and single sends, without waits. They throw the same errors
 * as the methods of `GitHub`.
 */
export type ActionsRuns = {
  /** Sends a `repository_dispatch` event once. `since`: by GitHub's clock, RFC 3339. */
  sendEvent(
    repository: string,
    eventType: string,
    payload: { readonly [key: string]: Json },
  ): Promise<{ readonly since: string }>;
  /**
   * Starts a workflow once. With `key`, its input `run` is that key. If the workflow has no such input, it starts
   * without it, and the answer has no key.
   */
  startWorkflow(
    repository: string,
    workflow: string,
    options: { ref: string; inputs?: WorkflowInputs; key?: string },
  ): Promise<{ readonly since: string; readonly key?: string; readonly runId?: number; readonly htmlUrl?: string }>;
  /** The time by GitHub's clock, as far as known, RFC 3339. */
  time(): string;
  /** The started run; undefined if there is none. If two runs match by time only, this is a PermanentFailure. */
  find(started: StartedRun): Promise<FoundRun | undefined>;
  /** The current state of a run. It has `ended` if the run has ended. */
  show(repository: string, runId: number): Promise<ShownRun>;
  /** Explains why nothing has started. */
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
  /** Whether sending the same event again may start something. */
  readonly sendAgain: boolean;
};

/** The lists of a repository's runs, newest first: one request each, up to 100 runs. */
export type ActionsRunLists = {
  /** @param of.since runs created at this time (RFC 3339) or later. @param of.page from 1. */
  listNewest(
    repository: string,
    of: { readonly event?: StartedRun["event"]; readonly since: string; readonly page?: number },
  ): Promise<ListedActionsRuns>;
  /** The runs that have ended. */
  listCompleted(repository: string, of: { readonly since: string; readonly page?: number }): Promise<ListedActionsRuns>;
};

export type ListedActionsRuns = {
  /** On all pages, as GitHub counts them. GitHub lists the newest 1,000. */
  readonly total: number;
  readonly runs: readonly ListedActionsRun[];
};

/**
 * Whether a run or a job of GitHub Actions passed: its conclusion is `success`, `skipped` or `neutral`. GitHub accepts
 * the same three for required checks.
 * @see https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches#require-status-checks-before-merging
 */
export function hasPassed({ conclusion }: { readonly conclusion?: string | undefined }): boolean {
  return conclusion !== undefined && PASSED.includes(conclusion);
}

const PASSED = ["success", "skipped", "neutral"];

/** A run in a list of a repository's runs. */
export type ListedActionsRun = {
  readonly id: number;
  readonly htmlUrl: string;
  readonly attempt: number;
  /** The title from its `run-name`. */
  readonly title: string;
  readonly event: string;
  /** The file name of its workflow. */
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
};
