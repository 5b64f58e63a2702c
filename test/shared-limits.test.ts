import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it, type TestContext } from "node:test";
import pg from "pg";
import { DOCUMENTED_LIMITS, limitKeeper } from "../sandbox/limits.ts";
import type { Answer } from "../src/github/answer.ts";
import type { Kind, NotYet } from "../src/github/limits/budget.ts";
import type { Gate, Sent } from "../src/github/limits/gate.ts";
import { openGates } from "../src/github/limits/gates.ts";
import { systemClock } from "../src/model/clock.ts";
import type { Limit, LimitLog } from "../src/model/limits.ts";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const SECOND = 1000;
const HOST = "github.test";
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const DOCUMENTED: readonly Limit[] = [
  { unit: "points", most: 900, ms: MINUTE },
  { unit: "writes", most: 80, ms: MINUTE },
  { unit: "writes", most: 500, ms: HOUR },
];

const answer = (status: number, headers: Record<string, string> = {}, message = ""): Answer => ({
  status,
  headers,
  message,
  bytes: new Uint8Array(),
  documentationUrl: "",
  facts: [],
});
const OK = answer(204);
const silence = (seconds: number) => answer(403, { "retry-after": String(seconds) }, "secondary rate limit");

const postgres = postgresForTests();
const schema = postgres.schema();

const sql = async (text: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
};

/** A process's store. Opening one takes longer than a test. */
type Shared = { readonly store: RunStore; readonly listener: number; readonly errors: Error[] };

const stores: Shared[] = [];
type Replica = {
  readonly gate: Gate;
  /** Reports about database trouble: the cause when it begins, and undefined when it ends. */
  readonly told: readonly unknown[];
  readonly log: LimitLog;
  /** How many times the gate asked for room. */
  asked(): number;
  send(kind: Kind, reply?: () => Answer | Promise<Answer>, name?: string): Promise<Sent | NotYet>;
};

/** The gates of several processes for one account, on one database and one clock. */
async function replicas(t: TestContext, count: number, { limits }: { limits: readonly Limit[] }) {
  const account = randomUUID();
  const clock = movedClock();
  let busy = 0;
  const watched =
    <Args extends unknown[]>(work: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      busy++;
      await work(...args).finally(() => busy--);
    };

  async function open({ store }: Shared): Promise<Replica> {
    let asked = 0;
    const admit = watched(store.limits.admit);
    const log: LimitLog = {
      ...store.limits,
      settle: watched(store.limits.settle),
      admit: (...args) => {
        asked++;
        return admit(...args);
      },
      recall: async () => (await store.limits.recall(0)).filter((each) => each.account === `${HOST} ${account}`),
    };
    const told: unknown[] = [];
    const onTrouble = (of: string, trouble: unknown) => void (of === account && told.push(trouble));
    const gates = await openGates({ host: HOST, limits, clock, log, onPause: () => {}, onTrouble });
    t.after(gates.close);
    const gate = gates.of(account);
    const send: Replica["send"] = (kind, reply = () => OK, name = "run") =>
      gate.pass(
        kind,
        async (begin) => {
          begin();
          return reply();
        },
        { name },
      );
    return { gate, told, log, asked: () => asked, send };
  }

  const opened: Replica[] = [];
  for (const shared of stores.slice(0, count)) opened.push(await open(shared));

  /** Lets everything continue that needs no time of the clock. */
  async function settled(): Promise<void> {
    for (let calm = 0; calm < 5; calm = busy > 0 ? 0 : calm + 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return { account, replicas: opened, clock, settled };
}

const isSent = (result: Sent | NotYet): result is Sent => "answer" in result;

function rejection(result: unknown): NotYet {
  assert.ok(typeof result === "object" && result !== null && "why" in result, "it was sent");
  return result as NotYet;
}

/** Moves the clock from alarm to alarm, until everything is done. */
async function live(clock: MovedClock, settled: () => Promise<void>, isDone: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  for (await settled(); !isDone(); await settled()) {
    assert.ok(performance.now() < end, "it takes too long");
    clock.move(Math.max(50, (clock.next() ?? clock.now()) - clock.now()));
  }
}

describe("replicas of one deployment", () => {
  before(async () => {
    for (let at = 0; at < 3; at++) {
      const errors: Error[] = [];
      const onError = (error: Error) => void errors.push(error);
      const store = await openPostgresStore({ url: postgres.url, schema, clock: systemClock, onError });
      const known = stores.map(({ listener }) => listener);
      const listening = "SELECT pid FROM pg_stat_activity WHERE query = $1 AND pid <> ALL ($2)";
      const [found] = await sql(listening, [`LISTEN ${schema}`, known]);
      stores.push({ store, listener: found.pid, errors });
    }
  });
  after(async () => {
    for (const { store } of stores) await store.close();
  });

  describe("the windows of three replicas", () => {
    /** The latency of each request. It varies, so that the answers come in another order. */
    const latencyMs = (nth: number) => 80 + 2 * ((nth * 619) % 700);

    /** A GitHub at which requests arrive some time after they were sent. */
    function githubOn(clock: MovedClock) {
      const keeper = limitKeeper();
      const met: unknown[] = [];
      const writes: number[] = [];
      let points = 0;
      let nth = 0;
      const reply = (kind: Kind) => () =>
        new Promise<Answer>((resolve) => {
          const halfMs = latencyMs(nth++) / 2;
          clock.alarm(clock.now() + halfMs, () => {
            const limited = keeper.enter(
              "a",
              { isWrite: kind === "write", isFree: false },
              DOCUMENTED_LIMITS,
              clock.now(),
            );
            if (limited) met.push(limited);
            points += kind === "write" ? 5 : 1;
            if (kind === "write") writes.push(clock.now());
            clock.alarm(clock.now() + halfMs, () => {
              keeper.leave("a", 200);
              resolve(OK);
            });
          });
        });
      return { reply, met, writes, points: () => points };
    }

    const mostWithin = (ms: number, times: readonly number[]) =>
      Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));

    it("are respected by all together in a burst of 300 runs, which ends when the limits allow", async (t) => {
      const { replicas: three, clock, settled } = await replicas(t, 3, { limits: DOCUMENTED });
      const { reply, met, writes } = githubOn(clock);
      const start = clock.now();
      let done = 0;

      const run = async ({ gate, send }: Replica, name: string): Promise<void> => {
        const later = ({ notBefore }: NotYet) =>
          void clock.alarm(notBefore, () => void run({ gate, send } as Replica, name));
        const reservation = await gate.reserve(name);
        if ("notBefore" in reservation) return later(reservation);
        const read = await Promise.all([send("read", reply("read")), send("read", reply("read"))]);
        const rejected = read.find((each) => !isSent(each));
        if (rejected) {
          reservation.settle(undefined);
          return later(rejected as NotYet);
        }
        const sent = await gate.pass(
          "write",
          async (begin) => {
            begin();
            return reply("write")();
          },
          { name, reservation },
        );
        if (!isSent(sent)) return later(sent);
        done++;
      };
      for (let at = 0; at < 300; at++) void run(three[at % 3]!, `run ${at}`);
      await live(clock, settled, () => done === 300);

      assert.deepEqual(met, []);
      assert.equal(writes.length, 300);
      assert.ok(mostWithin(MINUTE, writes) <= 80);
      const leastMs = Math.floor(299 / 80) * MINUTE;
      const tookMs = writes.at(-1)! - start;
      t.diagnostic(`${tookMs / SECOND} s where the limits allow ${leastMs / SECOND} s`);
      t.diagnostic(`asked ${three.map(({ asked }) => asked()).join(", ")} times`);
      assert.ok(tookMs <= 1.2 * leastMs, `${tookMs / SECOND} s`);
    });

    it("are respected by reads and writes that all come at the same time", async (t) => {
      const { replicas: three, clock, settled } = await replicas(t, 3, { limits: DOCUMENTED });
      const { reply, met, writes, points } = githubOn(clock);
      let [sent, rejected] = [0, 0];
      const come = (kind: Kind, at: number) =>
        void three[at % 3]!.send(kind, reply(kind), `${kind} ${at}`).then(
          (result) => void (isSent(result) ? sent++ : rejected++),
        );
      for (let at = 0; at < 900; at++) come("read", at);
      for (let at = 0; at < 120; at++) come("write", at);
      await live(clock, settled, () => sent + rejected === 1020);
      assert.deepEqual(met, []);
      assert.equal(writes.length, 80);
      // Reads leave the points that writes need, and no more.
      assert.equal(points(), 900);
    });

    it("take back the room that a dead replica held", async (t) => {
      const limits: readonly Limit[] = [
        { unit: "writes", most: 2, ms: MINUTE },
        { unit: "writes", most: 3, ms: HOUR },
      ];
      const { replicas: both, clock } = await replicas(t, 2, { limits });
      const [dying, other] = both as [Replica, Replica];
      const start = clock.now();
      for (const name of ["a", "b"]) assert.ok("settle" in (await dying.gate.reserve(name)));
      clock.move(10 * SECOND);
      assert.equal(rejection(await other.gate.reserve("c")).notBefore, clock.now() + MINUTE);
      clock.move(MINUTE);
      assert.ok(isSent(await other.send("write", () => OK, "c")), "what it held is never free again");
      // It is unknown whether it was sent, so it counts as spent at the time when it was reserved.
      assert.equal(rejection(await other.send("write", () => OK, "d")).notBefore, start + HOUR);
    });

    it("give back unused room, to all", async (t) => {
      const { replicas: three, settled } = await replicas(t, 3, { limits: [{ unit: "writes", most: 1, ms: MINUTE }] });
      const [one, two, other] = three as [Replica, Replica, Replica];
      const room = await one.gate.reserve("a");
      assert.ok("settle" in room);
      assert.ok(!isSent(await two.send("write", () => OK, "b")));
      room.settle(undefined);
      await settled();
      assert.ok(isSent(await other.send("write", () => OK, "c")));
      await settled();
      assert.ok(!isSent(await one.send("write", () => OK, "d")));
    });

    it("give room that waited too long for a connection to others: the request asks again before it is sent", async (t) => {
      const {
        replicas: both,
        clock,
        settled,
      } = await replicas(t, 2, {
        limits: [{ unit: "writes", most: 1, ms: 40 * SECOND }],
      });
      const [one, other] = both as [Replica, Replica];
      const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
      const late = one.gate.pass(
        "write",
        async (begin) => {
          await connected;
          begin();
          return OK;
        },
        { name: "a" },
      );
      await settled();
      // Reserved for a minute; it may be sent in the first half. Then it counts as spent at the time of the reservation.
      clock.move(61 * SECOND);
      assert.ok(isSent(await other.send("write", () => OK, "b")));
      await settled();
      connect();
      assert.equal(rejection(await late).notBefore, clock.now() + 40 * SECOND);
    });

    it("are known to a replica that starts later", async (t) => {
      const { replicas: both, clock, settled } = await replicas(t, 2, { limits: DOCUMENTED });
      const [one, other] = both as [Replica, Replica];
      for (let at = 0; at < 80; at++) assert.ok(isSent(await one.send("write", () => OK, `run ${at}`)));
      await settled();
      clock.move(20 * SECOND);
      assert.equal(rejection(await other.send("write")).notBefore, clock.now() + 40 * SECOND);
      assert.ok(isSent(await other.send("read")));
    });

    it("reserve a fifth for dispatches against the reports of all replicas", async (t) => {
      const { replicas: both, clock, settled } = await replicas(t, 2, { limits: DOCUMENTED });
      const [one, other] = both as [Replica, Replica];
      for (let at = 0; at < 64; at++) {
        assert.ok(isSent(await both[at % 2]!.send("report", () => OK, `report ${at}`)));
        await settled();
      }
      for (const replica of both) {
        assert.equal(
          rejection(await replica.send("report", () => OK, "late")).notBefore,
          clock.now() + MINUTE + 30 * SECOND,
        );
      }
      for (let at = 0; at < 16; at++) assert.ok(isSent(await both[at % 2]!.send("write", () => OK, `dispatch ${at}`)));
      await settled();
      assert.ok(!isSent(await one.send("write", () => OK, "late")));
      clock.move(MINUTE + 30 * SECOND);
      assert.ok(isSent(await other.send("report", () => OK, "late")));
    });

    it("let no report of one replica use a turn that another one has promised", async (t) => {
      const { replicas: both, clock, settled } = await replicas(t, 2, { limits: DOCUMENTED });
      const [one, other] = both as [Replica, Replica];
      for (let at = 0; at < 80; at++) await one.send("write", () => OK, `first ${at}`);
      for (let at = 0; at < 80; at++) {
        const { notBefore } = rejection(await one.send("write", () => OK, `dispatch ${at}`));
        assert.equal(notBefore, clock.now() + MINUTE);
      }
      const reports = async () => {
        await settled();
        const all = Array.from({ length: 80 }, (_, at) => other.send("report", () => OK, `report ${at}`));
        return (await Promise.all(all)).filter(isSent).length;
      };
      assert.equal(await reports(), 0);
      clock.move(MINUTE);
      assert.equal(await reports(), 0);
      clock.move(20 * SECOND);
      assert.equal(await reports(), 0);
      for (let at = 0; at < 80; at++) {
        assert.ok(isSent(await one.send("write", () => OK, `dispatch ${at}`)), `dispatch ${at} is late`);
      }
      await settled();
      clock.move(5 * MINUTE);
      assert.equal(await reports(), 64);
    });

    it("reject a request that cannot be counted: it retries a second later, and continues with the database", async (t) => {
      const { replicas: both, clock, settled } = await replicas(t, 1, { limits: DOCUMENTED });
      const [one] = both as [Replica];
      await sql(`ALTER TABLE ${schema}.github_spending RENAME TO away`);
      let sent = 0;
      const results = ["a", "b"].map((name) =>
        one.send(
          "write",
          () => {
            sent++;
            return OK;
          },
          name,
        ),
      );
      for (let second = 0; second < 4; second++) {
        await settled();
        clock.move(SECOND);
      }
      for (const result of await Promise.all(results)) {
        const { notBefore, why } = rejection(result);
        assert.ok(notBefore <= clock.now() + SECOND, "it waits for too long");
        assert.match(why, /database/);
      }
      assert.deepEqual([sent, one.gate.state().inFlight, one.gate.state().waiting], [0, 0, 0]);
      assert.equal(one.told.length, 1, "it is not told once");
      assert.match(String(one.told[0]), /github_spending/);

      const waiting = one.send("write", () => OK, "a");
      await settled();
      await sql(`ALTER TABLE ${schema}.away RENAME TO github_spending`);
      clock.move(SECOND);
      assert.ok(isSent(await waiting));
      assert.deepEqual(one.told.slice(1), [undefined]);
    });

    it("ask no database when there are none", async (t) => {
      const { replicas: both } = await replicas(t, 1, { limits: [] });
      const [one] = both as [Replica];
      assert.ok(isSent(await one.send("write")));
      assert.equal(one.asked(), 0);
    });
  });

  describe("a pause that one replica gets", () => {
    const pausedUntil = ({ gate }: Replica) => gate.state().pausedUntil;

    for (const [what, limits] of [
      ["without windows", []],
      ["with windows", DOCUMENTED],
    ] as const) {
      it(`pauses all of them, also requests that are about to be sent: ${what}`, async (t) => {
        const { replicas: three, clock, settled } = await replicas(t, 3, { limits });
        const [told, ...others] = three as [Replica, Replica, Replica];
        const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
        let sent = 0;
        const late = others.map(({ gate }) =>
          gate.pass(
            "write",
            async (begin) => {
              await connected;
              begin();
              sent++;
              return OK;
            },
            { name: "late" },
          ),
        );
        await settled();
        const end = clock.now() + 70 * SECOND;
        await told.send("read", () => silence(70));
        await until("the others have heard", () => others.every((other) => pausedUntil(other) === end));
        connect();
        for (const result of await Promise.all(late)) assert.equal(rejection(result).notBefore, end);
        for (const other of others) assert.equal(rejection(await other.send("read")).notBefore, end);
        assert.equal(sent, 0);
        clock.move(70 * SECOND);
        for (const replica of three) assert.ok(isSent(await replica.send("read")));
      });
    }

    it("ends, with the strikes of all, only when a request succeeds that was sent after it", async (t) => {
      const { replicas: both, clock } = await replicas(t, 2, { limits: [] });
      const [told, other] = both as [Replica, Replica];
      const stored = async () => (await told.log.recall(0))[0]?.pause;
      const early: ((reply: Answer) => void)[] = [];
      const before = [told, other].map(({ send }) =>
        send("read", () => new Promise<Answer>((resolve) => void early.push(resolve))),
      );
      await until("both are under way", () => early.length === 2);
      await told.send("read", () => silence(30));
      await until("the other has heard", () => pausedUntil(other) !== undefined);
      for (const reply of early) reply(OK);
      await Promise.all(before);
      clock.move(30 * SECOND);
      await until("the pause is stored", async () => (await stored())?.strikes === 1);

      // Without a time the pause doubles with each strike, for a strike of any replica.
      const from = clock.now();
      await other.send("read", () => answer(429));
      await until("the first has heard", () => pausedUntil(told) === from + 120 * SECOND);
      await until("the strike is stored", async () => (await stored())?.strikes === 2);
      clock.move(120 * SECOND);
      assert.ok(isSent(await told.send("read")));
      await until("it is over for all", async () => (await stored()) === undefined);
      await until("the other has heard that it is over", () => other.gate.isIdle());
      const again = clock.now();
      await other.send("read", () => answer(429));
      assert.equal(pausedUntil(other), again + 60 * SECOND);
    });

    it("arrives even if the connection for its notification was lost", async (t) => {
      const { replicas: both, clock } = await replicas(t, 2, { limits: [] });
      const [told, deaf] = both as [Replica, Replica];
      const { listener, errors } = stores[1]!;
      await sql("SELECT pg_terminate_backend($1)", [listener]);
      await until("the connection is known to be lost", () => errors.length > 0);
      const end = clock.now() + 70 * SECOND;
      await told.send("read", () => silence(70));
      await until("it still knows", () => pausedUntil(deaf) === end);
      assert.equal(rejection(await deaf.send("write")).notBefore, end);
    });

    it("is stored as soon as the database is back, and arrives then", async (t) => {
      const { replicas: both, clock, settled } = await replicas(t, 2, { limits: [] });
      const [told, other] = both as [Replica, Replica];
      await sql(`ALTER TABLE ${schema}.github_pauses RENAME TO away`);
      const end = clock.now() + 70 * SECOND;
      await told.send("read", () => silence(70));
      await until("it could not be stored", () => clock.next() !== undefined);
      await sql(`ALTER TABLE ${schema}.away RENAME TO github_pauses`);
      await settled();
      clock.move(SECOND);
      await until("the other has heard", () => pausedUntil(other) === end);
    });

    it("is known to a replica that starts during it", async (t) => {
      const { account, replicas: both, clock } = await replicas(t, 2, { limits: [] });
      const [told, other] = both as [Replica, Replica];
      await told.send("read", () => silence(70));
      await until("it is stored", async () => (await other.log.recall(0)).length > 0);
      const gates = await openGates({ host: HOST, limits: [], clock, log: other.log, onPause: () => {} });
      t.after(gates.close);
      assert.equal(
        rejection(await gates.of(account).pass("read", async () => OK, { name: "run" })).notBefore,
        clock.now() + 70 * SECOND,
      );
    });
  });
});
