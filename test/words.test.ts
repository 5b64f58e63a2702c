import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { filesWithWords, findTurns, turnsOf, wordsOf } from "../scripts/words.ts";

const turns = turnsOf(readFileSync(new URL("../CONTRIBUTING.md", import.meta.url), "utf8"));

describe("the words to avoid", () => {
  it("are fifty or more, each with what to write instead", () => {
    assert.ok(new Set(turns.map(({ instead }) => instead)).size >= 50);
    for (const { text, instead } of turns) assert.ok(text && instead);
    assert.deepEqual(
      turns.map(({ text }) => text),
      [...new Set(turns.map(({ text }) => text))],
    );
  });

  it("are all found, with the replacement, in any case and across the ends of lines", () => {
    const known = [{ text: "in lieu of", instead: "instead of" }];
    for (const text of [
      "It in lieu of a script.",
      "It In\nLieu of a script.",
      "/**\n * It is in\n * lieu of a script.\n */",
      "// It is in\n// lieu of a script.",
      'throw new Error("It is in " +\n  "lieu of a script");',
    ]) {
      assert.deepEqual(
        findTurns(text, known).map(({ instead }) => instead),
        ["instead of"],
        text,
      );
    }
    assert.equal(findTurns("one\ntwo in lieu of", known)[0]?.line, 2);
    for (const turn of turns) assert.ok(findTurns(`It ${turn.text} it.`, turns).some(({ text }) => text === turn.text));
  });

  it("are not found within other words", () => {
    assert.deepEqual(findTurns("owner ownership ECONNREFUSED north Object.hasOwn _own", turns), []);
  });

  it("are in no file of the project", () => {
    const files = filesWithWords();
    assert.ok(files.length > 500);
    const found = files.flatMap((file) =>
      findTurns(wordsOf(file), turns).map(({ line, text, instead }) => `${file}:${line}: "${text}": write ${instead}`),
    );
    assert.deepEqual(found, []);
  });
});
