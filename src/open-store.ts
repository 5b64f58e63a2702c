import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import type { Clock } from "./model/clock.ts";
import type { RunStore } from "./model/store.ts";

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
  const { databaseUrl: url, databasePassword: password, databaseSchema: schema } = settings;
  if (url === undefined) {
    const { openSqliteStore } = await import("./store/sqlite.ts");
    return openSqliteStore(settings.dataDir, { now: clock.now() });
  }
  const { openPostgresStore } = await import("./store/postgres.ts");
  return openPostgresStore({ url, password, schema, clock, onError: onceAnOutage(clock, log) });
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
