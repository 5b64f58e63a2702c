import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../src/service/config/config.ts";
import { openBrowser, openPage, withoutChromium } from "./support/browser.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const CALLER = "caller-token-0123456789";
const PREFIX = "/gh-runner";
const BASIC = `Basic ${Buffer.from("someone:of-the-proxy").toString("base64")}`;

type Forwarding = {
  /** May answer instead of the service. */
  readonly guard?: (headers: IncomingHttpHeaders) => { status: number; headers: Record<string, string> } | undefined;
  /** The path that the service gets. */
  readonly path?: (path: string) => string;
  /** Headers that are set, as `proxy_set_header` does; nginx sets Host to the upstream's by default. */
  readonly headers?: Record<string, string>;
};

/** What nginx does with the snippets of docs/operations.md. */
async function startProxy(
  t: TestContext,
  upstream: string,
  { guard, path = (same) => same, headers = {} }: Forwarding,
) {
  const { hostname, port } = new URL(upstream);
  const proxy = createServer((incoming, outgoing) => {
    const answered = guard?.(incoming.headers);
    if (answered) return void outgoing.writeHead(answered.status, answered.headers).end();
    const passed = { ...incoming.headers, connection: "close", ...headers };
    const options = { hostname, port, method: incoming.method, path: path(incoming.url ?? "/"), headers: passed };
    const forwarded = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

const [withPassword = {}, underPath = {}] = [
  ...readFileSync(new URL("../docs/operations.md", import.meta.url), "utf8").matchAll(/^```nginx\n([\s\S]*?)^```$/gm),
].map(([, block = ""]) => headersOf(block));

/** The headers that the first location of a snippet sets. */
function headersOf(block: string): Record<string, string> {
  const [, location = ""] = /location \S+ \{([\s\S]*?)\}/.exec(block) ?? [];
  const set = [...location.matchAll(/proxy_set_header (\S+) (\S+);/g)].map(([, name = "", value = ""]) => [
    name.toLowerCase(),
    value === "$scheme" ? "http" : value,
  ]);
  // nginx sets Host to the name of the upstream by default.
  const { host = "gh-runner", connection: _, ...others } = Object.fromEntries(set) as Record<string, string>;
  return host === "$http_host" ? others : { ...others, host };
}

const stripped = (path: string) => (path.startsWith(`${PREFIX}/`) ? path.slice(PREFIX.length) : "/outside");
const kept = (path: string) => (path.startsWith(`${PREFIX}/`) ? path : "/outside");
const BY_HAND = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "by-hand", on: { manual: {}, schedule: { cron: "0 3 * * *" } }, run: async () => ({}) });`;

/** The walk must reach at least these pages. */
const PAGES = [
  /^\/$/,
  /^\/\?status=failure/,
  /^\/previews$/,
  /^\/events$/,
  /^\/workflows$/,
  /^\/workflows\/by-hand/,
  /^\/runs\/[\w-]{36}$/,
  /^\/runs\/[\w-]{36}\/changed$/,
  /^\/bulk\/rerun/,
  /^\/assets\/\w+\/style\.css$/,
  /^\/assets\/\w+\/script\.js$/,
  /^\/assets\/\w+\/icon-1\.svg$/,
];

/** Filters multiply, so this many addresses of one page are enough. */
const ALIKE = 12;

/** Every attribute of a page, because any of them may contain a path of the service. */
const ATTRIBUTE = /\s([\w-]+)="([^"]*)"/g;
const LINKS = new Set(["href", "src", "action", "formaction"]);
/** Attributes with text instead of a path. */
const TEXTS = new Set(["value", "title", "placeholder", "aria-label", "pattern"]);
const FORM = { "content-type": "application/x-www-form-urlencoded" };

async function signIn(url: string, path: string, headers = {}) {
  const body = `token=${CALLER}&next=%2Fevents`;
  const answer = await send(url, { method: "POST", path, body, headers: { ...FORM, ...headers } });
  return { answer, cookie: String(answer.headers["set-cookie"]?.[0]) };
}

describe("behind a proxy that puts a path before the service's", () => {
  const ways: Readonly<Record<string, { forwarding: Forwarding; settings: Record<string, string> }>> = {
    "removes it and reports it in X-Forwarded-Prefix": {
      forwarding: { path: stripped, headers: underPath },
      settings: {},
    },
    "takes it away, with PUBLIC_URL": {
      forwarding: { path: stripped },
      settings: { PUBLIC_URL: `https://ci.example${PREFIX}` },
    },
    "leaves it, with PUBLIC_URL": {
      forwarding: { path: kept },
      settings: { PUBLIC_URL: `https://ci.example${PREFIX}/` },
    },
  };

  for (const [what, { forwarding, settings }] of Object.entries(ways)) {
    it(`every link, form, asset and redirect works: ${what}`, async (t) => {
      const folder = workflowsFolder(t, { "by-hand.ts": BY_HAND });
      const service = await startService(t, { settings: { AUTH_TOKENS: CALLER, WORKFLOWS_DIR: folder, ...settings } });
      const { github } = service;
      deploy(github, "pr-1", "abc");
      await notify(service.url, { application: "pr-none" }, { authorization: `Bearer ${CALLER}` });
      const url = await startProxy(t, service.url, forwarding);
      const authorization = `Bearer ${CALLER}`;
      const body = '{"application":"pr-1"}';
      const headers = { authorization, prefer: "respond-async" };
      const queued = await send(url, { method: "POST", path: `${PREFIX}/dispatch`, body, headers });
      assert.equal(queued.status, 202);
      const location = String(queued.headers.location);
      assert.equal((await send(url, { path: location, headers: { authorization } })).status, 200);
      assert.equal((await send(service.url, { path: "/health" })).status, 200, "and without the proxy");

      const asked = await send(url, { path: `${PREFIX}/events` });
      assert.equal(asked.headers.location, `${PREFIX}/sign-in?next=%2Fevents`);
      const form = await send(url, { path: String(asked.headers.location) });
      const action = /action="([^"]+)"/.exec(form.text)?.[1] ?? "";
      const { answer, cookie } = await signIn(url, action);
      assert.equal(answer.headers.location, `${PREFIX}/events`);
      assert.match(cookie, new RegExp(`; Path=${PREFIX};`));

      const links = new Set([`${PREFIX}/`]);
      let looked = 0;
      for (const path of links) {
        if (looked++ > 100) break;
        const page = await send(url, { path, headers: { cookie: cookie.split(";")[0] ?? "" } });
        assert.equal(page.status, 200, path);
        if (!String(page.headers["content-type"]).startsWith("text/html")) continue;
        for (const [, name = "", to = ""] of page.text.matchAll(ATTRIBUTE)) {
          if (TEXTS.has(name) || (!LINKS.has(name) && !to.startsWith("/"))) continue;
          if (/^(#|https?:)/.test(to)) continue;
          assert.ok(to.startsWith(`${PREFIX}/`) || to.startsWith("?"), `${path}: ${name}="${to}"`);
          if (name === "action") continue;
          const [pathname = ""] = to.split("?");
          const alike = [...links].filter((each) => each.split("?")[0] === pathname).length;
          if (to.startsWith("/") && alike < ALIKE) links.add(to.replaceAll("&amp;", "&"));
        }
      }
      for (const page of PAGES)
        assert.ok(
          [...links].some((link) => page.test(link.slice(PREFIX.length))),
          `${page} of ${[...links].join(" ")}`,
        );
      const rerun = await send(url, {
        method: "POST",
        path: `${PREFIX}/runs/${queued.json.run}/rerun`,
        headers: { cookie: cookie.split(";")[0] ?? "" },
      });
      assert.equal(rerun.headers.location, `${PREFIX}/runs/${queued.json.run}`);
    });
  }

  it("the page is kept up to date", { skip: withoutChromium }, async (t) => {
    const service = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    deploy(service.github, "pr-7", "abc");
    const url = await startProxy(t, service.url, {
      path: stripped,
      headers: { ...underPath, host: "gh-runner.internal:9555" },
    });
    const browser = await openBrowser();
    t.after(() => browser.close());
    const page = await openPage(t, browser);
    await page.goto(`${url}${PREFIX}/`);
    await page.fill("#token", CALLER);
    await page.click("text=Sign in >> nth=-1");
    await page.waitForSelector("#live[data-kind=live]");
    await notify(service.url, { application: "pr-7" }, { authorization: `Bearer ${CALLER}` });
    await page.waitForSelector("text=pr-7");
    await page.click("text=pr-7");
    await page.waitForURL(new RegExp(`${PREFIX}/runs/`));

    await page.waitForSelector("#live[data-kind=live]");
    assert.match((await page.locator("link[rel=icon]").getAttribute("href")) ?? "", new RegExp(`^${PREFIX}/assets/`));
    for (const [letter, path] of [
      ["p", "previews"],
      ["w", "workflows"],
      ["r", ""],
    ]) {
      await page.keyboard.press("g");
      await page.keyboard.press(letter as string);
      await page.waitForURL(`${url}${PREFIX}/${path}`);
      await page.waitForSelector("#live[data-kind=live]");
    }
    const kept = await page.evaluate("Object.keys(localStorage)");
    assert.deepEqual(kept, [], "nothing is kept without need");
    // A request of a hidden tab.
    const state = (await page.evaluate(`fetch("${PREFIX}/live/state?runs=none").then((answer) => answer.json())`)) as {
      icon: string;
      open: string[];
      ended: string[];
    };
    assert.deepEqual([state.open, state.ended], [[], []]);
    assert.equal((await send(url, { path: `${PREFIX}/${state.icon}` })).status, 200);
    assert.deepEqual(page.complaints, []);
  });

  it("no prefix leads to another host or into the page", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    for (const prefix of [
      "//evil.example",
      "/\\evil.example",
      '/"><script>',
      "https://evil.example",
      "/a b",
      "/.",
      "/a/..",
    ]) {
      const { headers } = await send(url, { path: "/", headers: { "x-forwarded-prefix": prefix } });
      assert.match(String(headers.location), /^\/sign-in\?/, prefix);
    }
  });
});

describe("behind a proxy that asks for a password", () => {
  const guard: Forwarding["guard"] = ({ authorization }) =>
    authorization === BASIC ? undefined : { status: 401, headers: { "www-authenticate": 'Basic realm="the proxy"' } };

  it("people sign in and stay signed in, although their browser also sends that password", async (t) => {
    const service = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const url = await startProxy(t, service.url, { guard, headers: withPassword });
    const browser = { authorization: BASIC, accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    assert.equal((await send(url, { path: "/" })).status, 401, "the proxy asks");
    const asked = await send(url, { path: "/", headers: browser });
    assert.deepEqual([asked.status, asked.headers.location], [303, "/sign-in?next=%2F"]);
    const live = await send(url, { path: "/live", headers: { ...browser, accept: "text/event-stream" } });
    assert.deepEqual([live.status, live.headers["www-authenticate"]], [401, 'Bearer realm="gh-runner"']);
    const { cookie } = await signIn(url, "/sign-in", browser);
    for (const path of ["/", "/events"]) {
      const headers = { ...browser, cookie: cookie.split(";")[0] ?? "" };
      assert.equal((await send(url, { path, headers })).status, 200, path);
    }
  });

  it("a browser can sign in", { skip: withoutChromium }, async (t) => {
    const service = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const url = await startProxy(t, service.url, { guard, headers: { host: "gh-runner.internal" } });
    const browser = await openBrowser();
    t.after(() => browser.close());
    const page = await openPage(t, browser, { httpCredentials: { username: "someone", password: "of-the-proxy" } });
    await page.goto(url);
    await page.fill("#token", CALLER);
    await page.click("text=Sign in >> nth=-1");
    await page.waitForSelector("#live[data-kind=live]");
    await page.reload();
    await page.waitForSelector("text=No runs yet");
  });
});

describe("behind a proxy that changes Host", () => {
  it("no PUBLIC_URL leads to another host or into the page: the service does not start with it", () => {
    for (const path of [
      "//evil.example",
      "/\\evil.example",
      "/a/../..//b",
      "/a;Domain=b",
      '/a"b',
      "/a//b",
      "/%2fb",
      "/$&",
    ]) {
      const settings = { PUBLIC_URL: `https://ci.example${path}` };
      assert.throws(() => readConfig(settings), /PUBLIC_URL: its path may only have letters/, path);
    }
    for (const path of ["", "/", "/a", "/a/", "/a/b.c_d~e-f"]) {
      const { publicUrl } = readConfig({ PUBLIC_URL: `https://ci.example${path}` }).http;
      assert.equal(publicUrl, `https://ci.example${path.replace(/\/$/, "")}`);
    }
  });

  it("a browser that sends no site may send forms when PUBLIC_URL names its address, otherwise it gets the remedy", async (t) => {
    const origin = { origin: "http://ci.example" };
    const plain = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const headers = { host: "gh-runner.internal" };
    const { answer } = await signIn(await startProxy(t, plain.url, { headers }), "/sign-in", origin);
    assert.equal(answer.status, 403);
    assert.match(answer.text, /set PUBLIC_URL to the address in the browser/);
    const settings = { AUTH_TOKENS: CALLER, PUBLIC_URL: "http://ci.example" };
    const { url } = await startService(t, { settings });
    const told = await signIn(await startProxy(t, url, { headers }), "/sign-in", origin);
    assert.equal(told.answer.status, 303);
    assert.doesNotMatch(told.cookie, /Secure/);
  });

  it("the empty page and the API's description show the working address", async (t) => {
    const settings = { PUBLIC_URL: `https://ci.example${PREFIX}` };
    const { url } = await startService(t, { settings });
    assert.match((await send(url, { path: "/" })).text, /https:\/\/ci\.example\/gh-runner\/dispatch/);
    const { url: without } = await startService(t);
    for (const [headers, address] of [
      [
        { host: "ci.example", "x-forwarded-proto": "https", "x-forwarded-prefix": PREFIX },
        `https://ci.example${PREFIX}`,
      ],
      [{ host: "ci.example", "x-forwarded-proto": "https, http" }, "https://ci.example"],
      [{ host: "ci.example:8080", "x-forwarded-proto": "http" }, "http://ci.example:8080"],
      [{ host: "ci.example", "x-forwarded-proto": "javascript" }, "http://ci.example"],
    ] as const) {
      const { text } = await send(without, { path: "/", headers });
      assert.equal(/ (\S+)\/dispatch<\/code>/.exec(text)?.[1], address);
    }
    const { servers } = (await send(url, { path: "/openapi.json" })).json;
    assert.deepEqual(servers, [{ url: `https://ci.example${PREFIX}` }]);
    const { cookie } = await signIn(
      (await startService(t, { settings: { ...settings, AUTH_TOKENS: CALLER } })).url,
      "/sign-in",
    );
    assert.match(cookie, /; Secure/);
  });
});

it("two services on two ports of one host have a session each, in one browser", async (t) => {
  const ways = {
    directly: () => ({}),
    "behind a proxy that passes on Host without its port": (port: number) => ({
      settings: { PUBLIC_URL: `http://ci.example:${port}` },
      headers: { host: "ci.example" },
    }),
  };
  for (const [way, at] of Object.entries(ways)) {
    const jar = new Map<string, string>();
    const services = [];
    for (const [number, token] of [CALLER, "another-token-0123456789"].entries()) {
      const { settings = {}, headers = {} }: { settings?: object; headers?: object } = at(8081 + number);
      const { url } = await startService(t, { settings: { AUTH_TOKENS: token, ...settings } });
      services.push({ url, headers });
      const form = { body: `token=${token}`, headers: { ...FORM, ...headers } };
      const answer = await send(url, { method: "POST", path: "/sign-in", ...form });
      const [name = "", value = ""] = (String(answer.headers["set-cookie"]?.[0]).split(";")[0] ?? "").split("=");
      jar.set(name, value);
    }
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    for (const { url, headers } of services) {
      assert.equal((await send(url, { path: "/", headers: { cookie, ...headers } })).status, 200, way);
    }
  }
});
