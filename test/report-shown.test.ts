import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { defineWorkflow, skip, type Workflow } from "gh-runner";
import { testRun } from "gh-runner/testing";
import { startGitHub } from "../sandbox/github.ts";
import { readConfig } from "../src/service/config/config.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { startWarnings } from "../src/service/warnings.ts";
import { fieldProblems } from "../src/workflows/load/field-problems.ts";
import { until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { endLeases, postgresForTests } from "./support/postgres.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { CREATE, NEWER, PUBLIC_URL, pullEvent, reportingService, SHA, UPDATE } from "./support/reporting.ts";
import { DEPLOYMENT, send, TARGET, TOKEN } from "./support/service.ts";
import { deliver, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const postgres = postgresForTests();

const NAMED = `import { defineWorkflow, skip } from "gh-runner";
export default defineWorkflow({
  name: "lint",
  on: { github: { events: "pull_request" } },
  report: { as: "check", name: "Lint" },
  run: async ({ report }) => report({ title: "Linted", summary: "**well**" }),
});
`;

describe("the workflow of docs/workflows.md that reports", () => {
  const folder = join(ROOT, "test", `.spelling-${process.pid}`);
  const block = documentOf("docs/workflows.md").blocks.find(({ file }) => file === "spelling.ts");

  it("annotates the lines of a pull request, and fails its check", async (t) => {
    mkdirSync(folder, { recursive: true });
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "spelling.ts"), block?.text ?? "");
    const { default: spelling } = await import(pathToFileURL(join(folder, "spelling.ts")).href);
    const run = async (text: string) => {
      const { run, sent } = await testRun(
        spelling as Workflow<{ trigger: "github"; event: unknown }>,
        { event: { name: "pull_request", delivery: "1", payload: pullEvent() } } as never,
        {
          prepare(github) {
            const shop = github.repository("acme/shop");
            shop.put("README.md", text, SHA);
            shop.put("src/teh.ts", "teh", SHA);
            shop.openPull({ number: 7, head: { ref: "change", sha: SHA }, files: ["README.md", "src/teh.ts"] });
          },
        },
      );
      const [{ method, path, body } = assert.fail(), ...more] = sent;
      assert.deepEqual([more, method, path], [[], "POST", "/repos/acme/shop/check-runs"]);
      return { run, body: body as Record<string, unknown> };
    };
    const bad = await run("# Shop\nThis is teh shop.\n");
    assert.equal(bad.run.reason, "Misspelt words: 1");
    const { name, head_sha, conclusion, output } = bad.body;
    assert.deepEqual([name, head_sha, conclusion], ["spelling", SHA, "failure"]);
    assert.deepEqual((output as Record<string, unknown>).annotations, [
      { path: "README.md", start_line: 2, end_line: 2, annotation_level: "failure", message: "teh: the" },
    ]);
    const good = await run("# Shop\n");
    assert.deepEqual([good.run.status, good.body.conclusion], ["success", "success"]);
  });
});

describe("a workflow that reports", () => {
  it("is listed by gh-runner workflows, in the API and on the page", async (t) => {
    const WORKFLOWS_DIR = workflowsFolder(t, { "lint.ts": NAMED });
    const { stdout } = await command(["workflows"], { WORKFLOWS_DIR });
    assert.match(stdout, /^lint +github pull_request +lint\.ts *\n +reports the check Lint *$/m);
    const json = JSON.parse((await command(["workflows", "--json"], { WORKFLOWS_DIR })).stdout);
    assert.deepEqual(json.at(-1).report, { as: "check", name: "Lint" });

    const { url } = await reportingService(t, { report: { as: "status", name: "Lint" }, async run() {} });
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    assert.deepEqual(workflows.at(-1).report, { as: "status", name: "Lint" });
    assert.equal(workflows[0].report, undefined);
    assert.match((await send(url, { path: "/workflows" })).text, /<li>Reports the status <code>Lint<\/code><\/li>/);
  });

  it("is shown by a dry run, and not sent", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    const shop = github.repository(TARGET);
    shop.addCommit(SHA);
    const input = JSON.stringify({ name: "pull_request", payload: pullEvent() });
    const settings = { GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const { stdout, code, stderr } = await command(["run", "lint", "--dry-run", "--input", input], {
      ...settings,
      WORKFLOWS_DIR: workflowsFolder(t, { "lint.ts": NAMED }),
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /POST .*\/repos\/acme\/shop\/check-runs/);
    assert.match(stdout, /"conclusion": ?"success"/);
    assert.deepEqual(shop.checks, []);
  });
});

describe("a report that could never be written", () => {
  const problems = (options: object) =>
    fieldProblems(
      { name: "lint", run: async () => {}, on: { schedule: { cron: "@daily" } }, ...options },
      () => undefined,
    );
  const issues = { github: { events: ["issues", "release"] } };

  it("is a problem of the file", () => {
    for (const on of [{ schedule: { cron: "@daily" } }, issues, { manual: true }]) {
      assert.match(problems({ on, report: "check" }).join(), /^report: can never apply: the triggers bring no commit/);
    }
    assert.match(problems({ report: "checks" }).join(), /^report: expected "check" or "status", got "checks"/);
    assert.match(problems({ report: { as: "check", title: "x" } }).join(), /title/);
  });

  it("is fine if one of the events has a commit, or the workflow names it", () => {
    for (const events of [
      "pull_request",
      "pull_request_review",
      "issue_comment",
      "push",
      "merge_group",
      "workflow_run",
    ]) {
      assert.deepEqual(problems({ on: { ...issues, github: [issues.github, { events }] }, report: "check" }), []);
    }
    assert.deepEqual(problems({ report: { as: "status", name: "nightly", commit: () => undefined } }), []);
  });
});

for (const [name, settings] of [
  ["SQLite", (): Record<string, string> => ({})],
  ["PostgreSQL", () => ({ DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() })],
] as const) {
  describe(`a process that is killed while it shows a result, on ${name}`, () => {
    for (const [at, route] of [
      ["as it makes the check", CREATE],
      ["as it ends the check", UPDATE],
    ] as const) {
      it(`${at}: the next one ends the same check`, { timeout: 600_000 }, async (t) => {
        const github = await startGitHub();
        t.after(() => github.close());
        github.token(TOKEN, { app: 7 });
        const shop = github.repository(TARGET);
        for (const sha of [SHA, NEWER]) shop.addCommit(sha);
        const file = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "lint", on: { github: { events: "pull_request" } }, report: "check",
  async run({ report, sleep, attempt }) {
    ${route === UPDATE ? 'await sleep("a moment", "1s");' : ""}
    report({ title: "by attempt " + attempt });
  },
});`;
        const port = await fixedPort();
        const database = settings();
        const facts = {
          ...{ port, dataDir: temporaryFolder(t), githubUrl: github.url },
          settings: {
            GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
            WORKFLOWS_DIR: workflowsFolder(t, { "lint.ts": file }),
            ...database,
          },
        };
        const fault = github.fault({ route, times: 1 }, { kind: "hang", afterHandling: true });
        const killed = spawnService(t, facts);
        await listening(killed, port);
        const url = `http://127.0.0.1:${port}`;
        const { run } = JSON.parse((await deliver(url, "pull_request", pullEvent())).text).runs[0];
        await until("GitHub has it", () => fault.met === 1 && shop.checks[0]?.conclusion === "success");
        await killed.kill();
        if (database.DATABASE_SCHEMA) await endLeases(postgres.url, database.DATABASE_SCHEMA);
        const restarted = spawnService(t, facts);
        await listening(restarted, port);
        const is = async () => (await send(url, { path: `/api/runs/${run}` })).json.status === "success";
        await eventually("the run has ended", 60_000, is);
        assert.deepEqual(
          shop.checks.map(({ conclusion, output }) => [conclusion, output.title]),
          [["success", `by attempt ${route === UPDATE ? 3 : 2}`]],
        );
      });
    }
  });
}

describe("the type of report", () => {
  it("knows the allowed fields", () => {
    defineWorkflow({
      name: "typed",
      on: { github: { events: "pull_request" } },
      // @ts-expect-error there is no such report
      report: "checks",
      async run({ report }) {
        report({ title: "well", annotations: [{ path: "a.ts", line: 1, message: "m", level: "notice" }] });
        // @ts-expect-error GitHub calls it failure
        report({ annotations: [{ path: "a.ts", line: 1, message: "m", level: "error" }] });
        // @ts-expect-error a line is needed
        report({ annotations: [{ path: "a.ts", message: "m", level: "notice" }] });
        return skip("typed");
      },
    });
    defineWorkflow({
      name: "by-hand",
      on: { manual: true },
      report: { as: "check", commit: ({ inputs }) => (inputs ? { repository: "acme/shop", sha: SHA } : undefined) },
      async run() {},
    });
  });
});

describe("what the doctor finds of reports", () => {
  async function scene(t: TestContext, report: string) {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    for (const repository of [DEPLOYMENT, TARGET]) github.repository(repository);
    const file = `export default { name: "lint", on: { github: { events: "pull_request" } }, async run() {}, ${report} };`;
    const settings = {
      ...{ GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, DEPLOYMENT_REPO: DEPLOYMENT, TARGET_REPO: TARGET },
      ...{ DATA_DIR: temporaryFolder(t), WORKFLOWS_DIR: workflowsFolder(t, { "lint.js": file }), PUBLIC_URL },
    };
    const check = async (more: Record<string, string>, name: string) => {
      const checks = await checkSettings({ ...settings, ...more });
      return checks.filter((each) => each.check === name).map(({ status, message }) => `${status}: ${message}`);
    };
    return { github, check };
  }

  it("that need an App, as the start warns", async (t) => {
    const { check } = await scene(t, 'report: "check"');
    const [found = ""] = await check({}, "reports");
    assert.match(found, /^problem: GitHub accepts checks only from a GitHub App, .* with a token: lint$/);
    assert.match(
      (await check({ PUBLIC_URL: "" }, "reports")).join("\n"),
      /^warning: PUBLIC_URL is not set: the reports of lint/,
    );
    assert.deepEqual(await (await scene(t, 'report: "status"')).check({}, "reports"), []);
    assert.deepEqual(await (await scene(t, "retry: false")).check({ PUBLIC_URL: "" }, "reports"), []);
    const its = {
      name: "lint",
      on: { github: { events: "pull_request" } },
      report: "check",
      async run() {},
    } as Workflow;
    const [warning = ""] = startWarnings(
      readConfig({ PUBLIC_URL }),
      { variables: {}, addresses: {}, apps: {}, workflows: [its] },
      [],
    ).filter((each) => each.includes("checks"));
    assert.match(warning, /with a token: lint\. Set GITHUB_APP_ID .*report: "status"\.$/);
  });

  it("that a fine-grained token may lack", async (t) => {
    const { check, github } = await scene(t, 'report: "status"');
    const GITHUB_TOKEN = "github_pat_0123456789abcdefghij";
    github.token(GITHUB_TOKEN, { permissions: { contents: "write" } });
    assert.match(
      (await check({ GITHUB_TOKEN }, "further permissions")).join(),
      /^warning: .*"Commit statuses: write"$/,
    );
  });

  it("that an installation of the App lacks", async (t) => {
    const { check, github } = await scene(t, 'report: "check"');
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const GITHUB_APP_PRIVATE_KEY = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const asApp = { GITHUB_TOKEN: "", GITHUB_APP_ID: "7", GITHUB_APP_PRIVATE_KEY };
    const installation = { id: 42, owner: "acme", suspended: false };
    github.app({ id: 7, publicKey, installations: [installation] });
    const grant = (permissions: object) => void Object.assign(installation, { permissions });
    grant({ contents: "write", metadata: "read" });
    assert.deepEqual(await check(asApp, "further permissions"), [
      'problem: 42 on acme lacks "Checks: write" for the report of lint',
    ]);
    grant({ contents: "write", metadata: "read", checks: "write" });
    assert.match((await check(asApp, "further permissions")).join(), /^ok: /);
    assert.deepEqual(await check(asApp, "reports"), []);
  });
});

describe("a report in the test kit", () => {
  it("is written with the permissions of its workflow", async () => {
    const workflow = defineWorkflow({
      name: "narrow",
      on: { github: { events: "pull_request" } },
      permissions: { checks: "write" },
      report: "check",
      run: async ({ report }) => report({ title: "narrow" }),
    });
    const event = { name: "pull_request", delivery: "1", payload: pullEvent() };
    const { run, sent } = await testRun(workflow, { event } as never);
    assert.deepEqual([run.status, run.reason ?? ""], ["success", ""]);
    assert.deepEqual(
      sent.map(({ method, path }) => `${method} ${path}`),
      ["POST /repos/acme/shop/check-runs"],
    );
  });

  it("of a run whose files no pattern of paths chooses is skipped, so that a required check passes", async () => {
    const workflow = defineWorkflow({
      name: "docs",
      on: { github: { events: "pull_request", paths: ["docs/**"] } },
      report: "check",
      async run() {},
    });
    const event = { name: "pull_request", delivery: "1", payload: pullEvent() };
    const { run, sent } = await testRun(workflow, { event } as never, {
      prepare(github) {
        const head = { ref: "change", sha: SHA };
        github.repository("acme/shop").openPull({ number: 7, head, files: ["src/a.ts"] });
      },
    });
    assert.equal(run.status, "skipped");
    const { conclusion, output } = (sent[0] ?? assert.fail()).body as { conclusion: string; output: { title: string } };
    assert.deepEqual([conclusion, output.title], ["skipped", run.reason]);
  });
});
