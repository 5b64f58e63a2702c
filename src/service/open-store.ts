import type { Clock } from "../model/clock.ts";
import type { StoredPause } from "../model/limits.ts";
import type { Log } from "../model/log.ts";
import { partOf, type Renewable } from "../model/renewable.ts";
import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Mover } from "../store/move/tables.ts";
import type { StoreConfig } from "./config/store.ts";

/**
 * Opens the store of the settings. Whichever it is not stays unloaded: PostgreSQL's libraries take time and memory.
 * @throws Error that says what to do when it cannot be used.
 */
export async function openStore(
  settings: Renewable<StoreConfig>,
  {
    clock,
    log,
    databaseNow,
    refused = () => {},
  }: {
    clock: Clock;
    log: Pick<Log, "warn">;
    databaseNow?: string | undefined;
    refused?: (name: string, reason: string | undefined) => void;
  },
): Promise<RunStore> {
  const { database, dataDir } = settings.now();
  if (!database) {
    const { openSqliteStore } = await import("../store/sqlite/store.ts");
    return openSqliteStore(dataDir, clock, (warning) => log.warn(warning));
  }
  const { openPostgresStore } = await import("../store/postgres/store.ts");
  return openPostgresStore({
    ...database,
    login: {
      ...partOf(settings, (now) => now.database ?? database),
      rejected(err) {
        const name = settings.now().database?.password === undefined ? "DATABASE_URL" : "DATABASE_PASSWORD";
        refused(name, err && `PostgreSQL rejects it: ${err.message}`);
        if (err) log.warn({ err }, "PostgreSQL rejects the new user or password: the previous one is tried");
      },
    },
    clock,
    onError: onceAnOutage(clock, log),
    warn: (warning) => log.warn(warning),
    ...(databaseNow && { databaseNow }),
  });
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

/** The value of a mark that the store of the settings holds, read in the same way; undefined without one. */
export async function storedMark({ database, dataDir }: StoreConfig, name: string): Promise<Json | undefined> {
  const text = database
    ? await (await import("../store/postgres/store.ts")).storedMarkInSchema(database, name)
    : (await import("../store/sqlite/stored-pauses.ts")).storedMarkIn(dataDir, name);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/**
 * Brings the schema in PostgreSQL up to date, as the start of the service does where it may.
 * @returns what was done, in a sentence.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function migrateStore({ database }: StoreConfig): Promise<string> {
  if (!database) {
    throw new Error("Cannot migrate: DATABASE_URL is not set. The service updates SQLite in DATA_DIR when it starts.");
  }
  const { migratePostgres } = await import("../store/postgres/store.ts");
  const { from, to } = await migratePostgres({ ...database, onError: () => {} });
  const steps = to - from === 1 ? "1 step" : `${to - from} steps`;
  return to > from
    ? `Updated the schema ${database.schema} from version ${from} to ${to}, in ${steps}.`
    : `Nothing to do: the schema ${database.schema} (version ${to}) is up to date.`;
}

/** A store that all of it is moved from or to; of PostgreSQL's libraries nothing is loaded for SQLite. */
export async function openMover({ database, dataDir }: StoreConfig): Promise<Mover> {
  if (!database) return (await import("../store/sqlite/move.ts")).sqliteMover(dataDir);
  return (await import("../store/postgres/store.ts")).postgresMover({ ...database, onError: () => {} });
}
