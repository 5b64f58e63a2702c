import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  again,
  attemptOf,
  claimAt,
  claimOne,
  ended,
  event,
  FAILURE,
  ids,
  lease,
  NOW,
  type OpenStore,
  promises,
  statusOf,
  type TimedStore,
} from "./store.contract.ts";

const ALICE = { actor: "token alice", at: NOW + 7 };
const MINUTE = 60_000;

/** What every store promises about paused workflows, and about actors. The tests of each store run it. */
export function pausesContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: a paused workflow`, () => {
    promise("begins no run for any event until it is resumed; others continue", async (store) => {
      assert.equal(await store.pause("deploy", ALICE), true);
      const take = { ...lease(), take: true };
      const accepted = await store.accept(event(), take);
      assert.deepEqual([accepted.claim, accepted.paused], [undefined, true]);
      const other = await store.accept(event({ workflow: "other" }), take);
      assert.ok(other.claim && other.paused === undefined);
      assert.deepEqual(await store.claim(claimAt()), []);
      assert.equal(await store.nextDue(), undefined, "there is no useless search");
      assert.deepEqual(await store.waiting(), [{ reason: "paused", count: 1, since: NOW }]);

      assert.equal(await store.resume("deploy", ALICE), true);
      assert.equal(await store.nextDue(), NOW);
      assert.deepEqual(ids(await store.claim(claimAt())), [accepted.run]);
    });

    promise("still replaces a waiting run of a group, or joins it", async (store) => {
      await store.pause("deploy", ALICE);
      const older = await store.accept(event({ group: "g", input: 1 }), lease());
      const newer = await store.accept(event({ group: "g", input: 2 }), lease());
      assert.equal(newer.superseded, older.run);
      await store.resume("deploy", ALICE);
      assert.deepEqual(ids(await store.claim(claimAt())), [newer.run]);
    });

    promise("lets what runs continue, and keeps its retries", async (store) => {
      const { run } = await store.accept(event(), lease());
      const claim = await claimOne(store);
      await store.pause("deploy", ALICE);
      await store.settle(claim, attemptOf(claim, "failure"), again(NOW + MINUTE));
      assert.deepEqual(await store.claim(claimAt(NOW + 2 * MINUTE)), []);
      await store.resume("deploy", ALICE);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 2 * MINUTE))), [run]);
    });

    promise("keeps a waiting run asleep, even when its time has come", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      const sleep = { name: "a", kind: "sleep", attempt: 1, startedAt: NOW, until: { inMs: MINUTE } } as const;
      const waiting = { status: "waiting", reason: "sleeps", waits: [sleep], wakeKeys: [] } as const;
      await store.settle(claim, attemptOf(claim, "waiting"), waiting);
      await store.pause("deploy", ALICE);
      assert.deepEqual(await store.claim(claimAt(NOW + 2 * MINUTE)), []);
      assert.equal(await store.nextDue(), undefined);
      assert.deepEqual(
        (await store.waiting()).map(({ reason }) => reason),
        ["paused"],
      );
      await store.resume("deploy", ALICE);
      assert.equal((await store.claim(claimAt(NOW + 2 * MINUTE))).length, 1);
    });

    promise("does not store an event with the caller's token, which could not wait", async (store) => {
      await store.pause("deploy", ALICE);
      const { run, paused, claim } = await store.accept(event({ ownToken: true }), { ...lease(), take: true });
      assert.deepEqual([paused, claim], [true, undefined]);
      assert.equal(await store.get(run), undefined);
    });

    promise(
      "is paused once, has who paused it, and stays paused when the store is opened again",
      async (store, { reopen }) => {
        assert.equal(await store.pause("deploy", ALICE), true);
        assert.equal(await store.pause("deploy", { actor: "token bob", at: NOW + 9 }), false);
        assert.equal(await store.resume("other", ALICE), false);
        const again = (await reopen?.()) ?? store;
        assert.deepEqual(await again.paused(), [{ workflow: "deploy", ...ALICE }]);
        const { claim } = await again.accept(event(), { ...lease(), take: true });
        assert.equal(claim, undefined);
      },
    );

    promise("can be all workflows, beside those that are paused by name", async (store) => {
      await store.pause("*", ALICE);
      await store.pause("deploy", ALICE);
      const one = await store.accept(event(), { ...lease(), take: true });
      const two = await store.accept(event({ workflow: "other" }), { ...lease(), take: true });
      assert.deepEqual([one.paused, two.paused], [true, true]);
      assert.deepEqual(await store.claim(claimAt()), []);
      await store.resume("*", ALICE);
      assert.deepEqual(ids(await store.claim(claimAt())), [two.run]);
      await store.resume("deploy", ALICE);
      assert.deepEqual(ids(await store.claim(claimAt())), [one.run]);
    });
  });

  describe(`${name}: the actor`, () => {
    const actionsOf = async (store: TimedStore, id: string) => (await store.get(id))?.actions;

    promise("is stored with the run, for each start by hand and re-run", async (store) => {
      const { run } = await store.accept(event({ trigger: "http", actor: "token argocd" }), lease());
      const detail = await store.get(run);
      assert.deepEqual([detail?.run.actor, detail?.run.trigger, detail?.actions], ["token argocd", "http", []]);

      const byHand = await ended(store, { trigger: "manual", actor: "token al\0ice" }, FAILURE);
      const started = { at: NOW, actor: "token al\u2400ice", action: "started" };
      assert.deepEqual(await actionsOf(store, byHand), [started]);
      await store.rerun(byHand, NOW + 5, { actor: "token bob" });
      assert.deepEqual(await actionsOf(store, byHand), [
        started,
        { at: NOW + 5, actor: "token bob", action: "re-run", details: "from the start" },
      ]);
      assert.equal(await statusOf(store, byHand), "queued");
    });

    promise("is not stored for an action that did not happen", async (store) => {
      const run = await ended(store, { group: "g" }, FAILURE);
      await ended(store, { group: "g", input: 2 }, FAILURE, NOW + 1);
      assert.equal((await store.rerun(run, NOW + 5, { actor: "token bob" })).status, "notNeeded");
      assert.deepEqual(await actionsOf(store, run), []);
    });

    promise("is deleted with the runs of its time", async (store) => {
      const run = await ended(store, { trigger: "manual", actor: "token alice" });
      await store.forget(NOW, 10);
      assert.equal((await actionsOf(store, run))?.length, 1);
      await store.forget(NOW + 2, 10);
      assert.equal(await store.get(run), undefined);
      assert.equal(await store.forget(NOW + 2, 10), 0);
    });
  });
}
