import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { command } from "./support/command.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";

const DISPATCHES = "POST /repos/{owner}/{repo}/dispatches";

async function scene(t: TestContext, options: GitHubOptions = {}) {
  const github = await startGitHub(options);
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  deploy(github, "pr-1", "abc");
  const settings = { GITHUB_API_URL: github.url, DEPLOYMENT_REPO: DEPLOYMENT, TARGET_REPO: TARGET };
  const dispatch = (args: readonly string[], more: Record<string, string> = { GITHUB_TOKEN: TOKEN }) =>
    command(["dispatch", ...args], { ...settings, ...more });
  return { github, dispatch };
}

describe("gh-runner dispatch", { concurrency: 2 }, () => {
  it("does the job once, and reports it in one line", async (t) => {
    const { github, dispatch } = await scene(t);
    const { code, stdout, stderr } = await dispatch(["pr-1"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, `sent: environment_ready for pr-1 with commit abc to ${TARGET}\n`);
    assert.deepEqual(
      github.dispatches.map(({ eventType, payload }) => [eventType, payload]),
      [["environment_ready", { commitHash: "abc", sourceName: "pr-1" }]],
    );
  });

  it("reads at the given revision, and prints what the service would answer as JSON", async (t) => {
    const { github, dispatch } = await scene(t);
    const values = "global: {config: {DEPLOYMENT_TAG: def}}\n";
    github.repository(DEPLOYMENT).put("configs/pr/light/pr-1/values.yaml", values, "next");
    const { code, stdout } = await dispatch(["pr-1", "--revision", "next", "--json"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { status: "success", commitHash: "def", sourceName: "pr-1" });
  });

  it("succeeds when the application is skipped, without a token too", async (t) => {
    const { dispatch } = await scene(t);
    const skipped = await dispatch(["main"], {});
    const reason = "application name doesn't start with 'pr-'";
    assert.deepEqual(skipped, { code: 0, stdout: `skipped: ${reason}\n`, stderr: "" });
    const { stdout } = await dispatch(["main", "--json", "--dry-run"]);
    assert.deepEqual(JSON.parse(stdout), { status: "skipped", reason, dryRun: true, requests: [] });
  });

  it("says in one line, with exit code 1, what failed", async (t) => {
    const { github, dispatch } = await scene(t);
    for (const [args, settings, line] of [
      [["pr-9"], { GITHUB_TOKEN: TOKEN }, /^Looking up pr-9 in acme\/deployment failed: there is no configs/],
      [["pr-/9"], { GITHUB_TOKEN: TOKEN }, /^application must be one path segment, without \/ or \\\.$/m],
      [["pr-1"], {}, /^No GitHub token: set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY\.$/m],
      [["pr-1"], { GITHUB_TOKEN: "ghp_revoked0123456789" }, /^Reading .*401 "Bad credentials".*valid GITHUB_TOKEN/],
    ] as const) {
      const { code, stdout, stderr } = await dispatch(args, settings);
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, line);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
    const json = await dispatch(["pr-9", "--json"]);
    assert.equal(json.code, 1);
    assert.deepEqual(Object.keys(JSON.parse(json.stdout)), ["status", "reason", "kind"]);
    const settings = await dispatch(["pr-1"], { GITHUB_TOKEN: TOKEN, TARGET_REPO: "shop" });
    assert.equal(settings.code, 1);
    assert.match(settings.stderr, /TARGET_REPO: expected owner\/name, got "shop"/);
    assert.equal(github.dispatches.length, 0);
  });

  it("does not wait for a limit, and prints when the limit ends", async (t) => {
    const { github, dispatch } = await scene(t);
    github.fault({ route: DISPATCHES }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    const before = Date.now();
    const text = await dispatch(["pr-1"]);
    assert.equal(text.code, 1);
    const [, time = ""] = /after (\S+Z)\. This command does not wait: run it again then\.\n$/.exec(text.stderr) ?? [];
    const wait = Date.parse(time) - before;
    assert.ok(wait >= 599_000 && wait < 660_000, text.stderr);
    const { kind, notBefore } = JSON.parse((await dispatch(["pr-1", "--json"])).stdout);
    assert.equal(kind, "limit");
    assert.ok(Date.parse(notBefore) > before + 500_000);
  });

  it("waits for a quota that is full again within seconds", async (t) => {
    const { github, dispatch } = await scene(t);
    const reset = Math.ceil(Date.now() / 1000) + 2;
    github.fault(
      { path: /light/ },
      {
        kind: "status",
        status: 200,
        body: "global: { config: { DEPLOYMENT_TAG: abc } }",
        headers: { "x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
      },
    );
    assert.deepEqual(await dispatch(["pr-1"]), {
      code: 0,
      stdout: `sent: environment_ready for pr-1 with commit abc to ${TARGET}\n`,
      stderr: "",
    });
    assert.deepEqual(
      github.dispatches.map(({ at }) => at >= reset * 1000),
      [true],
    );
  });

  it("sends nothing in a dry run, and prints exactly what it would send", async (t) => {
    const { github, dispatch } = await scene(t);
    const dry = await dispatch(["pr-1", "--dry-run"]);
    assert.deepEqual([dry.code, dry.stderr], [0, ""]);
    assert.deepEqual([...new Set(github.requests.map(({ method }) => method))], ["GET"]);
    assert.ok(!dry.stdout.includes(TOKEN));
    const { requests } = JSON.parse((await dispatch(["pr-1", "--dry-run", "--json"])).stdout);
    assert.equal(github.dispatches.length, 0);

    await dispatch(["pr-1"]);
    const sent = github.requests.find(({ method }) => method === "POST");
    assert.ok(sent);
    const { host: _host, connection: _connection, "content-length": _length, ...headers } = sent.headers;
    const url = github.url + sent.path;
    const held = { method: "POST", url, headers: { ...headers, authorization: "Bearer ***" }, body: sent.body };
    assert.deepEqual(requests, [held]);
    const lines = Object.keys(held.headers)
      .sort()
      .map((name) => `${name}: ${(held.headers as Record<string, unknown>)[name]}`);
    assert.deepEqual(dry.stdout.split("\n"), [
      `POST ${url}`,
      ...lines,
      "",
      sent.body,
      "",
      `not sent: environment_ready for pr-1 with commit abc to ${TARGET}`,
      "",
    ]);
  });

  it("prints no terminal control characters in a dry run", async (t) => {
    const { dispatch } = await scene(t);
    // No tag can contain such characters.
    const EVENT_TYPE = "a\u001b]0;b\u009b2J\u202ec";
    const { stdout } = await dispatch(["pr-1", "--dry-run"], { GITHUB_TOKEN: TOKEN, EVENT_TYPE });
    assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(stdout));
    const body = stdout.split("\n").find((line) => line.startsWith("{")) ?? "";
    assert.equal(JSON.parse(body).event_type, EVENT_TYPE);
  });

  it("gets an App's tokens in a dry run, which proves its write permission", async (t) => {
    const { github, dispatch } = await scene(t);
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const acme = { id: 42, owner: "acme" };
    github.app({ id: 7, publicKey, installations: [acme] });
    const settings = {
      GITHUB_APP_ID: "7",
      GITHUB_APP_PRIVATE_KEY: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
    const dry = await dispatch(["pr-1", "--dry-run"], settings);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, /^authorization: Bearer \*\*\*$/m);
    assert.ok(!/ghs_/.test(dry.stdout));
    const posts = github.requests.filter(({ method }) => method === "POST").map(({ route }) => route);
    assert.deepEqual([...new Set(posts)], ["POST /app/installations/{installation_id}/access_tokens"]);
  });
});
