import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DOCUMENTED_LIMITS, limitKeeper } from "../sandbox/limits.ts";
import type { Answer } from "../src/github/answer.ts";
import type { Kind, NotYet } from "../src/github/limits/budget.ts";
import { type Gate, type GateOptions, openGate, type Sent } from "../src/github/limits/gate.ts";
import { type Admitted, type Limit, NOTHING_KEPT, type Pause } from "../src/model/limits.ts";
import { type MovedClock, movedClock } from "./support/clock.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const DOCUMENTED: readonly Limit[] = [
  { unit: "points", most: 900, ms: MINUTE },
  { unit: "writes", most: 80, ms: MINUTE },
  { unit: "writes", most: 500, ms: 60 * MINUTE },
];

const KINDS: readonly Kind[] = ["read", "write", "report"];

type Headers = Record<string, string>;

const answer = (status: number, headers: Headers = {}, message = ""): Answer => ({
  status,
  headers,
  message,
  bytes: new Uint8Array(),
  documentationUrl: "",
  facts: [],
});
const OK = answer(204);
const secondary = (headers: Headers = {}) => answer(403, headers, "You have exceeded a secondary rate limit.");
const primary = (resetAt: number, headers: Headers = {}) =>
  answer(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetAt / SECOND), ...headers }, "Exceeded");

/** Sends one request. */
const sending =
  (reply: () => Promise<Answer> | Answer = () => OK) =>
  async (begin: () => void): Promise<Answer> => {
    begin();
    return reply();
  };

/** A gate on a moved clock, and what it has stored. */
function gateWith(needs: Partial<GateOptions> = {}) {
  const clock = (needs.clock as MovedClock | undefined) ?? movedClock();
  const spent: Admitted[] = [];
  let pause: Pause | undefined;
  const told: number[] = [];
  const gate = openGate({
    account: "test",
    limits: [],
    clock,
    log: {
      ...NOTHING_KEPT,
      admit: async (_account, _at, decide) => void spent.push(...decide(undefined)),
      pause: async (_account, next) => {
        pause = next;
      },
    },
    onPause: (until) => void told.push(until),
    ...needs,
  });
  const send = (kind: Kind, reply: () => Promise<Answer> | Answer = () => OK, name = "run") =>
    gate.pass(kind, sending(reply), { name });
  return { gate, clock, spent, pause: () => pause, told, send };
}

/** Lets everything continue that needs no time. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const sumOf = (spent: readonly Admitted[], unit: "points" | "writes") =>
  spent.reduce((sum, each) => sum + each[unit], 0);

const isSent = (result: Sent | NotYet): result is Sent => "answer" in result;

function rejection(result: unknown): NotYet {
  assert.ok(typeof result === "object" && result !== null && "why" in result, "it was sent");
  return result as NotYet;
}

describe("a limit that GitHub sets", () => {
  const NOW = movedClock().now();
  const httpDate = (time: number) => new Date(time).toUTCString();
  const HOUR = 60 * MINUTE;

  for (const [what, reply, seconds] of [
    ["retry-after", secondary({ "retry-after": "17" }), 17],
    ["retry-after with other words, as of a proxy", answer(429, { "retry-after": "17" }, "slow down"), 17],
    ["retry-after on a 403 with other words", answer(403, { "retry-after": "17" }, "Forbidden"), 17],
    ["retry-after as a date", answer(429, { "retry-after": httpDate(NOW + 17_000), date: httpDate(NOW) }), 17],
    ["retry-after before x-ratelimit-reset", primary(NOW + HOUR, { "retry-after": "17" }), 17],
    ["a primary limit of 40 minutes", primary(NOW + 40 * MINUTE), 40 * 60],
    ["a secondary limit without a time", secondary(), 60],
    ["the words of older servers", answer(403, {}, "You have triggered an abuse detection mechanism."), 60],
    ["429 and nothing else", answer(429), 60],
    ["a clock that is an hour slow", primary(NOW + HOUR + 5 * MINUTE, { date: httpDate(NOW + HOUR) }), 300],
    ["a clock that is an hour fast", primary(NOW - HOUR + 5 * MINUTE, { date: httpDate(NOW - HOUR) }), 300],
    ["a reset that has passed", primary(NOW - 5 * MINUTE), 1],
    ["a reset that is no number", answer(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon" }), 60],
    ["more than a day", secondary({ "retry-after": "99999999999" }), 86_400],
    ["a negative time", secondary({ "retry-after": "-5" }), 1],
  ] as const) {
    it(`pauses the whole account: ${what}`, async () => {
      const { send, clock, gate, told, pause } = gateWith({ clock: movedClock(NOW) });
      const end = NOW + seconds * SECOND;
      const first = await send("read", () => reply);
      assert.deepEqual(isSent(first) && first.notBefore, end);
      assert.deepEqual([told, pause()?.until, gate.state().pausedUntil], [[end], end, end]);
      let sent = 0;
      const count = () => {
        sent++;
        return OK;
      };
      for (const kind of ["read", "write"] as const) void send(kind, count);
      await settled();
      clock.move(seconds * SECOND - 1);
      await settled();
      assert.equal(sent, 0);
      clock.move(1);
      const after = [send("read", count), send("write", count)];
      await Promise.all(after);
      assert.ok(sent >= 2);
      assert.equal(pause(), undefined);
    });
  }

  it("does not exist for a 403 about permissions, a 404, a 500", async () => {
    const { send, told } = gateWith();
    for (const status of [403, 404, 500, 401]) {
      const result = await send("read", () => answer(status, { "x-ratelimit-remaining": "12" }, "Not accessible"));
      assert.ok(isSent(result) && result.notBefore === undefined);
    }
    assert.deepEqual(told, []);
  });

  it("is foreseen when the last answer says that nothing is left", async () => {
    const { send, clock } = gateWith({ clock: movedClock(NOW) });
    const last = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW / SECOND + 600) };
    assert.ok(isSent(await send("read", () => answer(200, last))));
    assert.equal(rejection(await send("read")).notBefore, NOW + 600 * SECOND);
    clock.move(600 * SECOND);
    assert.ok(isSent(await send("read")));
  });

  it("of the search pauses no other request", async () => {
    const { send } = gateWith();
    const headers = {
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": "99999999999",
      "x-ratelimit-resource": "search",
    };
    assert.ok(isSent(await send("read", () => answer(200, headers))));
    assert.ok(isSent(await send("read")));
  });

  it("doubles the pause each time it repeats, up to a quarter of an hour, and resets after a success", async () => {
    const { send, clock, told } = gateWith();
    const lasted = async (reply: Answer) => {
      const from = clock.now();
      await send("write", () => reply);
      const seconds = (told.at(-1)! - from) / SECOND;
      clock.move(told.at(-1)! - from);
      return seconds;
    };
    const silences = [];
    for (let time = 0; time < 6; time++) silences.push(await lasted(secondary()));
    assert.deepEqual(silences, [60, 120, 240, 480, 900, 900]);
    assert.ok(isSent(await send("write")));
    assert.equal(await lasted(secondary()), 60);
    // A reset that has already passed does not cause requests in a tight loop.
    assert.ok(isSent(await send("write")));
    const passed = [];
    for (let time = 0; time < 4; time++) passed.push(await lasted(primary(clock.now() - MINUTE)));
    assert.deepEqual(passed, [1, 2, 4, 8]);
  });

  it("met by many requests that were in flight together is one limit", async () => {
    const { gate, send, clock, told } = gateWith();
    const replies: ((reply: Answer) => void)[] = [];
    const results = Array.from({ length: 20 }, () =>
      send("read", () => new Promise<Answer>((resolve) => void replies.push(resolve))),
    );
    await settled();
    for (const reply of replies) {
      reply(secondary());
      clock.move(10);
      await settled();
    }
    await Promise.all(results);
    assert.equal(told.length, 1);
    assert.ok(gate.state().pausedUntil! <= clock.now() + MINUTE);
  });

  it("is followed by one request, then two, then four: traffic resumes gently", async () => {
    const { gate, send, clock } = gateWith();
    await send("read", () => secondary({ "retry-after": "30" }));
    clock.move(30 * SECOND);
    let pending: (() => void)[] = [];
    for (let at = 0; at < 100; at++) void send("read", () => new Promise((resolve) => pending.push(() => resolve(OK))));
    const rounds = [];
    for (let round = 0; round < 5; round++) {
      await settled();
      rounds.push(gate.state().inFlight);
      const answered = pending;
      pending = [];
      for (const reply of answered) reply();
      await settled();
    }
    assert.deepEqual(rounds, [1, 2, 4, 8, 16]);
  });

  it("and the spent requests are restored after a restart", async () => {
    const first = gateWith({ limits: DOCUMENTED });
    for (let at = 0; at < 3; at++) await first.send("read");
    for (let at = 0; at < 80; at++) assert.ok(isSent(await first.send("write")));
    await first.send("read", () => secondary({ "retry-after": "20" }));
    const { clock, spent } = first;
    assert.deepEqual([sumOf(spent, "points"), sumOf(spent, "writes")], [3 + 80 * 5 + 1, 80]);

    const known = { account: "test", spent, pause: first.pause() };
    const second = gateWith({ limits: DOCUMENTED, clock, known });
    assert.equal(rejection(await second.send("read")).notBefore, clock.now() + 20 * SECOND);
    clock.move(20 * SECOND);
    assert.ok(isSent(await second.send("read")));
    assert.equal(rejection(await second.send("write")).notBefore, clock.now() + 40 * SECOND);
  });
});

describe("what is in flight", () => {
  it("is never more than fifty requests, and writes go before reads, one after the other", async () => {
    const { gate, send } = gateWith();
    const order: string[] = [];
    const pending: (() => void)[] = [];
    const slow = (name: string) => () => {
      order.push(name);
      return new Promise<Answer>((resolve) => pending.push(() => resolve(OK)));
    };
    for (let at = 0; at < 60; at++) void send("read", slow(`read ${at}`));
    await settled();
    for (let at = 0; at < 3; at++) void send("write", slow(`write ${at}`));
    await settled();
    assert.deepEqual([gate.state().inFlight, gate.state().waiting], [50, 13]);
    for (const reply of pending.splice(0, 4)) reply();
    await settled();
    assert.deepEqual(order.slice(50), ["write 0", "write 1", "write 2", "read 50"]);
  });

  it("frees its place when there was no answer", async () => {
    const { gate, send } = gateWith();
    await assert.rejects(
      send("write", () => Promise.reject(new Error("reset"))),
      /reset/,
    );
    assert.equal(gate.state().inFlight, 0);
  });
});

describe("the windows", () => {
  it("reject what would wait longer than a few seconds, and let the rest wait", async () => {
    const { send, clock } = gateWith({ limits: [{ unit: "writes", most: 2, ms: 10 * SECOND }] });
    await send("write");
    clock.move(8 * SECOND);
    await send("write");
    const soon = send("write", () => OK, "soon");
    await settled();
    clock.move(2 * SECOND - 1);
    let early = true;
    void soon.then(() => {
      early = clock.now() < movedClock().now() + 10 * SECOND;
    });
    await settled();
    clock.move(1);
    assert.ok(isSent(await soon));
    assert.equal(early, false);
    assert.match(rejection(await send("write", () => OK, "late")).why, /2 writes in 10 s/);
  });

  it("reserve the points that writes need", async () => {
    const { send } = gateWith({ limits: DOCUMENTED });
    let reads = 0;
    while (isSent(await send("read"))) reads++;
    assert.equal(reads, 500);
    for (let at = 0; at < 80; at++) assert.ok(isSent(await send("write")));
  });

  it("keep reserved room until it is given back", async () => {
    const { gate, send } = gateWith({ limits: [{ unit: "writes", most: 1, ms: MINUTE }] });
    const room = await gate.reserve("a");
    assert.ok("settle" in room);
    assert.ok(!isSent(await send("write", () => OK, "b")));
    assert.ok(isSent(await gate.pass("write", sending(), { name: "a", reservation: room })));
    room.settle(undefined);
    const second = gateWith({ limits: [{ unit: "writes", most: 1, ms: MINUTE }] });
    const other = await second.gate.reserve("a");
    assert.ok("settle" in other);
    other.settle(undefined);
    other.settle(undefined);
    assert.ok(isSent(await second.send("write")));
    assert.ok(!isSent(await second.send("write")));
  });

  it("give every rejected caller its time, and then let it through before newcomers", async () => {
    const { gate, clock } = gateWith({ limits: DOCUMENTED });
    const start = clock.now();
    const write = async (name: string): Promise<NotYet | undefined> => {
      const room = await gate.reserve(name);
      if (!("settle" in room)) return room;
      await gate.pass("write", sending(), { name, reservation: room });
      return undefined;
    };
    const due = new Map<string, number>();
    for (let at = 0; at < 500; at++) {
      const rejected = await write(`run ${at}`);
      if (rejected) due.set(`run ${at}`, rejected.notBefore);
    }
    assert.equal(due.size, 420);
    const minutes = [...due.values()].map((at) => (at - start) / MINUTE);
    assert.deepEqual([...new Set(minutes)], [1, 2, 3, 4, 5, 6]);
    let again = 0;
    for (let minute = 1; minute <= 6; minute++) {
      clock.move(MINUTE);
      assert.ok(await write(`newcomer ${minute}`), "a newcomer overtook");
      for (const [name, at] of due) if (at === clock.now() && (await write(name))) again++;
    }
    assert.equal(again, 0);
  });

  it("keep the place of a caller that comes a moment too early", async () => {
    const { send, clock } = gateWith({ limits: [{ unit: "writes", most: 2, ms: MINUTE }] });
    // Two are in flight while the others ask: it is not known yet when they will count.
    const replies: (() => void)[] = [];
    const slow = () => new Promise<Answer>((resolve) => replies.push(() => resolve(OK)));
    for (const name of ["a", "b"]) void send("write", slow, name);
    await settled();
    const promised = [];
    for (const name of ["c", "d", "e", "f"]) promised.push(rejection(await send("write", () => OK, name)).notBefore);
    const [first, , second] = promised as [number, number, number, number];
    assert.deepEqual(
      [first, second].map((at) => at - clock.now()),
      [MINUTE, 2 * MINUTE],
    );
    clock.move(10 * SECOND);
    for (const reply of replies) reply();
    await settled();
    clock.move(50 * SECOND);
    const later = rejection(await send("write", () => OK, "c")).notBefore;
    assert.equal(later, clock.now() + 10 * SECOND);
    assert.equal(rejection(await send("write", () => OK, "d")).notBefore, later);
    clock.move(10 * SECOND);
    for (const name of ["c", "d"]) assert.ok(isSent(await send("write", () => OK, name)));
  });

  it("give unused times to others", async () => {
    const { send, clock } = gateWith({ limits: [{ unit: "writes", most: 1, ms: 10 * SECOND }] });
    await send("write", () => OK, "first");
    assert.equal(rejection(await send("write", () => OK, "gone")).notBefore, clock.now() + 10 * SECOND);
    clock.move(41 * SECOND);
    assert.ok(isSent(await send("write", () => OK, "other")));
  });

  it("are never exceeded at GitHub, for any traffic and any latency, and no caller starves", async () => {
    const arrivals = fc.array(
      fc.record({ gapMs: fc.nat(1500), latencyMs: fc.nat(3000), kind: fc.constantFrom(...KINDS) }),
      { minLength: 300, maxLength: 900 },
    );
    await fc.assert(
      fc.asyncProperty(arrivals, async (comers) => {
        const clock = movedClock();
        const { gate } = gateWith({ limits: DOCUMENTED, clock });
        const keeper = limitKeeper();
        let met = 0;
        let done = 0;
        const come = async (kind: Kind, latencyMs: number, name: string): Promise<void> => {
          const result = await gate.pass(
            kind,
            (begin) =>
              new Promise((resolve) => {
                begin();
                // It arrives between being sent and being answered.
                clock.alarm(clock.now() + latencyMs / 2 + 1, () => {
                  if (keeper.enter("a", { isWrite: kind !== "read", isFree: false }, DOCUMENTED_LIMITS, clock.now()))
                    met++;
                  clock.alarm(clock.now() + latencyMs / 2 + 1, () => {
                    keeper.leave("a", 200);
                    resolve(OK);
                  });
                });
              }),
            { name },
          );
          if (isSent(result)) done++;
          else clock.alarm(result.notBefore, () => void come(kind, latencyMs, name));
        };
        for (const [at, { gapMs, latencyMs, kind }] of comers.entries()) {
          clock.move(gapMs);
          void come(kind, latencyMs, `run ${at}`);
          await settled();
        }
        for (let minute = 0; done < comers.length && minute < 200; minute++) {
          for (let step = 0; step < 60; step++) {
            clock.move(SECOND);
            await settled();
          }
        }
        assert.deepEqual({ met, done }, { met: 0, done: comers.length });
      }),
      { numRuns: 6 },
    );
  });
});

describe("a permitted request that is not yet sent when a pause begins", () => {
  it("is sent after the pause, and keeps its room", async () => {
    const { gate, clock, send, spent } = gateWith({ limits: [{ unit: "writes", most: 2, ms: MINUTE }] });
    const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
    const sentAt: number[] = [];
    const late = gate.pass(
      "write",
      async (begin) => {
        await connected;
        begin();
        sentAt.push(clock.now());
        return OK;
      },
      { name: "late" },
    );
    await send("write", () => secondary({ "retry-after": "2" }));
    connect();
    await settled();
    assert.deepEqual([sentAt, gate.state().inFlight], [[], 0]);
    clock.move(2 * SECOND);
    assert.ok(isSent(await late));
    assert.deepEqual([sentAt, sumOf(spent, "writes")], [[clock.now()], 2]);
    assert.ok(!isSent(await send("write")));
  });

  it("is rejected with the end of the pause when that is long, and frees its room", async () => {
    const { gate, clock, send } = gateWith({ limits: [{ unit: "writes", most: 2, ms: MINUTE }] });
    const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
    const late = gate.pass("write", (begin) => connected.then(begin).then(() => OK), { name: "late" });
    await send("write", () => secondary({ "retry-after": "70" }));
    connect();
    assert.equal(rejection(await late).notBefore, clock.now() + 70 * SECOND);
    clock.move(70 * SECOND);
    for (const name of ["late", "other"]) assert.ok(isSent(await send("write", () => OK, name)));
  });

  it("is treated the same after a redirect; each redirect costs a request", async () => {
    const { gate, clock, send, spent } = gateWith({ limits: [{ unit: "writes", most: 3, ms: MINUTE }] });
    let times = 0;
    const redirected = gate.pass(
      "write",
      async (begin) => {
        begin();
        if (++times === 1) await send("read", () => secondary({ "retry-after": "1" }));
        begin();
        return OK;
      },
      { name: "redirected" },
    );
    await settled();
    assert.equal(times, 1);
    clock.move(SECOND);
    assert.ok(isSent(await redirected));
    assert.deepEqual([times, sumOf(spent, "writes")], [2, 3]);
    assert.ok(!isSent(await send("write")));
  });
});

describe("a report", () => {
  const HOUR = 60 * MINUTE;
  /** After a window or a pause, a report leaves this much time to callers with a promised time. */
  const GRACE = 30 * SECOND;

  /** Sends each, and again at its promised time, until all are sent. Resolves with the times when each was sent. */
  function comingAgain({ send, clock }: ReturnType<typeof gateWith>) {
    const sentAt: Record<"write" | "report", number[]> = { write: [], report: [] };
    let rejected = 0;
    const come = async (kind: "write" | "report", name: string): Promise<void> => {
      const result = await send(kind, () => OK, name);
      if (isSent(result)) sentAt[kind].push(clock.now());
      else {
        rejected++;
        clock.alarm(result.notBefore, () => void come(kind, name));
      }
    };
    /** Moves the clock from alarm to alarm. */
    const liveUntil = async (isDone: () => boolean) => {
      for (await settled(); !isDone(); await settled()) clock.move(clock.next()! - clock.now());
    };
    return { sentAt, come, liveUntil, rejected: () => rejected };
  }

  it("lets a dispatch go first, even if 200 wait, and leaves it a place in flight", async () => {
    const { gate, send } = gateWith();
    const order: string[] = [];
    const pending: (() => void)[] = [];
    const slow = (name: string) => () => {
      order.push(name);
      return new Promise<Answer>((resolve) => pending.push(() => resolve(OK)));
    };
    for (let at = 0; at < 200; at++) void send("report", slow("report"));
    await settled();
    assert.deepEqual([gate.state().inFlight, gate.state().waiting], [40, 160]);
    void send("write", slow("dispatch"));
    await settled();
    assert.equal(order.at(-1), "dispatch");
    for (let at = 0; at < 30; at++) void send("read", slow("read"));
    await settled();
    void send("write", slow("second"));
    await settled();
    assert.deepEqual([gate.state().inFlight, order.includes("second")], [50, false]);
    pending.shift()!();
    await settled();
    assert.equal(order.at(-1), "second");
    while (order.filter((name) => name === "report").length < 200) {
      for (const reply of pending.splice(0)) reply();
      await settled();
    }
  });

  it("leaves a fifth of the minute to dispatches", async () => {
    const { send, clock } = gateWith({ limits: DOCUMENTED });
    for (let at = 0; at < 64; at++) assert.ok(isSent(await send("report", () => OK, `report ${at}`)));
    const { notBefore, why } = rejection(await send("report", () => OK, "late"));
    assert.equal(notBefore, clock.now() + MINUTE + GRACE);
    assert.match(why, /the share for reports of 64 writes in 90 s/);
    for (let at = 0; at < 16; at++) assert.ok(isSent(await send("write", () => OK, `dispatch ${at}`)));
  });

  it("leaves a fifth of the hour to dispatches, and waits until the window moves", async () => {
    const gate = gateWith({ limits: DOCUMENTED });
    const { clock, send } = gate;
    const { sentAt, come, liveUntil, rejected } = comingAgain(gate);
    const start = clock.now();
    for (let at = 0; at < 500; at++) void come("report", `report ${at}`);
    await liveUntil(() => sentAt.report.length >= 400);
    assert.ok(clock.now() <= start + 6 * (MINUTE + GRACE), "they do not use what they may");
    clock.move(MINUTE + GRACE);
    await settled();
    assert.equal(sentAt.report.length, 400);
    for (let at = 0; at < 80; at++) assert.ok(isSent(await send("write", () => OK, `dispatch ${at}`)));
    clock.move(MINUTE);
    for (let at = 80; at < 100; at++) assert.ok(isSent(await send("write", () => OK, `dispatch ${at}`)));
    await liveUntil(() => sentAt.report.length === 500);
    // 64 leave the window every 90 s, and 100 dispatches have come into it.
    assert.equal(sentAt.report[400], start + HOUR + GRACE + MINUTE + GRACE);
    assert.ok(rejected() <= 1000, `${rejected()} had to come again`);
  });

  it("takes no time from callers that have a promised turn, even if it comes before them", async () => {
    const gate = gateWith({ limits: DOCUMENTED });
    const { clock, send } = gate;
    for (let at = 0; at < 80; at++) await send("write", () => OK, `first ${at}`);
    const start = clock.now();
    for (let at = 0; at < 160; at++) {
      const { notBefore } = rejection(await send("write", () => OK, `dispatch ${at}`));
      assert.equal(notBefore, start + (at < 80 ? 1 : 2) * MINUTE);
    }
    const { sentAt, come, liveUntil, rejected } = comingAgain(gate);
    for (let at = 0; at < 100; at++) void come("report", `early ${at}`);
    for (const minute of [1, 2]) {
      clock.move(start + minute * MINUTE - clock.now());
      for (let at = 0; at < 20; at++) void come("report", `late ${minute} ${at}`);
      await settled();
      // The run has to be claimed, and to read something.
      clock.move(20 * SECOND);
      await settled();
      for (let at = 80 * (minute - 1); at < 80 * minute; at++) {
        assert.ok(isSent(await send("write", () => OK, `dispatch ${at}`)), `dispatch ${at} is late`);
      }
    }
    assert.equal(sentAt.report.length, 0);
    await liveUntil(() => sentAt.report.length === 140);
    assert.ok(rejected() <= 2 * 140, `${rejected()} had to come again`);
  });

  it("waits after a pause until the requests that waited for its end are sent", async () => {
    const gate = gateWith({ limits: DOCUMENTED });
    const { clock, send } = gate;
    await send("read", () => secondary({ "retry-after": "60" }));
    const end = clock.now() + MINUTE;
    assert.equal(rejection(await send("report", () => OK, "report")).notBefore, end + GRACE);
    for (let at = 0; at < 80; at++) {
      assert.equal(rejection(await send("write", () => OK, `dispatch ${at}`)).notBefore, end);
    }
    clock.move(MINUTE + GRACE - SECOND);
    assert.ok(!isSent(await send("report", () => OK, "other")));
    for (let at = 0; at < 80; at++) assert.ok(isSent(await send("write", () => OK, `dispatch ${at}`)));
    clock.move(MINUTE + GRACE);
    assert.ok(isSent(await send("report", () => OK, "report")));
  });

  it("is sent in the end, as soon as the limits allow it beside a stream of dispatches", async () => {
    const gate = gateWith({ limits: DOCUMENTED });
    const { clock } = gate;
    const { sentAt, come, liveUntil } = comingAgain(gate);
    const start = clock.now();
    for (let at = 0; at < 200; at++) void come("report", `report ${at}`);
    for (let at = 0; at < 60; at++) {
      clock.alarm(start + at * 5 * SECOND, () => void come("write", `dispatch ${at}`));
    }
    await liveUntil(() => sentAt.write.length + sentAt.report.length === 260);
    assert.deepEqual(
      sentAt.write.map((at) => (at - start) / SECOND),
      Array.from({ length: 60 }, (_, at) => at * 5),
    );
    // 64 in 90 s, of which the dispatches need 18.
    const leastMs = Math.floor(259 / 64) * (MINUTE + GRACE);
    const tookMs = sentAt.report.at(-1)! - start;
    assert.ok(tookMs <= 1.3 * leastMs, `${tookMs / SECOND} s where the limits allow ${leastMs / SECOND} s`);
  });
});

describe("a clock that is set back", () => {
  const YEAR = 365 * 24 * 60 * MINUTE;
  const limits: readonly Limit[] = [{ unit: "writes", most: 1, ms: MINUTE }];

  it("does not lengthen a window", async () => {
    const { clock, send } = gateWith({ limits });
    await send("write");
    clock.set(-YEAR);
    assert.equal(rejection(await send("write")).notBefore, clock.now() + MINUTE);
    clock.move(MINUTE);
    assert.ok(isSent(await send("write")));
  });

  it("does not lengthen a stored window", async () => {
    const at = movedClock().now() + YEAR;
    const { clock, send } = gateWith({
      limits,
      known: { account: "test", spent: [{ at, points: 5, writes: 1 }], pause: undefined },
    });
    assert.equal(rejection(await send("write")).notBefore, clock.now() + MINUTE);
  });

  it("does not lengthen a pause, and a stored pause to a day at most", async () => {
    const { clock, send } = gateWith();
    await send("read", () => secondary({ "retry-after": "60" }));
    clock.set(-YEAR);
    assert.equal(rejection(await send("read")).notBefore, clock.now() + MINUTE);
    const until = clock.now() + YEAR;
    const later = gateWith({ clock, known: { account: "test", spent: [], pause: { until, strikes: 1 } } });
    assert.equal(rejection(await later.send("read")).notBefore, clock.now() + 24 * 60 * MINUTE);
  });

  it("does not hold reports back longer", async () => {
    const { clock, send } = gateWith();
    await send("read", () => secondary({ "retry-after": "60" }));
    clock.set(-YEAR);
    assert.equal(rejection(await send("report")).notBefore, clock.now() + 90 * SECOND);
    clock.move(90 * SECOND);
    assert.ok(isSent(await send("report")));
  });

  it("cancels times that were promised before", async () => {
    const { clock, send } = gateWith({ limits });
    await send("write");
    assert.ok(!isSent(await send("write", () => OK, "a")));
    clock.set(-YEAR);
    const { notBefore } = rejection(await send("write", () => OK, "a"));
    assert.equal(notBefore, clock.now() + MINUTE);
    clock.move(MINUTE);
    assert.ok(isSent(await send("write", () => OK, "a")));
  });
});

describe("a gate", () => {
  it("is idle when it has nothing to remember", async () => {
    const { gate, send, clock } = gateWith({ limits: DOCUMENTED });
    const idle = (each: Gate) => each.isIdle();
    assert.ok(idle(gate));
    await send("read");
    assert.ok(!idle(gate));
    clock.move(MINUTE);
    assert.ok(idle(gate));
    await send("read", () => secondary());
    clock.move(MINUTE);
    assert.ok(!idle(gate), "its strike is forgotten");
    clock.move(60 * MINUTE);
    assert.ok(idle(gate), "a token that was seen once is remembered forever");
  });
});
