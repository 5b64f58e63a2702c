import type { Clock } from "../model/clock.ts";
import type { StoredPause } from "../model/limits.ts";
import type { Log } from "../model/log.ts";
import type { RunStore } from "../model/store.ts";
import type { StoreConfig } from "./config/store.ts";

/**
 * Opens the store of the settings. Whichever it is not stays unloaded: PostgreSQL's libraries take time and memory.
 * @throws Error that says what to do when it cannot be used.
 */
export async function openStore(
  { database, dataDir }: StoreConfig,
  { clock, log }: { clock: Clock; log: Pick<Log, "warn"> },
): Promise<RunStore> {
  if (!database) {
    const { openSqliteStore } = await import("../store/sqlite/store.ts");
    return openSqliteStore(dataDir, clock, (warning) => log.warn(warning));
  }
  const { openPostgresStore } = await import("../store/postgres/store.ts");
  return openPostgresStore({ ...database, clock, onError: onceAnOutage(clock, log) });
}

/** A store that ends with the process. */
export async function openMemoryStore(clock: Clock): Promise<RunStore> {
  const { openSqliteStore } = await import("../store/sqlite/store.ts");
  return openSqliteStore(undefined, clock);
}

/** While a database is away it is asked for again every second. */
const ONE_OUTAGE_MS = 30_000;

function onceAnOutage(clock: Clock, log: Pick<Log, "warn">): (error: Error) => void {
  let latest = Number.NEGATIVE_INFINITY;
  return (error) => {
    const before = latest;
    latest = clock.now();
    if (latest - before > ONE_OUTAGE_MS) log.warn({ err: error }, "the connection to PostgreSQL is in trouble");
  };
}

/**
 * The pauses that GitHub has asked for, as the store of the settings holds them; none where there is no store yet.
 * Only reads: no schema is brought up to date, and a service that uses the store does not notice.
 * @throws Error when it cannot be read.
 */
export async function storedPauses({ database, dataDir }: StoreConfig): Promise<readonly StoredPause[]> {
  if (database) {
    const { storedPausesInSchema } = await import("../store/postgres/store.ts");
    return storedPausesInSchema(database);
  }
  const { storedPausesIn } = await import("../store/sqlite/stored-pauses.ts");
  return storedPausesIn(dataDir);
}

/**
 * Brings the schema in PostgreSQL up to date, as the start of the service does where it may.
 * @returns what was done, in a sentence.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function migrateStore({ database }: StoreConfig): Promise<string> {
  if (!database) {
    throw new Error(
      "Cannot migrate: DATABASE_URL is not set. SQLite in DATA_DIR is brought up to date by the start of the service.",
    );
  }
  const { migratePostgres } = await import("../store/postgres/store.ts");
  const { from, to, names } = await migratePostgres({ ...database, onError: () => {} });
  const steps = to - from === 1 ? "1 step" : `${to - from} steps`;
  return to > from
    ? `Brought the schema ${names.schema} from version ${from} to ${to}, in ${steps}.`
    : `Nothing to do: the schema ${names.schema} (version ${to}) is up to date.`;
}

/**
 * Writes all that the store of the settings holds, as it was at one moment.
 * @param write is given the lines, some at a time.
 * @returns how many records, and whether a service uses the store and continues: what it accepts from now on is missing.
 *   That is unknown for PostgreSQL.
 * @throws Error that says what to do when it cannot be read.
 */
export async function exportStore(
  { database, dataDir }: StoreConfig,
  write: (lines: AsyncIterable<string>) => Promise<void>,
): Promise<{ readonly records: number; readonly running: boolean }> {
  if (database) {
    const { exportPostgres } = await import("../store/postgres/store.ts");
    return { records: await exportPostgres({ ...database, onError: () => {} }, write), running: false };
  }
  const { exportSqlite } = await import("../store/sqlite/move.ts");
  return exportSqlite(dataDir, write);
}

/**
 * Fills the store of the settings with an export, all of it or nothing.
 * @param source fails when the signal is aborted, with its reason.
 * @returns how many runs there are now.
 * @throws Error that says what to do: when the store has runs already, or the export is not whole.
 */
export async function importStore(
  { database, dataDir }: StoreConfig,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  if (database) {
    const { importPostgres } = await import("../store/postgres/store.ts");
    return importPostgres({ ...database, onError: () => {} }, source, { signal });
  }
  const { importSqlite } = await import("../store/sqlite/move.ts");
  return importSqlite(dataDir, source);
}
