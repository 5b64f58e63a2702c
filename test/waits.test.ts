import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Context, Json } from "../src/index.ts";
import { type PermanentFailure, TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const blink = () => new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });

type Given = Context<{ readonly body: Json }>;

/** A run of a workflow that waits, on SQLite, with a clock to move. */
function waitingRun(t: Parameters<typeof workerWith>[0], run: (context: Given) => Promise<unknown>) {
  const parts = workerWith(t, run);
  const { store, clock } = parts;
  const detail = async () => (await store.get("r1")) ?? assert.fail("there is no run");
  const is = (status: string, attempts?: number) =>
    until(`the run is ${status}`, async () => {
      const { run } = await detail();
      return run.status === status && (attempts === undefined || run.attempts === attempts);
    });
  return {
    ...parts,
    detail,
    is,
    /** Moves the clock, and waits until the run has had this many attempts and this status. */
    async pass(milliseconds: number, status: string, attempts?: number) {
      clock.move(milliseconds);
      await is(status, attempts);
    },
  };
}

describe("sleep", () => {
  it("ends the attempt immediately, and continues in a later one when the time is over", async (t) => {
    const done: string[] = [];
    const run = waitingRun(t, async ({ sleep, step, attempt }) => {
      await step("before", () => void done.push(`before in ${attempt}`));
      await sleep("quiet period", "2h");
      await step("after", () => void done.push(`after in ${attempt}`));
      return "slept";
    });
    const { outcome } = await run.accept();
    assert.equal((await outcome)?.status, "waiting");
    const { run: waiting, attempts, steps } = await run.detail();
    assert.equal(waiting.reason, "The run sleeps for 2h (quiet period).");
    assert.equal(waiting.dueAt, run.clock.now() + 2 * HOUR);
    assert.deepEqual(
      attempts.map(({ outcome, reason }) => [outcome, reason]),
      [["waiting", waiting.reason]],
    );
    assert.deepEqual(
      steps.map(({ name, kind, endedAt }) => [name, kind, endedAt === undefined]),
      [
        ["before", "step", false],
        ["quiet period", "sleep", true],
      ],
    );
    run.clock.move(2 * HOUR - 1);
    await until("the clock has moved", () => true);
    assert.equal((await run.detail()).run.status, "waiting");
    await run.pass(1, "success", 2);
    assert.deepEqual(done, ["before in 1", "after in 2"]);
    assert.equal((await run.detail()).run.outputs, "slept");
  });

  it("until a date ends at the date, or immediately if it has passed", async (t) => {
    const run = waitingRun(t, async ({ sleep }) => {
      await sleep("past", new Date("2026-11-24T11:00:00Z"));
      await sleep("noon", new Date("2026-11-24T15:00:00Z"));
      return null;
    });
    await run.accept();
    await run.is("waiting");
    assert.equal((await run.detail()).run.reason, "The run sleeps until 2026-11-24T15:00:00.000Z (noon).");
    await run.pass(3 * HOUR, "success", 2);
  });

  it("with an invalid length of time fails the run with the reason", async (t) => {
    for (const [length, problem] of [
      ["soon" as "1s", /expected a length of time such as "90s".*got "soon"/],
      ["400d", /expected a length of time of at most "365d", got "400d"/],
      [new Date("x"), /the Date is invalid/],
    ] as const) {
      const run = waitingRun(t, async ({ sleep }) => sleep("bad", length));
      await (await run.accept()).outcome;
      assert.match((await run.detail()).run.reason ?? "", problem);
    }
  });
});

describe("waitUntil", () => {
  it("calls its check immediately and at each interval, and remembers its first result", async (t) => {
    const checks: number[] = [];
    let merged: Json | undefined;
    const run = waitingRun(t, async ({ waitUntil, sleep, attempt }) => {
      const result = await waitUntil(
        "merged",
        () => {
          checks.push(attempt);
          return merged;
        },
        { every: "5m", timeout: "3d" },
      );
      await sleep("later", "1h");
      return result;
    });
    await run.accept();
    await run.is("waiting", 1);
    assert.equal((await run.detail()).run.reason, "The run waits until merged (for up to 3d, checked every 5m).");
    await run.pass(5 * MINUTE, "waiting", 2);
    merged = { by: "kim" };
    await run.pass(5 * MINUTE, "waiting", 3);
    assert.equal((await run.detail()).run.reason, "The run sleeps for 1h (later).");
    await run.pass(HOUR, "success", 4);
    assert.deepEqual(checks, [1, 2, 3]);
    assert.deepEqual((await run.detail()).run.outputs, { by: "kim" });
  });

  it("without a result in time fails the run with what it waited for, how long, and what to do", async (t) => {
    const run = waitingRun(t, async ({ waitUntil }) =>
      waitUntil("merged", () => undefined, { every: "1h", timeout: "90m" }),
    );
    await run.accept();
    await run.is("waiting", 1);
    await run.pass(HOUR, "waiting", 2);
    await run.pass(30 * MINUTE, "failure", 3);
    const { run: failed, steps } = await run.detail();
    assert.match(
      failed.reason ?? "",
      /^Waiting for merged failed: its check gave no result within 90m\. .*re-run from the failed step/,
    );
    assert.equal(failed.kind, "permanent");
    assert.deepEqual(
      steps.map(({ name, error }) => [name, error]),
      [["merged", failed.reason]],
    );
  });

  it("whose time is over does not wait again when the workflow continues", async (t) => {
    const run = waitingRun(t, async ({ waitUntil, sleep, attempt }) => {
      const late = await waitUntil("merged", () => undefined, { timeout: "1m" }).catch((error) => error.message);
      await sleep("more", "1h");
      return [late, attempt];
    });
    await run.accept();
    await run.is("waiting", 1);
    await run.pass(MINUTE, "waiting", 2);
    await run.pass(HOUR, "success", 3);
    const [late, attempt] = (await run.detail()).run.outputs as [string, number];
    assert.match(late, /^Waiting for merged failed/);
    assert.equal(attempt, 3);
  });

  it("whose check throws fails the attempt as usual, and continues in a later one", async (t) => {
    let answers: (() => Json | undefined)[] = [];
    const run = waitingRun(t, async ({ waitUntil }) =>
      waitUntil("merged", () => (answers.shift() ?? (() => undefined))(), { every: "1m" }),
    );
    answers = [
      () => undefined,
      () => {
        throw blink();
      },
      () => "merged",
    ];
    await run.accept();
    await run.is("waiting", 1);
    await run.pass(MINUTE, "queued", 2);
    assert.equal((await run.detail()).run.kind, "transient");
    await run.pass(5000, "success", 3);
    assert.deepEqual(
      (await run.detail()).steps.map(({ attempt, result }) => [attempt, result]),
      [[1, "merged"]],
    );
  });

  it("whose check returns false reports what to return instead", async (t) => {
    const run = waitingRun(t, async ({ waitUntil }) => waitUntil("merged", () => false));
    await (await run.accept()).outcome;
    assert.match((await run.detail()).run.reason ?? "", /the check returned false.*Return undefined to keep/);
  });
});

describe("several waits", () => {
  it("of Promise.all run in parallel, also with a step", async (t) => {
    const done: string[] = [];
    const run = waitingRun(t, async ({ sleep, step, attempt }) => {
      await Promise.all([
        sleep("long", "2h"),
        sleep("short", "1h").then(() => step("after the short one", () => void done.push(`short in ${attempt}`))),
        step("slow", async () => {
          await new Promise((resolve) => setImmediate(resolve));
          done.push(`slow in ${attempt}`);
        }),
      ]);
      return null;
    });
    await run.accept();
    await run.is("waiting", 1);
    assert.deepEqual(done, ["slow in 1"]);
    assert.equal((await run.detail()).run.reason, "The run sleeps for 2h (long), and sleeps for 1h (short).");
    await run.pass(HOUR, "waiting", 2);
    await run.pass(HOUR, "success", 3);
    assert.deepEqual(done, ["slow in 1", "short in 2"]);
  });

  it("of Promise.race end with the first one", async (t) => {
    let merged: string | undefined;
    const run = waitingRun(t, async ({ sleep, waitUntil }) =>
      Promise.race([waitUntil("merged", () => merged, { every: "10m" }), sleep("late", "1h").then(() => "too late")]),
    );
    await run.accept();
    await run.is("waiting", 1);
    await run.pass(10 * MINUTE, "waiting", 2);
    merged = "merged";
    await run.pass(10 * MINUTE, "success", 3);
    assert.equal((await run.detail()).run.outputs, "merged");
  });

  it("that share a name with a step or another wait fail the run", async (t) => {
    const run = waitingRun(t, async ({ sleep, step }) => {
      await step("twice", () => 1);
      await sleep("twice", "1h");
    });
    await (await run.accept()).outcome;
    assert.match(
      (await run.detail()).run.reason ?? "",
      /the wait twice failed: this attempt already has a step with that name/,
    );
  });
});

describe("a wait", () => {
  it("inside a step, or inside another wait's check, is a failure that says what to do", async (t) => {
    const run = waitingRun(t, async ({ sleep, step, waitUntil }) => {
      const reasons: string[] = [];
      const note = (error: PermanentFailure) => void reasons.push(error.message);
      await step("outer", () => sleep("inner", "1h")).catch(note);
      await waitUntil("checked", () => sleep("in check", "1h")).catch(note);
      return reasons;
    });
    const ended = await (await run.accept()).outcome;
    assert.equal(ended?.status, "success");
    const reasons = (ended?.outputs ?? []) as string[];
    assert.equal(reasons.length, 2);
    for (const reason of reasons) {
      assert.match(
        reason,
        /^Beginning the wait (inner|in check) failed: it is inside a step or .*Wait before or after/,
      );
    }
  });

  it("restarts the time for retries, and counts no failure", async (t) => {
    const run = waitingRun(t, async ({ sleep, attempt }) => {
      if (attempt === 1) throw blink();
      await sleep("quiet", "30h");
      if (attempt < 4) throw blink();
      return attempt;
    });
    await run.accept();
    await run.is("queued");
    await run.pass(5000, "waiting", 2);
    const { failures, retriesFrom } = (await run.detail()).run;
    assert.deepEqual([failures, retriesFrom], [0, run.clock.now()]);
    await run.pass(30 * HOUR, "queued", 3);
    await run.pass(5000, "success", 4);
  });

  it("keeps few attempts of many equal checks", async (t) => {
    const run = waitingRun(t, async ({ waitUntil }) =>
      waitUntil("merged", () => undefined, { every: "1m", timeout: "1h" }),
    );
    await run.accept();
    await run.is("waiting", 1);
    for (let attempt = 2; attempt <= 20; attempt++) await run.pass(MINUTE, "waiting", attempt);
    assert.deepEqual(
      (await run.detail()).attempts.map(({ number }) => number),
      [1, 20],
    );
  });
});
