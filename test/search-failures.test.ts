import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { systemClock } from "../src/model/clock.ts";
import { type RunStore, StoreUnavailable } from "../src/model/store.ts";
import { startIndexing } from "../src/service/indexing.ts";
import { lockKey } from "../src/store/postgres/names.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { attemptOf, event, FAILURE, lease, NOW } from "./store.contract.ts";
import { movedClock, until } from "./support/clock.ts";
import { mounted } from "./support/disk.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { notify, send, startService } from "./support/service.ts";
import { bothStores } from "./support/stores.ts";

const postgres = await postgresForTests();

async function accepted(store: RunStore, count: number): Promise<readonly string[]> {
  const runs = Array.from({ length: count }, () => event({ id: randomUUID(), input: { text: "x".repeat(500) } }));
  await Promise.all(runs.map((run) => store.accept(run, lease())));
  return runs.map(({ id }) => id).sort();
}

/** Searches until everything is indexed. One search indexes only for a limited time, which may be too short for a slow machine. */
async function searched(store: RunStore, word: string): Promise<readonly string[]> {
  while ((await store.index(100).catch(() => 0)) !== 0);
  const found: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const { runs, next } = await store.list({ words: [word] }, { limit: 100, cursor });
    found.push(...runs.map(({ id }) => id));
    if (next === undefined) return found.sort();
    cursor = next;
  }
}

async function openedInPostgres(t: TestContext, schema: string) {
  const store = await openPostgresStore({ url: postgres.url, schema, clock: systemClock, onError: () => {} });
  t.after(() => store.close());
  return store;
}

describe("The index of the search", () => {
  it("is complete after a kill while it was created", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    const ids = await accepted(store, 300);
    await store.close();
    const program = `
      import { openSqliteStore } from "./src/store/sqlite/store.ts";
      const store = openSqliteStore(${JSON.stringify(folder)}, { now: Date.now, monotonic: () => performance.now() });
      for (;;) { await store.index(3); process.stdout.write("."); }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let batches = 0;
    child.stdout.on("data", (text: Buffer) => {
      batches += text.length;
      if (batches > 4) child.kill("SIGKILL");
    });
    await ended;
    const later = openSqliteStore(folder, movedClock(NOW));
    t.after(() => later.close());
    assert.deepEqual(await searched(later, "xxxx"), ids);
    assert.deepEqual(await searched(later, "deploy"), ids);
  });

  it("is created once by two replicas, from the last change", async (t) => {
    const schema = postgres.schema();
    const [one, other] = [await openedInPostgres(t, schema), await openedInPostgres(t, schema)];
    const ids = await accepted(one, 60);
    const claims = await one.claim({ ...lease(), limit: 60 });
    const indexed = { one: 0, other: 0 };
    let done = false;
    const indexing = async (name: "one" | "other", store: RunStore) => {
      for (let idle = 0; !done || idle < 3; ) {
        const many = await store.index(7);
        if (typeof many === "number") indexed[name] += many;
        idle = many === 0 ? idle + 1 : 0;
      }
    };
    const both = [indexing("one", one), indexing("other", other)];
    for (const claim of claims)
      await one.settle(claim, attemptOf(claim, "failure"), { ...FAILURE, reason: "no tag" } as never);
    done = true;
    await Promise.all(both);
    // Two changes of each run. No change is indexed by both.
    assert.equal(indexed.one + indexed.other, 120);
    for (const store of [one, other]) assert.deepEqual(await searched(store, "no tag"), ids);
  });

  it("contains everything before a search, even if another process works on a batch for long", async (t) => {
    const schema = postgres.schema();
    const store = await openedInPostgres(t, schema);
    const ids = await accepted(store, 1);
    const { default: pg } = await import("pg");
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${lockKey(`search ${schema}`)})`);
      const began = performance.now();
      const found = store.list({ words: ["deploy"] }, { limit: 10 });
      await until("it has been at it for long", () => performance.now() - began > 100);
      await client.query("COMMIT");
      const { runs, unsearched } = await found;
      assert.deepEqual([runs.map(({ id }) => id), unsearched], [ids, undefined]);
    } finally {
      await client.end();
    }
  });

  it("does not delay a process that writes a run", async (t) => {
    const schema = postgres.schema();
    const store = await openedInPostgres(t, schema);
    await accepted(store, 1);
    const [claim] = await store.claim({ ...lease(), limit: 1 });
    const { default: pg } = await import("pg");
    const client = new pg.Client(postgres.url);
    await client.connect();
    try {
      // Another process froze while it emptied the queue. Anything that waits for it would wait forever.
      await client.query(`BEGIN; DELETE FROM ${schema}.search_queue`);
      await store.settle(claim!, attemptOf(claim!, "failure"), FAILURE);
    } finally {
      await client.end();
    }
    assert.equal((await searched(store, "deploy")).length, 1);
  });

  it("does not change while the disk is full, and catches up when there is room", async (t) => {
    const folder = mounted(t, "size=4m");
    if (!folder) return;
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    const first = await accepted(store, 20);
    assert.deepEqual(await searched(store, "deploy"), first);
    const more = await accepted(store, 20);
    const { bavail, bsize } = statfsSync(folder);
    const filler = join(folder, "filler");
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    } catch {}
    await assert.rejects(async () => {
      for (let tries = 0; tries < 100; tries++) await store.index(100);
      // What fits into the existing log is stored.
      await accepted(store, 200);
    }, StoreUnavailable);
    assert.ok((await searched(store, "deploy")).length >= first.length);
    rmSync(filler);
    assert.deepEqual(
      (await searched(store, "deploy")).filter((id) => more.includes(id)),
      more,
    );
  });
});

/** Three runs, of which the second has a document that cannot be stored; the warnings, and the results of the search. */
async function withSpoiltRun(store: RunStore, runs: readonly string[]) {
  while ((await store.index(100)) !== 0);
  const { runs: found } = await store.list({ words: ["deploy"] }, { limit: 10 });
  return found.map(({ id }) => runs.indexOf(id)).sort();
}

async function threeRuns(store: RunStore): Promise<readonly string[]> {
  const ids = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of ids) await store.accept(event({ id }), lease());
  return ids;
}

describe("A run whose document cannot be stored", () => {
  const warningOf = (id: string | undefined) => `The search could not index the current state of run ${id}: spoilt`;

  it("delays no other, and is named in one warning: SQLite", async (t) => {
    const folder = temporaryFolder(t);
    const warnings: string[] = [];
    const store = openSqliteStore(folder, movedClock(NOW), (warning) => warnings.push(warning));
    t.after(() => store.close());
    const ids = await threeRuns(store);
    const db = new DatabaseSync(join(folder, "gh-runner.sqlite"));
    db.exec(`CREATE TRIGGER spoilt BEFORE DELETE ON search_queue
      WHEN OLD.run = 2 AND EXISTS (SELECT 1 FROM search_docsize WHERE id = 2)
      BEGIN SELECT RAISE(ABORT, 'spoilt'); END`);
    db.close();
    assert.deepEqual(await withSpoiltRun(store, ids), [0, 2]);
    assert.deepEqual(warnings, [warningOf(ids[1])]);
  });

  it("delays no other, and is named in one warning: PostgreSQL", async (t) => {
    const schema = postgres.schema();
    const warnings: string[] = [];
    const options = { url: postgres.url, schema, clock: systemClock, onError: () => {} };
    const store = await openPostgresStore({ ...options, warn: (warning) => warnings.push(warning) });
    t.after(() => store.close());
    const ids = await threeRuns(store);
    await ask(
      postgres.url,
      `CREATE FUNCTION ${schema}.spoilt() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.run = 2 THEN RAISE 'spoilt'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER spoilt BEFORE INSERT ON ${schema}.search_documents
         FOR EACH ROW EXECUTE FUNCTION ${schema}.spoilt()`,
    );
    assert.deepEqual(await withSpoiltRun(store, ids), [0, 2]);
    assert.deepEqual(warnings, [warningOf(ids[1])]);
  });
});

for (const [name, open] of bothStores(postgres)) {
  describe(`${name}: indexing behind the events`, () => {
    it("begins automatically, continues what the previous process left, and pauses when there is nothing to do", async (t) => {
      const clock = movedClock(NOW);
      const { store } = await open(t, clock);
      t.after(() => store.close());
      const indexed: (number | "busy")[] = [];
      const index = async (most: number) => {
        const many = await store.index(most);
        indexed.push(many);
        return many;
      };
      await accepted(store, 3);
      const indexing = startIndexing({ store: { index }, clock });
      assert.deepEqual(indexed, []);
      clock.move(2000);
      await until("the index is made", () => indexed.length === 1);
      await until("the index is made", () => {
        clock.move(25);
        return indexed.length === 2;
      });
      assert.deepEqual(indexed, [3, 0]);
      clock.move(600_000);
      await accepted(store, 1);
      assert.deepEqual(indexed, [3, 0]);
      indexing.observe.settled?.({} as never);
      await until("the index is made", () => {
        clock.move(2000);
        return indexed.length === 3;
      });
      assert.equal(indexed[2], 1);
      await indexing.stop();
      const before = indexed.length;
      clock.move(600_000);
      assert.equal(indexed.length, before);
    });

    it("takes its next turn shortly after a search or another process had one", async (t) => {
      const clock = movedClock(NOW);
      const { store } = await open(t, clock);
      t.after(() => store.close());
      await accepted(store, 2);
      const turns: (number | "busy")[] = [];
      const index = async (most: number) => {
        turns.push(turns.length === 0 ? "busy" : await store.index(most));
        return turns.at(-1) as number | "busy";
      };
      const indexing = startIndexing({ store: { index }, clock });
      clock.move(2000);
      await until("its turn is over", () => clock.next() === clock.now() + 250);
      clock.move(250);
      await until("the index is made", () => turns.length === 2);
      assert.deepEqual(turns, ["busy", 2]);
      await indexing.stop();
    });

    it("retries later when the store cannot be written", async (t) => {
      const clock = movedClock(NOW);
      const { store } = await open(t, clock);
      t.after(() => store.close());
      await accepted(store, 2);
      let tries = 0;
      const index = async (most: number) => {
        if (tries++ === 0) throw new StoreUnavailable("the disk is full");
        return store.index(most);
      };
      const indexing = startIndexing({ store: { index }, clock });
      clock.move(2000);
      await until("the index is made", () => tries === 1);
      clock.move(20_000);
      assert.equal(tries, 1);
      await until("the index is made", () => {
        clock.move(10_000);
        return tries === 2;
      });
      await indexing.stop();
      assert.equal(await store.index(10), 0);
    });
  });
}

describe("Indexing", () => {
  for (const [events, took, pause] of [
    ["while events come", 1, 25],
    ["while events come", 5, 45],
    ["while events come", 400, 100],
    ["without events", 5, 5],
    ["without events", 400, 100],
  ] as const) {
    it(`${events} pauses ${pause} ms after a part that took ${took} ms`, async () => {
      const clock = movedClock(NOW);
      let parts = 0;
      const index = async () => {
        await null;
        clock.move(took);
        parts++;
        return 25;
      };
      const indexing = startIndexing({ store: { index }, clock });
      clock.move(1999);
      if (events === "while events come") indexing.observe.accepted?.({} as never, {} as never);
      clock.move(1);
      await until("a part is indexed", () => parts === 1 && clock.next() !== undefined);
      assert.equal(clock.next(), clock.now() + pause);
      await indexing.stop();
    });
  }
});

describe("Runs that are deleted", () => {
  it("leave the index automatically, even if nothing else happens", async (t) => {
    const folder = temporaryFolder(t);
    const clock = movedClock(NOW);
    const { url } = await startService(t, { settings: { DATA_DIR: folder, RETAIN_DAYS: "1" }, options: { clock } });
    const reader = new DatabaseSync(join(folder, "gh-runner.sqlite"), { readOnly: true });
    t.after(() => reader.close());
    const rows = (table: string) => Number(reader.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
    for (let nth = 0; nth < 3; nth++) await notify(url, { application: `main-${nth}` });
    const passes = (what: string, isSo: () => boolean) =>
      until(what, () => {
        clock.move(10_000);
        return isSo();
      });
    await passes("the runs are indexed", () => rows("search_queue") === 0);
    assert.equal(rows("search"), 3);
    // Until it has checked and found nothing.
    for (let looks = 0; looks < 20; looks++) {
      clock.move(10_000);
      await send(url, { path: "/ready" });
    }
    clock.move(3 * 86_400_000);
    await passes("the runs are deleted", () => rows("runs") === 0);
    await passes("the index knows", () => rows("search_queue") === 0);
    assert.equal(rows("search"), 0);
  });
});
