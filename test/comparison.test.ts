import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { comparisonChart } from "../bench/comparison-chart.ts";
import { type Comparison, writeTable } from "../bench/comparison-table.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const comparison = JSON.parse(read("bench/comparison.json")) as Comparison;

describe("the comparison in the documents", () => {
  for (const path of ["README.md", "bench/README.md"]) {
    it(`is in ${path} what one run measured`, () => {
      const document = read(path);
      assert.match(document, /<!-- comparison: written by `npm run bench` -->\n\n\|[\s\S]*<!-- \/comparison -->/);
      assert.equal(document, writeTable(document, comparison));
    });
  }

  it("is in the chart what the same run measured", () => {
    assert.equal(read("docs/comparison.svg"), comparisonChart(comparison));
  });
});
