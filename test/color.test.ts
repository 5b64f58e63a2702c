import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Color, colorOf, contrast, textOn } from "../src/model/color.ts";

describe("a colour", () => {
  it("is hexadecimal, long or short, with its sign or without", () => {
    for (const [text, color] of [
      ["#bf3989", "#bf3989"],
      ["BF3989", "#bf3989"],
      ["#b38", "#bb3388"],
      ["003", "#000033"],
    ] as const) {
      assert.equal(colorOf(text), color);
    }
    for (const text of ["", "#", "#bf39", "#bf39891", "red", "#ggg", "##bbb", "#bbb;}", "rgb(1,2,3)", "#bbb\n#ccc"]) {
      assert.equal(colorOf(text), undefined, text);
    }
  });

  it("has the contrast of WCAG's examples", () => {
    const rounded = (one: Color, other: Color) => contrast(one, other).toFixed(2);
    assert.equal(rounded("#000000", "#ffffff"), "21.00");
    assert.equal(rounded("#ffffff", "#000000"), "21.00");
    assert.equal(rounded("#777777", "#ffffff"), "4.48");
    assert.equal(rounded("#767676", "#ffffff"), "4.54");
    assert.equal(rounded("#0969da", "#ffffff"), "5.19");
  });

  it("has readable text on it, for every colour", () => {
    const part = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(part, part, part, (...parts) => {
        const color: Color = `#${parts.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
        assert.ok(contrast(color, textOn(color)) >= 4.5, color);
      }),
      { numRuns: 2000 },
    );
  });
});
