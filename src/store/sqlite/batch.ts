import type { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../../model/store.ts";
import type { Disk } from "./disk.ts";

/** Runs a write; resolves once the transaction that holds it is committed, and on the disk unless `flush` is false. */
export type Write = <T>(work: () => T, durability?: { flush: boolean }) => Promise<T>;

type Job = { work: () => unknown; flush: boolean; resolve(value: unknown): void; reject(error: Error): void };

/** A disk that could not be flushed is not tried again before, ms. */
const FLUSH_RETRY_MS = 500;

/**
 * Puts all writes of one turn of the event loop into one transaction, and flushes it. Writes that come meanwhile are the next
 * transaction: the slower the disk, the more of them share a flush. A transaction of writes that need no flush (a claim lost
 * in a power failure is only claimed again) does without; what it is based on was flushed before.
 * @param missing says when what is written would be gone with the process; nothing is written then.
 * @param monotonic milliseconds.
 *
 * When the database fails, none of the transaction has happened, and all its writes are rejected with
 * `StoreUnavailable`. When only its flush fails they are rejected as well, but may be there later. A write that is wrong in
 * itself is rejected alone, with its own error.
 */
export function batchedWrites(
  db: DatabaseSync,
  { missing, disk, monotonic }: { missing: () => string | undefined; disk: Disk; monotonic: () => number },
): Write {
  let waiting: Job[] = [];
  let isWorking = false;
  let refused: { readonly error: StoreUnavailable; readonly at: number } | undefined;

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
      rejectAll(taken(), refused!.error);
      return;
    }
    const committed = commitAll(taken());
    if (committed.some(({ job }) => job.flush) && !(await isFlushed())) {
      rejectAll(
        committed.map(({ job }) => job),
        refused!.error,
      );
      return;
    }
    for (const { job, result } of committed) job.resolve(result);
    // When it fails, the log grows, or the next write is not taken before a flush has passed.
    await disk.carryOverAfter(committed.length).catch(() => {});
  }

  function taken(): readonly Job[] {
    const jobs = waiting;
    waiting = [];
    return jobs;
  }

  /** Whether all that was committed is on the disk; otherwise `refused` says why not. */
  async function isFlushed(): Promise<boolean> {
    if (refused && monotonic() - refused.at < FLUSH_RETRY_MS) return false;
    try {
      await disk.flush();
      refused = undefined;
    } catch (cause) {
      const { message } = cause as Error;
      const error = new StoreUnavailable(`The run could not be stored: the disk has not kept it: ${message}`, {
        cause,
        trouble: isFull(cause) ? "disk_full" : "other",
      });
      refused = { error, at: monotonic() };
    }
    return refused === undefined;
  }

  /** Commits the jobs that are not wrong in themselves, with their results; none when the database fails. */
  function commitAll(all: readonly Job[]): readonly { readonly job: Job; readonly result: unknown }[] {
    let jobs = all;
    while (jobs.length > 0) {
      const done = commit(jobs);
      if (!("wrong" in done)) return done.results.map((result, at) => ({ job: jobs[at] as Job, result }));
      jobs = jobs.filter((job) => job !== done.wrong);
    }
    return [];
  }

  /** Does all of the jobs or none; returns the one that was wrong in itself, so that the others can do without it. */
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
  "nothing more is stored. Put it back as it was, or stop the service, restore a backup if you have one, and start it again.";

/** https://www.sqlite.org/rescode.html */
const SQLITE_FULL = 13;
const [SQLITE_ERROR, SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE] = [1, 18, 19, 20, 25];

/** The system says so, or SQLite. */
export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || kindOf(error) === SQLITE_FULL;
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
