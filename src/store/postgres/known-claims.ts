import type { Clock } from "../../model/clock.ts";
import type { Claim } from "../../model/store.ts";
import type { Lost } from "./claim.ts";

/**
 * The claims of this process as far as it knows. The database may have stored what the process never heard of, when the
 * connection was lost with the answer: for a while claims are then looked for that it does not know.
 */
export type KnownClaims = {
  /** They are this process's. */
  hold(claims: readonly Claim[]): void;
  /** Passes on an answer that may bring claims for the time of this lease, and notices its loss. */
  brought<T>(lease: { readonly leaseMs: number }, answer: Promise<T>): Promise<T>;
  /** Takes an event into the store, which may come back claimed. */
  accepting<T>(id: string, accept: () => Promise<T>): Promise<T>;
  /** What to look for while claims may hold that were lost with an answer. */
  lost(): Lost | undefined;
  /** Lets a claim go when its attempt is stored. */
  settling<T>(claim: Claim, stored: Promise<T>): Promise<T>;
  /** Whether a claim's settling failed once, perhaps after it was stored. */
  isDoubted(claim: Claim): boolean;
};

export function knownClaims(clock: Clock): KnownClaims {
  const held = new Map<string, Claim>();
  /** Ids of events on their way into the store. */
  const arriving = new Set<string>();
  const doubted = new WeakSet<Claim>();
  /** When an answer was last lost, by the clock, and until when claims that it brought may hold. */
  let lostAt = 0;
  let lostUntil = Number.NEGATIVE_INFINITY;
  return {
    hold(claims) {
      for (const claim of claims) held.set(claim.run.id, claim);
    },
    async brought({ leaseMs }, answer) {
      try {
        return await answer;
      } catch (error) {
        lostAt = clock.now();
        lostUntil = performance.now() + 2 * leaseMs;
        throw error;
      }
    },
    async accepting(id, accept) {
      arriving.add(id);
      try {
        return await accept();
      } finally {
        arriving.delete(id);
      }
    },
    lost() {
      if (performance.now() >= lostUntil) return undefined;
      return { known: [...held.keys(), ...arriving], before: lostAt };
    },
    async settling(claim, stored) {
      try {
        const result = await stored;
        if (held.get(claim.run.id) === claim) held.delete(claim.run.id);
        return result;
      } catch (error) {
        doubted.add(claim);
        throw error;
      }
    },
    isDoubted: (claim) => doubted.has(claim),
  };
}
