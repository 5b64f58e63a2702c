import { STATUS_CODES } from "node:http";
import type { Context } from "hono";
import { problemsIn } from "../model/problems.ts";
import type { Json } from "../model/run.ts";
import type { Schema } from "../model/triggers.ts";

/** Why a request started nothing, for those who record it. Reading it from the answer would cost more. */
export const REASON = "reason";

/** An error answer as RFC 9457 defines it. `detail` says in one line what happened and what to do. */
export function problem(
  c: Context,
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, Json>> = {},
): Response {
  c.set(REASON, detail);
  return new Response(problemBody(status, detail, more), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

/** The answer to a valid event that starts nothing. */
export function ignored(c: Context, reason: string): Response {
  c.set(REASON, reason);
  return c.json({ status: "ignored", reason });
}

export function problemBody(status: number, detail: string, more: Readonly<Record<string, Json>> = {}): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail, ...more });
}

/**
 * Parses a value from a request with a schema.
 * @param whole the name of the value in the error.
 * @throws Rejection 400 that names every problem.
 */
export function checked<T>(schema: Schema<T>, given: unknown, whole: string): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Rejection(400, `${problemsIn(parsed.error, { whole }).join("; ")}.`);
}

/** A request that is rejected before it becomes a run. */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Additional members of the problem document. */
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
