import type { Claim, Settlement } from "../model/claim.ts";
import type { Observer } from "../model/observer.ts";
import type { Attempt, Run } from "../model/run.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import { type AttemptParts, attemptRun } from "./attempt.ts";
import { orderlyStop } from "./attempting.ts";
import { attemptOf } from "./ending.ts";
import { keptReason } from "./kept.ts";
import type { AttemptLease, Leases } from "./leases.ts";
import type { AttemptLog } from "./run-log.ts";
import type { StoreHealth } from "./store-health.ts";

export type InFlightParts = Omit<AttemptParts, "insist" | "stopping" | "store" | "observe"> & {
  readonly store: AttemptParts["store"] & Pick<RunStore, "settle">;
  readonly observe: AttemptParts["observe"] & Pick<Observer, "attempt">;
};

/** The runs that this process executes, each from its claim to its settlement. */
export function runsInFlight(
  parts: InFlightParts,
  health: StoreHealth,
  leases: Leases,
  /** `settled` gets a run after its attempt is stored. `ended`: a run is no longer in flight. */
  { settled, ended }: { readonly settled: (run: Run) => void; readonly ended: () => void },
) {
  const { store, clock, log, observe, keeping } = parts;
  const inFlight = new Map<Claim, Promise<void>>();
  const stopping = orderlyStop();

  async function perform(claim: Claim, token: string | undefined, lease: AttemptLease): Promise<void> {
    const { attempt, settlement, runLog } = await observe.attempt(claim, () =>
      attemptRun(claim, token, { ...parts, insist: health.insist, lease, stopping }),
    );
    await settle(claim, attempt, settlement, runLog);
  }

  async function settle(claim: Claim, attempt: Attempt, settlement: Settlement, runLog?: AttemptLog): Promise<void> {
    const run = await health.insist(() => settleWith(claim, attempt, settlement, runLog?.lines));
    if (!run) runLog?.lines?.saveLeft();
    // The cancellation was reported before the workflow's `cancelled` ran.
    if (run) claim.handler || settled(run);
    else log.info({ run: claim.run.id, attempt: claim.attempt }, "outcome discarded: another process has the run");
  }

  /** If log lines cannot be stored, the run still settles. */
  async function settleWith(
    claim: Claim,
    attempt: Attempt,
    settlement: Settlement,
    lines: AttemptLog["lines"],
  ): Promise<Run | undefined> {
    const left = lines?.left() ?? [];
    if (!lines || left.length === 0) return store.settle(claim, attempt, settlement);
    try {
      const run = await store.settle(claim, attempt, settlement, left);
      if (run) lines.stored();
      return run;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      lines.lost(error);
      return store.settle(claim, attempt, settlement);
    }
  }

  /** An internal error ends the run. If not even that can be stored, the claim is no longer extended and expires. */
  async function giveUp(claim: Claim, token: string | undefined, error: unknown): Promise<void> {
    if (stopping.begun && error instanceof StoreUnavailable) {
      log.warn({ run: claim.run.id, err: error }, "the run could not be given back: the database cannot be written");
      return;
    }
    const show = token ? parts.hide(token) : undefined;
    const note = (err: unknown) => log.error({ run: claim.run.id, err }, "internal error during an attempt");
    note(error);
    const failure = { http: 500, kind: "permanent", reason: keptReason(internalError(error), keeping) } as const;
    const endedAt = clock.now();
    const times = { startedAt: claim.run.startedAt ?? endedAt, endedAt, code: parts.codeOf?.(claim.run.workflow) };
    const attempt = attemptOf(claim, times, { outcome: "failure", kind: failure.kind, reason: failure.reason });
    await settle(claim, attempt, { status: "failure", ...failure }).catch(note);
    show?.();
  }

  return {
    stopping,
    size: () => inFlight.size,
    /** The ids of the runs. */
    runs: (): readonly string[] => [...inFlight.keys()].map(({ run }) => run.id),
    hasSuspect: () => inFlight.keys().some(({ suspect }) => suspect),
    /** @param since by the monotonic clock, before the store received the claim request. */
    start(claim: Claim, token: string | undefined, since: number): void {
      const done = perform(claim, token, leases.begin(claim, since))
        .catch((error) => giveUp(claim, token, error))
        .finally(() => {
          leases.end(claim);
          inFlight.delete(claim);
          ended();
        });
      inFlight.set(claim, done);
    },
    /** Resolves when the runs now in flight have ended. */
    rest: () => Promise.allSettled(inFlight.values()),
  };
}

function internalError(error: unknown): string {
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `Internal error: ${thrown}. Check what the run did before this, and re-run it if that is safe. Report the error with the service's log.`;
}
