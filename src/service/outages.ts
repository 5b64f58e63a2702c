import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type Cause, type GitHubOutcome, type Outage, outageDetector } from "../model/outage.ts";
import type { Late } from "../model/overview.ts";
import type { Run } from "../model/run.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import { pump } from "../worker/pump.ts";

export type Outages = ReturnType<typeof openOutages>;

/** Interval at which a process checks while it suspects an outage, during one, and until the late runs are reported, ms. */
const LOOK_MS = 15_000;
/** Interval at which one of the processes tests during an outage whether GitHub works, ms. */
const PROBE_MS = 30_000;
/**
 * A process that gets answers notes this once per this time, ms, so that no other process mistakes its network problem
 * for an outage.
 */
const ANSWERED_MS = 60_000;
/** How long a stop waits, ms. */
const STOP_MS = 1000;
/** One process does the work at the end of an outage. If it dies, another one does it after this time, ms. */
const TURN_MS = 30_000;
/** After a successful probe, this many runs are attempted before all others, because what they need may still fail. */
const FIRST_RUNS = 3;
/** They are attempted again after a tenth of the outage's length so far, within these bounds, ms. */
const [FIRST_MS, FIRST_AT_MOST_MS] = [PROBE_MS, 5 * 60_000];
/**
 * Late runs are reported when they have ended, but not earlier than the first of these times and not later than the
 * second, ms.
 */
const REPORT_AFTER_MS = 60_000;
const REPORT_AT_LATEST_MS = 30 * 60_000;

type Parts = {
  /** Host of GitHub's API, because different GitHubs have different outages. */
  readonly host: string;
  readonly store: Pick<RunStore, "mark" | "setMark" | "turn" | "hasten" | "watched" | "overview">;
  readonly clock: Clock;
  readonly log: Log;
};

/** What to do about an outage. */
type Doing = {
  /** Sends GitHub a request that costs nothing. Resolves with whether GitHub works. */
  probe(): Promise<boolean>;
  /** Makes runs that wait for these events check now, and starts the runs that are due. */
  wake(keys: readonly string[]): Promise<unknown>;
  due(): void;
  /** Notifies the receivers, if there are any. */
  readonly report?: { begun(outage: Outage): void; over(outage: Over, late: Late): void } | undefined;
};

type Over = Outage & { readonly until: number };

/**
 * Detects when GitHub fails most requests and when it works again. Then runs that wait for a retry continue. Each
 * process judges by its requests. It stores the result, so that all processes read it, even after a restart. One of
 * them does what must happen once, such as a notice.
 */
export function openOutages({ host, store, clock, log }: Parts) {
  const detector = outageDetector();
  const name = `outage ${host}`;
  let rounds: ReturnType<typeof pump> | undefined;
  /** Whether rounds follow each other: there is an outage, there may be one, or its late runs are not reported. */
  let looking = false;
  /** When this process last noted that it gets answers, by the monotonic clock, and whether it is about to note it. */
  let answeredAt = Number.NEGATIVE_INFINITY;
  let isAnswered = false;

  function look(): void {
    if (looking || !rounds) return;
    looking = true;
    rounds.wake();
  }

  /** The latest outage, even if it has ended. */
  async function latest(): Promise<Outage | undefined> {
    const outage = (await store.mark(name)) as Outage | undefined;
    // Another process found it.
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
    // Does not probe immediately, because requests that are needed anyway may show soon whether GitHub works.
    if (!detector.isSuspected(clock.monotonic(), LOOK_MS)) return;
    await probe();
    const found = detector.outage(clock.monotonic());
    // It is no outage while another process gets answers. If several processes find it, one takes the turn.
    if (!found || !(await store.turn(`${name} is none`, ANSWERED_MS))) return;
    const known = await latest();
    if (known && known.until === undefined) return;
    // It began again before the late runs were reported, so it is the same outage.
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
    // Before the mark is set: if this process dies here, another one does both.
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
    // Also handles a clock that was set back.
    if (after >= 0 && after < REPORT_AFTER_MS) return;
    const late = await store.overview.late(outage.since, outage.until);
    if (late.open > 0 && after >= 0 && after < REPORT_AT_LATEST_MS) return;
    if (!(await store.turn(`${name} is reported`, TURN_MS))) return;
    if ((await latest())?.reported) return;
    // Before the report, so that it is reported only once.
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
    /** Gets the outcome of each request. */
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
    /** The current outage, or one that ended so recently that runs may still be late. */
    async current(): Promise<Outage | undefined> {
      const outage = await latest();
      return outage?.reported ? undefined : outage;
    },
    /** Why a run failed. Failures of an outage are counted at its end. */
    async causeOf({ startedAt = 0, endedAt = 0 }: Pick<Run, "startedAt" | "endedAt">): Promise<Cause> {
      const outage = await latest();
      if (outage && endedAt >= outage.since && startedAt <= (outage.until ?? startedAt)) return "outage";
      return detector.isSuspected(clock.monotonic()) ? "unsure" : "other";
    },
    /** Starts checking. Returns a function that stops it. */
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
      // There may be an outage from before this process started.
      look();
      return async () => {
        rounds = undefined;
        pumped.stop();
        // Waits until the current round is stored and posted, but not for a probe that GitHub does not answer.
        const enough = new AbortController();
        const stopMs = wait(STOP_MS, undefined, { signal: enough.signal }).catch(() => {});
        await Promise.race([pumped.rest(), stopMs]);
        enough.abort();
      };
    },
  };
}
