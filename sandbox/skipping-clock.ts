import type { Clock } from "../src/model/clock.ts";

/** The system's clock plus the skipped time. */
export type SkippingClock = Clock & {
  /** Lets this many milliseconds pass immediately. Alarms that are due by then ring in order. */
  skip(milliseconds: number): void;
};

/** `setTimeout` fires immediately for longer times. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

type Alarm = { readonly at: number; readonly ring: () => void; timer: NodeJS.Timeout };

/** Its alarms do not keep the process running: a test that forgets a waiting run still ends. */
export function skippingClock(): SkippingClock {
  let skipped = 0;
  const alarms = new Set<Alarm>();
  const now = () => Date.now() + skipped;
  const begin = (at: number, ring: () => void) =>
    setTimeout(ring, Math.min(Math.max(0, at - now()), MAX_TIMEOUT_MS)).unref();
  return {
    now,
    monotonic: () => performance.now() + skipped,
    alarm(at, ring) {
      const rings = () => {
        alarms.delete(alarm);
        ring();
      };
      const alarm: Alarm = { at, ring: rings, timer: begin(at, rings) };
      alarms.add(alarm);
      return () => {
        clearTimeout(alarm.timer);
        alarms.delete(alarm);
      };
    },
    skip(milliseconds) {
      skipped += milliseconds;
      for (const alarm of [...alarms].sort((a, b) => a.at - b.at)) {
        clearTimeout(alarm.timer);
        alarm.timer = begin(alarm.at, alarm.ring);
      }
    },
  };
}
