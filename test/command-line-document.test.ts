import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { command } from "./support/command.ts";
import { documentOf } from "./support/documents.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";

const { blocks } = documentOf("docs/command-line.md");

/** Commands with commands of their group, such as `runs list`. */
const GROUPS = ["runs", "workflow"];

// test/doctor.test.ts compares the report of `gh-runner doctor`.
describe("docs/command-line.md", () => {
  it("shows what a dry run prints", async (t) => {
    const text = blocks.find(({ text }) => text.startsWith("$ gh-runner dispatch pr-1234 --dry-run\n"))?.text ?? "";
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    deploy(github, "pr-1234", /with commit (\S+)/.exec(text)?.[1] ?? assert.fail("no commit"));
    const settings = {
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: TOKEN,
      DEPLOYMENT_REPO: DEPLOYMENT,
      TARGET_REPO: TARGET,
    };
    const { stdout } = await command(["dispatch", "pr-1234", "--dry-run"], settings);
    assert.equal(
      `$ gh-runner dispatch pr-1234 --dry-run\n${stdout}`.replace(github.url, "https://api.github.com"),
      text,
    );
  });

  it("shows only commands and options that exist", async () => {
    const lines = blocks.flatMap(({ text }) => [...text.matchAll(/^gh-runner (.*)$/gm)].map(([, line = ""]) => line));
    assert.ok(lines.length > 30);
    const used = new Map<string, Set<string>>();
    for (const line of lines) {
      const words = line.split(" ");
      const name = words.slice(0, GROUPS.includes(words[0] ?? "") ? 2 : 1).join(" ");
      const options = line.replaceAll(/'[^']*'|"[^"]*"/g, "").match(/(?<= )--[\w-]+/g) ?? [];
      used.set(name, new Set([...(used.get(name) ?? []), ...options]));
    }
    for (const [name, options] of used) {
      const { code, stdout } = await command([...name.split(" "), "--help"]);
      assert.equal(code, 0, name);
      assert.match(stdout, new RegExp(`^Usage: gh-runner ${name}\\b`));
      for (const option of options) assert.match(stdout, new RegExp(`${option}\\b`), `${name} ${option}`);
    }
  });
});
