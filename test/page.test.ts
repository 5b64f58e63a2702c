import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Hono } from "hono";
import { webUrlOf } from "../src/dashboard/github-web.ts";
import { livePages } from "../src/dashboard/live.ts";
import { systemClock } from "../src/model/clock.ts";
import { StoreUnavailable } from "../src/model/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { pagesOf } from "./support/pages.ts";
import { deploy, type HttpAnswer, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const CALLER = "caller-token-0123456789";
const OTHER = "other-token-9876543210";
const FORM = { "content-type": "application/x-www-form-urlencoded" };

const get = (url: string, path: string, headers = {}) => send(url, { path, headers });
const post = (url: string, path: string, body = "", headers = {}) =>
  send(url, { method: "POST", path, body, headers: { ...FORM, "content-length": String(body.length), ...headers } });
const cookieOf = ({ headers }: HttpAnswer) => String(headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
const signIn = (url: string, token: string, headers = {}) =>
  post(url, "/sign-in", `token=${encodeURIComponent(token)}&next=%2F`, headers);

/** The listed rejected requests, newest first, as text. */
async function rejectedIn(url: string): Promise<string[]> {
  const { text } = await get(url, "/events");
  return [...text.matchAll(/<li class="run"[^>]*>([\s\S]*?)<\/li>/g)].map(([, row = ""]) =>
    row
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ")
      .trim(),
  );
}

describe("the page", () => {
  it("does not exist with DASHBOARD=off", async (t) => {
    const { url } = await startService(t, { settings: { DASHBOARD: "off" } });
    for (const path of ["/", "/events", "/live", "/sign-in", "/runs/x"]) {
      assert.equal((await get(url, path)).status, 404, path);
    }
    // People who answer callbacks need not see anything else.
    const { text } = await get(url, "/callbacks/none");
    assert.match(text, /This link is wrong/);
    const [, style = ""] = /<link rel="stylesheet" href="([^"]+)"/.exec(text) ?? [];
    assert.equal((await get(url, style)).status, 200);
  });

  it("cannot be loaded from elsewhere, run inline, framed or cached", async (t) => {
    const { url } = await startService(t);
    for (const path of ["/", "/events", "/runs/none", "/sign-in", "/workflows", "/bulk/cancel", "/callbacks/none"]) {
      const { headers } = await get(url, path);
      const policy = String(headers["content-security-policy"]);
      assert.match(policy, /^default-src 'none'; /);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(headers["cache-control"], "no-store");
      assert.equal(headers["x-content-type-options"], "nosniff");
    }
  });

  it("shows a message if there is no such run", async (t) => {
    const { url } = await startService(t);
    const missing = await get(url, "/runs/none");
    assert.equal(missing.status, 404);
    assert.match(missing.text, /There is no run with this id/);
  });

  it("shows a message if the database cannot be read, or after an internal error", async () => {
    for (const [error, status, words] of [
      [new StoreUnavailable("disk I/O error"), 503, /The runs cannot be read/],
      [new TypeError("secret detail"), 500, /Something went wrong/],
    ] as const) {
      const fail = () => Promise.reject(error);
      const failures: unknown[] = [];
      const app = pagesOf({
        runs: { list: fail, get: fail, rerun: fail, cancel: fail, cancelAll: fail },
        overview: { activity: fail, failures: async () => 0, revision: async () => "1" },
        answers: { why: fail, events: fail },
        failed: (_, cause) => void failures.push(cause),
      });
      for (const path of ["/?status=failure", "/events", "/runs/x"]) {
        const answer = await app.request(path);
        const text = await answer.text();
        assert.equal(answer.status, status, path);
        assert.match(text, words);
        assert.ok(text.includes(`href="${path}">Try again`));
        assert.doesNotMatch(text, /secret detail/);
      }
      for (const [path, page] of [
        ["/runs/x/cancel", "/runs/x"],
        ["/runs/x/rerun", "/runs/x"],
        ["/bulk/cancel?text=w", "/bulk/cancel?text=w"],
      ] as const) {
        const answer = await app.request(path, { method: "POST" });
        const text = await answer.text();
        assert.equal(answer.status, status, path);
        assert.match(text, status === 503 ? /<h1>This is not confirmed<\/h1>/ : words, path);
        assert.ok(text.includes(`href="${page}">Show the current state`), "a path that takes no GET is no link");
      }
      assert.equal(failures.length, status === 500 ? 6 : 0);
    }
  });

  it("removes invalid values from the URL", async (t) => {
    const { url } = await startService(t);
    for (const query of ["status=done", "before=x", "before=99999999999999999999", "since="]) {
      assert.equal((await get(url, `/?${query}`)).status, 200, query);
    }
  });

  it("does not delay a server that stops while the page is open", async (t) => {
    const { app } = await startService(t);
    const answer = await fetch(`${app.url}/live`);
    const reader = answer.body!.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /^data: \d+\n\n/);
    const begun = performance.now();
    await app.close();
    assert.ok(performance.now() - begun < 10_000, "it waits for the page");
    assert.equal((await reader.read()).done, true);
  });

  it("asks before it re-runs a run whose group has a newer one, without a script", async (t) => {
    const { github, url } = await startService(t);
    const older = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    deploy(github, "pr-1", "new");
    const newer = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    const asked = await post(url, `/runs/${older}/rerun`);
    assert.equal(asked.status, 409);
    assert.match(asked.text, new RegExp(`The run was not re-run.*newer run: <a href="/runs/${newer}">${newer}</a>`));
    assert.equal(github.dispatches.length, 1);
    const [, action = ""] = /action="([^"]*)"\s*><button>Re-run this older run anyway/.exec(asked.text) ?? [];
    const insisted = await post(url, action);
    assert.deepEqual([insisted.status, insisted.headers.location], [303, `/runs/${older}`]);
    await until("it is dispatched", () => github.dispatches.length === 2);
  });

  it("keeps its place among the live pages when another client opens very many", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: `${CALLER},${OTHER}` } });
    const open = async (token: string) => {
      const answer = await fetch(`${url}/live`, { headers: { authorization: `Bearer ${token}` } });
      const reader = answer.body?.getReader();
      t.after(() => reader?.cancel().catch(() => {}));
      return { status: answer.status, reader };
    };
    const first = await open(CALLER);
    const many = await Promise.all(Array.from({ length: 120 }, () => open(OTHER)));
    assert.equal(many.filter(({ status }) => status === 503).length, 21, "100 in all");
    const second = await open(CALLER);
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.equal((await open(OTHER)).status, 503);
    const oldest = many.find(({ status }) => status === 200);
    for (let ended = false; !ended; ) ended = (await oldest?.reader?.read())?.done ?? true;
    assert.match(new TextDecoder().decode((await first.reader?.read())?.value), /^data: /);
  });

  it("loses its live events when others need the connections, the oldest first", async (t) => {
    const live = livePages(async () => "7", systemClock);
    t.after(live.close);
    const app = new Hono().get("/live", (c) => live.stream(c, "a viewer", async () => true));
    const open = async () => (await app.request("/live")).body?.getReader();
    const readers = [await open(), await open()] as const;
    for (const reader of readers) assert.equal((await reader?.read())?.done, false);
    for (const [most, reader] of [[1, readers[0]] as const, [5, readers[1]] as const]) {
      assert.equal(live.letGo(most), 1);
      for (let ended = false; !ended; ) ended = (await reader?.read())?.done ?? true;
    }
  });

  it("names a run without a group after its workflow", async (t) => {
    const folder = workflowsFolder(t, { "nightly-tidy.ts": httpWorkflow("nightly-tidy", "return {};") });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    const run = String((await send(url, { method: "POST", path: "/nightly-tidy", body: "{}" })).headers["x-run-id"]);
    assert.match((await get(url, "/")).text, new RegExp(`href="/runs/${run}"><bdi>nightly-tidy</bdi></a>`));
    const { text } = await get(url, `/runs/${run}`);
    assert.match(text, /<title>nightly-tidy: Success/);
    assert.doesNotMatch(text, /\/actions\?/, "its repository is unknown");
  });

  it("shows a run whose body and outputs are nested too deep to be shown, and states it", async (t) => {
    const echo = httpWorkflow("echo", "return body;").replace("z.object(", "z.looseObject(");
    const folder = workflowsFolder(t, { "echo.ts": echo });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    const runOf = async (levels: number) => {
      const body = `{"deep":${"[".repeat(levels)}${"]".repeat(levels)}}`;
      const answer = await send(url, { method: "POST", path: "/echo", body });
      return { id: String(answer.headers["x-run-id"]), body };
    };
    const { id, body } = await runOf(10_000);
    const { status, text } = await get(url, `/runs/${id}`);
    assert.equal(status, 200);
    assert.match(text, /<h2 id="input">Input<\/h2>\s*<p class="note">This value has more than 50 levels/);
    assert.ok((await get(url, `/api/runs/${id}`)).text.includes(body), "and is there where the page says");
    const changed = await get(url, `/runs/${id}/changed`);
    assert.ok(changed.text.length < 60_000 && changed.text.includes("[".repeat(10_000)), "and can be changed");
    const shown = await get(url, `/runs/${(await runOf(40)).id}`);
    assert.doesNotMatch(shown.text, /too deep/);
    assert.match(shown.text, /\[\s+\[\s+\[/);
  });

  it("shows runs page by page", async (t) => {
    const { url } = await startService(t);
    await Promise.all(Array.from({ length: 30 }, (_, at) => notify(url, { application: `main-${at}` })));
    const first = await get(url, "/");
    const [, older = ""] = /href="([^"]+)" rel="next"/.exec(first.text) ?? [];
    const second = await get(url, older.replaceAll("&amp;", "&"));
    const ids = ({ text }: HttpAnswer) => [...text.matchAll(/id="run-([^"]+)"/g)].map(([, id]) => id);
    assert.deepEqual([ids(first).length, ids(second).length], [25, 5]);
    assert.equal(new Set([...ids(first), ...ids(second)]).size, 30);
  });

  it("finds a text in all runs, page by page, and shows how many are not searched yet", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    await openSqliteStore(DATA_DIR, movedClock(0)).close();
    const db = new DatabaseSync(join(DATA_DIR, "gh-runner.sqlite"));
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000)
      INSERT INTO runs (id, workflow, grp, input, own_token, status, accepted_at, retries_from, ended_at)
      SELECT 'id-' || i, 'w', 'pr-' || i, '{}', 0, 'success', 1, 1, ${Date.now()} FROM n`);
    db.close();
    const { url, app } = await startService(t, { settings: { DATA_DIR } });
    const early = (await get(url, "/?text=nowhere")).text;
    assert.match(early, /No run found so far/);
    assert.match(early, /[\d,]+\+? runs are not\s+searchable yet/);
    await app.close();
    const store = openSqliteStore(DATA_DIR, movedClock(0));
    while ((await store.index(500)) !== 0);
    await store.close();
    const { url: later } = await startService(t, { settings: { DATA_DIR } });
    const texts: string[] = [];
    for (let path: string | undefined = "/?text=PR-7"; path !== undefined; ) {
      const { text } = await get(later, path);
      texts.push(
        ...[...text.replaceAll(/<\/?mark>/g, "").matchAll(/class="name" href="[^"]+"><bdi>([^<]+)</g)].map(
          ([, name = ""]) => name,
        ),
      );
      path = /href="([^"]+)" rel="next"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
    }
    const expected = Array.from({ length: 11_000 }, (_, at) => `pr-${at + 1}`).filter((name) => /^pr-7/.test(name));
    assert.deepEqual(texts, expected.reverse());
    const { text } = await get(later, "/?text=nowhere");
    assert.match(text, /Why nothing happened/);
    assert.doesNotMatch(text, /not\s+searchable yet/);
  });

  it("stays small for any names, shows their beginning, and finds them by any part", async (t) => {
    const { url } = await startService(t);
    const names = Array.from({ length: 30 }, (_, at) => `main-${at}-${"x".repeat(60_000)}-end${at}.`);
    const run = String((await notify(url, { application: names[0] })).headers["x-run-id"]);
    for (const application of names.slice(1)) await notify(url, { application });
    const list = await get(url, "/");
    assert.ok(list.text.length < 60_000, `${list.text.length} characters`);
    assert.match(list.text, /<bdi title="main-29-x{150,200}…">main-29-x{80,100}…<\/bdi><\/a>/);
    const found = await get(url, `/?text=${encodeURIComponent("X-END7.")}`);
    assert.deepEqual(
      [...found.text.matchAll(/<bdi [^>]+>(main-\d+)-/g)].map(([, name]) => name),
      ["main-7"],
    );
    const { text } = await get(url, `/runs/${run}`);
    assert.ok(text.length < 30_000, `${text.length} characters`);
    assert.match(text, /<title>main-0-x{80,100}…: Skipped/);
  });

  it("shows names separately, with their invisible characters visible", async (t) => {
    const { url } = await startService(t);
    const application = "a\u0000b\u001b[2J\u007f\u0085c\u202ed\u2066e\ud800f مرحبا";
    const run = String((await notify(url, { application })).headers["x-run-id"]);
    const rejected = await notify(url, { application: `pr-${application}` });
    assert.equal(rejected.status, 400);
    // U+0000 is stored like this, because PostgreSQL cannot store it.
    const shown = "a␀b\\u001b[2J\\u007f\\u0085c\\u202ed\\u2066e\ufffdf مرحبا";
    for (const [path, ...expected] of [
      ["/", `<bdi>${shown}</bdi></a>`, `data-said="Newest run: ${shown}, Skipped"`],
      [
        `/runs/${run}`,
        `<h1>`,
        `<bdi>${shown}</bdi>`,
        `<title>${shown}: Skipped`,
        "a\\u0000b\\u001b[2J\\u007f\\u0085c\\u202ed",
      ],
      ["/events", `<bdi>pr-${shown}</bdi>`],
    ] as const) {
      const { text } = await get(url, path);
      for (const each of expected) assert.ok(text.includes(each), `${path}: ${each}`);
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, path);
    }
    const found = await get(url, `/?text=${encodeURIComponent("b\u001b[2j")}`);
    assert.ok(found.text.includes(`<bdi>${shown}</bdi></a>`), "is found by what it holds");
  });

  it("does not pass on a token from its address", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const cookie = cookieOf(await signIn(url, CALLER));
    for (const token of [CALLER, TOKEN]) {
      for (const path of [
        `/?text=${token}`,
        `/?workflow=${token}&text=a`,
        `/?status=failure&text=${"x".repeat(80)}${token}`,
        `/runs/${token}`,
        `/runs/${token}/changed`,
        `/workflows/${token}/start`,
        `/bulk/rerun?text=${token}`,
        `/bulk/cancel?workflow=${token}`,
        `/callbacks/${token}`,
        `/sign-in?next=/runs/${token}`,
        `/sign-in?next=${encodeURIComponent(`/?text=${token}`)}`,
      ]) {
        for (const headers of [{}, { cookie }, { "sec-fetch-site": "cross-site" }]) {
          const answer = await get(url, path, headers);
          const said = JSON.stringify(answer.headers) + answer.text;
          assert.ok(!said.includes(token.slice(0, 20)), `${path} ${JSON.stringify(headers)}`);
        }
      }
      const again = await post(url, `/runs/${token}/rerun`, "", { cookie });
      assert.ok(!(JSON.stringify(again.headers) + again.text).includes(token));
      for (const path of ["/workflows/environment-ready/start", `/workflows/${token}/pause`, `/runs/${token}/cancel`]) {
        const sent = await post(url, path, `input.application=${token}&input=${token}`, { cookie });
        assert.ok(!(JSON.stringify(sent.headers) + sent.text).includes(token), path);
      }
      const wrong = await post(url, "/sign-in", `token=none&next=${encodeURIComponent(`/runs/${token}`)}`);
      assert.ok(!(JSON.stringify(wrong.headers) + wrong.text).includes(token));
    }
    assert.match((await get(url, `/?text=${CALLER}`, { cookie })).text, /name="text" value="\*\*\*"/);
  });

  it("links to the GitHub of the API", () => {
    assert.equal(webUrlOf("https://api.github.com"), "https://github.com");
    assert.equal(webUrlOf("https://api.octocorp.ghe.com"), "https://octocorp.ghe.com");
    assert.equal(webUrlOf("https://ghe.example:8443/api/v3"), "https://ghe.example:8443");
  });
});

describe("signing in", () => {
  const start = (t: TestContext, options = {}) =>
    startService(t, { settings: { AUTH_TOKENS: `${CALLER},${OTHER}` }, ...options });

  it("is required on every page; scripts may send a token instead", async (t) => {
    const { url } = await start(t);
    const more = ["/workflows", "/workflows/x/start", "/bulk/rerun?status=failure", "/runs/x/changed"];
    for (const path of ["/", "/events", "/runs/x?y=1", ...more]) {
      const answer = await get(url, path);
      assert.equal(answer.status, 303, path);
      assert.equal(answer.headers.location, `/sign-in?next=${encodeURIComponent(path)}`);
    }
    assert.equal((await get(url, "/live")).status, 401);
    for (const [path, onward] of [
      ["/runs/x/rerun", "/runs/x"],
      ["/runs/x/cancel", "/runs/x"],
      ["/runs/x/changed", "/runs/x"],
      ["/workflows/*/pause", "/workflows"],
      ["/workflows/environment-ready/start", "/workflows"],
      ["/bulk/cancel?workflow=w", "/bulk/cancel?workflow=w"],
    ] as const) {
      assert.equal((await post(url, path)).headers.location, `/sign-in?next=${encodeURIComponent(onward)}`, path);
    }
    assert.doesNotMatch((await get(url, "/", { authorization: `Bearer ${OTHER}` })).text, /(is|are) paused/);
    assert.equal((await get(url, "/callbacks/unknown")).status, 404, "a callback's URL is all that its page needs");
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`any:${password}`).toString("base64")}`,
    });
    assert.equal((await get(url, "/", basic(CALLER))).status, 200);
    assert.equal((await get(url, "/", { authorization: `Bearer ${OTHER}` })).status, 200);
    const rejected = await get(url, "/", basic("wrong"));
    assert.deepEqual([rejected.status, rejected.headers["www-authenticate"]], [401, 'Basic realm="gh-runner"']);
  });

  it("sets a cookie that only pages of this site send, and that is not a token", async (t) => {
    const { url } = await start(t);
    const answer = await signIn(url, CALLER);
    const cookie = String(answer.headers["set-cookie"]?.[0]);
    assert.match(cookie, /; HttpOnly/);
    assert.match(cookie, /; SameSite=Strict/);
    assert.doesNotMatch(cookie, /Secure/);
    assert.ok(!cookie.includes(CALLER) && !cookie.includes(Buffer.from(CALLER).toString("base64url")));
    assert.equal((await get(url, "/", { cookie: cookieOf(answer) })).status, 200);
    const secure = await signIn(url, CALLER, { "x-forwarded-proto": "https" });
    assert.match(String(secure.headers["set-cookie"]?.[0]), /; Secure/);
    assert.equal(
      (await get(url, "/api/runs", { cookie: cookieOf(answer) })).status,
      200,
      "the API takes sessions, too",
    );
  });

  it("rejects a wrong token, and every session that is invented, expired, or of a withdrawn token", async (t) => {
    const clock = movedClock();
    const { url } = await start(t, { options: { clock } });
    const wrong = await signIn(url, `${CALLER}x`);
    assert.deepEqual([wrong.status, wrong.headers["set-cookie"]], [403, undefined]);
    assert.ok(!wrong.text.includes(`${CALLER}x`));
    const cookie = cookieOf(await signIn(url, CALLER));
    const isIn = async (text: string, at = url) => (await get(at, "/", { cookie: text })).status === 200;
    assert.ok(await isIn(cookie));
    const secret = cookie.split("=")[1] ?? "";
    assert.match(secret, /^[\w-]{43}$/);
    for (const forged of ["", "x", `${secret.slice(0, -2)}AA`, `${secret}A`, "A".repeat(43), "'--".padEnd(43, "A")]) {
      assert.ok(!(await isIn(`gh-runner-session=${forged}`)), forged);
    }
    const rotated = await startService(t, { settings: { AUTH_TOKENS: OTHER }, options: { clock } });
    assert.ok(!(await isIn(cookie, rotated.url)));
    clock.move(7 * 86_400_000);
    assert.ok(!(await isIn(cookie)));
  });

  it("continues to a page of the service and to nothing else", async (t) => {
    const { url } = await start(t);
    for (const [next, location] of [
      ["/runs/abc", "/runs/abc"],
      ["/?status=failure", "/?status=failure"],
      ["/workflows", "/workflows"],
      ["/bulk/rerun?text=pr", "/bulk/rerun?text=pr"],
      ["/workflowsx", "/"],
      ["//elsewhere.example/", "/"],
      ["/\\elsewhere.example/", "/"],
      ["https://elsewhere.example/", "/"],
      ["javascript:alert(1)", "/"],
      ["/sign-out", "/"],
      ["/runs/a\r\nx: y", "/runs/ax:%20y"],
    ] as const) {
      const answer = await post(url, "/sign-in", `token=${CALLER}&next=${encodeURIComponent(next)}`);
      assert.equal(answer.headers.location, location, next);
    }
  });

  it("treats an incomplete form as one without a token, not as an internal error", async (t) => {
    const { url, log } = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.end("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ntoken=calle");
    await once(socket.resume(), "close");
    assert.equal((await get(url, "/health")).status, 200);
    assert.deepEqual(
      log().filter(({ level }) => level === "error"),
      [],
    );
  });
});

const trigger = (name: string, on: string) => `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({ name: "${name}", on: ${on}, async run() {} });`;

const OF_EVERY_TRIGGER = {
  "door.ts": trigger("door", '{ http: { path: "/door", body: z.object({}) } }'),
  "told.ts": trigger("told", '{ flux: { path: "/told" } }'),
  "pushed.ts": trigger("pushed", '{ github: { events: "push" } }'),
};

/** Routes in the sources, with the paths of the workflows above and the built-in one. */
function routesThatChange(): string[] {
  const given: Readonly<Record<string, readonly string[]>> = {
    "src/http/triggers/http.ts": ["/dispatch", "/door"],
    "src/http/triggers/flux.ts": ["/told"],
    "src/http/triggers/github.ts": ["/webhooks/github"],
  };
  const root = new URL("..", import.meta.url).pathname;
  return globSync("src/**/*.ts", { cwd: root }).flatMap((file) =>
    [
      ...readFileSync(join(root, file), "utf8").matchAll(/\bapp\.(?:post|put|patch|delete|on)\(\s*(?:"([^"]+)")?/g),
    ].flatMap(([, path]) => path ?? given[file] ?? assert.fail(`${file} mounts an untested route`)),
  );
}

describe("a page of another site", () => {
  it("cannot make a browser send anything to any route that changes something", async (t) => {
    const GITHUB_WEBHOOK_SECRET = "what GitHub signs with";
    const settings = { GITHUB_WEBHOOK_SECRET, WORKFLOWS_DIR: workflowsFolder(t, OF_EVERY_TRIGGER) };
    const { url, github } = await startService(t, { settings });
    deploy(github, "pr-1", "abc");
    const run = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    const routes = routesThatChange().map((path) => path.replace(":id", run).replace(":name", "door"));
    assert.ok(routes.length >= 8, String(routes));
    const signature = `sha256=${createHmac("sha256", GITHUB_WEBHOOK_SECRET).update("{}").digest("hex")}`;
    const signed = { "x-github-event": "push", "x-github-delivery": "d", "x-hub-signature-256": signature };
    const { host } = new URL(url);
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://elsewhere.example" },
      { origin: "null" },
      { origin: `https://${host}.elsewhere.example` },
    ]) {
      for (const path of routes) {
        const body = path === "/dispatch" ? '{"application":"pr-1"}' : "{}";
        const { status, headers: answered } = await post(url, path, body, { ...signed, ...headers });
        assert.deepEqual([status, answered["set-cookie"]], [403, undefined], path);
      }
    }
    assert.equal(github.dispatches.length, 1);
    const { runs } = (await get(url, "/api/runs")).json;
    assert.deepEqual(
      runs.map(({ id }: { id: string }) => id),
      [run],
    );
    assert.equal((await get(url, `/api/runs/${run}`)).json.attempts.length, 1);
    // These routes exist, and accept requests that do not come from another site.
    for (const path of routes) {
      const { status, text } = await post(url, path, "{}", signed);
      const isThere = ![404, 405].includes(status) || /This link is wrong|no such callback/.test(text);
      assert.ok(isThere && !text.includes("another site"), `${path} ${status}`);
    }
  });

  it("is distinguished from pages of the service, behind a proxy or not, and from programs", async (t) => {
    const { url, github } = await startService(t);
    deploy(github, "pr-1", "abc");
    for (const headers of [
      {},
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { origin: url },
      { origin: "http://runs.example", host: "runs.example" },
    ]) {
      assert.equal((await notify(url, { application: "pr-1" }, headers)).status, 200);
    }
  });

  it("is one that only proxy headers present as the service, and the answer says what to change", async (t) => {
    const forwarded = { origin: "https://runs.example", "x-forwarded-host": "runs.example" };
    const { url } = await startService(t);
    const answer = await notify(url, { application: "main" }, forwarded);
    assert.equal(answer.status, 403);
    assert.match(answer.json.detail, /a proxy has changed the Host header: set PUBLIC_URL to the address/);
    const known = await startService(t, { settings: { PUBLIC_URL: "https://runs.example/any" } });
    assert.equal((await notify(known.url, { application: "main" }, forwarded)).status, 200);
    for (const origin of ["http://runs.example", "https://evil.example", "null"]) {
      assert.equal((await notify(known.url, { application: "main" }, { ...forwarded, origin })).status, 403, origin);
    }
  });
});

describe("why nothing happened", () => {
  it("is shown for every rejected request, with its number, also after a restart", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const settings = { AUTH_TOKENS: CALLER, DATA_DIR };
    const bearer = { authorization: `Bearer ${CALLER}` };
    const first = await startService(t, { settings });
    const token = "secret-of-a-caller-0123456789";
    await notify(first.url, { application: "<no value>", github_token: token }, bearer);
    await notify(first.url, { application: "pr-1", github_token: `$${token}`, padding: "x".repeat(5000) }, bearer);
    await notify(first.url, `{"application": "pr-2", ${token}`, bearer);
    for (let times = 0; times < 3; times++) await notify(first.url, { application: "pr-3" });
    await send(first.url, { path: "/dispatch", headers: bearer });
    await notify(first.url, { application: "main" }, bearer);
    await first.app.close();

    const { url } = await startService(t, { settings: { DATA_DIR } });
    const rejected = await rejectedIn(url);
    assert.equal(rejected.length, 5);
    assert.match(rejected[0]!, /^405 GET \/dispatch GET is not allowed here\. Send POST\. ArgoCD sends GET when/);
    assert.match(rejected[1]!, /^401 POST \/dispatch No valid token was sent\. Send one of the service.*3 times/);
    assert.match(rejected[2]!, /^400 POST \/dispatch The body is not valid JSON/);
    assert.match(rejected[3]!, /^400 pr-1 POST \/dispatch github_token is an unresolved secret/);
    assert.match(rejected[4]!, /^400 &lt;no value&gt; POST \/dispatch application is/);
    assert.ok(!rejected.join().includes(token));
  });

  it("is shown for a duplicate and a superseded run in the list", async (t) => {
    const { url, github } = await startService(t, {
      settings: { DEDUPE_SECONDS: "600" },
      options: { serverLimits: { drainMs: 50 } },
    });
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    await notify(url, { application: "pr-1" });
    github.fault({}, { kind: "hang" });
    for (const revision of ["a", "b", "c"]) {
      await notify(url, { application: "pr-2", revision }, { prefer: "respond-async" });
    }
    const { text } = await get(url, "/");
    assert.match(text, /abc was dispatched for pr-1 by run [0-9a-f-]{36} within 600 s/);
    assert.match(text, /A <a href="\/runs\/[0-9a-f-]{36}">newer run<\/a> replaced it/);
  });

  it("is kept as a limited list with limited texts", async (t) => {
    const { url } = await startService(t);
    await notify(url, { application: "$".repeat(20_000) });
    await until("it is noted", async () => (await rejectedIn(url)).length === 1);
    assert.ok((await get(url, "/events")).text.length < 8000);
  });
});

describe("the page of a service that has no runs yet", () => {
  it("shows a working command, with the header for AUTH_TOKENS and without a token", async (t) => {
    for (const AUTH_TOKENS of ["", "a-token-of-a-caller,another-token-of-a-caller"]) {
      const [token = ""] = AUTH_TOKENS.split(",");
      const { url, github } = await startService(t, { settings: { AUTH_TOKENS } });
      deploy(github, "pr-1234", "abc");
      const { text } = await send(url, { path: "/", headers: token ? { authorization: `Bearer ${token}` } : {} });
      assert.ok(!/a-token-of|another-token/.test(text));
      const [, shown = ""] = /<code>(curl [^<]+)<\/code>/.exec(text) ?? [];
      const line = shown.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
      const { stdout } = await promisify(execFile)("sh", ["-c", line.replace("one-of-AUTH_TOKENS", token)]);
      assert.match(stdout, /"status":"success"/, line);
    }
  });
});

describe("minutes saved", () => {
  it("count every run that succeeded or failed, also a re-run, and survive its deletion", async (t) => {
    const clock = movedClock(Date.parse("2026-11-30T23:00:00Z"));
    const { url, github } = await startService(t, { settings: { RETAIN_DAYS: "1" }, options: { clock } });
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const failed = String((await notify(url, { application: "pr-none" })).headers["x-run-id"]);
    await notify(url, { application: "main" });
    await post(url, `/runs/${failed}/rerun`);
    const saved = async () =>
      /([\d,]+) minutes in all[\s\S]*?<p class="figure">([\d,]+)<\/p>\s*<p class="note">this month, at least/
        .exec((await get(url, "/")).text)
        ?.slice(1)
        .map(Number);
    await until("the re-run has ended", async () => (await saved())?.[0] === 3);
    assert.deepEqual(await saved(), [3, 3], "what was skipped would have cost nothing");
    clock.move(3 * 86_400_000);
    await until("old runs are deleted", async () => {
      clock.move(60_000);
      return /No runs yet/.test((await get(url, "/")).text);
    });
    assert.deepEqual(await saved(), [3, 0], "of all time, and of this month");
  });
});
