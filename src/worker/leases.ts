import type { Claim } from "../model/claim.ts";
import type { Clock } from "../model/clock.ts";
import type { Lease } from "../model/lease.ts";
import type { Outcome } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Attempting } from "./attempting.ts";
import type { StoreHealth } from "./store-health.ts";

/** Proves that an attempt has its run, until the claim is lost or the attempt is over. */
export type AttemptLease = Lease & {
  /** Follows the attempt. It ends when the claim is lost. If it is cut off, its requests in progress are aborted. */
  follow(attempting: Attempting): void;
};

/**
 * A claim ends this long after the last sign of life of its process. The process extends it three times in that time.
 * Another process notices the end up to a third later, so it takes over a run within 30 s.
 */
export const LEASE_MS = 21_000;

export const EXTENDED_EVERY_MS = LEASE_MS / 3;

/** Without an extension for this long, a claim may end before the attempt's next action. */
const SURE_FOR_MS = (LEASE_MS / 3) * 2;

const OVER = new Error("the attempt is over");

type Claimed = { sureUntil: number; lost: boolean; attempting: Attempting | undefined };

/** The claims of this process. A monotonic clock measures how long each is certain. */
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

  /** Whether the store still has this process as the claim's owner. If not, the claim is lost permanently. */
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
    /** @param since when the store was asked for the claim, by the monotonic clock. The lease began after that. */
    begin(claim: Claim, since: number): AttemptLease {
      const one: Claimed = { sureUntil: since + SURE_FOR_MS, lost: false, attempting: undefined };
      const onWire = new Set<(reason: Error) => void>();
      const maySendNow = () => one.attempting?.maySend() === true;
      claims.set(claim, one);
      return {
        async holds() {
          // The process may pause again while the store answers.
          while (maySendNow() && !one.lost && clock.monotonic() >= one.sureUntil) {
            if (!(await confirm(claim))) return false;
          }
          return maySendNow() && !one.lost;
        },
        sent(abort) {
          onWire.add(abort);
          // The lease may have ended since `holds` resolved, because its result is read a moment later.
          if (!maySendNow() || one.lost) abort(OVER);
          return () => void onWire.delete(abort);
        },
        follow(attempting) {
          one.attempting = attempting;
          // An answer that a workflow did not read may end normally, which keeps the connection open.
          attempting.onEnd((cutOff) => {
            if (cutOff) for (const abort of onWire) abort(OVER);
          });
          if (one.lost) attempting.end(LOST);
        },
      };
    },
    /** Stops extending the claim: its attempt is stored or given up. */
    end: (claim: Claim) => void claims.delete(claim),
    /** Extends all claims, unless that was done a moment ago. */
    async extend(): Promise<void> {
      const since = clock.monotonic();
      if (claims.size === 0 || since - extendedAt < EXTENDED_EVERY_MS / 2) return;
      const all = [...claims.keys()];
      const kept = new Set(await health.watch(store.extend(all, LEASE_MS), "changes"));
      extendedAt = since;
      for (const claim of all) {
        if (kept.has(claim)) renewed(claim, since);
        // The claim's end, or one of its steps, may be on its way to the store now.
        else confirm(claim).catch(() => {});
      }
    },
  };
}

/** This attempt no longer counts: the process that now has the run settles it. */
export const LOST: Outcome = {
  status: "failure",
  http: 500,
  kind: "transient",
  reason: "Another process took over the run, because this process did not renew its lease in time.",
};
