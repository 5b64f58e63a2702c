import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { request } from "node:http";
import { describe, it, type TestContext } from "node:test";
import type { Fault } from "../sandbox/faults.ts";
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { type HttpAnswer, send } from "./support/service.ts";

const SHOP = "/repos/acme/shop";
const FILE = `${SHOP}/contents/a/values.yaml`;
const TEXT = "tag: 0012 # ä\n";
const EVENT = { event_type: "environment-ready", client_payload: { application: "pr-1" } };
const START = Date.UTC(2026, 0, 1);

type Asking = { token?: string; body?: unknown; headers?: Record<string, string> };

/** A stand-in with one repository that holds one file, and how to ask it; its clock stands still until moved. */
async function scene(t: TestContext, options: GitHubOptions = {}) {
  const clock = { now: START };
  const github = await startGitHub({ now: () => clock.now, ...options });
  t.after(() => github.close());
  github.token("t");
  github.repository("acme/shop").put("a/values.yaml", TEXT);
  const ask =
    (method: string) =>
    (path: string, asking: Asking = {}) =>
      asked(github, method, path, asking);
  const post = ask("POST");
  return {
    github,
    clock,
    get: ask("GET"),
    post,
    dispatch: (asking: Asking = {}) => post(`${SHOP}/dispatches`, { body: EVENT, ...asking }),
  };
}

function asked(github: StandInGitHub, method: string, path: string, { token = "t", body, headers = {} }: Asking) {
  return send(github.url, {
    method,
    path: new URL(github.url).pathname.replace(/\/$/, "") + path,
    headers: { "user-agent": "test", ...(token && { authorization: `Bearer ${token}` }), ...headers },
    body: body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Status of each of so many requests, one after the other. */
async function statuses(times: number, ask: () => Promise<HttpAnswer>): Promise<number[]> {
  const seen: number[] = [];
  for (let count = 0; count < times; count++) seen.push((await ask()).status);
  return seen;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe("a fault at the stand-in GitHub", () => {
  it("status: answers so, with a body and headers of choice", async (t) => {
    const { github, get } = await scene(t);
    github.fault({}, { kind: "status", status: 502, body: "<html>", headers: { "content-type": "text/html" } });
    const answer = await get(FILE);
    assert.deepEqual([answer.status, answer.text, answer.headers["content-type"]], [502, "<html>", "text/html"]);
    assert.ok(answer.headers["x-github-request-id"]);
  });

  it("status: a JSON error without a body of choice, and no body where HTTP has none", async (t) => {
    const { github, get } = await scene(t);
    github.fault({ times: 1 }, { kind: "status", status: 500 });
    const error = await get(FILE);
    assert.match(String(error.headers["content-type"]), /^application\/json/);
    assert.deepEqual(error.json, { message: "Fault 500" });

    github.fault({ times: 1 }, { kind: "status", status: 204 });
    const empty = await get(FILE);
    assert.deepEqual([empty.status, empty.text, empty.headers["content-length"]], [204, "", undefined]);
  });

  it("status: the request is not carried out", async (t) => {
    const { github, dispatch } = await scene(t);
    github.fault({}, { kind: "status", status: 500 });
    await dispatch();
    assert.equal(github.dispatches.length, 0);
  });

  it("limit: secondary with retry-after", async (t) => {
    const { github, get } = await scene(t);
    github.fault({}, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    const { status, headers, json } = await get(FILE);
    assert.deepEqual([status, headers["retry-after"], json.status], [403, "30", "403"]);
    assert.match(json.message, /secondary rate limit/);
    assert.match(json.documentation_url, /secondary-rate-limits$/);
  });

  it("limit: primary with reset", async (t) => {
    const { github, get } = await scene(t);
    github.fault({}, { kind: "limit", resetAt: START / 1000 + 90 });
    const { status, headers, json } = await get(FILE);
    assert.deepEqual([status, json.status], [429, "429"]);
    assert.equal(headers["x-ratelimit-remaining"], "0");
    assert.equal(headers["x-ratelimit-reset"], String(START / 1000 + 90));
    assert.match(json.message, /API rate limit exceeded/);
  });

  it("limit: asks for silence, and whoever speaks is counted", async (t) => {
    const { github, clock, get } = await scene(t);
    github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    await statuses(3, () => get(FILE));
    assert.equal(github.counts.whilePaused, 2);
    clock.now += 30_000;
    await get(FILE);
    assert.equal(github.counts.whilePaused, 2);
  });

  for (const afterHandling of [false, true]) {
    it(`reset: ${afterHandling ? "after" : "before"} the request is carried out`, async (t) => {
      const { github, dispatch } = await scene(t);
      github.fault({}, { kind: "reset", afterHandling });
      await assert.rejects(dispatch(), { code: "ECONNRESET" });
      assert.equal(github.dispatches.length, afterHandling ? 1 : 0);
    });
  }

  it("hang: no answer comes, and others are answered meanwhile", async (t) => {
    const { github, get } = await scene(t);
    github.fault({ times: 1 }, { kind: "hang" });
    let answered = false;
    const hanging = get(FILE).then(() => {
      answered = true;
    });
    await until(() => github.requests.length === 1);
    assert.equal((await get(FILE)).status, 200);
    assert.equal(answered, false);
    await github.close();
    await assert.rejects(hanging);
  });

  it("cut: the length is announced, half of the body comes", async (t) => {
    const { github } = await scene(t);
    github.fault({}, { kind: "cut" });
    const response = await fetch(github.url + FILE, {
      headers: { authorization: "Bearer t", accept: "application/vnd.github.raw+json" },
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-length"), String(Buffer.byteLength(TEXT)));
    await assert.rejects(response.text());
  });

  it("delay: the ordinary answer, later", async (t) => {
    const { github, get } = await scene(t);
    github.fault({}, { kind: "delay", ms: 60 });
    const from = performance.now();
    assert.equal((await get(FILE)).status, 200);
    assert.ok(performance.now() - from >= 59);
  });

  const failing: Fault = { kind: "status", status: 500 };

  it("strikes so many times, after so many requests", async (t) => {
    const { github, get } = await scene(t);
    const handle = github.fault({ after: 1, times: 2 }, failing);
    assert.deepEqual(await statuses(5, () => get(FILE)), [200, 500, 500, 200, 200]);
    assert.equal(handle.met, 2);
  });

  it("strikes a route, a path or a pattern", async (t) => {
    const { github, get, dispatch } = await scene(t);
    for (const match of [
      { route: "GET /repos/{owner}/{repo}/contents/{path}" },
      { path: FILE },
      { path: /a\/values\.yaml$/g },
    ]) {
      const handle = github.fault(match, failing);
      assert.deepEqual(await statuses(2, () => get(FILE.replace("a/values", "a%2Fvalues"))), [500, 500]);
      assert.equal((await get(SHOP)).status, 200);
      assert.equal((await dispatch()).status, 204);
      handle.remove();
      assert.equal((await get(FILE)).status, 200);
    }
  });

  it("strikes by chance, from a source of choice", async (t) => {
    const { github, get } = await scene(t);
    const draws = [0.1, 0.5, 0.49, 0.9];
    github.fault({ probability: 0.5, random: () => draws.shift() ?? 1 }, failing);
    assert.deepEqual(await statuses(4, () => get(FILE)), [500, 200, 500, 200]);
  });

  it("is over when all are cleared", async (t) => {
    const { github, get } = await scene(t);
    github.fault({}, failing);
    github.clearFaults();
    assert.equal((await get(FILE)).status, 200);
  });
});

describe("contents at the stand-in GitHub", () => {
  const raw = { accept: "application/vnd.github.raw+json" };

  it("come raw, byte for byte", async (t) => {
    const { get } = await scene(t);
    const answer = await get(FILE.replace("a/values", "a%2Fvalues"), { headers: raw });
    assert.equal(answer.text, TEXT);
    assert.match(String(answer.headers["content-type"]), /^application\/vnd\.github\.raw\+json/);
  });

  it("come as JSON with base64, up to 1 MB", async (t) => {
    const { github, get } = await scene(t);
    const { json } = await get(FILE);
    assert.deepEqual([json.type, json.encoding, json.path], ["file", "base64", "a/values.yaml"]);
    assert.equal(Buffer.from(json.content, "base64").toString(), TEXT);
    // `printf 'tag: 0012 # ä\n' | git hash-object --stdin`
    assert.equal(json.sha, "14d87c32d228f27f9f934043fbd6de252ca83ba2");

    const large = "x".repeat(1_100_000);
    github.repository("acme/shop").put("large", large);
    const listed = (await get(`${SHOP}/contents/large`)).json;
    assert.deepEqual([listed.content, listed.encoding, listed.size], ["", "none", large.length]);
    assert.equal((await get(`${SHOP}/contents/large`, { headers: raw })).text, large);
  });

  it("of a directory come as a list, raw or not", async (t) => {
    const { github, get } = await scene(t);
    github.repository("acme/shop").put("a/b/c", "");
    for (const headers of [{}, raw]) {
      const answer = await get(`${SHOP}/contents/a`, { headers });
      assert.match(String(answer.headers["content-type"]), /^application\/json/);
      assert.deepEqual(
        answer.json.map(({ type, path }: { type: string; path: string }) => [type, path]),
        [
          ["file", "a/values.yaml"],
          ["dir", "a/b"],
        ],
      );
    }
    assert.equal((await get(`${SHOP}/contents/`)).json[0].name, "a");
  });

  it("come from the ref that is asked for", async (t) => {
    const { github, get } = await scene(t);
    github.repository("acme/shop").put("a/values.yaml", "other", "feature/x");
    assert.equal((await get(`${FILE}?ref=feature%2Fx`, { headers: raw })).text, "other");
    assert.equal((await get(`${FILE}?ref=main`, { headers: raw })).text, TEXT);
    const unknown = await get(`${FILE}?ref=none`, { headers: raw });
    assert.deepEqual([unknown.status, unknown.json.message], [404, "No commit found for the ref none"]);
  });

  it("answer 304 until they change", async (t) => {
    const { github, get } = await scene(t);
    const first = await get(FILE, { headers: raw });
    const conditional = { ...raw, "if-none-match": String(first.headers.etag) };
    const same = await get(FILE, { headers: conditional });
    assert.deepEqual([same.status, same.text, same.headers.etag], [304, "", first.headers.etag]);
    assert.equal((await get(FILE, { headers: { ...conditional, accept: "application/json" } })).status, 200);

    github.repository("acme/shop").put("a/values.yaml", "new");
    assert.equal((await get(FILE, { headers: conditional })).text, "new");
    github.repository("acme/shop").remove("a/values.yaml");
    assert.equal((await get(FILE, { headers: conditional })).status, 404);
  });

  it("are asked for by the path as it came: nothing tidies it up", async (t) => {
    const { github, get } = await scene(t);
    for (const path of [`${SHOP}/contents/x/../a/values.yaml`, `${SHOP}/contents/%2e%2e/values.yaml`, "//", "/%zz"]) {
      assert.equal((await get(path)).status, 404);
      assert.equal(github.requests.at(-1)?.path, path);
    }
  });
});

describe("commits and workflows at the stand-in GitHub", () => {
  const SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8";

  it("a branch, a tag, a commit or the beginning of its SHA is resolved; anything else is a 422", async (t) => {
    const { github, get } = await scene(t);
    const shop = github.repository("acme/shop");
    shop.addCommit(SHA);
    for (const ref of [SHA, SHA.slice(0, 7)]) assert.equal((await get(`${SHOP}/commits/${ref}`)).json.sha, SHA);
    shop.put("a", "", "feature/x");
    const tip = (await get(`${SHOP}/commits/feature%2Fx`)).json.sha;
    assert.match(tip, /^[0-9a-f]{40}$/);
    assert.equal((await get(`${SHOP}/commits/${tip}`)).json.sha, tip);
    shop.put("a", "changed", "feature/x");
    assert.notEqual((await get(`${SHOP}/commits/feature%2Fx`)).json.sha, tip);
    shop.addTag("v1.2.3", SHA);
    for (const ref of ["v1.2.3", "tags/v1.2.3"]) assert.equal((await get(`${SHOP}/commits/${ref}`)).json.sha, SHA);
    const main = (await get(`${SHOP}/commits/main`)).json.sha;
    assert.equal((await get(`${SHOP}/commits/heads%2Fmain`)).json.sha, main);

    for (const ref of ["1".repeat(40), "none", "tags/main", "heads/v1.2.3", "tags/none"]) {
      const { status, json } = await get(`${SHOP}/commits/${ref}`);
      assert.deepEqual([status, json.message], [422, `No commit found for SHA: ${ref}`]);
    }
  });

  it("the SHA of a branch, a tag or the beginning of a SHA names the files of that commit, also when the branch moves on", async (t) => {
    const { github, get } = await scene(t);
    const shop = github.repository("acme/shop");
    shop.put("a.txt", "before");
    const tip = (await get(`${SHOP}/commits/main`)).json.sha;
    shop.addTag("v1", tip);
    shop.put("a.txt", "after");
    const textAt = async (ref: string) => {
      const { json } = await get(`${SHOP}/contents/a.txt?ref=${encodeURIComponent(ref)}`);
      return Buffer.from(json.content, "base64").toString();
    };
    for (const ref of [tip, tip.slice(0, 7), "v1", "tags/v1"]) assert.equal(await textAt(ref), "before");
    for (const ref of ["main", "heads/main", (await get(`${SHOP}/commits/main`)).json.sha]) {
      assert.equal(await textAt(ref), "after");
    }
    assert.equal((await get(`${SHOP}/contents/?ref=${tip}`)).status, 200);
    assert.equal((await get(`${SHOP}/contents/a.txt?ref=${"1".repeat(40)}`)).status, 404);
  });

  it("the workflow files of the default branch are listed, page by page, with their states", async (t) => {
    const { github, get } = await scene(t);
    const shop = github.repository("acme/shop");
    shop.put(".github/workflows/b.yml", "on: push\n");
    shop.put(".github/workflows/a.yaml", 'name: "Tests"\non: push\n');
    shop.put(".github/workflows/notes.md", "");
    shop.put(".github/workflows/c.yml", "on: push\n", "feature");
    shop.workflowStates.set(".github/workflows/b.yml", "disabled_manually");

    const first = await get(`${SHOP}/actions/workflows?per_page=1`);
    const next = /<(.*)>; rel="next"/.exec(String(first.headers.link))?.[1] ?? "";
    const second = await get(next.slice(github.url.length));
    assert.deepEqual([first.json.total_count, second.json.total_count, second.headers.link], [2, 2, undefined]);
    assert.deepEqual(
      [first, second].map(({ json: { workflows } }) => [workflows[0].name, workflows[0].path, workflows[0].state]),
      [
        [".github/workflows/b.yml", ".github/workflows/b.yml", "disabled_manually"],
        ["Tests", ".github/workflows/a.yaml", "active"],
      ],
    );
    assert.equal(new Set([first, second].map(({ json }) => json.workflows[0].id)).size, 2);
    shop.actionsDisabled = true;
    assert.equal((await get(`${SHOP}/actions/workflows`)).json.total_count, 0);
  });
});

describe("the stand-in as a GitHub Enterprise Server", () => {
  const enterprise = { enterprise: "3.19.0", basePath: "/api/v3", limits: { primaryPerHour: 2 } };

  it("names its version, and says nothing of limits", async (t) => {
    const { github, get } = await scene(t, enterprise);
    github.limits({});
    const { headers } = await get(SHOP);
    assert.equal(headers["x-github-enterprise-version"], "3.19.0");
    assert.equal(headers["x-ratelimit-limit"], undefined);
    const limits = await get("/rate_limit");
    assert.deepEqual([limits.status, limits.json.message], [404, "Rate limiting is not enabled."]);
  });

  it("has pages for people outside its API", async (t) => {
    const { github } = await scene(t, enterprise);
    const answer = await send(github.url, { path: SHOP, headers: { "user-agent": "x", authorization: "token t" } });
    assert.equal(answer.status, 404);
    assert.match(String(answer.headers["content-type"]), /^text\/html/);
    assert.match(answer.text, /^<!DOCTYPE html>/);
    assert.equal(answer.headers["x-github-enterprise-version"], undefined);
  });

  it("knows one version of the API, github.com two", async (t) => {
    const asked = async (options: GitHubOptions, version: string) => {
      const { get } = await scene(t, options);
      return get(SHOP, { headers: { "x-github-api-version": version } });
    };
    assert.equal((await asked(enterprise, "2022-11-28")).status, 200);
    assert.equal((await asked({}, "2026-03-10")).status, 200);
    const refused = await asked(enterprise, "2026-03-10");
    assert.equal(refused.status, 400);
    assert.match(refused.json.message, /"2026-03-10", is not a supported version.*: "2022-11-28"/);
  });
});

describe("a renamed repository at the stand-in GitHub", () => {
  it("answers reads with 301 and writes with 307, and works by its id", async (t) => {
    const { github, get, post } = await scene(t);
    const shop = github.repository("acme/shop");
    shop.rename("acme/store");
    const byId = `${github.url}/repositories/${shop.id}`;

    const read = await get(`${FILE}?ref=main`);
    assert.deepEqual([read.status, read.headers.location], [301, `${byId}/contents/a/values.yaml?ref=main`]);
    const write = await post(`${SHOP}/dispatches`, { body: EVENT });
    assert.deepEqual([write.status, write.headers.location], [307, `${byId}/dispatches`]);
    assert.equal(github.dispatches.length, 0);

    const path = (location: unknown) => String(location).slice(github.url.length);
    assert.equal((await get(path(read.headers.location))).json.path, "a/values.yaml");
    assert.equal((await post(path(write.headers.location), { body: EVENT })).status, 204);
    assert.equal(github.dispatches[0]?.repo, "acme/store");
    assert.equal((await get("/repos/acme/store")).json.full_name, "acme/store");
  });

  it("is still open to a token that was given its old name", async (t) => {
    const { github, get } = await scene(t);
    github.token("old", { repositories: ["acme/shop"] });
    github.repository("acme/shop").rename("acme/store");
    assert.equal((await get("/repos/acme/store", { token: "old" })).status, 200);
  });

  it("redirects below the base path of an Enterprise Server", async (t) => {
    const { github, get } = await scene(t, { basePath: "/api/v3" });
    assert.equal((await get("/repos/Acme/SHOP")).status, 200);
    github.repository("acme/shop").rename("acme/store");
    assert.match(String((await get(SHOP)).headers.location), /\/api\/v3\/repositories\/\d+$/);
    assert.equal((await send(github.url, { path: SHOP, headers: { "user-agent": "x" } })).status, 404);
  });
});

describe("a token at the stand-in GitHub", () => {
  it("that is unknown, revoked or expired is refused with 401", async (t) => {
    const { github, clock, get } = await scene(t);
    github.token("short", { expiresAt: START + 1000 });
    assert.equal((await get(SHOP, { token: "short" })).status, 200);
    clock.now += 1000;
    github.revoke("t");
    for (const token of ["short", "t", "unknown", ""]) {
      const answer = await get(SHOP, { token });
      assert.deepEqual([answer.status, answer.json.message], [401, "Bad credentials"]);
    }
  });

  it("that cannot see a private repository is told 404, as if there were none", async (t) => {
    const { github, get, dispatch } = await scene(t);
    github.token("other", { repositories: ["acme/other"] });
    const invisible = await get(SHOP, { token: "other" });
    const missing = await get("/repos/acme/none", { token: "other" });
    assert.deepEqual([invisible.status, invisible.text], [404, missing.text]);
    assert.equal((await dispatch({ token: "other" })).status, 404);
  });

  it("reads a public repository that was not given to it, and may not write there", async (t) => {
    const { github, get, dispatch } = await scene(t);
    github.token("other", { repositories: ["acme/other"] });
    github.repository("acme/shop").isPrivate = false;
    assert.equal((await get(FILE, { token: "other" })).status, 200);
    assert.equal((await dispatch({ token: "other" })).status, 403);
  });

  it("that lacks a permission is told which with 403", async (t) => {
    const { github, get, dispatch } = await scene(t);
    github.token("reader", { permissions: { contents: "read" } });
    github.token("metadata", { permissions: { metadata: "read" } });
    assert.equal((await get(FILE, { token: "reader" })).status, 200);
    const write = await dispatch({ token: "reader" });
    assert.deepEqual([write.status, write.headers["x-accepted-github-permissions"]], [403, "contents=write"]);
    assert.equal(write.json.message, "Resource not accessible by personal access token");
    assert.equal((await get(SHOP, { token: "metadata" })).status, 200);
    assert.equal((await get(FILE, { token: "metadata" })).headers["x-accepted-github-permissions"], "contents=read");
  });

  it("that single sign-on has not authorized is told where with 403", async (t) => {
    const { github, get } = await scene(t);
    github.token("sso", { sso: "https://github.com/orgs/acme/sso" });
    const answer = await get(SHOP, { token: "sso" });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers["x-github-sso"], "required; url=https://github.com/orgs/acme/sso");
  });

  it("is told the permission that a route needs, with success too", async (t) => {
    const { get, dispatch } = await scene(t);
    const needed = async (answer: Promise<HttpAnswer>) => (await answer).headers["x-accepted-github-permissions"];
    assert.equal(await needed(get(SHOP)), "metadata=read");
    assert.equal(await needed(get(FILE)), "contents=read");
    assert.equal(await needed(get(`${SHOP}/commits/main`)), "contents=read");
    assert.equal(await needed(get(`${SHOP}/actions/workflows`)), "actions=read");
    assert.equal(await needed(get("/repos/acme/none")), "metadata=read");
    assert.equal(await needed(get("/user")), "allows_permissionless_access=true");
    assert.equal(await needed(dispatch()), "contents=write");
  });

  it("lacks a permission whatever it would have sent", async (t) => {
    const { github, dispatch } = await scene(t);
    github.token("reader", { permissions: { contents: "read" } });
    for (const body of ["{", {}, EVENT]) {
      const { status, headers } = await dispatch({ token: "reader", body });
      assert.deepEqual([status, headers["x-accepted-github-permissions"]], [403, "contents=write"]);
    }
    assert.equal((await dispatch({ body: {} })).status, 422);
  });

  it("sees in the repository what it may do there", async (t) => {
    const { github, get } = await scene(t);
    github.token("reader", { permissions: { contents: "read" } });
    github.token("other", { repositories: ["acme/other"] });
    assert.deepEqual((await get(SHOP)).json.permissions, { admin: false, push: true, pull: true });
    assert.deepEqual((await get(SHOP, { token: "reader" })).json.permissions, {
      admin: false,
      push: false,
      pull: true,
    });
    github.repository("acme/shop").isPrivate = false;
    assert.deepEqual((await get(SHOP, { token: "other" })).json.permissions, { admin: false, push: false, pull: true });
  });

  it("that ends is told when, with every answer; a classic one its scopes", async (t) => {
    const { github, get } = await scene(t);
    github.token("ghp_classic", { expiresAt: Date.UTC(2026, 11, 24, 10) });
    for (const path of ["/user", SHOP, "/repos/acme/none"]) {
      const { headers } = await get(path, { token: "ghp_classic" });
      assert.equal(headers["github-authentication-token-expiration"], "2026-12-24 10:00:00 UTC");
      assert.equal(headers["x-oauth-scopes"], "repo");
    }
    const { headers } = await get("/user");
    assert.equal(headers["github-authentication-token-expiration"], undefined);
    assert.equal(headers["x-oauth-scopes"], undefined);
  });

  it("of the classic kind without the scope is told 404", async (t) => {
    const { github, get, dispatch } = await scene(t);
    github.token("ghp_none", { scopes: ["read:org"] });
    github.token("ghp_public", { scopes: ["public_repo"] });
    assert.equal((await get(SHOP, { token: "ghp_public" })).status, 404);
    github.repository("acme/shop").isPrivate = false;
    assert.equal((await get(SHOP, { token: "ghp_none" })).status, 200);
    assert.equal((await dispatch({ token: "ghp_none" })).status, 404);
    assert.equal((await dispatch({ token: "ghp_public" })).status, 204);
  });

  it("comes with a user agent, or is refused", async (t) => {
    const { github } = await scene(t);
    const answer = await send(github.url, { path: SHOP, headers: { authorization: "token t" } });
    assert.equal(answer.status, 403);
    assert.match(answer.json.message, /User-Agent/);
  });
});

describe("a dispatch at the stand-in GitHub", () => {
  it("is accepted with 204, no body, and recorded", async (t) => {
    const { github, dispatch } = await scene(t);
    const answer = await dispatch();
    assert.deepEqual([answer.status, answer.text], [204, ""]);
    assert.deepEqual(github.dispatches, [
      { repo: "acme/shop", eventType: EVENT.event_type, payload: EVENT.client_payload, token: "t", at: START },
    ]);
  });

  const properties = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, at]));
  const sized = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });
  const accepted: Record<string, unknown> = {
    "without a payload": { event_type: "e" },
    "with an event type of 100 characters": { event_type: "e".repeat(100) },
    "with 10 properties": { event_type: "e", client_payload: properties(10) },
    "with one byte less than 64 KB": { event_type: "e", client_payload: sized(65_535) },
  };
  for (const [what, body] of Object.entries(accepted)) {
    it(`is accepted ${what}`, async (t) => {
      const { dispatch } = await scene(t);
      assert.equal((await dispatch({ body })).status, 204);
    });
  }

  const refused: Record<string, [unknown, number, RegExp]> = {
    "that is no JSON": ["{", 400, /Problems parsing JSON/],
    "that is no object": [[], 400, /Problems parsing JSON/],
    "without an event type": [{}, 422, /"event_type" wasn't supplied/],
    "whose event type is no string": [{ event_type: 1 }, 422, /is not a string/],
    "whose event type is empty": [{ event_type: "" }, 422, /1 to 100 characters/],
    "whose event type has 101 characters": [{ event_type: "e".repeat(101) }, 422, /1 to 100 characters/],
    "whose payload is a list": [{ event_type: "e", client_payload: [] }, 422, /is not an object/],
    "whose payload is null": [{ event_type: "e", client_payload: null }, 422, /is not an object/],
    "with 11 properties": [{ event_type: "e", client_payload: properties(11) }, 422, /No more than 10 properties/],
    "with 64 KB": [{ event_type: "e", client_payload: sized(65_536) }, 422, /too large/],
    "with a key too many": [{ event_type: "e", ref: "main" }, 422, /"ref" is not a permitted key/],
  };
  for (const [what, [body, status, message]] of Object.entries(refused)) {
    it(`is refused ${what}`, async (t) => {
      const { github, dispatch } = await scene(t);
      const answer = await dispatch({ body });
      assert.equal(answer.status, status);
      assert.match(answer.json.message, message);
      assert.equal(github.dispatches.length, 0);
    });
  }

  it("is refused by an archived repository", async (t) => {
    const { github, dispatch } = await scene(t);
    github.repository("acme/shop").archived = true;
    assert.equal((await dispatch()).status, 403);
  });

  it("is refused by a repository whose Actions is disabled", async (t) => {
    const { github, dispatch } = await scene(t);
    github.repository("acme/shop").actionsDisabled = true;
    const { status, json } = await dispatch();
    assert.deepEqual([status, json.message], [422, "Actions has been disabled for this repository."]);
  });

  it("that breaks off in the middle harms nobody", async (t) => {
    const { github, get } = await scene(t);
    const { hostname, port } = new URL(github.url);
    const broken = request({ hostname, port, method: "POST", path: SHOP, headers: { "content-length": "100" } });
    broken.on("error", () => {});
    await new Promise<void>((sent) => broken.write("{", () => sent()));
    broken.destroy();
    assert.equal((await get(SHOP)).status, 200);
    assert.equal(github.counts.dispatches, 0);
  });
});

describe("the limits of the stand-in GitHub", () => {
  it("80 writes a minute: the 81st waits until the first is a minute old", async (t) => {
    const { github, clock, dispatch, get } = await scene(t, { limits: { writesPerMinute: 80 } });
    assert.deepEqual(new Set(await statuses(80, dispatch)), new Set([204]));
    clock.now += 20_000;
    const refused = await dispatch();
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [403, "40"]);
    assert.match(refused.json.message, /secondary rate limit/);
    assert.equal((await get(SHOP)).status, 200);
    clock.now += 40_000;
    assert.equal((await dispatch()).status, 204);
    assert.deepEqual([github.counts.dispatches, github.counts.limited], [81, 1]);
  });

  it("writes an hour, over any number of minutes", async (t) => {
    const { clock, dispatch } = await scene(t, { limits: { writesPerHour: 3 } });
    for (let count = 0; count < 3; count++) {
      assert.equal((await dispatch()).status, 204);
      clock.now += 60_000;
    }
    assert.equal((await dispatch()).headers["retry-after"], String(57 * 60));
    clock.now = START + 3_600_000;
    assert.deepEqual(await statuses(2, dispatch), [204, 403]);
  });

  it("points: a read costs 1, a write 5, and retry-after is long enough for what was asked", async (t) => {
    const { clock, dispatch, get } = await scene(t, { limits: { pointsPerMinute: 10 } });
    for (let count = 0; count < 5; count++) {
      assert.equal((await get(SHOP)).status, 200);
      clock.now += 1000;
    }
    assert.equal((await dispatch()).status, 204);
    const write = await dispatch();
    assert.deepEqual([write.status, write.headers["retry-after"]], [403, "59"]);
    assert.equal((await get(SHOP)).headers["retry-after"], "55");
    clock.now += 59_000;
    assert.equal((await dispatch()).status, 204);
  });

  it("concurrent: one too many is refused, one that ends makes room", async (t) => {
    const { github, get } = await scene(t, { limits: { concurrent: 2 } });
    const release = github.fault({ times: 2 }, { kind: "hang" });
    const stop = new AbortController();
    const headers = { authorization: "Bearer t" };
    const hanging = [1, 2].map(() => fetch(github.url + SHOP, { headers, signal: stop.signal }).catch(() => "ended"));
    await until(() => release.met === 2);
    assert.equal((await get(SHOP)).status, 403);
    assert.equal(github.counts.maxInFlight, 3);
    stop.abort();
    assert.deepEqual(await Promise.all(hanging), ["ended", "ended"]);
    await assert.doesNotReject(async () => {
      while ((await get(SHOP)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 2));
    });
  });

  it("primary: counts down in headers, spares a 304, and opens again at its reset", async (t) => {
    const { clock, get } = await scene(t, { limits: { primaryPerHour: 2 } });
    const first = await get(FILE);
    assert.equal(first.headers["x-ratelimit-remaining"], "1");
    clock.now += 1000;
    const same = await get(FILE, { headers: { "if-none-match": String(first.headers.etag) } });
    assert.deepEqual([same.status, same.headers["x-ratelimit-remaining"]], [304, "1"]);
    const last = await get(FILE);
    const reset = String(START / 1000 + 3600);
    assert.deepEqual([last.headers["x-ratelimit-remaining"], last.headers["x-ratelimit-reset"]], ["0", reset]);

    const refused = await get(FILE);
    assert.ok([403, 429].includes(refused.status));
    assert.deepEqual([refused.headers["x-ratelimit-remaining"], refused.headers["x-ratelimit-reset"]], ["0", reset]);
    assert.equal(refused.headers["retry-after"], undefined);
    clock.now = Number(reset) * 1000;
    assert.equal((await get(FILE)).headers["x-ratelimit-remaining"], "1");
  });

  it("count what a credential sends while it was told to be silent", async (t) => {
    const { github, clock, dispatch, get } = await scene(t, { limits: { writesPerMinute: 1 } });
    github.token("other");
    await statuses(2, dispatch);
    assert.equal(github.counts.whilePaused, 0);
    await get(SHOP);
    await get(SHOP, { token: "other" });
    assert.equal(github.counts.whilePaused, 1);
    clock.now += 60_000;
    await get(SHOP);
    assert.equal(github.counts.whilePaused, 1);
  });

  it("tell how late after the refusal somebody still spoke", async (t) => {
    const { github, get } = await scene(t, { limits: { writesPerMinute: 1 } });
    github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    assert.equal((await get(SHOP)).status, 403);
    assert.equal(github.counts.lateness, 0);
    const told = performance.now();
    await until(() => performance.now() - told > 40);
    await get(SHOP);
    assert.ok(github.counts.lateness > 40 && github.counts.lateness < 2000, String(github.counts.lateness));
  });

  it("call nobody late whose request crossed the refusal on its way", async (t) => {
    const { github, dispatch } = await scene(t, { limits: { writesPerMinute: 1 }, latencyMs: 30 });
    const answers = await Promise.all([1, 2, 3].map(() => dispatch()));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 403, 403]);
    assert.deepEqual([github.counts.whilePaused, github.counts.lateness], [1, 0]);
  });

  it("can be asked about for nothing", async (t) => {
    const { get } = await scene(t, { limits: { primaryPerHour: 1 } });
    const left = async () => (await get("/rate_limit")).json.rate;
    const reset = START / 1000 + 3600;
    assert.deepEqual(await left(), { limit: 1, remaining: 1, used: 0, reset });
    assert.equal((await get(SHOP)).status, 200);
    assert.deepEqual(await left(), { limit: 1, remaining: 0, used: 1, reset });
    assert.deepEqual(await statuses(2, () => get("/rate_limit")), [200, 200]);
  });

  it("are shared by the tokens of one user", async (t) => {
    const { github, dispatch } = await scene(t, { limits: { writesPerMinute: 1 } });
    for (const token of ["one", "two"]) github.token(token, { login: "mona" });
    assert.equal((await dispatch({ token: "one" })).status, 204);
    assert.equal((await dispatch({ token: "two" })).status, 403);
    assert.equal((await dispatch()).status, 204);
  });

  it("run faster by a scale, with waits in real seconds", async (t) => {
    const { clock, dispatch } = await scene(t, { limits: { writesPerMinute: 1, writesPerHour: 2, scale: 60 } });
    assert.equal((await dispatch()).status, 204);
    assert.equal((await dispatch()).headers["retry-after"], "1");
    clock.now += 1000;
    assert.equal((await dispatch()).status, 204);
    clock.now += 1000;
    assert.equal((await dispatch()).headers["retry-after"], "58");
    clock.now = START + 60_000;
    assert.equal((await dispatch()).status, 204);
  });

  it("can be changed, and are none by themselves", async (t) => {
    const { github, dispatch } = await scene(t);
    assert.equal((await dispatch()).headers["x-ratelimit-limit"], undefined);
    assert.deepEqual(new Set(await statuses(100, dispatch)), new Set([204]));
    github.limits({ writesPerMinute: 1 });
    assert.equal((await dispatch()).status, 403);
  });
});

describe("a GitHub App at the stand-in GitHub", () => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  const seconds = START / 1000;

  function jwt(claims: object = {}, { key = keys.privateKey, alg = "RS256" }: { key?: KeyObject; alg?: string } = {}) {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg, typ: "JWT" })}.${part({ iss: "7", iat: seconds - 60, exp: seconds + 540, ...claims })}`;
    return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
  }

  async function appScene(t: TestContext, options?: GitHubOptions) {
    const installation = { id: 70, owner: "acme", suspended: false };
    const all = await scene(t, options);
    all.github.app({ id: 7, publicKey, installations: [installation] });
    const token = async (body?: unknown): Promise<string> => {
      const answer = await all.post("/app/installations/70/access_tokens", { token: jwt(), body });
      assert.equal(answer.status, 201, answer.text);
      return answer.json.token;
    };
    return { ...all, installation, token };
  }

  it("finds its installation, gets a token, and dispatches with it", async (t) => {
    const { get, post, dispatch } = await appScene(t);
    assert.equal((await get("/app", { token: jwt() })).json.id, 7);
    const installed = (await get("/app/installations", { token: jwt() })).json;
    assert.deepEqual(
      installed.map(({ id, account }: { id: number; account: { login: string } }) => [id, account.login]),
      [[70, "acme"]],
    );
    const found = await get(`${SHOP}/installation`, { token: jwt() });
    assert.deepEqual([found.status, found.json.id, found.json.account.login], [200, 70, "acme"]);
    const path = new URL(found.json.access_tokens_url).pathname;
    const issued = await post(path, { token: jwt({ iss: 7 }) });
    assert.equal(issued.status, 201);
    assert.equal(issued.json.expires_at, "2026-01-01T01:00:00Z");
    assert.deepEqual(issued.json.permissions, { contents: "write", metadata: "read" });
    assert.equal((await dispatch({ token: issued.json.token })).status, 204);
  });

  it("is not installed elsewhere, and its token does not reach there", async (t) => {
    const { github, get, token } = await appScene(t);
    github.repository("initech/shop");
    assert.equal((await get("/repos/initech/shop/installation", { token: jwt() })).status, 404);
    assert.equal((await get("/repos/initech/shop", { token: await token() })).status, 404);
  });

  it("narrows a token to repositories and permissions", async (t) => {
    const { github, get, dispatch, token } = await appScene(t);
    github.repository("acme/other");
    const narrow = await token({ repositories: ["shop"], permissions: { contents: "read" } });
    assert.equal((await get(FILE, { token: narrow })).status, 200);
    assert.equal((await get("/repos/acme/other", { token: narrow })).status, 404);
    const write = await dispatch({ token: narrow });
    assert.deepEqual([write.status, write.json.message], [403, "Resource not accessible by integration"]);
  });

  for (const [what, body] of Object.entries({
    "a repository that does not exist": { repositories: ["none"] },
    "a permission that it was not granted": { permissions: { actions: "write" } },
    "no list of repositories": { repositories: "shop" },
  })) {
    it(`is refused a token for ${what} with 422`, async (t) => {
      const { post } = await appScene(t);
      assert.equal((await post("/app/installations/70/access_tokens", { token: jwt(), body })).status, 422);
    });
  }

  it("is refused a token for a repository's former name with 422", async (t) => {
    const { github, post } = await appScene(t);
    github.repository("acme/shop").rename("acme/store");
    const body = { repositories: ["shop"] };
    assert.equal((await post("/app/installations/70/access_tokens", { token: jwt(), body })).status, 422);
  });

  it("has a token for an hour", async (t) => {
    const { clock, get, token } = await appScene(t);
    const issued = await token();
    clock.now += 3_599_000;
    assert.equal((await get(SHOP, { token: issued })).status, 200);
    clock.now += 1000;
    assert.equal((await get(SHOP, { token: issued })).status, 401);
  });

  it("gets nothing while its installation is suspended, with old tokens or new", async (t) => {
    const { installation, get, post, token } = await appScene(t);
    const before = await token();
    installation.suspended = true;
    for (const answer of [
      await get(SHOP, { token: before }),
      await post("/app/installations/70/access_tokens", { token: jwt() }),
    ]) {
      assert.deepEqual([answer.status, answer.json.message], [403, "This installation has been suspended"]);
    }
    installation.suspended = false;
    assert.equal((await get(SHOP, { token: before })).status, 200);
  });

  it("shares its limits between all tokens of an installation", async (t) => {
    const { github, dispatch, token } = await appScene(t);
    const tokens = [await token(), await token()];
    github.limits({ writesPerMinute: 1 });
    assert.equal((await dispatch({ token: tokens[0] as string })).status, 204);
    assert.equal((await dispatch({ token: tokens[1] as string })).status, 403);
  });

  const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  for (const [what, bad] of Object.entries({
    "signed by another key": jwt({}, { key: other }),
    "of another algorithm": jwt({}, { alg: "HS256" }),
    "of an unknown App": jwt({ iss: 8 }),
    "that has expired": jwt({ exp: seconds }),
    "for more than 10 minutes": jwt({ exp: seconds + 601 }),
    "from the future": jwt({ iat: seconds + 1 }),
    "without an end": jwt({ exp: undefined }),
    "that is none": "a.b.c",
  })) {
    it(`is refused with a JWT ${what} with 401`, async (t) => {
      const { get, post } = await appScene(t);
      assert.equal((await get("/app", { token: bad })).status, 401);
      assert.equal((await get(`${SHOP}/installation`, { token: bad })).status, 401);
      assert.equal((await post("/app/installations/70/access_tokens", { token: bad })).status, 401);
    });
  }
});
