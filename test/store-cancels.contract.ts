import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";
import type { NewRun, Order } from "../src/model/new-run.ts";
import {
  again,
  attemptOf,
  claimAt,
  claimOne,
  event,
  FAILURE,
  ids,
  LEASE_MS,
  lease,
  NOW,
  type OpenStore,
  promises,
  SUCCESS,
  statusOf,
  type TimedStore,
} from "./store.contract.ts";

const BY = { actor: "token alice", at: NOW + 5 };
const HOUR = 3_600_000;
const without = () => false;
const withHandler = () => true;

/** What every store promises about cancelled runs. The tests of each store run it. */
export function cancelsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  /** Accepts and claims a run, and lets it wait. */
  async function asleep(store: TimedStore, facts: Partial<NewRun> = {}): Promise<string> {
    const { run } = await store.accept(event(facts), lease());
    const claim = await claimOne(store);
    const wait = { name: "s", kind: "sleep", attempt: 1, startedAt: NOW, until: { inMs: HOUR } } as const;
    const waiting = { status: "waiting", reason: "s", waits: [wait], wakeKeys: ["check mona/app abc"] } as const;
    await store.settle(claim, attemptOf(claim, "waiting", NOW), waiting);
    return run;
  }

  describe(`${name}: a cancelled run`, () => {
    promise("that was queued or waited has ended immediately, and has who cancelled it", async (store) => {
      const sleeping = await asleep(store, { group: "g" });
      const { run: queued } = await store.accept(event({ group: "h" }), lease());
      for (const id of [sleeping, queued]) {
        const { status, run } = (await store.cancel(id, BY, without)) as { status: string; run: { id: string } };
        assert.deepEqual([status, run.id], ["cancelled", id]);
        const { run: ended, actions } = (await store.get(id))!;
        assert.deepEqual(
          [ended.status, ended.reason, ended.endedAt, ended.dueAt, ended.kind, ended.cancelledBy],
          ["cancelled", "Cancelled by token alice.", NOW + 5, undefined, undefined, "token alice"],
        );
        assert.deepEqual(actions, [{ at: NOW + 5, actor: "token alice", action: "cancelled" }]);
        assert.equal((await store.cancel(id, BY, without)).status, "ended");
      }
      assert.deepEqual(await store.claim(claimAt(NOW + 2 * HOUR)), []);
      assert.equal(await store.wake(["check mona/app abc"]), 0);
      assert.equal(await store.nextDue(), undefined);
      assert.equal((await store.cancel(randomUUID(), BY, without)).status, "unknown");
      assert.equal((await store.cancel("no id", BY, without)).status, "unknown");
    });

    promise("that waited leaves its group's place to the next", async (store) => {
      const sleeping = await asleep(store, { group: "g" });
      const next = await store.accept(event({ group: "g", input: 2 }), lease());
      assert.deepEqual(await store.claim(claimAt(NOW + 1)), []);
      await store.cancel(sleeping, BY, without);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 6))), [next.run]);
    });

    promise("that is running ends as cancelled with its attempt, unless the attempt succeeds", async (store) => {
      for (const [settlement, status] of [
        [FAILURE, "cancelled"],
        [again(NOW + 10), "cancelled"],
        [{ status: "cancelled", reason: "the signal was aborted" }, "cancelled"],
        [{ status: "waiting", reason: "x", waits: [], wakeKeys: [] }, "cancelled"],
        [SUCCESS, "success"],
        [{ status: "skipped", reason: "nothing to do" }, "skipped"],
      ] as const) {
        const { run } = await store.accept(event({ group: "g" }), lease());
        const claim = await claimOne(store);
        const first = await store.cancel(run, BY, without);
        assert.equal(first.status, "cancelling");
        assert.equal((await store.get(run))?.run.cancelledBy, "token alice");
        const again = await store.cancel(run, { actor: "token bob", at: NOW + 6 }, without);
        assert.equal(again.status, "cancelling");
        assert.deepEqual(await store.extend([claim], LEASE_MS), [claim], "it holds the run until it has ended");
        const end = await store.settle(claim, attemptOf(claim, "cancelled", NOW + 7), settlement);
        assert.equal(end?.status, status);
        const { run: ended, actions } = (await store.get(run))!;
        assert.equal(ended.endedAt, NOW + 7);
        if (status === "cancelled") assert.equal(ended.reason, "Cancelled by token alice.");
        else assert.equal(ended.cancelledBy, undefined, "it was too late");
        assert.deepEqual(
          actions.map(({ actor }) => actor),
          ["token alice"],
        );
        assert.equal((await store.cancel(run, BY, without)).status, "ended");
      }
      const { finished } = await store.overview.activity(NOW + 10);
      assert.equal(finished.ever, 1, "what was cancelled or skipped has saved no minute");
    });

    promise("whose process ends before the attempt does is not retried", async (store) => {
      const { run } = await store.accept(event({ group: "g" }), lease());
      await claimOne(store);
      await store.cancel(run, BY, without);
      const next = await store.accept(event({ group: "g", input: 2 }), lease());
      assert.deepEqual(ids(await store.claim(claimAt(NOW + LEASE_MS))), [next.run]);
      const { run: ended, attempts } = (await store.get(run))!;
      assert.deepEqual([ended.status, ended.reason], ["cancelled", "Cancelled by token alice."]);
      assert.deepEqual(
        attempts.map(({ outcome }) => outcome),
        ["interrupted"],
      );
    });

    promise("can be re-run as if nothing had happened", async (store) => {
      const run = await asleep(store, { group: "g" });
      await store.cancel(run, BY, without);
      assert.equal((await store.rerun(run, NOW + 10)).status, "queued");
      const claim = await claimOne(store, NOW + 10);
      assert.deepEqual([claim.run.cancelledBy, claim.waits, claim.handler], [undefined, [], undefined]);
      assert.equal((await store.settle(claim, attemptOf(claim, "failure", NOW + 11), FAILURE))?.status, "failure");
    });

    promise("is listed, and deleted like any other", async (store) => {
      const run = await asleep(store);
      await store.cancel(run, BY, without);
      const page = await store.list({ status: "cancelled", workflow: "deploy" }, { limit: 5 });
      assert.deepEqual(
        page.runs.map(({ id }) => id),
        [run],
      );
      assert.equal(await store.forget(NOW + HOUR, 10), 1);
    });
  });

  describe(`${name}: a workflow's "cancelled"`, () => {
    promise("is called once for a run that had started, and keeps the group's place while it runs", async (store) => {
      const run = await asleep(store, { group: "g" });
      const next = await store.accept(event({ group: "g", input: 2 }), lease());
      await store.cancel(run, BY, withHandler);
      assert.equal(
        (await store.accept(event({ group: "g", input: 3 }), { ...lease(NOW + 6), take: true })).claim,
        undefined,
      );
      assert.equal(await store.nextDue(), NOW + 6);
      const [claim, ...others] = await store.claim(claimAt(NOW + 6));
      assert.deepEqual([claim?.run.id, claim?.handler, claim?.attempt, others], [run, true, 2, []]);
      assert.equal(await statusOf(store, run), "cancelled");
      assert.match(
        ((await store.rerun(run, NOW + 6, { evenIfOlder: true })) as { reason: string }).reason,
        /`cancelled` is still running/,
      );
      assert.deepEqual(await store.extend([claim!], LEASE_MS), [claim]);
      await store.saveStep(claim!, {
        ...{
          name: "tidy",
          kind: "step",
          attempt: 2,
          startedAt: NOW + 6,
          endedAt: NOW + 7,
          result: 1,
          error: undefined,
        },
      });
      assert.deepEqual(await store.claim(claimAt(NOW + 8)), [], "the next begins when it has ended");
      const attempt = { ...attemptOf(claim!, "success", NOW + 9), handler: true };
      const settled = await store.settle(claim!, attempt, SUCCESS);
      assert.deepEqual([settled?.status, settled?.endedAt, settled?.outputs], ["cancelled", NOW + 5, undefined]);
      assert.equal(await store.settle(claim!, attempt, SUCCESS), undefined);
      const { attempts, steps } = (await store.get(run))!;
      assert.deepEqual(
        attempts.map(({ number, outcome, handler }) => [number, outcome, handler]),
        [
          [1, "waiting", undefined],
          [2, "success", true],
        ],
      );
      assert.ok(steps.some(({ name }) => name === "tidy"));
      const [after] = await store.claim(claimAt(NOW + 10));
      assert.notEqual(after?.run.id, next.run, "a newer one took its place");
      assert.equal(after?.run.input, 3);
    });

    promise(
      "is not called for a run that never began, or for one that ended before it learned about the cancel",
      async (store) => {
        const { run: queued } = await store.accept(event(), lease());
        await store.cancel(queued, BY, withHandler);
        const { run: running } = await store.accept(event(), lease());
        const claim = await claimOne(store);
        await store.cancel(running, BY, withHandler);
        await store.settle(claim, attemptOf(claim, "success", NOW + 7), SUCCESS);
        const withToken = await store.accept(event({ ownToken: true }), lease());
        await store.cancel(withToken.run, BY, withHandler);
        await store.settle(withToken.claim!, attemptOf(withToken.claim!, "cancelled", NOW + 7), FAILURE);
        assert.equal(await statusOf(store, withToken.run), "cancelled");
        assert.deepEqual(await store.claim(claimAt(NOW + LEASE_MS)), []);
      },
    );

    promise("is called after a running attempt has ended, also with its process", async (store) => {
      const runs = [];
      for (let at = 0; at < 2; at++) runs.push((await store.accept(event(), lease())).run);
      const [first] = await store.claim(claimAt());
      for (const run of runs) await store.cancel(run, BY, withHandler);
      assert.deepEqual(await store.claim(claimAt(NOW + 6)), []);
      await store.settle(first!, attemptOf(first!, "cancelled", NOW + 7), { status: "cancelled", reason: "" });
      const called = await store.claim(claimAt(NOW + 8));
      assert.deepEqual([ids(called), called[0]?.handler], [[first?.run.id], true]);
      const later = await store.claim(claimAt(NOW + LEASE_MS));
      assert.deepEqual([later.map(({ handler }) => handler), later.length], [[true], 1]);
    });

    promise("whose process ends is not called again, and the history shows it", async (store) => {
      const run = await asleep(store, { group: "g" });
      const next = await store.accept(event({ group: "g", input: 2 }), lease());
      await store.cancel(run, BY, withHandler);
      assert.equal((await store.claim(claimAt(NOW + 6)))[0]?.handler, true);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 6 + LEASE_MS))), [next.run]);
      const { run: ended, attempts } = (await store.get(run))!;
      assert.deepEqual([ended.status, ended.reason], ["cancelled", "Cancelled by token alice."]);
      assert.deepEqual(
        attempts.map(({ outcome, handler }) => [outcome, handler]),
        [
          ["waiting", undefined],
          ["interrupted", true],
        ],
      );
    });
  });

  describe(`${name}: a group that cancels its running run`, () => {
    const order: Order = { cancelRunning: true };

    promise("immediately cancels a run that waits, and begins the newer one", async (store) => {
      const older = await asleep(store, { group: "g", order });
      const newer = await store.accept(event({ group: "g", input: 2, order }), { ...lease(NOW + 1), take: true });
      assert.ok(newer.claim);
      assert.deepEqual([newer.superseded, newer.cancels], [undefined, undefined]);
      const { run } = (await store.get(older))!;
      assert.deepEqual(
        [run.status, run.reason, run.supersededBy],
        ["cancelled", `Cancelled: run ${newer.run.slice(0, 8)} of the same group replaced it.`, newer.run],
      );
      assert.equal(await store.wake(["check mona/app abc"]), 0);
    });

    promise("lets a running one end first, and returns the process to notify", async (store) => {
      const older = await store.accept(event({ group: "g", order }), { ...lease(), take: true });
      const newer = await store.accept(event({ group: "g", input: 2, order }), { ...lease(NOW + 1), take: true });
      assert.deepEqual([newer.claim, newer.cancels], [undefined, [older.run]]);
      assert.deepEqual(await store.claim(claimAt(NOW + 2)), []);
      const newest = await store.accept(event({ group: "g", input: 3, order }), { ...lease(NOW + 2), take: true });
      assert.deepEqual([newest.superseded, newest.cancels], [newer.run, undefined]);
      await store.settle(older.claim!, attemptOf(older.claim!, "cancelled", NOW + 3), FAILURE);
      const { run } = (await store.get(older.run))!;
      assert.match(run.reason ?? "", new RegExp(newer.run.slice(0, 8)));
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 4))), [newest.run]);
    });

    promise("calls the older one's `cancelled` before the newer one begins", async (store) => {
      const handled = { ...order, hasHandler: true };
      const older = await asleep(store, { group: "g", order: handled });
      const newer = await store.accept(event({ group: "g", input: 2, order: handled }), {
        ...lease(NOW + 1),
        take: true,
      });
      assert.equal(newer.claim, undefined);
      const called = await claimOne(store, NOW + 2);
      assert.deepEqual([called.run.id, called.handler], [older, true]);
      await store.settle(called, { ...attemptOf(called, "success", NOW + 3), handler: true }, SUCCESS);
      assert.equal((await claimOne(store, NOW + 4)).run.id, newer.run);
    });

    promise("runs the newest of events that come at the same time, and ends the others", async (store) => {
      const events = Array.from({ length: 8 }, (_, at) => event({ group: "g", input: at, order }));
      const accepted = await Promise.all(events.map((each) => store.accept(each, { ...lease(), take: true })));
      for (const { claim } of accepted) {
        if (claim) await store.settle(claim, attemptOf(claim, "cancelled", NOW + 1), FAILURE);
      }
      const claim = await claimOne(store, NOW + 2);
      await store.settle(claim, attemptOf(claim, "success", NOW + 3), SUCCESS);
      const { runs } = await store.list({}, { limit: 100 });
      assert.deepEqual(Map.groupBy(runs, ({ status }) => status).get("success")?.length, 1);
      assert.ok(runs.every(({ endedAt }) => endedAt !== undefined));
    });

    promise("leaves a run alone that brought its token, or is of another group", async (store) => {
      const other = await asleep(store, { group: "h", order });
      const withToken = await store.accept(event({ group: "g", order, ownToken: true }), lease());
      await store.accept(event({ group: "g", order }), lease());
      assert.equal(await statusOf(store, other), "waiting");
      assert.equal((await store.get(withToken.run))?.run.cancelledBy, undefined);
    });
  });
}
