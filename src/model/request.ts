import type { Endpoints } from "@octokit/types";

/** What a route takes: the parameters of its path, its query and its body, in one object. */
export type RequestParameters<Route extends keyof Endpoints> = Omit<Endpoints[Route]["parameters"], "headers"> & {
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * What a route answers with. GitHub's description lets some ids be larger than a number holds safely, so its types say
 * `number | bigint`; JSON is read as numbers here, as everywhere in JavaScript, and other routes take such ids as numbers.
 */
export type DataOf<Route> = Route extends keyof Endpoints ? Numbers<Endpoints[Route]["response"]["data"]> : unknown;

type Numbers<T> = T extends bigint ? never : T extends object ? { [Name in keyof T]: Numbers<T[Name]> } : T;

export type RequestOptions = {
  /** Statuses that resolve, beside 2xx, such as 404 where absence is an answer. `data` then is GitHub's error body. */
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

export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
