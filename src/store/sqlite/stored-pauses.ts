import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { StoredPause } from "../../model/limits.ts";

/** The pauses in a folder's store; none without a store. */
export function storedPausesIn(folder: string): readonly StoredPause[] {
  return rowsIn(folder, "github_pauses", "SELECT account, until, strikes FROM github_pauses") as StoredPause[];
}

/** The value of a mark in a folder's store, as JSON; undefined without one. */
export function storedMarkIn(folder: string, name: string): string | undefined {
  const rows = rowsIn(folder, "marks", "SELECT value FROM marks WHERE name = ? AND value IS NOT NULL", name);
  return rows[0]?.value as string | undefined;
}

/** Only reads, even if another process uses the store. Returns nothing without a store or the table. */
function rowsIn(folder: string, table: string, query: string, ...values: readonly string[]) {
  const file = join(folder, "gh-runner.sqlite");
  if (!exists(file)) return [];
  const db = new DatabaseSync(addressOf(file), { readOnly: true, timeout: 1000 });
  try {
    if (!db.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(table)) return [];
    return db.prepare(query).all(...values);
  } finally {
    db.close();
  }
}

/** Unlike `existsSync`, this throws if access is denied. */
const exists = (file: string) => statSync(file, { throwIfNoEntry: false }) !== undefined;

/**
 * A reader of an unused database would create `-shm` and `-wal` and leave them behind, owned by its user. Then the
 * service might not be able to write them. `immutable` needs no such files, since nothing writes to the database.
 * @see https://www.sqlite.org/wal.html#read_only_databases
 */
function addressOf(file: string): URL {
  const address = pathToFileURL(file);
  if (!exists(`${file}-shm`)) address.searchParams.set("immutable", "1");
  return address;
}
