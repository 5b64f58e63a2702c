import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, TransientFailure } from "gh-runner";
import { testRun } from "gh-runner/testing";
import { environmentReady } from "gh-runner/workflows";
import * as z from "zod";

const COMMENTS = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

const comment = defineWorkflow({
  name: "comment",
  on: { http: { path: "/comment", body: z.object({ pr: z.number() }) } },
  env: ["GREETING"],
  async run({ body, github, step, env }) {
    const made = await step("comment", () =>
      github.request(COMMENTS, { owner: "acme", repo: "shop", issue_number: body.pr, body: env.GREETING }),
    );
    return { url: made.data.html_url };
  },
});

describe("the test kit", () => {
  it("runs a workflow in one line and tells what GitHub was sent", async () => {
    const { run, sent, steps } = await testRun(
      comment,
      { body: { pr: 7 } },
      { env: { GREETING: "hello" }, answers: { [COMMENTS]: { body: { html_url: "https://github.com/c/1" } } } },
    );
    assert.deepEqual([run.status, run.outputs], ["success", { url: "https://github.com/c/1" }]);
    assert.deepEqual(sent, [{ method: "POST", path: "/repos/acme/shop/issues/7/comments", body: { body: "hello" } }]);
    assert.deepEqual(
      steps.map(({ name }) => name),
      ["comment"],
    );
  });

  it("tells a failure as a caller would be told it", async () => {
    const { run } = await testRun(comment, { body: { pr: 7 } });
    assert.equal(run.status, "failure");
    assert.match(
      run.reason ?? "",
      /asking GitHub for POST \/repos\/acme\/shop\/issues\/7\/comments failed: GitHub answered 404/i,
    );
  });

  it("tells that another attempt would be made", async () => {
    const blinking = defineWorkflow({
      name: "blinking",
      on: { schedule: { cron: "0 3 * * *" } },
      async run({ event }) {
        throw new TransientFailure({ tried: "trying", happened: `nothing at ${event.scheduledAt}`, remedy: "Wait." });
      },
    });
    const { run } = await testRun(blinking, { event: { scheduledAt: "2026-11-24T03:00:00.000Z" } });
    assert.deepEqual([run.status, run.kind], ["queued", "transient"]);
  });

  it("runs the built-in workflow as well, on files that are prepared", async () => {
    const { run, dispatches } = await testRun(
      environmentReady({ deploymentRepo: "acme/deployment", targetRepo: "acme/shop" }),
      { body: { application: "pr-1", revision: undefined } },
      {
        prepare: (github) =>
          github
            .repository("acme/deployment")
            .put("configs/pr/light/pr-1/values.yaml", "global: { config: { DEPLOYMENT_TAG: 0012345 } }"),
      },
    );
    assert.equal(run.status, "success");
    assert.deepEqual(dispatches, [
      { repo: "acme/shop", eventType: "environment_ready", payload: { commitHash: "0012345", sourceName: "pr-1" } },
    ]);
  });

  it("refuses a body that the workflow would not take", async () => {
    await assert.rejects(testRun(comment, { body: { pr: "7" as never } }), /would not take this body: pr /);
  });
});
