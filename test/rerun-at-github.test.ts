import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow } from "../src/index.ts";
import { PermanentFailure } from "../src/model/failure.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { DEPLOYMENT, type Service, send, startService, TARGET } from "./support/service.ts";
import { deliver, WEBHOOK_SECRET } from "./support/webhooks.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
const ACTIONS_RUN = 4711;
const FAILED = { tried: "the tests", happened: "2 jobs failed", remedy: "See the Actions run." };

const postgres = postgresForTests();

/** A workflow that has found its Actions run, and ends as the tests do, as the test decides. */
function following(result: () => "success" | "failure", begun: string[] = []) {
  return defineWorkflow({
    name: "following",
    on: { http: { path: "/following", body: ANYTHING } },
    concurrency: ({ body }) => (body as { group: string }).group,
    async run({ step, runId }) {
      await step("Actions run", () => {
        begun.push(runId);
        return { repository: TARGET, runId: ACTIONS_RUN };
      });
      if (result() === "failure") throw new PermanentFailure(FAILED);
      return {};
    },
  });
}

const settings = { GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
const served = (workflow: unknown) => ({ workflows: [{ workflow: workflow as Workflow, file: "following.ts" }] });

async function startRun({ url }: Service, group = "pr-1"): Promise<string> {
  const body = JSON.stringify({ group });
  const headers = { "content-type": "application/json", prefer: "respond-async" };
  const answer = await send(url, { method: "POST", path: "/following", body, headers });
  assert.equal(answer.status, 202);
  await until("it has ended", async () => (await shown(url, answer.json.run)).endedAt !== undefined);
  return answer.json.run;
}

const shown = async (url: string, id: string) => (await send(url, { path: `/api/runs/${id}` })).json;

function delivery(key: string, facts: Record<string, unknown> = {}, repository = TARGET) {
  const run = { id: ACTIONS_RUN, run_attempt: 2, display_title: `Preview tests ${key}`, status: "queued", ...facts };
  return { action: "requested", workflow_run: run, repository: { full_name: repository } };
}

describe("an Actions run that a person re-runs at GitHub", () => {
  async function failed(t: TestContext) {
    let result: "success" | "failure" = "failure";
    const begun: string[] = [];
    const service = await startService(t, { settings, options: served(following(() => result, begun)) });
    const id = await startRun(service);
    return { service, id, begun, become: (to: typeof result) => (result = to) };
  }

  it("is followed again after a failure, once per attempt, and the log and the run show who", async (t) => {
    const { service, id, begun, become } = await failed(t);
    const { url, log } = service;
    const answer = await deliver(url, "workflow_run", delivery(id));
    assert.deepEqual([answer.status, answer.json], [202, { status: "woken", woken: 1 }]);
    await until("it has failed again", async () => (await shown(url, id)).attempts.length === 2);
    for (const status of ["in_progress", "completed"]) {
      assert.equal((await deliver(url, "workflow_run", delivery(id, { status }))).json.status, "ignored");
    }
    become("success");
    assert.equal((await deliver(url, "workflow_run", delivery(id, { run_attempt: 3 }))).json.woken, 1);
    await until("it has succeeded", async () => (await shown(url, id)).status === "success");
    assert.equal((await deliver(url, "workflow_run", delivery(id, { run_attempt: 2 }))).json.status, "ignored");
    const { actions, attempts } = await shown(url, id);
    assert.equal(attempts.length, 3);
    assert.deepEqual(begun, [id], "what led to the failure stands");
    assert.deepEqual(
      actions.map(({ actor, action, details }: Record<string, unknown>) => [actor, action, details]),
      Array.from({ length: 2 }, () => ["GitHub webhook", "re-run", "from the failure"]),
    );
    const records = log().filter(({ msg }) => msg === "run re-run");
    assert.deepEqual(
      records.map(({ run, actor, from }) => [run, actor, from]),
      Array.from({ length: 2 }, () => [id, "GitHub webhook", "failure"]),
    );
  });

  it("starts nothing for a first attempt, another Actions run, another repository, or an unknown run", async (t) => {
    const { service, id } = await failed(t);
    for (const payload of [
      delivery(id, { run_attempt: 1 }),
      delivery(id, { id: ACTIONS_RUN + 1 }),
      delivery(id, {}, DEPLOYMENT),
      delivery(randomUUID()),
      delivery("no key"),
      delivery(id, { display_title: null }),
      delivery(id, { run_attempt: "2" }),
      { ...delivery(id), repository: undefined },
      { ...delivery(id), workflow_run: null },
    ]) {
      const { status, json } = await deliver(service.url, "workflow_run", payload);
      assert.deepEqual([status, json.status], [200, "ignored"], JSON.stringify(payload));
    }
    assert.equal((await deliver(service.url, "workflow_job", delivery(id))).json.status, "ignored");
    assert.equal((await shown(service.url, id)).attempts.length, 1);
  });

  it("is followed again after a success, too", async (t) => {
    const service = await startService(t, { settings, options: served(following(() => "success")) });
    const id = await startRun(service);
    assert.equal((await deliver(service.url, "workflow_run", delivery(id, {}, TARGET.toUpperCase()))).json.woken, 1);
    await until("it has ended again", async () => (await shown(service.url, id)).attempts.length === 2);
    assert.equal((await deliver(service.url, "workflow_run", delivery(id))).json.status, "ignored");
  });

  it("is not followed again when its group has a newer run", async (t) => {
    const { service, id } = await failed(t);
    await startRun(service);
    assert.equal((await deliver(service.url, "workflow_run", delivery(id))).json.status, "ignored");
    assert.equal((await shown(service.url, id)).attempts.length, 1);
  });

  it("is followed once by three replicas that all receive the webhook", async (t) => {
    const shared = { ...settings, DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
    const workflow = following(() => "failure");
    const three: Service[] = [];
    for (let n = 0; n < 3; n++) three.push(await startService(t, { settings: shared, options: served(workflow) }));
    const [first] = three as [Service];
    const id = await startRun(first);
    const deliveries = three.flatMap(({ url }) =>
      ["queued", "in_progress"].map((status) => deliver(url, "workflow_run", delivery(id, { status }))),
    );
    const answers = await Promise.all(deliveries);
    assert.ok(answers.some(({ json }) => json.woken === 1));
    await until("it has failed again", async () => (await shown(first.url, id)).attempts.length === 2);
    for (const { url } of three) await deliver(url, "workflow_run", delivery(id, { status: "completed" }));
    const { actions, attempts, status } = await shown(first.url, id);
    assert.deepEqual([actions.length, attempts.length, status], [1, 2, "failure"]);
  });
});
