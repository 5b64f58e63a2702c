import type { Clock } from "../../model/clock.ts";
import { PRESENT_MS } from "../../model/limits.ts";

/** GitHub allows 100 requests in flight for an account, which a process may share with others that are not known here. */
const ALLOWED = 100;
const ALONE = 50;
const MOST_OF_SEVERAL = 25;

/**
 * So long after a process was admitted something, nothing of that is in flight: room is usable for 30 s, and a request
 * takes 15 s at most.
 */
const SETTLED_MS = 45_000;

/** How many requests of an account a process may have in flight, so that all together stay within what GitHub allows. */
export function shareInFlight({ monotonic }: Pick<Clock, "monotonic">) {
  let share = ALONE;
  /** Until then the others count this process. */
  let countedUntil = Number.NEGATIVE_INFINITY;
  /** Until then the others may have all of it in flight, and not know yet of this one. */
  let newUntil = Number.NEGATIVE_INFINITY;
  return {
    /** So many other replicas use the account now. Up to four leave room for each other from the beginning. */
    learn(others: number): void {
      share = Math.max(1, Math.min(MOST_OF_SEVERAL, Math.floor(ALLOWED / (others + 1))));
      if (monotonic() >= countedUntil) newUntil = monotonic() + (share < MOST_OF_SEVERAL ? SETTLED_MS : 0);
    },
    /** The log has noted that this process uses the account. */
    noted(): void {
      countedUntil = monotonic() + PRESENT_MS;
    },
    most: (): number => (share < MOST_OF_SEVERAL && monotonic() < newUntil ? 1 : share),
  };
}
