import type { Claim } from "../../model/claim.ts";
import type { Clock } from "../../model/clock.ts";
import { slotOf } from "../rows.ts";
import type { Lost } from "./claim.ts";

/**
 * The claims of this process, as far as it knows. If the connection was lost with an answer, the database may have
 * stored claims that the process does not know. It then looks for unknown claims for a while.
 */
export function knownClaims(clock: Clock) {
  const claims = new Map<string, Claim>();
  /** The ids of events on their way into the store. */
  const arriving = new Set<string>();
  const doubted = new WeakSet<Claim>();
  /** When an answer was last lost, by the clock, and until when claims in lost answers may hold. */
  let lostAt = 0;
  let lostUntil = Number.NEGATIVE_INFINITY;
  return {
    /** Adds claims of this process. */
    add(claimed: readonly Claim[]): void {
      for (const claim of claimed) claims.set(claim.run.id, claim);
    },
    /** Whether one of the claims is for a run in this slot. */
    isInSlot: (slot: string): boolean => claims.values().some(({ run }) => slotOf(run) === slot),
    /** Returns an answer that may bring claims with this lease, and notes if it is lost. */
    async brought<T>({ leaseMs }: { readonly leaseMs: number }, answer: Promise<T>): Promise<T> {
      try {
        return await answer;
      } catch (error) {
        lostAt = clock.now();
        lostUntil = performance.now() + 2 * leaseMs;
        throw error;
      }
    },
    /** Accepts an event, which may come back as a claim. */
    async accepting<T>(id: string, accept: () => Promise<T>): Promise<T> {
      arriving.add(id);
      try {
        return await accept();
      } finally {
        arriving.delete(id);
      }
    },
    /** What to look for while lost claims may still hold. */
    lost(): Lost | undefined {
      if (performance.now() >= lostUntil) return undefined;
      return { known: [...claims.keys(), ...arriving], before: lostAt };
    },
    /** Removes a claim when its attempt is stored. */
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
    /** Whether settling the claim failed once, perhaps after it was stored. */
    isDoubted: (claim: Claim): boolean => doubted.has(claim),
  };
}
