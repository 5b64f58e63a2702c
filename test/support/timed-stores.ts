import pg from "pg";
import type { Clock } from "../../src/model/clock.ts";
import { openPostgresStore } from "../../src/store/postgres/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { atItsTime, NOW, type OpenStore } from "../store.contract.ts";
import { movedClock } from "./clock.ts";
import { type DatabaseClock, databaseClock } from "./database-clock.ts";
import { temporaryFolder } from "./folder.ts";
import type { PostgresServer } from "./postgres.ts";

export const timedSqlite: OpenStore = async (t) => {
  const folder = temporaryFolder(t);
  const clock = movedClock(NOW);
  const setTo = (now: number) => clock.move(now - clock.now());
  let store = openSqliteStore(folder, clock);
  t.after(() => store.close().catch(() => {}));
  return {
    store: atItsTime(store, setTo),
    async reopen() {
      await store.close();
      store = openSqliteStore(folder, clock);
      return atItsTime(store, setTo);
    },
  };
};

/** In memory, which is faster. */
export const memorySqlite: OpenStore = async () => {
  const clock = movedClock(NOW);
  return { store: atItsTime(openSqliteStore(undefined, clock), (now) => clock.move(now - clock.now())) };
};

/** One schema for all, because creating one takes longer than a test. */
export function timedPostgres(postgres: PostgresServer): OpenStore {
  let known: { readonly schema: string; readonly time: DatabaseClock } | undefined;
  return async (t) => {
    const { url } = postgres;
    if (known) {
      await empty(url, known.schema);
      await known.time.setTime(NOW);
    } else {
      const schema = postgres.schema();
      known = { schema, time: await databaseClock(url, schema, NOW) };
    }
    const { schema, time } = known;
    const clock = clockOf(time);
    const open = () => openPostgresStore({ url, schema, clock, databaseNow: time.databaseNow, onError: () => {} });
    let store = await open();
    const setTo = async (now: number) => {
      if (now !== time.now()) await time.setTime(now);
    };
    t.after(() => store.close().catch(() => {}));
    return {
      store: atItsTime(store, setTo),
      async reopen() {
        await store.close();
        store = await open();
        return atItsTime(store, setTo);
      },
    };
  };
}

const TABLES = [
  ...["runs", "schedules", "ended_by_hour", "refused_events", "github_spending", "github_pauses", "actions"],
  ...["paused_workflows", "marks", "ignored_events", "heard", "sessions"],
];

async function empty(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`TRUNCATE ${TABLES.map((table) => `${schema}.${table}`).join(", ")} RESTART IDENTITY CASCADE`);
  } finally {
    await client.end();
  }
}

function clockOf(time: DatabaseClock): Clock {
  return { now: () => time.now(), monotonic: () => time.now(), alarm: () => () => {} };
}
