import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, globSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startMachineIssuer } from "./support/machine-issuer.ts";
import { OPENID_CLIENT, startSignInIssuer } from "./support/openid-provider.ts";
import { dispatchOnce, fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { DEPLOYMENT, deploy, send, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OPERATOR = "operator-token-0123456789";
const AUDIENCE = "https://gh-runner.acme.com";

/** A copy of the release, away from any node_modules. */
function copyOfRelease(t: TestContext): string {
  const folder = temporaryFolder(t);
  for (const file of globSync("dist/*.{js,cache}", { cwd: ROOT })) cpSync(ROOT + file, join(folder, basename(file)));
  return folder;
}

async function started(t: TestContext, folder: string) {
  const github = await startGitHub({});
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(DEPLOYMENT);
  github.repository(TARGET);
  deploy(github, "pr-1", "abc1234");
  const machines = await startMachineIssuer(t);
  const people = await startSignInIssuer(t, { sub: "7" });
  const port = await fixedPort();
  const named = httpWorkflow("named", `await github.rest.repos.get({ owner: "acme", repo: "shop" });\nreturn {};`);
  const settings = {
    AUTH_TOKENS: `alice:operator:${OPERATOR}`,
    AUTH_OIDC: JSON.stringify([
      { issuer: machines.url, audience: AUDIENCE, claims: { client_id: "ci" }, role: "caller" },
    ]),
    ...{ OIDC_ISSUER: people.url, OIDC_CLIENT_ID: OPENID_CLIENT.id, OIDC_CLIENT_SECRET: OPENID_CLIENT.secret },
    ...{ SIGN_IN_ROLES: "group:platform=operator", PUBLIC_URL: `http://127.0.0.1:${port}` },
    WORKFLOWS_DIR: workflowsFolder(t, { "named.ts": named }),
  };
  const command = [join(folder, "gh-runner.js"), "serve"];
  const service = spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, command, settings });
  return { service, port, url: `http://127.0.0.1:${port}`, github, machines, people };
}

describe("the files of the release that are loaded at first use", () => {
  before(() => void release());

  it("exist: those of OIDC tokens, of sign-in and of Octokit's names", async (t) => {
    const { service, port, url, machines, people } = await started(t, copyOfRelease(t));
    await listening(service, port);
    const authorization = `Bearer ${await machines.token("ci", AUDIENCE)}`;
    const answer = await dispatchOnce(port, { application: "pr-1" }, { authorization });
    assert.deepEqual([(answer as { status: number }).status], [200], service.output());
    const signIn = await send(url, { path: "/sign-in/oidc" });
    assert.equal(signIn.status, 303, service.output());
    assert.ok(String(signIn.headers.location).startsWith(people.url));
    const headers = { authorization: `Bearer ${OPERATOR}`, "content-type": "application/json" };
    const named = await send(url, { method: "POST", path: "/named", body: "{}", headers });
    assert.equal(named.status, 200, named.text);
  });

  it("exist: that of the YAML of workflow files", async (t) => {
    const github = await startGitHub({});
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(DEPLOYMENT);
    github.repository(TARGET);
    const workflow = "on:\n  repository_dispatch:\n    types: [environment_ready]\n";
    github.repository(TARGET).put(".github/workflows/tests.yml", workflow);
    const folder = copyOfRelease(t);
    const settings = {
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: TOKEN,
      TARGET_REPO: TARGET,
      DEPLOYMENT_REPO: DEPLOYMENT,
    };
    const env = { PATH: process.env.PATH, DATA_DIR: temporaryFolder(t), ...settings };
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "gh-runner.js"), "doctor"], { env });
    assert.match(stdout, /^ok .*tests\.yml/m);
  });

  it("must exist at the start if AUTH_OIDC needs one, so that callers do not find out first", {
    timeout: 60_000,
  }, async (t) => {
    const folder = copyOfRelease(t);
    rmSync(join(folder, "jose.js"));
    const { service } = await started(t, folder);
    assert.equal(await service.ended, 1);
    assert.match(service.output(), /jose\.js/);
  });

  it("may be removed later: OIDC tokens are still checked, and the issuer is not blamed", async (t) => {
    const folder = copyOfRelease(t);
    const { service, port, url, machines } = await started(t, folder);
    await listening(service, port);
    rmSync(folder, { recursive: true });
    const authorization = `Bearer ${await machines.token("ci", AUDIENCE)}`;
    const answer = await dispatchOnce(port, { application: "pr-1" }, { authorization });
    assert.equal((answer as { status: number }).status, 200, service.output());
    assert.equal((await send(url, { path: "/sign-in/oidc" })).status, 500);
    assert.match(service.output(), /"level":"error".*openid-client\.js/);
  });
});
