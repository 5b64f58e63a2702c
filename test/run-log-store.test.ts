import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { Claim } from "../src/model/claim.ts";
import type { LogLine } from "../src/model/run.ts";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";

const clock = movedClock();
const lease = () => ({ owner: "a", now: clock.now(), leaseMs: 21_000 });

async function claimed(store: RunStore): Promise<Claim> {
  const event = { id: randomUUID(), workflow: "deploy", group: undefined, input: {}, ownToken: false };
  const { claim } = await store.accept(event, { ...lease(), take: true });
  return claim!;
}

function line(number: number, more: Partial<LogLine> = {}): LogLine {
  return { number, at: clock.now() + number, level: "info", message: `line ${number}`, ...more };
}

async function end(store: RunStore, claim: Claim, lines?: readonly LogLine[]): Promise<void> {
  const [startedAt, endedAt] = [clock.now(), clock.now()];
  const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
  const failure = { status: "failure", reason: "no", http: 500, kind: "permanent" } as const;
  const attempt = { number: claim.attempt, startedAt, endedAt, outcome: "failure", ...nothing } as const;
  await store.settle(claim, attempt, failure, lines);
}

const postgres = postgresForTests();

for (const [name, open] of bothStores(postgres)) {
  const promise = (text: string, keep: (store: RunStore) => Promise<void>) =>
    it(text, async (t: TestContext) => {
      const { store } = await open(t, clock);
      t.after(() => store.close());
      await keep(store);
    });

  describe(`${name}: the lines of a run`, () => {
    promise("come back unchanged, page by page, also while more are written", async (store) => {
      const claim = await claimed(store);
      const { id } = claim.run;
      assert.deepEqual(await store.lines(id, { limit: 10 }), { lines: [], next: "0.0" });
      const facts = { pull: 7, nested: { list: [1, null, "ü\u0000😀"] }, text: "a\nb" };
      await store.saveLines(claim, [line(1, { level: "error", facts }), line(2, { message: "ü\n\t\u001b[31m" })]);
      const first = await store.lines(id, { limit: 1 });
      assert.deepEqual(first?.lines, [{ attempt: 1, ...line(1, { level: "error", facts }) }]);
      const second = await store.lines(id, { limit: 10, after: first?.next });
      assert.deepEqual(second?.lines, [{ attempt: 1, ...line(2, { message: "ü\n\t\u001b[31m" }) }]);
      assert.deepEqual(await store.lines(id, { limit: 10, after: second?.next }), { lines: [], next: second?.next });
      await store.saveLines(claim, [line(3)]);
      const third = await store.lines(id, { limit: 10, after: second?.next });
      assert.deepEqual(
        third?.lines.map(({ number }) => number),
        [3],
      );
    });

    promise(
      "are stored once, even if they are sent many times, and characters that no column can store are cleaned",
      async (store) => {
        const claim = await claimed(store);
        const odd = line(1, { message: "a\0b \ud83d" });
        for (let time = 0; time < 2; time++) await store.saveLines(claim, [odd, line(2)]);
        const found = (await store.lines(claim.run.id, { limit: 10 }))?.lines.map(({ message }) => message);
        assert.deepEqual(found, ["a\u2400b \ufffd", "line 2"]);
      },
    );

    promise("are in the order of attempts, also beyond the ninth", async (store) => {
      const claim = await claimed(store);
      for (const attempt of [10, 2, 9, 1]) await store.saveLines({ ...claim, attempt }, [line(1), line(11), line(2)]);
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.lines(claim.run.id, { limit: 5, after });
        seen.push(...page!.lines.map(({ attempt, number }) => `${attempt}.${number}`));
        after = page!.next;
        if (page!.lines.length === 0) break;
      }
      assert.deepEqual(
        seen,
        [1, 2, 9, 10].flatMap((attempt) => [1, 2, 11].map((number) => `${attempt}.${number}`)),
      );
    });

    promise("are stored with the end of its attempt, also when some were stored before", async (store) => {
      const [claim, other] = [await claimed(store), await claimed(store)];
      await store.saveLines(claim, [line(1)]);
      await Promise.all([end(store, claim, [line(1), line(2, { facts: { n: 2 } })]), end(store, other, [])]);
      assert.deepEqual((await store.lines(claim.run.id, { limit: 10 }))?.lines, [
        { attempt: 1, ...line(1) },
        { attempt: 1, ...line(2, { facts: { n: 2 } }) },
      ]);
      assert.deepEqual((await store.lines(other.run.id, { limit: 10 }))?.lines, []);
    });

    promise("are deleted with it, and do not exist for a run that does not exist", async (store) => {
      const claim = await claimed(store);
      await store.saveLines(claim, [line(1)]);
      await end(store, claim);
      await store.saveLines(claim, [line(2)]);
      assert.equal((await store.lines(claim.run.id, { limit: 10 }))?.lines.length, 2);
      assert.equal(await store.forget(clock.now() + 1000, 10), 1);
      assert.equal(await store.lines(claim.run.id, { limit: 10 }), undefined);
      await store.saveLines(claim, [line(3)]);
      for (const id of [claim.run.id, randomUUID(), "nothing"]) {
        assert.equal(await store.lines(id, { limit: 10 }), undefined);
      }
    });

    promise("reach open pages", async (store) => {
      const claim = await claimed(store);
      const before = await store.overview.revision();
      await store.saveLines(claim, [line(1)]);
      assert.notEqual(await store.overview.revision(), before);
    });
  });
}

describe("PostgreSQL: the lines of a run", () => {
  it("change what the open pages of another replica are notified, without a notification", async (t) => {
    const options = { url: postgres.url, schema: postgres.schema(), clock, onError: () => {} };
    const [one, other] = [await openPostgresStore(options), await openPostgresStore(options)];
    t.after(() => Promise.all([one.close(), other.close()]));
    const claim = await claimed(one);
    let heard = 0;
    const before = await other.overview.revision();
    other.hear(() => heard++);
    await one.saveLines(claim, [line(1)]);
    await until("the other replica sees it", async () => (await other.overview.revision()) !== before);
    assert.equal(heard, 0);
  });
});
