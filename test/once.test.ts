import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StartedRun } from "../src/index.ts";
import { TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { followingRun, type Given, RUN } from "./support/following.ts";
import { postgresForTests } from "./support/postgres.ts";
import { chanceOf } from "./support/random.ts";
import { bothStores } from "./support/stores.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const dispatching = ({ github }: Given) => github.dispatch("acme/shop", "ready", { n: 1 }, { once: "dispatch" });
const starting = ({ github }: Given) =>
  github.runWorkflow("acme/shop", "tests.yml", { ref: "main", inputs: { n: 1 }, once: "start" });

/** Set `ONCE_SEED` to repeat the chances of a test run. */
const SEED = Number(process.env.ONCE_SEED ?? Math.floor(Math.random() * 2 ** 32));

const postgres = postgresForTests();

for (const [kind, open] of bothStores(postgres)) {
  describe(`an event that is sent once, on ${kind}`, () => {
    it("has a key, stored before it is sent, and in its payload", async (t) => {
      const run = await followingRun(t, open, dispatching);
      const { outputs } = (await run.begin()) ?? assert.fail();
      const [sent] = run.world.sent;
      assert.match(sent?.key ?? "", UUID);
      assert.deepEqual(run.world.sent, [
        { what: "ready to acme/shop", key: sent?.key, payload: { n: 1, run: sent?.key } },
      ]);
      const since = new Date(run.clock.now()).toISOString();
      assert.deepEqual(outputs, {
        ...{ repository: "acme/shop", event: "repository_dispatch", eventType: "ready", key: sent?.key, since },
      });
      assert.deepEqual(await run.stepNames(), ["step dispatch", "step dispatch: key"]);
      assert.deepEqual(run.world.asked, []);
    });

    it("is not sent again in a later attempt", async (t) => {
      const run = await followingRun(t, open, async (context) => {
        const started = await dispatching(context);
        if (context.attempt === 1) throw new TransientFailure({ tried: "it", happened: "a blink", remedy: "Wait." });
        return started;
      });
      await run.begin();
      await run.pass(10 * SECOND, "success", 2);
      assert.deepEqual([run.world.sent.length, run.world.asked], [1, []]);
      assert.equal(((await run.detail()).run.outputs as StartedRun).key, run.world.sent[0]?.key);
    });

    it("whose answer is lost after GitHub took it is found by its key, and not sent again", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("after");
      const ended = (await run.begin()) ?? assert.fail();
      assert.equal(ended.status, "success");
      assert.deepEqual([(ended.outputs as StartedRun).runId, run.world.sent.length], [100, 1]);
    });

    it("waits while GitHub does not show the run yet, and checks after its webhook", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("after");
      run.world.listedAfterMs = 7 * SECOND;
      assert.equal((await run.begin())?.status, "waiting");
      await run.pass(5 * SECOND, "waiting", 2);
      await run.pass(2 * SECOND, "waiting", 2);
      await run.wake(`workflow_run acme/shop ${run.world.sent[0]?.key}`, "success", 3);
      assert.equal(run.world.sent.length, 1);
      assert.equal(((await run.detail()).run.outputs as StartedRun).runId, 100);
    });

    it("whose answer is lost before GitHub had it is sent again with the same key, after a last check", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("before");
      assert.match(
        (await run.begin())?.reason ?? "",
        /checks whether GitHub received dispatch, because the answer was lost/,
      );
      await run.elapse(3 * MINUTE - 5 * SECOND);
      assert.equal(run.world.sent.length, 1);
      await run.elapse(10 * SECOND);
      assert.equal((await run.detail()).run.status, "success");
      const [first, second] = run.world.sent;
      assert.deepEqual([run.world.sent.length, second?.key, run.world.runs.length], [2, first?.key, 1]);
      assert.ok(run.world.asked.length <= 9, `it looked ${run.world.asked.length} times`);
      const lines = (await run.store.lines(RUN, { limit: 100 }))?.lines.map(({ message }) => message) ?? [];
      assert.ok(!lines.some((line) => line.includes("not reached")), lines.join("\n"));
    });

    it("is searched for the requested time", async (t) => {
      const options = { once: "dispatch", nothingAfter: "20s" } as const;
      const run = await followingRun(t, open, ({ github }) => github.dispatch("acme/shop", "ready", { n: 1 }, options));
      run.world.fates.push("before");
      await run.begin();
      await run.elapse(15 * SECOND);
      assert.equal(run.world.sent.length, 1);
      await run.elapse(10 * SECOND);
      assert.deepEqual([run.world.sent.length, (await run.detail()).run.status], [2, "success"]);
    });

    it("is sent immediately in the next attempt if it certainly was not sent", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("unsent");
      assert.equal((await run.begin())?.status, "queued");
      await run.pass(10 * SECOND, "success", 2);
      assert.deepEqual([run.world.sent.length, run.world.asked, run.world.runs.length], [2, [], 1]);
      assert.equal(run.world.sent[0]?.key, run.world.sent[1]?.key);
    });

    it("that was certainly not sent, and then is lost, is not sent a third time", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("unsent", "after");
      await run.begin();
      await run.pass(10 * SECOND, "success", 2);
      assert.deepEqual([run.world.sent.length, run.world.runs.length], [2, 1]);
    });

    it("is sent at most once per attempt while GitHub does not answer", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push(...Array.from({ length: 30 }, () => "before" as const));
      await run.begin();
      await run.elapse(60 * MINUTE, MINUTE);
      const { run: failing } = await run.detail();
      assert.equal(failing.endedAt, undefined);
      assert.ok(
        run.world.sent.length >= 4 && run.world.sent.length <= 12,
        `it was sent ${run.world.sent.length} times`,
      );
      assert.equal(new Set(run.world.sent.map(({ key }) => key)).size, 1);
    });

    it("is sent again after three minutes even if the clock was set back", async (t) => {
      const run = await followingRun(t, open, dispatching, { losesLease: true });
      run.world.fates.push("hangs before");
      void run.begin();
      await until("it is sent", () => run.world.sent.length === 1);
      run.clock.set(-24 * 60 * MINUTE);
      await run.elapse(15 * MINUTE);
      assert.deepEqual([run.world.runs.length, run.world.sent.length], [1, 2]);
    });

    it("is sent once each, when a hundred are cut at random", async (t) => {
      const EVENTS = 100;
      const random = chanceOf(SEED);
      const run = await followingRun(t, open, async ({ github }) => {
        const all = Array.from({ length: EVENTS }, (_, nth) =>
          github.dispatch("acme/shop", "ready", { nth }, { once: `dispatch ${nth}` }),
        );
        return (await Promise.all(all)).length;
      });
      const fates = ["before", "after", "after"] as const;
      for (let nth = 0; nth < EVENTS; nth++) run.world.fates.push(random.pick(fates));
      run.world.listedAfterMs = 20 * SECOND;
      await run.begin();
      await run.elapse(10 * MINUTE, 30 * SECOND);
      assert.equal((await run.detail()).run.status, "success", `seed ${SEED}`);
      const nths = run.world.runs.map(({ key }) => key);
      assert.deepEqual([nths.length, new Set(nths).size], [EVENTS, EVENTS], `seed ${SEED}`);
    });

    it("starts a workflow, whose answer names the run", async (t) => {
      const run = await followingRun(t, open, starting);
      const { outputs } = (await run.begin()) ?? assert.fail();
      const { runId, key, workflow, event } = outputs as StartedRun;
      assert.deepEqual([runId, key, workflow, event], [100, run.world.sent[0]?.key, "tests.yml", "workflow_dispatch"]);
    });

    it("has no key if the workflow accepts none", async (t) => {
      const run = await followingRun(t, open, starting);
      run.world.takesKey = false;
      const { outputs } = (await run.begin()) ?? assert.fail();
      assert.equal("key" in (outputs as StartedRun), false);
    });

    it("does not treat a run that was found only by its time as certain", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("after");
      run.world.foundBy = "time";
      const { outputs } = (await run.begin()) ?? assert.fail();
      assert.equal("runId" in (outputs as StartedRun), false);
    });

    it("in a run with the caller's token is searched within the attempt", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("after");
      run.world.listedAfterMs = 7 * SECOND;
      const ended = run.begin("ghs_own");
      await until("it is sent", () => run.world.sent.length === 1);
      await run.elapse(MINUTE, SECOND);
      assert.equal((await ended)?.status, "success");
      assert.deepEqual([run.world.sent.length, (await run.detail()).run.attempts], [1, 1]);
    });

    it("in a run with the caller's token is sent again within the attempt when no run appears", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("before");
      const ended = run.begin("ghs_own");
      await until("it is sent", () => run.world.sent.length === 1);
      await run.elapse(4 * MINUTE, SECOND);
      assert.equal((await ended)?.status, "success");
      assert.deepEqual([run.world.sent.length, run.world.runs.length], [2, 1]);
    });

    it("that was lost, and then certainly was not sent again, is searched again before it is sent", async (t) => {
      const run = await followingRun(t, open, dispatching);
      run.world.fates.push("after", "unsent");
      run.world.listedAfterMs = 3 * MINUTE + 3 * SECOND;
      await run.begin();
      await run.elapse(10 * MINUTE);
      assert.equal((await run.detail()).run.status, "success");
      assert.deepEqual([run.world.sent.length, run.world.runs.length], [2, 1]);
      assert.equal(((await run.detail()).run.outputs as StartedRun).runId, 100);
    });

    for (const [moment, taken] of [
      ["before GitHub had it", 0],
      ["after GitHub took it", 1],
    ] as const) {
      it(`whose process is gone ${moment} becomes one Actions run`, async (t) => {
        const run = await followingRun(t, open, dispatching, { losesLease: true });
        run.world.fates.push(taken ? "hangs after" : "hangs before");
        void run.begin();
        await until("it is sent", () => run.world.sent.length === 1);
        await run.elapse(15 * MINUTE);
        assert.equal((await run.detail()).run.status, "success");
        assert.deepEqual([run.world.runs.length, run.world.sent.length], [1, taken ? 1 : 2]);
        assert.equal(new Set(run.world.sent.map(({ key }) => key)).size, 1);
      });
    }
  });
}

describe("an event that cannot be sent once", () => {
  const SQLITE = bothStores(postgres)[0]?.[1] ?? assert.fail();
  const FULL = Object.fromEntries(Array.from({ length: 10 }, (_, nth) => [`p${nth}`, nth]));

  for (const [what, work, expected] of [
    ["within a step", ({ step, ...given }) => step("out", () => dispatching(given as Given)), /is inside another step/],
    [
      "with a payload that has `run`",
      ({ github }) => github.dispatch("a/b", "e", { run: 1 }, { once: "d" }),
      /already has `run`/,
    ],
    ["with a full payload", ({ github }) => github.dispatch("a/b", "e", FULL, { once: "d" }), /has 10 properties/],
    [
      "with inputs that have `run`",
      ({ github }) => github.runWorkflow("a/b", "t.yml", { ref: "m", inputs: { run: 1 }, once: "d" }),
      /inputs already have `run`/,
    ],
    [
      "with a key of two words",
      ({ github }) => github.dispatch("a/b", "e", {}, { once: "d", key: "a b" }),
      /not a word/,
    ],
    [
      "under a name that is taken",
      async (given) => {
        await dispatching(given);
        await dispatching(given);
      },
      /already has a step with that name/,
    ],
  ] as [string, (context: Given) => Promise<unknown>, RegExp][]) {
    it(`fails with the reason: ${what}`, async (t) => {
      const run = await followingRun(t, SQLITE, work);
      const ended = await run.begin();
      assert.equal(ended?.status, "failure");
      assert.match(ended.reason ?? "", expected);
      assert.ok(run.world.sent.length <= 1);
    });
  }

  it("two events of one run are distinguished by their names", async (t) => {
    const run = await followingRun(t, SQLITE, async ({ github }) =>
      Promise.all([
        github.dispatch("acme/shop", "ready", {}, { once: "shop" }),
        github.dispatch("acme/site", "ready", {}, { once: "site" }),
      ]),
    );
    const { outputs } = (await run.begin()) ?? assert.fail();
    assert.notEqual((outputs as StartedRun[])[0]?.key, (outputs as StartedRun[])[1]?.key);
    assert.equal(run.world.sent.length, 2);
  });
});
