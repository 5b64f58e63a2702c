import { setImmediate as breathe } from "node:timers/promises";
import { type Context, createContext, Script } from "node:vm";
import { PermanentFailure } from "../../index.ts";

/** No other run, and no request, gets its turn during a piece of work. */
const MAX_MS = 100;

/** Reading a file of 100,000 characters takes 50 ms; the CPU may be shared. */
export const MAX_READING_MS = 250;

/** 3,000 files and 500 path patterns take 2 s. */
const MAX_IN_ALL_MS = 5000;

/** Others have their turn after so long. */
const PIECE_MS = 10;

/** What gets this part of its time from the CPU, and is not through, is too slow. */
const ENOUGH = 4;

type Limits = {
  readonly maxMs?: number;
  readonly maxInAllMs?: number;
  /** Milliseconds, of any epoch. */
  readonly now?: () => number;
  /** What this thread has used of the CPU, in milliseconds. */
  readonly cpu?: () => number;
};

/**
 * Patterns that people wrote are tried on names that others chose, and some take for ever on a name that is made for it. What is
 * done here is given up when it takes too long: Node ends the matching of a regular expression there, too. A thread of
 * its own would take 10 MB.
 */
export function bounds({
  maxInAllMs = MAX_IN_ALL_MS,
  now = () => performance.now(),
  cpu = cpuOfThread,
  ...limits
}: Limits = {}) {
  let spent = 0;

  /**
   * Does one piece of work. It is begun again with more time when this process got little of the CPU meanwhile.
   * @param tried what it is for, as a noun phrase.
   */
  async function bounded<Result>(tried: string, work: () => Result, maxMs = limits.maxMs ?? MAX_MS): Promise<Result> {
    if (spent > maxInAllMs) throw tooLong(tried, maxInAllMs);
    for (let timeout = maxMs; ; timeout *= 2) {
      await breathe();
      const before = cpu();
      try {
        return inWorld(work, timeout);
      } catch (error) {
        if ((error as { code?: string }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        if (cpu() - before > maxMs / ENOUGH) throw tooLong(tried, maxMs, error);
      } finally {
        spent += cpu() - before;
      }
    }
  }

  /** Does something so many times, a few at a time: others have their turn in between. */
  async function boundedEach(tried: string, times: number, work: (nth: number) => void): Promise<void> {
    for (let next = 0; next < times; ) {
      const first = next;
      next = await bounded(tried, () => {
        const end = now() + PIECE_MS;
        let nth = first;
        do work(nth++);
        while (nth < times && now() < end);
        return nth;
      });
    }
  }

  return { bounded, boundedEach };
}

let world: { readonly script: Script; readonly context: Context } | undefined;

function inWorld<Result>(work: () => Result, timeout: number): Result {
  world ??= { script: new Script("work()"), context: createContext({}) };
  const { script, context } = world;
  context.work = work;
  try {
    return script.runInContext(context, { timeout }) as Result;
  } finally {
    context.work = undefined;
  }
}

function cpuOfThread(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function tooLong(tried: string, ms: number, cause?: unknown): PermanentFailure {
  const happened = `it took longer than ${ms / 1000} s`;
  const remedy = "Write simpler patterns, without nested repetitions such as (a+)+ and without nested aliases.";
  return new PermanentFailure({ tried, happened, remedy, cause });
}
