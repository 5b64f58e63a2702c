import type { Answer } from "./answer.ts";
import type { GitHubHttp, Send } from "./http.ts";

/** A write that a dry run holds back, exactly as it would be sent but for the token. */
export type HeldBack = {
  readonly method: string;
  readonly url: string;
  /** By name, in lower case; the token reads `***`. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; null without a body. */
  readonly body: string | null;
};

/**
 * Lets reads pass. Every write is handed to `holdBack` and answered as if GitHub had taken it, so that whoever sends
 * goes on. The token is already there by then: for an App that proves that it can be had.
 */
export function dryRun(
  { send, requestFor }: Pick<GitHubHttp, "send" | "requestFor">,
  apiUrl: string,
  holdBack: (write: HeldBack) => void,
): Send {
  const { origin } = new URL(apiUrl);
  return async (route, parameters, token, begin) => {
    const { method, path, headers, body } = requestFor(route, parameters);
    if (method === "GET" || method === "HEAD") return send(route, parameters, token, begin);
    const all = Object.entries({ ...headers, authorization: "Bearer ***" }).sort(([a], [b]) => (a < b ? -1 : 1));
    holdBack({ method, url: origin + path, headers: Object.fromEntries(all), body });
    return asIfTaken(method, path);
  };
}

function asIfTaken(method: string, path: string): Answer {
  const isEmpty = method === "DELETE" || path.endsWith("/dispatches");
  return {
    status: isEmpty ? 204 : method === "POST" ? 201 : 200,
    headers: isEmpty ? {} : { "content-type": "application/json; charset=utf-8" },
    bytes: new TextEncoder().encode(isEmpty ? "" : JSON.stringify(STAND_IN)),
    message: "",
    documentationUrl: "",
    facts: [],
  };
}

/** Enough to name what was not made in the next request; whatever else GitHub would tell of it is undefined. */
const STAND_IN = { id: 0, number: 0 };
