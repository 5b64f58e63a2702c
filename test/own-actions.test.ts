import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { actionsProblems } from "./support/actions.ts";

const FOLDER = fileURLToPath(new URL("../.github/workflows/", import.meta.url));
const files = globSync("*.yml", { cwd: FOLDER }).map((name) => ({
  name,
  text: readFileSync(`${FOLDER}${name}`, "utf8"),
}));

type Workflow = { permissions: object; jobs: Record<string, { permissions?: object; "timeout-minutes"?: number }> };

describe("the project's own workflows of GitHub Actions", () => {
  it("are there, and correct for GitHub's own parser", () => {
    assert.notEqual(files.length, 0);
    for (const { name, text } of files) assert.deepEqual(actionsProblems(name, text), []);
  });

  it("name every action by its commit, with the version beside it", () => {
    for (const { text } of files) {
      for (const [line] of text.matchAll(/^.*\buses:.*$/gm)) {
        assert.match(line, /uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      }
    }
  });

  it("give a job only the permissions that it names itself, and an end", () => {
    for (const { text } of files) {
      const { permissions, jobs } = load(text) as Workflow;
      assert.deepEqual(permissions, {});
      for (const job of Object.values(jobs)) assert.ok(job.permissions && job["timeout-minutes"]);
    }
  });
});
