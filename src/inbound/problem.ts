import { STATUS_CODES } from "node:http";

/** An error answer by RFC 9457. `detail` says in one line what happened and what to do. */
export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(problemBody(status, detail), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

export function problemBody(status: number, detail: string): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail });
}

/** A request that is refused before it becomes a run. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}
