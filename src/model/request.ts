import type { Endpoints } from "@octokit/types";

/** A route's parameters: those of its path, query and body, in one object. */
export type RequestParameters<Route extends keyof Endpoints> = Omit<Endpoints[Route]["parameters"], "headers"> & {
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * A route's answer. GitHub's description allows some ids to exceed the safe range of a number, so its types say `number
 * | bigint`. JavaScript reads JSON numbers as numbers, and other routes accept such ids as numbers.
 */
export type DataOf<Route> = Route extends keyof Endpoints ? Numbers<Endpoints[Route]["response"]["data"]> : unknown;

type Numbers<T> = T extends bigint ? never : T extends object ? { [Name in keyof T]: Numbers<T[Name]> } : T;

export type RequestOptions = {
  /**
   * Statuses that resolve in addition to 2xx, such as 404 if absence is an answer. `data` is then GitHub's error body.
   */
  readonly allow?: readonly number[];
  /** `owner/name`, for routes without `{owner}` and `{repo}`: whose token is used. Default: TARGET_REPO. */
  readonly repository?: string;
  /**
   * Sends it once per attempt. After a transient fault, such as a lost answer, it is not sent again, and its
   * `TransientFailure` is thrown immediately. The run's next attempt can check what happened.
   */
  readonly retry?: false;
};

export type GitHubAnswer<Data> = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body; undefined if there is none, text if it is not JSON. */
  readonly data: Data;
};

export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
