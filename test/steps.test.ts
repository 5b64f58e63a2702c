import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow, type Json, TransientFailure, type Workflow } from "../src/index.ts";
import { unobserved } from "../src/model/observer.ts";
import type { RunStore } from "../src/model/store.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { startWorker } from "../src/worker/worker.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A worker with one workflow on a real store, and a clock to move. */
function workerWith(t: TestContext, run: Workflow["run"], folder = temporaryFolder(t)) {
  const clock = movedClock();
  const store: RunStore = openSqliteStore(folder, { now: clock.now() });
  const workflow = defineWorkflow({ name: "steps", on: {}, run }) as Workflow;
  const worker = startWorker({
    store,
    workflowNamed: () => workflow,
    github: () => ({
      github: { firstFile: async () => undefined, hasCommit: async () => true, dispatch: async () => {} },
      release() {},
    }),
    hide: () => () => {},
    scrub: (text) => text,
    log: silent,
    observe: unobserved,
    clock,
    random: () => 0,
    owner: "test",
    retryHours: 24,
    retainDays: 30,
  });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await worker.drain(0);
    await store.close();
  };
  t.after(close);
  const accept = (input: Json = {}) =>
    worker.accept(
      { id: "r1", workflow: "steps", group: undefined, input, ownToken: false },
      { token: undefined, waitMs: 1000 },
    );
  return { clock, store, accept, close };
}

const blink = () => new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });

describe("a step", () => {
  it("that is completed is not repeated by a later attempt, and gives the same result", async (t) => {
    const done: string[] = [];
    const { clock, store, accept } = workerWith(t, async ({ step, attempt }) => {
      const first = await step("first", async () => {
        done.push("first");
        return { made: attempt };
      });
      await step("second", async () => {
        done.push("second");
        if (attempt === 1) throw blink();
        return null;
      });
      return first;
    });
    const { outcome } = await accept();
    assert.equal((await outcome)?.status, "queued");
    clock.move(5000);
    await until("the run has ended", async () => (await store.get("r1"))?.run.status === "success");
    const detail = await store.get("r1");
    assert.deepEqual(done, ["first", "second", "second"]);
    assert.deepEqual(detail?.run.outputs, { made: 1 });
    assert.deepEqual(
      detail?.steps.map(({ name, attempt, error }) => ({ name, attempt, error })),
      [
        { name: "first", attempt: 1, error: undefined },
        { name: "second", attempt: 1, error: "Trying failed: it blinked. Wait." },
        { name: "second", attempt: 2, error: undefined },
      ],
    );
    assert.deepEqual(
      detail?.attempts.map(({ number, outcome }) => [number, outcome]),
      [
        [1, "failure"],
        [2, "success"],
      ],
    );
  });

  it("is not repeated after a crash between two steps", async (t) => {
    const folder = temporaryFolder(t);
    const done: string[] = [];
    const hang = new Promise<never>(() => {});
    const before = workerWith(
      t,
      async ({ step }) => {
        await step("first", async () => void done.push("first") as undefined);
        await hang;
        return null;
      },
      folder,
    );
    await before.accept();
    await until("the first step is kept", async () => (await before.store.get("r1"))?.steps.length === 1);
    await before.close();

    const after = workerWith(
      t,
      async ({ step }) => {
        await step("first", async () => void done.push("first again") as undefined);
        await step("second", async () => void done.push("second") as undefined);
        return null;
      },
      folder,
    );
    await until("the run has ended", async () => (await after.store.get("r1"))?.run.status === "success");
    assert.deepEqual(done, ["first", "second"]);
    assert.equal((await after.store.get("r1"))?.attempts[0]?.outcome, "interrupted");
  });
});
