import assert from "node:assert/strict";
import { describe } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import {
  again,
  attemptOf,
  claimAt,
  claimOne,
  event,
  FAILURE,
  ids,
  lease,
  NOW,
  type OpenStore,
  promises,
  SUCCESS,
} from "./store.contract.ts";

const SECOND = 1000;
const HOUR = 3_600_000;

/** What every store promises about shared marks of processes, and about watched runs. The tests of each store run it. */
export function marksContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: turns`, () => {
    promise("come once per interval, separately for each name", async (store) => {
      assert.equal(await store.turn("watch acme/shop", 10 * SECOND), true);
      assert.equal(await store.turn("watch acme/other", 10 * SECOND), true);
      await store.at(NOW + 10 * SECOND - 1);
      assert.equal(await store.turn("watch acme/shop", 10 * SECOND), false);
      assert.equal(await store.turn("watch acme/shop", 5 * SECOND), true, "one who asks for it more often");
      await store.at(NOW + 20 * SECOND - 1);
      assert.equal(await store.turn("watch acme/shop", 10 * SECOND), true);
    });

    promise("are not lost after the clock was ahead", async (store) => {
      await store.at(NOW + 24 * HOUR);
      await store.turn("a", HOUR);
      await store.at(NOW);
      assert.equal(await store.turn("a", HOUR), true);
      assert.equal(await store.turn("a", HOUR), false);
    });

    promise("go to one of many that ask at the same time", async (store) => {
      const taken = await Promise.all(Array.from({ length: 20 }, () => store.turn("a", SECOND)));
      assert.equal(taken.filter((each) => each).length, 1);
    });

    promise("are deleted with the runs of their time, and marks are not", async (store) => {
      await store.turn("a", 24 * HOUR);
      await store.setMark("b", "kept");
      await store.forget(NOW + 1, 10);
      assert.equal(await store.turn("a", 24 * HOUR), true);
      assert.equal(await store.mark("b"), "kept");
    });
  });

  describe(`${name}: marks`, () => {
    promise("keep the value that was set last, also when the store is opened again", async (store, { reopen }) => {
      assert.equal(await store.mark("deliveries"), undefined);
      const value = { cursor: "v1_123", "ü\u2028": [null, 1.5, "\0"] };
      for (const each of ["first", value]) await store.setMark("deliveries", each);
      assert.deepEqual(await store.mark("deliveries"), value);
      assert.deepEqual(await (await reopen!()).mark("deliveries"), value);
    });

    promise("and turns of the same name are independent", async (store) => {
      await store.turn("a", HOUR);
      assert.equal(await store.mark("a"), undefined);
      await store.setMark("a", null);
      assert.equal(await store.mark("a"), null);
      assert.equal(await store.turn("a", HOUR), false);
      await store.at(NOW + HOUR);
      await store.setMark("a", 1);
      assert.equal(await store.turn("a", HOUR), true);
      assert.equal(await store.mark("a"), 1);
    });
  });

  describe(`${name}: runs that wait for a run of Actions`, () => {
    const waiting = async (store: RunStore, wakeKeys: readonly string[]) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      const wait = { name: "tests", kind: "waitUntil", attempt: 1, startedAt: NOW, until: { inMs: HOUR } } as const;
      await store.settle(claim, attemptOf(claim, "waiting"), {
        ...{ status: "waiting", reason: "waits", wakeKeys, waits: [{ ...wait, againInMs: HOUR }] },
      });
      return claim.run.id;
    };

    promise("are known with their keys while they wait", async (store) => {
      const key = "workflow_run acme/shop 7";
      await waiting(store, ["pull_request acme/shop 7", "workflow deploy", "workflow_run_of acme/shop 7"]);
      const one = await waiting(store, ["workflow_run acme/shop abc", key]);
      const other = await waiting(store, [key]);
      const watched = await store.watched();
      assert.deepEqual(watched, [
        { run: one, key, since: NOW },
        { run: one, key: "workflow_run acme/shop abc", since: NOW },
        { run: other, key, since: NOW },
      ]);
      await store.wake([key]);
      const claims = (await store.claim(claimAt(NOW + 1))).filter(({ attempt }) => attempt === 2);
      assert.deepEqual(await store.watched(), watched, "while it looks");
      for (const claim of claims) await store.settle(claim, attemptOf(claim), SUCCESS);
      assert.deepEqual(await store.watched(), []);
    });
  });

  describe(`${name}: hasten`, () => {
    promise("makes retries due, the newest accepted first, and nothing else", async (store) => {
      const failing = async (settlement = again(NOW + HOUR)) => {
        await store.accept(event(), lease());
        const claim = await claimOne(store);
        await store.settle(claim, attemptOf(claim, "failure"), settlement);
        return claim.run.id;
      };
      const limited = await failing({ ...again(NOW + HOUR, false), kind: "limit" } as typeof FAILURE);
      await failing(FAILURE);
      const all = [await failing(), await failing(), await failing()];
      assert.deepEqual(await store.claim(claimAt(NOW + SECOND)), []);
      assert.equal(await store.hasten(), 3);
      assert.equal(await store.hasten(), 0);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + SECOND))), all.toReversed());
      assert.equal((await store.get(limited))?.run.dueAt, NOW + HOUR);
    });

    promise("makes a few of the newest due that may begin, and does not count their failed attempt", async (store) => {
      const failing = async (facts: Parameters<typeof event>[0] = {}) => {
        await store.accept(event(facts), lease());
        const claim = await claimOne(store);
        await store.settle(claim, attemptOf(claim, "failure"), again(NOW + HOUR));
        return claim.run.id;
      };
      const all = [await failing(), await failing(), await failing(), await failing({ workflow: "paused" })];
      const inOrder = await failing({ group: "g", order: { queue: "all" } } as never);
      await store.pause("paused", { actor: "alice", at: NOW });
      const failuresOf = async (id: string) => (await store.get(id))?.run.failures;
      assert.equal(await failuresOf(all[2]!), 1);
      assert.equal(await store.hasten(2), 2);
      assert.equal(await failuresOf(all[2]!), 0);
      assert.equal(await failuresOf(all[0]!), 1);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + SECOND))), [all[2], all[1]]);
      assert.equal(await store.hasten(2), 1);
      assert.equal(await store.hasten(2), 0);
      assert.equal(await store.hasten(), 2, "those that a few leave out");
      assert.equal(await failuresOf(inOrder), 0);
    });
  });
}
