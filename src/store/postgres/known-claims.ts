import type { Claim } from "../../model/claim.ts";
import type { Clock } from "../../model/clock.ts";
import { slotOf } from "../rows.ts";
import type { Lost } from "./claim.ts";

/**
 * The claims of this process as far as it knows. The database may have stored what the process never heard of, when the
 * connection was lost with the answer: for a while claims are then looked for that it does not know.
 */
export function knownClaims(clock: Clock) {
  const claims = new Map<string, Claim>();
  /** Ids of events on their way into the store. */
  const arriving = new Set<string>();
  const doubted = new WeakSet<Claim>();
  /** When an answer was last lost, by the clock, and until when claims that it brought may hold. */
  let lostAt = 0;
  let lostUntil = Number.NEGATIVE_INFINITY;
  return {
    /** They are this process's. */
    add(claimed: readonly Claim[]): void {
      for (const claim of claimed) claims.set(claim.run.id, claim);
    },
    /** Whether one of them is of a run in this slot. */
    isInSlot: (slot: string): boolean => claims.values().some(({ run }) => slotOf(run) === slot),
    /** Passes on an answer that may bring claims for the time of this lease, and notices its loss. */
    async brought<T>({ leaseMs }: { readonly leaseMs: number }, answer: Promise<T>): Promise<T> {
      try {
        return await answer;
      } catch (error) {
        lostAt = clock.now();
        lostUntil = performance.now() + 2 * leaseMs;
        throw error;
      }
    },
    /** Takes an event into the store, which may come back claimed. */
    async accepting<T>(id: string, accept: () => Promise<T>): Promise<T> {
      arriving.add(id);
      try {
        return await accept();
      } finally {
        arriving.delete(id);
      }
    },
    /** What to look for while claims may hold that were lost with an answer. */
    lost(): Lost | undefined {
      if (performance.now() >= lostUntil) return undefined;
      return { known: [...claims.keys(), ...arriving], before: lostAt };
    },
    /** Lets a claim go when its attempt is stored. */
    async settling<T>(claim: Claim, stored: Promise<T>): Promise<T> {
      try {
        const result = await stored;
        if (claims.get(claim.run.id) === claim) claims.delete(claim.run.id);
        return result;
      } catch (error) {
        doubted.add(claim);
        throw error;
      }
    },
    /** Whether a claim's settling failed once, perhaps after it was stored. */
    isDoubted: (claim: Claim): boolean => doubted.has(claim),
  };
}
