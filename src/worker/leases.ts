import type { Claim } from "../model/claim.ts";
import type { Clock } from "../model/clock.ts";
import type { Lease } from "../model/lease.ts";
import type { Outcome } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Attempting } from "./attempting.ts";
import type { StoreHealth } from "./store-health.ts";

/** That an attempt has its run, until the claim is lost or the attempt is over. */
export type AttemptLease = Lease & {
  /** The attempt has begun. It ends when the claim is lost, and what it has on the wire is aborted when it is cut off. */
  follow(attempting: Attempting): void;
};

/**
 * A claim ends so long after the last sign of life of its process; it is extended three times in between. Another
 * process sees it a third of that later, so that a run is taken over within 30 s.
 */
export const LEASE_MS = 21_000;

export const EXTENDED_EVERY_MS = LEASE_MS / 3;

/** A claim that was not extended for so long may end before what an attempt does next. */
const SURE_FOR_MS = (LEASE_MS / 3) * 2;

const OVER = new Error("the attempt is over");

type Claimed = { sureUntil: number; lost: boolean; attempting: Attempting | undefined };

/** The claims of this process. How long each is sure is measured with a clock that cannot be set. */
export type Leases = ReturnType<typeof openLeases>;

export function openLeases({
  store,
  clock,
  health,
}: {
  store: Pick<RunStore, "extend">;
  clock: Pick<Clock, "monotonic">;
  health: StoreHealth;
}) {
  const claims = new Map<Claim, Claimed>();
  let extendedAt = clock.monotonic();

  function renewed(claim: Claim, since: number): void {
    const one = claims.get(claim);
    if (one) one.sureUntil = Math.max(one.sureUntil, since + SURE_FOR_MS);
  }

  /** Whether the store still has the claim as its owner's; what it has not is lost for good. */
  async function confirm(claim: Claim): Promise<boolean> {
    const one = claims.get(claim);
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
    one.lost = true;
    one.attempting?.end(LOST);
    return false;
  }

  return {
    /** @param since when the store was asked for the claim, by the monotonic clock: its lease began later than that. */
    begin(claim: Claim, since: number): AttemptLease {
      const one: Claimed = { sureUntil: since + SURE_FOR_MS, lost: false, attempting: undefined };
      const onWire = new Set<(reason: Error) => void>();
      const maySendNow = () => one.attempting?.maySend() === true;
      claims.set(claim, one);
      return {
        async holds() {
          // The process may stand still again while the store is asked.
          while (maySendNow() && !one.lost && clock.monotonic() >= one.sureUntil) {
            if (!(await confirm(claim))) return false;
          }
          return maySendNow() && !one.lost;
        },
        sent(abort) {
          onWire.add(abort);
          // It may have ended since it was asked whether it holds: a promise is read a moment after it is kept.
          if (!maySendNow() || one.lost) abort(OVER);
          return () => void onWire.delete(abort);
        },
        follow(attempting) {
          one.attempting = attempting;
          // What a workflow has left unread by itself may end in peace: the connection stays open.
          attempting.onEnd((cutOff) => {
            if (cutOff) for (const abort of onWire) abort(OVER);
          });
          if (one.lost) attempting.end(LOST);
        },
      };
    },
    /** Its attempt is stored, or given up: it is not extended any more. */
    end: (claim: Claim) => void claims.delete(claim),
    /** Extends all, unless that was done a moment ago. */
    async extend(): Promise<void> {
      const since = clock.monotonic();
      if (claims.size === 0 || since - extendedAt < EXTENDED_EVERY_MS / 2) return;
      const all = [...claims.keys()];
      const kept = new Set(await health.watch(store.extend(all, LEASE_MS), "changes"));
      extendedAt = since;
      for (const claim of all) {
        if (kept.has(claim)) renewed(claim, since);
        // Its end, or one of its steps, may be on its way into the store at this moment.
        else confirm(claim).catch(() => {});
      }
    },
  };
}

/** What this attempt led to counts no more: the run is settled by the process that has it now. */
export const LOST: Outcome = {
  status: "failure",
  http: 500,
  kind: "transient",
  reason: "Another process has taken the run over, because this one had given no sign of life for too long.",
};
