import type { Clock } from "../model/clock.ts";
import type { Claim, RunStore } from "../model/store.ts";
import type { StoreHealth } from "./store-health.ts";

/** Whether an attempt still holds its run. It is asked right before a request leaves, and before a step begins. */
export type Lease = {
  /** Whether the run is surely still this process's. */
  isSure(): boolean;
  /** The same, and finds out where it is not sure. */
  ask(): Promise<boolean>;
  /** Calls back as soon as the claim is known to be lost. */
  onLost(work: () => void): void;
};

/** The claims of this process. How long each holds is measured with a clock that cannot be set. */
export type Leases = {
  /** @param since when the store was asked for the claim, by the monotonic clock: its lease began later than that. */
  begin(claim: Claim, since: number): Lease;
  /** Its attempt is stored, or given up: it is not extended any more. */
  end(claim: Claim): void;
  /** Extends all, unless that was done a moment ago. */
  extend(): Promise<void>;
};

/**
 * A claim ends so long after the last sign of life of its process; it is extended three times in between. Another
 * process sees it a third of that later, so that a run is taken over within 30 s.
 */
export const LEASE_MS = 21_000;

export const EXTENDED_EVERY_MS = LEASE_MS / 3;

/** A claim that was not extended for so long may end before what an attempt does next. */
const SURE_FOR_MS = (LEASE_MS / 3) * 2;

type Held = { sureUntil: number; lost: boolean; readonly onLost: (() => void)[] };

export function heldLeases({
  store,
  clock,
  health,
}: {
  store: Pick<RunStore, "extend">;
  clock: Pick<Clock, "monotonic">;
  health: StoreHealth;
}): Leases {
  const held = new Map<Claim, Held>();
  let extendedAt = clock.monotonic();

  function renewed(claim: Claim, since: number): void {
    const one = held.get(claim);
    if (one) one.sureUntil = Math.max(one.sureUntil, since + SURE_FOR_MS);
  }

  /** Whether the store still has the claim as its owner's; what it has not is lost for good. */
  async function confirm(claim: Claim): Promise<boolean> {
    const one = held.get(claim);
    if (!one || one.lost) return false;
    let since = 0;
    const kept = await health.insist(() => {
      since = clock.monotonic();
      return store.extend([claim], LEASE_MS);
    }, "changes");
    if (kept.length > 0) {
      renewed(claim, since);
      return true;
    }
    if (!one.lost) {
      one.lost = true;
      for (const work of one.onLost) work();
    }
    return false;
  }

  return {
    begin(claim, since) {
      const one: Held = { sureUntil: since + SURE_FOR_MS, lost: false, onLost: [] };
      held.set(claim, one);
      const isSure = () => !one.lost && clock.monotonic() < one.sureUntil;
      return {
        isSure,
        ask: async () => isSure() || (held.has(claim) && confirm(claim)),
        onLost(work) {
          if (one.lost) work();
          else one.onLost.push(work);
        },
      };
    },
    end: (claim) => void held.delete(claim),
    async extend() {
      const since = clock.monotonic();
      if (held.size === 0 || since - extendedAt < EXTENDED_EVERY_MS / 2) return;
      const claims = [...held.keys()];
      const kept = new Set(await health.watch(store.extend(claims, LEASE_MS), "changes"));
      extendedAt = since;
      for (const claim of claims) {
        if (kept.has(claim)) renewed(claim, since);
        // Its end, or one of its steps, may be on its way into the store at this moment.
        else confirm(claim).catch(() => {});
      }
    },
  };
}
