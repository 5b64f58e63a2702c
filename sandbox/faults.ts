import type { Resource } from "./limits.ts";
import type { Reply } from "./routes/reply.ts";

/** The requests that a fault affects. All given conditions must match. */
export type FaultMatch = {
  /** Method and template as in GitHub's documentation: `GET /repos/{owner}/{repo}`. */
  readonly route?: string;
  /** `GET`, if the path alone is not enough. */
  readonly method?: string;
  /** The whole decoded path, or a pattern. */
  readonly path?: string | RegExp;
  /** How many requests it affects. All by default. */
  readonly times?: number;
  /** How many matching requests pass before the first fault. */
  readonly after?: number;
  /** Chance from 0 to 1 that a matching request is affected, drawn from `random`. */
  readonly probability?: number;
  readonly random?: () => number;
};

export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  /** A limit's answer: secondary with `retry-after`, or primary with `x-ratelimit-reset` (epoch seconds). */
  | {
      readonly kind: "limit";
      readonly retryAfterSeconds?: number;
      readonly resetAt?: number;
      readonly secondary?: boolean;
    }
  /** The connection is reset. With `afterHandling` the request is carried out first, and its answer is lost. */
  | { readonly kind: "reset"; readonly afterHandling?: boolean }
  /** No answer at all. With `afterHandling` the request is carried out. */
  | { readonly kind: "hang"; readonly afterHandling?: boolean }
  /** The request is carried out. Its answer ends in the middle of its body. An answer without a body does not begin. */
  | { readonly kind: "cut" }
  /** The ordinary answer, this many milliseconds later. */
  | { readonly kind: "delay"; readonly ms: number }
  /** The request is carried out. Its ordinary answer comes when the promise has resolved. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

/**
 * Breaks the connection of a request, with equal chances before and after GitHub has accepted it. Use `probability` in
 * the match: `github.fault({ route, probability: 0.3, random }, brokenBeforeOrAfter(random))`.
 * @param random the same numbers produce the same faults.
 */
export function brokenBeforeOrAfter(random: () => number): () => Fault {
  return () => ({ kind: "reset", afterHandling: random() < 0.5 });
}

export type FaultHandle = { remove(): void; readonly met: number };

/** The active faults. The newest fault that matches a request decides. */
export function faultScript() {
  let faults: { match: FaultMatch; fault: Fault | (() => Fault); seen: number; met: number }[] = [];
  return {
    add(match: FaultMatch, fault: Fault | (() => Fault)): FaultHandle {
      const entry = { match, fault, seen: 0, met: 0 };
      faults.unshift(entry);
      return {
        remove: () => {
          faults = faults.filter((each) => each !== entry);
        },
        get met() {
          return entry.met;
        },
      };
    },
    clear: () => {
      faults = [];
    },
    take(route: string, path: string): Fault | undefined {
      for (const entry of faults) {
        const { match } = entry;
        if (match.route !== undefined && match.route !== route) continue;
        if (match.method !== undefined && !route.startsWith(`${match.method} `)) continue;
        if (typeof match.path === "string" && match.path !== path) continue;
        // Do not use test(): a pattern with the flag g would remember its position.
        if (match.path instanceof RegExp && path.search(match.path) === -1) continue;
        if (match.times !== undefined && entry.met >= match.times) continue;
        if (entry.seen++ < (match.after ?? 0)) continue;
        if (match.probability !== undefined && (match.random ?? Math.random)() >= match.probability) continue;
        entry.met++;
        return typeof entry.fault === "function" ? entry.fault() : entry.fault;
      }
      return undefined;
    },
  };
}

/** Statuses without a body in HTTP. */
const BODILESS = [204, 304];

/** Until when a planted limit asks for a pause, epoch milliseconds. A minute if it names no time. */
export function endOf({ retryAfterSeconds, resetAt }: Fault & { kind: "limit" }, now: number): number {
  if (retryAfterSeconds !== undefined) return now + retryAfterSeconds * 1000;
  return resetAt === undefined ? now + 60_000 : resetAt * 1000;
}

export async function faultReply(
  fault: Fault,
  handled: () => Promise<Reply>,
  resource: Resource = "core",
): Promise<Reply | "hang" | "reset"> {
  switch (fault.kind) {
    case "status":
      return { status: fault.status, headers: fault.headers ?? {}, ...bodyOf(fault) };
    case "limit":
      return limitReply(fault, resource);
    case "hang":
      if (fault.afterHandling) await handled();
      return "hang";
    case "reset":
      if (fault.afterHandling) await handled();
      return "reset";
    case "cut":
    case "delay":
    case "hold":
      return await handled();
  }
}

function bodyOf({ status, body }: Fault & { kind: "status" }): Pick<Reply, "raw" | "json"> {
  if (body !== undefined) return { raw: Buffer.from(body) };
  return BODILESS.includes(status) ? {} : { json: { message: `Fault ${status}` } };
}

/** https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit */
export function limitReply(
  limit: { secondary?: boolean; retryAfterSeconds?: number; resetAt?: number },
  resource: Resource = "core",
): Reply {
  const { secondary = false, retryAfterSeconds, resetAt } = limit;
  const isInside = resource === "graphql" && !secondary;
  const docs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
  const status = secondary ? 403 : isInside ? 200 : 429;
  const message = secondary
    ? "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    : "API rate limit exceeded for user ID 1.";
  const told = secondary ? `${docs}#about-secondary-rate-limits` : docs;
  return {
    status,
    headers: {
      ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
      ...(resetAt === undefined ? {} : { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetAt) }),
      ...(isInside ? { "x-ratelimit-resource": resource } : {}),
    },
    json: isInside
      ? { errors: [{ type: "RATE_LIMITED", message }] }
      : { message, documentation_url: told, status: String(status) },
  };
}
