import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { appKey } from "./support/apps.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const SECOND_PAIR = `import { environmentReady } from "gh-runner/workflows";
export default environmentReady({
  name: "web-ready",
  path: "/web/dispatch",
  deploymentRepo: "umbrella/deploy",
  targetRepo: "umbrella/web",
  deploymentRef: "previews",
  valuesPaths: ["envs/{application}.yaml"],
  tagKey: "image.tag",
  eventType: "web_ready",
  applicationPrefix: "web-",
  payload: ({ application, commitHash }) => ({ ref: commitHash, environment: application, from: "gh-runner" }),
  githubToken: "UMBRELLA_TOKEN",
});`;

describe("environment-ready", () => {
  it("may use a GitHub App, beside a service with a token", async (t) => {
    const pair = SECOND_PAIR.replace('githubToken: "UMBRELLA_TOKEN"', 'githubApp: "UMBRELLA"');
    const { privateKey, publicKey } = appKey();
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, { "web-ready.ts": pair }),
      ...{ UMBRELLA_ID: "9", UMBRELLA_PRIVATE_KEY: privateKey },
    };
    const { github, url } = await startService(t, { settings });
    github.app({ id: 9, publicKey, installations: [{ id: 90, owner: "umbrella" }] });
    github.repository("umbrella/web");
    github.repository("umbrella/deploy").put("envs/web-7.yaml", "image: { tag: abc123 }\n", "previews");
    const body = JSON.stringify({ application: "web-7" });
    const { status, text } = await send(url, { method: "POST", path: "/web/dispatch", body });
    assert.equal(status, 200, text);
    assert.match(github.dispatches[0]?.token ?? "", /^ghs_/);
  });

  it("is a function of its options: several pairs run in one service, each with separate credentials", async (t) => {
    const folder = workflowsFolder(t, { "web-ready.ts": SECOND_PAIR });
    const settings = { WORKFLOWS_DIR: folder, UMBRELLA_TOKEN: "ghp_umbrella0123456789abcdefABCDEF0" };
    const { github, url, logLines } = await startService(t, { settings });
    github.token(settings.UMBRELLA_TOKEN, { repositories: ["umbrella/*"] });
    github.repository("umbrella/web");
    github.repository("umbrella/deploy").put("envs/web-7.yaml", "image: { tag: abc123 }\n", "previews");

    const dispatch = (path: string, application: string) =>
      send(url, { method: "POST", path, body: JSON.stringify({ application }) });
    const sent = await dispatch("/web/dispatch", "web-7");
    assert.deepEqual(sent.json, {
      status: "success",
      commitHash: "abc123",
      sourceName: "web-7",
    });
    assert.deepEqual(
      github.dispatches.map(({ repo, eventType, payload, token }) => ({ repo, eventType, payload, token })),
      [
        {
          repo: "umbrella/web",
          eventType: "web_ready",
          payload: { ref: "abc123", environment: "web-7", from: "gh-runner" },
          token: settings.UMBRELLA_TOKEN,
        },
      ],
    );
    assert.match((await dispatch("/web/dispatch", "pr-7")).json.reason, /doesn't start with 'web-'/);
    assert.equal((await dispatch("/dispatch", "web-7")).json.status, "skipped");
    const run = sent.headers["x-run-id"];
    const page = (await send(url, { path: `/runs/${run}` })).text;
    assert.match(page, /href="[^"]+\/umbrella\/web\/commit\/abc123"/);
    assert.match(page, /href="[^"]+\/umbrella\/web\/actions\?/);
    const { previews } = (await send(url, { path: "/api/previews" })).json;
    assert.deepEqual(
      previews.map(({ application, result, environment }: Record<string, unknown>) => [
        ...[application, result, (environment as { workflow: string }).workflow],
      ]),
      [["web-7", "dispatched", "web-ready"]],
    );
    assert.match((await send(url, { path: "/previews" })).text, /href="[^"]+\/umbrella\/web\/commit\/abc123"/);
    assert.ok(!logLines.some((line) => line.includes(settings.UMBRELLA_TOKEN)));
  });
});
