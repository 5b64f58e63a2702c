import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { privateAuthority } from "../sandbox/certificates.ts";
import { startGitHub } from "../sandbox/github.ts";
import { type ProxyOptions, startProxy } from "../sandbox/proxy.ts";
import { openConnections } from "../src/github/connections.ts";
import { openGitHubHttp } from "../src/github/http.ts";
import { ProxyError, proxyFor } from "../src/github/proxy.ts";
import { unchanging } from "../src/model/renewable.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { startReceiver } from "./support/receiver.ts";
import { deploy, notify, send, startService, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** Only the proxy knows this host, so nothing can arrive on another way. */
const HOST = "github.corp.example";
const API = `https://${HOST}/api/v3`;
const PASSWORD = "s3cret/pass:word";
const CREDENTIALS = `robot:${encodeURIComponent(PASSWORD)}`;

/** A GitHub Enterprise Server with a certificate of a private authority, behind a proxy that knows its host. */
async function corporation(t: TestContext, { http2 = true, ...proxyOptions }: ProxyOptions & { http2?: boolean } = {}) {
  const authority = privateAuthority();
  const github = await startGitHub({
    tls: authority.issue(HOST, "127.0.0.1"),
    http2,
    enterprise: "3.19.0",
    basePath: "/api/v3",
    origin: `https://${HOST}`,
  });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  deploy(github, "pr-1", "abc");
  deploy(github, "pr-2", "def", "heavy");
  const proxy = await startProxy({ hosts: { [`${HOST}:443`]: github.port }, ...proxyOptions });
  t.after(() => proxy.close());
  const caFile = join(temporaryFolder(t), "ca.pem");
  writeFileSync(caFile, authority.cert);
  return { authority, github, proxy, caFile };
}

async function serviceProcess(t: TestContext, settings: Record<string, string>) {
  const port = await fixedPort();
  const service = spawnService(t, {
    port,
    dataDir: temporaryFolder(t),
    githubUrl: API,
    settings: { LOG_LEVEL: "info", ...settings },
  });
  await listening(service, port);
  return { ...service, url: `http://127.0.0.1:${port}` };
}

const withCredentials = (url: string) => url.replace("://", `://${CREDENTIALS}@`);

describe("the service behind a company's proxy, with a company's certificate authority", { concurrency: 2 }, () => {
  for (const http2 of [true, false]) {
    it(`sends every request through the proxy, over HTTP/${http2 ? 2 : 1.1}`, async (t) => {
      const { github, proxy, caFile } = await corporation(t, { credentials: `robot:${PASSWORD}`, http2 });
      const service = await serviceProcess(t, {
        NODE_EXTRA_CA_CERTS: caFile,
        HTTPS_PROXY: withCredentials(proxy.url),
        NO_PROXY: "localhost,127.0.0.1,.svc.cluster.local",
      });
      for (const application of ["pr-1", "pr-2"])
        assert.equal((await notify(service.url, { application })).status, 200);
      assert.equal((await notify(service.url, { application: "pr-3" })).status, 404);
      github.repository(TARGET).rename("acme/renamed");
      assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);

      assert.deepEqual(
        github.dispatches.map(({ payload }) => payload.commitHash),
        ["abc", "def", "abc"],
      );
      assert.deepEqual(new Set(proxy.targets), new Set([`${HOST}:443`]));
      assert.equal(proxy.counts.tunnels, github.counts.connections);
      assert.deepEqual(
        new Set(github.requests.map(({ httpVersion }) => httpVersion)),
        new Set([http2 ? "2.0" : "1.1"]),
      );
      for (const { headers } of github.requests) assert.equal(headers["proxy-authorization"], undefined);
      assert.match(service.output(), new RegExp(`"proxy":"${proxy.url}"`));
      for (const secret of [PASSWORD, CREDENTIALS, Buffer.from(`robot:${PASSWORD}`).toString("base64")]) {
        assert.ok(!service.output().includes(secret));
      }
    });
  }

  for (const [what, noProxy] of [
    ["goes straight to a host that NO_PROXY names", "10.0.0.0/8, 127.0.0.0/8"],
    ["asks the proxy for a host that NO_PROXY does not name", "10.0.0.0/8, localhost"],
  ] as const) {
    it(what, async (t) => {
      const { github, proxy, caFile } = await corporation(t);
      const service = await serviceProcess(t, {
        GITHUB_API_URL: `https://127.0.0.1:${github.port}/api/v3`,
        NODE_EXTRA_CA_CERTS: caFile,
        https_proxy: proxy.url,
        no_proxy: noProxy,
      });
      assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
      assert.equal(github.dispatches.length, 1);
      assert.equal(proxy.counts.tunnels, noProxy.includes("127") ? 0 : github.counts.connections);
      assert.equal(service.output().includes(proxy.url), !noProxy.includes("127"));
    });
  }

  it("uses the other proxy, without a tunnel, for an address that begins with http", async (t) => {
    const proxy = await startProxy({ credentials: `robot:${PASSWORD}` });
    t.after(() => proxy.close());
    const { github, url } = await startService(t, { settings: { HTTP_PROXY: withCredentials(proxy.url) } });
    deploy(github, "pr-1", "abc");
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal(proxy.counts.forwarded, github.counts.requests);
    assert.ok(github.requests.every(({ headers }) => headers.via && !headers["proxy-authorization"]));
  });

  it("uses TLS to the proxy if its address begins with https", async (t) => {
    const certificates = privateAuthority();
    const { authority, github, proxy, caFile } = await corporation(t, { tls: certificates.issue("localhost") });
    writeFileSync(caFile, authority.cert + certificates.cert);
    const service = await serviceProcess(t, {
      NODE_EXTRA_CA_CERTS: caFile,
      HTTPS_PROXY: proxy.url.replace("127.0.0.1", "localhost"),
    });
    const answer = await notify(service.url, { application: "pr-1" });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(github.dispatches.length, 1);
  });

  it("trusts the certificates of SSL_CERT_FILE, as the Go service did, with NODE_USE_SYSTEM_CA=1", async (t) => {
    const { proxy, caFile } = await corporation(t);
    for (const [NODE_USE_SYSTEM_CA, status] of [
      ["0", 500],
      ["1", 200],
    ] as const) {
      const service = await serviceProcess(t, { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: caFile, NODE_USE_SYSTEM_CA });
      assert.equal((await notify(service.url, { application: "pr-1" })).status, status);
    }
  });

  it("says what to do when the authority is unknown", async (t) => {
    const { github, proxy } = await corporation(t);
    const service = await serviceProcess(t, { HTTPS_PROXY: proxy.url });
    const answer = await notify(service.url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /certificate/);
    assert.match(answer.json.detail, /NODE_EXTRA_CA_CERTS/);
    assert.equal(github.counts.requests, 0);
  });
});

describe("requests to other hosts than GitHub also use the proxy", () => {
  async function withOutside(t: TestContext, settings: Record<string, string> = {}) {
    const receiver = await startReceiver(t);
    const port = Number(new URL(receiver.url).port);
    const proxy = await startProxy({
      credentials: `robot:${PASSWORD}`,
      hosts: { "hooks.corp.example:80": port, "preview.corp.example:80": port },
    });
    t.after(() => proxy.close());
    const folder = workflowsFolder(t, {
      "w.ts": httpWorkflow("w", 'await waitFor("http://preview.corp.example/health");'),
    });
    const service = await startService(t, {
      settings: {
        WORKFLOWS_DIR: folder,
        NOTIFY_URL: "http://hooks.corp.example/services/webhook-secret-0123",
        HTTP_PROXY: withCredentials(proxy.url),
        NO_PROXY: "127.0.0.1",
        ...settings,
      },
    });
    return { ...service, proxy, receiver };
  }

  it("NOTIFY_URL and waitFor, except for hosts in NO_PROXY", async (t) => {
    const { url, proxy, receiver, github } = await withOutside(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 404);
    await until("the notice has come", () => receiver.received.length === 1);
    assert.equal((await send(url, { method: "POST", path: "/w", body: "{}" })).status, 200);
    assert.deepEqual(
      receiver.received.map(({ path, headers: { via, "proxy-authorization": credentials } }) => [
        path,
        via,
        credentials,
      ]),
      [
        ["/services/webhook-secret-0123", "1.1 proxy", undefined],
        ["/health", "1.1 proxy", undefined],
      ],
    );
    assert.deepEqual(proxy.targets, ["hooks.corp.example:80", "preview.corp.example:80"]);
    assert.ok(github.counts.requests > 0);
  });

  it("a proxy that blocks notices is named in the log, without credentials or the address", async (t) => {
    const { url, proxy, log, logLines } = await withOutside(t, {
      NOTIFY_URL: "https://hooks.corp.example/services/webhook-secret-0123",
      HTTPS_PROXY: "http://127.0.0.1:9",
    });
    await notify(url, { application: "pr-1" });
    await until("it is said", () => log().some(({ msg }) => msg === "a notice could not be delivered"));
    const { reason, receiver } = log().find(({ msg }) => msg === "a notice could not be delivered") ?? {};
    assert.equal(receiver, "NOTIFY_URL");
    assert.equal(reason, "the proxy http://127.0.0.1:9 cannot be reached (ECONNREFUSED)");
    assert.deepEqual(proxy.targets, []);
    for (const secret of [PASSWORD, CREDENTIALS, "webhook-secret"]) assert.ok(!logLines.join("").includes(secret));
  });
});

describe("a proxy that blocks requests is named with its answer", () => {
  async function refusedBy(
    t: TestContext,
    settings: (proxyUrl: string) => string,
    how: "forward" | number = "forward",
  ) {
    const proxy = await startProxy({ credentials: `robot:${PASSWORD}` });
    t.after(() => proxy.close());
    proxy.behave(how);
    const service = await startService(t, { settings: { GITHUB_API_URL: API, HTTPS_PROXY: settings(proxy.url) } });
    const { status, json } = await notify(service.url, { application: "pr-1" });
    assert.equal(status, 500);
    const said = json.detail + service.logLines.join("\n");
    for (const secret of [PASSWORD, CREDENTIALS, "other-password"]) assert.ok(!said.includes(secret), said);
    return { proxy, detail: json.detail as string };
  }

  it("407 without credentials", async (t) => {
    const { detail, proxy } = await refusedBy(t, (url) => url);
    assert.match(detail, new RegExp(`the proxy ${proxy.url} asks for credentials \\(407\\)`));
  });

  it("407 without a tunnel", async (t) => {
    const proxy = await startProxy({ credentials: `robot:${PASSWORD}` });
    t.after(() => proxy.close());
    const { url } = await startService(t, { settings: { HTTP_PROXY: proxy.url } });
    const { json } = await notify(url, { application: "pr-1" });
    assert.match(
      json.detail,
      /the proxy http:\/\/127\.0\.0\.1:\d+ asks for credentials \(407\)\. Put them into HTTP_PROXY as /,
    );
  });

  it("407 with the wrong ones", async (t) => {
    const { detail, proxy } = await refusedBy(t, (url) => url.replace("://", "://robot:other-password@"));
    assert.match(detail, new RegExp(`the proxy ${proxy.url} rejected the credentials \\(407\\)`));
  });

  it("403", async (t) => {
    const { detail, proxy } = await refusedBy(t, withCredentials, 403);
    assert.match(detail, new RegExp(`the proxy ${proxy.url} rejected the connection to GitHub \\(403\\)`));
  });

  it("one that is down", async (t) => {
    const { detail } = await refusedBy(t, () => "http://robot:other-password@127.0.0.1:9");
    assert.match(detail, /the proxy http:\/\/127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)/);
  });

  it("to the caller, with what to do", async (t) => {
    const proxy = await startProxy({ credentials: `robot:${PASSWORD}` });
    t.after(() => proxy.close());
    const { send, close } = openGitHubHttp({
      apiUrl: API,
      brief: knownSecrets([]).brief,
      userAgent: "test",
      proxies: unchanging({ httpsProxy: proxy.url, httpProxy: undefined, noProxy: undefined }),
    });
    t.after(close);
    await assert.rejects(send("GET /user", {}, TOKEN), (error) => {
      assert.ok(error instanceof ProxyError);
      assert.match(error.remedy, /HTTPS_PROXY as http:\/\/USER:PASSWORD@HOST:PORT/);
      return true;
    });
  });

  it("one that accepts connections and never answers: requests time out, and it is used again once it answers", async (t) => {
    const proxy = await startProxy();
    t.after(() => proxy.close());
    const connections = openConnections(proxy.url, { connections: 1, timeoutMs: 1000, maxAnswerBytes: 1000 });
    t.after(() => connections.destroy());
    const ask = () => connections.request({ origin: new URL(API).origin, path: "/", method: "GET" });
    proxy.behave("hang");
    await assert.rejects(ask(), { code: "UND_ERR_HEADERS_TIMEOUT" });
    proxy.behave(403);
    await assert.rejects(ask(), /403/);
  });
});

describe("the choice of the proxy for an address", () => {
  const proxies = { httpProxy: "http://a:b@plain:1", httpsProxy: "http://user:secret@secure:3128", noProxy: undefined };
  const exempt = (url: string, noProxy: string) => proxyFor(url, { ...proxies, noProxy }) === undefined;

  it("depends on the scheme, and is shown without credentials", () => {
    assert.equal(proxyFor("https://api.github.com", proxies), "http://secure:3128");
    assert.equal(proxyFor("http://ghe.example/api/v3", proxies), "http://plain:1");
    assert.equal(proxyFor("https://api.github.com", { ...proxies, httpsProxy: undefined }), undefined);
  });

  const TABLE: [noProxy: string, exempt: string[], proxied: string[]][] = [
    ["*", ["https://api.github.com", "http://10.0.0.1"], []],
    [
      "example.com",
      ["https://example.com", "https://a.b.example.com", "https://EXAMPLE.com."],
      ["https://badexample.com"],
    ],
    [".example.com", ["https://a.example.com"], ["https://example.com"]],
    ["*.example.com", ["https://a.example.com"], ["https://example.com"]],
    ["example.com:8443", ["https://example.com:8443"], ["https://example.com"]],
    ["example.com:443", ["https://example.com"], ["http://example.com"]],
    ["a.test, example.com b.test", ["https://a.test", "https://example.com", "https://b.test"], ["https://c.test"]],
    ["10.1.2.3", ["https://10.1.2.3/api/v3"], ["https://10.1.2.30"]],
    ["10.0.0.0/8", ["https://10.1.2.3:8443"], ["https://11.1.2.3", "https://10.example.com"]],
    ["::1,fd00::/8", ["https://[::1]", "https://[fd12::1]:8443"], ["https://[fe80::1]"]],
    ["[::1]:8443", ["https://[::1]:8443"], ["https://[::1]"]],
    ["", [], ["https://api.github.com"]],
    ["10.0.0.0/99", [], ["https://10.0.0.1"]],
  ];
  for (const [noProxy, without, by] of TABLE) {
    it(`NO_PROXY=${noProxy || "(empty)"}`, () => {
      for (const url of without) assert.ok(exempt(url, noProxy), url);
      for (const url of by) assert.ok(!exempt(url, noProxy), url);
    });
  }
});
