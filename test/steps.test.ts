import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { workerWith } from "./support/worker.ts";

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

  it("is not repeated after a stop between two steps", async (t) => {
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
      { folder },
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
      { folder },
    );
    await until("the run has ended", async () => (await after.store.get("r1"))?.run.status === "success");
    assert.deepEqual(done, ["first", "second"]);
    assert.equal((await after.store.get("r1"))?.attempts[0]?.outcome, "stopped");
  });

  it("returns its result in the form that JSON keeps, in the first attempt too", async (t) => {
    const { accept } = workerWith(t, async ({ step }) => {
      const result = await step("now", () => ({ at: new Date(0), left: undefined, again: [undefined] }));
      return result as never;
    });
    assert.deepEqual((await (await accept()).outcome)?.outputs, { at: "1970-01-01T00:00:00.000Z", again: [null] });
  });

  it("whose result JSON cannot store, or whose name was used before, fails with the reason", async (t) => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const { accept } = workerWith(t, async ({ step, sleep }) => {
      const reasons: string[] = [];
      const note = (error: Error) => void reasons.push(error.message);
      await step("cycle", () => cycle).catch(note);
      await step("twice", () => 1);
      await step("twice", () => 2).catch(note);
      await sleep("nap", new Date(0));
      await step("nap", () => 3).catch(note);
      return reasons;
    });
    const [cyclic, twice, nap] = ((await (await accept()).outcome)?.outputs ?? []) as string[];
    assert.match(cyclic ?? "", /Storing the result of the step cycle failed: it cannot be stored as JSON.*circular/is);
    assert.match(twice ?? "", /the step twice failed: this attempt already has a step with that name.*different name/);
    assert.match(nap ?? "", /the step nap failed: this attempt already has a wait with that name/);
  });

  it("whose name has more than 200 characters fails the run permanently, unless it is caught, and does not begin", async (t) => {
    const done: string[] = [];
    const { store, accept } = workerWith(t, async ({ step }) => {
      await step("ü".repeat(200), async () => void done.push("long enough") as undefined);
      await step("x".repeat(3000), async () => void done.push("longer") as undefined);
      return null;
    });
    const run = await (await accept()).outcome;
    assert.deepEqual([run?.status, run?.kind, done], ["failure", "permanent", ["long enough"]]);
    assert.match(
      run?.reason ?? "",
      /^Beginning the step x{100}… failed: its name has 3000 characters, and the limit is 200/,
    );
    assert.equal((await store.get("r1"))?.steps.length, 1);
  });

  it("that takes more than a moment is shown from its beginning, and a quick one is written once", async (t) => {
    let isSlow = false;
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const { clock, store, accept } = workerWith(t, async ({ step }) => {
      await step("quick", () => 1);
      await step("slow", () => {
        isSlow = true;
        return answered;
      });
      return null;
    });
    const saved: string[] = [];
    const { saveStep } = store;
    store.saveStep = async (claim, step) => {
      saved.push(`${step.name} ${step.endedAt === undefined ? "begun" : "ended"}`);
      return saveStep(claim, step);
    };
    const { outcome } = await accept();
    await until("the second step has begun", () => isSlow);
    const startedAt = clock.now();
    clock.move(99);
    assert.deepEqual(saved, ["quick ended"]);
    clock.move(1);
    await until("the second step is shown", async () => (await store.get("r1"))?.steps.length === 2);
    const begun = (await store.get("r1"))?.steps[1];
    assert.deepEqual([begun?.name, begun?.startedAt, begun?.endedAt], ["slow", startedAt, undefined]);
    answer();
    await outcome;
    assert.equal((await store.get("r1"))?.steps[1]?.endedAt, startedAt + 100);
    assert.deepEqual(saved, ["quick ended", "slow begun", "slow ended"]);
  });

  it("that was interrupted is left as begun, and repeated by the next attempt", async (t) => {
    const done: number[] = [];
    const never = new Promise<never>(() => {});
    const { clock, store, accept } = workerWith(
      t,
      async ({ step, attempt }) => {
        await step("slow", () => {
          done.push(attempt);
          return attempt === 1 ? never : null;
        });
        return null;
      },
      { options: { timeout: "1s" } },
    );
    const { outcome } = await accept();
    await until("the step is done", () => done.length === 1);
    clock.move(100);
    await until("the step is shown", async () => (await store.get("r1"))?.steps.length === 1);
    clock.move(1000);
    await outcome;
    clock.move(5000);
    await until("the run has ended", async () => (await store.get("r1"))?.run.status === "success");
    assert.deepEqual(done, [1, 2]);
    assert.deepEqual(
      (await store.get("r1"))?.steps.map(({ attempt, endedAt }) => [attempt, endedAt !== undefined]),
      [
        [1, false],
        [2, true],
      ],
    );
  });
});
