import type { Clock } from "../model/clock.ts";
import type { StoredPause } from "../model/limits.ts";
import type { RunStore } from "../model/store.ts";
import type { Log } from "../observe/log.ts";
import type { Config } from "./config/config.ts";

/** What the settings say about the store: PostgreSQL where DATABASE_URL is set, else SQLite in DATA_DIR. */
export type StoreSettings = Pick<Config, "dataDir" | "databaseUrl" | "databasePassword" | "databaseSchema">;

/**
 * Opens the store of the settings. Whichever it is not stays unloaded: PostgreSQL's libraries take time and memory.
 * @throws Error that says what to do when it cannot be used.
 */
export async function openStore(
  settings: StoreSettings,
  { clock, log }: { clock: Clock; log: Pick<Log, "warn"> },
): Promise<RunStore> {
  const database = databaseOf(settings);
  if (!database) {
    const { openSqliteStore } = await import("../store/sqlite/store.ts");
    return openSqliteStore(settings.dataDir, clock, (warning) => log.warn(warning));
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

/** Where PostgreSQL is; undefined where it is not asked for. */
export function databaseOf({ databaseUrl: url, databasePassword: password, databaseSchema: schema }: StoreSettings) {
  return url === undefined ? undefined : { url, password, schema };
}

/**
 * The pauses that GitHub has asked for, as the store of the settings holds them; none where there is no store yet.
 * Only reads: no schema is brought up to date, and a service that uses the store does not notice.
 * @throws Error when it cannot be read.
 */
export async function storedPauses(settings: StoreSettings): Promise<readonly StoredPause[]> {
  const database = databaseOf(settings);
  if (database) {
    const { storedPausesInSchema } = await import("../store/postgres/store.ts");
    return storedPausesInSchema(database);
  }
  const { storedPausesIn } = await import("../store/sqlite/stored-pauses.ts");
  return storedPausesIn(settings.dataDir);
}

/**
 * Brings the schema in PostgreSQL up to date, as the start of the service does where it may.
 * @returns what was done, a sentence each.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function migrateStore(settings: StoreSettings): Promise<readonly string[]> {
  const database = databaseOf(settings);
  if (!database) {
    throw new Error(
      "Cannot migrate: DATABASE_URL is not set. SQLite in DATA_DIR is brought up to date by the start of the service.",
    );
  }
  const { migratePostgres } = await import("../store/postgres/store.ts");
  const { from, to, names } = await migratePostgres({ ...database, onError: () => {} });
  const steps = to - from === 1 ? "1 step" : `${to - from} steps`;
  return to > from
    ? [`Brought the schema ${names.schema} from version ${from} to ${to}, in ${steps}.`]
    : [`Nothing to do: the schema ${names.schema} (version ${to}) is up to date.`];
}
