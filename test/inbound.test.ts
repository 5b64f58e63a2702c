import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import type { Log } from "../src/model/log.ts";
import { repeatedRecords } from "../src/observe/repeated-records.ts";
import { movedClock } from "./support/clock.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** Writes raw bytes to the service. Resolves with everything that it answers until it closes the connection. */
async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return answer;
}

describe("authentication of callers", () => {
  const settings = { AUTH_TOKENS: "first-caller-token, second-caller-token" };
  const basic = (userAndPassword: string) => `Basic ${Buffer.from(userAndPassword).toString("base64")}`;

  for (const authorization of [
    "Bearer first-caller-token",
    "bearer second-caller-token",
    basic("argocd:first-caller-token"),
    basic(":second-caller-token"),
  ]) {
    it(`accepts ${authorization.slice(0, 18)}…`, async (t) => {
      const { url } = await startService(t, { settings });
      assert.equal((await notify(url, { application: "main" }, { authorization })).status, 200);
    });
  }

  for (const authorization of [
    "",
    "Bearer",
    "Bearer wrong",
    "Bearer first-caller-token,",
    "Bearer first-caller-token, second-caller-token",
    "Digest first-caller-token",
    "first-caller-token",
    basic("first-caller-token:"),
    basic("first-caller-token"),
    "Basic !!!",
  ]) {
    it(`answers ${JSON.stringify(authorization)} with 401 before it looks at anything`, async (t) => {
      const { url, github } = await startService(t, { settings });
      const headers: Record<string, string> = authorization ? { authorization } : {};
      const answer = await notify(url, "no json", headers);
      // A token as user name without a colon counts as the password: some clients send it so.
      assert.equal(answer.status, authorization === basic("first-caller-token") ? 400 : 401);
      if (answer.status === 401) assert.match(String(answer.headers["www-authenticate"]), /Bearer.*Basic/);
      assert.equal(github.requests.length, 0);
    });
  }

  it("explains a secret that ArgoCD has not resolved, in a header and in the body", async (t) => {
    const { url } = await startService(t, { settings });
    for (const [authorization, what] of [
      [
        "Bearer $gh-runner-token",
        /^The token in Authorization is an unresolved secret \(\$…\): add that key to argocd/,
      ],
      [basic("argocd:$gh-runner-token"), /unresolved secret/],
      ["Bearer <no value>", /is '<no value>': the notification template names a field that does not exist/],
      [basic("argocd:<no value>"), /is '<no value>'/],
      ["Bearer wrong", /^No valid token was sent\. Send one of the service's AUTH_TOKENS/],
    ] as const) {
      const answer = await notify(url, { application: "main" }, { authorization });
      assert.equal(answer.status, 401);
      assert.match(answer.json.detail, what);
      assert.doesNotMatch(answer.text, /\n|gh-runner-token/);
    }
  });

  it("logs a missing or wrong credential: path, address and kind, never the credential", async (t) => {
    const clock = movedClock();
    const { url, log, logLines } = await startService(t, { settings, options: { clock } });
    const failures = () => log().filter(({ msg }) => /without a valid credential/.test(String(msg)));
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const guess = "a-guess-zqxjv";
    const cases: [Parameters<typeof send>[1], string][] = [
      [{ method: "POST", path: "/dispatch", body: "{}" }, "none"],
      [{ method: "POST", path: "/dispatch", headers: { authorization: `Bearer ${guess}` } }, "bearer"],
      [{ path: "/api/runs", headers: { authorization: basic(`any:${guess}`) } }, "basic"],
      [{ path: "/metrics", headers: { authorization: `Digest ${guess}`, "x-forwarded-for": "192.0.2.7" } }, "other"],
      [{ path: "/", headers: { cookie: `gh-runner-session-${new URL(url).port}=${guess}` } }, "cookie"],
      [{ method: "POST", path: "/sign-in", headers: form, body: `token=${guess}` }, "sign_in_form"],
    ];
    for (const [request] of cases) await send(url, request);
    assert.deepEqual(
      failures().map(({ level, address, path, credential }) => [level, address, path, credential]),
      cases.map(([request, credential]) => ["warn", "127.0.0.1", request?.path, credential]),
    );
    assert.doesNotMatch(logLines.join(""), /zqxjv/);
    assert.equal(failures()[3]?.forwarded_for, "192.0.2.7");
    const { text } = await send(url, { path: "/metrics", headers: { authorization: "Bearer first-caller-token" } });
    for (const [, credential] of cases) {
      assert.ok(text.includes(`gh_runner_authentication_failures_total{credential="${credential}"} 1\n`), credential);
    }
    await send(url, { path: "/" });
    assert.equal(failures().length, cases.length, "who only visits the page has not failed");
  });

  it("logs a flood as one record immediately and one per minute with a count", async (t) => {
    const clock = movedClock();
    const { url, app, log } = await startService(t, { settings, options: { clock } });
    const failures = () => log().filter(({ msg }) => /without a valid credential/.test(String(msg)));
    for (let n = 0; n < 30; n++) await notify(url, {}, {});
    assert.deepEqual(
      failures().map(({ times }) => times),
      [undefined],
    );
    clock.move(60_000);
    assert.deepEqual(
      failures().map(({ times }) => times),
      [undefined, 29],
    );
    clock.move(120_000);
    assert.equal(failures().length, 2, "nothing is said when nothing happens");
    await notify(url, {}, {});
    await notify(url, {}, {});
    await app.close();
    assert.deepEqual(
      failures().map(({ times }) => times),
      [undefined, 29, undefined, 1],
    );
  });

  it("logs one record per minute and kind for all addresses beyond the first hundred", () => {
    const clock = movedClock();
    const records: Record<string, unknown>[] = [];
    const write = (record: object) => void records.push(record as Record<string, unknown>);
    const log = { debug: write, info: write, warn: write, error: write } as unknown as Log;
    const repeated = repeatedRecords(log, clock);
    for (let n = 0; n < 1000; n++) repeated.note("warn", "no", { address: `10.0.${n >> 8}.${n & 255}` }, "basic");
    assert.equal(records.length, 101);
    clock.move(60_000);
    assert.deepEqual(records.slice(101), [{ address: "other", times: 899 }]);
  });

  it("starts with weak secrets, and warns about each without showing it", async (t) => {
    const folder = workflowsFolder(t, {
      "door.ts": httpWorkflow("door", "return {};").replace('path: "/door"', 'path: "/door", token: "OWN_TOKEN"'),
    });
    const short = {
      AUTH_TOKENS: `zqx,${"f".repeat(16)},zqxjv-0123-zqxj`,
      GITHUB_WEBHOOK_SECRET: "zqxjv-webhook",
      FLUX_HMAC_KEY: "zqx-f",
    };
    const settings = { ...short, WORKFLOWS_DIR: folder, OWN_TOKEN: "zqxjv-own" };
    const { url, log, logLines } = await startService(t, { settings });
    const warned = log().filter(({ level, msg }) => level === "warn" && /openssl rand -hex 32/.test(String(msg)));
    assert.deepEqual(
      warned.map(({ msg }) => String(msg).split(" ")[0]),
      ["AUTH_TOKENS", "GITHUB_WEBHOOK_SECRET", "FLUX_HMAC_KEY", "OWN_TOKEN"],
    );
    assert.doesNotMatch(logLines.join(""), /zqx/);
    const answer = await notify(url, { application: "main" }, { authorization: "Bearer zqx" });
    assert.equal(answer.status, 200);
  });

  it("does not warn about secrets of 16 characters, or about unset ones", async (t) => {
    const settings = { AUTH_TOKENS: "f".repeat(16), GITHUB_WEBHOOK_SECRET: "0".repeat(16) };
    const { log } = await startService(t, { settings });
    assert.deepEqual(
      log().filter(({ level }) => level === "warn"),
      [],
    );
  });

  it("is off without AUTH_TOKENS, which causes one warning", async (t) => {
    const { url, log } = await startService(t);
    assert.equal((await notify(url, { application: "main" })).status, 200);
    assert.equal(log().filter(({ level, msg }) => level === "warn" && /AUTH_TOKENS/.test(String(msg))).length, 1);
  });
});

describe("any request", () => {
  it("gets an answer whose type browsers must not guess, and that must not be cached", async (t) => {
    const { url } = await startService(t);
    for (const path of ["/health", "/ready", "/metrics", "/openapi.json", "/api/runs", "/api/runs/none", "/nothing"]) {
      const { headers } = await send(url, { path });
      assert.deepEqual([headers["x-content-type-options"], headers["cache-control"]], ["nosniff", "no-store"], path);
    }
  });

  it("reads bodies up to 64 KiB and answers larger ones with 413, declared or not", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    const body = (bytes: number) => {
      const empty = '{"application":"pr-1","padding":""}';
      return `{"application":"pr-1","padding":"${"x".repeat(bytes - empty.length)}"}`;
    };
    assert.equal((await notify(url, body(65_536))).status, 200);
    assert.equal((await notify(url, body(65_537))).status, 413);
    assert.equal((await notify(url, body(5_000_000))).status, 413);
    const chunked = (bytes: number) =>
      send(url, { method: "POST", path: "/dispatch", headers: { "transfer-encoding": "chunked" }, body: body(bytes) });
    assert.equal((await chunked(65_536)).status, 200);
    assert.equal((await chunked(65_537)).status, 413);
    assert.equal((await chunked(5_000_000)).status, 413);
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });

  it("survives random bodies, and accepts unusual names", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-2", "abc");
    for (const [body, status] of [
      [`{"application":${"[".repeat(30_000)}`, 400],
      [`${"[".repeat(60_000)}`, 400],
      [`{"application":"pr-2","deep":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`, 200],
      ['{"application":"pr-1","application":"pr-2"}', 200],
      ['{"__proto__":{"application":"pr-2"}}', 400],
      ['{"constructor":{"prototype":{"application":"pr-2"}}}', 400],
      ['\ufeff{"application":"pr-2"}', 200],
      ['{"application":"pr-2"}\u0000', 400],
      [Buffer.alloc(1000), 400],
    ] as const) {
      const answer = await notify(url, body);
      assert.equal(answer.status, status, `${String(body).slice(0, 60)}: ${answer.text}`);
    }
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });

  for (const github_token of ["a\r\nX-Evil: 1", "a\u0000b", "tökén", "a b", "\u{1f600}"]) {
    it(`rejects the token ${JSON.stringify(github_token)} and never sends it`, async (t) => {
      const { github, url } = await startService(t);
      const answer = await notify(url, { application: "pr-1", github_token });
      assert.equal(answer.status, 400);
      assert.match(answer.json.detail, /github_token contains characters/);
      assert.equal(github.requests.length, 0);
    });
  }

  it("trims a token's line break, the usual trace of a secret made with echo", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    github.token("own-token-of-the-caller");
    assert.equal((await notify(url, { application: "pr-1", github_token: "own-token-of-the-caller\n" })).status, 200);
  });

  it("cuts off clients that stall in headers or body, while it serves the others", async (t) => {
    const { url } = await startService(t, { options: { serverLimits: { headersMs: 500, requestMs: 1000 } } });
    const stalled = [
      raw(url, "POST /dispatch HTTP/1.1\r\nHost: x\r\nX-Slow: "),
      raw(url, 'POST /dispatch HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"appl'),
      raw(url, 'POST /dispatch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"app'),
    ];
    assert.equal((await notify(url, { application: "main" })).status, 200);
    for (const answer of await Promise.all(stalled)) assert.match(answer, /^HTTP\/1\.1 (408|400) |^$/);
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });

  it("answers bytes that are not HTTP with a problem and closes", async (t) => {
    const { url } = await startService(t);
    for (const text of ["\u0016\u0003\u0001\u0002 tls hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "nonsense\r\n\r\n"]) {
      assert.match(await raw(url, text), /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*application\/problem\+json/);
    }
    assert.match(await raw(url, `GET / HTTP/1.1\r\nX-Big: ${"x".repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  });

  it("answers with a problem where Node alone would answer without a body", async (t) => {
    const { url } = await startService(t);
    for (const [text, status] of [
      ["GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
      ["GET /health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400],
      ["GET /a\\b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400],
      ["POST /dispatch HTTP/1.1\r\nHost: x\r\nExpect: much\r\nContent-Length: 2\r\n\r\n{}", 417],
    ] as const) {
      const answer = await raw(url, text);
      assert.match(
        answer,
        new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json[\\s\\S]*"status":${status}`),
      );
      assert.match(answer, /\r\nx-content-type-options: nosniff\r\n/);
    }
  });
});
