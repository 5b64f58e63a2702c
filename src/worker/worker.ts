import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import type { Attempt, Run } from "../model/run.ts";
import {
  type Claim,
  type NewRun,
  type Rerun,
  type RerunOptions,
  type RunStore,
  type Settlement,
  type StoreTrouble,
  StoreUnavailable,
} from "../model/store.ts";
import type { Log } from "../observe/log.ts";
import { type AttemptNeeds, attemptRun } from "./attempt.ts";
import { waitingCallers } from "./callers.ts";
import { followElsewhere } from "./elsewhere.ts";
import { keptEvent, keptReason } from "./kept.ts";
import { type AttemptLease, EXTENDED_EVERY_MS, LEASE_MS, openLeases } from "./leases.ts";
import { every, pump } from "./pump.ts";
import { orderlyStop } from "./stopping.ts";
import { STORE_RETRY_MS, storeHealth } from "./store-health.ts";

export type WorkerNeeds = Omit<AttemptNeeds, "insist" | "stopping"> & {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: Observer;
  /** Names this process in its claims. */
  readonly owner: string;
  readonly retainDays: number;
};

export type Worker = {
  /**
   * Stores an event and resolves once it is on disk; its run starts as soon as its turn comes. `outcome` resolves when
   * the run has ended or an attempt has failed, with undefined when it still waits after `waitMs`.
   * @throws StoreUnavailable
   */
  accept(
    event: NewRun,
    options: { token: string | undefined; waitMs: number },
  ): Promise<{ run: string; outcome: Promise<Run | undefined> }>;
  rerun(id: string, options: RerunOptions): Promise<Rerun>;
  /** Rejects when runs cannot be claimed or settled. */
  check(): Promise<void>;
  /** Why the store cannot be written; undefined when it can, as far as is known. */
  storeTrouble(): StoreTrouble | undefined;
  /** Lets the callers who still wait go, with nothing to say. */
  dismissCallers(): void;
  /**
   * Takes no more runs and lets those in flight go on. For the last part of the time their signals are aborted and they
   * begin nothing new, but what they have on the wire may be answered. Then they end, and are given back to the store.
   */
  drain(milliseconds: number, lastMilliseconds?: number): Promise<void>;
};

/** Bounds the memory that runs in flight take; GitHub's connections have a bound of their own. */
const MAX_RUNNING = 64;

/**
 * For so long nothing else is begun beside a suspect: no other run is in flight when it ends the process. Most that do end
 * it at once. A run that brought its token cannot wait.
 */
const SUSPECT_ALONE_MS = 3000;

/** Longer rounds of claiming are a worker that stands still. */
const STUCK_MS = 60_000;

const FORGET_EVERY_MS = 60_000;
/** Few enough to be deleted without a pause that anybody notices. */
const FORGET_AT_ONCE = 100;

export function startWorker(needs: WorkerNeeds): Worker {
  const { store, clock, log, owner, observe } = needs;
  const callers = waitingCallers(clock);
  const inFlight = new Map<Claim, Promise<void>>();
  /** Events on their way into the store, which may come back claimed. */
  const accepting = new Set<Promise<unknown>>();
  let stopped = false;
  /** Nothing is queued: the usual case, in which no end of a run needs to look for another. */
  let idle = false;
  /** When a suspect was last claimed, by the monotonic clock. */
  let suspectAt = Number.NEGATIVE_INFINITY;
  const began = { now: clock.now(), monotonic: clock.monotonic() };
  const health = storeHealth(needs);
  const stopping = orderlyStop();
  const leases = openLeases({ store, clock, health });
  const claiming = pump(clock, claimDue, (error) => {
    report(error);
    return clock.now() + STORE_RETRY_MS;
  });
  const stopWaking = every(clock, EXTENDED_EVERY_MS, async () => wake());
  const stopForgetting = every(clock, FORGET_EVERY_MS, forgetOldRuns);
  const elsewhere = followElsewhere({ store, callers, clock, wake, freed, report });
  wake();

  function wake(): void {
    idle = false;
    claiming.wake();
  }

  function freed(): void {
    if (!idle) claiming.wake();
  }

  /** Starts what is due, and says when to look again. */
  async function claimDue(): Promise<number | undefined> {
    // Before the claims, so that a late process never takes its own runs for abandoned.
    await leases.extend();
    const now = clock.now();
    const since = clock.monotonic();
    const alone = suspectAloneFor();
    const free = alone === 0 ? MAX_RUNNING - inFlight.size : 0;
    const lease = { owner, now, leaseMs: LEASE_MS, limit: free };
    const claims = free > 0 ? await health.watch(store.claim(lease), "changes") : [];
    for (const claim of claims) start(claim, undefined, since);
    const next = await store.nextDue();
    idle = next === undefined;
    if (claims.some(({ suspect }) => suspect)) suspectAt = since;
    if (next !== undefined && alone > 0) return Math.max(next, now + alone);
    // A suspect that had to let another one go first is handed out again a little later, and nothing says when.
    if (next !== undefined && next <= now && since - suspectAt < STUCK_MS) return now + STORE_RETRY_MS;
    // What is due already waits for a run in flight, whose end wakes this again.
    return next !== undefined && next > now ? next : undefined;
  }

  /** For how long nothing is begun beside a suspect in flight, ms; 0 when there is none. */
  function suspectAloneFor(): number {
    const isInFlight = inFlight.keys().some((claim) => claim.suspect);
    return isInFlight ? Math.max(0, suspectAt + SUSPECT_ALONE_MS - clock.monotonic()) : 0;
  }

  /** @param since by the monotonic clock, before the store was asked for the claim. */
  function start(claim: Claim, token: string | undefined, since: number): void {
    const ended = perform(claim, token, leases.begin(claim, since))
      .catch((error) => giveUp(claim, token, error))
      .finally(() => {
        leases.end(claim);
        inFlight.delete(claim);
        freed();
      });
    inFlight.set(claim, ended);
  }

  async function perform(claim: Claim, token: string | undefined, lease: AttemptLease): Promise<void> {
    const { attempt, settlement } = await observe.attempt(claim, () =>
      attemptRun(claim, token, { ...needs, insist: health.insist, lease, stopping }),
    );
    await conclude(claim, attempt, settlement);
  }

  async function conclude(claim: Claim, attempt: Attempt, settlement: Settlement): Promise<void> {
    const run = await health.insist(() => store.settle(claim, attempt, settlement));
    if (run?.status === "queued") idle = false;
    if (!run) {
      log.info({ run: claim.run.id, attempt: claim.attempt }, "outcome does not count: another process has the run");
      return;
    }
    callers.tell(run);
    observe.settled(run);
  }

  /** Resolves when nothing is in flight, and nothing comes back from the store to be begun. */
  async function rests(): Promise<void> {
    do await Promise.allSettled([...inFlight.values(), ...accepting, claiming.rest()]);
    while (inFlight.size + accepting.size > 0);
  }

  /** The same, or after so many milliseconds. */
  async function restsWithin(milliseconds: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = clock.alarm(clock.now() + milliseconds, resolve);
    await Promise.race([rests(), late]);
    cancel();
  }

  /** A mistake of ours ends the run. When not even that can be stored, the claim is not extended any more, and lapses. */
  async function giveUp(claim: Claim, token: string | undefined, error: unknown): Promise<void> {
    if (stopping.begun && error instanceof StoreUnavailable) {
      log.warn({ run: claim.run.id, err: error }, "the run could not be given back: the store cannot be written");
      return;
    }
    const show = token ? needs.hide(token) : undefined;
    const note = (err: unknown) =>
      log.error({ run: claim.run.id, err }, "an attempt met an error of the service's own");
    note(error);
    const failure = { http: 500, kind: "permanent", reason: keptReason(ownError(error), needs.keeping) } as const;
    const attempt = endedAttempt(claim, clock.now(), { outcome: "failure", ...failure });
    await conclude(claim, attempt, { status: "failure", ...failure }).catch(note);
    show?.();
  }

  /** The store's own trouble is logged where it is noticed; anything else is a mistake of ours. */
  function report(error: unknown): void {
    if (!(error instanceof StoreUnavailable)) log.error({ err: error }, "the worker met an error of the service's own");
  }

  async function forgetOldRuns(): Promise<void> {
    // Not by the clock alone: one that somebody sets a year ahead would delete the whole history.
    const now = Math.min(clock.now(), began.now + clock.monotonic() - began.monotonic);
    const before = now - needs.retainDays * 86_400_000;
    try {
      while ((await health.watch(store.forget(before, FORGET_AT_ONCE), "changes")) === FORGET_AT_ONCE);
    } catch (error) {
      report(error);
    }
  }

  async function accept(
    given: NewRun,
    { token, waitMs }: Parameters<Worker["accept"]>[1],
  ): ReturnType<Worker["accept"]> {
    const event = keptEvent(given, needs.keeping, token === undefined ? [] : [token]);
    const now = clock.now();
    const since = clock.monotonic();
    const take = !stopped && inFlight.size + accepting.size < MAX_RUNNING && suspectAloneFor() === 0;
    const accepted = await health.watch(store.accept(event, { owner, now, leaseMs: LEASE_MS, take }), "adds");
    observe.accepted(event, accepted);
    // From here to `wait` nothing may be awaited: an outcome could pass unheard.
    if (accepted.superseded !== undefined) callers.move(accepted.superseded, accepted.run);
    const outcome = waitMs > 0 ? callers.wait(accepted.run, waitMs) : Promise.resolve(undefined);
    if (accepted.claim) start(accepted.claim, token, since);
    else {
      wake();
      elsewhere.expect(accepted.run);
    }
    return { run: accepted.run, outcome };
  }

  return {
    async accept(event, options) {
      const accepted = accept(event, options);
      accepting.add(accepted);
      return accepted.finally(() => accepting.delete(accepted));
    },
    async rerun(id, options) {
      const rerun = await health.watch(store.rerun(id, clock.now(), options), "adds");
      if (rerun.status === "queued") wake();
      return rerun;
    },
    async check() {
      await health.watch(store.check(), "changes");
      if ((claiming.busyForMs() ?? 0) > STUCK_MS) throw new Error("the worker has claimed nothing for a minute");
      if (stopped) throw new Error("the worker is stopping");
    },
    storeTrouble: health.trouble,
    dismissCallers: callers.dismiss,
    async drain(milliseconds, lastMilliseconds = milliseconds / 5) {
      stopped = true;
      claiming.stop();
      stopWaking();
      stopForgetting();
      elsewhere.stop();
      await restsWithin(milliseconds - lastMilliseconds);
      stopping.begin();
      await restsWithin(lastMilliseconds);
      health.stopInsisting();
      stopping.end();
      await rests();
      callers.dismiss();
    },
  };
}

/** An attempt that ends from outside. */
function endedAttempt(
  { run, attempt: number }: Claim,
  endedAt: number,
  { outcome, reason, kind }: Pick<Attempt, "outcome" | "reason" | "kind">,
): Attempt {
  return { number, startedAt: run.startedAt ?? endedAt, endedAt, outcome, reason, kind, githubRequestId: undefined };
}

function ownError(error: unknown): string {
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `Internal error: ${thrown}. It is unknown what the run had done by then: look, re-run it if that is right, and report the error with the service's log.`;
}
