import { type Check, ok, warning } from "../../model/check.ts";

/** Nobody minds less; GitHub's `date` has whole seconds and is some way old when it arrives. */
const TOLERATED_MS = 30_000;

/** @param skewMs how much GitHub's clock is ahead; undefined when it has not been heard. */
export function checkClock(skewMs: number | undefined): Check[] {
  if (skewMs === undefined) return [];
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (Math.abs(skewMs) <= TOLERATED_MS) return [ok("clock", "agrees with GitHub's")];
  const side = skewMs > 0 ? "behind" : "ahead of";
  return [
    warning(
      "clock",
      `this machine's clock is ${seconds} s ${side} GitHub's`,
      "Synchronize it: requests are corrected by GitHub's time, but times in the history and the log are wrong.",
    ),
  ];
}
