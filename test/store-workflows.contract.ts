import assert from "node:assert/strict";
import { describe } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import {
  attemptOf,
  claimAt,
  ended,
  event,
  FAILURE,
  lease,
  NOW,
  type OpenStore,
  promises,
  SUCCESS,
} from "./store.contract.ts";

const statsOf = async (store: RunStore, name: string) => (await store.workflowStats([name])).get(name);

/** Ends this many runs of a workflow together. Resolves with their ids, in the order of acceptance. */
async function many(store: RunStore, workflow: string, count: number, settlement = SUCCESS): Promise<string[]> {
  const accepted = await Promise.all(Array.from({ length: count }, () => store.accept(event({ workflow }), lease())));
  const claims = await store.claim(claimAt(NOW, count));
  const outcome = settlement.status === "success" ? "success" : "failure";
  await Promise.all(claims.map((claim) => store.settle(claim, attemptOf(claim, outcome, NOW + 5), settlement)));
  return accepted.map(({ run }) => run);
}

/** What every store promises about the page of workflows. The tests of each store run it. */
export function workflowsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: the figures of workflows`, () => {
    promise("count the newest runs of each workflow separately, and are missing without runs", async (store) => {
      const first = await ended(store, { workflow: "deploy" }, SUCCESS, NOW);
      const failed = await ended(store, { workflow: "deploy" }, FAILURE, NOW + 1);
      const other = await ended(store, { workflow: "other" }, SUCCESS, NOW + 2);
      const skipped = { status: "skipped", reason: "not for us" } as const;
      const last = await ended(store, { workflow: "deploy" }, skipped, NOW + 3);
      const { run: open } = await store.accept(event({ workflow: "deploy", trigger: "schedule" }), lease(NOW + 4));

      const all = await store.workflowStats(["deploy", "other", "none", "deploy"]);
      assert.deepEqual([...all.keys()], ["deploy", "other", "none"]);
      const deploy = all.get("deploy");
      assert.deepEqual(
        deploy?.recent.map(({ id, status }) => [id, status]),
        [
          [open, "queued"],
          [last, "skipped"],
          [failed, "failure"],
          [first, "success"],
        ],
      );
      assert.deepEqual([deploy?.recent[0]?.trigger, deploy?.recent[0]?.dueAt], ["schedule", NOW + 4]);
      assert.deepEqual([deploy?.ended, deploy?.success, deploy?.failure], [3, 1, 1]);
      assert.deepEqual(deploy?.durations, { p50: 0, p95: 0, runs: 2 });
      assert.deepEqual([deploy?.lastSuccess?.id, deploy?.lastFailure?.id], [first, failed]);
      assert.deepEqual(
        [all.get("other")?.recent.map(({ id }) => id), all.get("other")?.lastFailure],
        [[other], undefined],
      );
      const none = { recent: [], ended: 0, success: 0, failure: 0 };
      assert.deepEqual(all.get("none"), {
        ...none,
        durations: undefined,
        lastSuccess: undefined,
        lastFailure: undefined,
      });
      assert.deepEqual([...(await store.workflowStats([])).keys()], []);
    });

    promise(
      "count the newest 100 ended runs, for any number of open ones, and have the last failure of all",
      async (store) => {
        const [failed] = await many(store, "deploy", 1, FAILURE);
        const succeeded = await many(store, "deploy", 150);
        const queued = Array.from({ length: 140 }, () => store.accept(event({ workflow: "deploy" }), lease()));
        const open = await Promise.all(queued);
        const stats = await statsOf(store, "deploy");
        assert.deepEqual(
          stats?.recent.map(({ id }) => id),
          open
            .map(({ run }) => run)
            .toReversed()
            .slice(0, 30),
        );
        assert.deepEqual([stats?.ended, stats?.success, stats?.failure], [100, 100, 0]);
        assert.deepEqual([stats?.lastSuccess?.id, stats?.lastFailure?.id], [succeeded.at(-1), failed]);
      },
    );

    promise("find a success after a long row of failures, up to a limit", async (store) => {
      const [worked] = await many(store, "deploy", 1);
      await many(store, "deploy", 1999, FAILURE);
      const stats = await statsOf(store, "deploy");
      assert.deepEqual([stats?.success, stats?.failure, stats?.lastSuccess?.id], [0, 100, worked]);
      await many(store, "deploy", 1, FAILURE);
      assert.equal((await statsOf(store, "deploy"))?.lastSuccess, undefined);
    });

    promise("work for any name, and for hundreds together", async (store) => {
      const names = ["a/b?c#d", "ünï 😀", "' OR 1=1 --", "%2e", "*", "nul\0", "n".repeat(2000)];
      for (const workflow of names) await ended(store, { workflow });
      const all = await store.workflowStats([...names, ...Array.from({ length: 250 }, (_, at) => `none-${at}`)]);
      assert.equal(all.size, names.length + 250);
      for (const each of names) assert.equal(all.get(each)?.success, 1, each.slice(0, 20));
      const known = await store.workflowNames();
      assert.deepEqual(new Set(known), new Set(names.map((each) => each.replace("\0", "\u2400"))));
    });
  });

  describe(`${name}: the schedules`, () => {
    promise("show until when each was executed, without executing one", async (store) => {
      assert.deepEqual(await store.schedules(), new Map());
      await store.scheduledUntil("nightly", NOW);
      const identity = { source: "schedule", id: "tick", tick: NOW + 60_000 };
      await store.accept(event({ workflow: "nightly", event: identity }), lease(NOW + 60_001));
      assert.deepEqual(await store.schedules(), new Map([["nightly", NOW + 60_000]]));
      assert.deepEqual(await store.schedules(), await store.schedules());
    });
  });
}
