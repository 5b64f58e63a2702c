import type { TestContext } from "node:test";
import pg from "pg";
import { TestClock } from "pg-boss";
import type { Clock } from "../src/model/clock.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { atItsTime, storeContract } from "./store.contract.ts";
import { postgresForTests } from "./support/postgres.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

const postgres = postgresForTests();

const inPostgres = async (t: TestContext) => {
  await emptySchema();
  const time = new TestClock(NOW);
  const open = () =>
    openPostgresStore({ url: postgres.url, schema, clock: clockOf(time), databaseClock: time, onError: () => {} });
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

storeContract("PostgreSQL", inPostgres, { propertyRuns: 12, takesOver: true });

const schema = postgres.schema();
let created = false;

/** One schema for all, since to create pg-boss's takes longer than a test. */
async function emptySchema(): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  if (created) {
    const tables = ["runs", "schedules", "ended_by_hour", "refused_events", "github_spending", "github_pauses"];
    await client.query(`TRUNCATE ${tables.map((table) => `${schema}.${table}`).join(", ")} RESTART IDENTITY CASCADE`);
    await client.query(`TRUNCATE ${schema}_jobs.job`);
  }
  created = true;
  await client.end();
}

function clockOf(time: TestClock): Clock {
  return { now: () => time.now(), monotonic: () => time.now(), alarm: () => () => {} };
}
