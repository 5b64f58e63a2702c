import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { send } from "./support/service.ts";

const START = Date.UTC(2026, 10, 28, 12);
const SHA = "5".repeat(40);

/** A stand-in with one commit, and a clock that the test moves. */
async function scene(t: TestContext) {
  const clock = { now: START };
  const github = await startGitHub({ now: () => clock.now });
  t.after(() => github.close());
  for (const app of [7, 8]) github.token(`app ${app}`, { app });
  const shop = github.repository("acme/shop");
  shop.addCommit(SHA);
  const ask = async (method: string, path: string, body?: object, token = "app 7") => {
    const answer = await send(github.url, {
      ...{ method, path: `/repos/acme/shop${path}` },
      headers: { "user-agent": "test", authorization: `Bearer ${token}` },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    return { status: answer.status, json: answer.json };
  };
  const get = async (path: string) => (await ask("GET", path)).json;
  return { github, clock, shop, ask, get, post: (path: string, body: object) => ask("POST", path, body) };
}

describe("statuses of the stand-in", () => {
  it("are combined from the newest of each context into one state", async (t) => {
    const { post, get, clock } = await scene(t);
    const combined = async () => {
      const { state, statuses, total_count } = await get(`/commits/${SHA}/status`);
      assert.equal(statuses.length, total_count);
      return [state, ...statuses.map(({ context, state }: Record<string, string>) => `${context} ${state}`)];
    };
    assert.deepEqual(await combined(), ["pending"]);
    for (const [context, state] of [
      ["ci", "success"],
      ["preview", "pending"],
    ]) {
      await post(`/statuses/${SHA}`, { context, state });
      clock.now += 1000;
    }
    assert.deepEqual(await combined(), ["pending", "preview pending", "ci success"]);
    await post(`/statuses/${SHA}`, { context: "preview", state: "error" });
    assert.deepEqual(await combined(), ["failure", "preview error", "ci success"]);
    await post(`/statuses/${SHA}`, { context: "preview", state: "success" });
    assert.equal((await combined())[0], "success");
    const all = await get(`/commits/${SHA.slice(0, 7)}/statuses`);
    assert.deepEqual(
      all.map(({ state, created_at }: Record<string, string>) => [state, created_at]),
      [
        ["success", "2026-11-28T12:00:02Z"],
        ["error", "2026-11-28T12:00:02Z"],
        ["pending", "2026-11-28T12:00:01Z"],
        ["success", "2026-11-28T12:00:00Z"],
      ],
    );
  });

  it("are rejected with an invalid link, and after a thousand per context", async (t) => {
    const { post, shop } = await scene(t);
    const { json } = await post(`/statuses/${SHA}`, { state: "success", target_url: "javascript:alert(1)" });
    assert.match(json.message, /http\(s\) scheme/);
    const status = { sha: SHA, context: "ci", state: "pending", description: null, targetUrl: null, createdAt: 0 };
    for (let id = 1; id <= 1000; id++) shop.statuses.push({ ...status, id });
    assert.equal((await post(`/statuses/${SHA}`, { state: "success", context: "ci" })).status, 422);
    assert.equal((await post(`/statuses/${SHA}`, { state: "success", context: "other" })).status, 201);
  });
});

describe("checks of the stand-in", () => {
  const CHECK = { name: "preview", head_sha: SHA, status: "in_progress" };

  it("are listed with the newest of each name and App, or all", async (t) => {
    const { ask, post, get } = await scene(t);
    for (const external_id of ["pr-1", "pr-2"]) await post("/check-runs", { ...CHECK, external_id });
    await ask("POST", "/check-runs", CHECK, "app 8");
    const found = async (query: string) =>
      (await get(`/commits/${SHA}/check-runs?${query}`)).check_runs.map(({ id }: { id: number }) => id);
    assert.deepEqual(await found(""), [3, 2]);
    assert.deepEqual(await found("filter=all"), [3, 2, 1]);
    assert.deepEqual(await found("filter=all&app_id=7&check_name=preview"), [2, 1]);
    assert.deepEqual(await found("check_name=other"), []);
  });

  it("end with a conclusion, and can be changed only by their App", async (t) => {
    const { ask, post, get, clock } = await scene(t);
    await post("/check-runs", CHECK);
    assert.equal((await ask("PATCH", "/check-runs/1", { status: "completed" })).status, 422);
    assert.equal((await ask("PATCH", "/check-runs/1", { conclusion: "success" }, "app 8")).status, 403);
    clock.now += 5000;
    await ask("PATCH", "/check-runs/1", { conclusion: "timed_out" });
    const { status, conclusion, started_at, completed_at } = await get("/check-runs/1");
    assert.deepEqual([status, conclusion], ["completed", "timed_out"]);
    assert.deepEqual([started_at, completed_at], ["2026-11-28T12:00:00Z", "2026-11-28T12:00:05Z"]);
  });
});

describe("deployments of the stand-in", () => {
  it("require successful statuses by default", async (t) => {
    const { post } = await scene(t);
    await post(`/statuses/${SHA}`, { context: "preview", state: "pending" });
    const deployment = { ref: SHA, environment: "pr-7" };
    assert.equal((await post("/deployments", deployment)).status, 409);
    assert.equal((await post("/deployments", { ...deployment, required_contexts: [] })).status, 201);
    assert.equal((await post("/deployments", { ...deployment, required_contexts: ["ci"] })).status, 201);
  });

  it("make the earlier ones of their environment inactive when they succeed", async (t) => {
    const { post, get, shop } = await scene(t);
    for (const [environment, more] of [
      ["pr-7", {}],
      ["pr-8", {}],
      ["pr-7", { payload: { key: "k-1" }, task: "preview" }],
    ] as const) {
      await post("/deployments", { ref: SHA, environment, required_contexts: [], ...more });
    }
    for (const id of [1, 2, 3])
      await post(`/deployments/${id}/statuses`, { state: "success", log_url: "https://ci.example" });
    assert.deepEqual(
      shop.deployments.map(({ statuses }) => statuses[0]?.state),
      ["inactive", "success", "success"],
    );
    const [newest, ...others] = await get("/deployments?environment=pr-7");
    assert.deepEqual([newest.id, newest.payload, newest.task, others.length], [3, { key: "k-1" }, "preview", 1]);
    assert.equal((await get("/deployments?task=preview")).length, 1);
    assert.equal((await get("/deployments/3/statuses"))[0].log_url, "https://ci.example");
  });
});

describe("comments of the stand-in", () => {
  it("are listed by the time of their update", async (t) => {
    const { ask, post, get, shop, clock } = await scene(t);
    shop.openPull({ number: 7 });
    for (const body of ["one", "two"]) {
      await post("/issues/7/comments", { body });
      clock.now += 60_000;
    }
    const since = (time: string) => get(`/issues/7/comments?since=${time}`);
    assert.deepEqual(
      (await since("2026-11-28T12:01:00Z")).map(({ body }: { body: string }) => body),
      ["two"],
    );
    await ask("PATCH", "/issues/comments/1", { body: "one, again" });
    const bodies = (await since("2026-11-28T12:01:00Z")).map(({ body }: { body: string }) => body);
    assert.deepEqual(bodies, ["one, again", "two"]);
  });
});

it("a commit of the stand-in has the pull requests that are open or merged", async (t) => {
  const { get, shop } = await scene(t);
  const head = { ref: "change", sha: SHA };
  shop.openPull({ number: 1, head });
  shop.openPull({ number: 2, head, state: "closed" });
  shop.openPull({ number: 3, head, state: "closed", merged: true });
  shop.openPull({ number: 4, commits: [SHA] });
  shop.openPull({ number: 5 });
  const found = await get(`/commits/${SHA}/pulls`);
  assert.deepEqual(
    found.map(({ number }: { number: number }) => number),
    [4, 3, 1],
  );
});
