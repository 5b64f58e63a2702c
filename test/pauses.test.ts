import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ALICE = "of-alice-0123456789abcdef";
const AUTH_TOKENS = `alice:${ALICE}`;
const headers = { authorization: `Bearer ${ALICE}` };
const NAME = "environment-ready";

async function service(t: TestContext, settings: Record<string, string> = {}) {
  const WORKFLOWS_DIR = workflowsFolder(t, { "other.ts": httpWorkflow("other", "return {};") });
  const started = await startService(t, { settings: { AUTH_TOKENS, WORKFLOWS_DIR, ...settings } });
  deploy(started.github, "pr-1", "abc");
  const { url } = started;
  const post = (path: string) => send(url, { method: "POST", path, headers });
  const get = async (path: string) => (await send(url, { path, headers })).json;
  const workflow = (...args: string[]) =>
    command(["workflow", ...args], { GH_RUNNER_URL: url, GH_RUNNER_TOKEN: ALICE });
  return { ...started, post, get, workflow, notify: (body: unknown) => notify(url, body, headers) };
}

describe("A paused workflow", () => {
  it("answers its callers immediately, and runs their events when it is resumed", async (t) => {
    const { post, get, notify, github, log } = await service(t);
    const pause = await post(`/api/workflows/${NAME}/pause`);
    assert.equal(pause.status, 200);
    const { at, ...paused } = pause.json.paused;
    assert.deepEqual(paused, { actor: "token alice", all: false });
    assert.match(at, /^\d{4}-.*Z$/);

    const began = performance.now();
    const answer = await notify({ application: "pr-1" });
    assert.ok(performance.now() - began < 10_000, "it does not wait for WAIT_SECONDS");
    assert.equal(answer.status, 202);
    const id = answer.json.run;
    assert.equal((await get(`/api/runs/${id}`)).status, "queued");
    assert.equal(github.dispatches.length, 0);
    const listed = (await get("/api/workflows")).workflows;
    assert.deepEqual(
      listed.map((each: { name: string; paused?: object }) => [each.name, each.paused !== undefined]),
      [
        [NAME, true],
        ["other", false],
      ],
    );

    const resume = await post(`/api/workflows/${NAME}/resume`);
    assert.deepEqual(resume.json, { workflow: NAME, changed: true });
    await until("the run has ended", async () => (await get(`/api/runs/${id}`)).status === "success");
    assert.equal(github.dispatches.length, 1);
    const records = log().filter(({ msg }) => /^workflow (paused|resumed)/.test(String(msg)));
    assert.deepEqual(
      records.map(({ workflow, actor }) => [workflow, actor]),
      [
        [NAME, "token alice"],
        [NAME, "token alice"],
      ],
    );
  });

  it("rejects events with the caller's token, with a time to retry", async (t) => {
    const { post, get, notify, github } = await service(t);
    await post(`/api/workflows/${NAME}/pause`);
    const answer = await notify({ application: "pr-1", github_token: TOKEN });
    assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "60"]);
    assert.match(answer.json.detail, /environment-ready is paused.*Send it again/);
    assert.deepEqual((await get("/api/runs")).runs, []);
    assert.equal(github.dispatches.length, 0);
  });

  it("stays paused after a restart, which is logged", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const first = await service(t, { DATA_DIR });
    await first.post(`/api/workflows/${NAME}/pause`);
    await first.app.close();
    const second = await service(t, { DATA_DIR });
    assert.equal((await second.notify({ application: "pr-1" })).status, 202);
    const [warning] = second.log().filter(({ msg }) => String(msg).includes("has been paused since"));
    assert.match(String(warning?.msg), /^environment-ready has been paused since .* by token alice\. To resume: /);
  });

  it("shows in the metrics", async (t) => {
    const { post, url, notify } = await service(t);
    await post("/api/pause");
    await notify({ application: "pr-1" });
    const { text } = await send(url, { path: "/metrics", headers });
    for (const line of [
      'gh_runner_workflow_paused{workflow="environment-ready"} 1',
      'gh_runner_workflow_paused{workflow="other"} 1',
      'gh_runner_runs_queued{reason="paused"} 1',
      'gh_runner_runs_queued{reason="turn"} 0',
    ]) {
      assert.ok(text.includes(line), line);
    }
  });

  it("must exist, and pausing it needs a token", async (t) => {
    const { post, url } = await service(t);
    const unknown = await post("/api/workflows/othr/pause");
    assert.equal(unknown.status, 404);
    assert.match(unknown.json.detail, /Workflows: environment-ready, other\./);
    for (const path of ["/api/pause", "/api/resume", "/api/workflows/other/pause", "/api/workflows/other/resume"]) {
      assert.equal((await send(url, { method: "POST", path })).status, 401, path);
    }
  });
});

describe("gh-runner workflow", () => {
  it("pauses and resumes one, and prints its new state", async (t) => {
    const { workflow } = await service(t);
    assert.match((await workflow("pause", "other")).stdout, /^other is paused \(for \d+m?s, by token alice\)\n$/);
    assert.match((await workflow("pause", "other")).stdout, /^other is already paused \(/);
    assert.match((await workflow("list")).stdout, /^other +for \d+m?s, by token alice$/m);
    assert.equal((await workflow("resume", "other")).stdout, "other is resumed\n");
    assert.equal((await workflow("resume", "other")).stdout, "other was not paused\n");
    const json = JSON.parse((await workflow("pause", "other", "--json")).stdout);
    assert.deepEqual([json.workflow, json.changed, json.paused.actor], ["other", true, "token alice"]);
  });

  it("pauses all for an incident, and keeps those paused that were paused by name", async (t) => {
    const { workflow, notify } = await service(t);
    await workflow("pause", "other");
    assert.match((await workflow("pause", "--all")).stdout, /^every workflow is paused \(with all, for /);
    assert.equal((await notify({ application: "pr-1" })).status, 202);
    const one = await workflow("resume", "other");
    assert.match(one.stdout, /^other is paused \(with all, /);
    assert.match(one.stderr, /gh-runner workflow resume --all/);
    await workflow("pause", "other");
    const all = await workflow("resume", "--all");
    assert.equal(all.stdout, "every workflow is resumed\n");
    assert.equal(all.stderr, "These workflows were paused by name and are still paused: other\n");
  });

  it("needs a name or --all, and a workflow that exists", async (t) => {
    const { workflow } = await service(t);
    for (const args of [["pause"], ["pause", "other", "--all"], ["resume"]]) {
      const { code, stderr } = await workflow(...args);
      assert.deepEqual([code, stderr], [1, "Name a workflow, or use --all.\n"]);
    }
    const { code, stderr } = await workflow("pause", "othr");
    assert.equal(code, 1);
    assert.match(stderr, /There is no workflow "othr"/);
  });
});
