import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { command } from "./support/command.ts";
import { DAY_MS } from "./support/ready.ts";
import { TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("gh-runner run, with a ready-made workflow", () => {
  it("prints in a dry run what stale would write, and writes nothing", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    const createdAt = Date.now() - 70 * DAY_MS;
    github.repository("acme/shop").openIssue({ number: 7, createdAt, labels: ["bug"] });
    const file = `import { stale } from "gh-runner/workflows";
export default stale({ name: "old-issues", staleIssueMessage: "Is it of interest?" });
`;
    const { code, stdout, stderr } = await command(["run", "old-issues", "--dry-run"], {
      WORKFLOWS_DIR: workflowsFolder(t, { "old.ts": file }),
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: TOKEN,
      TARGET_REPO: "acme/shop",
      DEPLOYMENT_REPO: "acme/shop",
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^POST \S+\/repos\/acme\/shop\/issues\/7\/comments$/m);
    assert.match(stdout, /^PATCH \S+\/repos\/acme\/shop\/issues\/7$[^{]*\{"labels":\["bug","Stale"\]\}/m);
    assert.match(stdout, /success: \{.*"staledIssuesPrs":\["acme\/shop#7"\]/);
    assert.ok(github.requests.every(({ method }) => method === "GET"));
  });
});

describe("docs/ready-made.md", () => {
  const text = readFileSync(`${ROOT}/docs/ready-made.md`, "utf8");
  for (const [, block = ""] of text
    .matchAll(/^```ts\n(export default|import)?([\s\S]*?)^```/gm)
    .map(([all]) => [all, all.slice(6, -4)])) {
    const [, name = ""] = /export default (\w+)/.exec(block) ?? [];
    it(`shows ${name} in a form that works: ${block.split("\n").length} lines`, async (t) => {
      const lead = block.startsWith("import") ? "" : `import { ${name} } from "gh-runner/workflows";\n`;
      const WORKFLOWS_DIR = workflowsFolder(t, { "it.ts": lead + block });
      const { code, stdout, stderr } = await command(["workflows"], { WORKFLOWS_DIR });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /it\.ts/);
    });
  }
});

describe("the ready-made workflows", () => {
  it("are loaded when a file imports them, and not with the service", () => {
    const outside = globSync("src/**/*.ts", { cwd: ROOT }).filter(
      (file) => !file.startsWith("src/workflows/ready/") && file !== "src/workflows/index.ts",
    );
    for (const file of outside) {
      const text = readFileSync(`${ROOT}/${file}`, "utf8");
      assert.doesNotMatch(text, /from "[^"]*workflows\/index\.ts"|from "[^"]*\/ready\/[^"]*"/, file);
    }
  });

  it("are found by the types and by Node under the package's name", () => {
    const names = Object.keys({ lockThreads: 1, stale: 1 });
    const code = `import * as all from "gh-runner/workflows"; console.log(${JSON.stringify(names)}.every((name) => name in all))`;
    const told = execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: ROOT, encoding: "utf8" });
    assert.equal(told, "true\n");
  });
});
