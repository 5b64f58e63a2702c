import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import type { Claim } from "../src/model/claim.ts";
import { systemClock } from "../src/model/clock.ts";
import type { News } from "../src/model/store.ts";
import { lockKey } from "../src/store/postgres/names.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { slowNetwork } from "./support/slow-network.ts";

const postgres = postgresForTests();

const lease = (owner: string, take = true) => ({ owner, now: Date.now(), leaseMs: 60_000, take });

function eventOf(group: string | undefined, more: { event?: { source: string; id: string } } = {}) {
  return { id: randomUUID(), workflow: "deploy", group, input: { group: group ?? null }, ownToken: false, ...more };
}

async function open(t: TestContext, schema: string, url = postgres.url) {
  const store = await openPostgresStore({ url, schema, clock: systemClock, onError: () => {} });
  t.after(() => store.close().catch(() => {}));
  const accept = async (group: string | undefined, more = {}) => store.accept(eventOf(group, more), lease(schema));
  const succeed = (claim: Claim | undefined) => {
    assert.ok(claim);
    const now = Date.now();
    const attempt = { number: claim.attempt, startedAt: now, endedAt: now, outcome: "success" } as const;
    return store.settle(
      claim,
      { ...attempt, reason: undefined, kind: undefined, githubRequestId: undefined },
      { status: "success", outputs: {}, dedupeKey: undefined },
    );
  };
  return { store, accept, succeed };
}

/** Another replica that stores an event of the group pr-1. It has already read the situation. */
async function aboutToQueue(t: TestContext, schema: string) {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  t.after(() => client.end());
  await client.query("BEGIN");
  await client.query("SELECT pg_advisory_xact_lock($1)", [lockKey("deploy\npr-1")]);
  return {
    isWaitedFor: () =>
      until("it waits", async () => {
        const waits =
          "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND application_name = 'gh-runner service'";
        return (await client.query(waits)).rows.length === 1;
      }),
    async commit() {
      await client.query(
        `INSERT INTO ${schema}.runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at)
         VALUES (gen_random_uuid(), 'deploy', 'pr-1', 'deploy' || chr(10) || 'pr-1', '{}', 0, 'queued', 1, 1, 1)`,
      );
      await client.query("COMMIT");
    },
  };
}

describe("on PostgreSQL", () => {
  it("an event is accepted in one round trip, and its run settled in one", async (t) => {
    const network = await slowNetwork(postgres.url);
    t.after(network.close);
    const { store, accept, succeed } = await open(t, postgres.schema(), network.url);
    /** The result, and the number of round trips. */
    const counted = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
      const before = network.roundTrips();
      const result = await work();
      return [result, network.roundTrips() - before];
    };
    // Makes the connection, and prepares its statements.
    await succeed((await accept("warm")).claim);

    const [{ claim }, toAccept] = await counted(() => accept("pr-1"));
    const [run, toSettle] = await counted(() => succeed(claim));
    assert.deepEqual([toAccept, toSettle, run?.status], [1, 1, "success"]);

    const event = { source: "hook", id: "delivery-1" };
    const [delivered, toDeliver] = await counted(() => accept(undefined, { event }));
    const [, toEnd] = await counted(() => succeed(delivered.claim));
    assert.deepEqual([toDeliver, toEnd], [1, 1]);

    const many = Array.from({ length: 30 }, (_, n) => `many-${n}`);
    const [accepted, together] = await counted(() => Promise.all(many.map((group) => accept(group))));
    const [, settled] = await counted(() => Promise.all(accepted.map((each) => succeed(each.claim))));
    assert.deepEqual([together, settled], [1, 1]);

    const [queued, toQueue] = await counted(() => store.accept(eventOf("pr-2"), lease("one", false)));
    assert.deepEqual([queued.claim, toQueue], [undefined, 1]);
  });

  it("two replicas that accept events of one group at the same time begin one run, and the newest event of each group waits", async (t) => {
    const schema = postgres.schema();
    const [one, two] = [await open(t, schema), await open(t, schema)];
    for (let n = 0; n < 40; n++) {
      const group = `pr-${n}`;
      const accepted = await Promise.all([one.accept(group), two.accept(group), one.accept(group), two.accept(group)]);
      const claims = accepted.flatMap(({ claim }) => claim ?? []);
      assert.equal(claims.length, 1);
      const { runs } = await one.store.list({ group }, { limit: 10 });
      // Newest first.
      assert.deepEqual(
        runs.map(({ status }) => status),
        ["queued", "superseded", "superseded", "running"],
      );
    }
  });

  it("an event waits for another one of its group that another replica is about to store", async (t) => {
    const schema = postgres.schema();
    const { accept, store } = await open(t, schema);
    await accept("pr-0");
    const { isWaitedFor, commit } = await aboutToQueue(t, schema);
    const accepted = accept("pr-1");
    await isWaitedFor();
    await commit();
    const { claim, superseded } = await accepted;
    assert.equal(claim, undefined);
    const { runs } = await store.list({ group: "pr-1" }, { limit: 10 });
    assert.deepEqual(
      runs.map(({ status }) => status),
      ["queued", "superseded"],
    );
    assert.equal(superseded, runs[1]?.id);
  });

  it("a process that accepts events of one group keeps their order", async (t) => {
    const { store, accept, succeed } = await open(t, postgres.schema());
    for (let n = 0; n < 40; n++) {
      const group = `pr-${n}`;
      const { claim } = await accept(group);
      const [older, , newer] = await Promise.all([accept(group), succeed(claim), accept(group)]);
      const [last, before] = (await store.list({ group }, { limit: 10 })).runs;
      assert.equal(last?.id, newer.run);
      assert.equal(before?.id, older.run);
      assert.notEqual(last?.status, "superseded");
    }
  });

  it("an event that comes twice at the same time becomes one run", async (t) => {
    const { accept } = await open(t, postgres.schema());
    const event = { source: "hook", id: "delivery-1" };
    const [first, second] = await Promise.all([accept(undefined, { event }), accept(undefined, { event })]);
    assert.deepEqual([second.run, second.joined], [first.run, true]);
  });

  it("a run that only its process waits for is settled without a notification; a page elsewhere still notices", async (t) => {
    const schema = postgres.schema();
    const [one, two] = [await open(t, schema), await open(t, schema)];
    const news: News[] = [];
    t.after(two.store.hear((each) => news.push(each)));
    const { claim } = await one.accept("pr-1");
    const before = await two.store.overview.revision();
    await one.succeed(claim);
    assert.notEqual(await two.store.overview.revision(), before);

    // The next run of its group may begin at another replica.
    const first = await one.accept("pr-2");
    await two.accept("pr-2");
    await one.succeed(first.claim);
    await until("the other hears that a run is due", () => news.some(({ queued }) => queued === true));
    assert.ok(news.every(({ settled = [] }) => settled.length === 0));

    // Two deliveries of one event may have arrived at two replicas.
    const event = { source: "hook", id: "delivery-1" };
    const delivered = await one.accept(undefined, { event });
    assert.equal((await two.accept(undefined, { event })).run, delivered.run);
    await one.succeed(delivered.claim);
    await until("the other hears of its end", () => news.some(({ settled }) => settled?.[0] === delivered.run));
  });

  it("the other replicas learn about a run that is queued while the run before it ends", async (t) => {
    const schema = postgres.schema();
    const [one, two] = [await open(t, schema), await open(t, schema)];
    const news: News[] = [];
    t.after(two.store.hear((each) => news.push(each)));
    const { claim } = await one.accept("pr-1");
    const { isWaitedFor, commit } = await aboutToQueue(t, schema);
    const ended = one.succeed(claim);
    await isWaitedFor();
    await commit();
    assert.equal((await ended)?.status, "success");
    await until("the other hears that a run is due", () => news.some(({ queued }) => queued === true));
  });

  it("no accept and no settle reads all stored runs", async (t) => {
    const schema = postgres.schema();
    const { store, accept, succeed } = await open(t, schema);
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    t.after(() => client.end());
    await client.query(
      `INSERT INTO ${schema}.runs (id, workflow, grp, slot, event_source, event_id, input, own_token, status, accepted_at,
         retries_from, started_at, ended_at, attempts)
       SELECT gen_random_uuid(), 'deploy', 'pr-' || n % 900, 'deploy' || chr(10) || 'pr-' || n % 900, 'hook-' || n % 700, n::text,
         '{}', 0, 'success', n, n, n, n, 1 FROM generate_series(1, 20000) AS n`,
    );
    await client.query(`ANALYZE ${schema}.runs`);
    const read = async () => {
      const { rows } = await client.query(
        `SELECT sum(seq_tup_read)::integer AS read FROM pg_stat_user_tables WHERE schemaname = '${schema}' AND relname = 'runs'`,
      );
      return rows[0]?.read as number;
    };
    const before = await read();
    for (let n = 0; n < 12; n++)
      await succeed((await accept(`pr-${n}`, { event: { source: `hook-${n}`, id: "x" } })).claim);
    // PostgreSQL updates the counters of a connection when it closes.
    await store.close();
    await until("the connections have ended", async () => {
      const { rows } = await client.query("SELECT FROM pg_stat_activity WHERE application_name = 'gh-runner service'");
      return rows.length === 0;
    });
    assert.ok((await read()) - before < 20_000);
  });
});
