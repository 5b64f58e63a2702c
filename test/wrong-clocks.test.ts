import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { Context, GitHub, Json } from "../src/index.ts";
import { TransientFailure } from "../src/model/failure.ts";
import { type RunStore, StoreUnavailable } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { type DatabaseClock, databaseClock } from "./support/database-clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { workerWith } from "./support/worker.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const postgres = postgresForTests();

/** Processes that share a store, each with a separately settable clock. */
type Machines = {
  process(): Promise<{ store: RunStore; clock: MovedClock; link: { isCut: boolean } }>;
  /** Time passes for all, in steps. In each step every worker has searched for runs at least once. */
  pass(milliseconds: number): Promise<void>;
};

/** The interval at which workers search for runs automatically, ms. */
const STEP_MS = 7 * SECOND;

function machines(
  open: (clock: MovedClock) => Promise<RunStore>,
  pass = async (_milliseconds: number) => {},
): Machines {
  const all: { clock: MovedClock; rounds: number }[] = [];
  return {
    async process() {
      const moved = movedClock();
      // As on a real machine: the monotonic clock has fractions, and drifts.
      const clock = { ...moved, monotonic: () => moved.monotonic() * 0.9999999 };
      const store = await open(clock);
      const one = { clock, rounds: 0 };
      all.push(one);
      const link = { isCut: false };
      const linked = async <T>(work: () => Promise<T>): Promise<T> => {
        if (!link.isCut) return work();
        one.rounds++;
        throw new StoreUnavailable("cut off");
      };
      return {
        store: {
          ...store,
          claim: (lease) => linked(() => store.claim(lease)),
          extend: (claims, leaseMs) => linked(() => store.extend(claims, leaseMs)),
          // The last statement of a worker's round.
          nextDue: () => store.nextDue().finally(() => one.rounds++),
        },
        clock,
        link,
      };
    },
    async pass(milliseconds) {
      for (let left = milliseconds; left > 0; left -= STEP_MS) {
        const step = Math.min(left, STEP_MS);
        const before = all.map(({ rounds }) => rounds);
        await pass(step);
        for (const { clock } of all) clock.move(step);
        if (step === STEP_MS) await until("all have looked", () => all.every(({ rounds }, at) => rounds > before[at]!));
      }
    },
  };
}

function inSqlite(t: TestContext): Machines {
  return machines(async (clock) => openSqliteStore(temporaryFolder(t), clock));
}

function inPostgres(_t: TestContext): Machines {
  const schema = postgres.schema();
  let moved: Promise<DatabaseClock> | undefined;
  const time = () => (moved ??= databaseClock(postgres.url, schema, movedClock().now()));
  return machines(
    async (clock) => {
      const { databaseNow } = await time();
      return openPostgresStore({ url: postgres.url, schema, clock, databaseNow, onError: () => {} });
    },
    async (milliseconds) => (await time()).setTime((await time()).now() + milliseconds),
  );
}

/** A worker of a process, and what its attempts have sent to GitHub. */
async function working(
  t: TestContext,
  machine: Machines,
  run: (context: Context<{ readonly body: Json }>) => Promise<unknown>,
) {
  const { store, clock, link } = await machine.process();
  const sent: string[] = [];
  const { accept } = workerWith(t, run, {
    store,
    clock,
    options: { timeout: "6h" },
    needs: {
      owner: randomUUID(),
      github: ({ name, lease }) => ({
        github: {
          async dispatch() {
            if (!(await lease.holds())) throw new Error("it was not sent");
            sent.push(name);
          },
        } as unknown as GitHub,
        actions: {} as never,
        octokitNames: {} as never,
        release() {},
      }),
    },
  });
  return { store, clock, link, accept, sent };
}

const blink = () => new TransientFailure({ tried: "asking", happened: "a 502", remedy: "None." });

for (const [name, open] of [
  ["SQLite", inSqlite],
  ["PostgreSQL", inPostgres],
] as const) {
  describe(`a clock that is set, with ${name}`, () => {
    it("by a year ahead deletes no history; that takes the time of RETAIN_DAYS", async (t) => {
      const machine = open(t);
      const one = await working(t, machine, async () => "done");
      const id = randomUUID();
      await one.accept({}, id);
      const isKept = async () => (await one.store.get(id)) !== undefined;
      await until("it has ended", async () => (await one.store.get(id))?.run.status === "success");
      one.clock.set(365 * DAY);
      await machine.pass(3 * MINUTE);
      assert.ok(await isKept());
      one.clock.set(-365 * DAY);
      one.clock.move(31 * DAY);
      await machine.pass(3 * MINUTE);
      await until("it is forgotten", async () => !(await isKept()));
    });

    for (const by of [-10 * MINUTE, -DAY, 10 * MINUTE, 2 * DAY]) {
      const how = `by ${by / MINUTE} min in the middle of an attempt`;

      it(`${how} takes no run from its process, which sends once`, async (t) => {
        const machine = open(t);
        const gate = Promise.withResolvers<void>();
        let begun = 0;
        const work = async ({ github }: Context<{ readonly body: Json }>) => {
          begun++;
          await gate.promise;
          await github.dispatch("acme/shop", "ready", {});
        };
        const one = await working(t, machine, work);
        const others = name === "SQLite" ? [] : [await working(t, machine, work)];
        const id = randomUUID();
        await one.accept({}, id);
        await until("it is at work", () => begun === 1);
        await machine.pass(8 * SECOND);
        one.clock.set(by);
        await machine.pass(2 * MINUTE);
        gate.resolve();
        await until("it has ended", async () => (await one.store.get(id))?.run.endedAt !== undefined);
        assert.equal(begun, 1);
        const { run, attempts } = (await one.store.get(id))!;
        assert.deepEqual([run.status, attempts.length], ["success", 1]);
        assert.deepEqual([one.sent, ...others.map(({ sent }) => sent)], [[id], ...others.map(() => [])]);
      });

      it(`${how} does not change when the next one is`, async (t) => {
        const machine = open(t);
        let begun = 0;
        const { store, clock, accept } = await working(t, machine, async () => {
          if (++begun <= 2) throw blink();
          return {};
        });
        const id = randomUUID();
        await accept({}, id);
        const failed = async (times: number) => (await store.get(id))?.run.failures === times;
        await until("it has failed", () => failed(1));
        clock.set(by);
        await machine.pass(7 * SECOND);
        await until("it has failed again", () => failed(2));
        clock.set(-by);
        await machine.pass(29 * SECOND);
        assert.equal(begun, 2, "not before the 30 s are over");
        await machine.pass(8 * SECOND);
        await until("it has ended", async () => (await store.get(id))?.run.status === "success");
      });
    }

    it("by 2 days for nine seconds ends no run that waits", async (t) => {
      const machine = open(t);
      let begun = 0;
      const { store, clock, accept } = await working(t, machine, async () => {
        if (++begun <= 8) throw blink();
        return {};
      });
      const id = randomUUID();
      await accept({}, id);
      await until("it has failed", async () => (await store.get(id))?.run.failures === 1);
      clock.set(2 * DAY);
      await machine.pass(9 * SECOND);
      await until("it has failed again", async () => (await store.get(id))?.run.failures === 2);
      clock.set(-2 * DAY);
      assert.equal((await store.get(id))?.run.status, "queued");
      await machine.pass(5 * MINUTE);
      assert.ok(begun >= 4, "its delays are as ever");
    });

    it("does not delay due runs", async (t) => {
      const machine = open(t);
      const { store, clock } = await machine.process();
      const lease = () => ({ owner: "one", now: clock.now(), leaseMs: MINUTE });
      const id = randomUUID();
      const event = { id, workflow: "w", group: undefined, input: 1, ownToken: false };
      await store.accept(event, { ...lease(), take: false });
      clock.set(-10 * MINUTE);
      const claims = await store.claim({ ...lease(), limit: 10 });
      assert.deepEqual(
        claims.map(({ run }) => run.id),
        [id],
      );
      await store.close();
    });
  });
}

describe("a replica that has lost its run", () => {
  it("aborts its attempt and sends nothing more, while the other one sends", async (t) => {
    const machine = inPostgres(t);
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const signals: AbortSignal[] = [];
    const work = async ({ github, signal }: Context<{ readonly body: Json }>) => {
      const gate = gates[signals.push(signal) - 1]!;
      await gate.promise;
      await github.dispatch("acme/shop", "ready", {});
    };
    const one = await working(t, machine, work);
    const two = await working(t, machine, work);
    const id = randomUUID();
    await one.accept({}, id);
    await until("it is at work", () => signals.length === 1);
    one.link.isCut = true;
    await machine.pass(42 * SECOND);
    await until("the other one is at work", () => signals.length === 2);
    assert.equal(signals[0]!.aborted, false);
    one.link.isCut = false;
    await machine.pass(7 * SECOND);
    await until("the first one knows", () => signals[0]!.aborted);
    for (const gate of gates) gate.resolve();
    await until("it has ended", async () => (await two.store.get(id))?.run.status === "success");
    assert.deepEqual([one.sent, two.sent], [[], [id]]);
    assert.equal(signals[1]!.aborted, true, "its attempt is over, too");
  });
});
