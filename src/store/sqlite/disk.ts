import { closeSync, fdatasync, fstatSync, fsync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { copyAgain, validParts, writeAt } from "./log-frames.ts";

/**
 * Flushes SQLite's writes in the thread pool, while the event loop continues. SQLite does not flush (`synchronous =
 * OFF`). This code takes over SQLite's flushes, in an order that survives a power failure at any moment:
 * docs/decisions/0031-the-log-is-flushed-off-the-event-loop.md. Make one call at a time, and no commit during a call.
 */
export type Disk = {
  /**
   * Resolves when everything committed is on the disk. After a failed flush, the affected data is written again and
   * flushed again, once: the system considers it written, so a second flush alone would succeed without effect.
   */
  flush(): Promise<void>;
  /** Whether `flush` must succeed before the next commit. */
  isDoubtful(): boolean;
  /** Copies the log into the database if the log is long and no reader needs it. */
  carryOverAfter(writes: number): Promise<void>;
  /** @param closeDatabase closes the writing connection. */
  close(closeDatabase: () => void): void;
};

/** SQLite's default. A frame holds a page of 4 KiB. */
const LONG_LOG_FRAMES = 1000;
const WRITES_BETWEEN_LOOKS = 50;
/**
 * The size of the log's file after a burst. It is not made shorter than this, but overwritten from its beginning:
 * flushing a growing file takes twice as long (`node bench/flush.ts`).
 */
const LOG_BYTES_KEPT = 8 * 1024 * 1024;

/** Changes one page, which is one frame in the log. */
const WRITE_ONE_FRAME = "UPDATE heartbeat SET at = at + 1";

const flushData = promisify(fdatasync);
const flushAll = promisify(fsync);

/**
 * @param db its data is on the disk. From now on it does not flush.
 * @param file of the database.
 */
export function openDisk(db: DatabaseSync, file: string): Disk {
  // Open while the connection is: closing a descriptor ends all locks of this process on the file (POSIX).
  const database = openSync(file, "r+");
  const log = openSync(`${file}-wal`, "r+");
  const folder = openSync(dirname(file), "r");
  // A reader that reads nothing. Read-only, so that it does not copy the log when it closes last.
  const pin = new DatabaseSync(file, { readOnly: true });
  db.exec("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = -1");
  const copy = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  const truncate = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  /** The files whose last flush failed. */
  const doubtful = new Set<number>();
  /** Whether the folder's entry of the log is on the disk. */
  let isListed = false;
  let isGuarded = false;
  let writesSinceLook = 0;
  guard();
  process.on("exit", closeAtExit);

  /**
   * Keeps the log from restarting before `carryOver` restarts it. SQLite restarts the log at the next commit after all
   * of it was copied, even by another process. SQLite would not flush the new beginning before it overwrites old
   * frames, so a power failure could bring back only some of the old frames. No process copies frames after the pin,
   * and this adds one frame after it. If that frame restarts the log, this is safe once the frame is flushed: then
   * everything is in the database, and a single frame leaves the old log whole or ends it.
   */
  function guard(): void {
    movePin();
    db.exec(WRITE_ONE_FRAME);
    isGuarded = true;
  }

  /** Everything in the log now may be copied. */
  function movePin(): void {
    isGuarded = false;
    if (pin.isTransaction) pin.exec("COMMIT");
    pin.exec("BEGIN; PRAGMA user_version");
  }

  /** Copies the frames before the pin into the database. */
  function copied(): { readonly frames: number; readonly isAll: boolean } {
    const { busy, log: frames, checkpointed } = copy.get() as { busy: number; log: number; checkpointed: number };
    if (busy !== 0) throw new Error("another process is copying the log into the database");
    return { frames, isAll: checkpointed === frames };
  }

  async function flushed(descriptor: number, flush = flushData): Promise<void> {
    if (doubtful.has(descriptor)) await (descriptor === log ? rewriteLog() : rewriteDatabase());
    doubtful.add(descriptor);
    await flush(descriptor);
    doubtful.delete(descriptor);
  }

  async function flushWhatMatters(): Promise<void> {
    if (!isListed) await flushAll(folder);
    isListed = true;
    await flushed(log);
    if (doubtful.has(database)) await flushed(database);
    if (isGuarded) return;
    guard();
    await flushed(log);
  }

  /** Writes the log onto itself. */
  async function rewriteLog(): Promise<void> {
    let rewritten = 0;
    for (const { position, bytes, frames } of validParts(log)) {
      writeAt(log, position, bytes);
      rewritten += frames.length;
      await nextTurn();
    }
    if (rewritten < copied().frames) throw new Error("the disk lost part of the database's log: restart the service");
  }

  async function rewriteDatabase(): Promise<void> {
    for (const _ of copyAgain(log, database, copied().frames)) await nextTurn();
  }

  async function carryOver(): Promise<void> {
    // Only data that is on the disk is copied.
    await twice(flushWhatMatters);
    movePin();
    if (!copied().isAll) {
      // A log that was not copied completely when the pin moved does not restart while the pin is there.
      isGuarded = true;
      return;
    }
    // The pin keeps other processes from emptying the log during this.
    await twice(() => flushed(database));
    if (fstatSync(log).size > LOG_BYTES_KEPT && copied().isAll) {
      pin.exec("COMMIT");
      truncate.get();
      await twice(() => flushed(log, flushAll));
    }
    guard();
    await twice(() => flushed(log));
  }

  const isDoubtful = () => doubtful.size > 0 || !isGuarded || !isListed;
  return {
    flush: () => twice(flushWhatMatters),
    isDoubtful,
    async carryOverAfter(writes) {
      writesSinceLook += writes;
      if (writesSinceLook < WRITES_BETWEEN_LOOKS) return;
      writesSinceLook = 0;
      if (copied().frames >= LONG_LOG_FRAMES) await carryOver();
    },
    close,
  };

  function close(closeDatabase: () => void): void {
    process.off("exit", closeAtExit);
    if (!isDoubtful()) {
      pin.close();
      // As the last connection, it copies and deletes the log, and flushes both again.
      db.exec("PRAGMA synchronous = FULL");
    }
    try {
      closeDatabase();
    } finally {
      if (pin.isOpen) pin.close();
      for (const descriptor of [database, log, folder]) closeSync(descriptor);
    }
  }

  /**
   * Otherwise Node would close the connections at exit, and SQLite would delete the log without flushing the database.
   */
  function closeAtExit(): void {
    if (db.isOpen) close(() => db.close());
  }
}

async function twice(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch {
    await work();
  }
}

/** A database in memory. */
export const NO_DISK: Disk = {
  flush: async () => {},
  isDoubtful: () => false,
  carryOverAfter: async () => {},
  close: (closeDatabase) => closeDatabase(),
};
