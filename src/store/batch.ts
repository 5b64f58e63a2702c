import type { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../model/store.ts";

/** Runs a write; resolves once the transaction that holds it is committed. */
export type Write = <T>(work: () => T, durability?: { flush: boolean }) => Promise<T>;

type Job = { work: () => unknown; flush: boolean; resolve(value: unknown): void; reject(error: Error): void };

/**
 * Puts all writes of one turn of the event loop into one transaction, so that a burst costs one flush of the disk.
 * A transaction of writes that need no flush (a claim lost in a power failure is only claimed again) does without.
 * When one write fails, none of its transaction has happened, and all are rejected with `StoreUnavailable`.
 */
export function batchedWrites(db: DatabaseSync): Write {
  let waiting: Job[] = [];
  let flushing = true;

  function commit(): void {
    const jobs = waiting;
    waiting = [];
    const flush = jobs.some((job) => job.flush);
    const results: unknown[] = [];
    try {
      if (flush !== flushing) db.exec(`PRAGMA synchronous = ${flush ? "FULL" : "NORMAL"}`);
      flushing = flush;
      db.exec("BEGIN IMMEDIATE");
      for (const { work } of jobs) results.push(work());
      db.exec("COMMIT");
    } catch (cause) {
      if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
      const error = new StoreUnavailable(`The run could not be stored: ${(cause as Error).message}`, { cause });
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const [at, job] of jobs.entries()) job.resolve(results[at]);
  }

  return <T>(work: () => T, { flush } = { flush: true }) =>
    new Promise<T>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(commit);
      waiting.push({ work, flush, resolve: resolve as (value: unknown) => void, reject });
    });
}
