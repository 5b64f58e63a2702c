import type { Clock } from "../../model/clock.ts";
import { PRESENT_MS } from "../../model/limits.ts";
import type { AccountPause } from "./pause.ts";

/**
 * GitHub allows 100 requests in flight per account. A single process (SQLite) uses half of them, because other programs
 * may use the same account. A replica (PostgreSQL) uses a quarter, or less if there are more than four.
 */
const ALLOWED = 100;
const MOST_OF_SINGLE = 50;
const MOST_OF_REPLICA = 25;

/**
 * A request that was admitted this long ago is no longer in flight: room is usable for 30 s, and a request takes up to
 * 15 s.
 */
const SETTLED_MS = 45_000;

/**
 * Limits the requests in flight of an account. All processes together stay within what GitHub allows, and the number
 * grows slowly after a pause.
 */
export function requestsInFlight(clock: Pick<Clock, "monotonic">, pause: Pick<AccountPause, "cap">) {
  const { monotonic } = clock;
  let count = 0;
  let share = MOST_OF_SINGLE;
  /** Until then, the other processes count this one. */
  let countedUntil = Number.NEGATIVE_INFINITY;
  /** Until then, the others may use the whole limit because they do not know of this process yet. */
  let newUntil = Number.NEGATIVE_INFINITY;
  return {
    count: (): number => count,
    /** @param kept whether a fifth is kept free for others. */
    isFull(kept: boolean): boolean {
      const most = Math.min(pause.cap(), share < MOST_OF_REPLICA && monotonic() < newUntil ? 1 : share);
      return count >= (kept ? Math.ceil((most * 4) / 5) : most);
    },
    change(by: 1 | -1): void {
      count += by;
    },
    /** @param others how many other replicas use the account now. */
    learn(others: number): void {
      share = Math.max(1, Math.min(MOST_OF_REPLICA, Math.floor(ALLOWED / (others + 1))));
      if (monotonic() >= countedUntil) newUntil = monotonic() + (share < MOST_OF_REPLICA ? SETTLED_MS : 0);
    },
    /** The log has noted that this process uses the account. */
    noted(): void {
      countedUntil = monotonic() + PRESENT_MS;
    },
  };
}
