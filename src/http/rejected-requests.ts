import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../model/clock.ts";
import { MAX_REJECTED, type RejectedKind, type RejectedRequest } from "../model/overview.ts";
import type { Secrets } from "../model/secrets.ts";
import { BODY } from "./body.ts";
import { REASON } from "./problem.ts";

/** Longer reasons and names say nothing more. */
const MAX_CHARACTERS = 300;

/**
 * Notes each request to a trigger that did not become a run: rejected with a 4xx, or an event that no workflow wanted. What
 * it notes is what the answer says, and of the request the name of the application alone.
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

/** The store is written to this often at most, however many requests are rejected. */
const WRITE_EVERY_MS = 1000;

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
  close(): Promise<void>;
};

/**
 * Counts requests that did not become runs, and writes the counts at once when the last write was a second ago, else a
 * second after it. One write per request made a flood of them delay honest dispatches on PostgreSQL by seconds.
 */
export function rejectedRequests(
  write: (events: readonly RejectedKind[]) => Promise<void>,
  clock: Clock,
): RejectedRequests {
  let counted = new Map<string, RejectedKind>();
  let notBefore = 0;
  let waiting: (() => void) | undefined;
  let writing: Promise<void> | undefined;

  function add(events: RejectedKind): void {
    const known = (each: RejectedKind) => counted.get(keyOf(each));
    const bounded = known(events) || counted.size < MAX_REJECTED ? events : { ...events, ...FURTHER };
    const before = known(bounded);
    counted.set(keyOf(bounded), before ? sumOf(before, bounded) : bounded);
  }

  function writeLater(): void {
    if (waiting || writing || counted.size === 0) return;
    const at = Math.min(Math.max(clock.now(), notBefore), clock.now() + WRITE_EVERY_MS);
    waiting = clock.alarm(at, () => void writeNow());
  }

  async function writeNow(): Promise<void> {
    waiting?.();
    waiting = undefined;
    const events = [...counted.values()];
    counted = new Map();
    notBefore = clock.now() + WRITE_EVERY_MS;
    writing = write(events).catch(() => events.forEach(add));
    await writing;
    writing = undefined;
    writeLater();
  }

  return {
    note(event) {
      const now = clock.now();
      add({ ...event, firstAt: now, lastAt: now, times: 1 });
      writeLater();
    },
    async close() {
      await writing;
      if (counted.size > 0) await writeNow();
      waiting?.();
    },
  };
}

function keyOf({ method, path, status, application, reason }: RejectedRequest): string {
  return JSON.stringify([method, path, status, application, reason]);
}

function sumOf(one: RejectedKind, other: RejectedKind): RejectedKind {
  const [firstAt, lastAt] = [Math.min(one.firstAt, other.firstAt), Math.max(one.lastAt, other.lastAt)];
  return { ...one, firstAt, lastAt, times: one.times + other.times };
}
