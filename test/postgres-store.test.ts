import type { TestContext } from "node:test";
import pg from "pg";
import type { Clock } from "../src/model/clock.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { atItsTime, storeContract } from "./store.contract.ts";
import { cancelsContract } from "./store-cancels.contract.ts";
import { orderContract } from "./store-order.contract.ts";
import { pausesContract } from "./store-pauses.contract.ts";
import { waitsContract } from "./store-waits.contract.ts";
import { type DatabaseClock, databaseClock } from "./support/database-clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

const postgres = postgresForTests();

const inPostgres = async (t: TestContext) => {
  const time = await emptySchema();
  const { databaseNow } = time;
  const clock = clockOf(time);
  const open = () => openPostgresStore({ url: postgres.url, schema, clock, databaseNow, onError: () => {} });
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
waitsContract("PostgreSQL", inPostgres);
cancelsContract("PostgreSQL", inPostgres);
pausesContract("PostgreSQL", inPostgres);
orderContract("PostgreSQL", inPostgres);

const schema = postgres.schema();
let time: DatabaseClock | undefined;

/** One schema for all, since to create one takes longer than a test. */
async function emptySchema(): Promise<DatabaseClock> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  if (time) {
    await time.setTime(NOW);
    const tables = [
      "runs",
      "schedules",
      "ended_by_hour",
      "refused_events",
      "github_spending",
      "github_pauses",
      "actions",
      "paused_workflows",
    ];
    await client.query(`TRUNCATE ${tables.map((table) => `${schema}.${table}`).join(", ")} RESTART IDENTITY CASCADE`);
  }
  await client.end();
  time ??= await databaseClock(postgres.url, schema, NOW);
  return time;
}

function clockOf(time: DatabaseClock): Clock {
  return { now: () => time.now(), monotonic: () => time.now(), alarm: () => () => {} };
}
