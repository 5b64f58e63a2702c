import { type Check, warning } from "../../model/check.ts";
import type { StoredPause } from "../../model/limits.ts";

/** Pauses of the service's own accounts that are in force: they keep it from asking GitHub anything. */
export function checkPauses(pauses: readonly StoredPause[], now: number): Check[] {
  return pauses
    .filter(({ until }) => until > now)
    .map(({ account, until, strikes }) => {
      const why =
        strikes === 0
          ? "GitHub said that the quota is used up until then"
          : `GitHub asked for silence because of a limit${strikes === 1 ? "" : `, ${strikes} times in a row`}`;
      return warning(
        "pause",
        `the service sends nothing as ${account} until ${new Date(until).toISOString()}: ${why}`,
        "Nothing is lost: runs wait, and go on by themselves then. See what else uses this account.",
      );
    });
}
