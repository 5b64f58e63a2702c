import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { movedClock } from "./support/clock.ts";
import { fixedPort } from "./support/port.ts";
import { send, startService } from "./support/service.ts";
import { ALICE, gitHubApp, openClient, startWithIssuer } from "./support/signing-in.ts";

const TOKEN = "a-token-of-a-person-0123456789";

describe("a person who signs in by OpenID Connect", () => {
  it("comes back to the page that they wanted, with a session that the pages and the API accept", async (t) => {
    const { url, log } = await startWithIssuer(t);
    const browser = openClient();
    const first = await browser.walk(`${url}/runs/abc?x=1`);
    assert.match(first.answer.text, /<h1>Sign in<\/h1>/);
    assert.doesNotMatch(first.answer.text, /AUTH_TOKENS|type="password"/, "without tokens there is no field for one");
    const [, button = ""] =
      /<a class="button primary" href="([^"]+)">Sign in with 127\.0\.0\.1:\d+</.exec(first.answer.text) ?? [];
    assert.equal(button, `${url}/sign-in/oidc?next=%2Fruns%2Fabc%3Fx%3D1`);
    const { url: at } = await browser.walk(button);
    assert.equal(at.href, `${url}/runs/abc?x=1`);
    assert.equal((await browser.ask(`${url}/`)).status, 200);
    assert.equal((await browser.ask(`${url}/api/runs`)).status, 200);
    const session = await browser.ask(`${url}/session`);
    assert.match(session.text, /user alice@acme\.com/);
    assert.match(session.text, /with the role operator/);
    assert.equal(
      browser.jar.size - 1,
      [...browser.jar.keys()].filter((name) => name.startsWith("_")).length,
      "what was carried is gone",
    );
    assert.deepEqual(
      log().filter(({ level }) => level === "error" || level === "warn"),
      [],
    );
  });

  it("gets a cookie that scripts and other sites cannot use, and the store has only its hash", async (t) => {
    const { url } = await startWithIssuer(t);
    const browser = openClient();
    const start = await browser.ask(`${url}/sign-in/oidc`);
    const carried = String(start.headers["set-cookie"]);
    assert.match(carried, /^gh-runner-sign-in-\d+=[\w-]+; Max-Age=600; Path=\/sign-in; HttpOnly; SameSite=Lax$/);
    const { url: back } = await browser.walk(String(start.headers.location), `${url}/sign-in/oidc/callback`);
    const answer = await browser.ask(back);
    const cookies = [answer.headers["set-cookie"] ?? []].flat();
    assert.match(
      cookies.find((each) => each.startsWith("gh-runner-session")) ?? "",
      /^gh-runner-session-\d+=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert.match(cookies.find((each) => each.startsWith("gh-runner-sign-in")) ?? "", /Max-Age=0/);
    assert.match(
      answer.text,
      /http-equiv="refresh" content="0;url=\/"/,
      "from a page of the service, otherwise the browser would not send the session",
    );
    assert.match(String(answer.headers["content-security-policy"]), /default-src 'none'/);
  });

  it("has the roles of SIGN_IN_ROLES: without one they sign in, and read that they have none", async (t) => {
    const { url, issuer, log } = await startWithIssuer(t, { settings: { SIGN_IN_ROLES: "group:platform=viewer" } });
    const viewer = openClient();
    await viewer.walk(`${url}/sign-in/oidc`);
    assert.equal((await viewer.ask(`${url}/api/runs`)).status, 200);
    const paused = await viewer.ask(`${url}/workflows/environment-ready/pause`, { method: "POST" });
    assert.equal(paused.status, 403);
    issuer.account = { ...ALICE, groups: ["sales"] };
    const stranger = openClient();
    const { answer } = await stranger.walk(`${url}/sign-in/oidc`);
    assert.equal(answer.status, 403);
    assert.match(answer.text, /knows you as alice@acme\.com, but no entry of SIGN_IN_ROLES matches you/);
    assert.equal(stranger.secret(), undefined);
    const [failed] = log().filter(({ msg }) => msg === "a sign-in failed");
    assert.deepEqual([failed?.method, failed?.address], ["oidc", "127.0.0.1"]);
  });

  it("is not signed in by a callback that is replayed, without its cookie, or of another browser", async (t) => {
    const { url } = await startWithIssuer(t);
    const browser = openClient();
    const start = await browser.ask(`${url}/sign-in/oidc`);
    const [[name, carried] = ["", undefined]] = browser.jar;
    const { url: back } = await browser.walk(String(start.headers.location), `${url}/sign-in/oidc/callback`);

    const without = await openClient().ask(back);
    assert.equal(without.status, 400);
    assert.match(without.text, /started no sign-in in the last ten minutes/);

    const other = openClient();
    await other.ask(`${url}/sign-in/oidc`);
    const mixed = await other.ask(back);
    assert.equal(mixed.status, 400);
    assert.match(mixed.text, /does not belong to the last sign-in/);
    assert.equal(other.secret(), undefined);

    assert.equal((await browser.ask(back)).status, 200);
    assert.ok(browser.secret());
    const replayed = openClient();
    replayed.jar.set(name, carried!);
    const again = await replayed.ask(back);
    assert.equal(again.status, 400);
    assert.match(again.text, /rejected the code/);
    assert.equal(replayed.secret(), undefined);
  });

  it("is not signed in after the time limit", async (t) => {
    const clock = movedClock(Date.now());
    const { url } = await startWithIssuer(t, { options: { clock } });
    const browser = openClient();
    const start = await browser.ask(`${url}/sign-in/oidc`);
    const { url: back } = await browser.walk(String(start.headers.location), `${url}/sign-in/oidc/callback`);
    clock.move(10 * 60_000);
    assert.match((await browser.ask(back)).text, /in the last ten minutes/);
  });

  it("reaches no other site, for any link", async (t) => {
    const { url } = await startWithIssuer(t);
    for (const next of [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "/sign-out",
      "javascript:alert(1)",
    ]) {
      const { url: at } = await openClient().walk(`${url}/sign-in/oidc?next=${encodeURIComponent(next)}`);
      assert.equal(at.href, `${url}/`, next);
    }
  });

  it("sees a clear page while the issuer is down; existing sessions and tokens still work", async (t) => {
    const { url, issuer } = await startWithIssuer(t, { settings: { AUTH_TOKENS: TOKEN } });
    const browser = openClient();
    await browser.walk(`${url}/sign-in/oidc`);
    const late = openClient();
    const start = await late.ask(`${url}/sign-in/oidc`);
    const { url: back } = await late.walk(String(start.headers.location), `${url}/sign-in/oidc/callback`);
    await issuer.stop();

    const answer = await late.ask(back);
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "30"]);
    assert.match(answer.text, /127\.0\.0\.1:\d+ cannot be reached: .*tokens still work/);
    assert.equal((await browser.ask(`${url}/`)).status, 200);
    const byToken = await send(url, { path: "/api/runs", headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(byToken.status, 200);
    const form = await late.ask(`${url}/sign-in`, { method: "POST", body: `token=${TOKEN}&next=%2F` });
    assert.equal(form.status, 303);
    assert.equal((await late.ask(`${url}/`)).status, 200);
  });

  it("must sign in again after SESSION_HOURS", async (t) => {
    const clock = movedClock(Date.now());
    const { url } = await startWithIssuer(t, { options: { clock }, settings: { SESSION_HOURS: "2" } });
    const browser = openClient();
    await browser.walk(`${url}/sign-in/oidc`);
    clock.move(2 * 3_600_000 - 60_000);
    assert.equal((await browser.ask(`${url}/`)).status, 200);
    clock.move(60_000);
    assert.equal((await browser.ask(`${url}/`)).status, 303);
  });
});

describe("signing in beneath a path, behind a proxy that ends TLS", () => {
  it("keeps the prefix in the callback, the cookies and the next page", async (t) => {
    const port = await fixedPort();
    const publicUrl = `http://127.0.0.1:${port}/gh-runner`;
    const { issuer } = await startWithIssuer(t, { settings: { PORT: String(port), PUBLIC_URL: publicUrl } });
    assert.equal(issuer.redirectUri, `${publicUrl}/sign-in/oidc/callback`);
    const browser = openClient();
    const { url } = await browser.walk(`${publicUrl}/sign-in/oidc?next=%2Fworkflows`);
    assert.equal(url.href, `${publicUrl}/workflows`);
    const session = [...browser.jar].find(([name]) => name.startsWith("gh-runner-session"));
    assert.equal(session?.[1].path, "/gh-runner");
  });

  it("marks both cookies as Secure when PUBLIC_URL is https", async (t) => {
    const { app } = await startWithIssuer(t, { settings: { PUBLIC_URL: "https://ci.example" } });
    const start = await send(app.url, { path: "/sign-in/oidc" });
    assert.match(String(start.headers["set-cookie"]), /; Secure/);
    const asked = new URL(String(start.headers.location)).searchParams.get("redirect_uri");
    assert.equal(asked, "https://ci.example/sign-in/oidc/callback", "for any Host header");
  });
});

describe("a person who signs in with GitHub", () => {
  it("has the roles of their organisations and teams, and their token is not stored", async (t) => {
    const port = await fixedPort();
    const url = `http://127.0.0.1:${port}`;
    const app = gitHubApp(url);
    const { github, logLines } = await startService(t, {
      settings: {
        ...{ PORT: String(port), PUBLIC_URL: url, AUTH_TOKENS: TOKEN },
        ...{ GITHUB_CLIENT_ID: app.clientId, GITHUB_CLIENT_SECRET: app.clientSecret },
        SIGN_IN_ROLES: "github:acme=viewer,github:acme/platform=operator",
      },
    });
    github.oauthApp(app);
    github.organization("acme").members.push("octocat", "hubot");
    github.organization("acme").teams.set("platform", ["octocat"]);

    const octocat = openClient();
    const page = await octocat.ask(`${url}/sign-in`);
    assert.match(page.text, /Sign in with GitHub/);
    assert.match(page.text, /type="password"/, "a token can be typed in, too");
    await octocat.walk(`${url}/sign-in/github`);
    assert.match((await octocat.ask(`${url}/session`)).text, /github octocat.*with the roles viewer, operator/s);
    assert.equal((await octocat.ask(`${url}/workflows/environment-ready/pause`, { method: "POST" })).status, 303);
    assert.match((await octocat.ask(`${url}/workflows`)).text, /github octocat/, "the history names them");

    app.login = "hubot";
    const hubot = openClient();
    await hubot.walk(`${url}/sign-in/github`);
    assert.equal((await hubot.ask(`${url}/`)).status, 200);
    assert.equal((await hubot.ask(`${url}/workflows/environment-ready/resume`, { method: "POST" })).status, 403);

    app.login = "mallory";
    const { answer } = await openClient().walk(`${url}/sign-in/github`);
    assert.equal(answer.status, 403);
    assert.match(answer.text, /GitHub knows you as mallory/);
    app.login = undefined;
    assert.match((await openClient().walk(`${url}/sign-in/github`)).answer.text, /GitHub answered access_denied/);
    assert.doesNotMatch(logLines.join("\n"), /gho_|github-client-secret/);
  });

  it("is checked for organisations at the addresses of an Enterprise Server", async (t) => {
    const port = await fixedPort();
    const url = `http://127.0.0.1:${port}`;
    const github = await startGitHub({ enterprise: "3.19.0", basePath: "/api/v3" });
    t.after(() => github.close());
    const app = gitHubApp(url);
    github.oauthApp(app);
    github.token("ghp_serviceToken0123456789abcdefABCDEF");
    github.organization("acme").members.push("octocat");
    await startService(t, {
      settings: {
        ...{ PORT: String(port), PUBLIC_URL: url, GITHUB_API_URL: github.url },
        ...{ GITHUB_CLIENT_ID: app.clientId, GITHUB_CLIENT_SECRET: app.clientSecret },
        SIGN_IN_ROLES: "github:acme=viewer",
      },
    });
    const browser = openClient();
    await browser.walk(`${url}/sign-in/github`);
    assert.equal((await browser.ask(`${url}/`)).status, 200);
  });
});
