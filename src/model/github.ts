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
 * What a workflow may ask of GitHub. Repositories are `owner/name`. Every method throws a `PermanentFailure`, a
 * `TransientFailure` or a `LimitReached`; transient faults have then already been tried three times. After a lost
 * answer a request is sent again, so a write may happen twice; `request` has an option against that.
 */
export type GitHub<IdentityName extends string = string> = Artifacts &
  Changes & {
    /**
     * GitHub as another identity of the workflow sees it, with all of its methods: `github.as("bot").comment({ … })`. What is
     * remembered and waited for belongs to the run, not to the identity. `service` is the service's own credentials.
     * @throws PermanentFailure when the workflow has no such identity.
     */
    as(identity: IdentityName | typeof SERVICE): GitHub<IdentityName>;
    /**
     * Any request of GitHub's REST API, written as its documentation writes it and typed from GitHub's own description:
     * `github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { owner, repo, issue_number, body })`.
     * Resolves with a 2xx answer, or one of the statuses in `options.allow`; any other is thrown as a failure.
     * @see https://docs.github.com/en/rest
     */
    request<Route extends keyof Endpoints>(
      route: Route,
      parameters: RequestParameters<Route>,
      options?: RequestOptions,
    ): Promise<GitHubAnswer<DataOf<Route>>>;
    /** The same for a route that the types do not know, such as one of a newer GitHub: nothing about it is checked. */
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
    /** What a list route has on all of its pages; with `paginate.iterator`, page by page. */
    readonly paginate: Paginate;
    /**
     * Asks GitHub's GraphQL API: `github.graphql<{ viewer: { login: string } }>("{ viewer { login } }")`. Resolves with the
     * `data` of the answer; an error in it fails the call, with GitHub's `type` in the reason and all of them in
     * `failure.facts.errors`. A query is sent again as a read is, a mutation as a write. In a dry run a mutation is shown
     * instead of sent, and gives the fields that it asks for: `id` is `"not-sent"`, numbers of things are 0, lists are empty,
     * all else is null. What is not certainly a query counts as a mutation.
     * @typeParam Data what the query asks for; it is not checked.
     * @see https://docs.github.com/en/graphql
     */
    graphql<Data = unknown>(query: string, variables?: GraphQLVariables, options?: GraphQLOptions): Promise<Data>;
    /**
     * The text of a file; undefined when there is no such file.
     * @param options.ref branch, tag or commit; the default branch without it.
     */
    readFile(repository: string, path: string, options?: { ref?: string | undefined }): Promise<string | undefined>;
    /**
     * The text of the first of these files that exists, and its path; undefined when none does. All are asked at once.
     * A later one counts only when every earlier one is known to be absent.
     * @param options.ref branch, tag or commit; the default branch without it.
     * @param options.beforeWritingTo the repository to which something will be written because of what is read. While
     * GitHub's limits leave no room for that write, nothing is read either: it would be read again later.
     * @param options.justPushed looks again, 0.3 s and 1 s later, where the ref or all files are missing: GitHub may not
     * show yet what was pushed a moment ago.
     */
    firstFile(
      repository: string,
      paths: readonly string[],
      options?: { ref?: string | undefined; beforeWritingTo?: string | undefined; justPushed?: boolean },
    ): Promise<{ path: string; text: string } | undefined>;
    /** Whether a repository has a commit of this name: a hash, whole or abbreviated, or a tag. A branch is not one. */
    hasCommit(repository: string, name: string): Promise<boolean>;
    /**
     * Sends a `repository_dispatch` event once: it is remembered as a step, and the payload has one more property, `run`, with a key. When the answer is
     * lost, the Actions run with that key in its name is looked for before the event is sent again.
     * @returns what `findRun` and `follow` take.
     */
    dispatch(
      repository: string,
      eventType: string,
      payload: { readonly [key: string]: Json },
      options: OnceOptions,
    ): Promise<StartedRun>;
    /** The same without a memory. Resolves once GitHub has accepted it (204). It may arrive twice. */
    dispatch(repository: string, eventType: string, payload: { readonly [key: string]: Json }): Promise<void>;
    /**
     * Starts a workflow of a repository (`workflow_dispatch`) once, as `dispatch` does it: where the workflow has an input
     * `run`, it gets the key.
     * @param workflow its file name, `tests.yml`, or its id.
     * @param options.ref branch or tag whose workflow file is run.
     * @param options.inputs at most 25.
     */
    runWorkflow(
      repository: string,
      workflow: string,
      options: { ref: string; inputs?: WorkflowInputs } & OnceOptions,
    ): Promise<StartedRun>;
    /**
     * The same without a memory: resolves once GitHub has accepted it, with the run where GitHub tells it: github.com does,
     * GitHub Enterprise Server may not. It may start twice.
     */
    runWorkflow(
      repository: string,
      workflow: string,
      options: { ref: string; inputs?: WorkflowInputs; once?: never },
    ): Promise<StartedWorkflow | undefined>;
    /**
     * Waits until the Actions run that was started is there. A wait like `waitUntil`. In `cancelled`, which cannot wait, it looks
     * for 30 s.
     * @throws PermanentFailure that says why nothing has started, as far as GitHub shows it, after `nothingAfter`.
     */
    findRun(started: StartedRun, options?: FindOptions): Promise<FoundRun>;
    /**
     * Waits until an Actions run has ended, however it ended. A wait like `waitUntil`. Given what was started it finds the run
     * first.
     * @throws PermanentFailure when it has not ended in time; with `mustSucceed` also when it did not succeed.
     */
    follow(run: FoundRun | StartedRun | RunReference, options?: FollowOptions): Promise<FollowedRun>;
    /** Cancels an Actions run; one that has ended stays as it is. With `force` also when the run does not react. */
    cancelRun(repository: string, runId: number, options?: { force?: boolean }): Promise<void>;
    /** Sets the status of a commit. The newest of a context counts. */
    status(status: CommitStatus): Promise<void>;
    /** Makes a check of a commit, or updates the one with this key. Needs a GitHub App. */
    check(check: CommitCheck): Promise<void>;
    /** Writes a comment on an issue or a pull request, or updates the one with this key: there is one per key. */
    comment(comment: KeyedComment): Promise<void>;
    /** Makes a deployment, or finds the one with this key, and gives it a status if that is not its newest one. */
    deployment(deployment: DeploymentState): Promise<void>;
  };

/** What needs no wait. */
export type GitHubClient = Omit<
  GitHub,
  "as" | "dispatch" | "runWorkflow" | "findRun" | "follow" | "rest" | "paginate" | "graphql"
> & {
  /** @param otherwise whose token is used when neither options nor variables name a repository; TARGET_REPO without it. */
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
  /** Name of the step. */
  readonly once: string;
  /** A text without spaces that is unique to this event, up to 100 characters; a UUID without it. */
  readonly key?: string;
  /** For how long the run is looked for after a lost answer, before the event is sent again; `"3m"` without it. */
  readonly nothingAfter?: Duration;
};

/** What was started at GitHub Actions. JSON, so that it can be kept and handed on. */
export type StartedRun = {
  readonly repository: string;
  readonly event: "repository_dispatch" | "workflow_dispatch";
  /** Of a `repository_dispatch`. */
  readonly eventType?: string;
  /** Of a `workflow_dispatch`: the file name of the workflow, or its id. */
  readonly workflow?: string;
  /** What it is found by: the workflow's `run-name` shows it. */
  readonly key?: string;
  /** When it was sent, RFC 3339, by GitHub's clock. */
  readonly since: string;
  /** Where GitHub's answer named the run. */
  readonly runId?: number;
  readonly htmlUrl?: string;
};

/** A run of GitHub Actions by its id. */
export type RunReference = { readonly repository: string; readonly runId: number };

export type FoundRun = RunReference & {
  readonly htmlUrl: string;
  /** `time`: no name showed a key, and it is the only run of its event from that time. */
  readonly foundBy: "key" | "answer" | "time";
  /** RFC 3339. */
  readonly createdAt: string;
};

/** How a run of GitHub Actions ended. */
export type FollowedRun = {
  readonly id: number;
  readonly htmlUrl: string;
  /** `success`, `failure`, `cancelled`, `timed_out`, `skipped`, … */
  readonly conclusion: string;
  /** 1, or more after it was re-run at GitHub. */
  readonly attempt: number;
  /** RFC 3339, as all times here. */
  readonly createdAt: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Up to 50, of the latest attempt. */
  readonly jobs: readonly FollowedJob[];
};

export type FollowedJob = {
  readonly name: string;
  readonly conclusion: string;
  readonly htmlUrl: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
};

export type FindOptions = {
  /** Name of the wait. */
  readonly name?: string;
  /** How long it may take until the run is there; `"3m"` without it. */
  readonly nothingAfter?: Duration;
};

export type FollowOptions = FindOptions & {
  /** How long the run may take; `"6h"` without it, GitHub's limit for a job. */
  readonly timeout?: Duration;
  /** Throws what has failed unless the run ended with success, skipped or neutral. */
  readonly mustSucceed?: boolean;
};

/** A workflow run on GitHub that `runWorkflow` has started. */
export type StartedWorkflow = {
  readonly id: number;
  /** Its page for people. */
  readonly htmlUrl: string;
};
