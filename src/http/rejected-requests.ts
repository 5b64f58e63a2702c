import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../model/clock.ts";
import { MAX_REJECTED, type RejectedKind, type RejectedRequest } from "../model/overview.ts";
import type { Secrets } from "../model/secrets.ts";
import { BODY } from "./body.ts";
import { REASON } from "./problem.ts";
import { writeBehind } from "./write-behind.ts";

/** Longer reasons and names say nothing more. */
const MAX_CHARACTERS = 300;

/**
 * Notes each request to a trigger that did not become a run: rejected with a 4xx, or an event that no workflow wanted (200).
 * What it notes is what the answer says, and of the request the name of the application alone.
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

/** Hides the token that a request came with, until it is answered and noted. */
export function hideWhileAnswered(c: Context, token: string): void {
  (c.get(HIDE) as (token: string) => void)(token);
}

/** Stands for what is rejected while as many kinds are counted as the store keeps. */
const FURTHER = {
  method: "",
  path: "…",
  application: undefined,
  reason: "More kinds of requests were rejected than are listed.",
};

export type RejectedRequests = {
  /** Counts it in memory, without waiting for the store. */
  note(event: RejectedRequest): void;
  /** Writes what is still counted. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** Counts requests that did not become runs in memory, and writes the counts to the store once a second at most. */
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
