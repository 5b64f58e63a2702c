import type { Pause } from "../model/limits.ts";

/** Silence after a secondary limit that names no time; doubled each time it repeats. */
const UNNAMED_MS = 60_000;

/** The least silence after a limit that names a time which has passed already; doubled likewise. */
const LEAST_MS = 1000;

/** What doubling ends at. */
const LONGEST_DOUBLED_MS = 15 * 60_000;

/**
 * The pause of one account. An episode is the time between two pauses: many requests that were in flight together meet
 * one limit together, and that is one strike.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
export function pauses(known: Pause | undefined, keep: (pause: Pause | undefined) => void) {
  let silentUntil = known?.until ?? 0;
  let strikes = known?.strikes ?? 0;
  let episode = 0;
  let kept = known !== undefined;

  function extendTo(until: number): void {
    if (until <= silentUntil) return;
    silentUntil = until;
    kept = true;
    keep({ until, strikes });
  }

  return {
    /** When requests may be sent again, epoch milliseconds; `now` when they may. */
    until: (now: number): number => Math.max(silentUntil, now),
    /** Requests remember the episode in which they were sent. */
    episode: (): number => episode,
    /** Whether a pause, or a strike of an earlier one, must be remembered. */
    isKnown: (): boolean => kept,
    /** A request was refused; returns when the pause ends. */
    limited(named: number | undefined, sentIn: number, now: number): number {
      if (sentIn === episode) {
        episode++;
        strikes++;
      }
      const doubled = (first: number) => now + Math.min(LONGEST_DOUBLED_MS, first * 2 ** Math.max(0, strikes - 1));
      extendTo(named === undefined ? doubled(UNNAMED_MS) : Math.max(named, doubled(LEAST_MS)));
      return silentUntil;
    },
    /** GitHub said, with an ordinary answer, that nothing is left until a time; returns when the pause ends. */
    announced(until: number): number {
      episode++;
      extendTo(until);
      return silentUntil;
    },
    /** An ordinary answer came to a request of this episode. */
    passed(): void {
      if (!kept) return;
      strikes = 0;
      kept = false;
      keep(undefined);
    },
  };
}
