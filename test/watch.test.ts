import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { type FailureFacts, LimitReached, PermanentFailure, TransientFailure } from "../src/model/failure.ts";
import type { RunStore } from "../src/model/store.ts";
import { startWatch, type Watch } from "../src/service/watch.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { type ListedRun, listsOf } from "./support/actions-lists.ts";
import { type MovedClock, movedClock } from "./support/clock.ts";
import { databaseClock } from "./support/database-clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const postgres = postgresForTests();

type Stores = { readonly stores: readonly RunStore[]; setTime(now: number): Promise<void> };

async function oneProcess(t: TestContext, clock: MovedClock): Promise<Stores> {
  const store = openSqliteStore(temporaryFolder(t), clock);
  t.after(() => store.close());
  return { stores: [store], setTime: async () => {} };
}

async function threeReplicas(t: TestContext, clock: MovedClock): Promise<Stores> {
  const { url } = postgres;
  const schema = postgres.schema();
  const { databaseNow, setTime } = await databaseClock(url, schema, clock.now());
  const open = async () => {
    const store = await openPostgresStore({ url, schema, clock, databaseNow, onError: () => {} });
    t.after(() => store.close());
    return store;
  };
  return { stores: [await open(), await open(), await open()], setTime };
}

/** Runs that wait, as the worker leaves them, and the watch of each process. */
async function watching(t: TestContext, open: typeof oneProcess = oneProcess) {
  const clock = movedClock();
  const { stores, setTime } = await open(t, clock);
  const actions: ListedRun[] = [];
  const { lists, requests, fail } = listsOf(() => actions);
  const woken: string[] = [];
  const records: string[] = [];
  const note = (level: string) => (facts: object, text: string) =>
    records.push(`${level}: ${text} ${JSON.stringify(facts)}`);
  const log = { info: note("info"), warn: note("warn"), error: note("error") } as never;
  const lease = () => ({ owner: "o", now: clock.now(), leaseMs: HOUR, take: true });
  const [store] = stores as [RunStore];

  const suspend = async (claim: NonNullable<Awaited<ReturnType<RunStore["accept"]>>["claim"]>, wakeKeys: string[]) => {
    const now = clock.now();
    const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
    await store.settle(
      claim,
      { number: claim.attempt, startedAt: now, endedAt: now, outcome: "waiting", ...nothing },
      {
        ...{ status: "waiting", reason: "waits", wakeKeys },
        waits: [
          {
            ...{ name: "tests", kind: "waitUntil", attempt: 1, startedAt: now },
            ...{ until: { inMs: 24 * HOUR }, againInMs: 24 * HOUR },
          },
        ],
      },
    );
  };
  const start = async (what: string | number, repository = "acme/shop") => {
    const input = { repository, what };
    const event = { id: randomUUID(), workflow: "w", group: undefined, input, ownToken: false };
    const { claim } = await store.accept(event, lease());
    assert.ok(claim);
    await suspend(claim, [`workflow_run ${repository} ${what}`]);
    return claim.run.id;
  };
  const wake = async (keys: readonly string[]) => {
    woken.push(...keys);
    return store.wake(keys);
  };
  const watches: Watch[] = stores.map((each) => startWatch({ store: each, lists, wake, clock, log }));
  t.after(async () => {
    for (const { stop } of watches) stop();
    for (const { rest } of watches) await rest();
  });

  return {
    ...{ clock, store, stores, watches, actions, requests, fail, woken, records, start, suspend, lease },
    /** Lets time pass, a few seconds at a time; `work` is what due runs do. */
    async pass(milliseconds: number, work?: () => Promise<void>): Promise<void> {
      const most = (work ? 15 : 5) * SECOND;
      for (let left = milliseconds; left > 0; left -= most) {
        const step = Math.min(left, most);
        await setTime(clock.now() + step);
        clock.move(step);
        for (const { rest } of watches) await rest();
        await work?.();
      }
    },
    run(id: number, facts: Partial<ListedRun> = {}): void {
      const at = actions.findIndex((each) => each.id === id);
      const run = { createdAt: new Date(clock.now()).toISOString(), ...actions[at], id, ...facts };
      if (at === -1) actions.push(run);
      else actions[at] = run;
    },
  };
}

describe("the watch of Actions runs", () => {
  it("sends no request while no run waits for one", async (t) => {
    const { pass, start, requests } = await watching(t);
    await pass(HOUR);
    await start("*");
    await pass(HOUR);
    assert.deepEqual(requests, []);
  });

  it("wakes a run when the Actions run with its key appears, and when the one with its id has ended", async (t) => {
    const { pass, start, run, woken, requests } = await watching(t);
    const key = randomUUID();
    await start(key);
    await start(7);
    run(7);
    await pass(MINUTE);
    assert.deepEqual(woken, []);
    run(9, { title: `Tests (${key.toUpperCase()})` });
    await pass(2 * MINUTE);
    assert.deepEqual(woken, [`workflow_run acme/shop ${key}`]);
    run(7, { status: "completed", conclusion: "failure" });
    await pass(2 * MINUTE);
    assert.equal(woken[1], "workflow_run acme/shop 7");
    assert.ok(requests.length <= 8, `${requests.length} requests`);
  });

  it("finds the end of an Actions run that began before the run that waits for it", async (t) => {
    const { pass, start, run, woken, clock } = await watching(t);
    run(7, { createdAt: new Date(clock.now() - 50 * MINUTE).toISOString(), status: "completed" });
    await start(7);
    await pass(20 * SECOND);
    assert.deepEqual(woken, ["workflow_run acme/shop 7"]);
  });

  it("wakes again, after minutes, a run that still waits for something that has happened, and immediately in another attempt", async (t) => {
    const { pass, start, run, woken } = await watching(t);
    await start(7);
    run(7, { status: "completed" });
    await pass(4 * MINUTE);
    assert.equal(woken.length, 1);
    await pass(3 * MINUTE);
    assert.equal(woken.length, 2);
    run(7, { attempt: 2 });
    await pass(MINUTE);
    assert.equal(woken.length, 3);
  });

  it("reads more than the first page of a changed list only if necessary", async (t) => {
    const { pass, start, run, woken, requests } = await watching(t);
    await start(1);
    for (let id = 1; id <= 250; id++) run(id, { status: id === 1 ? "in_progress" : "completed" });
    await pass(20 * SECOND);
    assert.equal(requests.length, 3);
    await pass(MINUTE);
    assert.equal(requests.length, 4, "nothing has changed");
    run(1, { status: "completed" });
    await pass(MINUTE);
    assert.deepEqual(woken, ["workflow_run acme/shop 1"]);
    await start(249);
    await pass(MINUTE);
    const pages = requests.slice(-2).map(({ page }) => page);
    assert.deepEqual([woken.at(-1), Math.max(...pages)], ["workflow_run acme/shop 249", 1]);
  });

  it("sends fewer requests when nothing happens for long", async (t) => {
    const { pass, start, requests } = await watching(t);
    await start(7);
    await pass(31 * MINUTE);
    const before = requests.length;
    await pass(20 * MINUTE);
    assert.ok(requests.length - before <= 11, `${requests.length - before} in 20 minutes`);
  });

  for (const [kind, failed, every, text] of [
    ["permanent", (facts) => new PermanentFailure(facts), 5 * MINUTE, "runs that wait for them check every 5 minutes"],
    ["transient", (facts) => new TransientFailure(facts), 15 * MINUTE, "woken later"],
    ["limit", (facts, until) => new LimitReached(facts, until), 15 * MINUTE, "because of a rate limit"],
  ] as readonly (readonly [string, (facts: FailureFacts, until: number) => Error, number, string])[]) {
    it(`continues when a list fails for long (${kind}), sends fewer requests, and logs it once`, async (t) => {
      const { pass, start, fail, requests, records, woken, run, clock } = await watching(t);
      const facts = { tried: "listing the Actions runs of acme/shop", happened: "GitHub answered", remedy: "See it." };
      await start(7);
      fail(failed(facts, clock.now() + HOUR));
      await pass(2 * HOUR);
      const before = requests.length;
      await pass(HOUR);
      assert.ok(requests.length - before <= HOUR / every, `${requests.length - before} requests in an hour`);
      assert.equal(records.length, 1);
      assert.match(records[0]!, new RegExp(`^warn: .*${text}.*"repository":"acme/shop"`));
      if (kind === "permanent") assert.ok(woken.length > 30, "they may have another token");
      else assert.deepEqual(woken, []);
      woken.length = 0;
      fail(undefined);
      run(7, { status: "completed" });
      await pass(16 * MINUTE);
      assert.equal(woken[0], "workflow_run acme/shop 7");
      assert.match(records[1]!, /^info: the Actions runs of a repository can be listed again/);
      assert.equal(records.length, 2);
    });
  }

  it("continues after an internal error, without more requests", async (t) => {
    const { pass, start, fail, requests, records, woken, run } = await watching(t);
    await start(7);
    fail(new TypeError("no function"));
    await pass(10 * MINUTE);
    assert.ok(requests.length <= 11, `${requests.length} requests`);
    assert.match(records[0]!, /^error: internal error while watching Actions runs/);
    fail(undefined);
    run(7, { status: "completed" });
    await pass(2 * MINUTE);
    assert.equal(woken[0], "workflow_run acme/shop 7");
  });

  it("lists each repository separately: one that fails delays no other", async (t) => {
    const { pass, start, run, woken, fail } = await watching(t);
    const facts = { tried: "listing", happened: "GitHub answered 502", remedy: "See it." };
    fail(new TransientFailure(facts), "acme/other");
    await start(7, "acme/other");
    await start(7);
    run(7, { status: "completed" });
    await pass(30 * SECOND);
    assert.deepEqual(woken, ["workflow_run acme/shop 7"]);
  });

  it("ends when it is stopped, and does not wait for requests on the wire", async (t) => {
    const { pass, start, requests, watches, clock, run, woken } = await watching(t);
    await start(7);
    await pass(MINUTE);
    run(7, { status: "completed" });
    watches[0]?.stop();
    const before = requests.length;
    await pass(HOUR);
    assert.deepEqual([requests.length, woken.length, clock.next()], [before, 0, undefined]);
  });
});

describe("300 runs that follow Actions runs for 20 minutes without webhooks", () => {
  for (const [name, open] of [
    ["one process", oneProcess],
    ["three replicas", threeReplicas],
  ] as const) {
    it(`cost a request per minute beyond the changes, and each ends within a minute or so (${name})`, async (t) => {
      const { pass, start, suspend, run, requests, store, clock, lease, actions } = await watching(t, open);
      const ALL = 300;
      const keys: readonly string[] = Array.from({ length: ALL }, () => randomUUID());
      const ended = new Map<number, number>();
      /** The worker's part for due runs: they wait for the id of the run that they found, and end when it has ended. */
      const work = async () => {
        for (const claim of await store.claim({ ...lease(), limit: 1000 })) {
          const { what } = claim.run.input as { what: string };
          const id = keys.indexOf(what) + 1;
          const found = actions.find((each) => each.id === id);
          assert.ok(found, "it is woken when it is there");
          if (found.status !== "completed") await suspend(claim, [`workflow_run acme/shop ${id}`]);
          else {
            const now = clock.now();
            ended.set(id, now);
            const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
            const attempt = {
              number: claim.attempt,
              startedAt: now,
              endedAt: now,
              outcome: "success",
              ...nothing,
            } as const;
            await store.settle(claim, attempt, { status: "success", outputs: {}, dedupeKey: undefined });
          }
        }
      };
      for (const [at, key] of keys.entries()) {
        await start(key);
        run(at + 1, { title: `Tests ${key}` });
      }
      await pass(2 * MINUTE, work);
      assert.ok(
        (await store.watched()).every(({ key }) => /\d$/.test(key)),
        "each has found its run",
      );
      const found = requests.length;
      assert.ok(found <= 10, `${found} requests until all were found, of three pages`);

      await pass(20 * MINUTE, work);
      const quiet = requests.length - found;
      assert.ok(quiet <= 20, `${quiet} requests in 20 minutes without a change`);

      let changes = 0;
      for (let first = 1; first <= ALL; first += 30) {
        changes++;
        for (let id = first; id < first + 30; id++) run(id, { status: "completed", conclusion: "success" });
        await pass(2 * MINUTE, work);
        for (let id = first; id < first + 30; id++) {
          assert.ok(
            (ended.get(id) ?? Number.POSITIVE_INFINITY) <= clock.now() - 45 * SECOND,
            `${id} has ended in time`,
          );
        }
      }
      const rest = requests.length - found - quiet;
      // A list of up to three pages.
      assert.ok(rest <= 20 + 3 * changes, `${rest} requests in 20 minutes with ${changes} changes`);
      assert.deepEqual(await store.watched(), []);
      const before = requests.length;
      await pass(20 * MINUTE, work);
      assert.equal(requests.length, before, "none waits any more");
    });
  }

  it("are taken over when the replica that lists them dies", async (t) => {
    const { pass, start, run, woken, watches, requests } = await watching(t, threeReplicas);
    await start(7);
    await pass(5 * MINUTE);
    const before = requests.length;
    for (const { stop } of watches.slice(0, 2)) stop();
    run(7, { status: "completed" });
    await pass(4 * MINUTE);
    assert.equal(woken[0], "workflow_run acme/shop 7");
    assert.ok(requests.length - before <= 6);
  });
});
