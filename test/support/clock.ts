import type { Clock } from "../../src/model/clock.ts";

/** A clock that moves only when the test moves it. */
export type MovedClock = Clock & {
  /** Moves it by this time, and rings every alarm on the way, in order. */
  move(milliseconds: number): void;
  /** Sets the clock forward or back, as an operator can. No time passes, so alarms ring when they would have rung. */
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

/** Lets pending work continue until the condition holds. Fails after a minute, which a busy machine may need. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
