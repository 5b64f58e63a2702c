import { batchesOf, FIRST_LINE, lastLine, lineOf } from "../store/move/lines.ts";
import type { StoreRecord } from "../store/move/record.ts";
import { databaseOf, type StoreSettings } from "./open-store.ts";

export type Exported = {
  readonly records: number;
  /** Whether a service uses the store, which goes on: what it accepts from now on is missing. Unknown for PostgreSQL. */
  readonly running: boolean;
};

/**
 * Writes all that the store of the settings holds, as it was at one moment, a line each.
 * @throws Error that says what to do when it cannot be read.
 */
export async function exportStore(settings: StoreSettings, write: (text: string) => Promise<void>): Promise<Exported> {
  let records = 0;
  let text = FIRST_LINE;
  const add = async (record: StoreRecord) => {
    records++;
    text += lineOf(record);
    if (text.length < CHARACTERS_AT_ONCE) return;
    const written = text;
    text = "";
    await write(written);
  };
  const running = await readStore(settings, add);
  await write(text + lastLine(records));
  return { records, running };
}

const CHARACTERS_AT_ONCE = 65_536;

async function readStore(settings: StoreSettings, add: (record: StoreRecord) => Promise<void>): Promise<boolean> {
  const database = databaseOf(settings);
  if (database) {
    const { exportPostgres } = await import("../store/postgres/store.ts");
    await exportPostgres({ ...database, onError: () => {} }, add);
    return false;
  }
  const { exportSqlite } = await import("../store/sqlite/move.ts");
  return (await exportSqlite(settings.dataDir, add)).running;
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
  { now, signal }: { readonly now: () => number; readonly signal: AbortSignal },
): Promise<number> {
  const batches = batchesOf(source);
  const database = databaseOf(settings);
  if (database) {
    const { importPostgres } = await import("../store/postgres/store.ts");
    return importPostgres({ ...database, onError: () => {} }, batches, { now: now(), signal });
  }
  const { importSqlite } = await import("../store/sqlite/move.ts");
  return importSqlite(settings.dataDir, batches);
}
