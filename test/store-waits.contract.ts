import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import type { Claim, Settlement } from "../src/model/claim.ts";
import type { Attempt, BegunWait, Step } from "../src/model/run.ts";
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
  statusOf,
} from "./store.contract.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function sleep(claim: Claim, name: string, inMs: number, facts: Partial<BegunWait> = {}): BegunWait {
  return { name, kind: "sleep", attempt: claim.attempt, startedAt: NOW, until: { inMs }, ...facts };
}

function waiting(waits: readonly BegunWait[], wakeKeys: readonly string[] = [], reason = "waits"): Settlement {
  return { status: "waiting", reason, waits, wakeKeys };
}

/** Ends an attempt with waits. */
async function wait(store: RunStore, claim: Claim, settlement: Settlement, at = NOW, facts: Partial<Attempt> = {}) {
  const reason = "reason" in settlement ? settlement.reason : undefined;
  return store.settle(claim, { ...attemptOf(claim, "waiting", at), startedAt: at, reason, ...facts }, settlement);
}

function done({ name, kind, attempt, startedAt }: BegunWait, at: number, result: Step["result"] = "over"): Step {
  return { name, kind, attempt, startedAt, endedAt: at, result, error: undefined };
}

/** What every store promises about waiting runs. The tests of each store run it. */
export function waitsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: a run that waits`, () => {
    promise("is due when the first of its waits may be over, and then knows which one", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      assert.deepEqual([first.steps, first.waits ?? []], [[], []]);
      const waits = [sleep(first, "short", MINUTE), sleep(first, "long", HOUR)];
      const settled = await wait(store, first, waiting(waits, [], "until short"));
      assert.deepEqual(
        [settled?.status, settled?.dueAt, settled?.reason, settled?.kind, settled?.endedAt],
        ["waiting", NOW + MINUTE, "until short", undefined, undefined],
      );
      assert.equal(await store.nextDue(), NOW + MINUTE);
      assert.deepEqual(await store.claim(claimAt(NOW + MINUTE - 1)), []);

      const second = await claimOne(store, NOW + MINUTE);
      assert.equal(second.attempt, 2);
      const known = { kind: "sleep", attempt: 1, startedAt: NOW, answer: undefined } as const;
      const byName = (second.waits ?? []).toSorted((a, b) => b.name.localeCompare(a.name));
      assert.deepEqual(byName, [
        { ...known, name: "short", isOver: true },
        { ...known, name: "long", isOver: false },
      ]);
      await store.saveStep(second, done(waits[0]!, NOW + MINUTE));
      // A current wait ends at its time, even if a later attempt requests another time.
      await wait(store, second, waiting([sleep(first, "long", 5 * HOUR)]), NOW + MINUTE);
      const { run: asleep, steps, attempts } = (await store.get(run))!;
      assert.deepEqual([asleep.dueAt, asleep.attempts], [NOW + HOUR, 2]);
      assert.deepEqual(
        steps.map(({ name, endedAt, until, result }) => [name, endedAt, until, result]).toSorted(),
        [
          ["long", undefined, NOW + HOUR, undefined],
          ["short", NOW + MINUTE, NOW + MINUTE, "over"],
        ].toSorted(),
      );
      assert.deepEqual(
        attempts.map(({ outcome }) => outcome),
        ["waiting", "waiting"],
      );
      const third = await claimOne(store, NOW + HOUR);
      assert.deepEqual(
        [third.steps.map(({ name }) => name), third.waits?.map(({ name }) => name)],
        [["short"], ["long"]],
      );
      assert.equal((await store.settle(third, attemptOf(third), SUCCESS))?.status, "success");
      assert.equal(await store.nextDue(), undefined);
    });

    promise("blocks a due run of its group", async (store) => {
      await store.accept(event({ group: "a" }), lease());
      const claim = await claimOne(store);
      await wait(store, claim, waiting([sleep(claim, "short", MINUTE)]));
      await store.accept(event({ group: "a" }), lease());
      assert.deepEqual(await store.claim({ ...lease(), limit: 10 }), []);
      assert.equal(await store.nextDue(), NOW);
      assert.equal(await store.nextDue(0), NOW + MINUTE);
      assert.equal(await store.nextDue(1), NOW);
      const held = await claimOne(store, NOW + MINUTE);
      assert.equal(held.run.id, claim.run.id);
      assert.equal(await store.nextDue(0), undefined);
    });

    promise("is due after a time, or when it is woken, even without waits", async (store) => {
      const { run } = await store.accept(event(), lease());
      const missing: Settlement = { ...waiting([], ["workflow tests"]), againInMs: 5000 } as Settlement;
      assert.equal((await wait(store, await claimOne(store), missing))?.dueAt, NOW + 5000);
      assert.equal((await wait(store, await claimOne(store, NOW + 5000), missing, NOW + 5000))?.dueAt, NOW + 10_000);
      assert.equal(await store.wake(["workflow tests"]), 1);
      const claim = await claimOne(store, NOW + 5000);
      assert.deepEqual([claim.run.id, claim.waits], [run, []]);
    });

    promise("lists the events that wake it, while it waits", async (store) => {
      const { run } = await store.accept(event(), lease());
      const claim = await claimOne(store);
      await wait(
        store,
        claim,
        waiting([sleep(claim, "long", HOUR)], ["pull_request acme/shop 7", "check acme/shop abc"]),
      );
      assert.deepEqual((await store.get(run))?.wakeKeys, ["check acme/shop abc", "pull_request acme/shop 7"]);
      await store.wake(["check acme/shop abc"]);
      await claimOne(store);
      assert.equal((await store.get(run))?.wakeKeys, undefined);
    });

    promise("checks again after a time, or until a date, and never ends a wait early", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      const poll = sleep(claim, "merged", HOUR, { kind: "waitUntil", againInMs: 5000 });
      const date = sleep(claim, "date", 0, { until: { at: NOW + 8000 } });
      assert.equal((await wait(store, claim, waiting([poll, date])))?.dueAt, NOW + 5000);
      const second = await claimOne(store, NOW + 5000);
      assert.deepEqual(
        second.waits?.map(({ isOver }) => isOver),
        [false, false],
      );
      assert.equal((await wait(store, second, waiting([poll, date]), NOW + 5000))?.dueAt, NOW + 8000);
      const third = await claimOne(store, NOW + 8000);
      assert.deepEqual(
        new Map(third.waits?.map(({ name, isOver }) => [name, isOver])),
        new Map([
          ["merged", false],
          ["date", true],
        ]),
      );
    });

    promise("may wait for a month, which does not count as a wrong clock", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      const month = 30 * 24 * HOUR;
      await wait(store, claim, waiting([sleep(claim, "month", month)]));
      assert.deepEqual(await store.claim(claimAt(NOW + month - 1)), []);
      assert.deepEqual((await claimOne(store, NOW + month)).waits?.[0]?.isOver, true);
    });

    promise("keeps its place in its group: later runs are queued until it has ended", async (store) => {
      const first = await store.accept(event({ group: "g" }), lease());
      const claim = await claimOne(store);
      await wait(store, claim, waiting([sleep(claim, "s", MINUTE)]));
      const second = await store.accept(event({ group: "g", input: 2 }), { ...lease(), take: true });
      assert.deepEqual([second.claim, second.superseded], [undefined, undefined]);
      assert.deepEqual(await store.claim(claimAt(NOW + 1000)), []);
      assert.equal((await store.rerun(first.run, NOW + 1000)).status, "notNeeded");
      const woken = await store.claim(claimAt(NOW + MINUTE));
      assert.deepEqual(ids(woken), [first.run]);
      await store.settle(woken[0]!, attemptOf(woken[0]!, "success", NOW + MINUTE), SUCCESS);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + MINUTE))), [second.run]);
    });

    promise("has its place in the order of due runs", async (store) => {
      const early = await store.accept(event(), lease());
      const claim = await claimOne(store);
      await wait(store, claim, waiting([sleep(claim, "s", 5)]));
      const before = await store.accept(event(), lease(NOW + 4));
      const after = await store.accept(event(), lease(NOW + 6));
      const taken = [];
      for (let at = 0; at < 3; at++) taken.push(...ids(await store.claim({ ...claimAt(NOW + 10), limit: 1 })));
      assert.deepEqual(taken, [before.run, early.run, after.run]);
    });

    promise("resets its retries, and is retried like any other run with its waits", async (store) => {
      await store.accept(event({ group: "g" }), lease());
      const first = await claimOne(store);
      await store.settle(first, attemptOf(first, "failure"), again(NOW + 10));
      const second = await claimOne(store, NOW + 10);
      assert.equal(second.run.failures, 1);
      const asleep = await wait(store, second, waiting([sleep(second, "s", HOUR, { againInMs: 1000 })]), NOW + 20);
      assert.deepEqual([asleep?.failures, asleep?.retriesFrom], [0, NOW + 20]);
      const third = await claimOne(store, NOW + 1020);
      await store.settle(third, attemptOf(third, "failure", NOW + 1020), again(NOW + 2000));
      const fourth = await claimOne(store, NOW + 2000);
      assert.deepEqual(
        fourth.waits?.map(({ name, attempt }) => [name, attempt]),
        [["s", 2]],
      );
      assert.equal(fourth.run.failures, 1);
    });

    promise("keeps its waits when an attempt is interrupted", async (store) => {
      await store.accept(event(), lease());
      const first = await claimOne(store);
      await wait(store, first, waiting([sleep(first, "s", MINUTE)]));
      await claimOne(store, NOW + MINUTE);
      const again = await claimOne(store, NOW + 2 * MINUTE);
      assert.deepEqual([again.attempt, again.waits?.map(({ name, isOver }) => [name, isOver])], [3, [["s", true]]]);
    });

    promise("of a re-run begins its waits again", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      await wait(store, first, waiting([sleep(first, "s", MINUTE)]));
      const second = await claimOne(store, NOW + MINUTE);
      await store.settle(second, attemptOf(second), SUCCESS);
      assert.equal((await store.rerun(run, NOW + MINUTE)).status, "queued");
      const third = await claimOne(store, NOW + MINUTE);
      assert.deepEqual([third.steps, third.waits], [[], []]);
      await wait(store, third, waiting([sleep(third, "s", HOUR)]), NOW + MINUTE);
      assert.equal((await store.get(run))?.run.dueAt, NOW + MINUTE + HOUR);
    });

    promise("leaves few attempts in its history, for any number of equal checks", async (store) => {
      const { run } = await store.accept(event(), lease());
      let at = NOW;
      const poll = (claim: Claim) => sleep(claim, "merged", HOUR, { kind: "waitUntil", attempt: 1, againInMs: 1000 });
      for (let look = 1; look <= 6; look++, at += 1000) {
        const claim = await claimOne(store, at);
        // The fourth attempt does something.
        if (look === 4)
          await store.saveStep(claim, { ...done(poll(claim), at), name: "told", kind: "step", attempt: 4 });
        await wait(store, claim, waiting([poll(claim)], [], look < 6 ? "a" : "b"), at);
      }
      assert.deepEqual(
        (await store.get(run))?.attempts.map(({ number, reason }) => [number, reason]),
        [
          [1, "a"],
          [4, "a"],
          [5, "a"],
          [6, "b"],
        ],
      );
    });

    promise("shows unfinished steps, and hands only finished ones to the next attempt", async (store) => {
      const { run } = await store.accept(event(), lease());
      const claim = await claimOne(store);
      const begun = {
        ...done(sleep(claim, "send", 0), NOW),
        kind: "step",
        endedAt: undefined,
        result: undefined,
      } as const;
      await store.saveStep(claim, begun);
      assert.deepEqual(
        (await store.get(run))?.steps.map(({ name, kind, endedAt }) => [name, kind, endedAt]),
        [["send", "step", undefined]],
      );
      await store.settle(claim, attemptOf(claim, "failure"), again(NOW + 1));
      const second = await claimOne(store, NOW + 1);
      assert.deepEqual([second.steps, second.waits], [[], []]);
      await store.saveStep(second, { ...begun, attempt: 2, endedAt: NOW + 2, result: 7 });
      await store.settle(second, attemptOf(second, "failure"), again(NOW + 3));
      const third = await claimOne(store, NOW + 3);
      assert.deepEqual(
        third.steps.map(({ attempt, result }) => [attempt, result]),
        [[2, 7]],
      );
    });

    promise("is counted apart from what is queued or running, and is listed", async (store) => {
      const { run } = await store.accept(event({ group: "g" }), lease());
      const claim = await claimOne(store);
      await wait(store, claim, waiting([sleep(claim, "s", HOUR)]));
      await store.accept(event({ group: "g", input: 2 }), lease());
      const { queued, running, waiting: asleep } = await store.overview.activity(NOW);
      assert.deepEqual([queued, running, asleep], [1, 0, 1]);
      assert.deepEqual(
        (await store.waiting()).map(({ reason, count }) => [reason, count]).toSorted(),
        [
          ["turn", 1],
          ["wait", 1],
        ].toSorted(),
      );
      assert.deepEqual(
        (await store.list({ status: "waiting" }, { limit: 10 })).runs.map(({ id }) => id),
        [run],
      );
      assert.equal(await store.forget(NOW + 1000 * HOUR, 10), 0);
      assert.equal(await statusOf(store, run), "waiting");
    });
  });

  describe(`${name}: an event that a run waits for`, () => {
    const key = "pull_request mona/app 7";
    const poll = (claim: Claim) => sleep(claim, "merged", HOUR, { kind: "waitUntil", attempt: 1 });

    promise("wakes every run that waits for it, and no other", async (store) => {
      for (const keys of [[key, "check mona/app abc"], [key], ["pull_request mona/app 70"]]) {
        await store.accept(event({ input: keys }), lease());
        const claim = await claimOne(store);
        await wait(store, claim, waiting([poll(claim)], keys));
      }
      assert.equal(await store.wake(["pull_request mona/app 8"]), 0);
      assert.equal(await store.wake([]), 0);
      assert.deepEqual(await store.claim(claimAt(NOW + 1)), []);
      assert.equal(await store.wake(["pull_request mona/app 8", key, key]), 2);
      assert.equal(await store.nextDue(), NOW + 1);
      const claims = await store.claim(claimAt(NOW + 1));
      assert.deepEqual(
        claims.map(({ run, waits }) => [run.input, waits?.[0]?.isOver]),
        [
          [[key, "check mona/app abc"], false],
          [[key], false],
        ],
      );
    });

    promise("is not missed during an attempt: the run immediately checks again, and once", async (store) => {
      await store.accept(event(), lease());
      const first = await claimOne(store);
      assert.equal(await store.wake([key]), 0, "nothing is known of it yet");
      await wait(store, first, waiting([poll(first)], [key]));
      await store.at(NOW + 10);
      await store.wake([key]);
      const second = await claimOne(store, NOW + 10);
      assert.equal(await store.wake([key]), 1);
      assert.equal((await wait(store, second, waiting([poll(first)], [key]), NOW + 20))?.dueAt, NOW + 20);
      const third = await claimOne(store, NOW + 20);
      assert.equal((await wait(store, third, waiting([poll(first)], [key]), NOW + 30))?.dueAt, NOW + HOUR);
    });

    promise("wakes for its current waits, not for earlier ones", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      await wait(store, first, waiting([poll(first)], [key, key]));
      await store.wake([key]);
      const second = await claimOne(store);
      await wait(store, second, waiting([poll(first)], ["check mona/app abc"]));
      assert.equal(await store.wake([key]), 0);
      assert.equal(await store.wake(["check mona/app abc"]), 1);
      const third = await claimOne(store);
      await store.settle(third, attemptOf(third), SUCCESS);
      assert.equal(await store.wake(["check mona/app abc"]), 0);
      assert.equal(await statusOf(store, run), "success");
    });

    promise("has a key of any length, and never delays the end of an attempt", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      const long = `check mona/${randomBytes(5000).toString("base64")} abc`;
      assert.equal((await wait(store, claim, waiting([poll(claim)], [long, key])))?.status, "waiting");
      assert.equal(await store.wake([long]), 0);
      assert.equal(await store.wake([key]), 1);
    });
  });

  describe(`${name}: a callback`, () => {
    const asked = { name: "approval", schema: { type: "object" } };
    const asking = (claim: Claim, attempt = claim.attempt) =>
      sleep(claim, "approval", HOUR, { kind: "callback", attempt });
    const by = (at: number, actor = "callback") => ({ actor, at });
    const known = { name: "approval", workflow: "deploy", schema: { type: "object" } };

    promise("gets one answer, which makes its run due", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      const secret = await store.openCallback(first, asked);
      assert.match(secret, /^[\w-]{43}$/);
      assert.equal(await store.openCallback(first, asked), secret, "each attempt hands out the same one");
      const other = await store.openCallback(first, { name: "other", schema: undefined });
      assert.notEqual(other, secret);
      assert.deepEqual(await store.callback(secret), { ...known, run, state: "open", answeredAt: undefined });
      assert.equal(await store.callback(`${secret}x`), undefined);
      await wait(store, first, waiting([asking(first)]));

      await store.at(NOW + 10);
      const [before, again] = await Promise.all([
        store.answerCallback(secret, { approved: true }, by(NOW + 10, "token bob")),
        store.answerCallback(secret, { approved: false }, by(NOW + 10, "token eve")),
      ]);
      assert.deepEqual([before?.state, again?.state], ["open", "answered"]);
      assert.equal(await store.answerCallback(`${secret}x`, null, by(NOW + 10)), undefined);
      assert.equal((await store.callback(secret))?.answeredAt, NOW + 10);
      assert.equal((await store.callback(other))?.state, "open");
      const second = await claimOne(store, NOW + 10);
      assert.deepEqual(
        second.waits?.map(({ isOver, answer }) => [isOver, answer]),
        [[false, { body: { approved: true }, actor: "token bob", at: NOW + 10 }]],
      );
      assert.deepEqual((await store.get(run))?.actions, [
        { at: NOW + 10, actor: "token bob", action: "answered", details: "approval" },
      ]);
      await store.saveStep(second, done(asking(first), NOW + 11, { approved: true }));
      assert.equal((await store.callback(other))?.state, "open");
      await store.settle(second, attemptOf(second, "success", NOW + 12), SUCCESS);
      assert.equal((await store.callback(other))?.state, "over", "its run has ended");
      assert.equal((await store.answerCallback(other, 1, by(NOW + 13)))?.state, "over");
      assert.equal((await store.get(run))?.actions.length, 1);
    });

    promise("that gets its answer during the attempt ends its wait immediately", async (store) => {
      await store.accept(event(), lease());
      const first = await claimOne(store);
      const secret = await store.openCallback(first, asked);
      await store.answerCallback(secret, "early", by(NOW + 1));
      assert.equal((await wait(store, first, waiting([asking(first)]), NOW + 2))?.dueAt, NOW + 2);
      const second = await claimOne(store, NOW + 2);
      assert.equal(second.waits?.[0]?.answer?.body, "early");
      await store.settle(second, attemptOf(second), SUCCESS);

      await store.accept(event({ input: 2 }), lease(NOW + 3));
      const third = await claimOne(store, NOW + 3);
      await wait(store, third, waiting([asking(third), sleep(third, "s", MINUTE)]), NOW + 3);
      const late = await claimOne(store, NOW + 3 + MINUTE);
      await store.answerCallback(await store.openCallback(late, asked), "late", by(NOW + 4 + MINUTE));
      await wait(store, late, waiting([asking(third, 1)]), NOW + 5 + MINUTE);
      assert.equal(
        (await claimOne(store, NOW + 5 + MINUTE)).waits?.find(({ kind }) => kind === "callback")?.answer?.body,
        "late",
      );
    });

    promise("of a re-run from the start is another one: earlier answers do not count", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      const secret = await store.openCallback(first, asked);
      await store.answerCallback(secret, 1, by(NOW + 1));
      await store.settle(first, attemptOf(first, "failure"), FAILURE);
      await store.rerun(run, NOW + 2);
      const second = await claimOne(store, NOW + 2);
      const another = await store.openCallback(second, asked);
      assert.notEqual(another, secret);
      assert.deepEqual(
        [(await store.callback(secret))?.state, (await store.callback(another))?.state],
        ["answered", "open"],
      );
      assert.equal((await wait(store, second, waiting([asking(second)]), NOW + 3))?.dueAt, NOW + 3 + HOUR);
    });

    promise("of an attempt that lost its run is not opened", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim), SUCCESS);
      assert.equal(await store.callback(await store.openCallback(claim, asked)), undefined);
    });

    promise("accepts any answer, and any name", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      for (const odd of ["a\0b", "\ud83d", randomBytes(100_000).toString("hex")]) {
        const each = `approval ${odd}`.slice(0, 200);
        const secret = await store.openCallback(claim, { name: each, schema: undefined });
        assert.equal(await store.openCallback(claim, { name: each, schema: undefined }), secret);
        assert.equal((await store.answerCallback(secret, { odd }, by(NOW + 1, odd.slice(0, 50))))?.state, "open");
      }
      assert.equal(
        (await store.answerCallback(await store.openCallback(claim, asked), null, by(NOW + 1)))?.state,
        "open",
      );
    });
  });
}
