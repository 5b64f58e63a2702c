import type { Outcome, Run } from "./run.ts";

/** What follows an attempt: the run ends, or it is attempted again at a time (epoch milliseconds). */
export type Next =
  /** `because` is what the outcome's own reason does not say. */
  | { readonly end: true; readonly because?: string }
  | { readonly end: false; readonly dueAt: number; readonly counts: boolean };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Delays before the second and the third try of a request inside an attempt, ms. Longer faults are left to later attempts. */
export const QUICK_RETRIES_MS: readonly number[] = [300, 1000];

/** Delays before the attempts after the first, ms; then hourly. */
const DELAYS_MS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE];

/**
 * A delay is stretched by up to this share, so that runs that failed together do not come back together. The end of a
 * limit is not: what stands before GitHub lets them through one after the other.
 */
const JITTER = 0.2;

/** Nothing but a limit delays a run for longer. What is due later was delayed by a clock that was wrong. */
export const LONGEST_DELAY_MS = HOUR * (1 + JITTER);

/** No limit is waited for longer at once. GitHub's longest window is an hour. */
export const LONGEST_LIMIT_MS = 24 * HOUR;

/** A limit that ends at once, or has ended by the clock, is waited for all the same: it would only be met again. */
const LEAST_LIMIT_MS = SECOND;

/**
 * Decides what follows an attempt. Success, a skip and a permanent failure end the run; so does any failure of a run
 * whose token is not stored, and a transient one of a workflow that allows no retry. A limit is waited for as long as it
 * takes. A transient failure is tried again for `retryHours` after the run was accepted, joined or re-run. The clock alone
 * does not end it, since it may be wrong: the delays so far must come to that much as well, or nearly, since chance has
 * stretched them. A failure that allows only so many attempts ends it before.
 * @param random from 0 to 1.
 */
export function afterAttempt(
  run: Pick<Run, "failures" | "retriesFrom" | "ownToken">,
  outcome: Outcome,
  { now, random, retryHours, retry = true }: { now: number; random: number; retryHours: number; retry?: boolean },
): Next {
  if (outcome.status !== "failure" || outcome.kind === "permanent") return { end: true };
  if (run.ownToken) {
    return ended("It is not tried again: the run brought its token, which is not stored. Send it again.");
  }
  if (outcome.kind === "limit") {
    const wait = Math.max(LEAST_LIMIT_MS, (outcome.notBefore ?? now) - now);
    return { end: false, dueAt: Math.ceil(now + wait), counts: false };
  }
  if (!retry) return ended("It is not tried again: the workflow says `retry: false`.");
  const failures = run.failures + 1;
  if (outcome.attempts !== undefined && failures >= outcome.attempts) {
    return ended(`It was attempted ${failures} times, and is not tried again by itself.`);
  }
  const dueAt = Math.ceil(now + delayAfter(run.failures) * (1 + random * JITTER));
  const budget = retryHours * HOUR;
  const delays = delaysUntil(failures);
  const isOver = delays > budget || (delays * (1 + JITTER) > budget && dueAt > run.retriesFrom + budget);
  if (isOver) return ended("It was tried for as long as RETRY_HOURS says, and is not tried again by itself.");
  return { end: false, dueAt, counts: true };
}

const ended = (because: string): Next => ({ end: true, because });

/** The delay that follows a failure, the first of which is number 0, ms. */
function delayAfter(failure: number): number {
  return DELAYS_MS[failure] ?? HOUR;
}

/** All delays of so many failures together, ms. */
function delaysUntil(failures: number): number {
  const listed = DELAYS_MS.slice(0, failures).reduce((sum, delay) => sum + delay, 0);
  return listed + Math.max(0, failures - DELAYS_MS.length) * HOUR;
}

/** Too often to be chance, few enough that a crash loop ends within minutes. */
const MOST_INTERRUPTIONS = 10;

/** How often a process may end while a run is all that it has in flight. The run then is the likely cause. */
const MOST_ALONE = 2;

/** Before the attempts that follow one interruption, two in a row, and so on, ms; then the last one. */
const INTERRUPTED_DELAYS_MS = [0, 1 * SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND] as const;

/** The reason of an attempt that ended with its process; an orderly stop has another one. */
export const GONE = "The process ended before the attempt did.";

const GONE_REMEDY =
  "See in its log, or from its platform, what ended it (out of memory: less to read, or a larger heap); when that is " +
  "fixed, re-run it.";

/** Far enough that a usual run has ended before the next one begins, ms. */
const APART_MS = SECOND;

/**
 * Decides what follows an attempt that ended with its process. Nobody knows which of the runs in flight ended it, if any
 * did. So the first time all go on at once. Those that are interrupted again go on later, one after the other, so that the
 * culprit is alone. A run that was twice alone when its process ended is not attempted again. In company it may be
 * interrupted more often, since others, or somebody outside, may be the cause: after ten times in a row it ends.
 * @param inARow this one included, since the run was accepted, re-run, or an attempt of it ended in any other way.
 * @param alone how often of these nothing else was in flight.
 * @param ahead how many runs of the same process wait for their turn already.
 * @returns with `because` the whole reason of a run that ends.
 */
export function afterInterruption(
  { ownToken }: Pick<Run, "ownToken">,
  { now, inARow, alone, ahead }: { now: number; inARow: number; alone: number; ahead: number },
): Next {
  if (ownToken) return ended(`${GONE} It brought its token, which is not stored: send it again.`);
  if (alone >= MOST_ALONE) {
    const often = `The process ended ${alone} times while this run was all that it had in flight`;
    return ended(`${often}, so it is not attempted again. ${GONE_REMEDY}`);
  }
  if (inARow >= MOST_INTERRUPTIONS) {
    return ended(`The process ended before the attempt did, ${inARow} times in a row. ${GONE_REMEDY}`);
  }
  if (inARow === 1) return { end: false, dueAt: now, counts: false };
  const delay = INTERRUPTED_DELAYS_MS[inARow - 1] ?? INTERRUPTED_DELAYS_MS[4];
  return { end: false, dueAt: now + delay + ahead * APART_MS, counts: false };
}
