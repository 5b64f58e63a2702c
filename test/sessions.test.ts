import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startSignInIssuer } from "./support/openid-provider.ts";
import { fixedPort } from "./support/port.ts";
import { postgresForTests } from "./support/postgres.ts";
import { startService } from "./support/service.ts";
import { ALICE, openClient, startWithIssuer } from "./support/signing-in.ts";

const postgres = postgresForTests();
const TOKEN = "a-token-of-a-person-0123456789";

const signInWith = async (url: string, token: string) => {
  const browser = openClient();
  assert.equal((await browser.ask(`${url}/sign-in`, { method: "POST", body: `token=${token}&next=%2F` })).status, 303);
  return browser;
};
const isIn = async (url: string, browser: ReturnType<typeof openClient>) =>
  (await browser.ask(`${url}/`)).status === 200;

/** A browser with the cookies of another one. */
function stolenFrom(browser: ReturnType<typeof openClient>) {
  const thief = openClient();
  for (const [name, cookie] of browser.jar) thief.jar.set(name, cookie);
  return thief;
}

describe("signing out", () => {
  it("ends the session on the server: a copy of its cookie is useless", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const browser = await signInWith(url, TOKEN);
    const other = await signInWith(url, TOKEN);
    const thief = stolenFrom(browser);
    assert.ok(await isIn(url, thief));
    const out = await browser.ask(`${url}/sign-out`, { method: "POST" });
    assert.deepEqual([out.status, out.headers.location], [303, "/sign-in"]);
    assert.ok(!(await isIn(url, browser)));
    assert.ok(!(await isIn(url, thief)));
    assert.equal((await thief.ask(`${url}/api/runs`)).status, 401);
    assert.ok(await isIn(url, other), "another browser stays signed in");
  });

  it("ends the live events of an open page, and of no other", async (t) => {
    const clock = movedClock(Date.now());
    const { url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN }, options: { clock } });
    const open = async () => {
      const browser = await signInWith(url, TOKEN);
      const cookie = [...browser.jar].map(([name, { value }]) => `${name}=${value}`).join("; ");
      const reader = (await fetch(`${url}/live`, { headers: { cookie } })).body!.getReader();
      await reader.read();
      /** Reads the events until they end, or until a sign of life. */
      const heard = async () => {
        for (;;) {
          const { value, done } = await reader.read();
          const text = new TextDecoder().decode(value);
          if (done || text.includes(": still here")) return done ? "the end" : "still here";
        }
      };
      return { browser, heard };
    };
    const [leaves, stays] = [await open(), await open()];
    await leaves.browser.ask(`${url}/sign-out`, { method: "POST" });
    const heard = [leaves.heard(), stays.heard()];
    clock.move(20_000);
    assert.deepEqual(await Promise.all(heard), ["the end", "still here"]);
  });

  it("everywhere ends all sessions of the same person, and of no other", async (t) => {
    const { url, issuer } = await startWithIssuer(t, { settings: { AUTH_TOKENS: TOKEN } });
    const [here, there, byToken] = [openClient(), openClient(), await signInWith(url, TOKEN)];
    await here.walk(`${url}/sign-in/oidc`);
    await there.walk(`${url}/sign-in/oidc`);
    issuer.account = { ...ALICE, sub: "8", email: "bob@acme.com" };
    const bob = openClient();
    await bob.walk(`${url}/sign-in/oidc`);
    const page = await here.ask(`${url}/session`);
    assert.match(
      page.text,
      /Signing out everywhere ends all sessions of <bdi[^>]*>user alice@acme\.com<\/bdi>, in every browser/,
    );
    await here.ask(`${url}/sign-out`, { method: "POST", body: "everywhere=yes" });
    for (const [browser, stays] of [
      [here, false],
      [there, false],
      [bob, true],
      [byToken, true],
    ] as const)
      assert.equal(await isIn(url, browser), stays);
  });

  it("cannot be triggered by another site, and needs no session", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const browser = await signInWith(url, TOKEN);
    const cookie = `gh-runner-session-${new URL(url).port}=${browser.secret()}`;
    const forged = await fetch(`${url}/sign-out`, {
      ...{ method: "POST", body: "everywhere=yes", redirect: "manual" },
      headers: { cookie, "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded" },
    });
    assert.equal(forged.status, 403);
    assert.ok(await isIn(url, browser));
    for (const body of ["", "everywhere=yes"])
      assert.equal((await openClient().ask(`${url}/sign-out`, { method: "POST", body })).status, 303);
    assert.equal((await openClient().ask(`${url}/session`)).headers.location, "/sign-in?next=%2Fsession");
  });
});

describe("the audit log", () => {
  it("has who signed in, how and in which role, who failed, and who signed out", async (t) => {
    const { url, app, issuer } = await startWithIssuer(t, { settings: { AUTH_TOKENS: `ops:${TOKEN}` } });
    const browser = openClient();
    await browser.walk(`${url}/sign-in/oidc`);
    await signInWith(url, TOKEN);
    await openClient().ask(`${url}/sign-in`, { method: "POST", body: "token=wrong&next=%2F" });
    issuer.account = { sub: "9" };
    await openClient().walk(`${url}/sign-in/oidc`);
    await browser.ask(`${url}/sign-out`, { method: "POST" });
    const again = await signInWith(url, TOKEN);
    await again.ask(`${url}/sign-out`, { method: "POST", body: "everywhere=yes" });
    const recorded = async () => {
      const { records } = await app.engine.store.audit.list({}, { limit: 50 });
      return records.map(({ action, actor, role, via, outcome, details = "" }) =>
        [action, actor, role ?? "", via ?? "", outcome ?? "", /\d{3}|\d sessions/.exec(details)?.[0] ?? ""]
          .join(" ")
          .trim(),
      );
    };
    await until("rejections are written, too", async () => (await recorded()).length === 7);
    assert.deepEqual((await recorded()).toSorted(), [
      "sign-in token ops operator sign_in_form done",
      "sign-in token ops operator sign_in_form done",
      "sign-in unknown  oidc_sign_in rejected 403",
      "sign-in unknown  sign_in_form rejected 403",
      "sign-in user alice@acme.com operator oidc_sign_in done",
      "sign-out user alice@acme.com operator oidc_sign_in done",
      "sign-out-everywhere token ops operator sign_in_form done 2 sessions",
    ]);
  });
});

describe("a session", () => {
  it("survives a restart, and is stored only as a hash that cannot be used", async (t) => {
    const folder = temporaryFolder(t);
    const settings = { DATA_DIR: folder, AUTH_TOKENS: TOKEN, PORT: String(await fixedPort()) };
    const first = await startService(t, { settings });
    const browser = await signInWith(first.url, TOKEN);
    await first.app.close();
    const db = new DatabaseSync(`${folder}/gh-runner.sqlite`, { readOnly: true });
    const rows = db.prepare("SELECT * FROM sessions").all();
    db.close();
    assert.equal(rows.length, 1);
    const text = JSON.stringify(rows);
    assert.ok(!text.includes(String(browser.secret())) && !text.includes(TOKEN));
    const second = await startService(t, { settings });
    assert.ok(await isIn(second.url, browser));
  });

  it("ends when its token is withdrawn, and has the current role of its token", async (t) => {
    const common = { DATA_DIR: temporaryFolder(t), PORT: String(await fixedPort()) };
    const first = await startService(t, {
      settings: { ...common, AUTH_TOKENS: `ui:${TOKEN},ci:another-token-0123456789` },
    });
    const browser = await signInWith(first.url, TOKEN);
    assert.equal((await browser.ask(`${first.url}/workflows/environment-ready/pause`, { method: "POST" })).status, 303);
    await first.app.close();

    const narrowed = await startService(t, { settings: { ...common, AUTH_TOKENS: `ui:viewer:${TOKEN}` } });
    assert.ok(await isIn(narrowed.url, browser));
    assert.equal(
      (await browser.ask(`${narrowed.url}/workflows/environment-ready/resume`, { method: "POST" })).status,
      403,
    );
    await narrowed.app.close();

    const withdrawn = await startService(t, { settings: { ...common, AUTH_TOKENS: "ui:another-token-0123456789" } });
    assert.ok(!(await isIn(withdrawn.url, browser)), "the name alone is not enough");
  });

  it("of a person is narrowed, widened and ended by SIGN_IN_ROLES, and ends with the sign-in method", async (t) => {
    const issuer = await startSignInIssuer(t, ALICE);
    const common = { DATA_DIR: temporaryFolder(t), PORT: String(await fixedPort()) };
    const browser = openClient();
    const at = async (settings: Record<string, string>) => {
      const { app, url } = await startWithIssuer(t, { issuer, settings: { ...common, ...settings } });
      if (!browser.secret()) await browser.walk(`${url}/sign-in/oidc`);
      const page = await browser.ask(`${url}/`);
      const change = await browser.ask(`${url}/workflows/environment-ready/pause`, { method: "POST" });
      await app.close();
      return [page.status, change.status];
    };
    assert.deepEqual(await at({ SIGN_IN_ROLES: "group:platform=operator" }), [200, 303]);
    assert.deepEqual(await at({ SIGN_IN_ROLES: "group:platform=viewer" }), [200, 403]);
    assert.deepEqual(await at({ SIGN_IN_ROLES: "group:platform=operator,email:*@acme.com=viewer" }), [200, 303]);
    assert.deepEqual(await at({ SIGN_IN_ROLES: "group:sales=operator" }), [303, 303], "sent to sign in again");
    assert.deepEqual(await at({ OIDC_CLIENT_ID: "another-client" }), [303, 303]);
    assert.deepEqual(await at({}), [200, 303]);
  });
});

describe("two replicas", () => {
  const replicas = async (t: TestContext) => {
    const issuer = await startSignInIssuer(t, ALICE);
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema(), AUTH_TOKENS: TOKEN };
    const one = await startWithIssuer(t, { issuer, settings });
    const publicUrl = one.url;
    const other = await startWithIssuer(t, { issuer, settings: { ...settings, PUBLIC_URL: publicUrl } });
    return { one: one.url, other: other.app.url, issuer };
  };
  /** As a proxy in front forwards it: the browser sees one address. */
  const at = (replica: string, secret: string | undefined, path = "/", init: RequestInit = {}) =>
    fetch(replica + path, {
      ...{ redirect: "manual", ...init },
      headers: { cookie: `gh-runner-session-${new URL(replica).port}=${secret}`, accept: "text/html" },
    });

  it("share sessions, and a sign-out at one ends it at the other", async (t) => {
    const { one, other } = await replicas(t);
    const [browser, second] = [openClient(), openClient()];
    await browser.walk(`${one}/sign-in/oidc`);
    await second.walk(`${one}/sign-in/oidc`);
    const [secret, secondSecret] = [browser.secret(), second.secret()];
    for (const replica of [one, other]) assert.equal((await at(replica, secret)).status, 200);
    await at(other, secret, "/sign-out", { method: "POST" });
    for (const replica of [one, other]) {
      assert.equal((await at(replica, secret)).status, 303);
      assert.equal((await at(replica, secondSecret)).status, 200);
    }
    const third = openClient();
    await third.walk(`${one}/sign-in/oidc`);
    await at(one, third.secret(), "/sign-out", { method: "POST", body: new URLSearchParams({ everywhere: "yes" }) });
    assert.equal((await at(other, secondSecret)).status, 303);
  });

  it("finish a sign-in that began at the other one, once", async (t) => {
    const { one, other } = await replicas(t);
    const browser = openClient();
    const start = await browser.ask(`${one}/sign-in/oidc`);
    const [[, carried] = ["", undefined]] = browser.jar;
    const { url: back } = await browser.walk(String(start.headers.location), `${one}/sign-in/oidc/callback`);
    const finish = (replica: string) =>
      fetch(replica + back.pathname + back.search, {
        headers: { cookie: `gh-runner-sign-in-${new URL(replica).port}=${carried?.value}` },
      });
    assert.equal((await finish(other)).status, 200);
    assert.equal((await finish(one)).status, 400);
  });
});
