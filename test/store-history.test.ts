import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { type Filled, filledPostgres, filledSqlite } from "../bench/history-rows.ts";
import { systemClock } from "../src/model/clock.ts";
import type { RunStore } from "../src/model/store.ts";
import { foundRuns } from "../src/store/found-runs.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import type { SearchIndex } from "../src/store/search-index.ts";
import { asking } from "../src/store/sqlite/asking.ts";
import { type Sql, statements } from "../src/store/sqlite/statements.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { attemptOf, event, lease, NOW, SUCCESS } from "./store.contract.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";

const postgres = await postgresForTests();
const RUNS = 60_000;

type Opened = { readonly open: () => Promise<RunStore>; readonly filled: Filled; readonly schema: string };

/** A store that was filled like the bench of long histories does it. */
const STORES: readonly (readonly [string, (t: TestContext) => Opened])[] = [
  [
    "SQLite",
    (t) => {
      const folder = temporaryFolder(t);
      return { open: async () => openSqliteStore(folder, systemClock), filled: filledSqlite(folder), schema: "main" };
    },
  ],
  [
    "PostgreSQL",
    () => {
      const [{ url }, schema] = [postgres, postgres.schema()];
      const options = { url, schema, clock: systemClock, onError: () => {} };
      return { open: () => openPostgresStore(options), filled: filledPostgres(url, schema), schema };
    },
  ],
];

for (const [name, opened] of STORES) {
  describe(`${name}: the history of the bench`, () => {
    it("has the same rows as the service writes", async (t) => {
      const { open, filled } = opened(t);
      await (await open()).close();
      await filled.fill({ count: 1000, days: 1, now: NOW }, () => {});
      const store = await open();
      t.after(() => store.close());
      const application = { workflow: "environment-ready", trigger: "http", actor: "token argocd" } as const;
      const id = "0d3f4a51-8a3e-4c50-9d0b-0f4c6a6a2a10";
      await store.accept(event({ ...application, id, group: "pr-7", input: { application: "pr-7" } }), {
        ...lease(),
        take: false,
      });
      const [claim] = await store.claim({ ...lease(), limit: 1 });
      assert.ok(claim);
      const commitHash = "a".repeat(40);
      const body = JSON.stringify({
        event_type: "environment_ready",
        client_payload: { commitHash, sourceName: "pr-7" },
      });
      const request = { at: NOW, method: "POST", path: "/repos/acme/shop/dispatches", body, status: 204 };
      const attempt = {
        ...{ ...attemptOf(claim, "success"), githubRequestId: "5EED:7", code: "6ad9613a4557" },
        sent: { count: 1, requests: [request] },
      };
      await store.settle(claim, attempt as never, {
        ...{ status: "success", outputs: { commitHash, sourceName: "pr-7" }, dedupeKey: undefined },
      });

      const { runs } = await store.list({ workflow: "environment-ready", status: "success" }, { limit: 2 });
      const [made, written] = await Promise.all(runs.map((run) => store.get(run.id)));
      assert.equal(made?.run.id, id);
      assert.deepEqual(shapeOf(written), shapeOf(made));
    });

    it("has counts that match its rows", async (t) => {
      const { open, filled } = opened(t);
      await (await open()).close();
      await filled.fill({ count: 1000, days: 1, now: NOW }, () => {});
      const store = await open();
      t.after(() => store.close());
      const { failure, superseded, cancelled, skipped, success } = await store.counts({});
      assert.deepEqual(
        [failure, superseded, cancelled, skipped, success].map(({ count }) => count),
        [50, 20, 10, 20, 900],
      );
    });
  });
}

/** The names and types of all its fields, without values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]));
}

describe("SQLite: of a workflow with many runs", () => {
  /** The used indexes, with the conditions that limit what is read from them. */
  async function plans(t: TestContext, work: (runs: Pick<RunStore, "list" | "counts">) => Promise<unknown>) {
    const db = new DatabaseSync(join(await filledFolder(t), "gh-runner.sqlite"));
    t.after(() => db.close());
    const sql = statements(db);
    const found: string[] = [];
    const all: Sql["all"] = (text, ...values) => {
      if (text.includes("workflow ="))
        found.push(...sql.all(`EXPLAIN QUERY PLAN ${text}`, ...values).map(({ detail }) => String(detail)));
      return sql.all(text, ...values);
    };
    const asked = asking({ ...sql, all }, { read: async (read) => read(), write: async (write) => write() });
    await work(foundRuns(asked, {} as SearchIndex));
    return found.filter((detail) => /by_workflow/.test(detail));
  }

  it("an old page is read without the newer runs", async (t) => {
    const found = await plans(t, async (runs) => {
      for (const status of [undefined, "failure"] as const)
        await runs.list({ workflow: "labeler", status }, { limit: 20, cursor: "500" });
    });
    assert.equal(found.length, 2);
    for (const each of found) assert.match(each, /workflow=\? AND seq<\?\)/);
  });

  it("runs of a time range are counted without the older runs", async (t) => {
    const found = await plans(t, (runs) => runs.counts({ workflow: "labeler", since: NOW - 3_600_000 }));
    assert.equal(found.length, 5);
    for (const each of found) assert.match(each, /workflow=\? AND seq>\?\)/);
  });
});

async function filledFolder(t: TestContext): Promise<string> {
  const folder = temporaryFolder(t);
  await openSqliteStore(folder, systemClock).close();
  await filledSqlite(folder).fill({ count: 1000, days: 1, now: NOW }, () => {});
  return folder;
}

describe("PostgreSQL: of an application with many runs", () => {
  it("its failures are read without its other runs", async (t) => {
    const [, opened] = STORES[1] as (typeof STORES)[number];
    const { open, filled, schema } = opened(t);
    await (await open()).close();
    await filled.fill({ count: RUNS, days: 10, now: NOW }, () => {});
    const readBy = async (work: (store: RunStore) => Promise<unknown>) => {
      const before = await rowsRead(schema);
      const store = await open();
      await work(store);
      // The counters of a connection are complete when it has ended.
      await store.close();
      return (await rowsRead(schema)) - before;
    };
    const group = "pr-staging";
    const base = await readBy(async () => {});
    const failures = await readBy(async (store) => {
      const { runs } = await store.list({ group, status: "failure" }, { limit: 20 });
      assert.equal(runs.length, 20);
    });
    assert.ok(failures - base < 100, `${failures} rows were read, ${base} of them by the start`);
  });
});

async function rowsRead(schema: string): Promise<number> {
  const [row] = await ask(
    postgres.url,
    `SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_user_tables WHERE schemaname = '${schema}' AND relname = 'runs'`,
  );
  return Number(row?.rows ?? 0);
}

describe("SQLite: the disk space of deleted runs", () => {
  it("is reused by new runs, in the search index too: every write is stored, and the file does not grow", async (t) => {
    const folder = temporaryFolder(t);
    const clock = movedClock(NOW);
    const store = openSqliteStore(folder, clock);
    t.after(() => store.close());
    const pages: number[] = [];
    for (let round = 0; round < 8; round++) {
      for (let nth = 0; nth < 400; nth += 50) {
        const some = Array.from({ length: 50 }, (_, at) => ({
          group: `pr-${round}-${nth + at}`,
          actor: "token argocd",
        }));
        await Promise.all(some.map((each) => store.accept(event(each), { ...lease(clock.now()), take: false })));
        const claims = await store.claim({ ...lease(clock.now()), limit: 50 });
        await Promise.all(
          claims.map((claim) => store.settle(claim, attemptOf(claim, "success", clock.now()), SUCCESS)),
        );
      }
      while ((await store.index(100)) !== 0);
      clock.move(60_000);
      while ((await store.forget(clock.now(), 100)) > 0);
      while ((await store.index(100)) !== 0);
      await store.check();
      pages.push(await pagesOf(folder));
    }
    assert.ok(Number(pages.at(-1)) <= 1.1 * Number(pages[3]), `pages after each round: ${pages.join(" ")}`);
  });
});

async function pagesOf(folder: string): Promise<number> {
  const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { readOnly: true });
  try {
    return Number(db.prepare("PRAGMA page_count").get()?.page_count);
  } finally {
    db.close();
  }
}
