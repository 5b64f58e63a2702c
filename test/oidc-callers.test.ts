import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startMachineIssuer } from "./support/machine-issuer.ts";
import { deploy, type HttpAnswer, send, startService } from "./support/service.ts";

const OPERATOR = "operator-token-0123456789abcdef0123456789";

const dispatchWith = (url: string, token: string, application = "pr-1"): Promise<HttpAnswer> =>
  send(url, {
    ...{ method: "POST", path: "/dispatch", body: JSON.stringify({ application }) },
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });

const getWith = (url: string, path: string, token: string): Promise<HttpAnswer> =>
  send(url, { path, headers: { authorization: `Bearer ${token}` } });

async function start(t: TestContext) {
  const issuer = await startMachineIssuer(t);
  const entry = { issuer: issuer.url, audience: "https://gh-runner.acme.com" };
  const file = join(temporaryFolder(t), "auth-oidc.json");
  writeFileSync(
    file,
    JSON.stringify([
      { ...entry, claims: { client_id: "ci" }, role: "caller@environment-ready" },
      { ...entry, claims: { client_id: "prometheus" }, role: "viewer", name: "client_id" },
    ]),
  );
  const clock = movedClock(Date.now());
  const settings = { AUTH_TOKENS: OPERATOR, AUTH_OIDC_FILE: file };
  const service = await startService(t, { settings, options: { clock } });
  deploy(service.github, "pr-1", "abc1234");
  return { issuer, clock, service, url: service.url };
}

describe("callers with tokens of a real OIDC issuer", () => {
  it("may do what their role allows, and appear in the history", async (t) => {
    const { issuer, url } = await start(t);
    const ci = await issuer.token("ci");
    const answer = await dispatchWith(url, ci);
    assert.deepEqual([answer.status, answer.json.commitHash], [200, "abc1234"]);
    const run = await getWith(url, `/api/runs/${answer.headers["x-run-id"]}`, ci);
    assert.deepEqual([run.status, run.json.actor], [200, "oidc ci"]);
    const forbidden = await getWith(url, "/api/runs", ci);
    assert.equal(forbidden.status, 403);
    assert.match(
      forbidden.json.detail,
      /^oidc ci is a caller of environment-ready; this needs a viewer or an operator\.$/,
    );

    const prometheus = await issuer.token("prometheus");
    assert.equal((await getWith(url, "/metrics", prometheus)).status, 200);
    assert.equal((await dispatchWith(url, prometheus)).status, 403);
    const basic = `Basic ${Buffer.from(`argocd:${ci}`).toString("base64")}`;
    const { status } = await send(url, {
      ...{ method: "POST", path: "/dispatch", body: '{"application":"pr-1"}' },
      headers: { authorization: basic, "content-type": "application/json" },
    });
    assert.equal(status, 200, "also as the password of basic authentication");
  });

  it("get the reason when a token is rejected", async (t) => {
    const { issuer, clock, url, service } = await start(t);
    const other = await dispatchWith(url, await issuer.token("ci", "https://other.acme.com"));
    assert.equal(other.status, 401);
    assert.equal(
      other.json.detail,
      "The OIDC token was rejected: its audience is https://other.acme.com, expected https://gh-runner.acme.com.",
    );
    const stranger = await dispatchWith(url, await issuer.token("stranger"));
    assert.match(stranger.json.detail, /matches its claims: client_id is stranger\.$/);
    const ci = await issuer.token("ci");
    clock.move(3_600_000);
    const expired = await dispatchWith(url, ci);
    assert.match(expired.json.detail, /rejected: it expired at /);
    const { text } = await getWith(url, "/metrics", OPERATOR);
    assert.match(text, /^gh_runner_authentication_failures_total\{credential="oidc_token"\} 3$/m);
    assert.ok(!service.logLines.join("").includes(ci.slice(-20)), "no token is in the log");
  });

  it("are accepted after the issuer has rotated its key, and with a known key while it is down", async (t) => {
    const { issuer, clock, url, service } = await start(t);
    const first = await issuer.token("ci");
    assert.equal((await dispatchWith(url, first)).status, 200);
    issuer.rotate();
    clock.move(10_000);
    const second = await issuer.token("ci");
    assert.equal((await dispatchWith(url, second)).status, 200);
    assert.equal((await dispatchWith(url, first)).status, 401, "the old key is gone");

    issuer.rotate();
    const third = await issuer.token("ci");
    await issuer.stop();
    clock.move(10_000);
    const unknown = await dispatchWith(url, third);
    assert.deepEqual([unknown.status, unknown.headers["retry-after"]], [503, "10"]);
    assert.match(unknown.json.detail, /^The service cannot read the keys of the OIDC token's issuer at the moment/);
    assert.equal((await dispatchWith(url, second)).status, 200);
    const record = service.log().find(({ msg }) => msg === "the keys of an OIDC issuer cannot be read");
    assert.equal(record?.address, issuer.url);
    assert.match(JSON.stringify(record), /ECONNREFUSED/);
  });

  it("do not make the service public: it needs a token even without AUTH_TOKENS", async (t) => {
    const { url: issuer } = await startMachineIssuer(t);
    const AUTH_OIDC = JSON.stringify([{ issuer, audience: "x", claims: { sub: "*" }, role: "viewer" }]);
    const { url } = await startService(t, { settings: { AUTH_OIDC } });
    assert.equal((await send(url, { path: "/api/runs" })).status, 401);
    assert.equal((await dispatchWith(url, "guess")).status, 401);
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });
});
