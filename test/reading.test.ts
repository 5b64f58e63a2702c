import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StandInGitHub } from "../sandbox/github.ts";
import { movedClock, until } from "./support/clock.ts";
import { DEPLOYMENT, deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const LIGHT = /^\/repos\/acme\/deployment\/contents\/configs\/pr\/light\//;
const HEAVY = /^\/repos\/acme\/deployment\/contents\/configs\/pr\/heavy\//;

describe("reading the values file", () => {
  it("asks both places at the same time, for raw content, over connections that stay open", async (t) => {
    const { github, url } = await startService(t, { github: { latencyMs: 20 } });
    deploy(github, "pr-1", "abc", "heavy");
    for (let at = 0; at < 5; at++) assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "abc");
    assert.equal(github.counts.maxInFlight, 2);
    const [first] = github.requests;
    assert.equal(first?.headers.accept, "application/vnd.github.raw+json");
    assert.equal(first?.headers.authorization, `Bearer ${TOKEN}`);
  });

  it("lets light win when both exist", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "from-heavy", "heavy");
    deploy(github, "pr-1", "from-light", "light");
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "from-light");
  });

  for (const [what, fault] of [
    ["502", { kind: "status", status: 502 }],
    ["a secondary limit", { kind: "limit", retryAfterSeconds: 30, secondary: true }],
    ["a reset connection", { kind: "reset" }],
    ["a cut body", { kind: "cut" }],
    ["no answer", { kind: "hang" }],
    ["403", { kind: "status", status: 403 }],
    ["an unexpected 200 of a proxy", { kind: "status", status: 203, body: "<html>" }],
  ] as const) {
    it(`never uses heavy's tag when light answers with ${what}`, async (t) => {
      const options = fault.kind === "hang" ? { githubTimeoutMs: 1000 } : {};
      const { github, url, log } = await startService(t, { options });
      deploy(github, "pr-1", "from-light", "light");
      deploy(github, "pr-1", "from-heavy", "heavy");
      github.fault({ path: LIGHT }, fault);
      const answer = await notify(url, { application: "pr-1" });
      // A limit delays the run. Its caller learns that it waits.
      assert.equal(answer.status, fault.kind === "limit" ? 202 : 500);
      assert.match(String(log().at(-1)?.reason), /light\/pr-1\/values\.yaml/);
      assert.equal(github.dispatches.length, 0);
    });
  }

  const FILE = "global: {config: {DEPLOYMENT_TAG: abc}}";
  const utf16 = Buffer.from(`\ufeff${FILE}`, "utf16le");
  for (const [encoding, bytes] of [
    ["UTF-8 with a byte order mark", Buffer.from(`\ufeff${FILE}`)],
    ["UTF-16, little end first", utf16],
    ["UTF-16, big end first", Buffer.from(utf16).swap16()],
  ] as const) {
    it(`reads ${encoding}`, async (t) => {
      const { github, url } = await startService(t);
      github.repository("acme/deployment").put("configs/pr/light/pr-1/values.yaml", bytes);
      assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "abc");
    });
  }

  it("rejects a file with an unknown encoding instead of replacing characters", async (t) => {
    const { github, url } = await startService(t);
    const latin1 = Buffer.from(FILE.replace("abc", "Ümlaut"), "latin1");
    for (const bytes of [latin1, Buffer.concat([utf16, Buffer.of(0x41)])]) {
      github.repository("acme/deployment").put("configs/pr/light/pr-1/values.yaml", bytes);
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(answer.json.detail, /the file is not valid UTF-(8|16LE)\. Save it as UTF-8/);
    }
    assert.equal(github.dispatches.length, 0);
  });

  it("ignores a fault on heavy when light is there", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "from-light");
    github.fault({ path: HEAVY }, { kind: "status", status: 502 });
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "from-light");
  });

  it("distinguishes a missing file from a repository that the token cannot see", async (t) => {
    const { github, url } = await startService(t);
    assert.equal((await notify(url, { application: "pr-1" })).status, 404);
    github.token("blind-token-000000", { repositories: ["acme/shop"] });
    const hidden = await notify(url, { application: "pr-1", github_token: "blind-token-000000" });
    assert.equal(hidden.status, 500);
    assert.match(
      hidden.json.detail,
      /repository acme\/deployment failed: GitHub answered 404.*cannot see it.*Contents: read/,
    );
  });

  it("answers 404 immediately when the request names no revision", async (t) => {
    const { github, url, waits, log } = await startService(t);
    const answer = await notify(url, { application: "pr-1" });
    assert.deepEqual([answer.status, waits, github.counts.requests], [404, [], 3]);
    assert.deepEqual(answer.json, {
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail:
        "Looking up pr-1 in acme/deployment failed: there is no configs/pr/light/pr-1/values.yaml and no " +
        "configs/pr/heavy/pr-1/values.yaml. Check the application's name, DEPLOYMENT_REPO, VALUES_PATHS, and the branch " +
        "(DEPLOYMENT_REF).",
    });
    assert.equal(log().at(-1)?.failure, "permanent");
  });

  it("never reports a failed visibility check as a missing file", async (t) => {
    const { github, url } = await startService(t);
    github.fault({ route: "GET /repos/{owner}/{repo}" }, { kind: "status", status: 503 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
  });

  it("reports that the path is a directory", async (t) => {
    const { github, url } = await startService(t);
    github.repository(DEPLOYMENT).put("configs/pr/light/pr-1/values.yaml/oops", "x");
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /directory/);
  });

  it("rejects a file over 5 MB instead of parsing it", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", `abc\n# ${"x".repeat(5_100_000)}`);
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /larger than gh-runner reads/);
  });

  it("retries a transient fault twice, after 0.3 s and 1 s", async (t) => {
    const { github, url, waits } = await startService(t);
    deploy(github, "pr-1", "abc");
    github.fault({ path: LIGHT, times: 2 }, { kind: "cut" });
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "abc");
    assert.deepEqual(waits, [300, 1000]);
  });

  it("does not retry a limit inside the attempt, and keeps the run until it has ended", async (t) => {
    const clock = movedClock();
    const { github, url, waits, log } = await startService(t, { options: { clock, random: () => 0 } });
    deploy(github, "pr-1", "abc");
    github.fault({ path: LIGHT, times: 1 }, { kind: "limit", retryAfterSeconds: 60, secondary: true });
    const limited = await notify(url, { application: "pr-1" });
    assert.equal(limited.status, 202);
    assert.equal(limited.headers["retry-after"], undefined);
    assert.match(
      String(log().at(-1)?.reason),
      /secondary rate limit.*accepts requests again after 2026-11-24T12:01:00/,
    );
    assert.deepEqual(waits, []);
    clock.move(59_000);
    assert.equal(github.dispatches.length, 0);
    clock.move(1_001);
    await until("the limit has ended and the event is sent", () => github.dispatches.length === 1);
  });
});

describe("a revision that was just pushed", () => {
  const REVISION = "a1b2c3d4";
  const event = { application: "pr-1", revision: REVISION };
  const VALUES = "global: { config: { DEPLOYMENT_TAG: abc } }";
  const push = (github: StandInGitHub, path = "configs/pr/heavy/pr-1/values.yaml") =>
    github.repository(DEPLOYMENT).put(path, VALUES, REVISION);

  for (const [what, before] of [
    ["is not there", () => {}],
    ["has no values file", (github: StandInGitHub) => push(github, "README.md")],
  ] as const) {
    it(`is requested twice more in the attempt, when it ${what}`, async (t) => {
      const waits: number[] = [];
      const { github, url } = await startService(t, {
        options: {
          async wait(milliseconds) {
            if (waits.push(milliseconds) === 2) push(github);
          },
        },
      });
      before(github);
      assert.deepEqual((await notify(url, event)).json, { status: "success", commitHash: "abc", sourceName: "pr-1" });
      assert.deepEqual(waits, [300, 1000]);
    });

    it(`is requested in two later attempts, when it ${what}: the first caller gets the 404`, async (t) => {
      const clock = movedClock();
      const { github, url } = await startService(t, { options: { clock, random: () => 0 } });
      before(github);
      const { status, json, headers } = await notify(url, event);
      assert.equal(status, 404);
      assert.match(json.detail, /The event is stored as run .* next at 2026-11-24T12:00:05\.000Z\.$/);
      const run = async () => (await send(url, { path: `/api/runs/${headers["x-run-id"]}` })).json;
      assert.equal((await run()).status, "queued");
      clock.move(5000);
      await until("the second attempt has failed", async () => (await run()).attempts.length === 2);
      push(github);
      clock.move(30_000);
      await until("it is dispatched", () => github.dispatches.length === 1);
      await until("it has ended", async () => (await run()).status === "success");
    });

    it(`is abandoned after three attempts, when it ${what}`, async (t) => {
      const clock = movedClock();
      const { github, url, waits } = await startService(t, { options: { clock, random: () => 0 } });
      before(github);
      const { headers } = await notify(url, event);
      const run = async () => (await send(url, { path: `/api/runs/${headers["x-run-id"]}` })).json;
      for (const [seconds, attempts] of [
        [5, 2],
        [30, 3],
      ] as const) {
        clock.move(seconds * 1000);
        await until(`${attempts} have failed`, async () => (await run()).attempts.length === attempts);
      }
      const { status, reason } = await run();
      assert.equal(status, "failure");
      assert.match(reason, /It was attempted 3 times and is not retried automatically\.$/);
      assert.deepEqual(waits, [300, 1000, 300, 1000, 300, 1000]);
      const sent = github.counts.requests;
      clock.move(86_400_000);
      assert.equal(github.counts.requests, sent);
    });
  }

  it("and exists is not waited for: heavy is dispatched immediately, after one request for light", async (t) => {
    const { github, url, waits } = await startService(t);
    push(github);
    assert.equal((await notify(url, event)).json.commitHash, "abc");
    assert.deepEqual([waits, github.counts.requests], [[], 3]);
  });

  it("may be a 422 as well, and a run with the caller's token ends with its attempt", async (t) => {
    const { github, url, waits } = await startService(t);
    github.fault(
      { path: LIGHT },
      { kind: "status", status: 422, body: '{"message":"No commit found for SHA: a1b2c3d4"}' },
    );
    const { status, json } = await notify(url, { ...event, github_token: TOKEN });
    assert.equal(status, 404);
    assert.match(json.detail, /422 "No commit found for SHA: a1b2c3d4".*It comes from the request's field revision/);
    assert.match(json.detail, /It is not retried: the run brought its token/);
    assert.deepEqual(waits, [300, 1000]);
  });
});
