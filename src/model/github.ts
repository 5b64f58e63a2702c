import type { Endpoints } from "@octokit/types";
import type { Artifacts } from "./artifact.ts";
import type { Changes } from "./changes.ts";
import type { Duration } from "./duration.ts";
import type { CommitCheck, CommitStatus, DeploymentState, KeyedComment } from "./github-reports.ts";
import type { GraphQLOptions, GraphQLVariables } from "./graphql.ts";
import type { SERVICE } from "./identity.ts";
import type { DataOf, GitHubAnswer, RequestOptions, RequestParameters, Verb } from "./request.ts";
import type { Paginate, Rest } from "./rest.ts";
import type { Json } from "./run.ts";

/**
 * GitHub's API for workflows. Repositories are `owner/name`. Every method throws a `PermanentFailure`, a
 * `TransientFailure` or a `LimitReached`. Transient faults have then already been tried three times. After a lost
 * answer, a request is sent again, so a write may happen twice. `request` has an option to prevent that.
 */
export type GitHub<IdentityName extends string = string> = Artifacts &
  Changes & {
    /**
     * GitHub as another identity of the workflow, with all its methods: `github.as("bot").comment({ … })`. Steps and
     * waits belong to the run, not to the identity. `service` uses the service's credentials.
     * @throws PermanentFailure if the workflow has no such identity.
     */
    as(identity: IdentityName | typeof SERVICE): GitHub<IdentityName>;
    /**
     * Sends any request of GitHub's REST API, written as in its documentation, with types from GitHub's OpenAPI
     * description: `github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { owner, repo,
     * issue_number, body })`. Resolves with a 2xx answer, or with one of the statuses in `options.allow`. Any other
     * status throws a failure.
     * @see https://docs.github.com/en/rest
     */
    request<Route extends keyof Endpoints>(
      route: Route,
      parameters: RequestParameters<Route>,
      options?: RequestOptions,
    ): Promise<GitHubAnswer<DataOf<Route>>>;
    /** The same for a route without types, such as one of a newer GitHub. Nothing about it is checked. */
    request<Route extends `${Verb} /${string}`>(
      route: Route extends keyof Endpoints ? never : Route,
      parameters?: Readonly<Record<string, unknown>>,
      options?: RequestOptions,
    ): Promise<GitHubAnswer<unknown>>;
    /**
     * The same requests by Octokit's names: `github.rest.issues.addLabels({ ...repo, issue_number, labels })`.
     * @see https://docs.github.com/en/rest
     */
    readonly rest: Rest;
    /** Reads all pages of a list route; with `paginate.iterator`, page by page. */
    readonly paginate: Paginate;
    /**
     * Sends a request to GitHub's GraphQL API: `github.graphql<{ viewer: { login: string } }>("{ viewer { login } }")`.
     * Resolves with the `data` of the answer. An error in the answer fails the call, with GitHub's `type` in the reason
     * and all errors in `failure.facts.errors`. A query is retried like a read, and a mutation like a write. In a dry
     * run, a mutation is shown instead of sent. It returns the requested fields: `id` is `"not-sent"`, counts are 0,
     * lists are empty, and everything else is null. A document that is not certainly a query counts as a mutation.
     * @typeParam Data the requested data, which is not checked.
     * @see https://docs.github.com/en/graphql
     */
    graphql<Data = unknown>(query: string, variables?: GraphQLVariables, options?: GraphQLOptions): Promise<Data>;
    /**
     * The text of a file; undefined if there is no such file.
     * @param options.ref branch, tag or commit. Default: the default branch.
     */
    readFile(repository: string, path: string, options?: { ref?: string | undefined }): Promise<string | undefined>;
    /**
     * The text of the first of these files that exists, and its path; undefined if none does. All are requested
     * at the same time. A later file counts only if every earlier file is known to be missing.
     * @param options.ref branch, tag or commit. Default: the default branch.
     * @param options.beforeWritingTo the repository of the write that follows this read. While GitHub's limits leave no
     * room for that write, nothing is read either, because it would be read again later.
     * @param options.justPushed looks again after 0.3 s and 1 s if the ref or all files are missing, because GitHub may
     * not show a recent push yet.
     */
    firstFile(
      repository: string,
      paths: readonly string[],
      options?: { ref?: string | undefined; beforeWritingTo?: string | undefined; justPushed?: boolean },
    ): Promise<{ path: string; text: string } | undefined>;
    /**
     * Whether a repository has a commit with this name: a full or abbreviated hash, or a tag. A branch does not count.
     */
    hasCommit(repository: string, name: string): Promise<boolean>;
    /**
     * Sends a `repository_dispatch` event once. It is remembered as a step. The payload gets one more property, `run`,
     * with a key. If the answer is lost, the Actions run with that key in its name is looked for before the event is
     * sent again.
     * @returns the argument for `findRun` and `follow`.
     */
    dispatch(
      repository: string,
      eventType: string,
      payload: { readonly [key: string]: Json },
      options: OnceOptions,
    ): Promise<StartedRun>;
    /** The same without a step. Resolves when GitHub has accepted the event (204). It may arrive twice. */
    dispatch(repository: string, eventType: string, payload: { readonly [key: string]: Json }): Promise<void>;
    /**
     * Starts a workflow of a repository (`workflow_dispatch`) once, like `dispatch`. If the workflow has an input
     * `run`, it gets the key.
     * @param workflow its file name, `tests.yml`, or its id.
     * @param options.ref branch or tag whose workflow file is used.
     * @param options.inputs up to 25.
     */
    runWorkflow(
      repository: string,
      workflow: string,
      options: { ref: string; inputs?: WorkflowInputs } & OnceOptions,
    ): Promise<StartedRun>;
    /**
     * The same without a step. Resolves when GitHub has accepted it, with the run if GitHub reports it: github.com
     * does, GitHub Enterprise Server may not. It may start twice.
     */
    runWorkflow(
      repository: string,
      workflow: string,
      options: { ref: string; inputs?: WorkflowInputs; once?: never },
    ): Promise<StartedWorkflow | undefined>;
    /**
     * Waits until the started Actions run exists. A wait like `waitUntil`. In `cancelled`, which cannot wait, it looks
     * for 30 s.
     * @throws PermanentFailure after `nothingAfter`, with the reason why nothing started, if GitHub shows one.
     */
    findRun(started: StartedRun, options?: FindOptions): Promise<FoundRun>;
    /**
     * Waits until an Actions run has ended, with any result. A wait like `waitUntil`. Given a started run, it finds
     * that run first.
     * @throws PermanentFailure if the run has not ended in time; with `mustSucceed` also if it did not succeed.
     */
    follow(run: FoundRun | StartedRun | RunReference, options?: FollowOptions): Promise<FollowedRun>;
    /** Cancels an Actions run; an ended run does not change. With `force`, even if the run does not react. */
    cancelRun(repository: string, runId: number, options?: { force?: boolean }): Promise<void>;
    /** Sets the status of a commit. The newest status of a context counts. */
    status(status: CommitStatus): Promise<void>;
    /** Creates a check of a commit, or updates the one with this key. Needs a GitHub App. */
    check(check: CommitCheck): Promise<void>;
    /** Writes a comment on an issue or a pull request, or updates the one with this key: one comment per key. */
    comment(comment: KeyedComment): Promise<void>;
    /** Creates a deployment, or finds the one with this key. Sets its status if that differs from its newest one. */
    deployment(deployment: DeploymentState): Promise<void>;
  };

/** The methods without waits. */
export type GitHubClient = Omit<
  GitHub,
  "as" | "dispatch" | "runWorkflow" | "findRun" | "follow" | "rest" | "paginate" | "graphql"
> & {
  /**
   * @param otherwise the repository whose token is used if the options and variables name none. Default:
   * TARGET_REPO.
   */
  graphql<Data = unknown>(
    query: string,
    variables?: GraphQLVariables,
    options?: GraphQLOptions,
    otherwise?: string,
  ): Promise<Data>;
  dispatch(repository: string, eventType: string, payload: { readonly [key: string]: Json }): Promise<void>;
  runWorkflow(
    repository: string,
    workflow: string,
    options: { ref: string; inputs?: WorkflowInputs },
  ): Promise<StartedWorkflow | undefined>;
};

export type WorkflowInputs = Readonly<Record<string, string | number | boolean>>;

export type OnceOptions = {
  /** The name of the step. */
  readonly once: string;
  /** A text without spaces that is unique to this event, up to 100 characters. Default: a UUID. */
  readonly key?: string;
  /** After a lost answer: how long to look for the run before the event is sent again. Default: `"3m"`. */
  readonly nothingAfter?: Duration;
};

/** A run started at GitHub Actions. JSON, so that it can be stored and passed on. */
export type StartedRun = {
  readonly repository: string;
  readonly event: "repository_dispatch" | "workflow_dispatch";
  /** For a `repository_dispatch`. */
  readonly eventType?: string;
  /** For a `workflow_dispatch`: the file name of the workflow, or its id. */
  readonly workflow?: string;
  /** The key to find it by: the workflow's `run-name` shows it. */
  readonly key?: string;
  /** When it was sent, RFC 3339, by GitHub's clock. */
  readonly since: string;
  /** Set if GitHub's answer named the run. */
  readonly runId?: number;
  readonly htmlUrl?: string;
};

/** A run of GitHub Actions, by its id. */
export type RunReference = { readonly repository: string; readonly runId: number };

export type FoundRun = RunReference & {
  readonly htmlUrl: string;
  /** `time`: no name showed a key, and this is the only run of its event around that time. */
  readonly foundBy: "key" | "answer" | "time";
  /** RFC 3339. */
  readonly createdAt: string;
};

/** A GitHub Actions run that has ended. */
export type FollowedRun = {
  readonly id: number;
  readonly htmlUrl: string;
  /** `success`, `failure`, `cancelled`, `timed_out`, `skipped`, … */
  readonly conclusion: string;
  /** 1, or more after a re-run at GitHub. */
  readonly attempt: number;
  /** RFC 3339, like all times here. */
  readonly createdAt: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Up to 50, of the latest attempt. */
  readonly jobs: readonly FollowedJob[];
};

export type FollowedJob = {
  readonly name: string;
  /** As for a run. For a job that has not ended: its status. */
  readonly conclusion: string;
  readonly htmlUrl: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
};

export type FindOptions = {
  /** The name of the wait. */
  readonly name?: string;
  /** How long it may take until the run exists. Default: `"3m"`. */
  readonly nothingAfter?: Duration;
};

export type FollowOptions = FindOptions & {
  /**
   * How long the run may take. Default: `"6h"`, GitHub's limit for a job.
   * @see https://docs.github.com/en/actions/reference/limits
   */
  readonly timeout?: Duration;
  /** Throws with the failed jobs, unless the run ended with success, skipped or neutral. */
  readonly mustSucceed?: boolean;
};

/** A workflow run on GitHub that `runWorkflow` started. */
export type StartedWorkflow = {
  readonly id: number;
  /** Its web page. */
  readonly htmlUrl: string;
};
