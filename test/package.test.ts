import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { fixedPort, listening, spawnService } from "./support/process.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What the package depends on, and what that does: taken from here, so that no registry is asked. */
const INSTALLED = ["zod", "@octokit/types", "@octokit/openapi-types", "@octokit/webhooks-types"];

const WORKFLOW = `import { defineWorkflow, PermanentFailure, skip } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "comment",
  on: { http: { path: "/comment", body: z.object({ pr: z.number().int() }) } },
  async run({ body, github, step }) {
    if (body.pr === 0) return skip("no pull request");
    if (body.pr < 0) throw new PermanentFailure({ tried: "counting", happened: "it is negative", remedy: "Mend it." }, 404);
    const made = await step("comment", () =>
      github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        owner: "acme", repo: "shop", issue_number: body.pr, body: "Preview",
      }),
    );
    const url: string = made.data.html_url;
    // @ts-expect-error: the published types know every field
    made.data.html_ulr;
    // @ts-expect-error: and what the schema gives
    const wrong: string = body.pr;
    return { url, wrong };
  },
});
`;

const PAIR = `import { environmentReady } from "gh-runner/workflows";

export default environmentReady({ name: "web-ready", path: "/web", deploymentRepo: "acme/deployment", targetRepo: "acme/shop" });
`;

const TEST = `import assert from "node:assert/strict";
import { it } from "node:test";
import { testRun } from "gh-runner/testing";
import comment from "./comment.ts";
import pair from "./pair.ts";

const COMMENTS = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

it("comments", async () => {
  const { run, sent } = await testRun(comment, { body: { pr: 7 } }, { answers: { [COMMENTS]: { body: { html_url: "u" } } } });
  assert.deepEqual([run.status, run.outputs, sent.length], ["success", { url: "u", wrong: 7 }, 1]);
});

it("fails in the service's own words", async () => {
  const { run } = await testRun(comment, { body: { pr: -1 } });
  assert.deepEqual([run.kind, run.reason], ["permanent", "Counting failed: it is negative. Mend it."]);
});

it("dispatches", async () => {
  const { dispatches } = await testRun(
    pair,
    { body: { application: "pr-1", revision: undefined } },
    { prepare: (github) => github.repository("acme/deployment").put("configs/pr/light/pr-1/values.yaml", "global: { config: { DEPLOYMENT_TAG: 0012345 } }") },
  );
  assert.deepEqual(dispatches.map(({ payload }) => payload), [{ commitHash: "0012345", sourceName: "pr-1" }]);
});
`;

const TSCONFIG = {
  compilerOptions: {
    module: "nodenext",
    target: "es2024",
    strict: true,
    noEmit: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
  },
  include: ["workflows"],
};

describe("the npm package", () => {
  let project = "";
  const inProject = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: project, encoding: "utf8", env: { PATH: process.env.PATH, HOME: project } });
  const bin = () => join(project, "node_modules/.bin/gh-runner");

  before(() => {
    project = mkdtempSync(join(tmpdir(), "gh-runner-package-"));
    execFileSync(process.execPath, ["scripts/build-package.ts"], { cwd: ROOT });
    const [packed] = JSON.parse(inProject("npm", "pack", "--offline", "--json", join(ROOT, "dist/package"))) as [
      { filename: string },
    ];
    const local = INSTALLED.map((name) => [name, `file:${join(ROOT, "node_modules", name)}`]);
    const dependencies = { "gh-runner": `file:${packed.filename}`, ...Object.fromEntries(local) };
    const files = {
      "package.json": JSON.stringify({ private: true, type: "module", dependencies }),
      "tsconfig.json": JSON.stringify(TSCONFIG),
      "workflows/comment.ts": WORKFLOW,
      "workflows/pair.ts": PAIR,
      "workflows/comment.test.ts": TEST,
    };
    mkdirSync(join(project, "workflows"));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(project, file), text);
    inProject("npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund");
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  it("brings types that hold a workflow and its test to their words", () => {
    inProject(process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"), "-p", ".");
  });

  it("runs a workflow's test by Node alone", () => {
    const told = inProject(process.execPath, "--test", "--test-reporter=tap", "workflows/comment.test.ts");
    assert.match(told, /# pass 3\n# fail 0/);
  });

  it("brings its documents, what it is made of, and under which licences", () => {
    const brought = readdirSync(join(project, "node_modules/gh-runner"));
    for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md", "LICENSES.txt", "sbom.cdx.json"]) {
      assert.ok(brought.includes(file), file);
    }
    const bill = JSON.parse(readFileSync(join(project, "node_modules/gh-runner/sbom.cdx.json"), "utf8"));
    const names = (bill.components as { name: string }[]).map(({ name }) => name);
    assert.ok(names.includes("undici") && !names.includes("zod"), "what is installed beside it is not in it");
  });

  it("brings the command", () => {
    assert.equal(inProject(bin(), "--version").trim(), manifest.version);
  });

  it("starts the service, with workflows that use the very zod that it uses", async (t) => {
    const modules = join(project, "node_modules/gh-runner");
    const ofTheService = createRequire(join(modules, "gh-runner.js")).resolve("zod");
    assert.equal(createRequire(join(project, "workflows/comment.ts")).resolve("zod"), ofTheService);
    assert.deepEqual(globSync("**/zod*", { cwd: modules }), [], "no copy of its own");
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: join(project, "data"),
      githubUrl: "http://127.0.0.1:1",
      command: [bin(), "serve"],
      settings: { WORKFLOWS_DIR: join(project, "workflows") },
    });
    await listening(service, port);
    const answer = await fetch(`http://127.0.0.1:${port}/comment`, { method: "POST", body: '{"pr":0}' });
    assert.deepEqual(await answer.json(), { status: "skipped", reason: "no pull request" });
    const refused = await fetch(`http://127.0.0.1:${port}/comment`, { method: "POST", body: '{"pr":-1}' });
    assert.equal(refused.status, 404);
    const described = (await (await fetch(`http://127.0.0.1:${port}/openapi.json`)).json()) as {
      components: { schemas: Record<string, { required?: unknown }> };
    };
    assert.deepEqual(described.components.schemas["comment-body"]?.required, ["pr"]);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});
