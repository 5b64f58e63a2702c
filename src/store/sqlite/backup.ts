import { chmodSync, chownSync, createWriteStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { pipeline } from "node:stream/promises";
import { makeFolder } from "../make-folder.ts";
import { createPrivately, PRIVATE_FOLDER } from "./files.ts";
import { MIGRATIONS } from "./migrations.ts";
import { cannot, isShort, lockFolder } from "./open.ts";

/** A signal is handled between these steps. */
const PAGES_PER_STEP = 1000;

/** How a SQLite file begins: https://www.sqlite.org/fileformat.html#the_database_header */
export const SQLITE_HEADER = Buffer.from("SQLite format 3\0");

/**
 * Copies the current state of a folder's database. A running service continues: its writes go to the log beside
 * the database and are not in the copy.
 * @param file is created, readable by its owner only, and removed after an error.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function backUpSqlite(folder: string, file: string, signal: AbortSignal): Promise<void> {
  const database = join(folder, "gh-runner.sqlite");
  if (!existsSync(database))
    throw cannot(`back up ${database}: the file does not exist`, "Set DATA_DIR to the service's folder.");
  let source: DatabaseSync | undefined;
  createPrivately(file);
  try {
    source = new DatabaseSync(database, { readOnly: true, timeout: 5000 });
    // Without a transaction, each write of the service would restart the copy.
    source.exec("BEGIN");
    source.prepare("SELECT count(*) FROM sqlite_master").get();
    await backup(source, file, { rate: PAGES_PER_STEP, progress: () => signal.throwIfAborted() });
    signal.throwIfAborted();
    requireWhole(file);
  } catch (cause) {
    for (const each of withCompanions(file)) rmSync(each, { force: true });
    if (signal.aborted) throw signal.reason;
    throw explained(`back up ${database}`, cause);
  } finally {
    source?.close();
  }
}

function explained(what: string, cause: unknown): unknown {
  const { message, code } = cause as NodeJS.ErrnoException;
  if (message.startsWith("Cannot ")) return cause;
  if (/malformed|not a database/i.test(message))
    return cannot(what, "The database is damaged. Keep your existing backups.", cause);
  if (/disk is full|disk I\/O/i.test(message) || code === "ENOSPC")
    return cannot(
      what,
      "Make room on the backup's disk: the backup needs as much space as the database. No partial file was left.",
      cause,
    );
  return cannot(what, "Check that this user can write to its folder and to the backup's folder.", cause);
}

/** The files that SQLite creates beside a database. */
const withCompanions = (file: string) => ["", "-wal", "-shm", "-journal"].map((end) => file + end);

/** Reads every page, because a backup must be restorable. */
function requireWhole(file: string): void {
  // SQLite reads missing bytes at the end of the last page as zeros.
  if (isShort(file)) throw new Error("database disk image is malformed: its end is missing");
  const copy = new DatabaseSync(file, { defensive: false });
  try {
    const { quick_check: finding } = copy.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (finding !== "ok") throw new Error(`database disk image is malformed: ${finding.replaceAll("\n", " ")}`);
    // One file only: a log beside it would easily be left behind.
    copy.exec("PRAGMA journal_mode = DELETE");
  } finally {
    copy.close();
  }
}

type Restoring = {
  /** Replaces existing runs. */
  readonly replace: boolean;
  readonly signal: AbortSignal;
};

/**
 * Puts a copy of the database into a folder that no service uses, completely or not at all. Sessions are left out,
 * because sessions that have ended since would be valid again. The file gets the owner of the previous file or of the
 * folder.
 * @returns how many runs the store has now.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function restoreSqlite(
  folder: string,
  source: AsyncIterable<Uint8Array>,
  { replace, signal }: Restoring,
): Promise<number> {
  const database = join(folder, "gh-runner.sqlite");
  try {
    makeFolder(folder, PRIVATE_FOLDER);
  } catch (cause) {
    throw cannot(`create the folder ${folder}`, "Set DATA_DIR to a writable folder.", cause);
  }
  const lock = lockFolder(folder);
  const arriving = `${database}.restoring`;
  try {
    if (!replace) requireNoRuns(database, folder);
    for (const each of withCompanions(arriving)) rmSync(each, { force: true });
    createPrivately(arriving);
    await pipeline(source, createWriteStream(arriving, { flags: "r+", flush: true }), { signal });
    const runs = prepare(arriving);
    signal.throwIfAborted();
    keepOwner(folder, database, arriving);
    // SQLite would read the log of the previous database as part of this one.
    for (const each of withCompanions(database).slice(1)) rmSync(each, { force: true });
    renameSync(arriving, database);
    return runs;
  } catch (cause) {
    for (const each of withCompanions(arriving)) rmSync(each, { force: true });
    if (signal.aborted) throw signal.reason;
    if ((cause as Error).message.startsWith("Cannot ")) throw cause;
    throw cannot(`restore into ${folder}`, `Check that its disk is writable and has room. ${NOTHING}`, cause);
  } finally {
    lock.close();
  }
}

const NOTHING = "Nothing was restored.";

function requireNoRuns(database: string, folder: string): void {
  if (!existsSync(database)) return;
  const remedy = `Set DATA_DIR to an empty folder, or pass --replace: the existing runs are then lost. ${NOTHING}`;
  let count: number;
  try {
    count = runsIn(database);
  } catch (cause) {
    throw cannot(`restore into ${folder}: its database cannot be read`, remedy, cause);
  }
  if (count > 0)
    throw cannot(`restore into ${folder}: it already has ${count} ${count === 1 ? "run" : "runs"}`, remedy);
}

function runsIn(file: string): number {
  const db = new DatabaseSync(file);
  try {
    const isEmpty = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'runs'").get() === undefined;
    return isEmpty ? 0 : Number((db.prepare("SELECT count(*) AS count FROM runs").get() as { count: number }).count);
  } finally {
    db.close();
  }
}

/** @returns how many runs it has. */
function prepare(file: string): number {
  try {
    requireWhole(file);
  } catch (cause) {
    throw cannot("restore this backup: it is damaged or cut off", `Use another backup. ${NOTHING}`, cause);
  }
  const db = new DatabaseSync(file);
  try {
    const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE name IN ('runs', 'attempts', 'sessions')").all();
    const names = tables.map(({ name }) => name);
    if (!names.includes("runs") || !names.includes("attempts"))
      throw cannot("restore this backup: it is not a gh-runner database", `Use another backup. ${NOTHING}`);
    if (version > MIGRATIONS.length) {
      throw cannot(
        `restore this backup: a newer gh-runner wrote it (schema ${version}, this one supports ${MIGRATIONS.length})`,
        `Restore it with that version or a newer one. ${NOTHING}`,
      );
    }
    if (names.includes("sessions")) db.exec("DELETE FROM sessions");
  } finally {
    db.close();
  }
  return runsIn(file);
}

/** Root restores for the service's user. Files that any other user writes belong to that user. */
function keepOwner(folder: string, database: string, arriving: string): void {
  const before = statSync(database, { throwIfNoEntry: false });
  if (before) chmodSync(arriving, before.mode & 0o777);
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = before ?? statSync(folder);
  for (const file of [arriving, join(folder, "lock.sqlite")]) chownSync(file, uid, gid);
}
