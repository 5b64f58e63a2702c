import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow } from "gh-runner";
import { testRun } from "gh-runner/testing";
import * as z from "zod";
import { givenOf } from "../src/model/workflow.ts";
import { movedClock, until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const MANY = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "many",
  on: {
    http: { path: "/many", body: z.object({ ref: z.string() }) },
    flux: { path: "/many/flux" },
    github: [
      { events: "pull_request", actions: ["opened"] },
      { events: ["pull_request", "issues"], actions: ["opened"] },
      { events: "push", filter: ({ payload }) => payload.ref !== "refs/heads/other" },
    ],
    schedule: { cron: "0 3 * * *" },
  },
  concurrency: { group: ({ trigger }) => \`by \${trigger}\` },
  dedupe: { key: (given) => (given.trigger === "http" ? given.body.ref : given.trigger + ("event" in given)), within: "1s" },
  labels: ({ trigger }) => ({ started_by: trigger }),
  async run({ trigger, body, event }) {
    if (trigger === "http") return { trigger, ref: body.ref };
    if (trigger === "flux") return { trigger, name: body.involvedObject.name };
    if (trigger === "schedule") return { trigger, at: event.scheduledAt };
    return { trigger, event: event.name };
  },
});`;

const FLUX_EVENT = {
  involvedObject: { kind: "Kustomization", namespace: "flux-system", name: "apps", uid: "1" },
  timestamp: "2026-11-24T12:00:00Z",
  reason: "ReconciliationSucceeded",
};

async function serviceWith(t: TestContext, files: Record<string, string>, options = {}) {
  const settings = { WORKFLOWS_DIR: workflowsFolder(t, files), GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
  const service = await startService(t, { settings, options });
  const get = async (path: string) => (await send(service.url, { path })).json;
  return {
    ...service,
    async ended(id: string) {
      await until(
        "the run has ended",
        async () => !["queued", "running"].includes((await get(`/api/runs/${id}`)).status),
      );
      return get(`/api/runs/${id}`);
    },
    runs: async () => (await get("/api/runs?limit=100")).runs,
  };
}

describe("a workflow with several triggers", () => {
  it("is started by each, and knows which one it was", async (t) => {
    const clock = movedClock(Date.parse("2026-11-24T02:59:00Z"));
    const { url, log, ended, runs } = await serviceWith(t, { "many.ts": MANY }, { clock });
    const post = (path: string, body: unknown) => send(url, { method: "POST", path, body: JSON.stringify(body) });

    const byHttp = await post("/many", { ref: "main" });
    assert.deepEqual(byHttp.json, { status: "success", trigger: "http", ref: "main" });
    const byFlux = await ended((await post("/many/flux", FLUX_EVENT)).json.run);
    assert.deepEqual(byFlux.outputs, { trigger: "flux", name: "apps" });
    const byGitHub = await ended((await deliver(url, "push", payloadOf("push"))).json.runs[0].run);
    assert.deepEqual(byGitHub.outputs, { trigger: "github", event: "push" });
    await until("the schedule waits for its time", async () => (await runs()).length === 3);
    clock.move(120_000);
    await until("the tick has made a run", async () => (await runs()).length === 4);
    const bySchedule = await ended((await runs())[0].id);
    assert.deepEqual(bySchedule.outputs, { trigger: "schedule", at: "2026-11-24T03:00:00.000Z" });

    const facts = [await ended(String(byHttp.headers["x-run-id"])), byFlux, byGitHub, bySchedule];
    assert.deepEqual(
      facts.map(({ trigger, actor, group }) => [trigger, actor, group]),
      [
        ["http", "anonymous", "by http"],
        ["flux", "Flux", "by flux"],
        ["github", "GitHub webhook", "by github"],
        ["schedule", "schedule", "by schedule"],
      ],
    );
    assert.deepEqual(
      log().flatMap(({ started_by }) => started_by ?? []),
      ["http", "flux", "github", "schedule"],
    );
  });

  it("has one run for a delivery that matches several entries, and none for one without a match", async (t) => {
    const { url, ended, runs } = await serviceWith(t, { "many.ts": MANY });
    const opened = await deliver(url, "pull_request", payloadOf("pull_request", "opened"));
    assert.equal(opened.status, 202);
    assert.deepEqual(
      opened.json.runs.map((each: { workflow: string }) => each.workflow),
      ["many"],
    );
    assert.deepEqual((await ended(opened.json.runs[0].run)).outputs, { trigger: "github", event: "pull_request" });
    assert.equal((await deliver(url, "issues", payloadOf("issues", "opened"))).status, 202);
    assert.equal((await deliver(url, "pull_request", payloadOf("pull_request", "closed"))).json.status, "ignored");
    const other = { ...payloadOf("push"), ref: "refs/heads/other" };
    assert.equal((await deliver(url, "push", other)).json.status, "ignored");
    assert.equal((await runs()).length, 2);
  });

  it("gives an old run without a recorded trigger the data of its only trigger", () => {
    const [body, event] = [{ n: 1 }, { scheduledAt: "2026-11-24T03:00:00.000Z" }];
    const http = { http: { path: "/x", body: z.object({}) } };
    assert.deepEqual(givenOf({ on: http }, { trigger: undefined, input: body }), { trigger: "http", body });
    const schedule = { schedule: { cron: "0 3 * * *" } };
    assert.deepEqual(givenOf({ on: schedule }, { trigger: undefined, input: event }), { trigger: "schedule", event });
    const both = { ...http, ...schedule };
    assert.deepEqual(givenOf({ on: both }, { trigger: "schedule", input: event }), { trigger: "schedule", event });
  });

  it("is tested with the data of one of them", async () => {
    const workflow = defineWorkflow({
      name: "tested",
      on: {
        http: { path: "/tested", body: z.object({ n: z.number() }) },
        flux: { path: "/tested/flux" },
        manual: { inputs: z.object({ n: z.number().default(7) }) },
      },
      async run({ trigger, body, inputs }) {
        if (trigger === "manual") return { n: inputs.n };
        return trigger === "http" ? { n: body.n } : { name: body.involvedObject.name };
      },
    });
    assert.deepEqual((await testRun(workflow, { inputs: { n: 3 } })).run.outputs, { n: 3 });
    assert.deepEqual((await testRun(workflow, { trigger: "http", body: { n: 4 } })).run.outputs, { n: 4 });
    const wrong = testRun(workflow, { inputs: { n: "x" as unknown as number } });
    await assert.rejects(wrong, /The workflow rejects these inputs: n /);
    await assert.rejects(
      testRun(workflow, { body: { n: 4 } }),
      /started by http, flux, manual: say which with `trigger`: http, flux/,
    );
  });
});
