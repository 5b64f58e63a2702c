import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import type { NewRun } from "../src/model/new-run.ts";
import { RUN_STATUSES } from "../src/model/run.ts";
import type { RunStore } from "../src/model/store.ts";
import { LISTED } from "../src/store/rows.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { storeContract } from "./store.contract.ts";
import { auditContract } from "./store-audit.contract.ts";
import { cancelsContract } from "./store-cancels.contract.ts";
import { eventsContract } from "./store-events.contract.ts";
import { marksContract } from "./store-marks.contract.ts";
import { orderContract } from "./store-order.contract.ts";
import { pausesContract } from "./store-pauses.contract.ts";
import { previewsContract } from "./store-previews.contract.ts";
import { sessionsContract } from "./store-sessions.contract.ts";
import { successesContract } from "./store-successes.contract.ts";
import { waitsContract } from "./store-waits.contract.ts";
import { workflowsContract } from "./store-workflows.contract.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { timedSqlite } from "./support/timed-stores.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const LEASE = { owner: "one", now: NOW, leaseMs: 60_000, take: false };

storeContract("SQLite", timedSqlite);
waitsContract("SQLite", timedSqlite);
cancelsContract("SQLite", timedSqlite);
pausesContract("SQLite", timedSqlite);
orderContract("SQLite", timedSqlite);
previewsContract("SQLite", timedSqlite);
marksContract("SQLite", timedSqlite);
workflowsContract("SQLite", timedSqlite);
successesContract("SQLite", timedSqlite);
eventsContract("SQLite", timedSqlite);
sessionsContract("SQLite", timedSqlite);
auditContract("SQLite", timedSqlite);

function event(id: string, facts: Partial<NewRun> = {}): NewRun {
  return { id, workflow: "deploy", group: undefined, input: { text: "x".repeat(200) }, ownToken: false, ...facts };
}

describe("the SQLite store, while a write waits for a disk that flushes slowly", () => {
  it("does not hand out a run again that was settled before the claim was written", async (t) => {
    const clock = movedClock(NOW);
    const store = openSqliteStore(undefined, clock);
    t.after(() => store.close());
    await store.accept(event("a"), LEASE);
    const [claim] = await store.claim({ ...LEASE, limit: 10 });
    // Both wait in this order, and the lease ends while they wait.
    const claims = store.claim({ ...LEASE, limit: 10 });
    const facts = { number: 1, startedAt: NOW, endedAt: NOW, outcome: "success" as const };
    const attempt = { ...facts, reason: undefined, kind: undefined, githubRequestId: undefined };
    const success = { status: "success" as const, outputs: {}, dedupeKey: undefined };
    const settled = store.settle(claim!, attempt, success);
    clock.move(LEASE.leaseMs + 1);
    assert.deepEqual(await claims, []);
    assert.equal((await settled)?.status, "success");
    assert.equal((await store.get("a"))?.attempts.length, 1);
  });
});

describe("the SQLite store, opened again after its process was gone", () => {
  it("makes running runs due immediately, and ends a run with the caller's token", async (t) => {
    const folder = temporaryFolder(t);
    const before = openSqliteStore(folder, movedClock(NOW));
    await before.accept(event("a", { group: "g" }), LEASE);
    await before.claim({ ...LEASE, limit: 10 });
    await before.accept(event("b", { ownToken: true }), LEASE);
    await before.close();

    const store = openSqliteStore(folder, movedClock(NOW + 5));
    t.after(() => store.close());
    const withToken = await store.get("b");
    assert.equal(withToken?.run.status, "failure");
    assert.match(withToken?.run.reason ?? "", /brought its token.*send it again/);
    const claims = await store.claim({ ...LEASE, now: NOW + 5, limit: 10 });
    assert.deepEqual(
      claims.map(({ run, attempt }) => [run.id, attempt]),
      [["a", 2]],
    );
    assert.deepEqual(
      (await store.get("a"))?.attempts.map(({ outcome, endedAt }) => [outcome, endedAt]),
      [["interrupted", NOW + 5]],
    );
  });
});

describe("the SQLite store, opened again and again after its process was gone", () => {
  it("ends the run that was running each time, and its group continues", async (t) => {
    const folder = temporaryFolder(t);
    let at = NOW;
    for (let start = 0; start < 2; start++, at += 60_000) {
      const store = openSqliteStore(folder, movedClock(at));
      if (start === 0) await store.accept(event("deadly", { group: "g" }), LEASE);
      const later = { ...LEASE, now: at + 30_000, leaseMs: 30_000, limit: 10 };
      assert.deepEqual(
        (await store.claim(later)).map(({ run, attempt }) => [run.id, attempt]),
        [["deadly", start + 1]],
      );
      await store.close();
    }
    const store = openSqliteStore(folder, movedClock(at));
    t.after(() => store.close());
    const { run, attempts } = (await store.get("deadly"))!;
    assert.deepEqual([run.status, attempts.length], ["failure", 2]);
    assert.match(run.reason ?? "", /^The process ended 2 times while this was its only run in flight/);
    await store.accept(event("next", { group: "g" }), { ...LEASE, now: at });
    const claims = await store.claim({ ...LEASE, now: at, limit: 10 });
    assert.deepEqual(
      claims.map(({ run }) => run.id),
      ["next"],
    );
  });
});

describe("the SQLite store, opened again after its clock was wrong by a year", () => {
  it("lets a run sleep for the requested time, and until the requested date", async (t) => {
    const [folder, hour, year] = [temporaryFolder(t), 3_600_000, 365 * 86_400_000];
    const before = openSqliteStore(folder, movedClock(NOW + year));
    const wrong = { ...LEASE, now: NOW + year, limit: 10 };
    for (const id of ["nap", "date"]) {
      await before.accept(event(id), wrong);
      const [claim] = await before.claim(wrong);
      const until = id === "nap" ? { inMs: 2 * hour } : { at: NOW + 5 * hour };
      const wait = { name: id, kind: "sleep", attempt: 1, startedAt: NOW + year, until } as const;
      const attempt = { number: 1, startedAt: NOW + year, endedAt: NOW + year, outcome: "waiting" as const };
      const waiting = { status: "waiting", reason: id, waits: [wait], wakeKeys: [] } as const;
      await before.settle(claim!, { ...attempt, ...NOTHING }, waiting);
    }
    await before.close();

    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    const claims = await store.claim({ ...LEASE, limit: 10 });
    assert.deepEqual(claims.map(({ run, waits }) => [run.id, waits?.[0]?.isOver]).toSorted(), [
      ["date", false],
      ["nap", false],
    ]);
    for (const claim of claims) {
      const [{ isOver: _, ...wait } = undefined as never] = claim.waits ?? [];
      const attempt = { number: 2, startedAt: NOW, endedAt: NOW, outcome: "waiting" as const, ...NOTHING };
      const waits = [{ ...wait, until: { inMs: 0 } }];
      await store.settle(claim, attempt, { status: "waiting", reason: "s", waits, wakeKeys: [] });
    }
    const dueOf = async (id: string) => (await store.get(id))?.run.dueAt;
    assert.deepEqual([await dueOf("nap"), await dueOf("date")], [NOW + 2 * hour, NOW + 5 * hour]);
  });
});

const NOTHING = { reason: undefined, kind: undefined, githubRequestId: undefined };

describe("writes of one turn of the event loop", () => {
  it("share one commit: a burst of 200 events costs one flush of the disk", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    await store.accept(event("first"), LEASE);
    const before = commitsIn(folder);
    await Promise.all(Array.from({ length: 200 }, (_, at) => store.accept(event(`run-${at}`), LEASE)));
    assert.equal(commitsIn(folder) - before, 1);
    assert.equal((await store.list({}, { limit: 500 })).runs.length, 201);
    for (let at = 0; at < 3; at++) await store.accept(event(`alone-${at}`), LEASE);
    assert.equal(commitsIn(folder) - before, 4);
  });

  it("do not keep the log at the size of the largest burst", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    const log = () => statSync(join(folder, "gh-runner.sqlite-wal")).size;
    const large = { text: "x".repeat(20_000) };
    await Promise.all(Array.from({ length: 1500 }, (_, at) => store.accept(event(`r${at}`, { input: large }), LEASE)));
    assert.ok(log() > 24 * 1024 * 1024, `${log()} bytes`);
    for (let at = 0; at < 3; at++) await store.accept(event(`later-${at}`), LEASE);
    assert.ok(log() <= 8 * 1024 * 1024, `${log()} bytes`);
  });

  it("of different durability are flushed if one of them must be", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    const before = commitsIn(folder);
    const [, accepted, claims] = await Promise.all([
      store.check(),
      store.accept(event("a"), LEASE),
      store.claim({ ...LEASE, limit: 1 }),
    ]);
    assert.deepEqual([accepted.run, claims[0]?.run.id], ["a", "a"]);
    assert.equal(commitsIn(folder) - before, 1);
  });
});

describe("a long history", () => {
  it("is not scanned by any query, except newest first or oldest first up to the limit", async (t) => {
    const folder = temporaryFolder(t);
    const asked = new Set<string>();
    const prepare = DatabaseSync.prototype.prepare;
    t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, text: string) {
      asked.add(text);
      return prepare.call(this, text);
    });
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    await askEverything(store);
    const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { readOnly: true });
    t.after(() => db.close());

    const stopsEarly = [
      "SELECT LISTED FROM runs ORDER BY seq DESC LIMIT ?",
      "SELECT LISTED FROM runs WHERE status = 'success' ORDER BY seq DESC LIMIT ?",
      "SELECT LISTED FROM runs WHERE status = 'success' AND seq < ? ORDER BY seq DESC LIMIT ?",
      "SELECT seq, accepted_at, ended_at FROM runs ORDER BY seq",
    ];
    const questions = [...asked].filter((text) => /^(SELECT|UPDATE|DELETE|WITH)/.test(text));
    assert.ok(questions.length > 30, `${questions.length} questions`);
    for (const text of questions) {
      const plan = prepare.call(db, `EXPLAIN QUERY PLAN ${text}`).all();
      const plain = text
        .replace(LISTED, "LISTED")
        .replaceAll(/\bmain\.|(?<=\?)\d/g, "")
        .replaceAll(/\s+/g, " ")
        .trim();
      const through = plan.filter(
        ({ detail }) =>
          /^SCAN (main\.)?runs$|PRIMARY KEY \(rowid[<>]/.test(String(detail)) && !/seq < \?\)$/.test(plain),
      );
      const cursor = plain === "SELECT LISTED FROM runs WHERE seq < ? ORDER BY seq DESC LIMIT ?";
      if (!stopsEarly.includes(plain) && !cursor) assert.deepEqual(through, [], plain);
    }
  });

  async function askEverything(store: RunStore): Promise<void> {
    await store.accept(event("a", { group: "g" }), LEASE);
    await store.accept(event("b", { group: "g", ownToken: true }), LEASE);
    const [claim] = await store.claim({ ...LEASE, limit: 1 });
    const attempt = { number: 1, startedAt: NOW, endedAt: NOW, outcome: "success" as const };
    const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
    await store.settle(claim!, { ...attempt, ...nothing }, { status: "success", outputs: null, dedupeKey: "k" });
    await store.extend([claim!], NOW + 1);
    await store.rerun("a", NOW);
    await store.accept(event("c", { group: "g" }), LEASE);
    const [again] = await store.claim({ ...LEASE, now: NOW + 100_000, limit: 1 });
    const secret = await store.openCallback(again!, { name: "d", schema: undefined });
    const wait = { name: "s", kind: "sleep", attempt: 2, startedAt: NOW, until: { inMs: 1 } } as const;
    const waiting = { status: "waiting", reason: "s", waits: [wait], wakeKeys: ["k"] } as const;
    await store.settle(again!, { ...attempt, ...nothing, number: 2, outcome: "waiting" }, waiting);
    await store.callback(secret);
    await store.answerCallback(secret, 1, { actor: "callback", at: NOW });
    await store.wake(["k"]);
    await store.accept(event("d", { group: "g", order: { cancelRunning: true, hasHandler: true } }), LEASE);
    await store.claim({ ...LEASE, now: NOW + 200_000, limit: 5 });
    await store.cancel("d", { actor: "token", at: NOW }, () => true);
    await store.waiting();
    await store.findSuccess("deploy", "k", NOW);
    await store.nextDue();
    await store.get("a");
    await store.check();
    for (const status of [undefined, ...RUN_STATUSES])
      for (const workflow of [undefined, "deploy"])
        for (const group of [undefined, "g"])
          for (const id of [undefined, "3f2a1c9e"])
            for (const cursor of [undefined, "5"]) {
              await store.list({ id, status, workflow, group }, { limit: 5, cursor });
            }
    await store.forget(NOW - 1, 1);
    await store.forget(NOW + 1_000_000, 1);
  }
});

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** Commits in the log since it began: https://www.sqlite.org/fileformat.html#the_write_ahead_log */
function commitsIn(folder: string): number {
  const log = readFileSync(join(folder, "gh-runner.sqlite-wal"));
  if (log.length === 0) return 0;
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let commits = 0;
  for (let at = LOG_HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const sizeAfterCommit = log.readUInt32BE(at + 4);
    if (sizeAfterCommit > 0 && log.subarray(at + 8, at + 16).equals(salt)) commits++;
  }
  return commits;
}

describe("GitHub's limits in the SQLite store", () => {
  it("include the pauses of existing accounts, over a restart", async (t) => {
    const folder = temporaryFolder(t);
    const first = openSqliteStore(folder, movedClock(NOW));
    const day = 86_400_000;
    await first.limits.pause("token seen once", { until: NOW, strikes: 1 });
    await first.limits.pause("installation 1", { until: NOW + 2 * day, strikes: 2 });
    await first.limits.pause("installation 2", { until: NOW + 3 * day, strikes: 1 });
    await first.limits.pause("installation 2", { until: NOW + 3 * day + 1, strikes: 2 });
    await first.close();
    const second = openSqliteStore(folder, movedClock(NOW));
    t.after(() => second.close());
    const known = await second.limits.recall(0);
    assert.deepEqual(
      known.map(({ account, pause }) => [account, pause?.strikes]),
      [
        ["installation 1", 2],
        ["installation 2", 2],
      ],
    );
    await second.limits.pause("installation 1", undefined);
    assert.deepEqual((await second.limits.recall(0)).length, 1);
  });

  it("count writes from their permission, with the reads before them, unless they were not sent", async (t) => {
    const store = openSqliteStore(temporaryFolder(t), movedClock(NOW));
    t.after(() => store.close());
    const times = { now: NOW, since: { points: NOW, writes: NOW } };
    const write = (id: string) => ({ id, at: NOW, points: 5, writes: 1 });
    const read = { at: NOW, points: 1, writes: 0 };
    for (const each of [[read], [read, write("a")], [write("b")], [write("c")]]) {
      await store.limits.admit("mona", times, (others) => {
        assert.equal(others, undefined);
        return each;
      });
    }
    await store.limits.settle("a", NOW + 7);
    await store.limits.settle("b", undefined);
    const [known] = await store.limits.recall(0);
    assert.deepEqual(known?.spent, [
      { at: NOW, points: 5, writes: 1 },
      { at: NOW + 7, points: 7, writes: 1 },
    ]);
  });
});
