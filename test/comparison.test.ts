import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { comparisonChart } from "../bench/comparison-chart.ts";
import { type Comparison, figureOf, fullTables, shortTable } from "../bench/comparison-table.ts";
import { writeBetween } from "../bench/documents.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const comparison = JSON.parse(read("bench/comparison.json")) as Comparison;

describe("the comparison in the documents", () => {
  for (const [path, tables] of [
    ["README.md", shortTable(comparison)],
    ["bench/README.md", fullTables(comparison)],
  ] as const) {
    it(`is in ${path} what one run measured`, () => {
      const document = read(path);
      assert.match(document, /<!-- comparison: written by `npm run bench` -->\n\n\|[\s\S]*<!-- \/comparison -->/);
      assert.equal(document, writeBetween(document, "comparison", tables));
    });
  }

  it("is in the chart what the same run measured", () => {
    assert.equal(read("docs/comparison.svg"), comparisonChart(comparison));
  });
});

describe("a comparison", () => {
  const measured = (cpu: readonly number[]) => ({
    cpu1: figureOf(cpu)!,
    cpu32: figureOf(cpu)!,
    lostInBurst: figureOf([0])!,
  });
  const small: Comparison = {
    date: "2026-11-29",
    machine: "2 cores",
    command: "npm run bench",
    rounds: 5,
    contestants: [
      { name: "gh-runner", kind: "ours", figures: measured([1.3, 1.1, 1.2, 1.25, 1.15]) },
      { name: "at 12345678", kind: "before", figures: measured([2.4]) },
      { name: "webhook + curl", kind: "other", figures: { lostInBurst: figureOf([420])! } },
    ],
  };
  const rowOf = (tables: string, what: string) => tables.split("\n").filter((line) => line.startsWith(`| ${what} |`));

  it("shows users the medians of gh-runner and of others, and a dash if there is no measurement", () => {
    assert.deepEqual(rowOf(shortTable(small), "CPU per dispatch, 32 at a time"), [
      "| CPU per dispatch, 32 at a time | 1.20 ms | – |",
    ]);
    assert.deepEqual(rowOf(shortTable(small), "CPU per dispatch, 1 at a time"), []);
    assert.match(shortTable(small), /\n\n`npm run bench`, medians of 5, 2026-11-29, 2 cores\.$/);
  });

  it("shows developers the spread of the rounds, and the ratio to each other column", () => {
    assert.deepEqual(rowOf(fullTables(small), "CPU per dispatch, 1 at a time"), [
      "| CPU per dispatch, 1 at a time | 1.20 ms (1.10–1.30) | 2.40 ms | – |",
      "| CPU per dispatch, 1 at a time | 0.50 × | – |",
    ]);
    // Losses have no ratio.
    assert.equal(rowOf(fullTables(small), "events lost, of 500 in a burst").length, 1);
  });
});
