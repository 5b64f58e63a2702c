import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import type { Answer } from "../src/github/answer.ts";
import type { Kind } from "../src/github/limits/budget.ts";
import { openGates } from "../src/github/limits/gates.ts";
import { type Limit, type LimitLog, PRESENT_MS } from "../src/model/limits.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { movedClock } from "./support/clock.ts";
import { type DatabaseClock, databaseClock } from "./support/database-clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const SECOND = 1000;

/** GitHub's limit for an account. */
const ALLOWED = 100;

/** Until a replica's knowledge about the others covers everything in flight. */
const SETTLED_MS = 45 * SECOND;

/** How long an answer takes here. */
const ROUND_MS = 15 * SECOND;
const HOUR = 3600 * SECOND;

/** In force, and never used up. */
const WIDE: readonly Limit[] = [{ unit: "points", most: 1_000_000, ms: SECOND }];

const OK: Answer = { status: 204, headers: {}, message: "", bytes: new Uint8Array(), documentationUrl: "", facts: [] };

const postgres = postgresForTests();
const schema = postgres.schema();

let moved: Promise<DatabaseClock> | undefined;
const time = () => (moved ??= databaseClock(postgres.url, schema, movedClock().now()));

async function sql(text: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** A deployment on one clock. GitHub answers its requests when the test lets it. */
function deployment(t: TestContext, { limits = WIDE }: { limits?: readonly Limit[] } = {}) {
  const clock = movedClock();
  const clocks = [clock];
  const deployment = randomUUID();
  let busy = 0;
  let [inFlight, most] = [0, 0];

  /** @param ahead the error of the replica's clock, ms. */
  async function join(ahead = 0) {
    const { databaseNow, setTime } = await time();
    await setTime(clock.now());
    const replicaClock = ahead === 0 ? clock : movedClock(clock.now() + ahead);
    if (replicaClock !== clock) clocks.push(replicaClock);
    const store = await openPostgresStore({
      url: postgres.url,
      schema,
      clock: replicaClock,
      databaseNow,
      onError: () => {},
    });
    const log: LimitLog = {
      ...store.limits,
      async admit(...admission) {
        busy++;
        await store.limits.admit(...admission).finally(() => busy--);
      },
    };
    const gates = await openGates({ host: "github.test", limits, clock: replicaClock, log, onPause: () => {} });
    const waiting: (() => void)[] = [];
    const ended: Promise<unknown>[] = [];
    let closed = false;
    const replica = {
      store,
      /** Starts this many requests. */
      ask(count: number, { kind = "read", account = "mona" }: { kind?: Kind; account?: string } = {}) {
        for (let at = 0; at < count; at++) {
          const send = async (begin: () => void) => {
            begin();
            inFlight++;
            most = Math.max(most, inFlight);
            await new Promise<void>((resolve) => void waiting.push(resolve));
            inFlight--;
            return OK;
          };
          ended.push(gates.of(`${account} ${deployment}`).pass(kind, send, { name: `run ${at}` }));
        }
      },
      /** GitHub answers all requests so far. */
      answer() {
        for (const reply of waiting.splice(0)) reply();
      },
      inFlight: () => waiting.length,
      async leave() {
        if (closed) return;
        closed = true;
        gates.close();
        while (busy > 0 || waiting.length > 0) {
          this.answer();
          await settled();
        }
        await Promise.all(ended);
        await store.close();
      },
    };
    t.after(() => replica.leave());
    return replica;
  }

  /** Lets everything continue that needs no answer and no time. */
  async function settled(): Promise<void> {
    for (let calm = 0; calm < 5; calm = busy > 0 ? 0 : calm + 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets this much time pass everywhere. */
  async function pass(milliseconds: number): Promise<void> {
    await (await time()).setTime(clock.now() + milliseconds);
    for (const each of clocks) each.move(milliseconds);
  }

  return {
    join,
    pass,
    settled,
    /** All have more requests than they may send, and get their answers, for this time. */
    async work(replicas: readonly { answer(): void; ask(count: number): void }[], milliseconds: number) {
      for (let left = milliseconds; ; left -= ROUND_MS) {
        for (const { answer, ask } of replicas) {
          answer();
          ask(40);
        }
        await settled();
        if (left <= 0) return;
        await pass(Math.min(left, ROUND_MS));
      }
    },
    async joined(count: number) {
      const replicas: Awaited<ReturnType<typeof join>>[] = [];
      for (let at = 0; at < count; at++) replicas.push(await join());
      return replicas;
    },
    /** The maximum in flight since the last call. */
    most() {
      const found = most;
      most = inFlight;
      return found;
    },
  };
}

type Replica = Awaited<ReturnType<ReturnType<typeof deployment>["joined"]>>[number];

const shares = (replicas: readonly Replica[]) => replicas.map(({ inFlight }) => inFlight());

describe("the requests that replicas have in flight for an account", () => {
  it("are 25 per replica, for up to four replicas, from the first moment", async (t) => {
    const { joined, settled } = deployment(t);
    const four = await joined(4);
    for (const { ask } of four) ask(40);
    await settled();
    assert.deepEqual(shares(four), [25, 25, 25, 25]);
  });

  it("stay within 100 when more replicas join: these begin with one, and the others make room", async (t) => {
    const { pass, joined, settled, most } = deployment(t);
    const four = await joined(4);
    await pass(SETTLED_MS);
    for (const { ask } of four) ask(200);
    await settled();
    assert.equal(most(), ALLOWED);
    const newcomers = await joined(2);
    for (const { ask } of newcomers) ask(200);
    await settled();
    assert.deepEqual(shares(newcomers), [1, 1]);
    assert.equal(most(), ALLOWED + 2);
    for (const { answer } of four) answer();
    await settled();
    assert.deepEqual(shares([...four, ...newcomers]), [16, 16, 16, 16, 1, 1]);
    most();
    await pass(SETTLED_MS);
    for (const { answer } of newcomers) answer();
    await settled();
    assert.deepEqual(shares([...four, ...newcomers]), [16, 16, 16, 16, 16, 16]);
    assert.equal(most(), 96);
  });

  it("stay within 100 while one replica after the other is replaced", async (t) => {
    const { pass, joined, work, most, settled } = deployment(t);
    let replicas = await joined(5);
    await work(replicas, SETTLED_MS);
    assert.deepEqual(shares(replicas), [20, 20, 20, 20, 20]);
    for (let replaced = 0; replaced < 5; replaced++) {
      const [newcomer] = (await joined(1)) as [Replica];
      const [oldest, ...others] = replicas as [Replica, ...Replica[]];
      newcomer.ask(60);
      await settled();
      await oldest.leave();
      replicas = [...others, newcomer];
      await pass(10 * SECOND);
      await work(replicas, 0);
    }
    assert.ok(most() <= ALLOWED + 5, `${most()} in flight`);
    assert.deepEqual(shares(replicas), [10, 1, 1, 1, 1]);
    await work(replicas, PRESENT_MS);
    await work(replicas, 0);
    assert.deepEqual(shares(replicas), [20, 20, 20, 20, 20]);
    assert.ok(most() <= ALLOWED, `${most()} in flight`);
  });

  it("are shared among the others when a replica is killed, after its requests have ended", async (t) => {
    const { joined, work } = deployment(t);
    const [killed, ...four] = (await joined(5)) as [Replica, ...Replica[]];
    await work([killed, ...four], SETTLED_MS);
    assert.deepEqual(shares([killed, ...four]), [20, 20, 20, 20, 20]);
    await work(four, SETTLED_MS);
    assert.deepEqual(shares(four), [20, 20, 20, 20]);
    await work(four, ROUND_MS);
    assert.deepEqual(shares(four), [25, 25, 25, 25]);
  });

  it("keep their number while the database is unavailable", async (t) => {
    const { pass, joined, work, most } = deployment(t);
    const five = await joined(5);
    await work(five, SETTLED_MS);
    most();
    const away = async (milliseconds: number) => {
      await sql(`ALTER TABLE ${schema}.github_spending RENAME TO away`);
      await work(five, milliseconds);
      await sql(`ALTER TABLE ${schema}.away RENAME TO github_spending`);
      await pass(2 * SECOND);
      await work(five, 0);
      return most();
    };
    for (const milliseconds of [0, SETTLED_MS]) {
      assert.equal(await away(milliseconds), ALLOWED);
      assert.deepEqual(shares(five), [20, 20, 20, 20, 20]);
    }
    // Nothing is in flight any more, and the replicas are counted again: the last one has one.
    assert.equal(await away(PRESENT_MS), ALLOWED + 1);
  });

  it("stay within 100 when the clock of one is an hour ahead, or behind", async (t) => {
    for (const ahead of [HOUR, -HOUR]) {
      const { join, joined, work, most } = deployment(t);
      const five = [...(await joined(4)), await join(ahead)];
      await work(five, SETTLED_MS);
      await work(five, SETTLED_MS);
      most();
      await work(five, ROUND_MS);
      assert.deepEqual(shares(five), [20, 20, 20, 20, 20]);
      assert.equal(most(), ALLOWED);
    }
  });

  it("are counted separately for each account", async (t) => {
    const { joined, work, settled } = deployment(t);
    const five = await joined(5);
    await work(five, SETTLED_MS);
    five[0]!.ask(60, { account: "hubot" });
    await settled();
    assert.equal(five[0]!.inFlight(), 20 + 25);
  });

  it("are 50 per replica if no windows are in force, without asking the database", async (t) => {
    const { joined, settled } = deployment(t, { limits: [] });
    const three = await joined(3);
    for (const { ask } of three) ask(60);
    await settled();
    assert.deepEqual(shares(three), [50, 50, 50]);
  });
});
