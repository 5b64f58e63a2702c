import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RunStore } from "../src/model/store.ts";
import { foundRuns } from "../src/store/found-runs.ts";
import type { Asked } from "../src/store/reads.ts";
import type { Row } from "../src/store/rows.ts";
import { searchIndex } from "../src/store/search-index.ts";
import { asking } from "../src/store/sqlite/asking.ts";
import { sqliteSearch } from "../src/store/sqlite/search.ts";
import { ReadingThread } from "../src/store/sqlite/search-thread.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { event, lease, NOW } from "./store.contract.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";

/** A store whose newest run has the number of one with a million before it. */
async function longHistory(t: TestContext): Promise<{ store: RunStore; newestFirst: readonly string[] }> {
  const folder = temporaryFolder(t);
  const before = openSqliteStore(folder, movedClock(NOW));
  const [old, newest] = [randomUUID(), randomUUID()];
  for (const id of [old, newest]) await before.accept(event({ id, group: `pr-${id}` }), lease());
  await before.close();
  const db = new DatabaseSync(join(folder, "gh-runner.sqlite"));
  db.prepare("UPDATE runs SET seq = 1000000 WHERE id = ?").run(newest);
  db.exec("INSERT INTO search_queue VALUES (1000000)");
  db.close();
  const store = openSqliteStore(folder, movedClock(NOW));
  // One of the tests closes it earlier.
  t.after(() => store.close().catch(() => {}));
  while ((await store.index(100)) !== 0);
  return { store, newestFirst: [newest, old] };
}

/** The number of event loop turns until the result is there. */
async function turnsOf<T>(work: Promise<T>): Promise<{ readonly turns: number; readonly found: T }> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let turns = 0;
  for (; !isOver; turns++) await nextTurn();
  return { turns, found: await over };
}

describe("A search of a long history in SQLite", () => {
  it("delays nothing else: the event loop turns while it searches", async (t) => {
    const { store, newestFirst } = await longHistory(t);
    const list = (words: readonly string[]) => store.list({ words }, { limit: 10 });
    const { turns: without } = await turnsOf(list([""]));
    const { turns, found } = await turnsOf(list(["deploy", "pr-"]));
    assert.deepEqual(
      found.runs.map(({ id }) => id),
      newestFirst,
    );
    assert.equal(found.next, undefined);
    // The preparation of both takes the same number of turns. A thread cannot start and answer within one.
    assert.ok(turns > without + 1, `${turns} turns, ${without} of them before it looks`);
  });

  it("returns pages and counts like a search of a short history", async (t) => {
    const { store, newestFirst } = await longHistory(t);
    const words = ["deploy"];
    const [first, counts] = await Promise.all([store.list({ words }, { limit: 1 }), store.counts({ words })]);
    assert.equal(first.runs[0]?.id, newestFirst[0]);
    const { runs, next } = await store.list({ words }, { limit: 1, cursor: first.next });
    assert.deepEqual([runs[0]?.id, next], [newestFirst[1], undefined]);
    assert.equal(
      Object.values(counts).reduce((sum, { count }) => sum + count, 0),
      2,
    );
    assert.deepEqual((await store.list({ words: ["deploy", "nothing"] }, { limit: 1 })).runs, []);
  });

  it("gets an answer when the store closes", async (t) => {
    const { store, newestFirst } = await longHistory(t);
    const found = store.list({ words: ["deploy"] }, { limit: 10 });
    await nextTurn();
    await store.close();
    const ids = await found.then(({ runs }) => runs.map(({ id }) => id)).catch((error: Error) => error.name);
    assert.ok(ids === "StoreUnavailable" || `${ids}` === `${newestFirst}`, String(ids));
  });
});

describe("A text of one or two characters, which no index finds", () => {
  it("is searched in pieces, between which the event loop turns", async (t) => {
    const store = openSqliteStore(temporaryFolder(t), movedClock(NOW));
    t.after(() => store.close());
    const count = 100;
    await Promise.all(
      Array.from({ length: count }, () => store.accept(event({ id: randomUUID(), group: undefined }), lease())),
    );
    while ((await store.index(100)) !== 0);
    const { turns } = await turnsOf(store.list({ words: ["deploy"] }, { limit: 10 }));
    const { turns: inPieces } = await turnsOf(store.list({ words: ["§"] }, { limit: 10 }));
    assert.ok(inPieces > turns, `${inPieces} turns, and ${turns} where the index finds it`);
  });
});

describe("A search in SQLite that takes longer than anyone should wait", () => {
  /** @param isBegun whether the thread has begun to search. */
  function slowSearch({ isBegun = true } = {}) {
    const answer = Promise.withResolvers<Row[]>();
    const never = new Promise<void>(() => {});
    let [questions, isAnswered] = [0, false];
    const ask = () => {
      questions++;
      return answer.promise;
    };
    const read = async (text: string) =>
      /newest/.test(text) ? [{ newest: 1_000_000, runs: 1_000_000 }] : /waiting|queue/.test(text) ? [{ runs: 0 }] : [];
    const asked = { ...asking({} as never, {} as never), read: read as Asked["read"] };
    const parts = {
      write: async () => 0 as never,
      thread: {
        ask,
        drop() {
          return !isBegun;
        },
      },
      patience: () => (isAnswered ? never : Promise.resolve()),
    };
    const { list, counts } = foundRuns(
      asked,
      searchIndex(asked, sqliteSearch({} as never, asked, parts), () => {}),
    );
    const answered = () => {
      isAnswered = true;
      answer.resolve([]);
    };
    return { list, counts, answered, asked: () => questions };
  }

  it("ends, and reports where to continue", async () => {
    const { list, counts } = slowSearch();
    const page = await list({ words: ["deploy"] }, { limit: 10 });
    const { success } = await counts({ words: ["deploy"] });
    assert.deepEqual(page, { runs: [], next: "1000001" });
    assert.deepEqual(success, { count: 0, more: true });
  });

  it("returns its result to the same question later, without a new search", async () => {
    const { list, answered, asked } = slowSearch();
    const { next } = await list({ words: ["deploy"] }, { limit: 10 });
    answered();
    const again = await list({ words: ["deploy"] }, { limit: 10, cursor: next });
    assert.deepEqual([again, asked()], [{ runs: [], next: undefined }, 1]);
  });

  it("is asked again if the thread had not begun with it", async () => {
    const { list, answered, asked } = slowSearch({ isBegun: false });
    const { next } = await list({ words: ["deploy"] }, { limit: 10 });
    answered();
    const again = await list({ words: ["deploy"] }, { limit: 10, cursor: next });
    assert.deepEqual([again, asked()], [{ runs: [], next: undefined }, 2]);
  });
});

describe("The search thread", () => {
  it("skips dropped questions, and answers those after them", async (t) => {
    const folder = temporaryFolder(t);
    await openSqliteStore(folder, movedClock(NOW)).close();
    const thread = new ReadingThread(join(folder, "gh-runner.sqlite"));
    t.after(() => thread.close());
    const first = thread.ask("SELECT ?1 AS nth", 1);
    // It would never end.
    const dropped = thread.ask(
      "WITH RECURSIVE those(x) AS (VALUES (?1) UNION ALL SELECT x FROM those) SELECT count(*) FROM those",
      1,
    );
    const last = thread.ask("SELECT ?1 AS nth", 2);
    assert.deepEqual([thread.drop(first), thread.drop(dropped), thread.drop(dropped)], [false, true, false]);
    assert.deepEqual(
      (await Promise.all([first, last])).flat().map(({ nth }) => nth),
      [1, 2],
    );
    await assert.rejects(thread.ask("SELECT absent"), /no such column/);
    assert.deepEqual((await thread.ask("SELECT ?1 AS nth", 3))[0]?.nth, 3);
  });
});

describe("A page of a long history in SQLite", () => {
  it("lets events run between its reads", async (t) => {
    const clock = movedClock(NOW);
    /** With it each statement takes this long. */
    const taking = (milliseconds: number) => ({
      now: clock.now,
      monotonic() {
        clock.move(milliseconds);
        return clock.monotonic();
      },
    });
    const page = async (milliseconds: number) => {
      const store = openSqliteStore(temporaryFolder(t), taking(milliseconds));
      t.after(() => store.close());
      const parts = [store.list({}, { limit: 50 }), store.counts({}), store.overview.activity(clock.now())];
      return (await turnsOf(Promise.all(parts))).turns;
    };
    const [quick, slow] = [await page(0), await page(2)];
    assert.ok(quick <= 1, `${quick} turns`);
    // It runs more than fifteen statements.
    assert.ok(slow > 7, `${slow} turns`);
  });
});
