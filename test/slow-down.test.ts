import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { networkOf, type Slowed, slowDown } from "../src/access/slow-down.ts";
import type { TryLater } from "../src/model/access.ts";
import { movedClock, until } from "./support/clock.ts";

const ATTACKER = "198.51.100.7";
const GUESSABLE = "right-and-short";
const LONG = "a".repeat(64);

function start() {
  const clock = movedClock();
  const counts: Record<Slowed, number> = { waited: 0, rejected: 0 };
  const slow = slowDown(clock, (what) => counts[what]++);
  const checks: string[] = [];
  return {
    clock,
    counts,
    checks,
    /** Checks a credential like the service: the caller, or undefined. */
    bring: (address: string, credential: string, wrong: "wrong" | "beside" = "wrong") =>
      slow.checked(
        address,
        credential,
        () => {
          checks.push(credential);
          return [GUESSABLE, LONG].includes(credential) ? "alice" : undefined;
        },
        (found) => (found === undefined ? wrong : "right"),
      ),
  };
}

const isTooMany = (found: unknown): found is TryLater => (found as TryLater | undefined)?.status === "later";

/** Sends ten wrong credentials, which get their answers immediately. */
function fail(bring: ReturnType<typeof start>["bring"], address = ATTACKER, times = 10): void {
  for (let nth = 0; nth < times; nth++) assert.equal(bring(address, `wrong ${nth}`), undefined);
}

const resultOf = (found: string | undefined) => (found === undefined ? "wrong" : "right");

const settled = async (promises: readonly unknown[]) => {
  let done = 0;
  for (const each of promises) void Promise.resolve(each).finally(() => done++);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return done;
};

describe("slowing down wrong credentials", () => {
  it("answers immediately, without a promise, while an address has few wrong ones", () => {
    const { bring, counts } = start();
    fail(bring, ATTACKER, 9);
    assert.equal(bring(ATTACKER, GUESSABLE), "alice");
    assert.deepEqual(counts, { waited: 0, rejected: 0 });
  });

  it("checks one every 500 ms after ten wrong ones within a minute", async () => {
    const { bring, clock, checks, counts } = start();
    fail(bring);
    const guesses = [1, 2, 3].map((nth) => bring(ATTACKER, `guess ${nth}`));
    assert.equal(await settled(guesses), 1, "the first has its turn");
    clock.move(499);
    assert.equal(await settled(guesses), 1);
    clock.move(1);
    assert.equal(await settled(guesses), 2);
    clock.move(500);
    assert.deepEqual(await Promise.all(guesses), [undefined, undefined, undefined]);
    assert.equal(checks.length, 13);
    assert.deepEqual(counts, { waited: 3, rejected: 0 });
  });

  it("does not count wrong ones that are minutes apart", () => {
    const { bring, clock, counts } = start();
    for (let nth = 0; nth < 40; nth++) {
      fail(bring, ATTACKER, 1);
      clock.move(10_000);
    }
    assert.deepEqual(counts, { waited: 0, rejected: 0 });
  });

  it("forgets them after a minute without a wrong one, and not before", async () => {
    const { bring, clock } = start();
    fail(bring);
    clock.move(59_000);
    assert.ok(bring(ATTACKER, "wrong again") instanceof Promise);
    await settled([]);
    clock.move(59_000);
    assert.ok(bring(ATTACKER, "and again") instanceof Promise);
    await settled([]);
    clock.move(60_000);
    assert.equal(bring(ATTACKER, GUESSABLE), "alice");
  });

  it("lets 20 wait at an address, and tells the others when to retry", async () => {
    const { bring, clock, counts, checks } = start();
    fail(bring);
    const guesses = Array.from({ length: 50 }, (_, nth) => bring(ATTACKER, `guess ${nth}`));
    await settled([]);
    clock.move(60_000);
    const rejected = (await Promise.all(guesses)).filter(isTooMany);
    assert.equal(rejected.length, 30);
    for (const { http, retryAfterSeconds } of rejected) assert.deepEqual([http, retryAfterSeconds], [429, 10]);
    assert.deepEqual(counts, { waited: 20, rejected: 30 });
    assert.equal(checks.length, 10 + 20, "rejected ones are not checked at all");
  });

  it("never delays a credential that was right before from there, or one that cannot be guessed", async () => {
    const { bring, clock } = start();
    assert.equal(bring(ATTACKER, GUESSABLE), "alice");
    fail(bring);
    const guesses = Array.from({ length: 200 }, (_, nth) => bring(ATTACKER, `guess ${nth}`));
    assert.equal(guesses.length, 200);
    assert.equal(bring(ATTACKER, GUESSABLE), "alice");
    assert.equal(bring(ATTACKER, LONG), "alice");
    assert.equal(bring("203.0.113.9", GUESSABLE), "alice", "another address is not concerned");
    clock.move(60_000);
  });

  it("does not trust a credential here because it was right elsewhere", async () => {
    const { bring, checks } = start();
    assert.equal(bring("203.0.113.9", GUESSABLE), "alice");
    fail(bring);
    void bring(ATTACKER, "guess");
    const before = checks.length;
    const waiting = bring(ATTACKER, GUESSABLE);
    assert.ok(waiting instanceof Promise);
    assert.equal(checks.length, before, "it is not checked before its turn");
  });

  it("checks long ones immediately, and answers wrong ones one after the other", async () => {
    const { bring, clock, counts } = start();
    const wrong = "b".repeat(64);
    for (let nth = 0; nth < 10; nth++) assert.equal(bring(ATTACKER, wrong), undefined);
    const guesses = Array.from({ length: 25 }, () => bring(ATTACKER, wrong));
    await settled([]);
    clock.move(60_000);
    assert.equal((await Promise.all(guesses)).filter(isTooMany).length, 5);
    assert.deepEqual(counts, { waited: 20, rejected: 5 });
  });

  it("counts a check that takes time", async () => {
    const clock = movedClock();
    const slow = slowDown(clock, () => {});
    const wrong = () => slow.checked(ATTACKER, LONG, async () => undefined, resultOf);
    for (let nth = 0; nth < 10; nth++) assert.equal(await wrong(), undefined);
    void wrong();
    await settled([]);
    const later = wrong();
    assert.equal(await settled([later]), 0);
    clock.move(500);
    assert.equal(await later, undefined);
  });

  it("counts different ones that are checked at the same time, and one that many senders use once", async () => {
    const clock = movedClock();
    const slow = slowDown(clock, () => {});
    const checks: string[] = [];
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const bring = (credential: string) =>
      slow.checked(
        ATTACKER,
        credential,
        () => {
          checks.push(credential);
          return promise;
        },
        resultOf,
      );
    const same = Array.from({ length: 40 }, () => bring("a new one"));
    assert.equal(checks.length, 40);
    const different = Array.from({ length: 30 }, (_, nth) => bring(`guess ${nth}`));
    await settled([]);
    assert.equal(checks.length, 40 + 9 + 1, "the tenth and those after it wait, the first of them for no time");
    resolve(undefined);
    clock.move(60_000);
    await Promise.all([...same, ...different]);
  });

  it("counts a wrong one once for a sender that is known by another credential", async () => {
    const { bring, counts } = start();
    const beside = (credential: string) => bring(ATTACKER, credential, "beside");
    for (let nth = 0; nth < 50; nth++) assert.equal(beside("the password of a proxy"), undefined);
    assert.deepEqual(counts, { waited: 0, rejected: 0 });
    for (let nth = 0; nth < 9; nth++) void beside(`guess ${nth}`);
    assert.ok(beside("guess again") instanceof Promise);
    assert.equal(beside("the password of a proxy"), undefined, "what came before passes immediately");
  });

  it("ignores credentials that could not be checked", async () => {
    const clock = movedClock();
    const slow = slowDown(clock, () => assert.fail("nothing is slowed down"));
    for (const credential of ["short", LONG])
      for (let nth = 0; nth < 30; nth++)
        assert.equal(
          slow.checked(
            ATTACKER,
            credential,
            () => "issuer down",
            () => "unchecked",
          ),
          "issuer down",
        );
  });

  it("treats an IPv6 network of 64 bits as one address, and each IPv4 address separately", () => {
    const { bring, counts } = start();
    for (let nth = 0; nth < 10; nth++) fail(bring, `2001:db8:1:2::${nth}`, 1);
    void bring("2001:db8:1:2:ffff::1", "guess");
    assert.equal(counts.waited, 1);
    void bring("2001:db8:1:3::1", "guess");
    assert.equal(counts.waited, 1);
    assert.equal(networkOf("2001:0db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
    assert.equal(networkOf("::1"), "0:0:0:0::/64");
    assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf(""), "");
  });

  it("remembers at most 10,000 addresses, and lets at most 200 requests wait", () => {
    const { bring, counts } = start();
    fail(bring);
    for (let nth = 0; nth < 10_000; nth++) fail(bring, `10.${nth >> 8}.${nth & 255}.1`, 1);
    assert.equal(bring(ATTACKER, "guess"), undefined, "the oldest is forgotten");
    for (let nth = 0; nth < 30; nth++) {
      fail(bring, `10.200.${nth}.1`);
      for (let guess = 0; guess < 20; guess++) void bring(`10.200.${nth}.1`, `guess ${guess}`);
    }
    assert.deepEqual(counts, { waited: 200, rejected: 400 });
  });

  it("ends all waiting when the service stops", async () => {
    const clock = movedClock();
    const stopping = new AbortController();
    const slow = slowDown(clock, () => {}, stopping.signal);
    for (let nth = 0; nth < 10; nth++) void slow.checked(ATTACKER, `wrong ${nth}`, () => undefined, resultOf);
    const waiting = [1, 2, 3].map(() => slow.checked(ATTACKER, "guess", () => undefined, resultOf));
    stopping.abort();
    let ended = false;
    void Promise.all(waiting).then(() => {
      ended = true;
    });
    await until("they have ended", () => ended);
  });
});
