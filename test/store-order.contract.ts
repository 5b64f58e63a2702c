import assert from "node:assert/strict";
import { describe } from "node:test";
import type { NewRun, Order } from "../src/model/new-run.ts";
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
  SUCCESS,
  statusOf,
  type TimedStore,
} from "./store.contract.ts";

const SECOND = 1000;
/** The tests let this time pass, ms. A lease lasts a minute, so no claim is lost. */
const PER = 10_000;

/** What every store promises about the order and the rate in which runs begin. The tests of each store run it. */
export function orderContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  const sending = (order: Order, facts: Partial<NewRun> = {}) => {
    let input = 0;
    return (store: TimedStore, now = NOW, take = false) =>
      store.accept(event({ order, input: ++input, ...facts }), { ...lease(now), take });
  };
  const dueOf = async (store: TimedStore, id: string) => ((await store.get(id))?.run.dueAt ?? 0) - NOW;

  describe(`${name}: a group in which every event runs (queue "all")`, () => {
    const send = sending({ queue: "all" }, { group: "g" });

    promise("runs them in the order of their acceptance, one at a time", async (store) => {
      const first = await send(store, NOW, true);
      assert.ok(first.claim, "the first one begins immediately");
      const others = [await send(store, NOW, true), await send(store, NOW + 1, true), await send(store, NOW + 2)];
      for (const { claim, superseded, joined } of others) {
        assert.deepEqual([claim, superseded, joined], [undefined, undefined, false]);
      }
      let claim = first.claim;
      for (const { run } of others) {
        assert.deepEqual(await store.claim(claimAt(NOW + PER)), []);
        await store.settle(claim!, attemptOf(claim!), SUCCESS);
        claim = await claimOne(store, NOW + PER);
        assert.equal(claim.run.id, run);
      }
    });

    promise("keeps later ones waiting while one is due for a retry", async (store) => {
      const first = (await send(store, NOW, true)).claim!;
      const second = await send(store);
      await store.settle(first, attemptOf(first, "failure"), again(NOW + PER));
      assert.deepEqual(await store.claim(claimAt(NOW + SECOND)), []);
      assert.equal((await send(store, NOW + SECOND, true)).claim, undefined);
      const retried = await claimOne(store, NOW + PER);
      assert.equal(retried.run.id, first.run.id);
      await store.settle(retried, attemptOf(retried), SUCCESS);
      assert.equal((await claimOne(store, NOW + PER)).run.id, second.run);
    });

    promise("joins no events, even if they are the same", async (store) => {
      const same = { order: { queue: "all" }, group: "g", input: 7 } as const;
      const first = (await store.accept(event(same), { ...lease(), take: true })).claim!;
      await store.settle(first, attemptOf(first, "failure"), again(NOW + PER));
      const second = await store.accept(event(same), lease());
      assert.equal(second.joined, false);
      assert.notEqual(second.run, first.run.id);
    });

    promise("puts a re-run into its place in the line, and never after a newer one that has begun", async (store) => {
      const first = (await send(store, NOW, true)).claim!;
      const second = await send(store);
      await store.settle(first, attemptOf(first, "failure"), FAILURE);
      assert.equal((await store.rerun(first.run.id, NOW + 5)).status, "queued");
      const rerun = await claimOne(store, NOW + 5);
      assert.equal(rerun.run.id, first.run.id, "it is before the other");
      await store.settle(rerun, attemptOf(rerun, "failure"), FAILURE);

      const newer = await claimOne(store, NOW + 5);
      assert.equal(newer.run.id, second.run);
      const late = await store.rerun(first.run.id, NOW + 6);
      assert.ok(late.status === "notNeeded" && late.canForce && late.reason.includes(second.run));
      assert.equal((await store.rerun(first.run.id, NOW + 6, { evenIfOlder: true })).status, "queued");
      assert.deepEqual(await store.claim(claimAt(NOW + 7)), [], "one at a time");
    });

    promise("continues in order when the workflow changes to the newest only, and back", async (store) => {
      const running = (await send(store, NOW, true)).claim!;
      const inLine = [(await send(store)).run, (await send(store)).run];
      const newest = sending({}, { group: "g" });
      const one = await newest(store);
      const two = await newest(store, NOW, true);
      assert.deepEqual([two.superseded, two.claim], [one.run, undefined], "it replaces its like alone");
      const last = await send(store);
      await store.settle(running, attemptOf(running), SUCCESS);
      for (const run of [...inLine, two.run, last.run]) {
        const claim = await claimOne(store);
        assert.equal(claim.run.id, run);
        await store.settle(claim, attemptOf(claim), SUCCESS);
      }
    });
  });

  describe(`${name}: throttle`, () => {
    const throttle = { limit: 2, perMs: PER };

    promise(
      "lets the allowed number of runs of a workflow begin, and the others when it is their turn",
      async (store) => {
        const send = sending({ throttle });
        const runs = [await send(store, NOW, true), await send(store, NOW, true)];
        assert.ok(runs.every(({ claim }) => claim !== undefined));
        for (const expected of [1, 1, 2, 2, 3].map((nth) => nth * PER)) {
          const { run, claim, superseded } = await send(store, NOW + SECOND, true);
          assert.deepEqual([claim, superseded], [undefined, undefined], "nothing is dropped");
          assert.equal(await dueOf(store, run), expected);
        }
        assert.deepEqual(await store.claim(claimAt(NOW + PER - 1)), []);
        assert.equal((await store.claim(claimAt(NOW + PER))).length, 2);
        assert.equal((await store.claim(claimAt(NOW + 2 * PER))).length, 2);
        assert.equal((await store.claim(claimAt(NOW + 3 * PER))).length, 1);
      },
    );

    promise("counts by group if there is one, and does not affect other workflows", async (store) => {
      const order = { throttle: { limit: 1, perMs: PER } };
      const [a, b] = [sending(order, { group: "a" }), sending(order, { group: "b" })];
      const first = (await a(store, NOW, true)).claim!;
      await store.settle(first, attemptOf(first), SUCCESS);
      assert.ok((await b(store, NOW, true)).claim);
      assert.ok((await sending(order, { workflow: "other" })(store, NOW, true)).claim);
      const second = await a(store, NOW + SECOND, true);
      const third = await a(store, NOW + 2 * SECOND, true);
      assert.deepEqual([second.claim, third.claim, third.superseded], [undefined, undefined, second.run]);
      assert.equal(await dueOf(store, third.run), PER, "the newer one has the place of the one that it replaced");
      assert.equal((await claimOne(store, NOW + PER)).run.id, third.run);
    });

    promise("also applies to runs that begin later than planned", async (store) => {
      const send = sending({ throttle });
      await store.pause("deploy", { actor: "a", at: NOW });
      for (let n = 0; n < 5; n++) await send(store, NOW, true);
      await store.resume("deploy", { actor: "a", at: NOW });
      const late = NOW + 10 * PER;
      assert.equal((await store.claim(claimAt(late))).length, 2);
      assert.deepEqual(await store.claim(claimAt(late + SECOND)), []);
      assert.equal(await store.nextDue(), late + PER, "it is known when to look again");
      assert.equal((await send(store, late + SECOND, true)).claim, undefined);
      assert.equal((await store.claim(claimAt(late + PER))).length, 2);
      assert.equal((await store.claim(claimAt(late + 2 * PER))).length, 2);
      assert.deepEqual(await store.claim(claimAt(late + 4 * PER)), []);
    });

    promise("does not count another attempt or a re-run", async (store) => {
      const send = sending({ throttle: { limit: 1, perMs: PER } });
      const first = (await send(store, NOW, true)).claim!;
      await store.settle(first, attemptOf(first, "failure"), again(NOW + SECOND));
      const second = await claimOne(store, NOW + SECOND);
      assert.equal(second.run.id, first.run.id);
      await store.settle(second, attemptOf(second, "failure"), FAILURE);
      await store.rerun(first.run.id, NOW + 2 * SECOND);
      const third = await claimOne(store, NOW + 2 * SECOND);
      await store.settle(third, attemptOf(third), SUCCESS);
      const next = await send(store, NOW + 3 * SECOND, true);
      assert.equal(await dueOf(store, next.run), PER);
    });

    promise("counts a run that has begun, even if a newer event replaces its next attempt", async (store) => {
      const send = sending({ throttle: { limit: 1, perMs: PER } }, { group: "g" });
      for (const events of [1, 2]) {
        const now = NOW + events * 10 * PER;
        const first = (await send(store, now, true)).claim!;
        await store.settle(first, attemptOf(first, "failure", now), again(now + 2 * SECOND));
        // PostgreSQL stores both in one transaction.
        const newer = await Promise.all(Array.from({ length: events }, () => send(store, now + SECOND, true)));
        assert.equal(newer[0]?.superseded, first.run.id);
        const { run, claim } = newer.at(-1)!;
        assert.equal(claim, undefined);
        assert.equal(NOW + (await dueOf(store, run)), now + PER);
        assert.equal(await store.nextDue(0), now + PER, "it is known when to look again");
        const last = await claimOne(store, now + PER);
        await store.settle(last, attemptOf(last, "success", now + PER), SUCCESS);
      }
    });

    promise("may let a run wait for hours, which does not count as a wrong clock", async (store) => {
      const send = sending({ throttle: { limit: 1, perMs: 7_200_000 } });
      await send(store, NOW, true);
      const [second, third] = [await send(store), await send(store)];
      assert.deepEqual(await store.claim(claimAt(NOW + SECOND)), []);
      assert.deepEqual([await dueOf(store, second.run), await dueOf(store, third.run)], [7_200_000, 14_400_000]);
    });

    promise("does not limit runs with the caller's token, which cannot wait", async (store) => {
      const send = sending({ throttle: { limit: 1, perMs: PER } }, { ownToken: true });
      for (let n = 0; n < 3; n++) assert.ok((await send(store, NOW, true)).claim);
    });

    promise("holds for many at the same time", async (store) => {
      const order = { throttle: { limit: 3, perMs: PER } };
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, input) => store.accept(event({ order, input }), { ...lease(), take: true })),
      );
      assert.equal(all.filter(({ claim }) => claim).length, 3);
      const due = await Promise.all(all.filter(({ claim }) => !claim).map(({ run }) => dueOf(store, run)));
      assert.deepEqual(
        due.toSorted((a, b) => a - b),
        [1, 1, 1, 2, 2, 2, 3].map((n) => n * PER),
      );
    });
  });

  describe(`${name}: debounce`, () => {
    const debounceMs = 30 * SECOND;

    promise("begins the newest event after a quiet time", async (store) => {
      for (const facts of [{}, { group: "g" }]) {
        const send = sending({ debounceMs }, facts);
        const first = await send(store, NOW, true);
        assert.equal(first.claim, undefined);
        const second = await send(store, NOW + 20 * SECOND, true);
        assert.equal(second.superseded, first.run);
        assert.equal(await dueOf(store, second.run), 50 * SECOND);
        assert.deepEqual(await store.claim(claimAt(NOW + 50 * SECOND - 1)), []);
        const claim = await claimOne(store, NOW + 50 * SECOND);
        assert.equal(claim.run.id, second.run);
        const later = await send(store, NOW + 60 * SECOND);
        assert.equal(later.superseded, undefined, "one that has begun is not replaced");
        await store.settle(claim, attemptOf(claim), SUCCESS);
        const last = await claimOne(store, NOW + 100 * SECOND);
        await store.settle(last, attemptOf(last), SUCCESS);
      }
    });

    promise("is separate for groups and workflows", async (store) => {
      const a = await sending({ debounceMs }, { group: "a" })(store);
      const b = await sending({ debounceMs }, { group: "b" })(store);
      const other = await sending({ debounceMs }, { workflow: "other" })(store);
      assert.deepEqual([b.superseded, other.superseded], [undefined, undefined]);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + debounceMs))), [a.run, b.run, other.run]);
    });

    promise("does not replace a run that waits for another attempt without a group", async (store) => {
      const send = sending({ debounceMs });
      const { run } = await send(store);
      const claim = await claimOne(store, NOW + debounceMs);
      await store.settle(claim, attemptOf(claim, "failure"), again(NOW + 5 * PER));
      assert.equal((await send(store, NOW + PER)).superseded, undefined);
      assert.equal(await statusOf(store, run), "queued");
    });

    promise("works together with throttle", async (store) => {
      const send = sending({ debounceMs, throttle: { limit: 1, perMs: 60 * SECOND } });
      await send(store);
      assert.equal((await store.claim(claimAt(NOW + 30 * SECOND))).length, 1);
      const next = await send(store, NOW + 40 * SECOND);
      assert.equal(await dueOf(store, next.run), 90 * SECOND, "a minute after the last began");
      const much = await send(store, NOW + 80 * SECOND);
      assert.equal(await dueOf(store, much.run), 110 * SECOND);
    });

    promise("reduces many that come at the same time to one", async (store) => {
      const order = { debounceMs };
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, input) => store.accept(event({ order, input }), { ...lease(), take: true })),
      );
      assert.equal(new Set(all.map(({ superseded }) => superseded)).size, 10);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + debounceMs))), [all.at(-1)?.run]);
    });
  });

  describe(`${name}: a re-run from the failure`, () => {
    const step = (attempt: number, stepName: string) =>
      ({
        name: stepName,
        kind: "step",
        attempt,
        startedAt: NOW,
        endedAt: NOW,
        result: stepName,
        error: undefined,
      }) as const;

    promise("keeps the results of steps; one from the start repeats them", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      await store.saveStep(first, step(1, "a"));
      await store.settle(first, attemptOf(first, "failure"), FAILURE);

      await store.rerun(run, NOW + 5, { from: "failure", actor: "token alice" });
      const second = await claimOne(store, NOW + 5);
      assert.deepEqual([second.attempt, second.steps.map(({ name: each }) => each)], [2, ["a"]]);
      await store.saveStep(second, step(2, "b"));
      await store.settle(second, attemptOf(second, "failure"), FAILURE);
      await store.rerun(run, NOW + 6, { from: "failure" });
      const third = await claimOne(store, NOW + 6);
      assert.deepEqual(third.steps.map(({ name: each }) => each).toSorted(), ["a", "b"]);
      await store.settle(third, attemptOf(third, "failure"), FAILURE);
      await store.rerun(run, NOW + 7, { from: "start" });
      assert.deepEqual((await claimOne(store, NOW + 7)).steps, []);
      assert.deepEqual(
        (await store.get(run))?.actions.map(({ details }) => details),
        ["from the failure", "from the failure", "from the start"],
      );
    });

    promise("continues with unfinished waits, also of a cancelled run", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      const sleep = { name: "a", kind: "sleep", attempt: 1, startedAt: NOW, until: { inMs: 60 * PER } } as const;
      const waiting = { status: "waiting", reason: "sleeps", waits: [sleep], wakeKeys: [] } as const;
      await store.settle(first, attemptOf(first, "waiting"), waiting);
      const due = await dueOf(store, run);
      await store.cancel(run, { actor: "token alice", at: NOW + PER }, () => false);
      assert.equal(await statusOf(store, run), "cancelled");
      assert.equal((await store.rerun(run, NOW + 2 * PER, { from: "failure" })).status, "queued");
      const second = await claimOne(store, NOW + 2 * PER);
      assert.deepEqual(
        second.waits?.map(({ name: each, isOver }) => [each, isOver]),
        [["a", false]],
      );
      await store.settle(second, attemptOf(second, "waiting"), waiting);
      assert.equal(await dueOf(store, run), due, "it lasts for the requested time");
    });

    promise("knows how the run ended before", async (store) => {
      const run = await ended(store, {}, FAILURE);
      await store.rerun(run, NOW + 5, { from: "failure" });
      const claim = await claimOne(store, NOW + 5);
      const again = await store.settle(claim, attemptOf(claim, "success", NOW + 6), SUCCESS);
      assert.equal((await store.endBefore(again!))?.status, "failure");
    });
  });
}
