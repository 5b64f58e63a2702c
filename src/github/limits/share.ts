import type { Clock } from "../../model/clock.ts";
import { PRESENT_MS } from "../../model/limits.ts";

/** A process alone: what GitHub allows is shared with others who use the account. */
const ALONE = 50;

/** What GitHub allows an account: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const ALLOWED = 100;

/** No replica takes more, however few there are: others may use the account, too. */
const MOST = 25;

/**
 * So long after a process was admitted something, nothing of that is in flight: room is usable for 30 s, and a request
 * takes 15 s at most.
 */
const SETTLED_MS = 45_000;

/** How many requests of an account a process may have in flight, so that all together stay within what GitHub allows. */
export type ShareInFlight = ReturnType<typeof shareInFlight>;

export function shareInFlight(clock: Pick<Clock, "monotonic">) {
  let share = ALONE;
  /** Until then the others count this process. */
  let countedUntil = Number.NEGATIVE_INFINITY;
  /** Until then the others may have all of it in flight, and not know yet of this one. */
  let newUntil = Number.NEGATIVE_INFINITY;
  return {
    /** @param others replicas use the account now. */
    learn(others: number): void {
      const now = clock.monotonic();
      share = Math.max(1, Math.min(MOST, Math.floor(ALLOWED / (others + 1))));
      // Up to four leave room for each other.
      if (now >= countedUntil) newUntil = share < MOST ? now + SETTLED_MS : now;
    },
    /** The log has noted that this process uses the account. */
    noted(): void {
      countedUntil = clock.monotonic() + PRESENT_MS;
    },
    most: (): number => (clock.monotonic() < newUntil ? 1 : share),
  };
}
