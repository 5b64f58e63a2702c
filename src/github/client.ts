import type { Failure } from "../model/failure.ts";
import type { GitHub, RequestOptions } from "../model/github.ts";
import { dispatch } from "./dispatch.ts";
import { type Attempted, failureOf, noAnswer } from "./failures.ts";
import { firstFile } from "./files.ts";
import type { Answer, Send } from "./http.ts";
import { request } from "./request.ts";
import { runWorkflow } from "./run-workflow.ts";

/** One request: resolves with an answer of an expected status, else throws a `Failure`. */
export type Ask = (
  attempted: Attempted,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  expected: readonly number[],
) => Promise<Answer>;

/** Resolves after so many milliseconds; tests move their own clock. */
export type Wait = (milliseconds: number) => Promise<void>;

/** Delays before the second and the third try inside an attempt; longer faults are left to later attempts. */
const QUICK_RETRIES_MS = [300, 1000];

export type GitHubNeeds = {
  readonly apiUrl: string;
  readonly send: Send;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly wait: Wait;
  /** `owner/name`: whose token a request uses that names no repository. */
  readonly targetRepo?: string;
  /** Told the `x-github-request-id` of every answer: GitHub's support asks for it. */
  readonly saw?: (requestId: string) => void;
};

/** GitHub as one credential sees it. */
export function gitHubAs(token: string, { apiUrl, send, now, wait, targetRepo = "", saw }: GitHubNeeds): GitHub {
  const once: Ask = async (attempted, route, parameters, expected) => {
    let answer: Answer;
    try {
      answer = await send(route, parameters, token);
    } catch (error) {
      throw noAnswer(attempted, apiUrl, error);
    }
    const requestId = answer.headers["x-github-request-id"];
    if (typeof requestId === "string") saw?.(requestId);
    if (expected.includes(answer.status)) return answer;
    throw failureOf(attempted, answer, now());
  };

  const ask: Ask = async (...request) => {
    for (const delay of QUICK_RETRIES_MS) {
      try {
        return await once(...request);
      } catch (error) {
        if ((error as Failure).kind !== "transient") throw error;
        await wait(delay);
      }
    }
    return once(...request);
  };

  return {
    request: (route: string, parameters = {}, options: RequestOptions = {}) =>
      request(ask, route, parameters, options, targetRepo) as Promise<never>,
    readFile: async (repository, path, options) => (await firstFile(ask, repository, [path], options?.ref))?.text,
    runWorkflow: (repository, workflow, options) => runWorkflow(ask, repository, workflow, options),
    firstFile: (repository, paths, options) => firstFile(ask, repository, paths, options?.ref),
    dispatch: (repository, eventType, payload) => dispatch(ask, repository, eventType, payload),
  };
}
