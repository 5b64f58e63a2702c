import type { ServerResponse } from "node:http";
import type { Fault } from "./faults.ts";
import type { Outgoing } from "./listen.ts";
import type { Reply } from "./routes/reply.ts";

/** Answers that have no body, in HTTP itself. */
const BODILESS = [204, 304];

/** Until when a limit that was planted asks for silence; epoch milliseconds. A minute when it names no time. */
export function endOf({ retryAfterSeconds, resetAt }: Fault & { kind: "limit" }, now: number): number {
  if (retryAfterSeconds !== undefined) return now + retryAfterSeconds * 1000;
  return resetAt === undefined ? now + 60_000 : resetAt * 1000;
}

export function faultReply(fault: Fault, handled: () => Reply): Reply | "hang" | "reset" {
  switch (fault.kind) {
    case "status":
      return {
        status: fault.status,
        headers: fault.headers ?? {},
        ...(fault.body !== undefined ? { raw: Buffer.from(fault.body) } : {}),
        ...(fault.body === undefined && !BODILESS.includes(fault.status)
          ? { json: { message: `Fault ${fault.status}` } }
          : {}),
      };
    case "limit":
      return limitReply(fault);
    case "hang":
      return "hang";
    case "reset":
      if (fault.afterHandling) handled();
      return "reset";
    case "cut":
    case "delay":
      return handled();
  }
}

/** https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit */
export function limitReply(limit: { secondary?: boolean; retryAfterSeconds?: number; resetAt?: number }): Reply {
  const docs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
  const message = limit.secondary
    ? "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    : "API rate limit exceeded for user ID 1.";
  const status = limit.secondary ? 403 : 429;
  return {
    status,
    headers: {
      ...(limit.retryAfterSeconds === undefined ? {} : { "retry-after": String(limit.retryAfterSeconds) }),
      ...(limit.resetAt === undefined
        ? {}
        : { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(limit.resetAt) }),
    },
    json: {
      message,
      documentation_url: limit.secondary ? `${docs}#about-secondary-rate-limits` : docs,
      status: String(status),
    },
  };
}

/** Writes an answer out, half of its body when it is to be cut. */
export function write(outgoing: Outgoing, reply: Reply, common: Record<string, string>, cut: boolean): void {
  const body = reply.raw ?? (reply.json === undefined ? undefined : Buffer.from(JSON.stringify(reply.json)));
  const type = reply.json === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
  const length = body ? { "content-length": String(body.byteLength) } : {};
  // Two kinds of answers, one way to write them: the types of HTTP/1.1 and HTTP/2 do not overlap.
  const out = outgoing as ServerResponse;
  out.writeHead(reply.status, { ...common, ...type, ...length, ...reply.headers });
  if (!cut) {
    out.end(body);
    return;
  }
  const half = body?.subarray(0, Math.floor(body.byteLength / 2)) ?? "";
  out.write(half, () => ("stream" in outgoing ? outgoing.stream.destroy() : outgoing.destroy()));
}
