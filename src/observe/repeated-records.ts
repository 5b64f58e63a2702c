import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";

/** How often what was repeated is summed up. */
const EVERY_MS = 60_000;

/** So many senders are told from each other; those beyond are one, "other". */
const MAX_SENDERS = 100;

type Repeated = { level: "info" | "warn"; message: string; latest: object; times: number };

/**
 * Records of what any client can cause without end. The first of a message, address and kind is a
 * record at once, and what follows is one record a minute, with how often it happened.
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
     * @param facts what the record holds beside the message.
     * @param kind records of one message and address are told apart by it.
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
    /** Writes what is still counted. */
    close(): void {
      cancel?.();
      sumUp();
    },
  };
}
