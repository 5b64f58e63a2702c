import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { send, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const TWO_STEPS = httpWorkflow(
  "two-steps",
  `const first = await step("first", async () => {
      await github.dispatch("acme/shop", "first", { attempt });
      return { attempt };
    });
    if (attempt === 1) await new Promise(() => {});
    await step("second", () => github.dispatch("acme/shop", "second", { attempt }));
    return { first: first.attempt, attempt };`,
);

describe("a workflow whose process is killed between two steps", () => {
  it("continues after the restart, and repeats no completed step", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository("acme/shop");
    const port = await fixedPort();
    // With NODE_COMPILE_CACHE set, the service would not choose the folder of compiled files.
    const settings = { WORKFLOWS_DIR: workflowsFolder(t, { "two-steps.ts": TWO_STEPS }), NODE_COMPILE_CACHE: "" };
    const facts = { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings };
    const url = `http://127.0.0.1:${port}`;

    const killed = spawnService(t, facts);
    await listening(killed, port);
    const headers = { prefer: "respond-async" };
    const { run } = (await send(url, { method: "POST", path: "/two-steps", body: "{}", headers })).json;
    await until(
      "the first step is kept",
      // A step that takes a while is shown earlier.
      async () => (await send(url, { path: `/api/runs/${run}` })).json.steps[0]?.endedAt !== undefined,
    );
    await killed.kill();
    assert.ok(readdirSync(join(facts.dataDir, "compiled")).length > 0, "what was compiled is there for the next start");

    const restarted = spawnService(t, facts);
    await listening(restarted, port);
    await until(
      "the run has ended",
      async () => (await send(url, { path: `/api/runs/${run}` })).json.status === "success",
    );
    const detail = (await send(url, { path: `/api/runs/${run}` })).json;
    assert.deepEqual(detail.outputs, { first: 1, attempt: 2 });
    assert.deepEqual(
      github.dispatches.map(({ eventType, payload }) => [eventType, payload.attempt]),
      [
        ["first", 1],
        ["second", 2],
      ],
    );
    restarted.stop();
    assert.equal(await restarted.ended, 0);
  });
});
