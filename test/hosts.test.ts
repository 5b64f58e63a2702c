import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../src/service/config/config.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { temporaryFolder } from "./support/folder.ts";
import { deploy, notify, startService, TARGET } from "./support/service.ts";

describe("GitHub Enterprise Server", () => {
  it("works completely below /api/v3: without rate headers, with its API version, after a rename", async (t) => {
    const { github, url, log } = await startService(t, {
      github: { enterprise: "3.19.0", basePath: "/api/v3" },
      settings: { VERIFY_COMMIT: "true" },
    });
    const commit = "9fceb02d0ae598e95dc970b74767f19372d61af8";
    github.repository(TARGET).addCommit(commit);
    deploy(github, "pr-1", commit, "heavy");
    github.repository(TARGET).rename("acme/new-shop");
    for (let at = 0; at < 2; at++) assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal((await notify(url, { application: "pr-2" })).status, 404);
    assert.equal(github.dispatches.length, 2);
    const versions = github.requests.map(({ headers }) => headers["x-github-api-version"]);
    assert.deepEqual(new Set(versions), new Set(["2022-11-28"]));
    assert.ok(log().some(({ msg }) => /keeps \(GITHUB_LIMITS: auto, .*: none\./.test(String(msg))));
  });

  it("still obeys limits that an administrator has set", async (t) => {
    const { github, url } = await startService(t, { github: { enterprise: "3.19.0", basePath: "/api/v3" } });
    deploy(github, "pr-1", "abc");
    github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 202);
  });

  it("gets an explanation on the first request when /api/v3 is missing", async (t) => {
    const { github } = await startService(t, { github: { enterprise: "3.19.0", basePath: "/api/v3" } });
    const { origin } = new URL(github.url);
    const wrong = await startService(t, { settings: { GITHUB_API_URL: origin } });
    const { detail } = (await notify(wrong.url, { application: "pr-1" })).json;
    assert.ok(detail.endsWith(`set GITHUB_API_URL to ${github.url}.`), detail);
  });
});

it("keeps one GitHub's pause over a restart, and pauses no other GitHub", async (t) => {
  const DATA_DIR = temporaryFolder(t);
  const first = await startService(t, { settings: { DATA_DIR } });
  deploy(first.github, "pr-1", "abc");
  first.github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
  assert.equal((await notify(first.url, { application: "pr-1" })).status, 202);
  await first.app.close();
  const sent = first.github.requests.length;

  const other = await startService(t, { settings: { DATA_DIR } });
  deploy(other.github, "pr-2", "def");
  assert.equal((await notify(other.url, { application: "pr-2" })).status, 200);
  await other.app.close();

  const again = await startService(t, { settings: { DATA_DIR, GITHUB_API_URL: first.github.url } });
  assert.equal((await notify(again.url, { application: "pr-3" })).status, 202);
  assert.equal(first.github.requests.length, sent);
});

describe("an address that begins with http", () => {
  const warned = async (t: TestContext, settings: Record<string, string>) =>
    (await startService(t, { settings }))
      .log()
      .flatMap(({ level, msg }) => (level === "warn" && / to another host/.test(String(msg)) ? [String(msg)] : []));

  it("causes a warning without the address when it leads to another host: secrets go there unencrypted", async (t) => {
    const said = await warned(t, {
      GITHUB_API_URL: "http://ghe.example/api/v3",
      NOTIFY_URL: "http://hooks.example/services/secret-path-0123",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.example:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=secret-key-0123",
    });
    assert.deepEqual(said, [
      "GITHUB_API_URL uses http: to another host, so anyone on the network can read the GitHub token: use https",
      "NOTIFY_URL uses http: to another host, so anyone on the network can read the address, which is its password, and every notice: use https",
      "OTEL_EXPORTER_OTLP_ENDPOINT uses http: to another host, so anyone on the network can read OTEL_EXPORTER_OTLP_HEADERS: use https",
    ]);
    const checks = await checkSettings({ GITHUB_API_URL: "http://ghe.invalid/api/v3", DATA_DIR: temporaryFolder(t) });
    const [check] = checks.filter((each) => each.check === "encryption");
    assert.deepEqual([check?.status, check?.remedy], ["warning", "Use https: in that setting."]);
  });

  it("of a collector is not used with a header that could never be sent", () => {
    const problem =
      /OTEL_EXPORTER_OTLP_HEADERS: the value of x-key contains a character that is not allowed in a header/;
    assert.throws(() => readConfig({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=secret%0A0123" }), problem);
    assert.doesNotThrow(() => readConfig({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b,other=%3D" }));
  });

  it("causes no warning on this machine or with https", async (t) => {
    for (const host of ["localhost:9", "127.0.0.1:9", "127.1.2.3:9", "[::1]:9", "a.localhost"]) {
      assert.deepEqual(await warned(t, { GITHUB_API_URL: `http://${host}/api/v3`, NOTIFY_URL: `http://${host}/` }), []);
    }
    assert.deepEqual(await warned(t, { NOTIFY_URL: "https://hooks.example/x" }), []);
  });
});

describe("GITHUB_API_URL", () => {
  for (const [given, right] of [
    ["https://github.com", "https://api.github.com"],
    ["https://www.github.com", "https://api.github.com"],
    ["https://GitHub.com/acme", "https://api.github.com"],
    ["http://api.github.com", "https://api.github.com"],
    ["https://api.github.com/api/v3", "https://api.github.com"],
    ["https://acme.ghe.com", "https://api.acme.ghe.com"],
    ["https://acme.ghe.com/api/v3", "https://api.acme.ghe.com"],
  ] as const) {
    it(`${given} is rejected at the start, with ${right} in the message`, () => {
      assert.throws(() => readConfig({ GITHUB_API_URL: given }), new RegExp(`expected ${RegExp.escape(right)},`));
    });
  }

  for (const url of ["https://api.github.com", "https://api.acme.ghe.com", "https://ghe.example/api/v3"]) {
    it(`${url} is accepted`, () => assert.equal(readConfig({ GITHUB_API_URL: url }).github.apiUrl, url));
  }
});
