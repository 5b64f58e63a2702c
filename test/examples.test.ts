import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../examples/", import.meta.url));
const FOLDERS = globSync("*/README.md", { cwd: FOLDER }).map(dirname).sort();
/** Examples with a separate folder. */
const EXAMPLES = FOLDERS.filter((name) => name !== "everyday");

describe("every example", () => {
  it("is in the list of examples, and there are eight", () => {
    const list = readFileSync(`${FOLDER}/README.md`, "utf8");
    for (const name of FOLDERS) assert.ok(list.includes(`(${name})`), name);
    assert.equal(EXAMPLES.length, 8);
  });

  it("has its original, its converted workflow, and a test", () => {
    for (const name of EXAMPLES) {
      const files = globSync("*", { cwd: FOLDER + name }).map((file) => basename(file));
      for (const kind of [/\.yml$/, /^[^.]+\.ts$/, /\.test\.ts$/]) {
        assert.ok(
          files.some((file) => kind.test(file)),
          `${name}: ${kind}`,
        );
      }
    }
  });

  it("of everyday workflows is in their list, and in their test", () => {
    const files = globSync("everyday/*.ts", { cwd: FOLDER, exclude: ["**/*.test.ts"] }).map((file) => basename(file));
    const read = (file: string) => readFileSync(`${FOLDER}/everyday/${file}`, "utf8");
    const [list, tests] = [read("README.md"), read("everyday.test.ts") + read("backport.test.ts")];
    assert.ok(files.length >= 5);
    for (const file of files) {
      assert.ok(list?.includes(`(${file})`), `${file} in the list`);
      assert.ok(tests?.includes(`"./${file}"`), `${file} in the tests`);
    }
  });

  it("of everyday workflows is at most 0.7 times the length of the file of Actions that it replaces", () => {
    const list = readFileSync(`${FOLDER}/everyday/README.md`, "utf8");
    const rows = [...list.matchAll(/^\| \[(\S+\.ts)\].*\| (\d+) \| (\d+), /gm)];
    assert.ok(rows.length >= 12);
    for (const [, file, here, there] of rows) {
      const lines = readFileSync(`${FOLDER}/everyday/${file}`, "utf8").trimEnd().split("\n").length;
      assert.equal(lines, Number(here), `${file}`);
      assert.ok(lines <= 0.7 * Number(there), `${file}: ${lines} of ${there}`);
    }
  });
});
