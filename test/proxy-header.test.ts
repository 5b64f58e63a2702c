import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../src/service/config/config.ts";
import { movedClock, until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";

const TOKEN = "viewer-token-0123456789abcdef0123456789";

const SETTINGS = {
  AUTH_TOKENS: `ci:caller:${TOKEN}`,
  TRUSTED_PROXIES: "127.0.0.1",
  PROXY_USER_HEADER: "X-Forwarded-User",
  PROXY_GROUPS_HEADER: "X-Forwarded-Groups",
  SIGN_IN_ROLES: "group:platform=operator,email:*@acme.com=viewer",
};

const start = (t: TestContext, settings: Record<string, string> = {}) =>
  startService(t, { settings: { ...SETTINGS, ...settings } });

/** One request with exactly these header lines, even duplicate ones. */
async function raw(
  url: string,
  path: string,
  ...headers: readonly string[]
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write([`GET ${path} HTTP/1.1`, `Host: ${hostname}`, "Connection: close", ...headers, "", ""].join("\r\n"));
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return { status: Number(text.split(" ")[1]), text };
}

describe("behind an authenticating proxy", () => {
  it("people are those that the proxy names, with the roles of their groups and address", async (t) => {
    const { url } = await start(t);
    const me = async (...headers: string[]) =>
      JSON.parse((await raw(url, "/api/me", ...headers)).text.split("\r\n\r\n")[1] ?? "");
    const alice = await me("X-Forwarded-User: alice@acme.com", "X-Forwarded-Groups: dev, platform");
    assert.deepEqual(alice, {
      actor: "user alice@acme.com",
      role: "operator",
      grants: [{ role: "operator" }, { role: "viewer" }],
      via: "proxy_header",
    });
    assert.equal((await me("X-Forwarded-User: bob@acme.com")).role, "viewer");
    const page = await raw(url, "/", "Accept: text/html", "X-Forwarded-User: bob@acme.com");
    assert.equal(page.status, 200);
    assert.ok(page.text.includes("bob@acme.com") && !page.text.includes("Sign out"), "their session is the proxy's");
    const stranger = await raw(url, "/api/runs", "X-Forwarded-User: eve@evil.example");
    assert.equal(stranger.status, 403);
    assert.match(stranger.text, /user eve@evil\.example has no role; this needs a viewer or an operator\./);
  });

  it("a header that comes twice, or one with a similar name, is ignored", async (t) => {
    const { url, log } = await start(t);
    const lines = [
      ["X-Forwarded-User: bob@acme.com", "X-Forwarded-User: alice@acme.com"],
      ["X-Forwarded-User: bob@acme.com", "X-Forwarded-Groups: dev", "X-Forwarded-Groups: platform"],
      ["X-Forwarded-User: bob@acme.com", "X_Forwarded_Groups: platform"],
      ["X_Forwarded_User: alice@acme.com", "X-Forwarded-Groups: platform"],
      ["X-Forwarded_User: alice@acme.com"],
    ];
    for (const headers of lines) {
      const { status, text } = await raw(url, "/api/runs", ...headers);
      assert.equal(status, 401, headers.join());
      assert.match(
        text,
        /X-Forwarded-User was ignored: a request may have it only once, and only from TRUSTED_PROXIES\./,
      );
    }
    const failed = log().find(({ msg }) => msg === "a request without a valid credential was rejected");
    assert.equal(failed?.credential, "proxy_header");
    const { text } = await send(url, { path: "/metrics", headers: { "x-forwarded-user": "bob@acme.com" } });
    assert.match(text, /^gh_runner_authentication_failures_total\{credential="proxy_header"\} 5$/m);
  });

  it("only the proxy is trusted: a caller that bypasses the proxy has only its credentials", async (t) => {
    const { url } = await start(t, { TRUSTED_PROXIES: "192.0.2.7" });
    const forged = ["X-Forwarded-User: alice@acme.com", "X-Forwarded-Groups: platform", "X-Forwarded-For: 192.0.2.7"];
    assert.equal((await raw(url, "/api/runs", ...forged, "Forwarded: for=192.0.2.7")).status, 401);
    const page = await raw(url, "/", "Accept: text/html", ...forged);
    assert.equal(page.status, 303);
    const me = await raw(url, "/api/me", ...forged, `Authorization: Bearer ${TOKEN}`);
    assert.match(me.text, /"actor":"token ci","role":"caller"/);
  });

  it("requires the proxy's address, and the roles of people", () => {
    const { TRUSTED_PROXIES, SIGN_IN_ROLES, ...others } = SETTINGS;
    assert.throws(() => readConfig({ ...others, SIGN_IN_ROLES }), /PROXY_USER_HEADER: needs TRUSTED_PROXIES/);
    assert.throws(() => readConfig({ ...others, TRUSTED_PROXIES }), /PROXY_USER_HEADER: needs SIGN_IN_ROLES/);
    assert.throws(
      () => readConfig({ ...SETTINGS, PROXY_USER_HEADER: "" }),
      /PROXY_GROUPS_HEADER: needs PROXY_USER_HEADER/,
    );
    for (const name of ["X Forwarded", "Cookie", "X-Forwarded-For", "user:name"])
      assert.throws(() => readConfig({ ...SETTINGS, PROXY_USER_HEADER: name }), /PROXY_USER_HEADER: expected/);
  });
});

it("wrong tokens in the form of the sign-in page are slowed down, too", async (t) => {
  const clock = movedClock();
  const { url } = await startService(t, { settings: SETTINGS, options: { clock } });
  const signIn = (token: string) =>
    send(url, {
      ...{ method: "POST", path: "/sign-in", headers: { "content-type": "application/x-www-form-urlencoded" } },
      body: new URLSearchParams({ token }).toString(),
    });
  for (let nth = 0; nth < 10; nth++) assert.equal((await signIn(`guess-${nth}`)).status, 403);
  const guesses = Array.from({ length: 22 }, () => signIn("x"));
  await until("they are slowed down", async () => {
    const { text } = await send(url, { path: "/metrics", headers: { "x-forwarded-user": "bob@acme.com" } });
    const found = text.matchAll(/^gh_runner_slowed_credentials_total\{.*\} (\d+)$/gm);
    return [...found].reduce((sum, [, times]) => sum + Number(times), 0) === 22;
  });
  assert.equal((await signIn(TOKEN)).status, 303, "a right one is not delayed");
  clock.move(60_000);
  const tooMany = (await Promise.all(guesses)).filter(({ status }) => status === 429);
  assert.ok(tooMany.length > 0);
  assert.match(tooMany[0]?.text ?? "", /Too many wrong credentials came from this address/);
});
