import type { Clock } from "../model/clock.ts";
import { MAX_REFUSED, type RefusedEvent, type RefusedEvents } from "../model/overview.ts";

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
  note(event: RefusedEvent): void;
  /** Writes what is still counted. */
  close(): Promise<void>;
};

/**
 * Counts requests that did not become runs, and writes the counts at once when the last write was a second ago, else a
 * second after it. One write per request made a flood of them delay honest dispatches on PostgreSQL by seconds.
 */
export function rejectedRequests(
  write: (events: readonly RefusedEvents[]) => Promise<void>,
  clock: Clock,
): RejectedRequests {
  let counted = new Map<string, RefusedEvents>();
  let notBefore = 0;
  let waiting: (() => void) | undefined;
  let writing: Promise<void> | undefined;

  function add(events: RefusedEvents): void {
    const known = (each: RefusedEvents) => counted.get(keyOf(each));
    const bounded = known(events) || counted.size < MAX_REFUSED ? events : { ...events, ...FURTHER };
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

function keyOf({ method, path, status, application, reason }: RefusedEvent): string {
  return JSON.stringify([method, path, status, application, reason]);
}

function sumOf(one: RefusedEvents, other: RefusedEvents): RefusedEvents {
  const [firstAt, lastAt] = [Math.min(one.firstAt, other.firstAt), Math.max(one.lastAt, other.lastAt)];
  return { ...one, firstAt, lastAt, times: one.times + other.times };
}
