import type { Answer } from "../http.ts";

/** GitHub's clock, as far as its answers tell: their `date` has whole seconds. Epoch milliseconds. */
export type ServerTime = {
  heard(answer: Answer): void;
  now(): number;
  /** How much GitHub's clock is ahead of this machine's, ms; undefined before the first answer. */
  skew(): number | undefined;
};

export function serverTime(now: () => number): ServerTime {
  let skew: number | undefined;
  return {
    heard({ headers }) {
      const theirs = Date.parse(String(headers.date));
      if (!Number.isNaN(theirs)) skew = theirs - now();
    },
    now: () => now() + (skew ?? 0),
    skew: () => skew,
  };
}
