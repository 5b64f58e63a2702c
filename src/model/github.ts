import type { Endpoints } from "@octokit/types";
import type { Json } from "./run.ts";

/**
 * What a workflow may ask of GitHub. Repositories are `owner/name`. Every method throws a `PermanentFailure`, a
 * `TransientFailure` or a `LimitReached`; transient faults have then already been tried three times. After a lost
 * answer a request is sent again, so a write may happen twice; `request` has an option against that.
 */
export type GitHub = {
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
  ): Promise<GitHubAnswer<Endpoints[Route]["response"]["data"]>>;
  /** The same for a route that the types do not know, such as one of a newer GitHub: nothing about it is checked. */
  request<Route extends `${Verb} /${string}`>(
    route: Route extends keyof Endpoints ? never : Route,
    parameters?: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<GitHubAnswer<unknown>>;
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
  /** Sends a `repository_dispatch` event. Resolves once GitHub has accepted it (204). It may arrive twice. */
  dispatch(repository: string, eventType: string, payload: { readonly [key: string]: Json }): Promise<void>;
  /**
   * Starts a workflow of a repository (`workflow_dispatch`). Resolves once GitHub has accepted it, with the run where
   * GitHub tells it: github.com does, GitHub Enterprise Server may not. It may start twice.
   * @param workflow its file name, `tests.yml`, or its id.
   * @param options.ref branch or tag whose workflow file is run.
   * @param options.inputs at most 25.
   */
  runWorkflow(
    repository: string,
    workflow: string,
    options: { ref: string; inputs?: Readonly<Record<string, string | number | boolean>> },
  ): Promise<StartedWorkflow | undefined>;
};

/** What a route takes: the parameters of its path, its query and its body, in one object. */
export type RequestParameters<Route extends keyof Endpoints> = Omit<Endpoints[Route]["parameters"], "headers"> & {
  readonly headers?: Readonly<Record<string, string>>;
};

export type RequestOptions = {
  /** Statuses that resolve besides 2xx, such as 404 where absence is an answer. `data` then is GitHub's error body. */
  readonly allow?: readonly number[];
  /** `owner/name`, for routes without `{owner}` and `{repo}`: whose token is used. TARGET_REPO without it. */
  readonly repository?: string;
  /**
   * Sent once in an attempt: after a passing fault, such as a lost answer, it is not sent again, and its
   * `TransientFailure` is thrown at once. The next attempt of the run can look what has become of it.
   */
  readonly retry?: false;
};

export type GitHubAnswer<Data> = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body; undefined when there is none, text when it is no JSON. */
  readonly data: Data;
};

/** A workflow run on GitHub that `runWorkflow` has started. */
export type StartedWorkflow = {
  readonly id: number;
  /** Its page for people. */
  readonly htmlUrl: string;
};

type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
