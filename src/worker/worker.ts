import type { Claim } from "../model/claim.ts";
import { pause } from "../model/clock.ts";
import type { NewRun } from "../model/new-run.ts";
import type { Observer } from "../model/observer.ts";
import type { Run } from "../model/run.ts";
import { byRun, type Rerun, type RerunOptions, WorkflowPaused } from "../model/run-actions.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import type { By } from "../model/who.ts";
import { followElsewhere, waitingCallers } from "./callers.ts";
import { cancelling } from "./cancelling.ts";
import { type InFlightParts, runsInFlight } from "./in-flight.ts";
import { keptEvent } from "./kept.ts";
import { EXTENDED_EVERY_MS, LEASE_MS, openLeases } from "./leases.ts";
import { pump } from "./pump.ts";
import { STORE_RETRY_MS, type StoreHealth, storeHealth } from "./store-health.ts";

export type WorkerParts = Omit<InFlightParts, "startRun"> & {
  readonly store: RunStore;
  readonly observe: Observer;
  /** The name of this process in its claims. */
  readonly owner: string;
  readonly retainDays: number;
};

type Accepting = { readonly token: string | undefined; readonly waitMs: number };

/** Limits the memory for runs in flight; GitHub's connections have a separate limit. */
const MAX_RUNNING = 64;

/**
 * For this long nothing else starts beside a suspect, so no other run is in flight if the suspect ends the process.
 * Most that do end it immediately. A run that brought its token cannot wait.
 */
const SUSPECT_ALONE_MS = 3000;

/** If a claiming round takes longer, the worker hangs. */
const STUCK_MS = 60_000;

export type Worker = ReturnType<typeof startWorker>;

export function startWorker(parts: WorkerParts) {
  const { store, clock, log, owner, observe, keeping } = parts;
  const callers = waitingCallers(clock);
  /** Events on their way into the store, which may come back as claims. */
  const accepting = new Set<Promise<unknown>>();
  let stopped = false;
  /** Nothing is due. This is the usual case, and then the end of a run need not look for another. */
  let idle = false;
  /** When a suspect was last claimed, by the monotonic clock. */
  let suspectAt = Number.NEGATIVE_INFINITY;
  const health = storeHealth(parts);
  const leases = openLeases({ store, clock, health });
  const startRun = async (event: NewRun) => (await takeIn(event, { token: undefined, waitMs: 0 })).run;
  const inFlight = runsInFlight({ ...parts, startRun }, health, leases, { settled, ended: freed });
  const claiming = pump(clock, beat, (error) => {
    report(error);
    return clock.now() + STORE_RETRY_MS;
  });
  const forgetOldRuns = forgetting(parts, health);
  const cancels = cancelling({ ...parts, health, callers, inFlight, settled, wake });
  const { end: cancelled, endMissed: missed } = cancels;
  const elsewhere = followElsewhere(store, clock, callers, { wake, freed, cancelled, missed, report });
  wake();

  function wake(): void {
    idle = false;
    claiming.wake();
  }

  function freed(): void {
    if (!idle) claiming.wake();
  }

  function settled(run: Run): void {
    // The workflow's `cancelled` may be due.
    if (run.status === "queued" || run.status === "waiting" || run.status === "cancelled") idle = false;
    callers.tell(run);
    observe.settled(run);
  }

  /** Extends the claims, even when nothing is due. */
  async function beat(): Promise<number> {
    const next = await claimDue();
    forgetOldRuns().catch(report);
    cancels.look().catch(report);
    return Math.min(next ?? Number.POSITIVE_INFINITY, clock.now() + EXTENDED_EVERY_MS);
  }

  /** Starts the due runs. Resolves with the time of the next look. */
  async function claimDue(): Promise<number | undefined> {
    // This happens before claiming, so that a slow process never takes its runs for abandoned.
    await leases.extend();
    const now = clock.now();
    const since = clock.monotonic();
    const alone = suspectAloneFor();
    const free = alone === 0 ? MAX_RUNNING - inFlight.size() : 0;
    const lease = { owner, now, leaseMs: LEASE_MS, limit: free };
    const claims = free > 0 ? await health.watch(store.claim(lease), "changes") : [];
    for (const claim of claims) begin(claim, undefined, since);
    const next = await store.nextDue();
    idle = next === undefined || next > now;
    if (claims.some(({ suspect }) => suspect)) suspectAt = since;
    if (next !== undefined && alone > 0) return Math.max(next, now + alone);
    // A suspect that had to let another run go first is available a little later, and nothing announces that.
    if (next !== undefined && next <= now && since - suspectAt < STUCK_MS) return now + STORE_RETRY_MS;
    if (next === undefined || next > now) return next;
    // A run that is already due waits for a run in flight, whose end wakes this, or for a waiting run of its group.
    // This also finds runs that became due since the claims.
    return claims.length < free ? store.nextDue(Math.ceil(clock.monotonic() - since)) : undefined;
  }

  function begin(claim: Claim, token: string | undefined, since: number): void {
    inFlight.start(claim, token, since);
    cancels.begun(claim.run.id).catch(report);
  }

  /** How long nothing may start beside a suspect in flight, ms; 0 without a suspect. */
  function suspectAloneFor(): number {
    return inFlight.hasSuspect() ? Math.max(0, suspectAt + SUSPECT_ALONE_MS - clock.monotonic()) : 0;
  }

  /** Resolves when nothing is in flight and no event is on its way into the store. */
  async function rests(): Promise<void> {
    do await Promise.allSettled([inFlight.rest(), ...accepting, claiming.rest()]);
    while (inFlight.size() + accepting.size > 0);
  }

  /** Like `rests`, but for at most this many milliseconds. */
  async function restsWithin(milliseconds: number): Promise<void> {
    const rest = new AbortController();
    await Promise.race([rests(), pause(clock, milliseconds, rest.signal)]);
    rest.abort();
  }

  /** The store's errors are already logged. Any other error is internal. */
  function report(error: unknown): void {
    if (!(error instanceof StoreUnavailable)) log.error({ err: error }, "internal error of the worker");
  }

  async function accept(
    given: NewRun,
    { token, waitMs }: Accepting,
  ): Promise<{ run: string; outcome: Promise<Run | undefined> }> {
    const event = keptEvent(given, keeping, token === undefined ? [] : [token]);
    const now = clock.now();
    const since = clock.monotonic();
    const take = !stopped && inFlight.size() + accepting.size < MAX_RUNNING && suspectAloneFor() === 0;
    const accepted = await health.watch(store.accept(event, { owner, now, leaseMs: LEASE_MS, take }), "adds");
    if (accepted.paused && token !== undefined) throw pausedFor(event);
    observe.accepted(event, accepted);
    // Do not await anything between here and `wait`: an outcome could be missed.
    if (accepted.superseded !== undefined) callers.move(accepted.superseded, accepted.run);
    const outcome = waitMs > 0 && !accepted.paused ? callers.wait(accepted.run, waitMs) : Promise.resolve(undefined);
    if (accepted.cancels) cancels.end(accepted.cancels, byRun(accepted.run));
    if (accepted.claim) begin(accepted.claim, token, since);
    else {
      wake();
      elsewhere.expect(accepted.run);
    }
    return { run: accepted.run, outcome };
  }

  function takeIn(event: NewRun, options: Accepting): ReturnType<typeof accept> {
    const accepted = accept(event, options);
    accepting.add(accepted);
    return accepted.finally(() => accepting.delete(accepted));
  }

  return {
    /**
     * Stores an event and resolves when it is on disk. Its run starts as soon as possible. `outcome` resolves when the
     * run has ended, an attempt has failed, or the run starts to wait; or with undefined after `waitMs`.
     * @throws StoreUnavailable; WorkflowPaused if the event brings a token, which cannot wait.
     */
    accept: takeIn,
    /** Looks for due runs, such as after a change. */
    look: wake,
    async rerun(id: string, options: RerunOptions): Promise<Rerun> {
      const rerun = await health.watch(store.rerun(id, clock.now(), options), "adds");
      if (rerun.status === "queued") wake();
      return rerun;
    },
    cancel: cancels.cancel,
    pause: (workflow: string, by: By): Promise<boolean> => health.watch(store.pause(workflow, by), "changes"),
    async resume(workflow: string, by: By): Promise<boolean> {
      const resumed = await health.watch(store.resume(workflow, by), "changes");
      if (resumed) wake();
      return resumed;
    },
    /** Rejects if runs cannot be claimed or settled. */
    async check(): Promise<void> {
      await health.watch(store.check(), "changes");
      if ((claiming.busyForMs() ?? 0) > STUCK_MS)
        throw new Error("the worker has waited for the database for more than a minute: check the database");
      if (stopped) throw new Error("the worker is stopping");
    },
    /** Why the store cannot be written; undefined if it can, as far as known. */
    storeTrouble: health.trouble,
    /** Answers up to N callers without an outcome, the longest waiting first; all of them by default. */
    dismissCallers: callers.dismiss,
    /**
     * Accepts no more runs, and lets the runs in flight continue. In the last part of the time, their signals abort and
     * they start nothing new, but requests in progress may finish. Then they end and return to the store.
     */
    async drain(milliseconds: number, lastMilliseconds = milliseconds / 5): Promise<void> {
      stopped = true;
      claiming.stop();
      elsewhere.stop();
      await restsWithin(milliseconds - lastMilliseconds);
      inFlight.stopping.begin();
      await restsWithin(lastMilliseconds);
      health.stopInsisting();
      inFlight.stopping.end();
      await rests();
      callers.dismiss();
    },
  };
}

function pausedFor({ workflow }: NewRun): WorkflowPaused {
  return new WorkflowPaused(
    `${workflow} is paused. The request brings a token, which is not stored, so it cannot wait. Send it again after the workflow is resumed.`,
  );
}

const FORGET_EVERY_MS = 60_000;
/** Few enough that deleting them does not noticeably delay other work. */
const FORGET_BATCH = 50;

/** Deletes runs that ended long ago, once a minute. */
function forgetting({ store, clock, observe, retainDays }: WorkerParts, health: StoreHealth): () => Promise<void> {
  const began = { now: clock.now(), monotonic: clock.monotonic() };
  let forgotAt = began.monotonic;
  return async () => {
    const since = clock.monotonic();
    if (since < forgotAt + FORGET_EVERY_MS) return;
    forgotAt = since;
    // Not by the wall clock alone: a clock set one year ahead would delete the whole history.
    const now = Math.min(clock.now(), began.now + since - began.monotonic);
    const before = Math.floor(now - retainDays * 86_400_000);
    let deleted: number;
    do {
      deleted = await health.watch(store.forget(before, FORGET_BATCH), "changes");
      if (deleted > 0) observe.forgotten();
    } while (deleted === FORGET_BATCH);
  };
}
