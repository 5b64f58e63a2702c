import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { exportFrom, importInto, type Mover, type Tables } from "../move/tables.ts";
import { isOutage } from "./batch.ts";
import { MIGRATIONS } from "./migrations.ts";
import { cannot, isLocked, openSqlite } from "./open.ts";
import { statements } from "./statements.ts";

/** The store in a folder. An export changes nothing, except that it upgrades an older schema. */
export function sqliteMover(folder: string): Mover {
  return {
    async export(write) {
      const file = join(folder, "gh-runner.sqlite");
      if (!existsSync(file))
        throw cannot(`export ${file}: the file does not exist`, "Set DATA_DIR to the service's folder.");
      const running = isLocked(folder);
      const { db, close } = running ? openBeside(file) : openSqlite(folder);
      try {
        db.exec("BEGIN");
        return { records: await exportFrom(tablesIn(db, folder), write), running };
      } finally {
        close();
      }
    },
    async import(source, _signal, options) {
      const { db, close } = openSqlite(folder);
      try {
        db.exec("BEGIN IMMEDIATE");
        const runs = await importInto(tablesIn(db, folder), source, options);
        db.exec("COMMIT");
        return runs;
      } catch (cause) {
        if ((cause as { code?: string }).code !== "ERR_SQLITE_ERROR") throw cause;
        const remedy = "Check that its disk works and has room for twice the export. Nothing was imported.";
        throw cannot(`import into ${folder}`, remedy, cause);
      } finally {
        // Uncommitted changes are rolled back.
        close();
      }
    },
  };
}

function openBeside(file: string): { db: DatabaseSync; close(): void } {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version !== MIGRATIONS.length) {
    db.close();
    throw cannot(`export ${file}: the service that uses it has another version`, "Export with that version.");
  }
  return { db, close: () => db.close() };
}

function tablesIn(db: DatabaseSync, folder: string): Tables {
  const { all, change } = statements(db);
  return {
    schema: "main",
    async sql(text, values = []) {
      // Signals are handled between turns of the event loop.
      await nextTurn();
      return all(text, ...values);
    },
    async insert(table, columns, rows) {
      const text = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
      for (const row of rows) change(text, ...columns.map((column) => row[column] ?? null));
    },
    recordsPerInsert: 1,
    isOutage,
    place: { name: folder, remedy: "Set DATA_DIR to an empty folder." },
  };
}
