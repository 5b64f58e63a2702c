import { databaseOf, type StoreSettings } from "./open-store.ts";

export type Exported = {
  readonly records: number;
  /** Whether a service uses the store and continues: what it accepts from now on is missing. Unknown for PostgreSQL. */
  readonly running: boolean;
};

/**
 * Writes all that the store of the settings holds, as it was at one moment.
 * @param write is given the lines, some at a time.
 * @throws Error that says what to do when it cannot be read.
 */
export async function exportStore(
  settings: StoreSettings,
  write: (lines: AsyncIterable<string>) => Promise<void>,
): Promise<Exported> {
  const database = databaseOf(settings);
  if (database) {
    const { exportPostgres } = await import("../store/postgres/store.ts");
    return { records: await exportPostgres({ ...database, onError: () => {} }, write), running: false };
  }
  const { exportSqlite } = await import("../store/sqlite/move.ts");
  return exportSqlite(settings.dataDir, write);
}

/**
 * Fills the store of the settings with an export, all of it or nothing.
 * @param source fails when the signal is aborted, with its reason.
 * @returns how many runs there are now.
 * @throws Error that says what to do: when the store has runs already, or the export is not whole.
 */
export async function importStore(
  settings: StoreSettings,
  source: AsyncIterable<Uint8Array>,
  { signal }: { readonly signal: AbortSignal },
): Promise<number> {
  const database = databaseOf(settings);
  if (database) {
    const { importPostgres } = await import("../store/postgres/store.ts");
    return importPostgres({ ...database, onError: () => {} }, source, { signal });
  }
  const { importSqlite } = await import("../store/sqlite/move.ts");
  return importSqlite(settings.dataDir, source);
}
