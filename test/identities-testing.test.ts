import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow } from "gh-runner";
import { testRun } from "gh-runner/testing";

const SHOP = "acme/shop";

const release = defineWorkflow({
  name: "release",
  on: { manual: true },
  githubApp: "RELEASE_APP",
  identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
  async run({ github, step, sleep }) {
    await github.as("reader").readFile(SHOP, "a.md");
    await step("tell", () => github.dispatch(SHOP, "released", {}));
    await github.as("bot").comment({ repository: SHOP, number: 1, key: "release", body: "Out." });
    await sleep("a while", "1h");
    await github.as("service").dispatch("globex/shop", "released", {});
  },
});

describe("the test kit", () => {
  it("has a GitHub that knows the credentials of a workflow, and shows who has sent what", async () => {
    const waiting = await testRun(
      release,
      { inputs: {} },
      {
        prepare(github) {
          github.repository("globex/shop");
          github.repository(SHOP).openPull();
        },
      },
    );
    const { run, sent } = await waiting.advance("1h");
    assert.equal(run.status, "success", run.reason ?? "");
    assert.deepEqual(
      sent.map(({ method, path, identity = "" }) => [method, path, identity]),
      [
        ["POST", "/repos/acme/shop/dispatches", ""],
        ["POST", "/repos/acme/shop/issues/1/comments", "bot"],
        ["POST", "/repos/globex/shop/dispatches", "service"],
      ],
    );
  });

  it("keeps the variables that a test sets", async () => {
    const token = "ghp_aTestsToken0123456789abcdefABCDEF01";
    const reading = defineWorkflow({
      name: "reading",
      on: { manual: true },
      githubToken: "READER_TOKEN",
      run: async ({ github }) => (await github.request("GET /user", {})).data.login,
    });
    const { run } = await testRun(
      reading,
      { inputs: {} },
      { env: { READER_TOKEN: token }, prepare: (github) => github.token(token, { login: "mona" }) },
    );
    assert.deepEqual([run.status, run.outputs], ["success", "mona"]);
  });

  it("limits a workflow to its permissions, even when it uses the service's credential", async () => {
    const workflow = defineWorkflow({
      name: "narrow",
      on: { manual: true },
      permissions: { contents: "read" },
      async run({ github }) {
        await github.readFile(SHOP, "a.md");
        await github.request("GET /repos/{owner}/{repo}/pulls", { owner: "acme", repo: "shop" });
      },
    });
    const { run } = await testRun(workflow, { inputs: {} });
    assert.equal(run.status, "failure");
    assert.match(run.reason ?? "", /The workflow's `permissions` lack pull_requests: "read": add it/);
    const wider = { ...workflow, permissions: { contents: "read", pull_requests: "read" } } as const;
    assert.equal((await testRun(wider, { inputs: {} })).run.status, "success");
  });
});
