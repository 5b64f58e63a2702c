import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { judgeOf } from "../sandbox/openapi.ts";
import { tokenCredentials } from "../src/github/auth/credentials.ts";
import { gitHubFor } from "../src/github/client.ts";
import { dryRunOf } from "../src/github/dry-run.ts";
import { openGitHubHttp } from "../src/github/http.ts";
import type { PermanentFailure } from "../src/index.ts";
import type { UnsentWrite } from "../src/model/network.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { gitHubHost } from "./support/github.ts";

const SHOP = { owner: "acme", repo: "shop" };

/** A workflow's `github`, in front of a stand-in with one repository. */
async function gitHub(t: TestContext, grant = {}, show?: (write: UnsentWrite) => void) {
  const server = await startGitHub();
  t.after(() => server.close());
  server.token("token", grant);
  const shop = server.repository("acme/shop");
  shop.put("docs/a.md", "hello\n");
  shop.put(".github/workflows/tests.yml", "on: { workflow_dispatch: { inputs: { pr: {} } } }\n");
  const http = openGitHubHttp({ apiUrl: server.url, brief: knownSecrets([]).brief, userAgent: "gh-runner/test" });
  t.after(() => http.close());
  const waits: number[] = [];
  const send = show ? dryRunOf(http, { apiUrl: server.url }, show) : http.send;
  const host = gitHubHost({ apiUrl: server.url, send, wait: async (ms: number) => void waits.push(ms) });
  return { server, waits, github: gitHubFor(host, { credentials: tokenCredentials("token"), name: "test" }).github };
}

const failed = (pattern: RegExp) => (error: PermanentFailure) =>
  error.name === "PermanentFailure" && pattern.test(error.message);

describe("github.request", () => {
  it("resolves with status, headers and data", async (t) => {
    const { github } = await gitHub(t);
    const { status, headers, data } = await github.request("GET /repos/{owner}/{repo}", SHOP);
    assert.equal(status, 200);
    assert.match(headers["content-type"] ?? "", /json/);
    assert.equal(data.full_name, "acme/shop");
  });

  it("puts parameters into path, query and body, as GitHub documents them", async (t) => {
    const { github, server } = await gitHub(t);
    const path = { ...SHOP, path: "docs/ä (1)!.md", ref: "a b&c" };
    await github.request("GET /repos/{owner}/{repo}/contents/{path}", path, { allow: [404] });
    const { data } = await github.request("POST /repos/{owner}/{repo}/dispatches", { ...SHOP, event_type: "go" });
    assert.equal(data, undefined);
    const [read, write] = server.requests;
    assert.equal(
      `${read?.path}${read?.query}`,
      "/repos/acme/shop/contents/docs%2F%C3%A4%20%281%29%21.md?ref=a%20b%26c",
    );
    assert.deepEqual(JSON.parse(write?.body ?? ""), { event_type: "go" });
  });

  it("throws for anything except 2xx, with the request and GitHub's message", async (t) => {
    const { github } = await gitHub(t, { permissions: { metadata: "read" } });
    await assert.rejects(
      github.request("POST /repos/{owner}/{repo}/dispatches", { ...SHOP, event_type: "go" }),
      failed(
        /^Requesting POST \/repos\/acme\/shop\/dispatches failed: GitHub answered 403 .*needs contents=write.*Give the token the permission that this request needs on acme\/shop/,
      ),
    );
  });

  it("resolves with an allowed status", async (t) => {
    const { github } = await gitHub(t);
    const missing = await github.request(
      "GET /repos/{owner}/{repo}/contents/{path}",
      { ...SHOP, path: "none.md" },
      { allow: [404] },
    );
    assert.equal(missing.status, 404);
  });

  it("retries transient faults", async (t) => {
    const { github, server, waits } = await gitHub(t);
    server.fault({ route: "GET /repos/{owner}/{repo}", times: 2 }, { kind: "status", status: 502 });
    assert.equal((await github.request("GET /repos/{owner}/{repo}", SHOP)).status, 200);
    assert.deepEqual(waits, [300, 1000]);
  });

  it("sends once with retry: false, so that a lost answer is checked before a repeat", async (t) => {
    const { github, server, waits } = await gitHub(t);
    const shop = server.repository("acme/shop");
    shop.openPull({ number: 7 });
    const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const comment = { ...SHOP, issue_number: 7, body: "hello" };
    const lost = { kind: "reset", afterHandling: true } as const;
    server.fault({ route, times: 1 }, lost);
    await assert.rejects(github.request(route, comment, { retry: false }), { name: "TransientFailure" });
    server.fault({ route, times: 1 }, { kind: "status", status: 502 });
    await assert.rejects(github.request(route, comment, { retry: false }), { name: "TransientFailure" });
    assert.deepEqual([shop.comments.length, server.requests.length, waits], [1, 2, []]);
    assert.equal((await github.request(route, comment, { retry: false })).status, 201);
    server.fault({ route, times: 1 }, lost);
    assert.equal((await github.request(route, comment)).status, 201);
    assert.deepEqual([shop.comments.length, waits], [4, [300]], "without it, what was done is done again");
  });

  it("accepts the same options in a dry run", async (t) => {
    const unsent: UnsentWrite[] = [];
    const { github, server } = await gitHub(t, {}, (write) => void unsent.push(write));
    server.repository("acme/shop").openPull({ number: 7 });
    const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const made = await github.request(route, { ...SHOP, issue_number: 7, body: "hello" }, { retry: false });
    assert.deepEqual([made.status, made.data.id], [201, 0]);
    assert.deepEqual(
      unsent.map(({ method, body }) => [method, body]),
      [["POST", '{"body":"hello"}']],
    );
    server.fault({ times: 1 }, { kind: "status", status: 502 });
    const read = github.request("GET /repos/{owner}/{repo}", SHOP, { retry: false });
    await assert.rejects(read, { name: "TransientFailure" });
    assert.equal(server.requests.length, 1);
  });

  it("returns text as text, and reports invalid JSON", async (t) => {
    const { github, server } = await gitHub(t);
    const raw = { ...SHOP, path: "docs/a.md", headers: { accept: "application/vnd.github.raw+json" } };
    const { data } = await github.request("GET /repos/{owner}/{repo}/contents/{path}", raw);
    assert.equal(data, "hello\n");
    server.fault({}, { kind: "status", status: 200, body: "<html>", headers: { "content-type": "application/json" } });
    await assert.rejects(github.request("GET /repos/{owner}/{repo}", SHOP), failed(/not JSON.*proxy/));
  });

  it("does not let parameters change host, method or token", async (t) => {
    const { github, server } = await gitHub(t);
    const elsewhere = await startGitHub();
    t.after(() => elsewhere.close());
    const parameters = {
      ...SHOP,
      baseUrl: elsewhere.url,
      url: "/user",
      method: "DELETE",
      headers: { Authorization: "Bearer stolen" },
    };
    await github.request("GET /repos/{owner}/{repo}", parameters);
    assert.equal(elsewhere.requests.length, 0);
    assert.deepEqual(
      server.requests.map(({ method, path, headers }) => [method, path, headers.authorization]),
      [["GET", "/repos/acme/shop", "Bearer token"]],
    );
    const route = `GET ${elsewhere.url}/x` as "GET /x";
    await assert.rejects(github.request(route), failed(/this is not a route/));
    assert.equal(elsewhere.requests.length, 0);
  });
});

describe("github.readFile", () => {
  it("returns the text, undefined without the file, and a failure without the repository", async (t) => {
    const { github } = await gitHub(t);
    assert.equal(await github.readFile("acme/shop", "docs/a.md"), "hello\n");
    assert.equal(await github.readFile("acme/shop", "docs/b.md"), undefined);
    await assert.rejects(github.readFile("acme/none", "docs/a.md"), failed(/acme\/none does not exist or/));
    await assert.rejects(
      github.readFile("acme/shop", "docs/a.md", { ref: "none" }),
      failed(/Check that none is a branch/),
    );
  });
});

describe("github.runWorkflow", () => {
  it("starts a workflow and returns its run, in a request that GitHub documents", async (t) => {
    const { github, server } = await gitHub(t);
    const started = await github.runWorkflow("acme/shop", "tests.yml", { ref: "main", inputs: { pr: 7 } });
    assert.match(started?.htmlUrl ?? "", /^https:\/\/github\.com\/acme\/shop\/actions\/runs\/\d+$/);
    const { route, body } = server.requests[0]!;
    assert.deepEqual(judgeOf("api.github.com").validateRequest({ route, requestBody: JSON.parse(body) }), []);
    assert.deepEqual(JSON.parse(body), { ref: "main", inputs: { pr: 7 }, return_run_details: true });
  });

  it("works with a GitHub that returns no run, and with one that does not know the parameter", async (t) => {
    const { github, server } = await gitHub(t);
    const route = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
    server.fault({ route, times: 1 }, { kind: "status", status: 204 });
    assert.equal(await github.runWorkflow("acme/shop", "tests.yml", { ref: "main" }), undefined);
    for (const status of [400, 422]) {
      const message = 'Invalid request.\n\n"return_run_details" is not a permitted key.';
      server.fault({ route, times: 1 }, { kind: "status", status, body: JSON.stringify({ message }) });
      assert.equal(await github.runWorkflow("acme/shop", "tests.yml", { ref: "main" }), undefined);
      assert.deepEqual(JSON.parse(server.requests.at(-1)?.body ?? ""), { ref: "main", inputs: {} });
    }
  });

  it("fails when there is no such ref, with GitHub's message", async (t) => {
    const { github } = await gitHub(t);
    await assert.rejects(
      github.runWorkflow("acme/shop", "tests.yml", { ref: "none" }),
      failed(/^Starting the workflow tests\.yml of acme\/shop at none failed: .*No ref found for: none/),
    );
  });
});

describe("a request of your workflow", () => {
  it("is never explained with a setting of environment-ready", async (t) => {
    const { github, server } = await gitHub(t);
    server.repository("acme/shop").put("folder/a.md", "x");
    const ASKED: Record<string, [() => Promise<unknown>, RegExp]> = {
      "no event type": [() => github.dispatch("acme/shop", "", {}), /Use an event type of 1 to 100 characters\.$/],
      "a folder": [() => github.readFile("acme/shop", "folder"), /Name the path of a file\.$/],
      "no such ref": [
        () => github.readFile("acme/shop", "docs/a.md", { ref: "none" }),
        /Check that none is a branch, tag or commit of acme\/shop\.$/,
      ],
    };
    for (const [what, [ask, remedy]] of Object.entries(ASKED)) {
      await assert.rejects(ask(), failed(remedy), what);
    }
    // The doctor, which is about the settings, is in checks/.
    for (const file of readdirSync(new URL("../src/github/", import.meta.url)).filter((name) => name.endsWith(".ts"))) {
      const text = readFileSync(new URL(`../src/github/${file}`, import.meta.url), "utf8").replace(
        /\/\*\*.*?\*\//gs,
        "",
      );
      assert.doesNotMatch(text, /EVENT_TYPE\b(?!_)|VALUES_PATHS|DEPLOYMENT_RE|TARGET_REPO|TAG_KEY|VERIFY_COMMIT/, file);
    }
  });
});
