import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { type HttpAnswer, send } from "./support/service.ts";

const SHOP = "/repos/acme/shop";
const FILE = `${SHOP}/contents/a/values.yaml`;
const TEXT = "tag: 0012 # ä\n";
const EVENT = { event_type: "environment-ready", client_payload: { application: "pr-1" } };
const START = Date.UTC(2026, 0, 1);

type Asking = { token?: string; body?: unknown; headers?: Record<string, string> };

/** A stand-in with one repository that has one file, functions to call it, and a clock that the test moves. */
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

/** The status of each of these requests, sent one after the other. */
async function statuses(times: number, ask: () => Promise<HttpAnswer>): Promise<number[]> {
  const seen: number[] = [];
  for (let count = 0; count < times; count++) seen.push((await ask()).status);
  return seen;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe("the limits of the stand-in GitHub", () => {
  it("80 writes a minute: the 81st waits until the first is a minute old", async (t) => {
    const { github, clock, dispatch, get } = await scene(t, { limits: { writesPerMinute: 80 } });
    assert.deepEqual(new Set(await statuses(80, dispatch)), new Set([204]));
    clock.now += 20_000;
    const rejected = await dispatch();
    assert.deepEqual([rejected.status, rejected.headers["retry-after"]], [403, "40"]);
    assert.match(rejected.json.message, /secondary rate limit/);
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

  it("points: a read costs 1, a write 5, and retry-after is long enough for the request", async (t) => {
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

  it("concurrent: one too many is rejected, one that ends makes room", async (t) => {
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

    const rejected = await get(FILE);
    assert.ok([403, 429].includes(rejected.status));
    assert.deepEqual([rejected.headers["x-ratelimit-remaining"], rejected.headers["x-ratelimit-reset"]], ["0", reset]);
    assert.equal(rejected.headers["retry-after"], undefined);
    clock.now = Number(reset) * 1000;
    assert.equal((await get(FILE)).headers["x-ratelimit-remaining"], "1");
  });

  it("count what a credential sends during a pause", async (t) => {
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

  it("report how late after the rejection a client still sent", async (t) => {
    const { github, get } = await scene(t, { limits: { writesPerMinute: 1 } });
    github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    assert.equal((await get(SHOP)).status, 403);
    assert.equal(github.counts.lateness, 0);
    const told = performance.now();
    await until(() => performance.now() - told > 40);
    await get(SHOP);
    assert.ok(github.counts.lateness > 40 && github.counts.lateness < 60_000, String(github.counts.lateness));
  });

  it("do not count a request that crossed the rejection on its way", async (t) => {
    const { github, dispatch } = await scene(t, { limits: { writesPerMinute: 1 }, latencyMs: 500 });
    const answers = await Promise.all([1, 2, 3].map(() => dispatch()));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 403, 403]);
    assert.deepEqual([github.counts.whilePaused, github.counts.lateness], [1, 0]);
  });

  it("can be read without cost", async (t) => {
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

  it("can be changed, and are off by default", async (t) => {
    const { github, dispatch } = await scene(t);
    assert.equal((await dispatch()).headers["x-ratelimit-limit"], undefined);
    assert.deepEqual(new Set(await statuses(100, dispatch)), new Set([204]));
    github.limits({ writesPerMinute: 1 });
    assert.equal((await dispatch()).status, 403);
  });
});
