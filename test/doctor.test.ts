import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import type { TokenGrant } from "../sandbox/credentials.ts";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { startProxy } from "../sandbox/proxy.ts";
import { workflowFile } from "../src/github/actions/workflow-files.ts";
import type { Check } from "../src/model/check.ts";
import { systemClock } from "../src/model/clock.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { DEPLOYMENT, deploy, notify, startService, TARGET, TOKEN } from "./support/service.ts";

const DAY = 86_400_000;
const LISTENS = "on:\n  repository_dispatch:\n    types: [environment_ready]\n";
const FINE_GRAINED = "github_pat_0123456789abcdefghij";

const settingsFor = (github: { readonly url: string }) => ({
  GITHUB_API_URL: github.url,
  GITHUB_TOKEN: TOKEN,
  DEPLOYMENT_REPO: DEPLOYMENT,
  TARGET_REPO: TARGET,
});

/** A stand-in where everything is correct, and the doctor in front of it. */
async function scene(t: TestContext, { grant, ...options }: GitHubOptions & { grant?: TokenGrant } = {}) {
  const github = await startGitHub(options);
  t.after(() => github.close());
  github.token(TOKEN, { login: "mona", ...grant });
  deploy(github, "pr-1", "abc");
  const target = github.repository(TARGET);
  target.put(".github/workflows/preview.yml", LISTENS);
  const settings = settingsFor(github);
  const check = async (more: Record<string, string> = {}) => {
    const checks = await checkSettings({ ...settings, ...more });
    for (const { status, remedy } of checks) assert.equal(remedy === null, status === "ok");
    const methods = new Set(github.requests.map(({ method, route }) => `${method} ${/access_tokens/.test(route)}`));
    assert.ok(!methods.has("POST false"), "nothing is sent to a repository");
    return checks;
  };
  return { github, target, deployment: github.repository(DEPLOYMENT), settings, check };
}

const named = (checks: readonly Check[], name: string) => checks.filter(({ check }) => check === name);

/** The only result with this name. */
function found(checks: readonly Check[], name: string): Check {
  const [only, ...others] = named(checks, name);
  assert.ok(only, `no ${name} among ${JSON.stringify(checks)}`);
  assert.deepEqual(others, []);
  return only;
}

function assertFound(checks: readonly Check[], name: string, status: Check["status"], says: RegExp, remedy = /./) {
  const one = found(checks, name);
  assert.equal(one.status, status, JSON.stringify(one));
  assert.match(one.message, says);
  if (status !== "ok") assert.match(one.remedy ?? "", remedy);
}

const notOk = (checks: readonly Check[]) => checks.filter(({ status }) => status !== "ok").map(({ check }) => check);

describe("gh-runner doctor, as a command", () => {
  it("prints a line for each check, and ends with 0 when all is well", async (t) => {
    const { settings } = await scene(t, { limits: { primaryPerHour: 5000 } });
    const { code, stdout, stderr } = await command(["doctor"], settings);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.pop(), "All is well.");
    assert.equal(lines.pop(), "");
    assert.deepEqual(
      lines.map((line) => line.slice(0, 31).trim().split(/ {2,}/)),
      [
        "settings",
        "repositories",
        "proxy",
        "GitHub",
        "token",
        "clock",
        "deployment repository",
        "deployment ref",
        "target repository",
        "dispatch permission",
        "workflow",
        "quota",
      ].map((name) => ["ok", name]),
    );
    assert.ok(!stdout.includes(TOKEN));
  });

  it("prints the report that docs/command-line.md shows", async (t) => {
    const { github, target, settings } = await scene(t, { limits: { primaryPerHour: 5000 } });
    github.token(FINE_GRAINED, { login: "mona", expiresAt: Date.now() + 4.5 * DAY });
    target.put(".github/workflows/preview.yml", LISTENS.replace("environment_ready", "preview"));
    const { stdout } = await command(["doctor"], { ...settings, GITHUB_TOKEN: FINE_GRAINED });
    const shown = documentOf("docs/command-line.md").blocks.find(({ text }) => text.startsWith("$ gh-runner doctor\n"));
    const always = (text: string) =>
      text
        .replaceAll(github.url, "https://api.github.com")
        .replaceAll(/\d{4}-\d\d-\d\dT\S+/g, "TIME")
        .replaceAll(/\d{4}-\d\d-\d\d/g, "DAY")
        .replaceAll(/is at [0-9a-f]{7}$/gm, "is at COMMIT")
        // Checks run side by side, so the quota may be read before or after the request of another check.
        .replaceAll(/\b499\d of 5000/g, "499N of 5000");
    assert.equal(always(stdout), always(shown?.text.replace("$ gh-runner doctor\n", "") ?? "not shown"));
  });

  it("prints the remedy below a problem, counts them, and ends with 1", async (t) => {
    const { settings } = await scene(t);
    const { code, stdout } = await command(["doctor"], { ...settings, TARGET_REPO: "acme/shopp" });
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^problem {2}target repository {6}looking up .* 404 .*\n {32}→ acme\/shopp does not exist or/m,
    );
    assert.match(stdout, /^1 problem\.\n$/m);
  });

  it("prints JSON for scripts, and does not count a warning as a problem", async (t) => {
    const { github, settings } = await scene(t);
    github.token(FINE_GRAINED, { expiresAt: Date.now() + 3.5 * DAY });
    const { code, stdout } = await command(["doctor", "--json"], { ...settings, GITHUB_TOKEN: FINE_GRAINED });
    assert.equal(code, 0, stdout);
    const checks = JSON.parse(stdout) as Check[];
    for (const each of checks) assert.deepEqual(Object.keys(each), ["check", "status", "message", "remedy"]);
    assert.deepEqual(notOk(checks), ["expiry", "dispatch permission"]);
  });
});

describe("what the doctor finds", () => {
  it("in the settings, and checks everything that is still possible", async (t) => {
    const { check } = await scene(t);
    const checks = await check({ PORT: "x", TARGET_REPO: "shop", GITHUB_LIMITS: "?" });
    const problems = named(checks, "settings");
    assert.deepEqual(
      problems.map(({ status, message }) => [status, message.split(":")[0]]),
      [
        ["problem", "PORT"],
        ["problem", "GITHUB_LIMITS"],
        ["problem", "TARGET_REPO"],
      ],
    );
    assertFound(checks, "deployment repository", "ok", /visible/);
    assert.deepEqual(named(checks, "target repository"), []);
    const unusable = await check({ GITHUB_TOKEN: "two words" });
    assert.deepEqual(notOk(unusable), ["settings"]);
    assert.equal(unusable.length, 1);
    const both = await check({ GITHUB_APP_ID: "7" });
    assertFound(both, "settings", "problem", /^GITHUB_APP_PRIVATE_KEY: is missing/);
  });

  it("without a token", async (t) => {
    const { check, github, settings } = await scene(t);
    assertFound(
      await check({ GITHUB_TOKEN: "" }),
      "token",
      "problem",
      /is not set/,
      /Set GITHUB_TOKEN, or GITHUB_APP_ID/,
    );
    assert.equal((await command(["doctor"], { ...settings, GITHUB_TOKEN: "" })).code, 1);
    assert.equal(github.requests.length, 0);
  });

  it("of the token: its owner, and that GitHub rejects it", async (t) => {
    const { check, github } = await scene(t);
    assertFound(await check(), "token", "ok", /^is mona's, classic, with the scope repo$/);
    github.token(FINE_GRAINED, { login: "hubot" });
    assertFound(await check({ GITHUB_TOKEN: FINE_GRAINED }), "token", "ok", /^is hubot's, fine-grained$/);
    const revoked = await check({ GITHUB_TOKEN: "ghp_revoked0123456789" });
    assertFound(revoked, "token", "problem", /401 "Bad credentials"/, /Set GITHUB_TOKEN to a valid token/);
    assertFound(revoked, "GitHub", "ok", /answers$/);
    assert.deepEqual(named(revoked, "target repository"), []);
    const body = JSON.stringify({ message: "Although you appear to have the correct authorization credentials, …" });
    github.fault({ route: "GET /user", times: 1 }, { kind: "status", status: 403, body });
    assertFound(await check(), "token", "problem", /is rejected: GitHub answered 403 "Although/, /GitHub's message/);
  });

  it("of a token that is an installation's", async (t) => {
    const { check, github } = await scene(t);
    const body = JSON.stringify({ message: "Resource not accessible by integration" });
    github.fault({ route: "GET /user" }, { kind: "status", status: 403, body });
    const checks = await check();
    assertFound(checks, "token", "warning", /ends within the hour/, /GITHUB_APP_ID/);
    assertFound(checks, "dispatch permission", "warning", /GitHub does not show whether/);
  });

  it("of the token's expiry, from fourteen days before it", async (t) => {
    for (const [days, status, says] of [
      [15, "ok", /^the token ends on \d{4}-\d\d-\d\d$/],
      [13.5, "warning", /in 13 days$/],
      [1.5, "warning", /in 1 day$/],
      [0.5, "warning", /in 0 days$/],
    ] as const) {
      const { check } = await scene(t, { grant: { expiresAt: Date.now() + days * DAY } });
      assertFound(await check(), "expiry", status, says, /Create a new one before that/);
    }
    assert.deepEqual(named(await (await scene(t)).check(), "expiry"), []);
  });

  it("of the clock, either way", async (t) => {
    for (const [minutes, says] of [
      [60, /(?:3600|3599) s behind GitHub's/],
      [-60, /(?:3600|3601) s ahead of GitHub's/],
    ] as const) {
      const { check } = await scene(t, { now: () => Date.now() + minutes * 60_000 });
      assertFound(await check(), "clock", "warning", says, /Synchronize it/);
    }
    assertFound(await (await scene(t)).check(), "clock", "ok", /agrees/);
  });

  it("of the proxy, without its credentials", async (t) => {
    const { check } = await scene(t);
    assertFound(await check(), "proxy", "ok", /^none/);
    const proxy = await startProxy({ credentials: "robot:s3cret-word" });
    t.after(() => proxy.close());
    const url = new URL(proxy.url);
    const withCredentials = await check({ HTTP_PROXY: `http://robot:s3cret-word@${url.host}` });
    assert.deepEqual(notOk(withCredentials), []);
    assert.equal(found(withCredentials, "proxy").message, url.origin);
    assert.ok(!JSON.stringify(withCredentials).includes("s3cret-word"));
    assert.ok(proxy.counts.forwarded > 0);
    const without = await check({ HTTP_PROXY: proxy.url });
    assertFound(without, "GitHub", "problem", /asks for credentials \(407\)/, /HTTPS?_PROXY/);
  });
});

describe("what the doctor finds of GITHUB_API_URL", () => {
  it("that is the address of GitHub's pages: the API's, without asking there", async () => {
    for (const [given, meant] of [
      ["https://github.com", "https://api.github.com"],
      ["https://acme.ghe.com", "https://api.acme.ghe.com"],
    ] as const) {
      const checks = await checkSettings({ GITHUB_TOKEN: TOKEN, GITHUB_API_URL: given });
      assertFound(checks, "settings", "problem", new RegExp(`expected ${meant}, `), /Fix GITHUB_API_URL/);
      assert.equal(checks.length, 1);
    }
  });

  it("that is an Enterprise Server's without /api/v3", async (t) => {
    const { check, github } = await scene(t, { enterprise: "3.19.0", basePath: "/api/v3" });
    const host = github.url.replace("/api/v3", "");
    assertFound(
      await check({ GITHUB_API_URL: host }),
      "GitHub",
      "problem",
      /./,
      new RegExp(`set GITHUB_API_URL to ${github.url}`),
    );
    const checks = await check();
    assert.deepEqual(notOk(checks), []);
    assertFound(checks, "GitHub", "ok", /\(Enterprise Server 3\.19\.0\)$/);
    assertFound(checks, "quota", "ok", /sets no limit/);
  });

  it("when nothing answers, another server answers, or the server fails", async (t) => {
    const { check, github } = await scene(t);
    const unreachable = await check({ GITHUB_API_URL: "http://127.0.0.1:1" });
    assertFound(unreachable, "GitHub", "problem", /connection refused/, /check the network/);
    assert.deepEqual(notOk(unreachable), ["GitHub"]);
    const answers = async (status: number, body: string) => {
      github.fault({ route: "GET /user", times: 1 }, { kind: "status", status, body });
      return check();
    };
    const remedy = /Set GITHUB_API_URL to https:\/\/api\.github\.com, /;
    assertFound(
      await answers(200, `{"hello":"world"}`),
      "GitHub",
      "problem",
      /does not answer as GitHub's API/,
      remedy,
    );
    assertFound(await answers(404, "no such page"), "GitHub", "problem", /404 "no such page"/, remedy);
    assertFound(await answers(502, "Bad Gateway"), "GitHub", "problem", /502 "Bad Gateway"/, /githubstatus/);
  });

  it("where a limit is in force", async (t) => {
    const { check, github } = await scene(t);
    github.fault({ route: "GET /user" }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    assertFound(await check(), "GitHub", "problem", /secondary rate limit/, /accepts requests again after/);
  });
});

describe("what the doctor finds of the deployment repository", () => {
  const NAME = "deployment repository";

  it("that is not there, or that the token cannot read", async (t) => {
    const { check, github } = await scene(t);
    const missing = await check({ DEPLOYMENT_REPO: "acme/none" });
    assertFound(missing, NAME, "problem", /404/, /acme\/none does not exist or the token cannot see it/);
    assertFound(missing, "target repository", "ok", /visible/);
    github.token(FINE_GRAINED, { permissions: { metadata: "read" } });
    const unread = await check({ GITHUB_TOKEN: FINE_GRAINED });
    assertFound(unread, NAME, "ok", /visible/);
    assertFound(
      unread,
      "deployment ref",
      "problem",
      /403 .*needs contents=read/,
      /"Contents: read" on acme\/deployment/,
    );
  });

  it("that was renamed or archived", async (t) => {
    const { check, deployment } = await scene(t);
    deployment.rename("acme/environments");
    assertFound(
      await check(),
      NAME,
      "warning",
      /is called acme\/environments now/,
      /Set DEPLOYMENT_REPO to acme\/environments/,
    );
    deployment.archived = true;
    const checks = await check({ DEPLOYMENT_REPO: "acme/environments" });
    assertFound(checks, NAME, "warning", /is archived/, /Check DEPLOYMENT_REPO/);
  });

  it("that needs single sign-on", async (t) => {
    const { check } = await scene(t, { grant: { sso: "https://github.com/orgs/acme/sso?x" } });
    assertFound(await check(), NAME, "problem", /SAML/, /https:\/\/github\.com\/orgs\/acme\/sso/);
  });

  it("and of the ref that is read", async (t) => {
    const { check, deployment, github } = await scene(t);
    assertFound(await check(), "deployment ref", "ok", /^the default branch main can be read, and is at [0-9a-f]{7}$/);
    deployment.put("a", "b", "staging");
    assertFound(
      await check({ DEPLOYMENT_REF: "staging" }),
      "deployment ref",
      "ok",
      /^DEPLOYMENT_REF staging can be read/,
    );
    const missing = await check({ DEPLOYMENT_REF: "stagin" });
    assertFound(missing, "deployment ref", "problem", /has no stagin: GitHub answered 422/, /Set DEPLOYMENT_REF to/);
    const body = JSON.stringify({ message: "Git Repository is empty." });
    github.fault({ route: "GET /repos/{owner}/{repo}/commits/{ref}" }, { kind: "status", status: 409, body });
    assertFound(await check(), "deployment ref", "problem", /is empty/, /Check DEPLOYMENT_REPO/);
  });
});

describe("what the doctor finds of the target repository", () => {
  const NAME = "target repository";

  it("that is not there, was renamed, or is archived", async (t) => {
    const { check, target } = await scene(t);
    assertFound(await check({ TARGET_REPO: "acme/none" }), NAME, "problem", /404/, /"Contents: write"/);
    target.rename("acme/store");
    const renamed = await check();
    assertFound(renamed, NAME, "warning", /is called acme\/store now/, /Set TARGET_REPO to acme\/store/);
    assert.deepEqual(notOk(renamed), [NAME]);
    target.archived = true;
    assertFound(await check({ TARGET_REPO: "acme/store" }), NAME, "problem", /accepts no events/, /Unarchive it/);
  });

  it("that the token may not dispatch to, as far as GitHub tells", async (t) => {
    const { check, github, target } = await scene(t);
    const permission = async (token: string, grant: TokenGrant) => {
      github.token(token, { login: "mona", ...grant });
      return found(await check({ GITHUB_TOKEN: token }), "dispatch permission");
    };
    const { status, message } = await permission(TOKEN, {});
    assert.deepEqual([status, message], ["ok", "mona may write to acme/shop, and the token has the scope repo"]);

    const reader = await permission(FINE_GRAINED, { permissions: { contents: "read" } });
    assert.equal(reader.status, "problem");
    assert.match(reader.message, /mona may not write to acme\/shop/);
    assert.match(reader.remedy ?? "", /Give mona write access to acme\/shop, and the token "Contents: write"/);

    const writer = await permission(FINE_GRAINED, { permissions: { contents: "write" } });
    assert.equal(writer.status, "warning");
    assert.match(writer.message, /GitHub does not show whether the token has "Contents: write"/);

    target.isPrivate = false;
    github.repository(DEPLOYMENT).isPrivate = false;
    assert.match((await permission(TOKEN, { scopes: ["public_repo"] })).message, /has the scope public_repo$/);
    target.isPrivate = true;
    github.fault(
      { route: "GET /repos/{owner}/{repo}", path: `/repos/${TARGET}` },
      {
        kind: "status",
        status: 200,
        body: JSON.stringify({ full_name: TARGET, private: true, permissions: { push: true } }),
      },
    );
    const scopeless = await permission(TOKEN, { scopes: ["public_repo"] });
    assert.deepEqual([scopeless.status, scopeless.remedy], ["problem", "Give the token the scope repo."]);
    assert.equal(scopeless.message, "the token has the scope public_repo, but needs repo");
    assert.match((await permission(TOKEN, { scopes: [] })).message, /^the token has no scopes, but needs repo$/);
  });
});

describe("what the doctor finds of the workflows on the target's default branch", () => {
  const NAME = "workflow";
  const PATH = ".github/workflows/preview.yml";

  it("that listen to the event, in every form that GitHub takes", async (t) => {
    const { check, target } = await scene(t);
    for (const yaml of [
      "on: repository_dispatch",
      "on: [push, repository_dispatch]",
      "'on':\n  push:\n  repository_dispatch:\n",
      LISTENS,
      "on: {repository_dispatch: {types: environment_ready}}",
      "on:\n  repository_dispatch:\n    types: [other, environment_ready]\n",
    ]) {
      target.put(PATH, `name: Preview\n${yaml}\n`);
      assertFound(await check(), NAME, "ok", /^\.github\/workflows\/preview\.yml listens to environment_ready$/);
    }
    assert.deepEqual((await workflowFile("a.yml", "on: {repository_dispatch: {types: []}}")).types, []);
    for (const yaml of ["", "a: b", "on: push", "on: [push]", "- on", "on: {push: {types: [environment_ready]}}"]) {
      assert.deepEqual((await workflowFile("a.yml", yaml)).types, [], yaml);
    }
  });

  it("that do not, with what they listen to instead", async (t) => {
    const { check, target } = await scene(t);
    target.put(PATH, LISTENS, "feature");
    target.put(PATH, "on:\n  repository_dispatch:\n    types: [environment-ready]\n");
    target.put(".github/workflows/broken.yaml", "on: [");
    target.put(".github/workflows/notes.txt", LISTENS);
    const says =
      /^no workflow on main of acme\/shop listens to environment_ready: .*preview\.yml listens to environment-ready; .*broken\.yaml is not valid YAML$/;
    assertFound(await check(), NAME, "problem", says, /types: \[environment_ready\] \} \}, or set EVENT_TYPE/);
    assertFound(await check({ EVENT_TYPE: "environment-ready" }), NAME, "ok", /listens to environment-ready/);
    for (const { path } of target.list(".github/workflows", "main")) target.remove(path);
    assertFound(await check(), NAME, "problem", /^no workflow on main of acme\/shop listens to environment_ready$/);
  });

  it("that are disabled, one by one or with Actions", async (t) => {
    const { check, target, github } = await scene(t);
    target.workflowStates.set(PATH, "disabled_inactivity");
    const enable = /^Enable it: gh workflow enable preview\.yml -R acme\/shop$/;
    assertFound(await check(), NAME, "problem", /is disabled \(disabled_inactivity\)/, enable);
    target.actionsDisabled = true;
    assertFound(await check(), NAME, "problem", /Actions is disabled/, /Enable Actions/);
    github.token(FINE_GRAINED, { permissions: { contents: "write" } });
    const untold = await check({ GITHUB_TOKEN: FINE_GRAINED });
    assertFound(untold, NAME, "ok", /listens/);
  });

  it("that cannot be read", async (t) => {
    const { check, github } = await scene(t);
    github.fault({ path: `/repos/${TARGET}/contents/${PATH}` }, { kind: "cut" });
    assertFound(await check(), NAME, "problem", /reading .*preview\.yml in acme\/shop failed: no complete answer/);
  });
});

describe("what the doctor finds of the quota", () => {
  it("that is left, without using it up", async (t) => {
    const { check } = await scene(t, { limits: { primaryPerHour: 5000 } });
    assertFound(await check(), "quota", "ok", /^49\d\d of 5000 requests are left until \d{4}-.*Z$/);
    const low = await scene(t, { limits: { primaryPerHour: 5000 } });
    const core = { limit: 5000, remaining: 400, reset: 1_800_000_000 };
    const body = JSON.stringify({ resources: { core } });
    low.github.fault({ route: "GET /rate_limit" }, { kind: "status", status: 200, body });
    const says = /^400 of 5000 requests are left until 2027-01-15T08:00:00\.000Z$/;
    assertFound(await low.check(), "quota", "warning", says, /Nothing is lost/);
  });

  it("that is unknown", async (t) => {
    const { check, github } = await scene(t);
    github.fault({ route: "GET /rate_limit" }, { kind: "status", status: 500 });
    assertFound(await check(), "quota", "problem", /500/, /githubstatus/);
  });
});

describe("what the doctor finds of a GitHub App", () => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  const pem = (pair: typeof keys) => pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  type Granted = { contents?: "read" | "write"; metadata: "read" };

  async function appScene(t: TestContext, options: GitHubOptions = {}) {
    const { github, check, ...rest } = await scene(t, options);
    github.repository("globex/shop").put(".github/workflows/preview.yml", LISTENS);
    const acme = {
      id: 42,
      owner: "acme",
      suspended: false,
      permissions: { contents: "read", metadata: "read" } as Granted,
    };
    const globex = {
      id: 43,
      owner: "globex",
      suspended: false,
      permissions: { contents: "write", metadata: "read" } as Granted,
    };
    const installations = [acme, globex];
    github.app({ id: 7, publicKey, installations });
    const asApp = (more: Record<string, string> = {}) =>
      check({
        GITHUB_TOKEN: "",
        GITHUB_APP_ID: "7",
        GITHUB_APP_PRIVATE_KEY: pem(keys),
        TARGET_REPO: "globex/shop",
        ...more,
      });
    return { ...rest, github, asApp, acme, globex, installations };
  }

  it("that is well: its installations, their permissions and their quotas", async (t) => {
    const { asApp } = await appScene(t, { limits: { primaryPerHour: 5000 } });
    const checks = await asApp();
    assert.deepEqual(notOk(checks), []);
    assertFound(checks, "app", "ok", /^is gh-runner, of acme$/);
    assertFound(checks, "installation for acme/deployment", "ok", /^42 on acme, with contents: read, metadata: read$/);
    assertFound(checks, "installation for globex/shop", "ok", /^43 on globex, with contents: write/);
    assertFound(checks, "dispatch permission", "ok", /may dispatch to globex\/shop/);
    assertFound(checks, "quota of acme", "ok", /of 5000/);
    assertFound(checks, "quota of globex", "ok", /of 5000/);
    assert.ok(!/ghs_|eyJ|PRIVATE KEY/.test(JSON.stringify(checks)));
  });

  it("that GitHub asks for a pause, as the service has stored it", async (t) => {
    const { github, asApp } = await appScene(t);
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(Date.now()));
    const { host } = new URL(github.url);
    const until = Date.now() + 3_600_000;
    for (const account of ["GITHUB_TOKEN", "app 7", "app 8", "installation 42"]) {
      await store.limits.pause(`${host} ${account}`, { until, strikes: 1 });
    }
    await store.close();
    const told = named(await asApp({ DATA_DIR: folder }), "pause").map(({ message }) => message.split(" until ")[0]);
    assert.deepEqual(told, ["the service sends nothing as app 7", "the service sends nothing as installation 42"]);
  });

  it("that GitHub does not know, or whose key is wrong", async (t) => {
    const { asApp, github } = await appScene(t);
    const wrongKey = await asApp({ GITHUB_APP_PRIVATE_KEY: pem(other) });
    assertFound(wrongKey, "app", "problem", /401/, /GITHUB_APP_PRIVATE_KEY is not a key of the App/);
    assert.deepEqual(notOk(wrongKey), ["app"]);
    const unknown = (body: string) =>
      github.fault({ route: "GET /app", times: 1 }, { kind: "status", status: 404, body });
    unknown(`{"message":"Integration not found"}`);
    assertFound(await asApp(), "app", "problem", /Integration not found/, /set GITHUB_APP_ID to the App ID/);
    unknown("no such page");
    assertFound(await asApp(), "GitHub", "problem", /404 "no such page"/, /Set GITHUB_API_URL/);
    const unreachable = await asApp({ GITHUB_API_URL: "http://127.0.0.1:1" });
    assertFound(unreachable, "GitHub", "problem", /connection refused/);
  });

  it("that is not installed, suspended, or lacks a permission, and still checks the other repository", async (t) => {
    const { asApp, globex, installations } = await appScene(t);
    const NAME = "installation for globex/shop";
    globex.suspended = true;
    const suspended = await asApp();
    assertFound(suspended, NAME, "problem", /43 on globex is suspended/, /owner of globex has to unsuspend it/);
    assertFound(suspended, "deployment ref", "ok", /can be read/);
    assert.deepEqual(notOk(suspended), [NAME]);
    globex.suspended = false;
    globex.permissions = { contents: "read", metadata: "read" };
    assertFound(
      await asApp(),
      NAME,
      "problem",
      /has Contents: read, and write is needed/,
      /"Contents: write".*accept it/,
    );
    globex.permissions = { metadata: "read" };
    assertFound(await asApp(), NAME, "problem", /has Contents: no access/);
    installations.pop();
    assertFound(await asApp(), NAME, "problem", /404/, /Install the GitHub App on globex and select globex\/shop/);
  });

  it("whose repository was renamed: its narrowed token is rejected", async (t) => {
    const { asApp, github } = await appScene(t);
    github.repository("globex/shop").rename("globex/store");
    assertFound(
      await asApp(),
      "target repository",
      "problem",
      /422/,
      /If the repository was renamed, use its current name/,
    );
  });
});

describe("what the doctor finds in the service's store", () => {
  it("while the service uses it: until when it pauses, and why", async (t) => {
    const folder = temporaryFolder(t);
    const { github, url, app } = await startService(t, { settings: { DATA_DIR: folder } });
    deploy(github, "pr-1", "abc");
    github.repository(TARGET).put(".github/workflows/preview.yml", LISTENS);
    const limit = github.fault({}, { kind: "status", status: 429, headers: { "retry-after": "3600" } });
    const from = Date.now();
    assert.equal((await notify(url, { application: "pr-1" })).status, 202);
    limit.remove();
    const settings = { ...settingsFor(github), DATA_DIR: folder };
    const pause = found(await checkSettings(settings), "pause");
    assert.equal(pause.status, "warning");
    const [, until = ""] =
      /^the service sends nothing as GITHUB_TOKEN until (\S+): GitHub asked for a pause because of a rate limit$/.exec(
        pause.message,
      ) ?? assert.fail(pause.message);
    assert.ok(Date.parse(until) >= from + 3_600_000 && Date.parse(until) <= Date.now() + 3_600_000, until);
    assert.match(pause.remedy ?? "", /Nothing is lost/);
    const { code } = await command(["doctor"], settings);
    assert.equal(code, 0, "a limit that passes is no problem");
    assert.equal((await notify(url, { application: "pr-1" })).status, 202, "the service still works");

    await app.close();
    const files = readdirSync(folder);
    assert.deepEqual(found(await checkSettings(settings), "pause"), pause, "and when it has stopped");
    assert.deepEqual(readdirSync(folder), files, "nothing is left behind");
  });

  it("only for this credential at this GitHub, and only what is in force", async (t) => {
    const { github, check } = await scene(t);
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(Date.now()));
    const { host } = new URL(github.url);
    const until = Date.now() + 3_600_000;
    await store.limits.pause("api.github.com GITHUB_TOKEN", { until, strikes: 1 });
    await store.limits.pause(`${host} token 0123456789abcdef`, { until, strikes: 1 });
    await store.limits.pause(`${host} installation 42`, { until, strikes: 1 });
    await store.limits.pause(`${host} GITHUB_TOKEN`, { until: Date.now() - 1, strikes: 3 });
    assert.deepEqual(named(await check({ DATA_DIR: folder }), "pause"), []);
    await store.limits.pause(`${host} GITHUB_TOKEN`, { until, strikes: 0 });
    assertFound(await check({ DATA_DIR: folder }), "pause", "warning", /said that the quota is used up until then$/);
    await store.limits.pause(`${host} GITHUB_TOKEN`, { until: until + 1, strikes: 3 });
    assertFound(await check({ DATA_DIR: folder }), "pause", "warning", /because of a rate limit, 3 times in a row$/);
    await store.close();
  });

  it("that is not there, of an older schema, or cannot be read", async (t) => {
    const { check } = await scene(t);
    const folder = temporaryFolder(t);
    assert.deepEqual(notOk(await check({ DATA_DIR: join(folder, "none") })), []);
    assert.deepEqual(readdirSync(folder), []);
    const file = join(folder, "gh-runner.sqlite");
    const old = new DatabaseSync(file);
    old.exec("CREATE TABLE runs (id TEXT)");
    old.close();
    assert.deepEqual(notOk(await check({ DATA_DIR: folder })), []);
    writeFileSync(file, "this is no database ".repeat(100));
    const checks = await check({ DATA_DIR: folder });
    assertFound(checks, "store", "warning", /cannot read whether .*: file is not a database/, /as its user/);
  });

  describe("in PostgreSQL", () => {
    const postgres = postgresForTests();

    it("without making one, or in its way", async (t) => {
      const { github, check } = await scene(t);
      const schema = postgres.schema();
      const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema };
      assert.deepEqual(notOk(await check(settings)), []);
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      t.after(() => client.end());
      const { rows } = await client.query("SELECT FROM pg_namespace WHERE nspname = $1", [schema]);
      assert.deepEqual(rows, []);

      const store = await openPostgresStore({ url: postgres.url, schema, clock: systemClock, onError: () => {} });
      t.after(() => store.close());
      const account = `${new URL(github.url).host} GITHUB_TOKEN`;
      await store.limits.pause(account, { until: Date.now() + 3_600_000, strikes: 2 });
      assertFound(await check(settings), "pause", "warning", /^the service sends nothing .* 2 times in a row$/);
    });

    it("that cannot be reached", async (t) => {
      const { check } = await scene(t);
      const checks = await check({ DATABASE_URL: "postgres://me:hidden-word@127.0.0.1:1/none" });
      assertFound(checks, "store", "warning", /cannot read whether .*: Cannot use PostgreSQL at 127\.0\.0\.1:1 as me/);
      assert.ok(!JSON.stringify(checks).includes("hidden-word"));
    });
  });
});
