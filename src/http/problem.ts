import { STATUS_CODES } from "node:http";
import type { Json } from "../model/run.ts";

/** An error answer by RFC 9457. `detail` says in one line what happened and what to do. */
export function problem(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, Json>> = {},
): Response {
  const answer = new Response(problemBody(status, detail, more), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
  details.set(answer, detail);
  return answer;
}

const details = new WeakMap<Response, string>();

/** What an answer of `problem` says: to read its body back would cost more than the rest of a rejected request. */
export function detailOf(answer: Response): string | undefined {
  return details.get(answer);
}

export function problemBody(status: number, detail: string, more: Readonly<Record<string, Json>> = {}): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail, ...more });
}

/** A request that is rejected before it becomes a run. */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the problem. */
  readonly more: Readonly<Record<string, Json>>;

  constructor(
    status: number,
    detail: string,
    headers: Readonly<Record<string, string>> = {},
    more: Readonly<Record<string, Json>> = {},
  ) {
    super(detail);
    this.status = status;
    this.headers = headers;
    this.more = more;
  }
}
