import type { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../../model/store.ts";
import type { Disk } from "./disk.ts";

/** Runs a write. Resolves when its transaction is committed, and on the disk unless `flush` is false. */
export type Write = <T>(work: () => T, durability?: { flush: boolean }) => Promise<T>;

type Job = { work: () => unknown; flush: boolean; resolve(value: unknown): void; reject(error: Error): void };

/** How soon a disk that could not be flushed is tried again, ms. */
const FLUSH_RETRY_MS = 500;

/**
 * Combines all writes of one turn of the event loop into one transaction, and flushes it. Later writes go into the next
 * transaction: the slower the disk, the more writes share a flush. Some writes need no flush, since a claim lost in a
 * power failure is simply claimed again. A transaction of only such writes is not flushed; the data that it builds on
 * was flushed before.
 *
 * If the database fails, the transaction does not happen, and all its writes reject with `StoreUnavailable`. If only
 * its flush fails, they also reject, but may be stored later. A write that is invalid rejects alone, with its error.
 * @param missing returns a text if a database file is gone, so that writes would disappear with the process. Then
 * nothing is written.
 * @param monotonic milliseconds.
 */
export function batchedWrites(
  db: DatabaseSync,
  { missing, disk, monotonic }: { missing: () => string | undefined; disk: Disk; monotonic: () => number },
): Write {
  let waiting: Job[] = [];
  let isWorking = false;
  let failedFlush: { readonly error: StoreUnavailable; readonly at: number } | undefined;

  function commitLater(): void {
    isWorking = true;
    setImmediate(async () => {
      await commitWaiting();
      isWorking = false;
      if (waiting.length > 0) commitLater();
    });
  }

  async function commitWaiting(): Promise<void> {
    if (disk.isDoubtful() && !(await isFlushed())) {
      rejectAll(taken(), failedFlush!.error);
      return;
    }
    const committed = commitAll(taken());
    if (committed.some(({ job }) => job.flush) && !(await isFlushed())) {
      rejectAll(
        committed.map(({ job }) => job),
        failedFlush!.error,
      );
      return;
    }
    for (const { job, result } of committed) job.resolve(result);
    // If this fails, the log grows, or the next write waits for a successful flush.
    await disk.carryOverAfter(committed.length).catch(() => {});
  }

  function taken(): readonly Job[] {
    const jobs = waiting;
    waiting = [];
    return jobs;
  }

  /** Whether everything committed is on the disk. Otherwise `failedFlush` has the reason. */
  async function isFlushed(): Promise<boolean> {
    if (failedFlush && monotonic() - failedFlush.at < FLUSH_RETRY_MS) return false;
    try {
      await disk.flush();
      failedFlush = undefined;
    } catch (cause) {
      const { message } = cause as Error;
      const error = new StoreUnavailable(`The run could not be stored: the disk did not keep it: ${message}`, {
        cause,
        trouble: isFull(cause) ? "disk_full" : "other",
      });
      failedFlush = { error, at: monotonic() };
    }
    return failedFlush === undefined;
  }

  /** Commits the valid jobs, with their results; none if the database fails. */
  function commitAll(all: readonly Job[]): readonly { readonly job: Job; readonly result: unknown }[] {
    let jobs = all;
    while (jobs.length > 0) {
      const done = commit(jobs);
      if (!("wrong" in done)) return done.results.map((result, at) => ({ job: jobs[at] as Job, result }));
      jobs = jobs.filter((job) => job !== done.wrong);
    }
    return [];
  }

  /** Does all jobs or none. Returns an invalid job, so that the others can run without it. */
  function commit(jobs: readonly Job[]): { readonly results: readonly unknown[] } | { readonly wrong: Job } {
    const results: unknown[] = [];
    const gone = missing();
    if (gone !== undefined) {
      rejectAll(jobs, new StoreUnavailable(`${gone}: ${GONE_REMEDY}`, { trouble: "files_gone" }));
      return { results: [] };
    }
    try {
      db.exec("BEGIN IMMEDIATE");
      for (const { work } of jobs) results.push(work());
      db.exec("COMMIT");
      return { results };
    } catch (cause) {
      const wrong = db.isOpen && !isOutage(cause) ? jobs[results.length] : undefined;
      if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
      if (wrong) {
        wrong.reject(cause as Error);
        return { wrong };
      }
      const error = new StoreUnavailable(`The run could not be stored: ${(cause as Error).message}`, {
        cause,
        trouble: isFull(cause) ? "disk_full" : "other",
      });
      rejectAll(jobs, error);
      return { results: [] };
    }
  }

  return <T>(work: () => T, { flush } = { flush: true }) =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ work, flush, resolve: resolve as (value: unknown) => void, reject });
      if (!isWorking) commitLater();
    });
}

function rejectAll(jobs: readonly Job[], error: Error): void {
  for (const job of jobs) job.reject(error);
}

const GONE_REMEDY =
  "nothing more is stored. Put the file back unchanged. Otherwise stop the service, restore a backup if you have one, and start the service again.";

/** https://www.sqlite.org/rescode.html */
const SQLITE_FULL = 13;
const [SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE] = [1, 18, 19, 20, 25];

/** The code comes from the system or from SQLite. */
export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || kindOf(error) === SQLITE_FULL;
}

/** The lower byte of an error's code. */
function kindOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

/** Whether the database or its disk failed. Any other error is internal, and would happen again. */
export function isOutage(error: unknown): boolean {
  if ((error as { code?: string } | undefined)?.code !== "ERR_SQLITE_ERROR") return false;
  return ![SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE].includes(kindOf(error));
}
