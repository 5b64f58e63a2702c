import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FollowedRun, FoundRun, PermanentFailure, StartedRun } from "../src/index.ts";
import { TransientFailure } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { followingRun, type Given, RUN } from "./support/following.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const BY = { actor: "token alice", at: 0 };

const start = ({ github }: Given) => github.dispatch("acme/shop", "ready", {}, { once: "dispatch" });
const blink = () => new TransientFailure({ tried: "it", happened: "a blink", remedy: "Wait." });

const postgres = postgresForTests();

for (const [kind, open] of bothStores(postgres)) {
  describe(`github.findRun on ${kind}`, () => {
    const finding = async (given: Given) => given.github.findRun(await start(given), { name: "Actions run" });

    it("resolves immediately with an existing run, and remembers it", async (t) => {
      const run = await followingRun(t, open, async (given) => {
        const found = await finding(given);
        if (given.attempt === 1) throw blink();
        return found;
      });
      await run.begin();
      await run.pass(10 * SECOND, "success", 2);
      const { runId, foundBy } = (await run.detail()).run.outputs as FoundRun;
      assert.deepEqual([runId, foundBy, run.world.asked], [100, "key", ["find"]]);
      assert.deepEqual(await run.stepNames(), ["step dispatch", "step dispatch: key", "waitUntil Actions run"]);
    });

    it("waits until the run is listed, and checks when an event names its key", async (t) => {
      const run = await followingRun(t, open, finding);
      run.world.listedAfterMs = 40 * SECOND;
      assert.equal(
        (await run.begin())?.reason,
        "The run waits until an Actions run of acme/shop begins (Actions run, for up to 3m).",
      );
      await run.elapse(35 * SECOND);
      assert.deepEqual([(await run.detail()).run.status, run.world.asked.length], ["waiting", 3]);
      await run.pass(5 * SECOND, "waiting");
      await run.wake(`workflow_run acme/shop ${run.world.sent[0]?.key}`, "success");
    });

    it("asks once why nothing began, and reports it", async (t) => {
      const run = await followingRun(t, open, finding);
      run.world.isSilent = true;
      await run.begin();
      await run.elapse(4 * MINUTE);
      const { reason, status } = (await run.detail()).run;
      assert.equal(status, "failure");
      assert.equal(
        reason,
        "Finding the Actions run of acme/shop for the repository_dispatch ready failed: none started within 3m: no workflow listens. Add one.",
      );
      assert.deepEqual(run.world.asked.slice(-2), ["find", "why"]);
      assert.ok(run.world.asked.length <= 9, `it asked ${run.world.asked.length} times`);
    });

    it("tells a workflow that catches the error whether sending again may help, without another request", async (t) => {
      const seen: unknown[] = [];
      const run = await followingRun(t, open, async (given) => {
        await finding(given).catch(({ facts }: PermanentFailure) => void seen.push([facts.about, facts.sendAgain]));
        if (seen.length === 1) throw blink();
      });
      run.world.isSilent = true;
      run.world.why = { happened: "no reason was found", remedy: "Look.", sendAgain: true };
      await run.begin();
      await run.elapse(5 * MINUTE);
      assert.equal((await run.detail()).run.status, "success");
      assert.deepEqual(seen, [
        ["no run", true],
        ["no run", true],
      ]);
      assert.equal(run.world.asked.filter((what) => what === "why").length, 1);
    });

    it("looks again when the run is re-run from the failure", async (t) => {
      const run = await followingRun(t, open, finding);
      run.world.isSilent = true;
      await run.begin();
      await run.elapse(4 * MINUTE);
      await run.rerun("waiting");
      assert.equal(run.world.sent.length, 1);
      run.world.runs.push({
        ...{
          repository: "acme/shop",
          runId: 7,
          htmlUrl: "https://x",
          foundBy: "key",
          createdAt: "2026-11-24T12:00:00Z",
        },
        key: run.world.sent[0]?.key,
      });
      await run.wake(`workflow_run acme/shop ${run.world.sent[0]?.key}`, "success");
    });
  });

  describe(`github.follow on ${kind}`, () => {
    const following = async ({ github }: Given, runId = 7, mustSucceed = true) =>
      github.follow({ repository: "acme/shop", runId }, { name: "tests", mustSucceed });

    it("waits until the run has ended, and resolves with its conclusion", async (t) => {
      const run = await followingRun(t, open, async ({ github }) =>
        github.follow({ repository: "acme/shop", runId: 7 }),
      );
      run.world.begin(7);
      assert.equal((await run.begin())?.reason, "The run waits until Actions run 7 of acme/shop ends (for up to 6h).");
      await run.elapse(3 * HOUR, 10 * MINUTE);
      assert.equal(run.world.asked.length, 4);
      run.world.end(7, "failure");
      await run.wake("workflow_run acme/shop 7", "success");
      const { id, conclusion, jobs } = (await run.detail()).run.outputs as FollowedRun;
      assert.deepEqual([id, conclusion, jobs.map(({ name }) => name)], [7, "failure", ["e2e"]]);
    });

    it("finds the run of a started workflow first", async (t) => {
      const run = await followingRun(t, open, async (given) =>
        given.github.follow(await start(given), { name: "tests" }),
      );
      await run.begin();
      run.world.end(100, "success");
      await run.wake("workflow_run acme/shop 100", "success");
      const names = await run.stepNames();
      assert.deepEqual(names.slice(2), ["waitUntil tests", "waitUntil tests: start"]);
    });

    for (const conclusion of ["success", "skipped", "neutral"]) {
      it(`that must succeed accepts ${conclusion}`, async (t) => {
        const run = await followingRun(t, open, following);
        run.world.end(7, conclusion);
        assert.equal((await run.begin())?.status, "success");
      });
    }

    it("that must succeed fails with the jobs that failed, and keeps them", async (t) => {
      const run = await followingRun(t, open, following);
      run.world.end(7, "timed_out");
      const { status, reason } = (await run.begin()) ?? assert.fail();
      assert.equal(status, "failure");
      assert.match(reason ?? "", /^Following Actions run 7 of acme\/shop failed: it ended with timed_out \(https:/);
      assert.match(reason ?? "", /jobs: e2e \(timed_out, https:\/\/.*\/job\/1\)/);
      assert.equal(((await run.resultOf("tests")) as FollowedRun).conclusion, "timed_out");
    });

    it("keeps a failure while the run continues, and checks again when the run is re-run", async (t) => {
      const seen: string[] = [];
      const run = await followingRun(t, open, async (given) => {
        try {
          await following(given);
          seen.push("passed");
        } catch (error) {
          seen.push("failed");
          if (seen.length === 1) throw blink();
          throw error;
        }
      });
      run.world.end(7, "failure");
      await run.begin();
      await run.pass(10 * SECOND, "failure", 2);
      assert.deepEqual([seen, run.world.asked.length], [["failed", "failed"], 1]);
      run.world.restart(7);
      await run.rerun("waiting");
      run.world.end(7, "success", { attempt: 2 });
      await run.wake("workflow_run acme/shop 7", "success");
      assert.equal(seen.at(-1), "passed");
    });

    it("checks a success again when the run is re-run: the Actions run may have been re-run at GitHub", async (t) => {
      const run = await followingRun(t, open, following);
      run.world.end(7, "success");
      await run.begin();
      run.world.end(7, "failure", { attempt: 2 });
      await run.rerun("failure");
      run.world.end(7, "success", { attempt: 3 });
      await run.rerun("success");
      assert.equal(((await run.detail()).run.outputs as FollowedRun).attempt, 3);
    });

    it("fails when it has not ended in time, and waits again when it is re-run from the failure", async (t) => {
      const run = await followingRun(t, open, async ({ github }) =>
        github.follow({ repository: "acme/shop", runId: 7 }, { timeout: "2h" }),
      );
      run.world.begin(7);
      await run.begin();
      await run.elapse(3 * HOUR, 10 * MINUTE);
      assert.match((await run.detail()).run.reason ?? "", /it has not ended within 2h/);
      await run.rerun("waiting");
      await run.elapse(30 * MINUTE, 10 * MINUTE);
      run.world.end(7, "success");
      await run.wake("workflow_run acme/shop 7", "success");
    });

    it("works for two at a time, each with its event", async (t) => {
      const run = await followingRun(t, open, async (given) => {
        const { github } = given;
        const both = [7, 8].map((runId) => github.follow({ repository: "acme/shop", runId }));
        return (await Promise.all(both)).map(({ conclusion }) => conclusion);
      });
      for (const id of [7, 8]) run.world.begin(id);
      assert.match((await run.begin())?.reason ?? "", /Actions run 7 .*, and waits until Actions run 8 /);
      run.world.end(8, "failure");
      await run.wake("workflow_run acme/shop 8", "waiting", 2);
      run.world.end(7, "success");
      await run.wake("workflow_run acme/shop 7", "success", 3);
      assert.deepEqual((await run.detail()).run.outputs, ["success", "failure"]);
    });

    it("works beside another wait, and the first one to end counts", async (t) => {
      let closed = false;
      const run = await followingRun(t, open, async (given) =>
        Promise.race([
          following(given),
          given.waitUntil("closed", () => closed || undefined, {
            wakeOn: { pullRequest: { repository: "acme/shop", number: 7 } },
          }),
        ]),
      );
      run.world.begin(7);
      await run.begin();
      closed = true;
      await run.wake("pull_request acme/shop 7", "success");
      assert.equal((await run.detail()).run.outputs, true);
    });
  });

  describe(`\`cancelled\` on ${kind}`, () => {
    const cancelledAfter = async (
      t: Parameters<typeof followingRun>[0],
      run: (given: Given) => Promise<unknown>,
      cancelled: (given: Given) => Promise<unknown>,
      prepare: (world: Awaited<ReturnType<typeof followingRun>>["world"]) => void = () => {},
      before: (run: Awaited<ReturnType<typeof followingRun>>) => Promise<void> = async () => {},
    ) => {
      const seen: unknown[] = [];
      const under = await followingRun(t, open, run, {
        options: {
          cancelled: async (given) => {
            seen.push(await cancelled(given as Given).catch(({ message }) => message));
          },
        },
      });
      prepare(under.world);
      await under.begin();
      await before(under);
      const asked = under.world.asked.length;
      await under.worker.cancel(RUN, BY);
      let passed = 0;
      await until("it has ended", async () => {
        // Time passes only while it waits for GitHub.
        if (seen.length === 0 && under.world.asked.length > asked && passed++ < 60) under.clock.move(SECOND);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return seen.length > 0;
      });
      return { ...under, seen };
    };
    const all = async (given: Given) => {
      const found = await given.github.findRun(await start(given), { name: "Actions run" });
      return given.github.follow(found, { name: "tests" });
    };

    it("gets what the run has started and found, without requests", async (t) => {
      const { seen, world } = await cancelledAfter(t, all, async (given) => {
        const started = await start(given);
        return [started, await given.github.findRun(started, { name: "Actions run" })];
      });
      const [[started, found]] = seen as [[StartedRun, FoundRun]];
      assert.deepEqual([started.key, found.runId], [world.sent[0]?.key, 100]);
      assert.deepEqual([world.sent.length, world.asked], [1, ["find", "show"]]);
    });

    it("looks for a run that began a moment ago", async (t) => {
      const { seen, world } = await cancelledAfter(
        t,
        all,
        async (given) => given.github.findRun(await start(given), { name: "Actions run" }),
        (world) => {
          world.listedAfterMs = 15 * SECOND;
        },
      );
      assert.equal((seen[0] as FoundRun).runId, 100);
      assert.equal(world.sent.length, 1);
    });

    it("gets no result from before the re-run", async (t) => {
      const { seen, world } = await cancelledAfter(
        t,
        async (given) => {
          await all(given);
          throw new Error("after the tests");
        },
        async (given) => given.github.follow({ repository: "acme/shop", runId: 100 }, { name: "tests" }),
        () => {},
        async (run) => {
          run.world.end(100, "success");
          await run.wake("workflow_run acme/shop 100", "failure");
          run.world.restart(100);
          await run.rerun("waiting");
        },
      );
      assert.match(String(seen[0]), /it has not ended/);
      assert.equal(world.sent.length, 1);
    });

    it("sends nothing with `once`, and does not wait for an end", async (t) => {
      const waiting = async ({ sleep }: Given) => sleep("a while", "1h");
      const sends = await cancelledAfter(t, waiting, start);
      assert.match(String(sends.seen[0]), /the run was cancelled before this event was sent/);
      assert.equal(sends.world.sent.length, 0);
      const follows = await cancelledAfter(
        t,
        waiting,
        async ({ github }) => github.follow({ repository: "acme/shop", runId: 7 }),
        (world) => world.begin(7),
      );
      assert.match(String(follows.seen[0]), /it has not ended, and `cancelled` does not wait for it/);
    });
  });
}

describe("following", () => {
  const SQLITE = bothStores(postgres)[0]?.[1] ?? assert.fail();

  for (const [what, work, expected] of [
    [
      "within a step",
      ({ step, github }) => step("out", () => github.follow({ repository: "a/b", runId: 7 })),
      /inside a step/,
    ],
    [
      "a repository that cannot be",
      ({ github }) => github.follow({ repository: "shop", runId: 7 }),
      /expected owner\/name, got shop/,
    ],
  ] as [string, (context: Given) => Promise<unknown>, RegExp][]) {
    it(`fails with the reason: ${what}`, async (t) => {
      const run = await followingRun(t, SQLITE, work);
      run.world.begin(7);
      const ended = await run.begin();
      assert.equal(ended?.status, "failure");
      assert.match(ended.reason ?? "", expected);
    });
  }

  it("cannot wait in a run with the caller's token, and fails with the reason", async (t) => {
    const run = await followingRun(t, SQLITE, ({ github }) => github.follow({ repository: "acme/shop", runId: 7 }));
    assert.match((await run.begin("ghs_own"))?.reason ?? "", /the run uses the GitHub token of its request/);
  });
});
