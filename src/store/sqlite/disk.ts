import { closeSync, fdatasync, fstatSync, fsync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { copyAgain, validParts, writeAt } from "./log-frames.ts";

/**
 * Flushes what SQLite has written, in the thread pool, while the event loop continues. SQLite itself does not flush
 * (`synchronous = OFF`). What it would do in between is done here, in an order that survives a power failure at any
 * moment: docs/decisions/0031-the-log-is-flushed-off-the-event-loop.md. One call at a time, and no commit during one.
 */
export type Disk = {
  /**
   * Resolves when all that was committed before is on the disk. When a flush fails, what it may have lost is written again,
   * and flushed again once: the system takes it for written, so a second flush alone would pass.
   */
  flush(): Promise<void>;
  /** Whether `flush` must pass before the next commit. */
  isDoubtful(): boolean;
  /** Carries the log over into the database once it has become long, unless a reader needs it. */
  carryOverAfter(writes: number): Promise<void>;
  /** @param closeDatabase closes the connection that writes. */
  close(closeDatabase: () => void): void;
};

/** The default of SQLite. A frame holds a page of 4 KiB. */
const LONG_LOG_FRAMES = 1000;
const WRITES_BETWEEN_LOOKS = 50;
/**
 * What the file of the log may keep after a burst. It is not made shorter than that, but written again from its beginning:
 * to flush a file that grows takes twice as long (`node bench/flush.ts`).
 */
const LOG_BYTES_KEPT = 8 * 1024 * 1024;

/** Changes one page: one frame in the log. */
const WRITE_ONE_FRAME = "UPDATE heartbeat SET at = at + 1";

const flushData = promisify(fdatasync);
const flushAll = promisify(fsync);

/**
 * @param db all that it has written is on the disk. From now on it does not flush.
 * @param file of the database.
 */
export function openDisk(db: DatabaseSync, file: string): Disk {
  // Open for as long as the connection: to close one ends all locks that this process has on the file (POSIX).
  const database = openSync(file, "r+");
  const log = openSync(`${file}-wal`, "r+");
  const folder = openSync(dirname(file), "r");
  // Reads nothing, but is a reader. Read-only, so that it does not carry the log over when it is closed as the last.
  const pin = new DatabaseSync(file, { readOnly: true });
  db.exec("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = -1");
  const copy = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  const truncate = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  /** The files whose latest flush has not passed. */
  const doubtful = new Set<number>();
  /** Whether the log's entry in the folder is on the disk. */
  let isListed = false;
  let isGuarded = false;
  let writesSinceLook = 0;
  guard();
  process.on("exit", closeAtExit);

  /**
   * Keeps the log from beginning again before `carryOver` does it. SQLite begins it again by itself at the next commit when
   * all of it was copied, be it by another process. It would not flush the new beginning before it overwrites old frames, and
   * a power failure could then bring back some of the old ones alone. No process copies what comes after the pin, and one
   * frame comes after it. If that frame begins the log again, this is safe once it is flushed: all is in the database then,
   * and a single frame leaves the old log whole or ends it.
   */
  function guard(): void {
    movePin();
    db.exec(WRITE_ONE_FRAME);
    isGuarded = true;
  }

  /** All that is in the log now may be copied. */
  function movePin(): void {
    isGuarded = false;
    if (pin.isTransaction) pin.exec("COMMIT");
    pin.exec("BEGIN; PRAGMA user_version");
  }

  /** Copies into the database what comes before the pin. */
  function copied(): { readonly frames: number; readonly isAll: boolean } {
    const { busy, log: frames, checkpointed } = copy.get() as { busy: number; log: number; checkpointed: number };
    if (busy !== 0) throw new Error("another process is just carrying the log over");
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
    if (rewritten < copied().frames)
      throw new Error("the disk has lost a part of the database's log: start the service again");
  }

  async function rewriteDatabase(): Promise<void> {
    for (const _ of copyAgain(log, database, copied().frames)) await nextTurn();
  }

  async function carryOver(): Promise<void> {
    // Nothing is copied that is not on the disk.
    await twice(flushWhatMatters);
    movePin();
    if (!copied().isAll) {
      // A log that was not all copied when the pin moved does not begin again while the pin is there.
      isGuarded = true;
      return;
    }
    // Meanwhile the pin keeps other processes from emptying the log.
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
      // As the last connection it carries the log over and deletes it, and flushes both again.
      db.exec("PRAGMA synchronous = FULL");
    }
    try {
      closeDatabase();
    } finally {
      if (pin.isOpen) pin.close();
      for (const descriptor of [database, log, folder]) closeSync(descriptor);
    }
  }

  /** Else Node closes the connections at the end of the process, and SQLite deletes the log without flushing the database. */
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
