import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type Cause, type GitHubOutcome, type Outage, outageDetector } from "../model/outage.ts";
import type { Late } from "../model/overview.ts";
import type { Run } from "../model/run.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import { pump } from "../worker/pump.ts";

export type Outages = ReturnType<typeof openOutages>;

/** How often a process looks while an outage is suspected, or lasts, or what was late is not reported, ms. */
const LOOK_MS = 15_000;
/** How often one process of all finds out during an outage whether GitHub works, ms. */
const PROBE_MS = 30_000;
/** While a process is answered it notes that once in this time, ms, so that no other takes its own trouble for an outage. */
const ANSWERED_MS = 60_000;
/** A stop waits for so long, ms. */
const STOP_MS = 1000;
/** What one process of all does at the end and afterwards; another does it when that one is gone, ms. */
const TURN_MS = 30_000;
/** When a probe is answered, so many runs are attempted before all are: what they need may fail still. */
const FIRST_RUNS = 3;
/** They are attempted again after a tenth of the time that the outage has lasted, and within these bounds, ms. */
const [FIRST_MS, FIRST_AT_MOST_MS] = [PROBE_MS, 5 * 60_000];
/** What is late is reported when that has ended, at the earliest after so long, and at the latest, ms. */
const REPORT_AFTER_MS = 60_000;
const REPORT_AT_LATEST_MS = 30 * 60_000;

type Parts = {
  /** Of GitHub's API: another GitHub may be away at another time. */
  readonly host: string;
  readonly store: Pick<RunStore, "mark" | "setMark" | "turn" | "hasten" | "watched" | "overview">;
  readonly clock: Clock;
  readonly log: Log;
};

/** What an outage leads to. */
type Doing = {
  /** Asks GitHub for something that costs nothing. Resolves with whether GitHub works. */
  probe(): Promise<boolean>;
  /** Runs that wait for these events look now, and so do those that are due. */
  wake(keys: readonly string[]): Promise<unknown>;
  due(): void;
  /** Reports it where there is a receiver. */
  readonly report?: { begun(outage: Outage): void; over(outage: Over, late: Late): void } | undefined;
};

type Over = Outage & { readonly until: number };

/**
 * Notices when GitHub fails most requests, and when it works again: then what waits for another attempt continues. Each
 * process judges by its own requests. What it finds is kept in the store, where all processes read it, also after a
 * restart; and what is done once, such as a notice, is done by one of them.
 */
export function openOutages({ host, store, clock, log }: Parts) {
  const detector = outageDetector();
  const name = `outage ${host}`;
  let rounds: ReturnType<typeof pump> | undefined;
  /** There is an outage, or there may be, or what was late is not reported: rounds follow each other. */
  let looking = false;
  /** When this process last noted that it is answered, by the monotonic clock, and whether it is about to. */
  let answeredAt = Number.NEGATIVE_INFINITY;
  let isAnswered = false;

  function look(): void {
    if (looking || !rounds) return;
    looking = true;
    rounds.wake();
  }

  /** The latest outage, be it history. */
  async function latest(): Promise<Outage | undefined> {
    const outage = (await store.mark(name)) as Outage | undefined;
    // Another process has found it.
    if (outage && !outage.reported) look();
    return outage;
  }

  async function round(doing: Doing): Promise<boolean> {
    if (isAnswered) await store.turn(`${name} is none`, ANSWERED_MS);
    isAnswered = false;
    const outage = (await store.mark(name)) as Outage | undefined;
    if (outage && outage.until === undefined) {
      detector.begin(clock.monotonic());
      await lookForEnd(outage, doing);
      return true;
    }
    if (detector.hasBegun()) detector.end();
    if (detector.isSuspected(clock.monotonic())) await lookForBeginning(doing);
    else if (outage?.until !== undefined && !outage.reported)
      await reportLate({ ...outage, until: outage.until }, doing);
    else return false;
    return true;
  }

  async function lookForBeginning({ probe, report }: Doing): Promise<void> {
    // What has just begun to fail is asked by no more than what needs it.
    if (!detector.isSuspected(clock.monotonic(), LOOK_MS)) return;
    await probe();
    const found = detector.outage(clock.monotonic());
    // It is none as long as another process is answered. Of several that find it, one takes the turn.
    if (!found || !(await store.turn(`${name} is none`, ANSWERED_MS))) return;
    const known = await latest();
    if (known && known.until === undefined) return;
    // It has begun again before what was late could be reported: it is the same one.
    const isSame = known !== undefined && !known.reported;
    const outage = { since: isSame ? known.since : found.since, fault: found.fault };
    await store.setMark(name, outage);
    log.warn(
      { host, since: new Date(outage.since).toISOString(), fault: outage.fault },
      "GitHub fails most requests: runs wait, and gh-runner retries them",
    );
    if (!isSame) report?.begun(outage);
  }

  async function lookForEnd(outage: Outage, { probe, wake, due }: Doing): Promise<void> {
    let isOver = detector.isOver(clock.monotonic());
    if (!isOver && (await store.turn(`${name} probe`, PROBE_MS)) && (await probe())) {
      const tenth = (clock.now() - outage.since) / 10;
      const everyMs = Math.floor(Math.min(Math.max(tenth, FIRST_MS), FIRST_AT_MOST_MS));
      const first = (await store.turn(`${name} is tried`, everyMs)) ? await store.hasten(FIRST_RUNS) : undefined;
      if (first === 0) isOver = !detector.isSuspected(clock.monotonic());
      else if (first !== undefined) due();
    }
    if (!isOver || !(await store.turn(`${name} ends`, TURN_MS))) return;
    // First: when this process ends in the middle, another one does both.
    const runs = await store.hasten();
    // The clock may have been set back.
    const until = Math.max(outage.since, clock.now());
    await store.setMark(name, { ...outage, until });
    due();
    await wake((await store.watched()).map(({ key }) => key));
    detector.end();
    const times = { since: new Date(outage.since).toISOString(), until: new Date(until).toISOString() };
    log.info({ host, ...times, runs }, "GitHub works again: runs that waited continue, the newest of each group first");
  }

  async function reportLate(outage: Over, { report }: Doing): Promise<void> {
    const after = clock.now() - outage.until;
    // Also when the clock was set back.
    if (after >= 0 && after < REPORT_AFTER_MS) return;
    const late = await store.overview.late(outage.since, outage.until);
    if (late.open > 0 && after >= 0 && after < REPORT_AT_LATEST_MS) return;
    if (!(await store.turn(`${name} is reported`, TURN_MS))) return;
    if ((await latest())?.reported) return;
    // First: it is reported once at most.
    await store.setMark(name, { ...outage, reported: true });
    const { failedRuns, atMostMs, ...counts } = late;
    log.info(
      {
        ...{ host, since: new Date(outage.since).toISOString(), until: new Date(outage.until).toISOString() },
        ...{ ...counts, at_most_seconds: Math.round(atMostMs / 1000) },
        ...(failedRuns.length > 0 && { failed_runs: failedRuns }),
      },
      "runs that were late because GitHub failed most requests",
    );
    report?.over(outage, late);
  }

  return {
    /** Gets what becomes of each request. */
    heard(outcome: GitHubOutcome): void {
      const monotonic = clock.monotonic();
      detector.note(outcome, { now: clock.now(), monotonic });
      const isFault = outcome.fault !== undefined;
      // The usual case.
      if (!isFault && monotonic - answeredAt < ANSWERED_MS) return;
      const isSuspected = detector.isSuspected(monotonic);
      if (!isFault && !isSuspected && outcome.isRun) {
        answeredAt = monotonic;
        isAnswered = true;
        // Another process may have found an outage before.
        look();
      } else if (isSuspected) look();
    },
    /** The outage that lasts, or whose end is so new that runs may still be late. */
    async current(): Promise<Outage | undefined> {
      const outage = await latest();
      return outage?.reported ? undefined : outage;
    },
    /** Why a run has ended as failure; those of an outage are counted when that is over. */
    async causeOf({ startedAt = 0, endedAt = 0 }: Pick<Run, "startedAt" | "endedAt">): Promise<Cause> {
      const outage = await latest();
      if (outage && endedAt >= outage.since && startedAt <= (outage.until ?? startedAt)) return "outage";
      return detector.isSuspected(clock.monotonic()) ? "unsure" : "other";
    },
    /** Begins to look. Returns how to end that. */
    follow(doing: Doing): () => Promise<void> {
      const pumped = pump(
        clock,
        async () => {
          looking = await round(doing);
          return looking ? clock.now() + LOOK_MS : Number.POSITIVE_INFINITY;
        },
        (error) => {
          const isOwn = rounds !== undefined && !(error instanceof StoreUnavailable);
          if (isOwn) log.error({ err: error }, "internal error while looking for outages of GitHub");
          return clock.now() + LOOK_MS;
        },
      );
      rounds = pumped;
      // There may be one from before this process began.
      look();
      return async () => {
        rounds = undefined;
        pumped.stop();
        // What is under way is stored and posted; GitHub may not answer the probe, though.
        const enough = new AbortController();
        const stopMs = wait(STOP_MS, undefined, { signal: enough.signal }).catch(() => {});
        await Promise.race([pumped.rest(), stopMs]);
        enough.abort();
      };
    },
  };
}
