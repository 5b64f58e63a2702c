import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Context, GitHub, Json, Workflow } from "../src/index.ts";
import type { Lease } from "../src/model/lease.ts";
import type { NewRun, Order } from "../src/model/new-run.ts";
import { unobserved } from "../src/model/observer.ts";
import type { Run } from "../src/model/run.ts";
import { type RunStore, StoreUnavailable } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import type { WorkerParts } from "../src/worker/worker.ts";
import { movedClock, until } from "./support/clock.ts";
import { counted } from "./support/counted.ts";
import { databaseClock } from "./support/database-clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;
const BY = { actor: "token kim", at: Date.parse("2026-11-24T12:00:00Z") };
const postgres = postgresForTests();

type Given = Context<{ readonly body: Json }>;

const idOf = (number: number) => `00000000-0000-4000-8000-00000000000${number}`;
const FIRST = idOf(1);

/** A worker with one workflow on a store, its runs by number, and the settled runs that it reported. */
function scene(
  t: TestContext,
  run: (context: Given) => Promise<unknown>,
  {
    store,
    clock = movedClock(),
    options = {},
    needs = {},
  }: {
    store: RunStore;
    clock?: ReturnType<typeof movedClock>;
    options?: Partial<Workflow>;
    needs?: Partial<WorkerParts>;
  },
) {
  const told: Run[] = [];
  const observe = { ...unobserved, settled: (each: Run) => void told.push(each) };
  const parts = workerWith(t, run, { store, clock, options, needs: { observe, ...needs } });
  const { worker } = parts;
  const accept = (number: number, { order, group = "g" }: { order?: Order; group?: string } = {}) =>
    worker.accept({ id: idOf(number), workflow: "steps", group, input: number, ownToken: false, order } as NewRun, {
      token: undefined,
      waitMs: 3_600_000,
    });
  const detail = async (number = 1) => (await store.get(idOf(number))) ?? assert.fail(`there is no run ${number}`);
  const is = (status: string, number = 1) =>
    until(`run ${number} is ${status}`, async () => (await detail(number)).run.status === status);
  return { ...parts, accept, detail, is, told };
}

/** Settles when the signal aborts. */
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

for (const [database, open] of bothStores(postgres)) {
  describe(`a cancel, with ${database}`, () => {
    const opened = async (t: TestContext) => {
      const clock = movedClock();
      return { clock, ...(await open(t, clock)) };
    };

    it("of a running run aborts its signal, and is answered when the attempt has ended", async (t) => {
      const after: string[] = [];
      const { accept, worker, detail, told } = scene(
        t,
        async ({ signal, step, github }) => {
          await aborted(signal);
          await step("after", () => void after.push("step")).catch(({ message }) => after.push(message));
          await github.dispatch("acme/shop", "x", {}).catch(({ message }) => after.push(message));
        },
        await opened(t),
      );
      const { outcome } = await accept(1);
      await until("it runs", async () => (await detail()).run.status === "running");
      const answer = await worker.cancel(FIRST, BY);
      assert.equal(answer.status, "cancelled");
      const { run, attempts, actions } = await detail();
      assert.deepEqual(
        [run.status, run.reason, run.cancelledBy],
        ["cancelled", "Cancelled by token kim.", "token kim"],
      );
      assert.deepEqual(
        attempts.map(({ outcome, reason }) => [outcome, reason]),
        [["cancelled", "Cancelled by token kim."]],
      );
      assert.deepEqual(
        actions.map(({ action, actor }) => [action, actor]),
        [["cancelled", "token kim"]],
      );
      await until("the workflow has continued", () => after.length === 2);
      for (const each of after) assert.match(each, /^Beginning .* failed: the attempt is over/);
      assert.equal((await outcome)?.status, "cancelled");
      assert.deepEqual(
        told.map(({ status }) => status),
        ["cancelled"],
      );
    });

    it("immediately ends a run that waits or is queued", async (t) => {
      const { accept, worker, is, detail } = scene(t, async ({ sleep }) => sleep("long", "1d"), await opened(t));
      await accept(1);
      await is("waiting");
      await accept(2);
      assert.equal((await worker.cancel(idOf(2), BY)).status, "cancelled");
      assert.equal((await worker.cancel(FIRST, BY)).status, "cancelled");
      assert.deepEqual([(await detail(1)).run.status, (await detail(2)).run.status], ["cancelled", "cancelled"]);
      assert.deepEqual((await detail(2)).attempts, []);
    });

    it("lets the next run of the group begin", async (t) => {
      const { accept, worker, is } = scene(
        t,
        async ({ signal, body }) => (body === 1 ? aborted(signal).then(() => new Promise(() => {})) : "done"),
        await opened(t),
      );
      await accept(1);
      await is("running");
      await accept(2);
      assert.equal((await worker.cancel(FIRST, BY)).status, "cancelled");
      await is("success", 2);
    });

    it("of an ended or unknown run changes nothing", async (t) => {
      const { accept, worker, detail } = scene(t, async () => "done", await opened(t));
      await (await accept(1)).outcome;
      const { run } = await detail();
      assert.deepEqual(await worker.cancel(FIRST, BY), { status: "ended", run });
      assert.equal((await worker.cancel(idOf(9), BY)).status, "unknown");
    });

    it("that comes while the attempt succeeds is too late, and reports it", async (t) => {
      const { promise: goOn, resolve } = Promise.withResolvers<void>();
      const { accept, worker, is, store } = scene(t, () => goOn.then(() => "done"), await opened(t));
      const settle = store.settle.bind(store);
      const { promise: settling, resolve: mayEnd } = Promise.withResolvers<void>();
      store.settle = async (...given) => {
        await settling;
        return settle(...given);
      };
      await accept(1);
      await is("running");
      resolve();
      await until("the attempt has ended", () => true);
      const answer = worker.cancel(FIRST, BY);
      await new Promise((wait) => setImmediate(wait));
      mayEnd();
      assert.equal((await answer).status, "ended");
      await is("success");
    });

    it("by a newer event: it begins when the older one has ended, and has its callers", async (t) => {
      const running: string[] = [];
      const { accept, is, detail } = scene(
        t,
        async ({ signal, body }) => {
          running.push(`begins ${body}`);
          if (body !== 1) return "done";
          await aborted(signal);
          running.push("aborted 1");
          return new Promise(() => {});
        },
        await opened(t),
      );
      const order = { cancelRunning: true };
      const { outcome } = await accept(1, { order });
      await is("running");
      await accept(2, { order });
      await is("success", 2);
      assert.deepEqual(running, ["begins 1", "aborted 1", "begins 2"]);
      const { run } = await detail(1);
      assert.deepEqual([run.status, run.supersededBy], ["cancelled", idOf(2)]);
      assert.equal((await outcome)?.id, idOf(2));
    });
  });

  describe(`a workflow's cancelled, with ${database}`, () => {
    const begin = async (t: TestContext, cancelled: (context: Given) => unknown, options: Partial<Workflow> = {}) => {
      const clock = movedClock();
      const { store, pass } = await open(t, clock);
      const parts = scene(
        t,
        async ({ sleep, step }) => {
          await step("create", () => "made");
          await sleep("long", "1d");
        },
        { store, clock, options: { cancelled, ...options } },
      );
      await parts.accept(1);
      await parts.is("waiting");
      return { ...parts, pass };
    };

    it("is called once for a run that had started, with a separate record and separate steps", async (t) => {
      const called: string[] = [];
      const run = await begin(t, async ({ step, runId, attempt }) => {
        called.push(`${runId} ${attempt}`);
        await step("create", () => "removed");
      });
      await run.worker.cancel(FIRST, BY);
      await until("it was called", async () => (await run.detail()).attempts.length === 2);
      const { run: ended, attempts, steps } = await run.detail();
      assert.equal(ended.status, "cancelled");
      assert.deepEqual(called, [`${FIRST} 2`]);
      assert.deepEqual(
        attempts.map(({ outcome, handler }) => [outcome, handler]),
        [
          ["waiting", undefined],
          ["success", true],
        ],
      );
      assert.deepEqual(
        steps.filter(({ name }) => name === "create").map(({ attempt, result }) => [attempt, result]),
        [
          [1, "made"],
          [2, "removed"],
        ],
      );
      await run.pass(10 * MINUTE);
      assert.equal(called.length, 1);
      assert.deepEqual(
        run.told.map(({ status }) => status),
        ["waiting", "cancelled"],
      );
    });

    it("is called as soon as the attempt of a running run has ended, even if nothing else is due", async (t) => {
      const clock = movedClock();
      const { store } = await open(t, clock);
      let called = 0;
      const cancelled = () => void called++;
      const run = scene(t, ({ signal }) => aborted(signal), { store, clock, options: { cancelled } });
      await run.accept(1);
      await run.is("running");
      await run.worker.cancel(FIRST, BY);
      await until("it was called, by a clock that does not move", () => called === 1);
    });

    it("is not called for a run that had not begun", async (t) => {
      const called: unknown[] = [];
      const run = await begin(t, ({ body }) => called.push(body));
      await run.accept(2);
      await run.worker.cancel(idOf(2), BY);
      await run.worker.cancel(FIRST, BY);
      await until("it was called", () => called.length > 0);
      await run.pass(MINUTE);
      assert.deepEqual(called, [1]);
      assert.equal((await run.detail(2)).attempts.length, 0);
    });

    it("that throws has failed in its record, and is not called again", async (t) => {
      let called = 0;
      const run = await begin(t, () => {
        called++;
        throw new Error("no such thing");
      });
      await run.worker.cancel(FIRST, BY);
      await until("it has a record", async () => (await run.detail()).attempts.length === 2);
      await run.pass(10 * MINUTE);
      const { run: ended, attempts } = await run.detail();
      assert.deepEqual([ended.status, called], ["cancelled", 1]);
      assert.deepEqual([attempts[1]?.outcome, attempts[1]?.handler], ["failure", true]);
      assert.match(attempts[1]?.reason ?? "", /The workflow threw Error: no such thing/);
    });

    it("has two minutes, independent of the workflow's timeout, and cannot wait", async (t) => {
      let thrown = "";
      const run = await begin(
        t,
        async ({ sleep }) => {
          thrown = await sleep("more", "1h").then(
            () => "slept",
            ({ message }) => message,
          );
          await new Promise(() => {});
        },
        { timeout: "1h" },
      );
      await run.worker.cancel(FIRST, BY);
      await until("it was called", () => thrown !== "");
      assert.match(thrown, /^Beginning the wait more failed: `cancelled` has two minutes/);
      await run.pass(2 * MINUTE);
      await until("it has a record", async () => (await run.detail()).attempts.length === 2);
      assert.match(
        (await run.detail()).attempts[1]?.reason ?? "",
        /`cancelled` of steps took longer than its limit of 2m/,
      );
    });
  });
}

describe("a cancel", () => {
  it("sends nothing any more, and aborts what is on the wire", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    const sent: string[] = [];
    /** Each request checks the lease, then stays on the wire until it is aborted. */
    const github = ({ lease }: { lease: Lease }) => ({
      github: {
        async dispatch(_repo: string, name: string) {
          if (!(await lease.holds())) throw new Error("not sent");
          sent.push(name);
          return new Promise((_, reject) => lease.sent((reason) => reject(reason)));
        },
      } as unknown as GitHub,
      actions: {} as never,
      octokitNames: {} as never,
      release() {},
    });
    const ends: string[] = [];
    const { accept, worker } = scene(
      t,
      async ({ github: { dispatch } }) => {
        const note = ({ message }: Error) => void ends.push(message);
        await dispatch("acme/shop", "first", {}).catch(note);
        await dispatch("acme/shop", "second", {}).catch(note);
      },
      { store, clock, needs: { github } },
    );
    await accept(1);
    await until("it is on the wire", () => sent.length === 1);
    assert.equal((await worker.cancel(FIRST, BY)).status, "cancelled");
    await until("both have ended", () => ends.length === 2);
    assert.deepEqual(sent, ["first"]);
    assert.match(ends[0] ?? "", /the attempt is over/);
  });

  it("aborts a request that was permitted before it and leaves after it", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    const gate = Promise.withResolvers<void>();
    let [isLetThrough, aborted] = [false, ""];
    const github = ({ lease }: { lease: Lease }) => ({
      github: {
        async dispatch() {
          isLetThrough = await lease.holds();
          await gate.promise;
          lease.sent(({ message }) => {
            aborted = message;
          });
        },
      } as unknown as GitHub,
      actions: {} as never,
      octokitNames: {} as never,
      release() {},
    });
    const work: Parameters<typeof scene>[1] = async ({ github: { dispatch } }) => {
      await dispatch("acme/shop", "first", {});
    };
    const { accept, worker } = scene(t, work, { store, clock, needs: { github } });
    await accept(1);
    await until("it is let through", () => isLetThrough);
    assert.equal((await worker.cancel(FIRST, BY)).status, "cancelled");
    gate.resolve();
    await until("it is aborted", () => aborted !== "");
    assert.equal(aborted, "the attempt is over");
  });

  it("at any moment of a run with steps and waits ends it once", async (t) => {
    for (let moment = 0; moment < 50; moment++) {
      const clock = movedClock();
      const store = openSqliteStore(temporaryFolder(t), clock);
      const done: string[] = [];
      let cancelled = false;
      const { accept, worker, detail, close } = scene(
        t,
        async ({ step, sleep }) => {
          for (const name of ["a", "b", "c"]) {
            await step(name, () => {
              assert.ok(!cancelled, "a step began after the cancel was answered");
              done.push(name);
            });
          }
          await sleep("short", "1s");
          await step("d", () => void done.push("d"));
        },
        { store, clock },
      );
      await accept(1);
      for (let turn = 0; turn < moment % 25; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (moment >= 25) clock.move(1000);
      const { status } = await worker.cancel(FIRST, BY);
      cancelled = true;
      const { run } = await detail();
      assert.equal(run.status, status === "cancelled" ? "cancelled" : "success", `moment ${moment}: ${status}`);
      assert.equal(new Set(done).size, done.length);
      await close();
    }
  });

  it("of a run of another replica ends its attempt there, and is answered then", async (t) => {
    const clock = movedClock();
    const schema = postgres.schema();
    const open = () => openPostgresStore({ url: postgres.url, schema, clock, onError: () => {} });
    const [here, there] = [await open(), await open()];
    let isAborted = false;
    const run = async ({ signal }: Given) => {
      await aborted(signal);
      isAborted = true;
    };
    const one = scene(t, run, { store: here, clock, needs: { owner: "one" } });
    const { worker: other } = scene(t, run, { store: there, clock, needs: { owner: "other" } });
    await one.accept(1);
    await one.is("running");
    assert.equal((await other.cancel(FIRST, BY)).status, "cancelled");
    assert.ok(isAborted);
    assert.deepEqual(
      one.told.map(({ status, reason }) => [status, reason]),
      [["cancelled", "Cancelled by token kim."]],
    );
  });

  it("of a run whose process is gone is answered when another process has ended the run", async (t) => {
    const clock = movedClock();
    const schema = postgres.schema();
    const { databaseNow, setTime } = await databaseClock(postgres.url, schema, clock.now());
    const store = await openPostgresStore({ url: postgres.url, schema, clock, onError: () => {}, databaseNow });
    const event = { id: FIRST, workflow: "steps", group: "g", input: 1, ownToken: false };
    await store.accept(event, { owner: "gone", now: clock.now(), leaseMs: 1000, take: true });
    const { store: asking, isBusy } = counted(store);
    const { worker, detail } = scene(t, async () => {}, { store: asking, clock });
    const asked = clock.monotonic();
    const answer = worker.cancel(FIRST, BY);
    let answered: string | undefined;
    answer.then(({ status }) => (answered = status));
    await until("it is marked", async () => (await detail()).run.cancelledBy !== undefined);
    await setTime(clock.now() + 1000);
    await until("it is taken over", async () => {
      if (!isBusy()) clock.move(100);
      return (await detail()).run.status === "cancelled";
    });
    clock.move(7000);
    await until("it is answered", () => answered !== undefined);
    assert.equal(answered, "cancelled");
    assert.ok(clock.monotonic() - asked < 30_000, "not only after the longest time that it may take");
  });

  it("that comes before the process knows about its claim ends the attempt as it begins", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    const accept = store.accept.bind(store);
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    store.accept = async (...given) => {
      const accepted = await accept(...given);
      await arrived;
      return accepted;
    };
    const run = scene(t, ({ signal }) => aborted(signal).then(() => new Promise(() => {})), { store, clock });
    const accepting = run.accept(1);
    await until("it is stored", async () => (await store.get(FIRST))?.run.status === "running");
    const answer = run.worker.cancel(FIRST, BY);
    await until("it is marked", async () => (await run.detail()).run.cancelledBy !== undefined);
    arrive();
    await accepting;
    assert.equal((await answer).status, "cancelled");
    assert.equal((await run.detail()).attempts[0]?.reason, "Cancelled by token kim.");
    await run.worker.rerun(FIRST, {});
    await run.is("running");
    await until("nothing ends it", async () => (await run.detail()).run.attempts === 2);
    assert.equal((await run.detail()).run.status, "running");
  });

  it("that no process confirms is answered after 30 s as in progress", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    const settle = store.settle.bind(store);
    let isAway = true;
    let tries = 0;
    store.settle = async (...given) => {
      tries++;
      if (isAway) throw new StoreUnavailable("the disk is full");
      return settle(...given);
    };
    const { accept, worker, is, detail } = scene(t, ({ signal }) => aborted(signal), { store, clock });
    await accept(1);
    await is("running");
    const answer = worker.cancel(FIRST, BY);
    await until("the attempt has ended", () => tries > 0);
    clock.move(30_000);
    assert.equal((await answer).status, "cancelling");
    isAway = false;
    await until("it is cancelled", async () => {
      clock.move(1000);
      return (await detail()).run.status === "cancelled";
    });
  });
});
