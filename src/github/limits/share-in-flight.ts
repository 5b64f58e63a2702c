import type { Replicas } from "../../model/limits.ts";

/** What GitHub allows an account: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const ALLOWED = 100;

/** No replica takes more, however few there are: others may use the account, too. */
const MOST = 25;

/**
 * So long after a replica has joined or gone no request is in flight, or has room kept for it, that was let through
 * before: room is kept for 30 s, and a request takes 15 s at most.
 */
const SETTLED_MS = 45_000;

/** How many requests of an account a replica may have in flight, so that all together stay within what GitHub allows. */
export type ShareInFlight = {
  /** Told whenever the replicas are counted, by the clock. */
  learn(replicas: Replicas, now: number): void;
  most(): number;
};

/** Falls with the first count of more replicas, and rises when that many have been gone for long enough. */
export function shareInFlight(): ShareInFlight {
  let share: number | undefined;
  let past: readonly { readonly share: number; readonly until: number }[] = [];
  let isKnownToAll = false;
  return {
    learn({ count, countedForMs }, now) {
      const next = Math.max(1, Math.min(MOST, Math.floor(ALLOWED / count)));
      const risen = share !== undefined && next > share ? [{ share, until: now }] : [];
      past = [...past, ...risen].filter(({ until }) => until > now - SETTLED_MS);
      share = next;
      isKnownToAll = countedForMs >= SETTLED_MS;
    },
    most() {
      const most = Math.min(share ?? 1, ...past.map((each) => each.share));
      // The others may have all of it in flight, and not know yet of this one. Up to four leave room for each other.
      return most < MOST && !isKnownToAll ? 1 : most;
    },
  };
}
