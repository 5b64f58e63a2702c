import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import { systemClock } from "../src/model/clock.ts";
import { asking } from "../src/store/postgres/asking.ts";
import { CLIENT_OPTIONS } from "../src/store/postgres/client.ts";
import { connect } from "../src/store/postgres/connect.ts";
import { namesFor } from "../src/store/postgres/names.ts";
import { asRows, keepDocuments, postgresSearch } from "../src/store/postgres/search.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { postgresForTests } from "./support/postgres.ts";

const postgres = postgresForTests();

/** Runs among four million: each is in another part of the index. All contain `deploy`, and only the oldest `basket`. */
const RUNS = Array.from({ length: 1000 }, (_, nth) => nth * 4096 + 7);
const OLDEST = RUNS[0] as number;
const EVERY = { from: 0, below: Number.MAX_SAFE_INTEGER };

async function longHistory(t: TestContext) {
  const schema = postgres.schema();
  const { url } = postgres;
  await (await openPostgresStore({ url, schema, clock: systemClock, onError: () => {} })).close();
  const client = new pg.Client({ ...CLIENT_OPTIONS, connectionString: url });
  await client.connect();
  t.after(() => client.end());
  const documents = RUNS.map(
    (run) => [run, run === OLDEST ? "\n deploy the basket\n" : "\n deploy the shop\n"] as const,
  );
  await client.query(keepDocuments(schema), [asRows(new Map(documents))]);
  await client.query(`VACUUM ANALYZE ${schema}.search_documents`);
  const asked: { runs: number; plan: string }[] = [];
  let now = 0;
  const parts = { stepMs: 0, allInTime: true };
  const sql = async (text: string, values: readonly unknown[] = []) => {
    if (!text.includes("hits")) return (await client.query(text, [...values])).rows;
    now += parts.stepMs;
    const { rows } = await client.query(`EXPLAIN (ANALYZE, TIMING off) ${text}`, [...values]);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    const [, each = "", times = ""] = /Bitmap Heap Scan.*?actual rows=([\d.]+) loops=(\d+)/.exec(plan) ?? [];
    asked.push({ runs: Number(each) * Number(times), plan });
    return (await client.query(text, [...values])).rows;
  };
  const transaction = async (work: (each: typeof sql) => unknown) => {
    await client.query("BEGIN");
    const result = await work(sql);
    await client.query("COMMIT");
    return result;
  };
  const readFor = async (_: number, work: (each: typeof sql) => unknown) =>
    parts.allInTime ? transaction(work) : undefined;
  const database = { sql, transaction, readFor };
  const names = namesFor(schema);
  const search = postgresSearch(database as never, names, asking(database as never, names), () => now);
  return { search, asked, parts };
}

describe("A search in a long history in PostgreSQL", () => {
  it("finds one old run with only the index", async (t) => {
    const { search, asked } = await longHistory(t);
    assert.deepEqual(await search.find(["basket"], EVERY, 10), { found: [OLDEST], lookedTo: undefined });
    for (const { plan, runs } of asked) {
      assert.match(plan, /Bitmap Index Scan on search_grams/);
      assert.ok(runs <= 1, plan);
    }
  });

  it("reads only the newest runs if these are enough", async (t) => {
    const { search, asked } = await longHistory(t);
    assert.deepEqual(await search.find(["deploy"], EVERY, 2), {
      found: RUNS.slice(-2).reverse(),
      lookedTo: RUNS.at(-2),
    });
    const [{ plan, runs } = assert.fail(), ...others] = asked;
    assert.equal(others.length, 0);
    assert.ok(runs <= 3, plan);
  });

  it("stops if it takes too long, reports how far it got, and continues from there", async (t) => {
    const { search, asked, parts } = await longHistory(t);
    parts.allInTime = false;
    parts.stepMs = 600;
    const first = await search.find(["deploy", "basket"], EVERY, 10);
    assert.deepEqual([first.found, asked.length], [[], 3]);
    let { lookedTo } = first;
    assert.ok(lookedTo !== undefined && lookedTo > OLDEST);
    const found: number[] = [];
    parts.stepMs = 0;
    for (let pages = 0; lookedTo !== undefined; pages++) {
      assert.ok(pages < 10);
      const page = await search.find(["deploy", "basket"], { from: 0, below: lookedTo }, 10);
      found.push(...page.found);
      lookedTo = page.lookedTo;
    }
    assert.deepEqual(found, [OLDEST]);
  });
});

describe("A transaction of PostgreSQL with a time limit", () => {
  it("has no result if it takes longer, which does not count as database trouble", async (t) => {
    const database = connect({ url: postgres.url, isCalm: true }, () => {});
    t.after(() => database.close());
    const calmFor = database.calmFor();
    assert.equal(await database.readFor(1, (each) => each("SELECT pg_sleep(60)")), undefined);
    assert.ok(database.calmFor() >= calmFor);
    assert.deepEqual(await database.readFor(60_000, (each) => each("SELECT 1 AS one")), [{ one: 1 }]);
    await assert.rejects(
      database.readFor(60_000, (each) => each("SELECT one")),
      /column "one" does not exist/,
    );
  });
});
