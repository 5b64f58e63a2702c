import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { GitHubApp } from "../sandbox/credentials.ts";
import { startGitHub } from "../sandbox/github.ts";
import type { Check } from "../src/model/check.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const FINE_GRAINED = "github_pat_0123456789abcdefghij";
const PATH = ".github/workflows/preview.yml";
const INPUTS = "inputs: { commitHash: {}, sourceName: {}, run: {} }";
const keyIn = (expression: string) => `run-name: "Tests \${{ ${expression} }}"\n`;
const LISTENS = "on: { repository_dispatch: { types: [environment_ready] } }\n";
const SHOWS = keyIn("github.event.client_payload.run") + LISTENS;

async function scene(t: TestContext, workflow = SHOWS) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN, { login: "mona" });
  deploy(github, "pr-1", "abc");
  const target = github.repository(TARGET);
  target.put(PATH, workflow);
  const settings = {
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: TOKEN,
    DEPLOYMENT_REPO: DEPLOYMENT,
    TARGET_REPO: TARGET,
  };
  const DATA_DIR = temporaryFolder(t);
  const check = (more: Record<string, string>) => checkSettings({ ...settings, DATA_DIR, ...more });
  return { github, target, settings, check };
}

/** Status and message of the check with this name. Undefined if there is none. */
function found(checks: readonly Check[], name: string): Check | undefined {
  const [only, ...others] = checks.filter(({ check }) => check === name);
  assert.deepEqual(others, []);
  return only;
}

type Installation = GitHubApp["installations"][number];

const FOLLOW = { FOLLOW: "status,comment" };

describe("what the doctor finds of the names of the target's runs", () => {
  it("is nothing while nothing is followed", async (t) => {
    const { check } = await scene(t, LISTENS);
    const checks = await check({});
    assert.equal(found(checks, "run name"), undefined);
    assert.equal(found(checks, "further permissions"), undefined);
  });

  it("that show the key, or do not", async (t) => {
    const { check, target } = await scene(t);
    assert.deepEqual(found(await check(FOLLOW), "run name"), {
      check: "run name",
      status: "ok",
      message: `${PATH} shows the key that identifies a run`,
      remedy: null,
    });
    target.put(PATH, LISTENS);
    const hidden = found(await check(FOLLOW), "run name");
    assert.equal(hidden?.status, "warning");
    assert.match(hidden.message, /preview\.yml shows no key in its run names/);
    assert.match(hidden.remedy ?? "", /run-name: Tests \$\{\{ github\.event\.client_payload\.run \}\}/);
  });

  it("that show it twice, for two runs of one event", async (t) => {
    const { check, target } = await scene(t);
    target.put(".github/workflows/second.yml", SHOWS);
    assert.match(
      found(await check(FOLLOW), "run name")?.message ?? "",
      /start together, but gh-runner follows only the first/,
    );
  });

  it("that are started by name: TARGET_WORKFLOW", async (t) => {
    const { check, target } = await scene(t);
    const named = { ...FOLLOW, TARGET_WORKFLOW: "preview.yml@next" };
    const absent = found(await check({ ...named, TARGET_WORKFLOW: "other.yml" }), "workflow");
    assert.match(absent?.message ?? "", /^no workflow on main of acme\/shop is other\.yml and can be started/);
    const deaf = found(await check(named), "workflow");
    assert.match(deaf?.message ?? "", /: \.github\/workflows\/preview\.yml is not started by workflow_dispatch$/);

    target.put(PATH, "on: { workflow_dispatch: { inputs: { commitHash: {} } } }");
    const rejects = found(await check(named), "workflow");
    assert.equal(rejects?.status, "problem");
    assert.match(rejects.message, /has no input sourceName, and GitHub rejects/);

    target.put(PATH, `on: { workflow_dispatch: { ${INPUTS} } }`);
    assert.match(found(await check(named), "run name")?.remedy ?? "", /input named run, and show it: .*inputs\.run/);
    target.put(PATH, `${keyIn("inputs.run")}on: { workflow_dispatch: { ${INPUTS} } }`);
    const checks = await check(named);
    assert.equal(found(checks, "workflow")?.status, "ok");
    assert.equal(found(checks, "run name")?.status, "ok");
  });
});

describe("what the doctor finds of the settings beside FOLLOW", () => {
  it("that reports need, as the start warns of them", async (t) => {
    const { check } = await scene(t);
    const missing = found(await check({ FOLLOW: "status" }), "reports");
    assert.equal(missing?.status, "warning");
    assert.match(missing.message, /PUBLIC_URL is not/);
    const PUBLIC_URL = "https://runner.example.com";
    assert.equal(found(await check({ FOLLOW: "status", PUBLIC_URL }), "reports"), undefined);
    const stays = found(await check({ FOLLOW: "deployment", PUBLIC_URL }), "reports");
    assert.match(stays?.message ?? "", /GITHUB_WEBHOOK_SECRET is not set: deployments stay active/);
    assert.equal(found(await check({}), "reports"), undefined);
  });
});

describe("what the doctor finds of the permissions for FOLLOW", () => {
  const NAME = "further permissions";

  it("that a classic token's scope covers", async (t) => {
    const { check } = await scene(t);
    assert.equal(found(await check(FOLLOW), NAME)?.status, "ok");
  });

  it("that GitHub does not show for a fine-grained token, except reading runs", async (t) => {
    const { check, github } = await scene(t);
    const settings = { ...FOLLOW, GITHUB_TOKEN: FINE_GRAINED };
    github.token(FINE_GRAINED, { permissions: { contents: "write", actions: "write" } });
    const untold = found(await check(settings), NAME);
    assert.equal(untold?.status, "warning");
    assert.match(
      untold.message,
      /has "Commit statuses: write", "Pull requests: write" or "Issues: write", "Actions: read", "Actions: write", "Pull requests: read"$/,
    );
    github.token(FINE_GRAINED, { permissions: { contents: "write" } });
    const missing = found(await check(settings), NAME);
    assert.equal(missing?.status, "problem");
    assert.match(missing.remedy ?? "", /"Actions: read"/);
  });

  it("that no token has: checks", async (t) => {
    const { check } = await scene(t);
    const rejected = found(await check({ FOLLOW: "check" }), NAME);
    assert.equal(rejected?.status, "problem");
    assert.match(rejected.message, /only from a GitHub App/);
  });

  it("of an App: each that its installation lacks, and what for", async (t) => {
    const { check, github } = await scene(t);
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const asApp = { GITHUB_TOKEN: "", GITHUB_APP_ID: "7", GITHUB_APP_PRIVATE_KEY: privateKey };
    const installation: Installation = { id: 42, owner: "acme", suspended: false };
    github.app({ id: 7, publicKey, installations: [installation] });
    const grant = (permissions: object) => void Object.assign(installation, { permissions });

    grant({ contents: "write", metadata: "read" });
    assert.equal(found(await check(asApp), NAME), undefined);
    assert.deepEqual(found(await check({ ...asApp, TARGET_WORKFLOW: "preview.yml" }), NAME), {
      check: NAME,
      status: "problem",
      message: '42 on acme lacks "Actions: write" to start the workflow',
      remedy: 'Give the App "Actions: write" in its settings, then accept it in the settings of acme.',
    });
    const all = { ...asApp, FOLLOW: "status,check,comment,deployment" };
    assert.match(
      found(await check(all), NAME)?.message ?? "",
      /^42 on acme lacks "Commit statuses: write" for FOLLOW=status, "Checks: write" for FOLLOW=check, "Pull requests: write" or "Issues: write" for FOLLOW=comment, "Deployments: write" for FOLLOW=deployment, "Actions: read" to follow the tests/,
    );
    const reports = { statuses: "write", checks: "write", issues: "write", deployments: "write" };
    grant({ contents: "write", metadata: "read", ...reports, actions: "read" });
    const some = found(await check(all), NAME);
    assert.equal(some?.status, "warning");
    assert.match(some.message, /lacks "Actions: write" to cancel those of an older commit, "Pull requests: read"/);
    grant({ contents: "write", metadata: "read", ...reports, actions: "write", pull_requests: "read" });
    assert.equal(found(await check(all), NAME)?.status, "ok");
  });
});

describe("a dry run", () => {
  for (const [name, args] of [
    ["dispatch", ["dispatch", "pr-1", "--dry-run"]],
    ["run", ["run", "environment-ready", "--dry-run", "--input", '{"application":"pr-1"}']],
  ] as const) {
    it(`says that the tests' runs show no key: ${name}`, async (t) => {
      const { settings, github, target } = await scene(t, LISTENS);
      const hidden = await command([...args], { ...settings, FOLLOW: "status" });
      assert.equal(hidden.code, 0, hidden.stderr);
      assert.match(
        hidden.stdout,
        /^run name: .*preview\.yml shows no key in .* time alone\. Show the key .*run-name: /m,
      );
      target.put(PATH, SHOWS);
      const shown = await command([...args], { ...settings, FOLLOW: "status" });
      assert.doesNotMatch(shown.stdout, /^run name/m);
      target.put(PATH, LISTENS);
      const unset = await command([...args], settings);
      assert.doesNotMatch(unset.stdout, /^run name/m);
      assert.equal(github.dispatches.length, 0);
    });
  }

  it("says it as JSON, too", async (t) => {
    const { settings } = await scene(t, LISTENS);
    const { stdout } = await command(["dispatch", "pr-1", "--dry-run", "--json"], { ...settings, FOLLOW: "status" });
    const [only] = JSON.parse(stdout).warnings;
    assert.deepEqual(Object.keys(only), ["check", "status", "message", "remedy"]);
  });

  it("of a workflow that follows shows all that it would send, as if the run had succeeded", async (t) => {
    const { settings, github } = await scene(t);
    const folder = workflowsFolder(t, {
      "follow-it.js": `import { defineWorkflow } from "gh-runner";
        export default defineWorkflow({
          name: "follow-it",
          on: { manual: {} },
          async run({ github, step }) {
            const tests = await github.dispatch("acme/shop", "environment_ready", { a: 1 }, { once: "dispatch" });
            const found = await github.findRun(tests, { name: "Actions run" });
            const { conclusion } = await github.follow(found, { name: "tests", mustSucceed: true });
            const about = { repository: "acme/shop", sha: "${"a".repeat(40)}", context: "tests" };
            await step("result", () => github.status({ ...about, state: conclusion }));
            return { conclusion, foundBy: found.foundBy };
          },
        });`,
    });
    const { code, stdout, stderr } = await command(["run", "follow-it", "--dry-run"], {
      ...settings,
      WORKFLOWS_DIR: folder,
    });
    assert.equal(code, 0, stdout + stderr);
    const lines = stdout.trim().split("\n");
    const shown = lines.flatMap((line) => /^POST .*(?=\/repos)(.*)/.exec(line)?.[1] ?? []);
    assert.deepEqual(shown, ["/repos/acme/shop/dispatches", `/repos/acme/shop/statuses/${"a".repeat(40)}`]);
    assert.equal(lines.at(-1), 'success: {"conclusion":"success","foundBy":"key"}');
    assert.equal(github.dispatches.length, 0);
  });
});
