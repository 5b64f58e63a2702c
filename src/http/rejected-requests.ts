import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../model/clock.ts";
import { MAX_REJECTED, type RejectedKind, type RejectedRequest } from "../model/overview.ts";
import type { Secrets } from "../model/secrets.ts";
import { BODY } from "./body.ts";
import { REASON } from "./problem.ts";
import { writeBehind } from "./write-behind.ts";

/** Longer reasons and names are cut. */
const MAX_CHARACTERS = 300;

/**
 * Records each request to a trigger that started no run: rejected with a 4xx, or an event that no workflow handled (200).
 * It records the reason in the answer. Of the body, it records only the name of the application.
 */
export function noteRejected(
  note: (event: RejectedRequest) => void,
  { hide, brief }: Pick<Secrets, "hide" | "brief">,
): MiddlewareHandler {
  return async (c, next) => {
    const shown: (() => void)[] = [];
    c.set(HIDE, (token: string) => shown.push(hide(token)));
    try {
      await next();
      look(c);
    } finally {
      for (const show of shown) show();
    }
  };

  function look(c: Context): void {
    const { status } = c.res;
    if (status >= 500 || c.res.headers.has("x-run-id")) return;
    const reason: string | undefined = c.get(REASON);
    if (reason === undefined) return;
    const application: unknown = status === 400 ? c.get(BODY)?.application : undefined;
    note({
      method: c.req.method,
      path: brief(c.req.path, MAX_CHARACTERS),
      status,
      application: typeof application === "string" ? brief(application, MAX_CHARACTERS) : undefined,
      reason: brief(reason, MAX_CHARACTERS),
    });
  }
}

const HIDE = "hide while answered";

/** Hides the token of a request until the request is answered and recorded. */
export function hideWhileAnswered(c: Context, token: string): void {
  (c.get(HIDE) as (token: string) => void)(token);
}

/** Counts all further rejections when as many kinds are counted as the store keeps. */
const FURTHER = {
  method: "",
  path: "…",
  application: undefined,
  reason: "More kinds of requests were rejected than are listed.",
};

export type RejectedRequests = {
  /** Counts a request in memory, without waiting for the store. */
  note(event: RejectedRequest): void;
  /** Writes the counts in memory. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** Counts requests that started no run in memory, and writes the counts to the store at most once per second. */
export function rejectedRequests(
  write: (events: readonly RejectedKind[]) => Promise<void>,
  clock: Clock,
): RejectedRequests {
  let counted = new Map<string, RejectedKind>();
  const behind = writeBehind(clock, () => counted.size > 0, writeAll);

  function add(events: RejectedKind): void {
    const known = (each: RejectedKind) => counted.get(keyOf(each));
    const bounded = known(events) || counted.size < MAX_REJECTED ? events : { ...events, ...FURTHER };
    const before = known(bounded);
    counted.set(keyOf(bounded), before ? sumOf(before, bounded) : bounded);
  }

  async function writeAll(): Promise<void> {
    const events = [...counted.values()];
    counted = new Map();
    await write(events).catch(() => events.forEach(add));
  }

  return {
    note(event) {
      const now = clock.now();
      add({ ...event, firstAt: now, lastAt: now, times: 1 });
      behind.later();
    },
    flush: behind.flush,
    close: behind.close,
  };
}

function keyOf({ method, path, status, application, reason }: RejectedRequest): string {
  return JSON.stringify([method, path, status, application, reason]);
}

function sumOf(one: RejectedKind, other: RejectedKind): RejectedKind {
  const [firstAt, lastAt] = [Math.min(one.firstAt, other.firstAt), Math.max(one.lastAt, other.lastAt)];
  return { ...one, firstAt, lastAt, times: one.times + other.times };
}
