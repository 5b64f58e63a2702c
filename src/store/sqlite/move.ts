import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { exportFrom, importInto, type Tables } from "../move/tables.ts";
import type { Row } from "../rows.ts";
import { isOutage } from "./batch.ts";
import { MIGRATIONS } from "./migrations.ts";
import { cannot, isLocked, openSqlite } from "./open.ts";

/**
 * Writes all that the store of a folder holds, as it was at one moment. Changes nothing but an older schema.
 * @returns whether a service uses the folder, and continues.
 */
export async function exportSqlite(
  folder: string,
  write: Parameters<typeof exportFrom>[1],
): Promise<{ records: number; running: boolean }> {
  const file = join(folder, "gh-runner.sqlite");
  if (!existsSync(file)) throw cannot(`export ${file}: there is none`, "Set DATA_DIR to the folder of the service.");
  const running = isLocked(folder);
  const { db, close } = running ? openBeside(file) : openSqlite(folder);
  try {
    db.exec("BEGIN");
    return { records: await exportFrom(tablesIn(db, folder), write), running };
  } finally {
    close();
  }
}

function openBeside(file: string): { db: DatabaseSync; close(): void } {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version !== MIGRATIONS.length) {
    db.close();
    throw cannot(`export ${file}: the service that uses it is of another version`, "Export with that version.");
  }
  return { db, close: () => db.close() };
}

/**
 * Fills the store of a folder, all or nothing.
 * @returns how many runs there are now.
 * @throws Error that begins with "Cannot" and says what to do, as when there are runs already.
 */
export async function importSqlite(folder: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const { db, close } = openSqlite(folder);
  try {
    db.exec("BEGIN IMMEDIATE");
    const runs = await importInto(tablesIn(db, folder), source);
    db.exec("COMMIT");
    return runs;
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_SQLITE_ERROR") throw cause;
    const remedy = "See that its disk is well and has room for twice the export. Nothing was imported.";
    throw cannot(`import into ${folder}`, remedy, cause);
  } finally {
    // What is not committed is rolled back.
    close();
  }
}

function tablesIn(db: DatabaseSync, folder: string): Tables {
  const inserts = new Map<string, StatementSync>();
  return {
    schema: "main",
    async sql(text, values = []) {
      // A signal is heard between turns of the event loop.
      await nextTurn();
      return db.prepare(text.replaceAll("$", "?")).all(...values) as Row[];
    },
    async insert(table, columns, rows) {
      if (rows.length === 0) return;
      const places = columns.map(() => "?").join(", ");
      const statement =
        inserts.get(table) ?? db.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`);
      inserts.set(table, statement);
      for (const row of rows) statement.run(...columns.map((column) => (row[column] ?? null) as SQLInputValue));
    },
    recordsAtOnce: 1,
    isOutage,
    place: { name: folder, remedy: "Set DATA_DIR to an empty folder." },
  };
}
