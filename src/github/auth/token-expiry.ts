import type { Clock } from "../../model/clock.ts";
import type { Answer } from "../answer.ts";

const DAY_MS = 86_400_000;

/** From so long before its end a token is warned of, once a day. */
const WARNED_MS = 7 * DAY_MS;

/**
 * When the token of a request ends (epoch milliseconds), as any answer to it says: `2026-12-01 12:00:00 UTC`. Undefined
 * where it does not end.
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
      // An alarm may ring early when it is weeks away.
      if (now < from) return remindFrom(from, expiresAt);
      if (now >= expiresAt) return;
      remind(expiresAt);
      remindFrom(clock.now() + DAY_MS, expiresAt);
    });
  }

  return {
    /** It ends at another time than was known. */
    ends(expiresAt: number): void {
      cancel();
      remindFrom(Math.max(clock.now(), expiresAt - WARNED_MS), expiresAt);
    },
    close: () => cancel(),
  };
}
