import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { deploy, notify, type Service, startService, TARGET } from "./support/service.ts";

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";

async function withFile(...args: Parameters<typeof startService>): Promise<Service> {
  const service = await startService(...args);
  deploy(service.github, "pr-1", "abc");
  return service;
}

describe("dispatching", () => {
  for (const status of [200, 201, 202]) {
    it(`does not take ${status} for success`, async (t) => {
      const { github, url } = await withFile(t);
      github.fault({ route: DISPATCH }, { kind: "status", status });
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(answer.json.detail, new RegExp(`GitHub answered ${status}.*GITHUB_API_URL`));
    });
  }

  it("follows a renamed repository with method and body kept", async (t) => {
    const { github, url } = await withFile(t);
    github.repository(TARGET).rename("acme/new-shop");
    github.repository("acme/deployment").rename("acme/new-deployment");
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.deepEqual(
      github.dispatches.map(({ repo, payload }) => [repo, payload.commitHash]),
      [["acme/new-shop", "abc"]],
    );
    const followed = github.requests.filter(({ path }) => path.startsWith("/repositories/"));
    assert.deepEqual(new Set(followed.map(({ method }) => method)), new Set(["GET", "POST"]));
  });

  for (const status of [301, 307, 308]) {
    it(`does not follow ${status} to another origin`, async (t) => {
      const { github, url } = await withFile(t);
      const elsewhere = await startService(t);
      github.fault(
        { route: DISPATCH },
        { kind: "status", status, headers: { location: `${elsewhere.github.url}/repositories/1/dispatches` } },
      );
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(answer.json.detail, /follows redirects only within the same host/);
      assert.equal(elsewhere.github.requests.length, 0);
    });
  }

  it("does not turn a 302 into a GET", async (t) => {
    const { github, url } = await withFile(t);
    github.fault({ route: DISPATCH }, { kind: "status", status: 302, headers: { location: "/repos/acme/shop" } });
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
    assert.deepEqual(
      github.requests.filter(({ path }) => path === "/repos/acme/shop"),
      [],
    );
  });

  it("ends a redirect loop", async (t) => {
    const { github, url } = await withFile(t);
    github.fault(
      { route: DISPATCH },
      { kind: "status", status: 307, headers: { location: "/repos/acme/shop/dispatches" } },
    );
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
    assert.equal(github.requests.filter(({ method }) => method === "POST").length, 4);
  });

  for (const [what, fault] of [
    ["500", { kind: "status", status: 500 }],
    ["502", { kind: "status", status: 502 }],
    ["a reset connection", { kind: "reset" }],
    ["no answer", { kind: "hang" }],
  ] as const) {
    it(`tries ${what} twice more inside the attempt, and gives up after that`, async (t) => {
      const timeout = fault.kind === "hang" ? { githubTimeoutMs: 1500 } : {};
      const { github, url, waits } = await withFile(t, { options: timeout });
      github.fault({ route: DISPATCH, times: 2 }, fault);
      assert.equal((await notify(url, { application: "pr-1" })).status, 200);
      assert.equal(github.dispatches.length, 1);
      assert.deepEqual(waits.splice(0), [300, 1000]);
      github.fault({ route: DISPATCH, times: 3 }, fault);
      assert.equal((await notify(url, { application: "pr-1" })).status, 500);
      assert.equal(github.dispatches.length, 1);
    });
  }

  it("may send twice after a lost answer, as at-least-once allows", async (t) => {
    const { github, url } = await withFile(t);
    github.fault({ route: DISPATCH, times: 1 }, { kind: "reset", afterHandling: true });
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal(github.dispatches.length, 2);
  });

  it("continues when the caller hangs up", async (t) => {
    const { github, url, log } = await withFile(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ times: 2 }, { kind: "hold", until: promise });
    const hangUp = new AbortController();
    const call = fetch(`${url}/dispatch`, { method: "POST", body: '{"application":"pr-1"}', signal: hangUp.signal });
    await until("the run is under way", () => github.requests.length > 0);
    hangUp.abort();
    await assert.rejects(call);
    resolve();
    await until("the run has succeeded", () => log().some(({ msg }) => msg === "run succeeded"));
    assert.equal(github.dispatches.length, 1);
  });

  it("delivers fifty notifications that come at the same time", async (t) => {
    const { github, url } = await startService(t);
    const names = Array.from({ length: 50 }, (_, at) => `pr-${at}`);
    for (const [at, name] of names.entries()) deploy(github, name, `commit-${at}`, at % 2 ? "heavy" : "light");
    const answers = await Promise.all(names.map((application) => notify(url, { application })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.deepEqual(
      github.dispatches.map(({ payload }) => `${payload.sourceName} ${payload.commitHash}`).sort(),
      names.map((name, at) => `${name} commit-${at}`).sort(),
    );
  });
});

describe("a dispatch that GitHub rejects", () => {
  for (const [what, fault, expected] of [
    [
      "a missing permission",
      {
        kind: "status",
        status: 403,
        body: '{"message":"Resource not accessible by personal access token"}',
        headers: { "x-accepted-github-permissions": "contents=write", "x-github-request-id": "AB12" },
      },
      /403 "Resource not accessible by personal access token" \(request id AB12, needs contents=write\).*"Contents: write" on acme\/shop/,
    ],
    [
      "single sign-on",
      {
        kind: "status",
        status: 403,
        body: '{"message":"Resource protected by organization SAML enforcement."}',
        headers: { "x-github-sso": "required; url=https://github.com/orgs/acme/sso?authorization_request=A1" },
      },
      /single sign-on: https:\/\/github\.com\/orgs\/acme\/sso/,
    ],
    [
      "an unknown repository",
      { kind: "status", status: 404, body: '{"message":"Not Found"}' },
      /acme\/shop does not exist or/,
    ],
    [
      "an invalid request",
      { kind: "status", status: 422, body: '{"message":"Invalid request."}' },
      /422 "Invalid request\."/,
    ],
    ["a page of a proxy", { kind: "status", status: 418, body: "<html>\r\nteapot" }, /418 "<html> teapot".*proxy/],
  ] as const) {
    it(`explains ${what}: what was tried, what GitHub said, what to do`, async (t) => {
      const { github, url } = await withFile(t);
      github.fault({ route: DISPATCH }, fault);
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(answer.json.detail, /^Dispatching environment_ready to acme\/shop failed: /);
      assert.match(answer.json.detail, expected);
    });
  }

  it("waits until the end of a primary limit, with the clock corrected by GitHub's", async (t) => {
    const now = Date.parse("2026-11-24T12:00:00Z");
    const { github, url, log } = await withFile(t, {
      options: { clock: movedClock(now) },
      github: { now: () => now + 3_600_000 },
    });
    const resetAt = (now + 3_600_000) / 1000 + 600;
    github.fault({ route: DISPATCH }, { kind: "limit", resetAt });
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 202);
    assert.match(String(log().at(-1)?.reason), /after 2026-11-24T12:10:00\.000Z/);
  });
});
