import type { Clock } from "../../src/model/clock.ts";

/** A clock that stands still until it is moved. */
export type MovedClock = Clock & {
  /** Moves on by so many milliseconds and rings every alarm on the way, in order. */
  move(milliseconds: number): void;
  /** Somebody sets it, by so many milliseconds: no time passes, and alarms ring when they would have rung. */
  set(milliseconds: number): void;
  /** When the next alarm rings, epoch milliseconds. */
  next(): number | undefined;
};

export function movedClock(start = Date.parse("2026-11-24T12:00:00Z")): MovedClock {
  let now = start;
  let monotonic = 0;
  let alarms: { at: number; readonly ring: () => void }[] = [];
  const earliest = () =>
    alarms.reduce<(typeof alarms)[number] | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined);
  return {
    now: () => now,
    monotonic: () => monotonic,
    alarm(at, ring) {
      if (at <= now) {
        const soon = setImmediate(ring);
        return () => clearImmediate(soon);
      }
      const alarm = { at, ring };
      alarms.push(alarm);
      return () => {
        alarms = alarms.filter((each) => each !== alarm);
      };
    },
    move(milliseconds) {
      const end = now + milliseconds;
      for (let due = earliest(); due && due.at <= end; due = earliest()) {
        monotonic += Math.max(0, due.at - now);
        now = Math.max(now, due.at);
        alarms = alarms.filter((each) => each !== due);
        due.ring();
      }
      monotonic += end - now;
      now = end;
    },
    set(milliseconds) {
      now += milliseconds;
      for (const alarm of alarms) alarm.at += milliseconds;
    },
    next: () => earliest()?.at,
  };
}

/** Lets everything that is under way go on until the condition holds; fails after a minute, which a busy machine may need. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
