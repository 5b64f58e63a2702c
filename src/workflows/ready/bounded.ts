import { setImmediate as breathe } from "node:timers/promises";
import { type Context, createContext, Script } from "node:vm";
import { PermanentFailure } from "../../index.ts";

/** No other run or request gets its turn during a piece of work. */
const MAX_MS = 100;

/** Reading a file of 100,000 characters takes 50 ms. The CPU may be shared. */
export const MAX_READING_MS = 250;

/** 3,000 files and 500 path patterns take 2 s. */
const MAX_IN_ALL_MS = 5000;

/** After this time, other work gets its turn. */
const PIECE_MS = 10;

/** Work is too slow if it has not finished although the CPU worked on it for this part of its time. */
const ENOUGH_CPU = 1 / 4;

type Limits = {
  readonly maxMs?: number;
  readonly maxInAllMs?: number;
  /** Milliseconds, of any epoch. */
  readonly now?: () => number;
  /** CPU time that this thread has used, in milliseconds. */
  readonly cpu?: () => number;
};

/**
 * Matches patterns that people wrote against names that others chose. A name can be made to keep some patterns busy
 * forever. Work that takes too long is given up here. Node can also interrupt the matching of a regular expression. A
 * separate thread would take 10 MB.
 */
export function bounds({
  maxInAllMs = MAX_IN_ALL_MS,
  now = () => performance.now(),
  cpu = cpuOfThread,
  ...limits
}: Limits = {}) {
  let spent = 0;

  /**
   * Does one piece of work. If this process got little CPU time, the work starts again with more time.
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
        if (cpu() - before > maxMs * ENOUGH_CPU) throw tooLong(tried, maxMs, error);
      } finally {
        spent += cpu() - before;
      }
    }
  }

  /** Does something `times` times, a few at a time. Other work gets its turn in between. */
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
