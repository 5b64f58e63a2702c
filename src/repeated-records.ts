import type { Log } from "./log.ts";
import type { Clock } from "./model/clock.ts";

/** How often what was repeated is summed up. */
const EVERY_MS = 60_000;

/** So many senders are told from each other; those beyond are one, "other". */
const MAX_SENDERS = 100;

type Repeated = { message: string; latest: object; times: number };

export type RepeatedRecords = {
  /** @param sender the address that it came from. */
  warn(message: string, sender: string, kind: string, facts?: object): void;
  /** Writes what is still counted. */
  close(): void;
};

/**
 * Warnings that anybody who reaches the service can cause without end: the first of a message, sender and kind is a
 * record at once, and what follows is one record a minute, with how often it happened.
 */
export function repeatedRecords(log: Log, clock: Clock): RepeatedRecords {
  const seen = new Map<string, Repeated>();
  let cancel: (() => void) | undefined;

  function sumUp(): void {
    for (const [key, each] of seen) {
      if (each.times === 0) seen.delete(key);
      else log.warn({ ...each.latest, times: each.times }, each.message);
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
    warn(message, sender, kind, facts = {}) {
      const own = [message, sender, kind].join("\n");
      const isOther = !seen.has(own) && seen.size >= MAX_SENDERS;
      const address = isOther ? "other" : sender;
      const key = isOther ? [message, address, kind].join("\n") : own;
      const latest = { address, kind, ...facts };
      const known = seen.get(key);
      if (known) {
        known.times++;
        known.latest = latest;
        return;
      }
      log.warn(latest, message);
      seen.set(key, { message, latest, times: 0 });
      if (!cancel) sumUpLater();
    },
    close() {
      cancel?.();
      sumUp();
    },
  };
}
