import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";

/** Interval of the sums. */
const EVERY_MS = 60_000;

/** The most addresses to distinguish. The rest become "other". */
const MAX_SENDERS = 100;

type Repeated = { level: "info" | "warn"; message: string; latest: object; times: number };

/**
 * Log records that any client can cause without limit. The first record of a message, address and kind is logged
 * immediately. Repeats are logged as one record per minute, with their number.
 */
export function repeatedRecords(log: Log, clock: Clock) {
  const seen = new Map<string, Repeated>();
  let cancel: (() => void) | undefined;

  function sumUp(): void {
    for (const [key, each] of seen) {
      if (each.times === 0) seen.delete(key);
      else log[each.level]({ ...each.latest, times: each.times }, each.message);
      each.times = 0;
    }
  }

  function sumUpLater(): void {
    cancel = clock.alarm(clock.now() + EVERY_MS, () => {
      sumUp();
      cancel = undefined;
      if (seen.size > 0) sumUpLater();
    });
  }

  return {
    /**
     * @param facts the fields of the record.
     * @param kind distinguishes records of the same message and address.
     */
    note(level: Repeated["level"], message: string, facts: { readonly address: string }, kind: string): void {
      const keyOf = (address: string) => [message, address, kind].join("\n");
      const isOther = !seen.has(keyOf(facts.address)) && seen.size >= MAX_SENDERS;
      const latest = isOther ? { ...facts, address: "other" } : facts;
      const key = keyOf(latest.address);
      const known = seen.get(key);
      if (known) {
        known.times++;
        known.latest = latest;
        return;
      }
      log[level](latest, message);
      seen.set(key, { level, message, latest, times: 0 });
      if (!cancel) sumUpLater();
    },
    /** Logs the repeats that are still counted. */
    close(): void {
      cancel?.();
      sumUp();
    },
  };
}
