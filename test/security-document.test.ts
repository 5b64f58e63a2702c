import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const textOf = (file: string) => readFileSync(ROOT + file, "utf8");
const security = textOf("docs/security.md");

describe("docs/security.md", () => {
  it("names for each threat tests that exist, by their titles", () => {
    const [, held = ""] = /\n## What is protected\n([\s\S]*?)\n## /.exec(security) ?? [];
    const rows = held.split("\n").filter((line) => line.startsWith("| ") && !/^\| (threat |-)/.test(line));
    assert.ok(rows.length > 25);
    for (const row of rows) {
      const tests = [...row.matchAll(/`(test\/[\w.-]+)`: "([^"]+)"/g)];
      assert.ok(tests.length > 0, row);
      for (const [, file = "", title = ""] of tests) {
        const titles = [...textOf(file).matchAll(/\b(?:it|describe)\(\s*(["'`])(.*?)\1/g)].map(
          ([, , full = ""]) => full,
        );
        assert.ok(
          titles.some((full) => full.includes(title)),
          `${file} has no test "${title}"`,
        );
      }
    }
  });
});

it("docs/guarantees.md names only tests that exist", () => {
  const named = [...textOf("docs/guarantees.md").matchAll(/`(test\/[\w./-]+)`/g)].map(([, file = ""]) => file);
  assert.ok(named.length > 15);
  for (const file of named) assert.ok(existsSync(ROOT + file), file);
});
