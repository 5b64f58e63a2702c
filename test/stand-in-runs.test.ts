import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { RunPlan } from "../sandbox/actions/runner.ts";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { send } from "./support/service.ts";

const START = Date.UTC(2026, 10, 28, 12);
const SHOP = "/repos/acme/shop";
const TESTS = `name: Preview tests
run-name: Tests of \${{ github.event.client_payload.sourceName || inputs.source || 'nothing' }} (\${{ github.event.client_payload.run || inputs.run }})
on:
  repository_dispatch:
    types: [environment_ready, again]
  workflow_dispatch:
    inputs:
      run: { required: true }
      source: {}
      size: { type: choice, options: [S, L], default: S }
jobs:
  lint: { runs-on: ubuntu-latest }
  test: { name: End to end }
`;

/** A stand-in with a workflow and a clock that the test moves. */
async function scene(t: TestContext, { file = TESTS, ...options }: GitHubOptions & { file?: string } = {}) {
  const clock = { now: START };
  const github = await startGitHub({ now: () => clock.now, ...options });
  t.after(() => github.close());
  github.token("t", { login: "mona" });
  const shop = github.repository("acme/shop");
  shop.put(".github/workflows/tests.yml", file);
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const all = { "user-agent": "test", authorization: "Bearer t", ...headers };
    const {
      status,
      text,
      headers: answered,
    } = await send(github.url, {
      ...{ method, path: SHOP + path, headers: all },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    return { status, text, headers: answered, json: text === "" ? undefined : JSON.parse(text) };
  };
  return {
    github,
    clock,
    shop,
    ask,
    get: async (path: string) => (await ask("GET", path)).json,
    dispatch: (run: string, event_type = "environment_ready") =>
      ask("POST", "/dispatches", { event_type, client_payload: { sourceName: "pr-7", run } }),
    start: (inputs: object) =>
      ask("POST", "/actions/workflows/tests.yml/dispatches", { ref: "main", inputs, return_run_details: true }),
  };
}

const at = (milliseconds: number) => new Date(START + milliseconds).toISOString().replace(".000", "");

describe("a run of the stand-in's Actions", () => {
  it("is started by an event for each workflow of the default branch that listens to its type", async (t) => {
    const { dispatch, get, shop } = await scene(t);
    shop.put(".github/workflows/all.yaml", "on: repository_dispatch\n");
    shop.put(".github/workflows/other.yml", "on: { repository_dispatch: { types: other } }\n");
    shop.put(".github/workflows/disabled.yml", "on: repository_dispatch\n");
    shop.workflowStates.set(".github/workflows/disabled.yml", "disabled_manually");
    shop.put(".github/workflows/elsewhere.yml", "on: repository_dispatch\n", "other");
    await dispatch("k-1");
    const { total_count, workflow_runs: runs } = await get("/actions/runs");
    assert.equal(total_count, 2);
    assert.deepEqual(
      runs.map((run: Record<string, unknown>) => [run.path, run.name, run.display_title, run.event, run.head_branch]),
      [
        [
          ".github/workflows/all.yaml",
          ".github/workflows/all.yaml",
          "environment_ready",
          "repository_dispatch",
          "main",
        ],
        [".github/workflows/tests.yml", "Preview tests", "Tests of pr-7 (k-1)", "repository_dispatch", "main"],
      ],
    );
    assert.equal(runs[0].head_sha, shop.commitOf("main"));
    assert.deepEqual([runs[0].status, runs[0].conclusion, runs[0].actor.login], ["queued", null, "mona"]);
    await dispatch("k-2", "nothing listens");
    assert.equal((await get("/actions/runs")).total_count, 3, "the one without types");
  });

  it("is started by hand with the inputs that its workflow declares", async (t) => {
    const { start, get } = await scene(t);
    const { json } = await start({ run: "k-1", source: "pr-8" });
    const run = await get(`/actions/runs/${json.workflow_run_id}`);
    assert.deepEqual([run.display_title, run.event], ["Tests of pr-8 (k-1)", "workflow_dispatch"]);
    for (const [inputs, message] of [
      [{ run: "k-1", other: 1 }, 'Unexpected inputs provided: ["other"]'],
      [{}, "Required input 'run' not provided"],
      [{ run: "k-1", size: "M" }, "Provided value 'M' for input 'size' not in the list of allowed values"],
    ] as const) {
      const answer = await start(inputs);
      assert.deepEqual([answer.status, answer.json.message], [422, message]);
    }
  });

  it("follows its plan, by the clock", async (t) => {
    const { github, dispatch, get, clock } = await scene(t);
    github.actions.script(({ payload }) =>
      payload.run === "k-1"
        ? { appearsAfterMs: 2000, startsAfterMs: 3000, takesMs: 60_000, conclusion: "failure" }
        : {},
    );
    await dispatch("k-1");
    const look = async () => (await get("/actions/runs")).workflow_runs[0];
    assert.equal(await look(), undefined);
    clock.now += 2500;
    const { id, ...queued } = await look();
    assert.deepEqual([queued.status, queued.created_at, queued.run_started_at], ["queued", at(2000), at(2000)]);
    clock.now += 2500;
    assert.deepEqual([(await look()).status, (await look()).updated_at], ["in_progress", at(5000)]);
    clock.now += 3_600_000;
    const ended = await look();
    assert.deepEqual([ended.status, ended.conclusion, ended.updated_at], ["completed", "failure", at(65_000)]);
    const { jobs } = await get(`/actions/runs/${id}/jobs`);
    assert.deepEqual(
      jobs.map((job: Record<string, unknown>) => [job.name, job.conclusion, job.started_at, job.completed_at]),
      ["lint", "End to end"].map((name) => [name, "failure", at(5000), at(65_000)]),
    );
  });

  it("may exist before lists contain it", async (t) => {
    const { github, start, get, clock } = await scene(t);
    github.actions.script(() => ({ listedAfterMs: 5000 }));
    const { workflow_run_id: id } = (await start({ run: "k-1" })).json;
    assert.equal((await get(`/actions/runs/${id}`)).status, "in_progress");
    assert.equal((await get("/actions/runs")).total_count, 0);
    clock.now += 5000;
    assert.equal((await get("/actions/runs")).total_count, 1);
  });

  it("may never appear, and stays in progress without a duration", async (t) => {
    const { github, dispatch, get, clock } = await scene(t);
    github.actions.script(({ payload }) => ({ never: payload.run === "k-1" }));
    for (const key of ["k-1", "k-2"]) await dispatch(key);
    clock.now += 86_400_000;
    const { workflow_runs: runs } = await get("/actions/runs");
    assert.deepEqual(
      runs.map(({ display_title, status }: Record<string, unknown>) => [display_title, status]),
      [["Tests of pr-7 (k-2)", "in_progress"]],
    );
    github.actions.end(github.repository("acme/shop"), runs[0].id, "timed_out");
    assert.equal((await get(`/actions/runs/${runs[0].id}`)).conclusion, "timed_out");
  });

  it("can be cancelled, by force if it does not react, and not after its end", async (t) => {
    const { github, dispatch, get, ask, clock, shop } = await scene(t);
    const plans: RunPlan[] = [{ cancelTakesMs: 5000 }, { cancelTakesMs: Number.POSITIVE_INFINITY }];
    github.actions.script(() => plans.shift());
    for (const key of ["k-1", "k-2"]) await dispatch(key);
    const [slow, deaf] = [...shop.runs.values()];
    const conclusion = async (run = slow) => (await get(`/actions/runs/${run?.id}`)).conclusion;
    assert.equal((await ask("POST", `/actions/runs/${slow?.id}/cancel`)).status, 202);
    assert.equal(await conclusion(), null);
    clock.now += 5000;
    assert.equal(await conclusion(), "cancelled");
    assert.equal((await ask("POST", `/actions/runs/${slow?.id}/cancel`)).status, 409);

    await ask("POST", `/actions/runs/${deaf?.id}/cancel`);
    clock.now += 3_600_000;
    assert.equal(await conclusion(deaf), null);
    await ask("POST", `/actions/runs/${deaf?.id}/force-cancel`);
    assert.equal(await conclusion(deaf), "cancelled");
    assert.deepEqual(
      deaf?.cancels.map(({ force, by }) => [force, by]),
      [
        [false, "mona"],
        [true, "mona"],
      ],
    );
  });

  it("can be re-run: one more attempt, with its jobs, of the same run", async (t) => {
    const { github, dispatch, get, ask, clock, shop } = await scene(t);
    github.actions.script(({ attempt }) => ({ takesMs: 1000, conclusion: attempt === 1 ? "failure" : "success" }));
    await dispatch("k-1");
    const [run] = [...shop.runs.values()];
    const path = `/actions/runs/${run?.id}`;
    assert.equal((await ask("POST", `${path}/rerun`)).status, 403);
    clock.now += 60_000;
    assert.equal((await get(path)).conclusion, "failure");
    assert.equal((await ask("POST", `${path}/rerun`)).status, 201);
    const again = await get(path);
    assert.deepEqual([again.status, again.conclusion, again.run_attempt], ["in_progress", null, 2]);
    assert.deepEqual([again.created_at, again.run_started_at], [at(0), at(60_000)]);
    clock.now += 1000;
    assert.equal((await get(path)).conclusion, "success");
    assert.equal((await get(`${path}/jobs`)).total_count, 2);
    assert.equal((await get(`${path}/jobs?filter=all`)).total_count, 4);
    github.actions.rerun(shop, run?.id ?? 0, "hubot");
    assert.deepEqual([run?.attempt, run?.triggeredBy, run?.actor], [3, "hubot", "mona"]);
  });

  it("is cancelled by a newer one of its concurrency group", async (t) => {
    const concurrency = `concurrency: { group: "\${{ github.event.client_payload.sourceName }}", cancel-in-progress: true }`;
    const { github, dispatch, shop } = await scene(t, { file: `${TESTS}${concurrency}\n` });
    github.actions.script(() => ({}));
    for (const key of ["k-1", "k-2", "k-3"]) await dispatch(key);
    assert.deepEqual(
      [...shop.runs.values()].map(({ conclusion }) => conclusion),
      ["cancelled", "cancelled", null],
    );
  });

  it("is pending while another one of its group runs, and is replaced by a newer one", async (t) => {
    const { github, dispatch, shop, get, clock } = await scene(t, { file: `${TESTS}concurrency: previews\n` });
    github.actions.script(() => ({ takesMs: 10_000 }));
    for (const key of ["k-1", "k-2", "k-3"]) await dispatch(key);
    const states = async () => {
      await get("/actions/runs");
      return [...shop.runs.values()].map(({ status, conclusion }) => conclusion ?? status);
    };
    assert.deepEqual(await states(), ["in_progress", "cancelled", "pending"]);
    clock.now += 15_000;
    assert.deepEqual(await states(), ["success", "cancelled", "in_progress"]);
    clock.now += 5000;
    assert.deepEqual(await states(), ["success", "cancelled", "success"]);
  });

  it("is silently dropped when it is one of more than 500 within 10 s", async (t) => {
    const { dispatch, get, clock } = await scene(t);
    for (let at = 0; at < 502; at++) assert.equal((await dispatch(`k-${at}`)).status, 204);
    assert.equal((await get("/actions/runs")).total_count, 500);
    clock.now += 10_000;
    await dispatch("later");
    assert.equal((await get("/actions/runs")).total_count, 501);
  });

  it("succeeds immediately if everything is there", async (t) => {
    const { start, get } = await scene(t, { hasEverything: true });
    const { json } = await start({ run: "k-1" });
    assert.equal((await get(`/actions/runs/${json.workflow_run_id}`)).conclusion, "success");
  });
});

describe("the list of runs", () => {
  it("supports GitHub's filters", async (t) => {
    const { get, shop } = await scene(t);
    const facts = { status: "completed", conclusion: "failure", actor: "mona" } as const;
    for (let minute = 0; minute < 5; minute++) {
      const createdAt = START + minute * 60_000;
      shop.addRun({ id: minute + 1, createdAt, ...(minute < 2 ? { ...facts, branch: "dev", event: "push" } : {}) });
    }
    const found = async (query: string) => {
      const { total_count, workflow_runs: runs } = await get(`/actions/runs?${query}`);
      const ids = runs.map(({ id }: { id: number }) => id);
      assert.equal(total_count, ids.length, query);
      return ids;
    };
    const created = (range: string) => found(`created=${encodeURIComponent(range)}`);
    assert.deepEqual(await found(""), [5, 4, 3, 2, 1]);
    assert.deepEqual(await found("event=push&actor=mona"), [2, 1]);
    for (const query of ["status=failure", "status=completed", "branch=dev"])
      assert.deepEqual(await found(query), [2, 1]);
    assert.deepEqual(await found("status=queued&branch=dev"), []);
    assert.deepEqual(await created(`>=${at(120_000)}`), [5, 4, 3]);
    assert.deepEqual(await created(`>${at(120_000)}`), [5, 4]);
    assert.deepEqual(await created(`<=${at(60_000)}`), [2, 1]);
    assert.deepEqual(await created(`${at(60_000)}..${at(120_000)}`), [3, 2]);
    assert.deepEqual(await created(`>=${at(0).slice(0, 10)}`), [5, 4, 3, 2, 1]);
    assert.deepEqual(await created(`>${at(0).slice(0, 10)}`), []);
    assert.deepEqual(await created(`>=2026-11-28T13:02:00+01:00`), [5, 4, 3]);
  });

  it("has pages, and ends at 1,000 when it is filtered", async (t) => {
    const { ask, shop } = await scene(t);
    for (let at = 0; at < 1150; at++) shop.addRun({ number: at, createdAt: START + at });
    const page = async (query: string) => {
      const { json, headers } = await ask("GET", `/actions/runs?per_page=100&${query}`);
      return [json.total_count, json.workflow_runs.length, /rel="next"/.test(String(headers.link))];
    };
    assert.deepEqual(await page("page=12"), [1150, 50, false]);
    assert.deepEqual(await page("event=workflow_dispatch&page=9"), [1150, 100, true]);
    assert.deepEqual(await page("event=workflow_dispatch&page=10"), [1150, 100, false]);
    assert.deepEqual(await page("event=workflow_dispatch&page=11"), [1150, 0, false]);
  });

  it("returns 304 while nothing has changed, without cost", async (t) => {
    const { ask, dispatch, github } = await scene(t, { limits: { primaryPerHour: 100 } });
    const first = await ask("GET", "/actions/runs");
    const etag = { "if-none-match": String(first.headers.etag) };
    const again = await ask("GET", "/actions/runs", undefined, etag);
    assert.deepEqual([again.status, again.text, again.headers.etag], [304, "", first.headers.etag]);
    const third = await ask("GET", "/actions/runs", undefined, etag);
    assert.equal(third.headers["x-ratelimit-used"], "1");
    await dispatch("k-1");
    assert.equal((await ask("GET", "/actions/runs", undefined, etag)).status, 200);
    github.token("other");
    const other = await ask("GET", "/actions/runs", undefined, { authorization: "Bearer other" });
    assert.notEqual(other.headers.etag, first.headers.etag);
  });
});
