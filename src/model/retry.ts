import type { Outcome, Run } from "./run.ts";

/** What follows an attempt: the run ends, or it is attempted again at a time (epoch milliseconds). */
export type Next =
  /** `because` adds to the outcome's reason. */
  | { readonly end: true; readonly because?: string }
  | { readonly end: false; readonly dueAt: number; readonly counts: boolean };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Delays before the second and the third try of a request within an attempt, ms. Later attempts handle longer faults.
 */
export const QUICK_RETRIES_MS: readonly number[] = [300, 1000];

/** Delays before the attempts after the first, ms; then hourly. */
const DELAYS_MS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE];

/**
 * A delay grows by up to this share, so that runs that failed together do not retry together. The end of a limit does
 * not: the gate before GitHub lets those runs pass one after the other.
 */
const JITTER = 0.2;

/** Only a limit delays a run for longer. A later due time comes from a wrong clock. */
export const LONGEST_DELAY_MS = HOUR * (1 + JITTER);

/** The longest wait for a limit. GitHub's longest window is one hour. */
export const LONGEST_LIMIT_MS = 24 * HOUR;

/** Even a limit that ends now, or has ended by the clock, needs this wait. Otherwise the run would meet it again. */
const LEAST_LIMIT_MS = SECOND;

/**
 * Decides what follows an attempt. Success, a skip and a permanent failure end the run. So does any failure of a run
 * whose token is not stored, and a transient failure of a workflow without retries. A limit is always waited for. A
 * transient failure is retried for `retryHours` after the run was accepted, joined or re-run. The clock alone does not
 * end the retries, because it may be wrong: the delays so far must also add up to that time, or nearly, because they
 * were stretched at random. A failure with a maximum number of attempts ends the run earlier.
 * @param random from 0 to 1.
 */
export function afterAttempt(
  run: Pick<Run, "failures" | "retriesFrom" | "ownToken">,
  outcome: Outcome,
  { now, random, retryHours, retry = true }: { now: number; random: number; retryHours: number; retry?: boolean },
): Next {
  if (outcome.status !== "failure" || outcome.kind === "permanent") return { end: true };
  if (run.ownToken) {
    return ended("It is not retried: the run brought its token, which is not stored. Send it again.");
  }
  if (outcome.kind === "limit") {
    const wait = Math.max(LEAST_LIMIT_MS, (outcome.notBefore ?? now) - now);
    return { end: false, dueAt: Math.ceil(now + wait), counts: false };
  }
  if (!retry) return ended("It is not retried: the workflow sets `retry: false`.");
  const failures = run.failures + 1;
  if (outcome.attempts !== undefined && failures >= outcome.attempts) {
    return ended(`It was attempted ${failures} times and is not retried automatically.`);
  }
  const dueAt = Math.ceil(now + delayAfter(run.failures) * (1 + random * JITTER));
  const budget = retryHours * HOUR;
  const delays = delaysUntil(failures);
  const isOver = delays > budget || (delays * (1 + JITTER) > budget && dueAt > run.retriesFrom + budget);
  if (isOver) return ended("The time of RETRY_HOURS is over, so it is not retried automatically.");
  return { end: false, dueAt, counts: true };
}

const ended = (because: string): Next => ({ end: true, because });

/** The delay after a failure, ms. The first failure is number 0. */
function delayAfter(failure: number): number {
  return DELAYS_MS[failure] ?? HOUR;
}

/** The sum of the delays of this many failures, ms. */
function delaysUntil(failures: number): number {
  const listed = DELAYS_MS.slice(0, failures).reduce((sum, delay) => sum + delay, 0);
  return listed + Math.max(0, failures - DELAYS_MS.length) * HOUR;
}

/** Too many to be chance, and few enough that a crash loop ends within minutes. */
const MOST_INTERRUPTIONS = 10;

/** How many times a process may end while a run is its only one in flight. Then the run is the likely cause. */
const MOST_ALONE = 2;

/** Delays before the attempts after one interruption, two in a row, and so on, ms. The last one repeats. */
const INTERRUPTED_DELAYS_MS = [0, 1 * SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND] as const;

/** The reason of an attempt that ended with its process. An orderly stop has another reason. */
export const GONE = "The process ended before the attempt did.";

const GONE_REMEDY =
  "Find out from the log or the platform what ended the process. If it ran out of memory, read less data or set a larger " +
  "heap. Then re-run it.";

/** Long enough that a usual run has ended before the next one begins, ms. */
const APART_MS = SECOND;

/**
 * Decides what follows an attempt that ended with its process. It is unknown which run in flight ended the process, or
 * whether any did. So after the first interruption, all runs continue immediately. After further ones, they continue
 * later, one by one, so that the run that causes it is alone. A run that was alone twice when its process ended is not
 * attempted again. With other runs in flight it may be interrupted more often, because another run or something outside
 * may be the cause. It ends after ten times in a row.
 * @param inARow including this one, since the run was accepted or re-run, or an attempt ended in another way.
 * @param alone how many times nothing else was in flight.
 * @param ahead how many runs of the same process are already waiting.
 * @returns with `because` the full reason of a run that ends.
 */
export function afterInterruption(
  { ownToken }: Pick<Run, "ownToken">,
  { now, inARow, alone, ahead }: { now: number; inARow: number; alone: number; ahead: number },
): Next {
  if (ownToken) return ended(`${GONE} It brought its token, which is not stored: send it again.`);
  if (alone >= MOST_ALONE) {
    const often = `The process ended ${alone} times while this was its only run in flight`;
    return ended(`${often}, so it is not attempted again. ${GONE_REMEDY}`);
  }
  if (inARow >= MOST_INTERRUPTIONS) {
    return ended(`The process ended before the attempt did, ${inARow} times in a row. ${GONE_REMEDY}`);
  }
  if (inARow === 1) return { end: false, dueAt: now, counts: false };
  const delay = INTERRUPTED_DELAYS_MS[inARow - 1] ?? INTERRUPTED_DELAYS_MS[4];
  return { end: false, dueAt: now + delay + ahead * APART_MS, counts: false };
}
