import type { Clock } from "../../model/clock.ts";
import type { Answer } from "../answer.ts";

const DAY_MS = 86_400_000;

/** Warnings start this long before a token's end, and repeat once a day. */
const WARNED_MS = 7 * DAY_MS;

/**
 * When the token of a request ends (epoch milliseconds), as any answer to it says: `2026-12-01 12:00:00 UTC`. Undefined
 * if it does not end.
 * @see https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation
 */
export function expiryIn({ headers }: Pick<Answer, "headers">): number | undefined {
  const end = Date.parse(String(headers["github-authentication-token-expiration"]));
  return Number.isNaN(end) ? undefined : end;
}

/** Reminds of a token that ends: once a day in its last week, and not after its end. */
export function expiryReminders(clock: Clock, remind: (expiresAt: number) => void) {
  let cancel = () => {};

  function remindFrom(from: number, expiresAt: number): void {
    if (from >= expiresAt) return;
    cancel = clock.alarm(from, () => {
      const now = clock.now();
      // An alarm that is weeks away may ring early.
      if (now < from) return remindFrom(from, expiresAt);
      if (now >= expiresAt) return;
      remind(expiresAt);
      remindFrom(clock.now() + DAY_MS, expiresAt);
    });
  }

  return {
    /** Called when the end differs from the known one. */
    ends(expiresAt: number): void {
      cancel();
      remindFrom(Math.max(clock.now(), expiresAt - WARNED_MS), expiresAt);
    },
    close: () => cancel(),
  };
}
