import type { Clock } from "../model/clock.ts";
import type { StoredPause } from "../model/limits.ts";
import type { Log } from "../model/log.ts";
import { partOf, type Renewable } from "../model/renewable.ts";
import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Mover } from "../store/move/tables.ts";
import type { StoreConfig } from "./config/store.ts";

/**
 * Opens the store of the settings. Loads only its database's library, because PostgreSQL's takes time and memory.
 * @throws Error that says what to do if the store cannot be used.
 */
export async function openStore(
  settings: Renewable<StoreConfig>,
  {
    clock,
    log,
    databaseNow,
    rejectedInUse = () => {},
  }: {
    clock: Clock;
    log: Pick<Log, "warn">;
    databaseNow?: string | undefined;
    rejectedInUse?: (name: string, reason: string | undefined) => void;
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
        rejectedInUse(name, err && `PostgreSQL rejects it: ${err.message}`);
        if (err) log.warn({ err }, "PostgreSQL rejects the new user or password: the previous one is tried");
      },
    },
    clock,
    onError: onceAnOutage(clock, log),
    warn: (warning) => log.warn(warning),
    ...(databaseNow && { databaseNow }),
  });
}

/** A store that is lost when the process ends. */
export async function openMemoryStore(clock: Clock): Promise<RunStore> {
  const { openSqliteStore } = await import("../store/sqlite/store.ts");
  return openSqliteStore(undefined, clock);
}

/** While a database is down, the service tries to connect every second. */
const ONE_OUTAGE_MS = 30_000;

function onceAnOutage(clock: Clock, log: Pick<Log, "warn">): (error: Error) => void {
  let latest = Number.NEGATIVE_INFINITY;
  return (error) => {
    const before = latest;
    latest = clock.now();
    if (latest - before > ONE_OUTAGE_MS) log.warn({ err: error }, "the connection to PostgreSQL fails");
  };
}

/**
 * The stored pauses that GitHub asked for; none if there is no store yet. Only reads: it does not update the schema,
 * and a running service is not affected.
 * @throws Error when the store cannot be read.
 */
export async function storedPauses({ database, dataDir }: StoreConfig): Promise<readonly StoredPause[]> {
  if (database) {
    const { storedPausesInSchema } = await import("../store/postgres/store.ts");
    return storedPausesInSchema(database);
  }
  const { storedPausesIn } = await import("../store/sqlite/stored-pauses.ts");
  return storedPausesIn(dataDir);
}

/** The value of a mark in the store, read in the same way; undefined if there is none. */
export async function storedMark({ database, dataDir }: StoreConfig, name: string): Promise<Json | undefined> {
  const text = database
    ? await (await import("../store/postgres/store.ts")).storedMarkInSchema(database, name)
    : (await import("../store/sqlite/stored-pauses.ts")).storedMarkIn(dataDir, name);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/**
 * Updates the schema in PostgreSQL, as the service does at its start if it may.
 * @returns a sentence with the result.
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

/** Exports from or imports into the store. For SQLite, nothing of PostgreSQL's libraries is loaded. */
export async function openMover({ database, dataDir }: StoreConfig): Promise<Mover> {
  if (!database) return (await import("../store/sqlite/move.ts")).sqliteMover(dataDir);
  return (await import("../store/postgres/store.ts")).postgresMover({ ...database, onError: () => {} });
}
