import type { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../../model/store.ts";

/** A disk that takes seconds must not double them. */
const MAX_PAUSE_MS = 10;

/** Runs a write; resolves once the transaction that holds it is committed. */
export type Write = <T>(work: () => T, durability?: { flush: boolean }) => Promise<T>;

type Job = { work: () => unknown; flush: boolean; resolve(value: unknown): void; reject(error: Error): void };

/**
 * Puts all writes of one turn of the event loop into one transaction, so that a burst costs one flush of the disk. After
 * a commit the next one waits for as long as that one took: under load, where writes come all the time, more of them then
 * share a flush, and at least half of the time is left for everything else. A single write after a pause does not wait.
 * A transaction of writes that need no flush (a claim lost in a power failure is only claimed again) does without.
 * @param missing says when what is written would be gone with the process; nothing is written then.
 *
 * When the database fails, none of the transaction has happened, and all its writes are rejected with
 * `StoreUnavailable`. A write that is wrong in itself is rejected alone, with its own error.
 */
export function batchedWrites(db: DatabaseSync, missing: () => string | undefined): Write {
  let waiting: Job[] = [];
  let flushing = true;
  let notBefore = 0;

  function commitWaiting(): void {
    const started = performance.now();
    let jobs = waiting;
    waiting = [];
    while (jobs.length > 0) {
      const wrong = commit(jobs);
      jobs = jobs.filter((job) => wrong && job !== wrong);
    }
    const ended = performance.now();
    notBefore = ended + Math.min(ended - started, MAX_PAUSE_MS);
  }

  /** Does all of the jobs or none; returns the one that was wrong in itself, so that the others can do without it. */
  function commit(jobs: readonly Job[]): Job | undefined {
    const flush = jobs.some((job) => job.flush);
    const results: unknown[] = [];
    const gone = missing();
    if (gone !== undefined) {
      const error = new StoreUnavailable(`${gone}: ${GONE_REMEDY}`, { trouble: "files_gone" });
      for (const job of jobs) job.reject(error);
      return undefined;
    }
    try {
      if (flush !== flushing) db.exec(`PRAGMA synchronous = ${flush ? "FULL" : "NORMAL"}`);
      flushing = flush;
      db.exec("BEGIN IMMEDIATE");
      for (const { work } of jobs) results.push(work());
      db.exec("COMMIT");
    } catch (cause) {
      const wrong = db.isOpen && !isOutage(cause) ? jobs[results.length] : undefined;
      if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
      if (wrong) {
        wrong.reject(cause as Error);
        return wrong;
      }
      const error = new StoreUnavailable(`The run could not be stored: ${(cause as Error).message}`, {
        cause,
        trouble: isFull(cause) ? "disk_full" : "other",
      });
      for (const job of jobs) job.reject(error);
      return undefined;
    }
    for (const [at, job] of jobs.entries()) job.resolve(results[at]);
    return undefined;
  }

  return <T>(work: () => T, { flush } = { flush: true }) =>
    new Promise<T>((resolve, reject) => {
      if (waiting.length === 0) {
        const pause = notBefore - performance.now();
        if (pause > 0) setTimeout(commitWaiting, pause);
        else setImmediate(commitWaiting);
      }
      waiting.push({ work, flush, resolve: resolve as (value: unknown) => void, reject });
    });
}

const GONE_REMEDY =
  "nothing more is stored. Put it back as it was, or stop the service, restore a backup if you have one, and start it again.";

/** https://www.sqlite.org/rescode.html */
const SQLITE_FULL = 13;
const [SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE] = [1, 18, 19, 20, 25];

function isFull(error: unknown): boolean {
  return kindOf(error) === SQLITE_FULL;
}

/** The lower byte of an error's code. */
function kindOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

/** Whether the database or its disk fails. Anything else is an internal error, and happens again. */
export function isOutage(error: unknown): boolean {
  if ((error as { code?: string } | undefined)?.code !== "ERR_SQLITE_ERROR") return false;
  return ![SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE].includes(kindOf(error));
}
