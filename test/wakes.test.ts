import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { send, startService } from "./support/service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** Waits for a pull request to be merged, as a file in the stand-in shows. Without an event it checks only after hours. */
const MERGED = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "merged",
  on: { http: { path: "/merged", body: z.object({ repository: z.string(), number: z.number() }) } },
  async run({ body, github, waitUntil }) {
    const by = await waitUntil("merged", () => github.readFile("acme/shop", "merged.txt"), {
      every: "6h",
      timeout: "3d",
      wakeOn: { pullRequest: { repository: body.repository, number: body.number } },
    });
    return { by };
  },
});`;

const postgres = postgresForTests();

async function service(t: TestContext, more: Record<string, string> = {}) {
  const settings = {
    ...more,
    WORKFLOWS_DIR: workflowsFolder(t, { "merged.ts": MERGED }),
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  const started = await startService(t, { settings });
  const { url } = started;
  const get = async (id: string) => (await send(url, { path: `/api/runs/${id}` })).json;
  return {
    ...started,
    get,
    async waiting(repository: string, number: number): Promise<string> {
      const body = JSON.stringify({ repository, number });
      const headers = { prefer: "respond-async" };
      const { run } = (await send(url, { method: "POST", path: "/merged", body, headers })).json;
      await until("the run waits", async () => (await get(run)).status === "waiting");
      return run;
    },
  };
}

describe("a webhook of GitHub", () => {
  it("wakes the run that waits for it, even if no workflow has the trigger github", async (t) => {
    const { github, url, waiting, get } = await service(t);
    const payload = payloadOf("pull_request", "closed") as { number: number; repository: { full_name: string } };
    const run = await waiting(payload.repository.full_name, payload.number);
    const other = await waiting(payload.repository.full_name, payload.number + 1);

    const early = await deliver(url, "pull_request", payload);
    assert.deepEqual([early.status, early.json], [202, { status: "woken", woken: 1 }]);
    await until("it has looked and waits again", async () => {
      const { status, attemptCount } = await get(run);
      return status === "waiting" && attemptCount === 2;
    });

    github.repository("acme/shop").put("merged.txt", "octocat");
    assert.equal((await deliver(url, "pull_request", payload)).json.woken, 1);
    await until("it has ended", async () => (await get(run)).status === "success");
    assert.deepEqual((await get(run)).outputs, { by: "octocat" });
    assert.deepEqual([(await get(other)).status, (await get(other)).attemptCount], ["waiting", 1]);

    const late = await deliver(url, "pull_request", payload);
    assert.equal(late.json.status, "ignored");
    assert.equal(late.json.reason, "no workflow handles this event and action, and no run waits for it");
  });

  it("wakes the run on another replica than the one that began it", async (t) => {
    const shared = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
    const [one, two] = [await service(t, shared), await service(t, shared)];
    const payload = payloadOf("pull_request", "closed") as { number: number; repository: { full_name: string } };
    const run = await one.waiting(payload.repository.full_name, payload.number);
    for (const { github } of [one, two]) github.repository("acme/shop").put("merged.txt", "octocat");
    const answers = await Promise.all([one, two, one].map(({ url }) => deliver(url, "pull_request", payload)));
    assert.ok(answers.some(({ json }) => json.woken === 1));
    await until("it has ended", async () => (await two.get(run)).status === "success");
    const { outputs, attemptCount } = await one.get(run);
    assert.deepEqual(outputs, { by: "octocat" });
    assert.equal(attemptCount, 2);
  });

  it("wakes nothing when it is not signed", async (t) => {
    const { github, url, waiting, get } = await service(t);
    const payload = payloadOf("pull_request", "closed") as { number: number; repository: { full_name: string } };
    const run = await waiting(payload.repository.full_name, payload.number);
    github.repository("acme/shop").put("merged.txt", "octocat");
    assert.equal((await deliver(url, "pull_request", payload, { secret: "another" })).status, 401);
    assert.equal((await get(run)).status, "waiting");
    assert.equal((await deliver(url, "push", payloadOf("push"))).json.status, "ignored");
    assert.equal((await get(run)).attemptCount, 1);
  });
});
