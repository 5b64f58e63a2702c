import type { Pause } from "../../model/limits.ts";
import { LONGEST_MS } from "./limit-answers.ts";

/** Silence after a secondary limit that names no time; doubled each time it repeats. */
const UNNAMED_MS = 60_000;

/** The least silence after a limit that names a time which has passed already; doubled likewise. */
const LEAST_MS = 1000;

/** An account that sends nothing any more, such as a token that was seen once, is not remembered for ever. */
const STRIKES_KEPT_MS = 3_600_000;

/** What doubling ends at. */
const LONGEST_DOUBLED_MS = 15 * 60_000;

/**
 * The pause of one account. An episode is the time between two pauses: many requests that were in flight together meet
 * one limit together, and that is one strike.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
export function pauses(known: Pause | undefined, keep: (pause: Pause | undefined, over?: Pause) => void) {
  let silentUntil = known?.until ?? 0;
  /** No more than this can be left of it: the clock may be set back in the middle. */
  let longestLeft = LONGEST_MS;
  let strikes = known?.strikes ?? 0;
  let episode = 0;
  let kept = known !== undefined;
  /** The end of the latest one as it was written down, by whom it may be. */
  let keptUntil = known?.until;

  function extendTo(until: number, now: number): void {
    if (until <= untilAt(now)) return;
    silentUntil = until;
    longestLeft = until - now;
    kept = true;
    keptUntil = until;
    keep({ until, strikes });
  }

  function untilAt(now: number): number {
    silentUntil = Math.min(silentUntil, now + longestLeft);
    return Math.max(silentUntil, now);
  }

  return {
    /** When requests may be sent again, epoch milliseconds; `now` when they may. */
    until: untilAt,
    /** Requests remember the episode in which they were sent. */
    episode: (): number => episode,
    /** Whether a pause, or the strikes of one that ended lately, must be remembered. */
    isKnown: (now: number): boolean => kept && now < silentUntil + STRIKES_KEPT_MS,
    /** A request was refused; returns when the pause ends. */
    limited(named: number | undefined, sentIn: number, now: number): number {
      if (sentIn === episode) {
        episode++;
        strikes++;
      }
      const doubled = (first: number) => now + Math.min(LONGEST_DOUBLED_MS, first * 2 ** Math.max(0, strikes - 1));
      extendTo(named === undefined ? doubled(UNNAMED_MS) : Math.max(named, doubled(LEAST_MS)), now);
      return silentUntil;
    },
    /** GitHub said, with an ordinary answer, that nothing is left until a time; returns when the pause ends. */
    announced(until: number, now: number): number {
      episode++;
      extendTo(until, now);
      return silentUntil;
    },
    /** An ordinary answer came to a request of this episode. */
    passed(): void {
      if (!kept) return;
      strikes = 0;
      kept = false;
      keep(undefined, keptUntil === undefined ? undefined : { until: keptUntil, strikes: 0 });
    },
    /** Another process was told to be silent; returns whether that is news. */
    heard(told: Pause, now: number): boolean {
      if (told.until === keptUntil) return false;
      strikes = Math.max(strikes, told.strikes);
      if (told.until <= untilAt(now)) return false;
      // What is under way was sent before it, and says nothing about it.
      episode++;
      silentUntil = told.until;
      longestLeft = Math.min(told.until - now, LONGEST_MS);
      kept = true;
      keptUntil = told.until;
      return true;
    },
    /** Another process had an ordinary answer after this pause. */
    heardOver({ until }: Pause): void {
      if (!kept || until < (keptUntil ?? 0)) return;
      strikes = 0;
      kept = false;
    },
  };
}
