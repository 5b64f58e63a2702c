import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { afterAttempt, LONGEST_DELAY_MS } from "../src/model/retry.ts";
import type { Outcome } from "../src/model/run.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const TRANSIENT: Outcome = { status: "failure", kind: "transient", reason: "502", http: 500 };
const PERMANENT: Outcome = { status: "failure", kind: "permanent", reason: "404", http: 404 };
const limit = (notBefore?: number): Outcome => ({
  status: "failure",
  kind: "limit",
  reason: "rate limit",
  http: 500,
  ...(notBefore !== undefined && { notBefore }),
});

/** When a run that always fails is attempted, ms after it was accepted; `attemptMs` is the duration of each attempt. */
function attempts({ random = 0, retryHours = 24, attemptMs = 0 } = {}): number[] {
  const begun: number[] = [];
  let at = NOW;
  for (let failures = 0; ; failures++) {
    begun.push(at - NOW);
    const run = { failures, retriesFrom: NOW, ownToken: false };
    const next = afterAttempt(run, TRANSIENT, { now: at + attemptMs, random, retryHours });
    if (next.end) return begun;
    assert.equal(next.counts, true);
    at = next.dueAt;
  }
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, at) => time - times[at]!);

const chance = fc.double({ min: 0, max: 1, noNaN: true });
const anyRun = fc.record({
  failures: fc.nat({ max: 60 }),
  retriesFrom: fc.integer({ min: NOW - 48 * HOUR, max: NOW }),
  ownToken: fc.boolean(),
});
const circumstances = fc.record({ now: fc.constant(NOW), random: chance, retryHours: fc.integer({ min: 0, max: 72 }) });
const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constantFrom<Outcome>(
    { status: "success", outputs: null },
    { status: "skipped", reason: "no" },
    TRANSIENT,
    PERMANENT,
    limit(),
  ),
  fc.integer({ min: NOW - HOUR, max: NOW + 100 * HOUR }).map(limit),
);

describe("a run that fails for passing reasons", () => {
  it("is retried after 5 s, 30 s, 2 min, 10 min, 30 min, then hourly", () => {
    const first = gaps(attempts()).slice(0, 5);
    assert.deepEqual(first, [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE]);
    assert.deepEqual(new Set(gaps(attempts()).slice(5)), new Set([HOUR]));
  });

  it("is attempted for RETRY_HOURS after it was accepted or re-run, and no longer", () => {
    assert.equal(attempts().length, 6 + 23);
    for (const retryHours of [1, 2, 24, 48]) {
      const last = attempts({ retryHours }).at(-1)!;
      assert.ok(last <= retryHours * HOUR && last > (retryHours - 1.2) * HOUR, `${retryHours} h: ${last}`);
    }
    assert.deepEqual(attempts({ retryHours: 0 }), [0]);
    const run = { failures: 30, retriesFrom: NOW - 24 * HOUR, ownToken: false };
    assert.equal(afterAttempt(run, TRANSIENT, { now: NOW, random: 0, retryHours: 24 }).end, true);
    const rerun = { ...run, failures: 0, retriesFrom: NOW };
    assert.deepEqual(afterAttempt(rerun, TRANSIENT, { now: NOW, random: 0, retryHours: 24 }), {
      end: false,
      dueAt: NOW + 5 * SECOND,
      counts: true,
    });
  });

  it("gets the same number of attempts when the clock is set while it waits, and none later than the longest delay", () => {
    const DAY = 24 * HOUR;
    for (const wrongBy of [-365 * DAY, -DAY, -10 * MINUTE, 10 * MINUTE, 2 * DAY, 365 * DAY]) {
      for (const wrongAt of [0, 1, 5, 20]) {
        let [at, failures] = [NOW, 0];
        const retriesFrom = wrongAt === 0 ? NOW + wrongBy : NOW;
        for (;;) {
          // The clock is wrong for the time of one attempt.
          const now = failures === wrongAt ? at + wrongBy : at;
          const next = afterAttempt({ failures, retriesFrom, ownToken: false }, TRANSIENT, {
            now,
            random: 0.5,
            retryHours: 24,
          });
          if (next.end) break;
          assert.ok(next.dueAt - now <= LONGEST_DELAY_MS);
          at += next.dueAt - now;
          failures++;
        }
        const hours = (at - NOW) / HOUR;
        assert.ok(hours > 20 && hours <= 24 * 1.2, `${wrongBy} ms at failure ${wrongAt}: ended after ${hours} h`);
      }
    }
  });

  it("waits up to 20 % longer by chance, and never less", () => {
    const shortest = gaps(attempts({ retryHours: 10_000 / 60 }));
    fc.assert(
      fc.property(fc.nat({ max: 40 }), chance, (failures, random) => {
        const run = { failures, retriesFrom: NOW, ownToken: false };
        const next = afterAttempt(run, TRANSIENT, { now: NOW, random, retryHours: 48 });
        assert.ok(!next.end);
        const delay = next.dueAt - NOW;
        const least = shortest[failures]!;
        assert.ok(delay >= least && delay <= Math.ceil(least * 1.2), `${delay} after ${least}`);
      }),
    );
    assert.notEqual(attempts({ random: 0.1 })[1], attempts({ random: 0.9 })[1]);
  });

  it("counts a wait from the end of its attempt", () => {
    assert.equal(attempts({ attemptMs: 30 * SECOND })[1], 35 * SECOND);
  });
});

describe("a limit", () => {
  it("delays a run for its whole duration, does not count as an attempt, and never ends a run", () => {
    fc.assert(
      fc.property(
        anyRun.map((run) => ({ ...run, ownToken: false })),
        circumstances,
        fc.integer({ min: NOW, max: NOW + 1000 * HOUR }),
        (run, facts, notBefore) => {
          const next = afterAttempt(run, limit(notBefore), facts);
          assert.ok(!next.end && !next.counts);
          assert.equal(next.dueAt, Math.max(notBefore, facts.now + SECOND));
        },
      ),
    );
  });

  it("that is already over, or has no end, delays a run for at least a second: otherwise the run would hit it again", () => {
    for (const outcome of [limit(), limit(NOW - HOUR)]) {
      const run = { failures: 0, retriesFrom: NOW, ownToken: false };
      const next = afterAttempt(run, outcome, { now: NOW, random: 0.5, retryHours: 24 });
      assert.ok(!next.end && next.dueAt === NOW + SECOND);
    }
  });
});

describe("what follows an attempt", () => {
  it("does not exist after a success, a skip, a permanent failure, or with a token that is not stored", () => {
    fc.assert(
      fc.property(anyRun, anyOutcome, circumstances, (run, outcome, facts) => {
        const passing = outcome.status === "failure" && outcome.kind !== "permanent";
        if (!passing || run.ownToken) assert.equal(afterAttempt(run, outcome, facts).end, true);
      }),
    );
  });

  it("is never in the past, and is a whole number of milliseconds", () => {
    fc.assert(
      fc.property(anyRun, anyOutcome, circumstances, (run, outcome, facts) => {
        const next = afterAttempt(run, outcome, facts);
        assert.ok(next.end || (next.dueAt >= facts.now && Number.isInteger(next.dueAt)));
      }),
    );
  });

  it("is the same for the same run, outcome, time and chance, and changes none of them", () => {
    fc.assert(
      fc.property(anyRun, anyOutcome, circumstances, (run, outcome, facts) => {
        const frozen = [run, outcome, facts].map((each) => Object.freeze({ ...each })) as [
          typeof run,
          typeof outcome,
          typeof facts,
        ];
        assert.deepEqual(afterAttempt(...frozen), afterAttempt(run, outcome, facts));
      }),
    );
  });
});
