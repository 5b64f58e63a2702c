import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deploy, notify, send, startService } from "./support/service.ts";

const COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567";

describe("the contract of POST /dispatch", () => {
  it("answers a dispatched event with exactly status, commitHash and sourceName", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1234", COMMIT);
    const answer = await notify(url, { application: "pr-1234" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.text, `{"status":"success","commitHash":"${COMMIT}","sourceName":"pr-1234"}`);
    assert.match(String(answer.headers["x-run-id"]), /^[\w-]{20,}$/);
    assert.deepEqual(
      github.dispatches.map(({ repo, eventType, payload }) => ({ repo, eventType, payload })),
      [{ repo: "acme/shop", eventType: "environment_ready", payload: { commitHash: COMMIT, sourceName: "pr-1234" } }],
    );
  });

  it("sends exactly event_type and client_payload, with GitHub's headers", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1234", COMMIT);
    await notify(url, { application: "pr-1234" });
    const post = github.requests.find(({ method }) => method === "POST");
    assert.equal(
      post?.body,
      `{"event_type":"environment_ready","client_payload":{"commitHash":"${COMMIT}","sourceName":"pr-1234"}}`,
    );
    assert.equal(post?.headers["x-github-api-version"], "2022-11-28");
    assert.match(String(post?.headers["user-agent"]), /^gh-runner\/\d/);
    assert.equal(post?.headers.accept, "application/vnd.github+json");
    assert.match(String(post?.headers["content-type"]), /^application\/json/);
  });

  for (const name of ["main", "", "PR-1", "xpr-1", "a/b", "..", "nul\u0000"]) {
    it(`skips ${JSON.stringify(name)}, with a token and without one`, async (t) => {
      for (const settings of [{}, { GITHUB_TOKEN: "" }]) {
        const { github, url } = await startService(t, { settings });
        const answer = await notify(url, { application: name });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers["content-type"], "application/json");
        assert.equal(answer.text, `{"status":"skipped","reason":"application name doesn't start with 'pr-'"}`);
        assert.equal(github.requests.length, 0);
      }
    });
  }

  for (const [what, body] of [
    ["an empty body", ""],
    ["no JSON", "application=pr-1"],
    ["a cut body", '{"application":"pr-1'],
    ["a list", '["pr-1"]'],
    ["a text", '"pr-1"'],
    ["null", "null"],
    ["no application", "{}"],
    ["a null application", '{"application":null}'],
    ["a numeric application", '{"application":1234}'],
    ["an application in a list", '{"application":["pr-1"]}'],
    ["a numeric token", '{"application":"pr-1","github_token":5}'],
    ["a numeric revision", '{"application":"pr-1","revision":5}'],
    ["bytes that are not UTF-8", Buffer.from('{"application":"pr-\xff"}', "latin1")],
  ] as const) {
    it(`answers ${what} with 400 and says why`, async (t) => {
      const { github, url } = await startService(t);
      const answer = await notify(url, body);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.json.status, 400);
      assert.ok(answer.json.detail.length > 10, answer.text);
      assert.equal(github.requests.length, 0);
    });
  }

  it("answers 400 when there is no token anywhere, and works with the token of the request", async (t) => {
    const { github, url } = await startService(t, { settings: { GITHUB_TOKEN: "" } });
    deploy(github, "pr-1", COMMIT);
    const rejected = await notify(url, { application: "pr-1" });
    assert.equal(rejected.status, 400);
    assert.match(rejected.json.detail, /GITHUB_TOKEN.*github_token/);
    for (const github_token of ["", null]) {
      assert.equal((await notify(url, { application: "pr-1", github_token })).status, 400);
    }
    github.token("own-token-of-the-caller");
    assert.equal((await notify(url, { application: "pr-1", github_token: "own-token-of-the-caller" })).status, 200);
  });

  it("prefers the token of the request over GITHUB_TOKEN", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", COMMIT);
    github.token("own-token-of-the-caller");
    await notify(url, { application: "pr-1", github_token: "own-token-of-the-caller" });
    const credentials = new Set(github.requests.map(({ headers }) => headers.authorization));
    assert.deepEqual([...credentials], ["Bearer own-token-of-the-caller"]);
  });

  it("answers 404 when there is no values.yaml in either place", async (t) => {
    const { github, url } = await startService(t);
    const answer = await notify(url, { application: "pr-404" });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers["content-type"], "application/problem+json");
    assert.match(answer.json.detail, /configs\/pr\/light\/pr-404\/values\.yaml and no configs\/pr\/heavy\/pr-404/);
    assert.equal(github.dispatches.length, 0);
  });

  for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    it(`answers ${method} with 405, Allow: POST`, async (t) => {
      const { url } = await startService(t, { settings: { AUTH_TOKENS: "secret-caller" } });
      const answer = await send(url, { method, path: "/dispatch" });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, "POST");
      if (method === "GET") assert.match(answer.json.detail, /key under `webhook` in its template/);
    });
  }

  for (const [what, tag] of [
    ["a missing tag", undefined],
    ["an empty tag", ""],
    ["an empty text", '""'],
    ["a blank text", '"  "'],
    ["null", "null"],
    ["a tilde", "~"],
    ["a list", "[a, b]"],
    ["a mapping", "{a: b}"],
  ] as const) {
    it(`answers ${what} with 500 and names key and file`, async (t) => {
      const { github, url } = await startService(t);
      if (tag === undefined) {
        github.repository("acme/deployment").put("configs/pr/light/pr-1/values.yaml", "global:\n  config: {}\n");
      } else deploy(github, "pr-1", tag);
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.match(answer.json.detail, /global\.config\.DEPLOYMENT_TAG.*configs\/pr\/light\/pr-1\/values\.yaml/);
      assert.equal(github.dispatches.length, 0);
    });
  }

  it("answers 500 when GitHub rejects the request, cannot be reached, or the dispatch fails", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", COMMIT);
    github.fault({ route: "POST /repos/{owner}/{repo}/dispatches", times: 1 }, { kind: "status", status: 422 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
    github.revoke("ghp_serviceToken0123456789abcdefABCDEF");
    const rejected = await notify(url, { application: "pr-1" });
    assert.equal(rejected.status, 500);
    assert.match(rejected.json.detail, /401 "Bad credentials" \(request id .*\).*GITHUB_TOKEN/);
    await github.close();
    const unreachable = await notify(url, { application: "pr-1" });
    assert.equal(unreachable.status, 500);
    assert.match(unreachable.json.detail, /connection refused/);
  });

  it("ignores unknown fields and accepts any content type", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", COMMIT);
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "application/json", ""]) {
      const headers: Record<string, string> = type ? { "content-type": type } : {};
      const answer = await notify(url, '{"application":"pr-1","extra":{"deep":[1]},"__proto__":{"a":1}}\n', headers);
      assert.equal(answer.status, 200, type);
    }
  });

  it("answers GET /health with exactly its status, open to everyone", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: "secret-caller" } });
    const answer = await send(url, { path: "/health" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.text, '{"status":"healthy"}');
    assert.equal((await send(url, { method: "POST", path: "/health" })).headers.allow, "GET, HEAD");
  });

  it("answers other paths with a problem, never a redirect", async (t) => {
    const { url } = await startService(t);
    for (const path of ["/", "/dispatch/", "/nothing", "//dispatch", "/%zz"]) {
      const answer = await send(url, { method: "POST", path });
      assert.equal(answer.status, 404, path);
      assert.equal(answer.headers["content-type"], "application/problem+json");
    }
  });
});

describe("beyond the contract", () => {
  it("reads at the revision of the request, else at DEPLOYMENT_REF, else at the default branch", async (t) => {
    const { github, url } = await startService(t, { settings: { DEPLOYMENT_REF: "stable" } });
    const repository = github.repository("acme/deployment");
    const put = (ref: string | undefined, tag: string) =>
      repository.put("configs/pr/light/pr-1/values.yaml", `global: {config: {DEPLOYMENT_TAG: ${tag}}}`, ref);
    put(undefined, "from-main");
    put("stable", "from-stable");
    put("a1b2c3d4", "from-revision");
    assert.equal((await notify(url, { application: "pr-1", revision: "a1b2c3d4" })).json.commitHash, "from-revision");
    assert.equal((await notify(url, { application: "pr-1", revision: null })).json.commitHash, "from-stable");
    assert.equal((await notify(url, { application: "pr-1", revision: "" })).json.commitHash, "from-stable");
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "from-stable");
    const missing = await notify(url, { application: "pr-1", revision: "no-such" });
    assert.equal(missing.status, 404);
    assert.match(missing.json.detail, /No commit found for the ref no-such/);
  });

  for (const [name, cause] of [
    ["pr-a/b", /segment/],
    ["pr-a\\b", /segment/],
    ["pr-/../../x", /segment/],
    ["pr-\n", /control/],
    ["pr-\u0000", /control/],
    ["pr-\u0085", /control/],
    ["pr-\ud800", /Unicode/],
    [`pr-${"a".repeat(251)}`, /253/],
    ["<no value>", /template names a field/],
    ["pr-<no value>", /template names a field/],
    ["$application-name", /unresolved secret/],
  ] as const) {
    it(`rejects the name ${JSON.stringify(name).slice(0, 40)} with a 400 that names the cause`, async (t) => {
      const { github, url } = await startService(t);
      const answer = await notify(url, { application: name });
      assert.equal(answer.status, 400);
      assert.match(answer.json.detail, cause);
      assert.equal(github.requests.length, 0);
    });
  }

  it("rejects an unresolved secret or value as token and as revision", async (t) => {
    const { url } = await startService(t);
    for (const extra of [
      { github_token: "$github-token" },
      { github_token: "<no value>" },
      { revision: "<no value>" },
      { revision: "$rev" },
    ]) {
      const answer = await notify(url, { application: "pr-1", ...extra });
      assert.equal(answer.status, 400);
      assert.match(answer.json.detail, /template|unresolved secret/);
    }
  });

  it("accepts every token that GitHub issues, and rejects with a 400 what is longer", async (t) => {
    const { github, url } = await startService(t);
    const longest = `ghs_123456_${"aB3-".repeat(247)}x`;
    assert.equal(longest.length, 1000);
    github.token(longest);
    deploy(github, "pr-1", COMMIT);
    assert.equal((await notify(url, { application: "pr-1", github_token: longest })).status, 200);
    for (const github_token of [`${longest}x`, "x".repeat(60_000), `\u{e9}${"'".repeat(8_000)}`]) {
      const answer = await notify(url, { application: `pr-${github_token.slice(0, 200)}`, github_token });
      assert.equal(answer.status, 400);
      assert.equal(
        answer.json.detail,
        `github_token has ${github_token.length} characters. No token has more than 1000. Send only the token.`,
      );
    }
  });

  it("works with every name that can be a path segment", async (t) => {
    const { github, url } = await startService(t);
    for (const name of [
      "pr-?x=1",
      "pr-#x",
      "pr-%2f",
      "pr-%2e%2e",
      "pr-é ü",
      "pr-日本",
      "pr-😀",
      "pr-..",
      "pr-+&=;:@",
      "pr-",
    ]) {
      deploy(github, name, COMMIT);
      const answer = await notify(url, { application: name });
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.equal(answer.json.sourceName, name);
    }
    deploy(github, `pr-${"a".repeat(250)}`, COMMIT);
    assert.equal((await notify(url, { application: `pr-${"a".repeat(250)}` })).status, 200);
  });
});
