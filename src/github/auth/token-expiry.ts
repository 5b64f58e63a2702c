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

/** Reminds of tokens that end: once a day in their last week, and not after their end. */
export function expiryReminders(clock: Clock, remind: (account: string, expiresAt: number) => void) {
  const alarms = new Map<string, () => void>();

  function remindFrom(account: string, expiresAt: number, from: number): void {
    if (from >= expiresAt) return;
    const ring = () => {
      // An alarm may ring early when it is weeks away.
      if (clock.now() < from) return remindFrom(account, expiresAt, from);
      if (clock.now() >= expiresAt) return;
      remind(account, expiresAt);
      remindFrom(account, expiresAt, clock.now() + DAY_MS);
    };
    alarms.set(account, clock.alarm(from, ring));
  }

  return {
    /** An account's token ends at another time than was known. */
    ends(account: string, expiresAt: number): void {
      alarms.get(account)?.();
      remindFrom(account, expiresAt, Math.max(clock.now(), expiresAt - WARNED_MS));
    },
    close(): void {
      for (const cancel of alarms.values()) cancel();
    },
  };
}
