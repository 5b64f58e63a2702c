import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { Claim, Settlement } from "../src/model/claim.ts";
import type { NewRun } from "../src/model/new-run.ts";
import { MAX_FAILURES, MAX_REJECTED, type RejectedKind } from "../src/model/overview.ts";
import type { Attempt, Step } from "../src/model/run.ts";
import type { RunStore } from "../src/model/store.ts";

/** An empty store that ends with the test, and a function that closes it and opens the same one again, if that is possible. */
export type OpenedStore = { store: TimedStore; reopen?(): Promise<TimedStore> };
export type OpenStore = (t: TestContext) => Promise<OpenedStore>;

/** A store whose clocks the test moves. */
export type TimedStore = RunStore & { at(now: number): Promise<void> };

export const NOW = Date.parse("2026-11-24T12:00:00Z");
export const LEASE_MS = 60_000;

export const lease = (now = NOW, owner = "one") => ({ owner, now, leaseMs: LEASE_MS, take: false });
export const claimAt = (now = NOW, limit = 10) => ({ ...lease(now), limit });

export function event(facts: Partial<NewRun> = {}): NewRun {
  return { id: randomUUID(), workflow: "deploy", group: undefined, input: { n: 1 }, ownToken: false, ...facts };
}

export function attemptOf(
  { attempt, run }: Claim,
  outcome: Attempt["outcome"] = "success",
  endedAt = NOW + 1,
): Attempt {
  const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
  return { number: attempt, startedAt: run.startedAt!, endedAt, outcome, ...nothing };
}

export const SUCCESS: Settlement = { status: "success", outputs: { ok: true }, dedupeKey: undefined };
export const FAILURE: Settlement = { status: "failure", reason: "no", http: 500, kind: "permanent" };

export function again(dueAt: number, counts = true): Settlement {
  return { status: "queued", dueAt, counts, reason: "later", http: 500, kind: "transient" };
}

function rejected(facts: Partial<RejectedKind> = {}): RejectedKind {
  const event = { method: "POST", path: "/dispatch", status: 400, application: "pr-1", reason: "no JSON" };
  return { ...event, firstAt: NOW, lastAt: NOW, times: 1, ...facts };
}

/** Accepts, claims and settles one run. */
export async function ended(store: RunStore, facts: Partial<NewRun>, settlement = SUCCESS, at = NOW): Promise<string> {
  const { run } = await store.accept(event(facts), lease(at));
  const claim = (await store.claim(claimAt(at, 1000))).find((each) => each.run.id === run)!;
  await store.settle(claim, attemptOf(claim, settlement.status === "success" ? "success" : "failure", at), settlement);
  return run;
}

export async function claimOne(store: RunStore, now = NOW): Promise<Claim> {
  const [claim, ...others] = await store.claim(claimAt(now));
  assert.ok(claim && others.length === 0, "exactly one run is due");
  return claim;
}

export const statusOf = async (store: RunStore, id: string) => (await store.get(id))?.run.status;
export const ids = (all: readonly Claim[]) => all.map(({ run }) => run.id);

/** Makes a test of each promise, with an empty store. */
export const promises =
  (open: OpenStore) => (text: string, keep: (store: TimedStore, opened: OpenedStore) => Promise<void>) =>
    it(text, async (t) => {
      const opened = await open(t);
      await keep(opened.store, opened);
    });

/** What every store promises. The tests of each store run it. */
export function storeContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: rejected requests`, () => {
    promise("are counted together, for any order, and the oldest kinds are replaced", async (store) => {
      const { overview } = store;
      await overview.noteRejected([rejected({ times: 3, lastAt: NOW + 5 }), rejected({ application: undefined })]);
      await overview.noteRejected([rejected({ times: 2, firstAt: NOW + 1, lastAt: NOW + 2 })]);
      await overview.noteRejected([]);
      const odd = { reason: "a\0b \ud83d", lastAt: NOW + 9 };
      await overview.noteRejected([rejected(odd), rejected({ ...odd, reason: "a\u2400b \ufffd", times: 4 })]);
      assert.deepEqual(await overview.rejected(), [
        rejected({ reason: "a\u2400b \ufffd", lastAt: NOW + 9, times: 5 }),
        rejected({ times: 5, lastAt: NOW + 5 }),
        rejected({ application: undefined }),
      ]);
      assert.equal((await overview.activity(NOW + 10)).rejected, 11);

      const kinds = Array.from({ length: MAX_REJECTED }, (_, n) => rejected({ path: `/${n}`, lastAt: NOW + 10 + n }));
      await overview.noteRejected(kinds.slice(0, 100));
      await overview.noteRejected(kinds.slice(100));
      const kept = await overview.rejected();
      assert.deepEqual(
        kept.map(({ path }) => path),
        kinds.toReversed().map(({ path }) => path),
      );
    });
  });

  describe(`${name}: recent failures`, () => {
    promise("are counted until they are re-run, up to a limit", async (store) => {
      const failures = () => store.overview.failures(NOW - 1000);
      assert.equal(await failures(), 0);
      await ended(store, {}, FAILURE, NOW - 1001);
      await ended(store, {}, SUCCESS);
      await ended(store, {}, FAILURE, NOW - 1000);
      const run = await ended(store, {}, FAILURE);
      assert.equal(await failures(), 2);
      await store.rerun(run, NOW);
      assert.equal(await failures(), 1);
      for (let more = 0; more < MAX_FAILURES; more++) await ended(store, {}, FAILURE);
      assert.equal(await failures(), MAX_FAILURES);
    });
  });

  describe(`${name}: an event`, () => {
    promise("becomes a run that is found by ids, with others", async (store) => {
      const [one, two] = [await ended(store, {}, SUCCESS), await ended(store, {}, FAILURE)];
      const { run: other } = await store.accept(event({ group: "g" }), lease());
      const found = await store.runs([two, one, "00000000-0000-4000-8000-000000000000"]);
      const expected = await Promise.all([one, two].map(async (id) => (await store.get(id))?.run));
      assert.deepEqual(new Set(found), new Set(expected));
      assert.ok(found.every(({ id }) => id !== other));
      assert.deepEqual(await store.runs([]), []);
    });

    promise("becomes a run that is found, claimed, settled and shown with its history", async (store) => {
      const input = { text: "ünï\u0000code 😀", list: [1, null, true], empty: {} };
      const { run, ...accepted } = await store.accept(event({ group: "g", input }), lease());
      assert.deepEqual(accepted, { joined: false, superseded: undefined, claim: undefined });
      const [queued] = (await store.list({}, { limit: 10 })).runs;
      assert.deepEqual(
        [queued?.id, queued?.status, queued?.group, queued?.acceptedAt, queued?.attempts],
        [run, "queued", "g", NOW, 0],
      );

      assert.ok(queued && !("input" in queued), "a list does not carry what each run was given");
      assert.deepEqual((await store.get(run))?.run.input, input);

      const claim = await claimOne(store, NOW + 5);
      assert.deepEqual([claim.attempt, claim.steps, claim.run.status, claim.run.input], [1, [], "running", input]);
      const attempt = {
        ...attemptOf(claim, "success", NOW + 9),
        githubRequestId: "A:1",
        stack: "Error: ü\n    at a.ts:1",
        sent: {
          count: 21,
          requests: [{ at: NOW + 6, method: "POST", path: "/a%20b", status: 204, body: "ünï\ud83d\ude00" }],
        },
      };
      const settled = await store.settle(claim, attempt, SUCCESS);
      const detail = await store.get(run);
      assert.deepEqual(detail, { run: settled, attempts: [attempt], steps: [], superseded: [], actions: [] });
      assert.deepEqual(
        [settled?.status, settled?.startedAt, settled?.endedAt, settled?.outputs, settled?.failures],
        ["success", NOW + 5, NOW + 9, { ok: true }, 0],
      );
      assert.deepEqual(await store.claim(claimAt(NOW + LEASE_MS * 10)), []);
    });

    promise("without a group does not wait for other runs", async (store) => {
      for (let at = 0; at < 3; at++) await store.accept(event(), lease());
      assert.equal((await store.claim(claimAt())).length, 3);
    });

    promise("that is due later is not claimed before, and the earliest due goes first", async (store) => {
      for (const delay of [30_000, 10_000, 20_000]) {
        const { run } = await store.accept(event({ input: delay }), lease());
        const claim = await claimOne(store);
        assert.equal(claim.run.id, run);
        await store.settle(claim, attemptOf(claim, "failure"), again(NOW + delay));
      }
      assert.equal(await store.nextDue(), NOW + 10_000);
      assert.deepEqual(await store.claim(claimAt(NOW + 9_999)), []);
      const due = await store.claim({ ...claimAt(NOW + 30_000), limit: 2 });
      assert.deepEqual(
        due.map(({ run }) => run.input),
        [10_000, 20_000],
      );
      assert.equal(await store.nextDue(), NOW + 30_000);
      await store.claim(claimAt(NOW + 30_000));
      assert.equal(await store.nextDue(), undefined);
    });

    promise("that would wait longer than any delay had a wrong clock, and is due now", async (store) => {
      const wrong = NOW + 86_400_000;
      const { run } = await store.accept(event({ group: "g" }), lease(wrong));
      const claim = await claimOne(store, wrong);
      await store.settle(claim, attemptOf(claim, "failure", wrong), again(wrong + 5000));
      assert.deepEqual(ids(await store.claim(claimAt(NOW))), [run]);
      const { run: behind } = await store.accept(event({ group: "g", input: 2 }), lease(wrong));
      assert.deepEqual(await store.claim(claimAt(NOW + 1)), [], "its turn has not come");
      assert.equal(await store.nextDue(), NOW + 1);
      assert.deepEqual(await store.waiting(), [{ reason: "turn", count: 1, since: NOW + 1 }]);
      const { acceptedAt, dueAt } = (await store.get(behind))!.run;
      assert.deepEqual([acceptedAt, dueAt], [NOW + 1, NOW + 1]);
    });

    promise("that a limit delays waits until its end, but never longer than a day each time", async (store) => {
      const DAY = 86_400_000;
      for (const [due, kept] of [
        [NOW + DAY / 2, NOW + DAY / 2],
        [NOW + 365 * DAY, NOW + DAY],
      ] as const) {
        const { run } = await store.accept(event(), lease());
        const claim = await claimOne(store);
        await store.settle(claim, attemptOf(claim, "failure"), { ...again(due), kind: "limit" } as Settlement);
        assert.deepEqual(await store.claim(claimAt()), []);
        assert.equal((await store.get(run))?.run.dueAt, kept);
      }
    });

    promise("is claimed by due time, then by acceptance, even after it was taken over", async (store) => {
      const first = await store.accept(event({ group: "a" }), lease());
      const second = await store.accept(event(), lease());
      assert.deepEqual(ids(await store.claim({ ...claimAt(), limit: 1 })), [first.run]);
      const newer = await store.accept(event({ group: "a", input: 2 }), lease());
      await store.accept(event(), lease(NOW + LEASE_MS));
      assert.deepEqual(ids(await store.claim({ ...claimAt(NOW + LEASE_MS), limit: 2 })), [second.run, newer.run]);
    });

    promise("due a millisecond before another goes first, in any order of acceptance or failure", async (store) => {
      const runs = [];
      for (const delay of [7, 5, 6]) {
        const { run } = await store.accept(event({ input: delay }), lease());
        runs.push(run);
        const claim = await claimOne(store);
        await store.settle(claim, attemptOf(claim, "failure", NOW), again(NOW + delay));
      }
      const taken = [];
      for (let at = 0; at < 3; at++) taken.push(...ids(await store.claim({ ...claimAt(NOW + 10), limit: 1 })));
      assert.deepEqual(taken, [runs[1], runs[2], runs[0]]);
    });

    promise(
      "that cannot be written because of its content is rejected with a separate error; its neighbours are stored",
      async (store) => {
        const good = [event(), event()];
        const ends = await Promise.allSettled(
          [good[0]!, event({ input: 1n as never }), good[1]!].map((each) => store.accept(each, lease())),
        );
        assert.deepEqual(
          ends.map(({ status }) => status),
          ["fulfilled", "rejected", "fulfilled"],
        );
        assert.match(String((ends[1] as PromiseRejectedResult).reason), /^TypeError: .*BigInt/);
        const claim = (await store.claim(claimAt()))[0]!;
        const end = { status: "success", outputs: { n: 1n } as never, dedupeKey: undefined } as const;
        await assert.rejects(store.settle(claim, attemptOf(claim), end), { name: "TypeError" });
        await assert.rejects(store.saveStep(claim, stepOf(claim, "s", { result: 1n as never })), { name: "TypeError" });
        assert.equal((await store.settle(claim, attemptOf(claim, "failure"), FAILURE))?.status, "failure");
      },
    );

    promise("that breaks a rule (an id twice) is rejected alone; its neighbours are stored", async (store) => {
      const good = [event(), event()];
      const wrong = { ...event(), id: good[0]!.id };
      const ends = await Promise.allSettled([good[0]!, wrong, good[1]!].map((each) => store.accept(each, lease())));
      assert.deepEqual(
        ends.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.notEqual((ends[1] as PromiseRejectedResult).reason.name, "StoreUnavailable");
      assert.equal((await store.list({}, { limit: 10 })).runs.length, 2);
    });

    promise("may have texts of any length, and is found by them", async (store) => {
      // Random characters: PostgreSQL compresses repetitions before it rejects a value that is too long for an index.
      const long = (length: number) => randomBytes(length).toString("base64").slice(0, length);
      const [group, source, id, key] = [long(60_000), `delivery ${long(10_000)}`, long(10_000), long(10_000)];
      const { run } = await store.accept(event({ group, event: { source, id } }), lease());
      assert.ok((await store.accept(event({ group, event: { source, id } }), lease())).joined);
      const claim = await claimOne(store);
      await store.saveStep(claim, {
        kind: "step",
        name: randomBytes(400).toString("hex").slice(0, 200).replaceAll("a", "\u4e00"),
        attempt: 1,
        startedAt: NOW,
        endedAt: NOW,
        result: long(10_000),
        error: undefined,
      });
      await store.settle(claim, attemptOf(claim), { ...SUCCESS, dedupeKey: key } as Settlement);
      assert.equal(await store.findSuccess("deploy", key, NOW), run);
      assert.deepEqual(
        (await store.list({ group }, { limit: 10 })).runs.map((each) => each.id),
        [run],
      );
      assert.equal((await store.rerun(run, NOW + 2)).status, "queued");
      const withToken = await store.accept(event({ group, ownToken: true }), lease());
      const skipped: Settlement = { status: "skipped", reason: long(4000) };
      assert.equal(
        (await store.settle(withToken.claim!, attemptOf(withToken.claim!, "skipped"), skipped))?.status,
        "skipped",
      );
      await store.overview.noteRejected([
        rejected({ path: `/${long(10_000)}`, application: long(10_000), reason: long(10_000) }),
      ]);
      assert.equal((await store.overview.rejected()).length, 1);
    });

    promise("may contain a NUL or half a character anywhere, and is still found", async (store) => {
      for (const odd of ["1\0", "2 before\0after", "3 \ud83d", "4 a\udc00b"]) {
        const [group, source, id, key] = [`g${odd}`, `source${odd}`, `id${odd}`, `key${odd}`];
        const told = event({ group, workflow: `deploy${odd}`, event: { source, id }, trace: odd });
        const { run } = await store.accept(told, lease());
        assert.ok((await store.accept({ ...told, id: randomUUID() }, lease())).joined, "the same event");
        const claim = await claimOne(store);
        await store.saveStep(claim, stepOf(claim, `step${odd}`, { result: odd }));
        await store.saveStep(claim, stepOf(claim, `failed${odd}`, { result: undefined, error: odd }));
        const attempt = { ...attemptOf(claim), reason: odd, githubRequestId: odd };
        await store.settle(claim, attempt, { ...SUCCESS, outputs: odd, dedupeKey: key } as Settlement);
        assert.equal(await store.findSuccess(`deploy${odd}`, key, NOW), run);
        const first = async (filter: Parameters<RunStore["list"]>[0]) => {
          let page: Awaited<ReturnType<RunStore["list"]>>;
          do page = await store.list(filter, { limit: 10 });
          while (page.unsearched);
          return page.runs.map((each) => each.id);
        };
        assert.deepEqual(await first({ group }), [run]);
        assert.deepEqual(await first({ workflow: `deploy${odd}` }), [run]);
        assert.deepEqual(await first({ words: [`G${odd}`] }), [run]);
        assert.equal(await store.get(odd), undefined);
        assert.equal((await store.rerun(odd, NOW)).status, "unknown");
        const reran = await store.rerun(run, NOW);
        assert.equal(reran.status, "queued");
        const second = await claimOne(store);
        await store.settle(second, attemptOf(second, "skipped"), { status: "skipped", reason: `why ${odd} not` });
        assert.deepEqual(await first({ words: [`why ${odd} not`] }), [run]);
        assert.equal(await store.scheduledUntil(`cron${odd}`, NOW), NOW);
        assert.equal(await store.scheduledUntil(`cron${odd}`, NOW + 5), NOW);
        const account = `account${odd}`;
        await store.limits.pause(account, { until: NOW + 1000, strikes: 1 });
        await store.limits.admit(account, { now: NOW, since: { points: NOW - 1, writes: NOW - 1 } }, () => [
          { at: NOW, points: 5, writes: 1 },
        ]);
        await store.overview.noteRejected([rejected({ path: `/${odd}`, application: odd, reason: odd })]);
      }
    });

    it("is still there after the store was closed and opened again", async (t) => {
      const { store, reopen } = await open(t);
      if (!reopen) return t.skip("this store is not opened again");
      const { run } = await store.accept(event({ group: "g" }), lease());
      const other = await ended(store, { group: "other" });
      await store.claim(claimAt());
      const later = await reopen();
      assert.deepEqual(
        (await later.list({}, { limit: 10 })).runs.map(({ id }) => id),
        [other, run],
      );
      assert.deepEqual(ids(await later.claim(claimAt(NOW + LEASE_MS))), [run]);
    });
  });

  describe(`${name}: an event with an identity`, () => {
    const from = (source: string, id: string, facts: Partial<NewRun> = {}) =>
      event({ event: { source, id }, ...facts });

    promise("is stored once, also when its run has ended", async (store) => {
      const first = await store.accept(from("delivery", "1"), lease());
      const queued = await store.accept(from("delivery", "1"), lease());
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim, "failure"), FAILURE);
      const after = await store.accept(from("delivery", "1"), { ...lease(), take: true });
      for (const again of [queued, after]) {
        assert.deepEqual(again, { run: first.run, joined: true, superseded: undefined, claim: undefined });
      }
      assert.equal((await store.list({}, { limit: 10 })).runs.length, 1);
    });

    promise("is new after a different one of its source: a roll-back is not a repeat", async (store) => {
      const runs = [];
      for (const id of ["a", "a", "b", "b", "a"]) runs.push((await store.accept(from("app", id), lease())).run);
      assert.deepEqual(runs[1], runs[0]);
      assert.deepEqual(runs[3], runs[2]);
      assert.equal(new Set(runs).size, 3);
    });

    promise("is new for another source or workflow", async (store) => {
      await store.accept(from("app", "a"), lease());
      await store.accept(from("other", "a"), lease());
      await store.accept(from("app", "a", { workflow: "other" }), lease());
      assert.equal((await store.list({}, { limit: 10 })).runs.length, 3);
    });

    promise("is stored once when it comes twice at the same time", async (store) => {
      const accepted = await Promise.all([1, 2, 3].map(() => store.accept(from("app", "a"), lease())));
      assert.equal(new Set(accepted.map(({ run }) => run)).size, 1);
    });
  });

  describe(`${name}: a schedule`, () => {
    const tick = (at: number, workflow = "nightly") =>
      event({ workflow, event: { source: "schedule", id: new Date(at).toISOString(), tick: at } });

    promise("begins when it is first requested, and continues from its mark", async (store) => {
      assert.equal(await store.scheduledUntil("nightly", NOW), NOW);
      assert.equal(await store.scheduledUntil("nightly", NOW + 5), NOW);
      await store.accept(tick(NOW + 3), lease());
      assert.equal(await store.scheduledUntil("nightly", NOW + 9), NOW + 3);
      assert.equal(await store.scheduledUntil("other", NOW + 9), NOW + 9);
    });

    promise("makes no run for a tick that is not newer than the newest one", async (store) => {
      await store.scheduledUntil("nightly", NOW);
      const first = await store.accept(tick(NOW + 5), lease());
      const second = await store.accept(tick(NOW + 10), lease());
      assert.ok(!first.joined && !second.joined);
      for (const late of [NOW + 5, NOW + 7, NOW + 10]) {
        const joined = await store.accept(tick(late), { ...lease(), take: true });
        assert.deepEqual(joined, { run: second.run, joined: true, superseded: undefined, claim: undefined });
      }
      assert.equal((await store.list({}, { limit: 10 })).runs.length, 2);
      assert.equal(await store.scheduledUntil("nightly", NOW + 11), NOW + 10);
      assert.ok(!(await store.accept(tick(NOW + 6, "other"), lease())).joined, "another workflow has separate ticks");
      assert.ok(!(await store.accept(tick(NOW + 15), lease())).joined);
    });

    promise(
      "makes one run for a tick that comes many times at the same moment, even after it is deleted",
      async (store) => {
        await store.scheduledUntil("nightly", NOW);
        const times = [NOW + 5, NOW + 5, NOW + 10, NOW + 5, NOW + 10];
        await Promise.all(times.map((at) => store.accept(tick(at), lease())));
        assert.equal((await store.list({}, { limit: 10 })).runs.length, 2);
        for (const claim of await store.claim(claimAt(NOW + 10))) await store.settle(claim, attemptOf(claim), SUCCESS);
        assert.equal(await store.forget(NOW + LEASE_MS, 10), 2);
        assert.ok((await store.accept(tick(NOW + 10), lease())).joined);
        assert.deepEqual((await store.list({}, { limit: 10 })).runs, []);
      },
    );

    promise("continues after a clock was wrong by more than an hour and is right again", async (store) => {
      const year = 365 * 86_400_000;
      await store.scheduledUntil("nightly", NOW);
      await store.accept(tick(NOW + year), lease(NOW + year));
      assert.equal(await store.scheduledUntil("nightly", NOW + 1), NOW + 1);
      assert.ok(!(await store.accept(tick(NOW + 5), lease(NOW + 5))).joined);
      assert.equal(await store.scheduledUntil("nightly", NOW + 6), NOW + 5);
      await store.accept(tick(NOW + 3_600_000), lease(NOW + 3_600_000));
      assert.equal(await store.scheduledUntil("nightly", NOW + 6), NOW + 3_600_000);
    });
  });

  describe(`${name}: a concurrency group`, () => {
    promise("has one run at a time; the next is claimed when it has ended", async (store) => {
      const first = await store.accept(event({ group: "g" }), lease());
      const running = await claimOne(store);
      const second = await store.accept(event({ group: "g", input: 2 }), lease());
      assert.deepEqual([running.run.id, second.superseded], [first.run, undefined]);
      assert.deepEqual(await store.claim(claimAt()), []);
      await store.settle(running, attemptOf(running), SUCCESS);
      assert.deepEqual(ids(await store.claim(claimAt())), [second.run]);
    });

    promise("belongs to its workflow: a group of another workflow with the same name is separate", async (store) => {
      await store.accept(event({ group: "g" }), lease());
      await store.accept(event({ group: "g", workflow: "other" }), lease());
      await store.accept(event({ group: "h" }), lease());
      assert.equal((await store.claim(claimAt())).length, 3);
    });

    promise("keeps only the newest waiting run, and each older one names its successor", async (store) => {
      const runs: string[] = [];
      for (let n = 0; n < 4; n++) {
        const { run, superseded } = await store.accept(event({ group: "g", input: n }), lease(NOW + n));
        assert.equal(superseded, runs.at(-1));
        runs.push(run);
      }
      for (const [at, run] of runs.slice(0, 3).entries()) {
        const detail = await store.get(run);
        assert.deepEqual([detail?.run.status, detail?.run.supersededBy], ["superseded", runs[at + 1]]);
        assert.equal(detail?.run.endedAt, NOW + at + 1);
      }
      assert.deepEqual((await store.get(runs[3]!))?.superseded, [runs[2]]);
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 10))), [runs[3]]);
    });

    promise("keeps one waiting run when many events come at the same time", async (store) => {
      await store.accept(event({ group: "g", input: "first" }), lease());
      const running = await claimOne(store);
      const all = await Promise.all(
        Array.from({ length: 25 }, (_, n) => store.accept(event({ group: "g", input: n }), lease())),
      );
      const { runs } = await store.list({ status: "queued" }, { limit: 100 });
      assert.equal(runs.length, 1);
      const last = runs[0]!.id;
      for (const { run } of all) assert.equal(await successorOf(store, run), last);
      await store.settle(running, attemptOf(running), SUCCESS);
      assert.deepEqual(ids(await store.claim(claimAt())), [last]);
    });

    promise("lets the same event join a run that waits for another attempt", async (store) => {
      const { run } = await store.accept(event({ group: "g" }), lease());
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim, "failure"), again(NOW + 5000));
      const repeat = await store.accept(event({ group: "g" }), lease(NOW + 10));
      assert.deepEqual(repeat, { run, joined: true, superseded: undefined, claim: undefined });
      assert.equal((await store.get(run))?.run.dueAt, NOW + 5000);
      const other = await store.accept(event({ group: "g", input: 2 }), lease(NOW + 20));
      assert.deepEqual([other.joined, other.superseded], [false, run]);
    });

    promise("when joined, moves the next attempt to within 30 s, unless the run waits for a limit", async (store) => {
      for (const [kind, due] of [
        ["transient", NOW + 30_000],
        ["limit", NOW + 3_600_000],
      ] as const) {
        const { run } = await store.accept(event({ group: kind }), lease());
        const claim = await claimOne(store);
        const later: Settlement = {
          status: "queued",
          dueAt: NOW + 3_600_000,
          counts: true,
          reason: "later",
          http: 500,
          kind,
        };
        await store.settle(claim, attemptOf(claim, "failure"), later);
        assert.equal((await store.accept(event({ group: kind }), lease())).run, run);
        assert.equal((await store.get(run))?.run.dueAt, due);
      }
    });

    promise("replaces a waiting run that a limit delays, at its place in line", async (store) => {
      const first = await store.accept(event({ group: "g" }), lease());
      const claim = await claimOne(store);
      const limited = { counts: false, reason: "80 writes in 60 s are used up", http: 500, kind: "limit" } as const;
      const dueAt = NOW + 120_000;
      await store.settle(claim, attemptOf(claim, "failure"), { status: "queued", dueAt, ...limited });
      const newer = await store.accept(event({ group: "g", input: 2 }), { ...lease(NOW + 10), take: true });
      assert.equal(newer.superseded, first.run);
      const { run } = (await store.get(newer.run))!;
      assert.deepEqual([run.status, run.dueAt, run.kind, run.reason], ["queued", dueAt, "limit", limited.reason]);
      assert.deepEqual(await store.claim(claimAt(dueAt - 1)), []);
      assert.deepEqual(ids(await store.claim(claimAt(dueAt))), [newer.run]);
    });

    promise("does not let an event join a run that was never attempted: the newer replaces it", async (store) => {
      const first = await store.accept(event({ group: "g" }), lease());
      const second = await store.accept(event({ group: "g" }), lease());
      assert.deepEqual([second.joined, second.superseded], [false, first.run]);
    });

    promise("supersedes a run that would wait again while a newer one waits", async (store) => {
      const older = await store.accept(event({ group: "g" }), lease());
      const claim = await claimOne(store);
      const newer = await store.accept(event({ group: "g" }), lease());
      const settled = await store.settle(claim, attemptOf(claim, "failure"), again(NOW + 5000));
      assert.deepEqual(
        [settled?.id, settled?.status, settled?.supersededBy, settled?.failures, settled?.endedAt],
        [older.run, "superseded", newer.run, 1, NOW + 1],
      );
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 1))), [newer.run]);
    });

    promise("does not apply to a run with the caller's token, which is claimed immediately", async (store) => {
      await store.accept(event({ group: "g" }), lease());
      await claimOne(store);
      const waiting = await store.accept(event({ group: "g", input: 2 }), lease());
      const withToken = await store.accept(event({ group: "g", ownToken: true }), lease());
      assert.deepEqual(
        [withToken.joined, withToken.superseded, withToken.claim?.attempt, withToken.claim?.run.id],
        [false, undefined, 1, withToken.run],
      );
      assert.deepEqual([withToken.claim?.run.status, withToken.claim?.run.group], ["running", "g"]);
      assert.equal(await statusOf(store, waiting.run), "queued");
      assert.deepEqual(await store.claim(claimAt()), []);
      assert.equal((await store.settle(withToken.claim!, attemptOf(withToken.claim!), SUCCESS))?.status, "success");
    });

    promise("returns a claim with the acceptance only when the run's turn has come", async (store) => {
      const taking = { ...lease(), take: true };
      const first = await store.accept(event({ group: "g" }), taking);
      if (first.claim) assert.deepEqual([first.claim.run.id, first.claim.run.status], [first.run, "running"]);
      else await claimOne(store);
      const second = await store.accept(event({ group: "g", input: 2 }), taking);
      const third = await store.accept(event({ group: "g", input: 3 }), taking);
      assert.deepEqual([second.claim, third.claim, third.superseded], [undefined, undefined, second.run]);
      assert.deepEqual(await store.claim(claimAt()), []);
    });
  });

  describe(`${name}: a claim`, () => {
    promise("goes to one of those that ask at the same moment", async (store) => {
      for (let at = 0; at < 10; at++) await store.accept(event({ group: `g${at}` }), lease());
      const all = await Promise.all(
        ["one", "two", "three", "four"].map((owner) => store.claim({ ...lease(NOW, owner), limit: 4 })),
      );
      const claimed = ids(all.flat());
      assert.ok(all.every(({ length }) => length <= 4));
      assert.equal(new Set(claimed).size, claimed.length);
    });

    promise("settles once", async (store) => {
      const { run } = await store.accept(event(), lease());
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim), SUCCESS);
      assert.equal(await store.settle(claim, attemptOf(claim, "failure"), FAILURE), undefined);
      assert.equal(await statusOf(store, run), "success");
      assert.equal((await store.get(run))?.attempts.length, 1);
    });

    promise("is lost when its lease ends: the run is claimed again, the history shows interrupted", async (store) => {
      const { run } = await store.accept(event({ group: "g" }), lease());
      const lost = await claimOne(store);
      assert.deepEqual(await store.claim(claimAt(NOW + LEASE_MS - 1)), []);
      const [claim] = await store.claim({ ...lease(NOW + LEASE_MS, "two"), limit: 10 });
      assert.deepEqual([claim?.run.id, claim?.attempt, claim?.owner], [run, 2, "two"]);
      assert.equal(await store.settle(lost, attemptOf(lost), SUCCESS), undefined);
      await store.saveStep(lost, stepOf(lost, "late"));
      assert.equal((await store.settle(claim!, attemptOf(claim!), SUCCESS))?.failures, 0);
      const detail = await store.get(run);
      assert.deepEqual(
        detail?.attempts.map(({ number, outcome }) => [number, outcome]),
        [
          [1, "interrupted"],
          [2, "success"],
        ],
      );
      assert.deepEqual(detail?.steps, []);
    });

    promise("is also lost if the same owner claims the run again after the lease", async (store) => {
      await store.accept(event(), lease());
      const lost = await claimOne(store);
      const claim = await claimOne(store, NOW + LEASE_MS);
      assert.equal(await store.settle(lost, attemptOf(lost), SUCCESS), undefined);
      assert.equal((await store.settle(claim, attemptOf(claim), SUCCESS))?.attempts, 2);
    });

    promise("still settles after its lease, unless another claim has the run", async (store) => {
      await store.accept(event(), lease());
      const claim = await claimOne(store);
      assert.equal((await store.settle(claim, attemptOf(claim, "success", NOW + LEASE_MS * 2), SUCCESS))?.attempts, 1);
    });

    promise("lost by a run with the caller's token ends it as a failure with the reason", async (store) => {
      const { run, claim } = await store.accept(event({ ownToken: true }), lease());
      assert.deepEqual(await store.claim(claimAt(NOW + LEASE_MS)), []);
      const detail = await store.get(run);
      assert.equal(detail?.run.status, "failure");
      assert.match(detail?.run.reason ?? "", /brought its token.*send it again/);
      assert.equal(detail?.attempts[0]?.outcome, "interrupted");
      assert.equal(await store.settle(claim!, attemptOf(claim!), SUCCESS), undefined);
    });

    promise("lost while a newer run waits gives the turn to the newer one", async (store) => {
      const older = await store.accept(event({ group: "g" }), lease());
      await claimOne(store);
      const newer = await store.accept(event({ group: "g", input: 2 }), lease());
      assert.deepEqual(ids(await store.claim(claimAt(NOW + LEASE_MS))), [newer.run]);
      assert.deepEqual((await store.get(older.run))?.run.supersededBy, newer.run);
    });

    promise("lasts longer when its owner extends it, and only this claim", async (store) => {
      const claims: Claim[] = [];
      for (const owner of ["one", "two"]) {
        await store.accept(event({ input: owner }), lease());
        claims.push(...(await store.claim({ ...lease(NOW, owner), limit: 1 })));
      }
      const [one, two] = claims as [Claim, Claim];
      const others = [
        { ...two, owner: "one" },
        { ...two, attempt: 2 },
      ];
      assert.deepEqual(await store.extend([one, ...others], 2 * LEASE_MS), [one]);
      const again = await store.claim({ ...lease(NOW + LEASE_MS, "three"), limit: 10 });
      assert.deepEqual(
        again.map(({ run }) => run.input),
        ["two"],
      );
      await store.settle(again[0]!, attemptOf(again[0]!), SUCCESS);
      const last = await store.claim(claimAt(NOW + 2 * LEASE_MS));
      assert.deepEqual(
        last.map(({ run }) => run.input),
        ["one"],
      );
    });

    promise(
      "lasts longer when it is extended alone; it cannot be extended once it is lost or settled",
      async (store) => {
        await store.accept(event({ input: 1 }), lease());
        const claim = await claimOne(store);
        assert.deepEqual(await store.extend([claim], 2 * LEASE_MS), [claim]);
        assert.deepEqual(await store.claim(claimAt(NOW + LEASE_MS)), []);
        const again = await claimOne(store, NOW + 2 * LEASE_MS);
        assert.deepEqual([again.run.id, again.attempt], [claim.run.id, 2]);
        assert.deepEqual(await store.extend([claim], LEASE_MS), []);
        assert.deepEqual(await store.extend([claim, again], LEASE_MS), [again]);
        await store.settle(again, attemptOf(again), SUCCESS);
        assert.deepEqual(await store.extend([again], LEASE_MS), []);
      },
    );

    promise("of a run whose texts hold half a character can be settled", async (store) => {
      const half = "pr-\ud800";
      await store.accept(event({ group: half, input: half }), lease());
      const [claim] = await store.claim(claimAt(NOW));
      const failure = { status: "failure", reason: half, http: 500, kind: "permanent" } as const;
      assert.equal((await store.settle(claim!, { ...attemptOf(claim!), reason: half }, failure))?.status, "failure");
    });

    promise("lost repeatedly ends the run, with a reason; one that was lost with it continues alone", async (store) => {
      const rogue = await store.accept(event({ input: "rogue" }), lease());
      const other = await store.accept(event({ input: "other" }), lease());
      assert.equal((await store.claim(claimAt())).length, 2);
      let at = NOW + LEASE_MS;
      assert.equal((await store.claim(claimAt(at))).length, 2, "both together after the first time");
      at += LEASE_MS;
      assert.deepEqual(ids(await store.claim(claimAt(at))), [], "one after the other later");
      const [suspect] = await store.claim(claimAt(at + 1000));
      assert.deepEqual([suspect?.run.id, suspect?.suspect], [rogue.run, true]);
      assert.deepEqual(ids(await store.claim(claimAt(at + 2000))), [], "the next has to wait for the end of the first");
      const fresh = await store.accept(event({ input: "fresh" }), lease(at + 2000));
      const [unsuspected] = await store.claim(claimAt(at + 3000));
      assert.deepEqual([unsuspected?.run.id, unsuspected?.suspect], [fresh.run, false]);
      await store.settle(unsuspected!, attemptOf(unsuspected!), SUCCESS);
      at += 1000 + LEASE_MS;
      const [alone] = await store.claim(claimAt(at));
      assert.deepEqual([alone?.run.id, alone?.suspect], [other.run, true]);
      await store.settle(alone!, attemptOf(alone!), SUCCESS);
      for (at += LEASE_MS; (await statusOf(store, rogue.run)) !== "failure"; at += LEASE_MS) {
        await store.claim(claimAt(at));
        await store.claim(claimAt(at + 1000));
      }
      const { run, attempts } = (await store.get(rogue.run))!;
      assert.deepEqual([run.attempts, run.http, run.kind, attempts.length], [10, 500, "permanent", 10]);
      assert.match(run.reason ?? "", /The process ended before the attempt did, 10 times in a row.*re-run it/);
      assert.equal((await store.rerun(rogue.run, at)).status, "queued");
      assert.equal((await claimOne(store, at)).attempt, 11);
      assert.equal((await claimOne(store, at + LEASE_MS)).attempt, 12, "a re-run begins to count again");
    });

    promise("that was given back, or failed, is not lost: the count begins again", async (store) => {
      const { run } = await store.accept(event(), lease());
      let at = NOW;
      for (let turn = 0; turn < 12; turn++) {
        await claimOne(store, at);
        at += LEASE_MS;
        const claim = await claimOne(store, at);
        const outcome = turn % 2 === 0 ? "interrupted" : "failure";
        const attempt = { ...attemptOf(claim, outcome, at + 1000), reason: "The service was stopped." };
        at += 1000;
        await store.settle(claim, attempt, again(at, false));
      }
      assert.equal(await statusOf(store, run), "queued");
      assert.equal((await store.get(run))?.attempts.length, 24);
    });

    it("lost twice with its process, which had nothing else in flight, ends the run with what to do", async (t) => {
      const { store: first, reopen } = await open(t);
      if (!reopen) return t.skip("this store is not opened again");
      let store = first;
      const { run } = await store.accept(event({ group: "g" }), lease());
      for (let time = 0; time < 2; time++) {
        const at = NOW + time * LEASE_MS;
        const [claim, ...others] = await store.claim({ ...lease(at, `process ${time}`), limit: 10 });
        assert.deepEqual([claim?.run.id, claim?.attempt, others], [run, time + 1, []]);
        store = await reopen();
      }
      const at = NOW + 2 * LEASE_MS;
      assert.deepEqual(await store.claim({ ...lease(at, "process 2"), limit: 10 }), []);
      const detail = (await store.get(run))!;
      assert.deepEqual(
        [detail.run.status, detail.run.kind, detail.run.attempts, detail.attempts.map(({ outcome }) => outcome)],
        ["failure", "permanent", 2, ["interrupted", "interrupted"]],
      );
      assert.match(detail.attempts[0]?.reason ?? "", /Nothing else was in flight/);
      assert.match(
        detail.run.reason ?? "",
        /ended 2 times while this was its only run in flight.*not attempted again\. .*re-run it/,
      );
      assert.equal((await store.rerun(run, at)).status, "queued");
      assert.equal((await claimOne(store, at)).attempt, 3, "a re-run begins to count again");
    });

    it("lost with its process and others continues alone, until it is clear which run ends the process", async (t) => {
      const { store: first, reopen } = await open(t);
      if (!reopen) return t.skip("this store is not opened again");
      let store = first;
      let at = NOW;
      let processes = 0;
      const claimed = async () => ids(await store.claim({ ...lease(at, `process ${processes}`), limit: 10 }));
      const die = async () => {
        store = await reopen();
        at += LEASE_MS;
        processes++;
      };
      const innocents: string[] = [];
      for (let nth = 0; nth < 3; nth++) innocents.push((await store.accept(event(), lease())).run);
      const { run: rogue } = await store.accept(event({ input: "rogue" }), lease());
      for (let time = 0; time < 2; time++) {
        assert.equal((await claimed()).length, 4, "all together");
        await die();
      }
      // From here on one after the other. The bad run ends each process, the others succeed.
      let deaths = 0;
      for (let turn = 0; turn < 60 && (await statusOf(store, rogue)) !== "failure"; turn++) {
        at += 1000;
        const claims = await store.claim({ ...lease(at, `process ${processes}`), limit: 10 });
        assert.ok(claims.length <= 1, "one suspect at a time");
        for (const claim of claims) {
          if (claim.run.id === rogue) {
            deaths++;
            await die();
          } else await store.settle(claim, attemptOf(claim, "success", at), SUCCESS);
        }
      }
      assert.equal(deaths, 2, "twice alone");
      assert.equal(await statusOf(store, rogue), "failure");
      for (const run of innocents) assert.equal(await statusOf(store, run), "success");
    });

    promise("counts failures, but not limits or interruptions", async (store) => {
      await store.accept(event(), lease());
      let at = NOW;
      for (const [counts, failures] of [
        [true, 1],
        [false, 1],
        [true, 2],
      ] as const) {
        const claim = await claimOne(store, at);
        at += 1000;
        const run = await store.settle(claim, attemptOf(claim, "failure", at), again(at, counts));
        assert.deepEqual([run?.status, run?.failures, run?.dueAt, run?.reason], ["queued", failures, at, "later"]);
      }
      await claimOne(store, at);
      const claim = await claimOne(store, at + LEASE_MS);
      assert.deepEqual([claim.run.failures, claim.attempt], [2, 5]);
    });

    promise("knows the reasons of skips and failures", async (store) => {
      const skipped = await ended(store, {}, { status: "skipped", reason: "not ours" });
      const failed = await ended(store, {}, { status: "failure", reason: "no file", http: 404, kind: "permanent" });
      const { run } = (await store.get(skipped))!;
      assert.deepEqual([run.status, run.reason, run.http, run.kind], ["skipped", "not ours", undefined, undefined]);
      const { run: other } = (await store.get(failed))!;
      assert.deepEqual([other.status, other.reason, other.http, other.kind], ["failure", "no file", 404, "permanent"]);
    });
  });

  describe(`${name}: steps`, () => {
    promise("that were completed are passed to the next attempt; failed ones are only shown", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      await store.saveStep(first, stepOf(first, "read", { result: { sha: "abc" } }));
      await store.saveStep(first, stepOf(first, "nothing", { result: undefined }));
      await store.saveStep(first, stepOf(first, "send", { result: undefined, error: "502" }));
      await store.settle(first, attemptOf(first, "failure"), again(NOW));
      const second = await claimOne(store);
      assert.deepEqual(second.steps.map(({ name, result }) => [name, result]).toSorted(), [
        ["nothing", undefined],
        ["read", { sha: "abc" }],
      ]);
      await store.saveStep(second, stepOf(second, "send"));
      const shown = (await store.get(run))?.steps.map(({ name, attempt, error }) => `${name} ${attempt} ${error}`);
      assert.deepEqual(shown?.toSorted(), [
        "nothing 1 undefined",
        "read 1 undefined",
        "send 1 502",
        "send 2 undefined",
      ]);
    });

    promise("that have begun are shown, and repeated by the next attempt unless they have ended", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      const begun = { endedAt: undefined, result: undefined };
      for (const name of ["read", "send"]) await store.saveStep(first, stepOf(first, name, begun));
      await store.saveStep(first, stepOf(first, "read", { endedAt: NOW + 1 }));
      const ends = (await store.get(run))?.steps.map((step) => [step.name, step.endedAt]);
      assert.deepEqual(ends?.toSorted(), [
        ["read", NOW + 1],
        ["send", undefined],
      ]);
      const second = await claimOne(store, NOW + LEASE_MS);
      assert.deepEqual(
        second.steps.map(({ name }) => name),
        ["read"],
      );
    });

    promise("are kept when an event joins the run: it is the same event again", async (store) => {
      const { run } = await store.accept(event({ group: "g" }), lease());
      const first = await claimOne(store);
      await store.saveStep(first, stepOf(first, "comment", { result: { id: 7 } }));
      await store.settle(first, attemptOf(first, "failure"), again(NOW + 5000));
      assert.equal((await store.accept(event({ group: "g" }), lease(NOW + 10))).run, run);
      const second = await claimOne(store, NOW + 5000);
      assert.deepEqual(
        second.steps.map(({ name, result }) => [name, result]),
        [["comment", { id: 7 }]],
      );
    });

    promise("are kept over an interruption", async (store) => {
      await store.accept(event(), lease());
      const first = await claimOne(store);
      await store.saveStep(first, stepOf(first, "read"));
      const second = await claimOne(store, NOW + LEASE_MS);
      assert.deepEqual(
        second.steps.map(({ name }) => name),
        ["read"],
      );
    });

    promise("are repeated by a re-run, and stay in the history", async (store) => {
      const { run } = await store.accept(event(), lease());
      const first = await claimOne(store);
      await store.saveStep(first, stepOf(first, "read"));
      await store.settle(first, attemptOf(first, "failure"), FAILURE);
      await store.rerun(run, NOW + 10);
      const second = await claimOne(store, NOW + 10);
      assert.deepEqual([second.steps, second.attempt], [[], 2]);
      await store.saveStep(second, stepOf(second, "read"));
      assert.equal((await store.get(run))?.steps.length, 2);
    });
  });

  describe(`${name}: a re-run`, () => {
    promise("queues an ended run again, as if it had just been accepted", async (store) => {
      const failed = await ended(store, { group: "g" }, again(NOW));
      const last = await claimOne(store);
      assert.equal((await store.settle(last, attemptOf(last, "failure"), FAILURE))?.failures, 1);
      const rerun = await store.rerun(failed, NOW + 100);
      assert.ok(rerun.status === "queued");
      const { status, dueAt, retriesFrom, failures, reason, http, kind, endedAt, acceptedAt } = rerun.run;
      assert.deepEqual(
        { status, dueAt, retriesFrom, failures, reason, http, kind, endedAt, acceptedAt },
        {
          status: "queued",
          dueAt: NOW + 100,
          retriesFrom: NOW + 100,
          failures: 0,
          reason: undefined,
          http: undefined,
          kind: undefined,
          endedAt: undefined,
          acceptedAt: NOW,
        },
      );
      assert.deepEqual(ids(await store.claim(claimAt(NOW + 100))), [failed]);
      assert.equal((await store.get(failed))?.attempts.length, 2);
    });

    promise("also works for runs that succeeded or were superseded", async (store) => {
      const succeeded = await ended(store, { group: "a" });
      const superseded = await store.accept(event({ group: "b" }), lease());
      await ended(store, { group: "b", input: 2 });
      for (const id of [succeeded, superseded.run]) {
        assert.equal((await store.rerun(id, NOW, { evenIfOlder: true })).status, "queued");
        assert.equal((await store.get(id))?.run.supersededBy, undefined);
        assert.equal((await store.get(id))?.run.outputs, undefined);
      }
    });

    promise("is not needed once its group has a newer run with any end, and names it", async (store) => {
      const skipped: Settlement = { status: "skipped", reason: "no" };
      for (const [at, newerEnd] of [SUCCESS, skipped, FAILURE].entries()) {
        const group = `g${at}`;
        const older = await ended(store, { group }, FAILURE);
        await ended(store, { group: `${group}, too` }, SUCCESS);
        await ended(store, { group, workflow: "another" }, SUCCESS);
        const between = await ended(store, { group, input: 2 }, FAILURE);
        const newer = await ended(store, { group, input: 3 }, newerEnd);
        for (const id of [older, between]) {
          const rerun = await store.rerun(id, NOW + 100);
          assert.equal(rerun.status, "notNeeded");
          assert.match(rejection(rerun), new RegExp(`newer run: ${newer} \\(${newerEnd.status}\\)`));
          assert.ok(rerun.status === "notNeeded" && rerun.canForce);
          assert.equal(await statusOf(store, id), "failure");
        }
        assert.equal((await store.rerun(newer, NOW + 100)).status, "queued", "the newest may be run again");
      }
    });

    promise("of an older run needs an explicit request, each time", async (store) => {
      const older = await ended(store, { group: "g" }, FAILURE);
      const newer = await ended(store, { group: "g", input: 2 }, SUCCESS);
      assert.equal((await store.rerun(older, NOW, { evenIfOlder: true })).status, "queued");
      const again = await claimOne(store);
      assert.equal(again.run.id, older);
      await store.settle(again, attemptOf(again), SUCCESS);
      assert.equal((await store.rerun(older, NOW)).status, "notNeeded", "the order of events counts, not of attempts");
      assert.equal((await store.rerun(newer, NOW)).status, "queued");
    });

    promise("ignores newer runs that take no turn in the group", async (store) => {
      const failed = await ended(store, { group: "g" }, FAILURE);
      const withToken = await store.accept(event({ group: "g", ownToken: true }), lease());
      await store.settle(withToken.claim!, attemptOf(withToken.claim!), SUCCESS);
      assert.equal((await store.rerun(failed, NOW)).status, "queued");
      const alone = await ended(store, {}, FAILURE);
      await ended(store, {}, SUCCESS);
      assert.equal((await store.rerun(alone, NOW)).status, "queued", "runs without a group have no order");
    });

    promise("is rejected for a run that has not ended, with the reason", async (store) => {
      const { run } = await store.accept(event(), lease());
      assert.match(rejection(await store.rerun(run, NOW)), /still queued/);
      await claimOne(store);
      assert.match(rejection(await store.rerun(run, NOW)), /still running/);
    });

    promise("is rejected while another run of its group waits or runs, which is named", async (store) => {
      const failed = await ended(store, { group: "g" }, FAILURE);
      const { run } = await store.accept(event({ group: "g" }), lease());
      assert.match(rejection(await store.rerun(failed, NOW)), new RegExp(`queued: ${run}`));
      await claimOne(store);
      assert.match(rejection(await store.rerun(failed, NOW)), new RegExp(`running: ${run}`));
    });

    promise("is rejected for a run whose token was not stored", async (store) => {
      const { run, claim } = await store.accept(event({ ownToken: true }), lease());
      await store.settle(claim!, attemptOf(claim!, "failure"), FAILURE);
      assert.match(rejection(await store.rerun(run, NOW)), /brought its token.*send it again/);
    });

    promise("of an unknown run has the status unknown", async (store) => {
      assert.deepEqual(await store.rerun(randomUUID(), NOW), { status: "unknown" });
      assert.equal(await store.get(randomUUID()), undefined);
    });

    promise("requested twice at the same moment happens once", async (store) => {
      const failed = await ended(store, {}, FAILURE);
      const both = await Promise.all([store.rerun(failed, NOW), store.rerun(failed, NOW)]);
      assert.deepEqual(both.map(({ status }) => status).toSorted(), ["notNeeded", "queued"]);
    });
  });

  describe(`${name}: the list`, () => {
    promise("filters by status, workflow and group, newest first", async (store) => {
      const a = await ended(store, { group: "g" });
      const b = await ended(store, { group: "g", workflow: "other" }, FAILURE);
      const c = await ended(store, { group: "h" }, FAILURE);
      const d = await ended(store, {}, { status: "skipped", reason: "no" });
      const { run: e } = await store.accept(event({ group: "g" }), lease());
      await claimOne(store);
      const { run: f } = await store.accept(event({ group: "g", input: 2 }), lease());
      const { run: g } = await store.accept(event({ group: "g", input: 3 }), lease());
      const listed = async (filter: Parameters<RunStore["list"]>[0]) =>
        (await store.list(filter, { limit: 10 })).runs.map(({ id }) => id);
      assert.deepEqual(await listed({}), [g, f, e, d, c, b, a]);
      assert.deepEqual(await listed({ status: "success" }), [a]);
      assert.deepEqual(await listed({ status: "failure" }), [c, b]);
      assert.deepEqual(await listed({ status: "skipped" }), [d]);
      assert.deepEqual(await listed({ status: "queued" }), [g]);
      assert.deepEqual(await listed({ status: "running" }), [e]);
      assert.deepEqual(await listed({ status: "superseded" }), [f]);
      assert.deepEqual(await listed({ workflow: "other" }), [b]);
      assert.deepEqual(await listed({ group: "g" }), [g, f, e, b, a]);
      assert.deepEqual(await listed({ status: "failure", workflow: "deploy" }), [c]);
      assert.deepEqual(await listed({ status: "queued", workflow: "other" }), []);
      assert.deepEqual(await listed({ status: "running", group: "g", workflow: "deploy" }), [e]);
      assert.deepEqual(await listed({ status: "failure", group: "g" }), [b]);
      assert.deepEqual(await listed({ workflow: "deploy", group: "h" }), [c]);
      assert.deepEqual(await listed({ status: "success", workflow: "missing" }), []);
    });

    promise("finds runs by the beginning of their id, in any case", async (store) => {
      const begun = (start: string) => start + randomUUID().slice(start.length);
      const [first, second, other] = [begun("3f2a1c9e-7b"), begun("3f2a1c9e-7c"), begun("3f2a1c90")] as const;
      for (const id of [first, second, other]) await ended(store, { id });
      const found = async (id: string, filter = {}) =>
        (await store.list({ ...filter, id }, { limit: 10 })).runs.map((run) => run.id);
      assert.deepEqual(await found("3f2a1c9"), [other, second, first]);
      assert.deepEqual(await found("3F2A1C9E"), [second, first]);
      assert.deepEqual(await found("3f2a1c9e-7b"), [first]);
      assert.deepEqual(await found(other), [other]);
      assert.deepEqual(await found("3f2a1c9e-8"), []);
      assert.deepEqual(await found("3f2a1c9", { status: "failure" }), []);
      assert.equal((await store.list({ id: "3f2a1c9" }, { limit: 2 })).next !== undefined, true);
    });

    promise("read page by page has every run once, even if new ones arrive", async (store) => {
      const all: string[] = [];
      for (let at = 0; at < 7; at++) all.unshift(await ended(store, { group: `g${at % 2}` }, FAILURE));
      for (const filter of [{}, { status: "failure" }, { workflow: "deploy" }] as const) {
        const shown: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list(filter, { limit: 3, cursor });
          assert.ok(page.runs.length > 0 && page.runs.length <= 3);
          shown.push(...page.runs.map(({ id }) => id));
          cursor = page.next;
          all.unshift(await ended(store, {}, FAILURE));
        } while (cursor !== undefined);
        assert.deepEqual(shown, all.slice(-shown.length));
        assert.equal(shown.length >= 7, true);
      }
    });

    promise("is searched in upper and lower case, in every alphabet, and without patterns", async (store) => {
      // None of them is only hexadecimal, because the search also looks into the ids of runs.
      const groups = ["PR-ÜBER", "ΑΘΗΝΑ", "straße", "İzmir", "a.c[1]^$*+?(){}|\\/-#", "xyz"];
      for (const group of groups) await store.accept(event({ group }), lease());
      const found = async (word: string) =>
        (await store.list({ words: [word] }, { limit: 10 })).runs.map(({ group }) => group);
      for (const [text, expected] of [
        ["pr-über", ["PR-ÜBER"]],
        ["Pr-ÜbEr", ["PR-ÜBER"]],
        ["αθηνα", ["ΑΘΗΝΑ"]],
        ["STRAßE", ["straße"]],
        ["strasse", []],
        ["İZMİR", []],
        ["İZMIR", ["İzmir"]],
        ["izmir", []],
        ["A.C[1]^$*+?(){}|\\/-#", ["a.c[1]^$*+?(){}|\\/-#"]],
        ["a.c", ["a.c[1]^$*+?(){}|\\/-#"]],
        ["XYZ", ["xyz"]],
      ] as const) {
        assert.deepEqual(await found(text), expected, text);
      }
    });

    promise("summarises durations by one that really occurred: the lower of two is their median", async (store) => {
      for (const ms of [10, 20]) {
        await store.accept(event(), lease());
        const claim = await claimOne(store);
        await store.settle(claim, attemptOf(claim, "success", NOW + ms), SUCCESS);
      }
      assert.deepEqual((await store.overview.activity(NOW + 1000)).durations, { p50: 10, p95: 20, runs: 2 });
    });

    promise("has no next page when the last one is full", async (store) => {
      for (let at = 0; at < 3; at++) await store.accept(event(), lease());
      assert.equal((await store.list({}, { limit: 3 })).next, undefined);
      assert.deepEqual(await store.list({ group: "missing" }, { limit: 3 }), { runs: [], next: undefined });
    });
  });

  describe(`${name}: an earlier success`, () => {
    promise("is found by workflow and key within the window, the latest first", async (store) => {
      const keyed = (dedupeKey: string): Settlement => ({ status: "success", outputs: null, dedupeKey });
      const a = await ended(store, {}, keyed("k"), NOW);
      const b = await ended(store, {}, keyed("k"), NOW + 10);
      await ended(store, { workflow: "other" }, keyed("k"), NOW + 20);
      await ended(store, {}, keyed("another"), NOW + 20);
      await ended(store, {}, SUCCESS, NOW + 20);
      assert.equal(await store.findSuccess("deploy", "k", NOW), b);
      assert.equal(await store.findSuccess("deploy", "k", NOW + 10), b);
      assert.equal(await store.findSuccess("deploy", "k", NOW + 11), undefined);
      await store.rerun(b, NOW + 30);
      assert.equal(await store.findSuccess("deploy", "k", NOW), a);
    });
  });

  describe(`${name}: the last end of a group`, () => {
    const endOf = async (store: RunStore, id: string) => (await store.endBefore((await store.get(id))!.run))?.status;

    promise("is known from the run that ended before, of the same workflow and group", async (store) => {
      const first = await ended(store, { group: "g" }, FAILURE, NOW);
      await ended(store, { group: "another" }, SUCCESS, NOW + 1);
      await ended(store, { group: "g", workflow: "another" }, SUCCESS, NOW + 1);
      await ended(store, { group: "g", input: 2 }, { status: "skipped", reason: "no" }, NOW + 2);
      const recovered = await ended(store, { group: "g", input: 3 }, SUCCESS, NOW + 3);
      const next = await ended(store, { group: "g", input: 4 }, SUCCESS, NOW + 4);
      const failed = await ended(store, { group: "g", input: 5 }, FAILURE, NOW + 5);
      assert.equal(await endOf(store, first), undefined);
      assert.equal(await endOf(store, recovered), "failure", "also when others have ended since");
      assert.equal(await endOf(store, next), "success");
      assert.equal(await endOf(store, failed), "success");
    });

    promise("is known from a re-run, with or without a group", async (store) => {
      for (const group of ["g", undefined]) {
        const run = await ended(store, { group }, FAILURE, NOW);
        await store.rerun(run, NOW + 10);
        const again = await claimOne(store, NOW + 10);
        await store.settle(again, attemptOf(again, "success", NOW + 11), SUCCESS);
        assert.equal(await endOf(store, run), "failure");
        await store.rerun(run, NOW + 20);
        const third = await claimOne(store, NOW + 20);
        await store.settle(third, attemptOf(third, "success", NOW + 21), SUCCESS);
        assert.equal(await endOf(store, run), "success");
      }
    });

    promise("is not a failure when an attempt failed and the next succeeded", async (store) => {
      const run = await ended(store, { group: "g" }, again(NOW + 5));
      const second = await claimOne(store, NOW + 5);
      await store.settle(second, attemptOf(second, "success", NOW + 6), SUCCESS);
      assert.equal(await endOf(store, run), undefined);
    });

    promise("is known when a failed run was re-run, and a newer run replaced it", async (store) => {
      const failed = await ended(store, { group: "g" }, FAILURE, NOW);
      await store.rerun(failed, NOW + 10);
      const newer = await ended(store, { group: "g", input: 2 }, SUCCESS, NOW + 11);
      assert.equal(await statusOf(store, failed), "superseded");
      assert.equal(await endOf(store, newer), "failure");
    });

    promise("has an order for two runs that ended in the same millisecond", async (store) => {
      await ended(store, { group: "g" }, FAILURE, NOW);
      const claims = await Promise.all(
        [1, 2].map(async (input) => (await store.accept(event({ group: "g", input, ownToken: true }), lease())).claim!),
      );
      for (const claim of claims) await store.settle(claim, attemptOf(claim, "success", NOW + 1), SUCCESS);
      const both = await Promise.all(claims.map(({ run }) => endOf(store, run.id)));
      assert.deepEqual(both.toSorted(), ["failure", "success"]);
    });
  });

  describe(`${name}: deletion`, () => {
    promise(
      "deletes runs that ended before a time, up to a limit per call, with their attempts and steps",
      async (store) => {
        const old: string[] = [];
        for (let at = 0; at < 5; at++) old.push(await ended(store, {}, SUCCESS, NOW + at));
        const young = await ended(store, {}, SUCCESS, NOW + 100);
        const before = NOW + 50;
        assert.deepEqual(
          [await store.forget(before, 3), await store.forget(before, 3), await store.forget(before, 3)],
          [3, 2, 0],
        );
        for (const id of old) assert.equal(await store.get(id), undefined);
        assert.equal((await store.get(young))?.attempts.length, 1);
        assert.equal((await store.list({}, { limit: 10 })).runs.length, 1);
      },
    );

    promise("never touches a run that has not ended, and is not delayed by one", async (store) => {
      const { run: rerun } = await store.accept(event({ input: "re-run" }), lease());
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim), SUCCESS);
      await store.rerun(rerun, NOW + 1);
      const { run: withToken } = await store.accept(event({ ownToken: true }), lease());
      for (let at = 0; at < 3; at++) await ended(store, { group: `g${at}` }, SUCCESS, NOW);
      const { run: queued } = await store.accept(event(), lease());
      let forgotten = 0;
      for (let at = 0; at < 5; at++) forgotten += await store.forget(NOW + 1_000_000, 1);
      assert.equal(forgotten, 3);
      for (const id of [rerun, withToken, queued]) assert.ok(await store.get(id));
    });

    promise("keeps a run that was accepted long ago and ended recently", async (store) => {
      const { run } = await store.accept(event(), lease(NOW));
      const claim = await claimOne(store);
      await store.settle(claim, attemptOf(claim, "success", NOW + 1000), SUCCESS);
      assert.equal(await store.forget(NOW + 1000, 10), 0);
      assert.equal(await statusOf(store, run), "success");
      assert.equal(await store.forget(NOW + 1001, 10), 1);
    });
  });
}

/** The clocks of the store follow the times in its calls, because there is no other clock in these tests. */
export function atItsTime(store: RunStore, setTo: (now: number) => Promise<void> | void): TimedStore {
  let moving = Promise.resolve();
  const at = async (now: number) => {
    moving = moving.then(() => setTo(now));
    await moving;
  };
  return {
    ...store,
    at,
    async accept(event, lease) {
      await at(lease.now);
      return store.accept(event, lease);
    },
    async claim(lease) {
      await at(lease.now);
      return store.claim(lease);
    },
    async rerun(id, now, options) {
      await at(now);
      return store.rerun(id, now, options);
    },
    async cancel(id, by, hasHandler) {
      await at(by.at);
      return store.cancel(id, by, hasHandler);
    },
    async scheduledUntil(workflow, now) {
      await at(now);
      return store.scheduledUntil(workflow, now);
    },
    async settle(claim, attempt, settlement) {
      await at(attempt.endedAt);
      return store.settle(claim, attempt, settlement);
    },
  };
}

function stepOf({ attempt }: Claim, name: string, end: Partial<Step> = { result: 1 }): Step {
  return { name, kind: "step", attempt, startedAt: NOW, endedAt: NOW, result: undefined, error: undefined, ...end };
}

function rejection(rerun: Awaited<ReturnType<RunStore["rerun"]>>): string {
  assert.ok(rerun.status === "rejected" || rerun.status === "notNeeded", rerun.status);
  return rerun.reason;
}

async function successorOf(store: RunStore, id: string): Promise<string> {
  const { run } = (await store.get(id))!;
  return run.status === "superseded" ? successorOf(store, run.supersededBy!) : id;
}
