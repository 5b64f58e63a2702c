import type { TestContext } from "node:test";
import pg from "pg";
import { TestClock } from "pg-boss";
import type { Clock } from "../src/model/clock.ts";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres.ts";
import { storeContract } from "./store.contract.ts";
import { postgresForTests } from "./support/postgres.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

const postgres = postgresForTests();

const inPostgres = async (t: TestContext) => {
  await emptySchema();
  const time = new TestClock(NOW);
  const open = () =>
    openPostgresStore({ url: postgres.url, schema, clock: clockOf(time), databaseClock: time, onError: () => {} });
  let store = await open();
  t.after(() => store.close().catch(() => {}));
  return {
    store: atItsTime(store, time),
    async reopen() {
      await store.close();
      store = await open();
      return atItsTime(store, time);
    },
  };
};

storeContract("PostgreSQL", inPostgres, { propertyRuns: 12 });

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
  return { now: () => time.now(), alarm: () => () => {} };
}

/** The database's clock and the store's follow the times that the store is told: in the tests there is no other clock. */
function atItsTime(store: RunStore, time: TestClock): RunStore {
  let moving = Promise.resolve();
  const at = async (now: number) => {
    moving = moving.then(async () => {
      if (now !== time.now()) await time.setTime(now);
    });
    await moving;
  };
  return {
    ...store,
    async accept(event, lease) {
      await at(lease.now);
      return store.accept(event, lease);
    },
    async claim(lease) {
      await at(lease.now);
      return store.claim(lease);
    },
    async rerun(id, now, options) {
      await at(now);
      return store.rerun(id, now, options);
    },
    async scheduledUntil(workflow, now) {
      await at(now);
      return store.scheduledUntil(workflow, now);
    },
    async settle(claim, attempt, settlement) {
      await at(attempt.endedAt);
      return store.settle(claim, attempt, settlement);
    },
  };
}
