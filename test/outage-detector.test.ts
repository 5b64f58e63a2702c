import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type GitHubOutcome, outageDetector, PROBE } from "../src/model/outage.ts";

const SECOND = 1000;
const START = Date.parse("2026-11-29T02:10:00Z");

/** Askers of the service itself. */
const SERVICE = [PROBE, "watch"];

/** One request, this many seconds after the start. */
type Asked = Pick<GitHubOutcome, "asker"> & { readonly at: number; readonly failed: boolean; readonly kind?: "write" };

/** A detector that has seen these requests, in order of time. */
function having(asked: readonly Asked[], detector = outageDetector()) {
  for (const { asker, at, failed, kind = "read" } of asked.toSorted((a, b) => a.at - b.at)) {
    const fault = failed ? "GitHub answered 502" : undefined;
    detector.note(
      { asker, isRun: !SERVICE.includes(asker), kind, fault },
      { now: START + at * SECOND, monotonic: at * SECOND },
    );
  }
  return {
    detector,
    outage: (at: number) => detector.outage(at * SECOND),
    isSuspected: (at: number) => detector.isSuspected(at * SECOND),
    isOver: (at: number) => detector.isOver(at * SECOND),
  };
}

const every = (seconds: number, until: number, ask: (nth: number) => Omit<Asked, "at">, from = 0): Asked[] =>
  Array.from({ length: Math.floor((until - from) / seconds) + 1 }, (_, nth) => ({
    at: from + nth * seconds,
    ...ask(nth),
  }));

/** The tries of one attempt. */
const tries = (asker: string, at: number, failed = true): Asked[] =>
  [0, 0.3, 1.3].map((after) => ({ asker, at: at + after, failed }));

describe("an outage", () => {
  it("begins a minute after the first failed request, and names it, for any number of answers before", () => {
    const before = every(1, 300, (nth) => ({ asker: `pr-${nth}`, failed: false }));
    const failing = every(3, 361, (nth) => ({ asker: `new-${nth}`, failed: true }), 301);
    const { outage } = having([...before, ...failing]);
    assert.equal(outage(360), undefined);
    assert.deepEqual(outage(361.5), { since: START + 301 * SECOND, fault: "GitHub answered 502" });
  });

  it("is found even if some requests are still answered, or only writes fail", () => {
    const most = every(1, 200, (nth) => ({ asker: `pr-${nth}`, failed: nth % 10 !== 9 }));
    assert.ok(having(most).outage(200));
    const reads = every(2, 100, (nth) => ({ asker: `pr-${nth}`, failed: false }));
    const writes = every(2, 101, (nth) => ({ asker: `pr-${nth}`, failed: true, kind: "write" as const }), 1);
    assert.equal(having([...reads, ...writes]).outage(101)?.since, START + SECOND);
  });

  it("that only one run sees counts when the probe fails as well", () => {
    const run = [...tries("pr-1", 0), ...tries("pr-1", 6), ...tries("pr-1", 37)];
    const probes = (failed: boolean) => every(15, 60, () => ({ asker: PROBE, failed }), 15);
    assert.ok(having(run).isSuspected(38));
    assert.equal(having(run).outage(61), undefined);
    assert.equal(having([...run, ...probes(true)]).outage(61)?.since, START);
    assert.equal(having([...run, ...probes(false)]).outage(61), undefined);
  });

  it("is over for a process that got an answer just before it learned about the outage", () => {
    const { detector, isOver } = having(tries("pr-1", 100, false));
    detector.begin(105 * SECOND);
    assert.deepEqual([isOver(106), isOver(112)], [false, true]);
    detector.end();
    detector.begin(162 * SECOND);
    assert.equal(isOver(175), false, "that was too long ago");
  });

  it("is forgotten when there are no requests for long", () => {
    const { outage, isSuspected } = having(every(3, 63, (nth) => ({ asker: `pr-${nth}`, failed: true })));
    assert.ok(outage(64));
    assert.deepEqual([outage(190), isSuspected(190)], [undefined, false]);
  });

  it("is over when runs have had answers for ten seconds, but not if only reads work", () => {
    const { detector, isOver } = having(every(3, 63, (nth) => ({ asker: `pr-${nth}`, failed: true })));
    detector.begin(64 * SECOND);
    for (const asker of SERVICE) having(tries(asker, 70, false), detector);
    assert.equal(isOver(85), false, "what the service asks for itself says nothing about what runs need");
    having(tries("pr-1", 90, false), detector);
    assert.equal(isOver(95), false);
    assert.equal(isOver(101), true);
    having([{ asker: "pr-1", at: 102, failed: true, kind: "write" }], detector);
    assert.equal(isOver(103), false);
    having([{ asker: "pr-1", at: 104, failed: false, kind: "write" }], detector);
    assert.equal(isOver(115), true);
    detector.end();
    assert.deepEqual([isOver(116), detector.hasBegun()], [false, false]);
  });
});

describe("no outage", () => {
  const answered = fc.record({ asker: fc.constantFrom("a", "b", "c", "d", "e", "f"), at: fc.nat({ max: 600 }) });

  it("is found if one repository or run keeps failing while others get answers", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 600 }), { maxLength: 40 }),
        fc.nat({ max: 14 }),
        fc.integer({ min: 1, max: 4 }),
        (attempts, offset, bad) => {
          const failing = attempts.flatMap((at) => tries(`bad-${at % bad}`, at));
          // Another asker gets an answer every 15 seconds; it may be the probe.
          const others = every(15, 620, () => ({ asker: PROBE, failed: false }), offset);
          const { detector } = having([]);
          for (const each of [...failing, ...others].toSorted((a, b) => a.at - b.at)) {
            having([each], detector);
            assert.equal(detector.outage(each.at * SECOND), undefined);
          }
        },
      ),
    );
  });

  it("is found for a fault among answers, from any asker at any time", () => {
    fc.assert(
      fc.property(fc.array(answered, { minLength: 2, maxLength: 200 }), fc.nat(), (asked, which) => {
        const failed = which % asked.length;
        const { detector } = having([]);
        for (const each of asked
          .map((one, nth) => ({ ...one, failed: nth === failed }))
          .toSorted((a, b) => a.at - b.at)) {
          having([each], detector);
          assert.equal(detector.outage(each.at * SECOND), undefined);
        }
      }),
    );
  });

  it("is suspected while GitHub answers everything, and no outage lasts less than a minute", () => {
    fc.assert(
      fc.property(fc.array(answered, { maxLength: 100 }), (asked) => {
        const { outage, isSuspected } = having(asked.map((one) => ({ ...one, failed: false })));
        assert.deepEqual([outage(600), isSuspected(600)], [undefined, false]);
      }),
    );
    fc.assert(
      fc.property(fc.array(answered, { maxLength: 100 }), fc.nat({ max: 540 }), (asked, from) => {
        const short = asked.map((one) => ({ ...one, failed: one.at >= from && one.at < from + 60 }));
        const { detector } = having([]);
        for (const each of short.toSorted((a, b) => a.at - b.at)) {
          having([each], detector);
          assert.equal(detector.outage(each.at * SECOND), undefined);
        }
      }),
    );
  });
});
