import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Sample, soakTable, soakVerdict } from "../bench/soak-verdict.ts";

const MINUTES = 60;

/** An hour of samples, one per minute, computed from the minute. */
function hour(of: (minute: number) => Partial<Sample>) {
  const at = (minute: number, more: Partial<Sample> = {}): Sample => ({
    minute,
    dispatches: minute * 1700,
    heap: 21 + (minute % 3) / 10,
    external: 4,
    privateDirty: 60 + (minute % 5) / 5,
    resident: 110,
    descriptors: 80,
    resources: { TCPServerWrap: 1 },
    database: Math.min(minute, 15) * 2,
    ...more,
  });
  const samples = Array.from({ length: MINUTES - 1 }, (_, index) => at(index + 1, of(index + 1)));
  const idle = (minute: number, descriptors: number) => at(minute, { descriptors });
  return { samples, idle };
}

describe("the verdict of a soak", () => {
  it("is flat if memory varies and does not grow, and nothing is left open", () => {
    const { samples, idle } = hour(() => ({}));
    const { text, isFine } = soakVerdict({ before: idle(0, 33), samples, after: idle(61, 33) }, MINUTES);
    assert.match(text, /Verdict: flat\.$/);
    assert.equal(isFine, true);
  });

  it("ignores growth before the first runs are deleted", () => {
    const { samples, idle } = hour((minute) => ({ heap: minute < 18 ? minute : 20 }));
    assert.equal(soakVerdict({ before: idle(0, 33), samples, after: idle(61, 33) }, MINUTES).isFine, true);
  });

  it("names the heap if each request leaves an object of 24 bytes", () => {
    const perMinute = (40 * 60 * 24) / 2 ** 20;
    const { samples, idle } = hour((minute) => ({ heap: 21 + minute * perMinute }));
    const { text, isFine } = soakVerdict({ before: idle(0, 33), samples, after: idle(61, 33) }, MINUTES);
    assert.match(text, /Verdict: NOT flat: heap after collection\.$/);
    assert.equal(isFine, false);
  });

  it("names private memory if each request leaves an allocation, and a database without deletions", () => {
    const perMinute = (40 * 60 * 48) / 2 ** 20;
    const { samples, idle } = hour((minute) => ({ privateDirty: 60 + minute * perMinute, database: minute * 2 }));
    const { text } = soakVerdict({ before: idle(0, 33), samples, after: idle(61, 33) }, MINUTES);
    assert.match(text, /Verdict: NOT flat: private memory, database\.$/);
  });

  it("names a descriptor that is open at the end and was not at the beginning", () => {
    const { samples, idle } = hour(() => ({}));
    const { text, isFine } = soakVerdict({ before: idle(0, 33), samples, after: idle(61, 34) }, MINUTES);
    assert.match(text, /Verdict: NOT flat: open file descriptors\.$/);
    assert.equal(isFine, false);
  });

  it("needs more than a few minutes, except for what was left open", () => {
    const { samples, idle } = hour((minute) => ({ heap: 20 + minute }));
    const short = samples.slice(0, 2);
    assert.match(
      soakVerdict({ before: idle(0, 33), samples: short, after: idle(3, 33) }, 2).text,
      /Verdict: too short to tell\.$/,
    );
    assert.match(
      soakVerdict({ before: idle(0, 33), samples: [], after: idle(3, 35) }, 1).text,
      /Verdict: NOT flat: open file descriptors\.$/,
    );
  });

  it("has a dash for a slope of fewer than two samples", () => {
    const { samples, idle } = hour(() => ({}));
    const { text } = soakVerdict({ before: idle(0, 33), samples: samples.slice(0, 1), after: idle(2, 33) }, 1);
    assert.match(text, /^\| heap after collection \| 21\.10 MB \| 21\.10 MB \| – \| too short to tell \|$/m);
  });

  it("comes with a table of about eight samples", () => {
    const { samples, idle } = hour(() => ({}));
    const rows = soakTable(idle(0, 33), samples, idle(61, 33)).split("\n");
    assert.deepEqual(
      [rows.length, rows[2]?.split(" | ")[0], rows.at(-1)?.split(" | ")[0]],
      [12, "| idle, before", "| idle, after"],
    );
  });
});
