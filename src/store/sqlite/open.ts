import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder } from "../make-folder.ts";
import { isFull } from "./batch.ts";
import { createPrivately, mayFlush, notWritable, openToAll, PRIVATE_FOLDER, watchFiles } from "./files.ts";
import { copyAgain, validParts, writeAt } from "./log-frames.ts";
import { MIGRATIONS } from "./migrations.ts";

/**
 * Opens the database in a folder for this process only, and upgrades an older schema. A second process is rejected.
 * @param folder undefined: in memory.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export function openSqlite(folder: string | undefined): {
  db: DatabaseSync;
  /** The database's file; undefined in memory. */
  readonly file: string | undefined;
  /** Reports a missing or replaced database file; undefined if all files are there. */
  missing(): string | undefined;
  /** One sentence about each file or folder with too much access. */
  readonly warnings: readonly string[];
  close(): void;
} {
  if (folder === undefined) {
    const db = connect(":memory:");
    return { db, file: undefined, missing: () => undefined, warnings: [], close: () => db.close() };
  }
  const file = join(folder, "gh-runner.sqlite");
  try {
    makeFolder(folder, PRIVATE_FOLDER);
  } catch (cause) {
    throw cannot(`create the folder ${folder}`, "Set DATA_DIR to a writable folder.", cause);
  }
  const lock = lockFolder(folder);
  try {
    createPrivately(file);
    const db = connect(file);
    const files = [file, `${file}-wal`, `${file}-shm`, join(folder, LOCK_FILE)];
    return {
      db,
      file,
      missing: watchFiles(files),
      warnings: openToAll(folder, files),
      close: () => {
        try {
          db.close();
        } finally {
          lock.close();
        }
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

const LOCK_FILE = "lock.sqlite";

/** An open transaction on a separate file is a lock that ends with the process. The database stays readable. */
export function lockFolder(folder: string): DatabaseSync {
  const file = join(folder, LOCK_FILE);
  const database = join(folder, "gh-runner.sqlite");
  if (!existsSync(file) && existsSync(database) && isOpenElsewhere(database)) throw inUse(folder);
  // Checked before opening: a read-only lock file would not lock out other processes.
  requireWritable(folder, file);
  let lock: DatabaseSync | undefined;
  createPrivately(file);
  try {
    lock = new DatabaseSync(file);
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock?.close();
    const busy = /locked|busy/i.test((cause as Error).message);
    throw busy
      ? inUse(folder)
      : cannot(
          `write to ${folder}`,
          "Make the folder writable for this user and check that the disk has room, or set DATA_DIR.",
          cause,
        );
  }
}

function inUse(folder: string): Error {
  return cannot(`use ${folder}: another process uses it`, "Stop that process, or set DATA_DIR to another folder.");
}

/**
 * Whether any process has read the database and still has it open, including a service whose lock was deleted. This
 * also copies the log into the database, as the last connection always does at its end.
 */
function isOpenElsewhere(file: string): boolean {
  let probe: DatabaseSync | undefined;
  try {
    probe = new DatabaseSync(file, { timeout: 0 });
    probe.exec("PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_master");
    return false;
  } catch (error) {
    // Other errors are reported when the database is opened.
    return /locked|busy/i.test((error as Error).message);
  } finally {
    probe?.close();
  }
}

/** Whether another process uses a folder. */
export function isLocked(folder: string): boolean {
  try {
    lockFolder(folder).close();
    return false;
  } catch (error) {
    if (/another process uses it/.test((error as Error).message)) return true;
    throw error;
  }
}

function requireWritable(...paths: readonly string[]): void {
  const found = notWritable(...paths);
  if (found) throw cannot(`write to ${found.path}`, found.remedy, new Error(found.why));
}

/** The offsets of the page size and the page count: https://www.sqlite.org/fileformat.html#the_database_header */
const PAGE_SIZE_AT = 16;
const PAGE_COUNT_AT = 28;
const HEADER_BYTES = 100;

/**
 * Whether pages are missing at the end of the file. With a log, the database can still be intact: if a process is
 * killed or the disk becomes full while the log is copied, the missing pages are still in the log.
 */
export function isShort(file: string): boolean {
  if (!existsSync(file)) return false;
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return false;
    const header = Buffer.alloc(HEADER_BYTES);
    const read = readSync(descriptor, header, 0, HEADER_BYTES, 0);
    const pageSize = header.readUInt16BE(PAGE_SIZE_AT) === 1 ? 65_536 : header.readUInt16BE(PAGE_SIZE_AT);
    return read < HEADER_BYTES || size < pageSize * header.readUInt32BE(PAGE_COUNT_AT);
  } finally {
    closeSync(descriptor);
  }
}

function connect(file: string): DatabaseSync {
  requireWritable(file, `${file}-wal`, `${file}-shm`);
  let db: DatabaseSync | undefined;
  try {
    const short = isShort(file);
    if (short && !hasLog(file)) throw damaged(file);
    if (short) requireWhole(file);
    if (hasLog(file) && mayFlush()) keepLeftLog(file);
    // A step of the schema may change the schema's text. Nothing else does.
    db = new DatabaseSync(file, { defensive: false });
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -4000",
    );
    migrate(db, file);
    // Missing in the oldest supported Node.
    db.enableDefensive?.(true);
    return db;
  } catch (cause) {
    db?.close();
    const { message } = cause as Error;
    if (message.startsWith("Cannot ")) throw cause;
    if (/malformed|not a database/i.test(message)) throw damaged(file, cause);
    throw cannot(`write to ${file}`, "Make it writable for this user and check that the disk has room.", cause);
  }
}

/**
 * Flushes what a killed process left behind, before anything builds on it. The data is written again first: if a flush
 * failed for that process, the system considers data written that is not on the disk. The same is true of the database.
 * SQLite copies the log again, unless another process has kept the log's index. The index tells what was copied, not
 * whether it was flushed.
 */
function keepLeftLog(file: string): void {
  // Closed after the connection: closing them earlier would end all locks of this process on the database (POSIX).
  const log = openSync(`${file}-wal`, "r+");
  const database = openSync(file, "r+");
  const db = new DatabaseSync(file, { defensive: false });
  try {
    // A reader, so that no other process restarts the log during this.
    db.exec("PRAGMA synchronous = FULL; BEGIN; PRAGMA user_version");
    for (const { position, bytes } of validParts(log)) writeAt(log, position, bytes);
    fsyncSync(log);
    db.exec("COMMIT");
    const copied = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() as { log: number; checkpointed: number };
    // Otherwise a reader needs older pages, and the log does not restart.
    if (copied.checkpointed !== copied.log) return;
    for (const _ of copyAgain(log, database, copied.log));
    fsyncSync(database);
  } catch (error) {
    // The log has everything, and does not restart before all of it is copied.
    if (!isFull(error)) throw error;
  } finally {
    db.close();
    closeSync(database);
    closeSync(log);
  }
}

function hasLog(file: string): boolean {
  return (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Reads every page, through the log: too slow for every start. */
function requireWhole(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const { quick_check: finding } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (finding !== "ok") throw damaged(file);
  } finally {
    db.close();
  }
}

function migrate(db: DatabaseSync, file: string): void {
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > MIGRATIONS.length) {
    throw cannot(
      `use ${file}: it was written by a newer gh-runner (schema ${version}, this one supports ${MIGRATIONS.length})`,
      "Start that version or a newer one, or set DATA_DIR to another folder.",
    );
  }
  for (const [at, step] of MIGRATIONS.entries()) {
    if (at >= version) db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${at + 1}; COMMIT`);
  }
  // Finds out now, not at the first event, whether the file is writable.
  db.exec("BEGIN IMMEDIATE; INSERT INTO heartbeat VALUES (1, 0) ON CONFLICT DO UPDATE SET at = at; COMMIT");
}

function damaged(file: string, cause?: unknown): Error {
  return cannot(
    `use ${file}: it is damaged`,
    "Restore a backup. Or move the file away (with its -wal and -shm) to start with an empty history, which loses its waiting runs.",
    cause,
  );
}

/** An error for the person who starts the service. It begins with "Cannot" and says what to do. */
export function cannot(what: string, remedy: string, cause?: unknown): Error {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new Error(`Cannot ${what}${why}. ${remedy}`, { cause });
}
