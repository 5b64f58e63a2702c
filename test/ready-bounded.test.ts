import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bounds } from "../src/workflows/ready/bounded.ts";

/** Counts the turns of other work until it is stopped. */
function others() {
  let turns = 0;
  let isOn = true;
  const next = () => {
    turns++;
    if (isOn) setImmediate(next);
  };
  setImmediate(next);
  return {
    stop() {
      isOn = false;
      return turns;
    },
  };
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

describe("matching the patterns of people", () => {
  it("lets other work run every few milliseconds", async () => {
    let time = 0;
    const { boundedEach } = bounds({ now: () => time });
    const turns = others();
    const done: number[] = [];
    await boundedEach("matching", 20, (nth) => {
      done.push(nth);
      time += 6;
    });
    assert.deepEqual(done, [...Array(20).keys()]);
    assert.ok(turns.stop() >= 10);
  });

  it("is aborted when one pattern takes too long", async () => {
    const { boundedEach } = bounds({ maxMs: 20 });
    const tried = boundedEach("matching the rules", 1, () => /^(a+)+$/.test(`${"a".repeat(60)}!`));
    await assert.rejects(tried, /Matching the rules failed: it took longer than 0\.02 s\. Write/);
  });

  it("is aborted when many slow patterns take too long together", async () => {
    let used = 0;
    const { bounded, boundedEach } = bounds({ maxInAllMs: 5000, cpu: () => used });
    const slow = () => {
      used += 90;
    };
    let done = 0;
    await assert.rejects(async () => {
      for (; done < 100; done++) await bounded("matching", slow);
    }, /took longer than 5 s/);
    assert.equal(done, 56);
    await assert.rejects(boundedEach("matching", 1, slow), /took longer than 5 s/);
  });

  it("begins again when the process was halted", async () => {
    let begun = 0;
    const { bounded } = bounds({ maxMs: 20 });
    const result = await bounded("matching", () => {
      if (++begun <= 2) Atomics.wait(nothing, 0, 0, 10_000);
      return "matched";
    });
    assert.deepEqual([result, begun], ["matched", 3]);
  });

  it("still ends if the process gets only a tenth of the CPU", async () => {
    let used = 0;
    let begun = 0;
    const { bounded } = bounds({ maxMs: 20, cpu: () => used });
    const result = await bounded("matching", () => {
      used += 2 * 2 ** begun;
      if (++begun <= 2) Atomics.wait(nothing, 0, 0, 10_000);
      return "matched";
    });
    assert.deepEqual([result, begun], ["matched", 3]);
  });

  it("passes on exceptions", async () => {
    await assert.rejects(
      bounds().bounded("matching", () => {
        throw new Error("no such pattern");
      }),
      { message: "no such pattern" },
    );
  });
});
