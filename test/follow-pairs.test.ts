import assert from "node:assert/strict";
import { it } from "node:test";
import { until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const SHA = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const UMBRELLA_TOKEN = "ghp_umbrella0123456789abcdefABCDEF0";

const READY = `import { environmentReady } from "gh-runner/workflows";
export default environmentReady({
  name: "web-ready",
  path: "/web/dispatch",
  deploymentRepo: "umbrella/deploy",
  targetRepo: "umbrella/web",
  valuesPaths: ["envs/{application}.yaml"],
  tagKey: "image.tag",
  eventType: "web_ready",
  applicationPrefix: "web-",
  githubToken: "UMBRELLA_TOKEN",
  follow: { reports: ["status"], followedBy: "web-tests" },
});`;
const TESTS = `import { previewTests } from "gh-runner/workflows";
export default previewTests({ name: "web-tests", githubToken: "UMBRELLA_TOKEN" });`;
const TARGET = `run-name: Tests \${{ github.event.client_payload.run }}
on: { repository_dispatch: { types: [web_ready] } }
jobs: { tests: { runs-on: ubuntu-latest, steps: [] } }
`;

async function scene(t: Parameters<typeof startService>[0], files: Record<string, string>) {
  const settings = { WORKFLOWS_DIR: workflowsFolder(t, files), UMBRELLA_TOKEN };
  const service = await startService(t, { settings });
  const { github, url } = service;
  github.token(UMBRELLA_TOKEN, { repositories: ["umbrella/*"] });
  const web = github.repository("umbrella/web");
  web.addCommit(SHA);
  web.put(".github/workflows/tests.yml", TARGET);
  github.repository("umbrella/deploy").put("envs/web-7.yaml", `image: { tag: ${SHA} }\n`);
  github.actions.script(() => ({ takesMs: 0 }));
  const body = JSON.stringify({ application: "web-7" });
  const answer = await send(url, { method: "POST", path: "/web/dispatch", body });
  return { ...service, web, answer };
}

it("a second pair of repositories is followed with a separate token, under a separate name", async (t) => {
  const { web, answer, app } = await scene(t, { "web-ready.ts": READY, "web-tests.ts": TESTS });
  assert.deepEqual(answer.json, { status: "success", commitHash: SHA, sourceName: "web-7" });
  await until("the result is shown", () => web.statuses.at(-1)?.state === "success");
  assert.deepEqual([...new Set(web.statuses.map(({ context }) => context))], ["gh-runner/web-ready"]);
  const { runs } = await app.engine.store.list({ workflow: "web-tests" }, { limit: 10 });
  assert.deepEqual(
    runs.map(({ group }) => group),
    ["web-ready/web-7"],
  );
});

it("without the workflow that follows, the dispatch is still sent, and the log names what is missing", async (t) => {
  const { answer, github, logLines } = await scene(t, { "web-ready.ts": READY });
  assert.deepEqual(answer.json, { status: "success", commitHash: SHA, sourceName: "web-7" });
  assert.equal(github.dispatches.length, 1);
  assert.ok(logLines.some((line) => line.includes("the tests are not followed") && line.includes("web-tests")));
});
