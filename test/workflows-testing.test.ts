import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, fail, TransientFailure } from "gh-runner";
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
  it("shows that a run waits for a limit, and continues at its end", async () => {
    const workflow = defineWorkflow({
      name: "limited",
      on: { manual: true },
      run: async ({ github, repo }) =>
        (await github.paginate(github.rest.issues.listLabelsForRepo, { ...repo })).length,
    });
    let limited = true;
    const limit = { status: 429, headers: { "retry-after": "120" } };
    await using tested = await testRun(
      workflow,
      { inputs: {} },
      { answers: { "GET /repos/{owner}/{repo}/labels": () => (limited ? limit : { body: [] }) } },
    );
    assert.deepEqual([tested.run.status, tested.run.kind], ["queued", "limit"]);
    limited = false;
    await tested.advance("3m");
    assert.deepEqual([tested.run.status, tested.run.outputs], ["success", 0]);
  });

  it("ends as failed, without a retry, when the workflow returns fail", async () => {
    const workflow = defineWorkflow({
      name: "strict",
      on: { manual: true },
      run: async () => fail("the title has no ticket"),
    });
    const { run } = await testRun(workflow, { inputs: {} });
    assert.deepEqual(
      [run.status, run.reason, run.kind, run.attempts],
      ["failure", "the title has no ticket", "permanent", 1],
    );
  });

  it("runs a workflow in one line and returns what was sent to GitHub", async () => {
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

  it("has the log, of all attempts", async () => {
    const chatty = defineWorkflow({
      name: "chatty",
      on: { schedule: { cron: "0 3 * * *" } },
      async run({ log, sleep, attempt }) {
        log.warn("looking", { attempt });
        await sleep("a while", "2h");
        console.log("done");
      },
    });
    const run = await testRun(chatty, { event: { scheduledAt: "2026-11-24T03:00:00.000Z" } });
    assert.deepEqual(
      run.log.map(({ attempt, level, message, facts }) => [attempt, level, message, facts]),
      [[1, "warn", "looking", { attempt: 1 }]],
    );
    await run.advance("2h");
    assert.deepEqual(
      run.log.map(({ message }) => message),
      ["looking", "looking", "done"],
    );
  });

  it("reports a failure like a caller would get it", async () => {
    const { run } = await testRun(comment, { body: { pr: 7 } });
    assert.equal(run.status, "failure");
    assert.match(
      run.reason ?? "",
      /requesting POST \/repos\/acme\/shop\/issues\/7\/comments failed: GitHub answered 404/i,
    );
  });

  it("reports that another attempt would follow", async () => {
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

  it("runs the built-in workflow as well, on prepared files", async () => {
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

  it("rejects a body that the workflow would not accept", async () => {
    await assert.rejects(testRun(comment, { body: { pr: "7" as never } }), /rejects this body: pr /);
  });
});

describe("the test kit, with a workflow that waits", () => {
  const PULL = "GET /repos/{owner}/{repo}/pulls/{pull_number}";

  const approve = defineWorkflow({
    name: "approve",
    on: { http: { path: "/approve", body: z.object({ pr: z.number() }) } },
    async run({ body, github, step, sleep, waitUntil, callback }) {
      await sleep("quiet period", "2h");
      const merged = await waitUntil(
        "merged",
        async () => {
          const pull = { owner: "acme", repo: "shop", pull_number: body.pr };
          const { data } = await github.request(PULL, pull);
          return data.merged ? data.merge_commit_sha : undefined;
        },
        { every: "1h", timeout: "3d", wakeOn: { pullRequest: { repository: "acme/shop", number: body.pr } } },
      );
      const approval = await callback("approval", { body: z.object({ by: z.string() }), timeout: "2d" });
      const comment = { owner: "acme", repo: "shop", issue_number: body.pr, body: `Approve: ${approval.url}` };
      await step("ask", async () => void (await github.request(COMMENTS, comment)));
      const { by } = await approval.result();
      return { merged, by };
    },
    async cancelled({ step, github, body }) {
      const comment = { owner: "acme", repo: "shop", issue_number: body.pr, body: "Cancelled" };
      await step("report", async () => void (await github.request(COMMENTS, comment)));
    },
  });

  const merging = () => {
    const pull = { merged: false, merge_commit_sha: "abc" };
    return { pull, answers: { [PULL]: () => ({ body: pull }), [COMMENTS]: {} } };
  };
  const merged = {
    name: "pull_request",
    payload: { repository: { full_name: "acme/shop" }, pull_request: { number: 7 } },
  } as const;

  it("accepts inputs without values for which the schema has defaults", async () => {
    const workflow = defineWorkflow({
      name: "tag",
      on: { manual: { inputs: z.object({ version: z.string(), ref: z.string().default("main") }) } },
      repository: "octo/tools",
      async run({ inputs, github, repo }) {
        const { data } = await github.rest.repos.getCommit({ ...repo, ref: inputs.ref });
        return { of: `${inputs.version} ${inputs.ref}`, isCommit: /^[0-9a-f]{40}$/.test(data.sha) };
      },
    });
    const { run } = await testRun(workflow, { inputs: { version: "v1" } });
    assert.deepEqual([run.reason, run.outputs], [undefined, { of: "v1 main", isCommit: true }]);
    // @ts-expect-error: it is no text
    await assert.rejects(testRun(workflow, { inputs: { version: 1 } }), /inputs/);
    // @ts-expect-error: it has no such input
    await testRun(workflow, { inputs: { version: "v1", reff: "main" } });
  });

  it("lets time pass, delivers events and answers callbacks", async () => {
    const { pull, answers } = merging();
    const tested = await testRun(approve, { body: { pr: 7 } }, { answers });
    assert.deepEqual([tested.run.status, tested.run.reason], ["waiting", "The run sleeps for 2h (quiet period)."]);
    await tested.advance("119m");
    assert.equal(tested.run.attempts, 1);
    await tested.advance("1m");
    assert.match(tested.run.reason ?? "", /waits until merged/);
    await tested.advance("1d");
    assert.equal(tested.run.attempts, 2 + 24);
    pull.merged = true;
    await tested.event(merged);
    assert.match(tested.run.reason ?? "", /waits for the callback approval/);
    assert.match(JSON.stringify(tested.sent[0]?.body), /Approve: https:\/\/gh-runner\.test\/callbacks\/[\w-]{20,}/);
    await assert.rejects(tested.answer("approval", { by: 1 }), /rejects this answer: by /);
    const { run, steps } = await tested.answer("approval", { by: "kim" });
    assert.deepEqual([run.status, run.outputs], ["success", { merged: "abc", by: "kim" }]);
    assert.deepEqual(
      steps.map(({ name, kind }) => [name, kind]),
      [
        ["quiet period", "sleep"],
        ["merged", "waitUntil"],
        ["ask", "step"],
        ["approval", "callback"],
      ],
    );
    await assert.rejects(tested.advance("1h"), /comes too late: the run is success/);
  });

  it("shows how a wait times out", async () => {
    const { answers } = merging();
    const tested = await testRun(approve, { body: { pr: 7 } }, { answers });
    const { run } = await tested.advance("4d");
    assert.equal(run.status, "failure");
    assert.match(run.reason ?? "", /Waiting for merged failed: its check gave no result within 3d/);
  });

  it("cancels it, and calls its cancelled", async () => {
    const tested = await testRun(approve, { body: { pr: 7 } }, { answers: merging().answers });
    const { run, sent } = await tested.cancel();
    assert.deepEqual([run.status, run.reason], ["cancelled", "Cancelled by test."]);
    assert.deepEqual(
      sent.map(({ body }) => body),
      [{ body: "Cancelled" }],
    );
  });

  it("lets consecutive waits end together", async () => {
    const nightly = defineWorkflow({
      name: "nightly",
      on: { http: { path: "/nightly", body: z.object({}) } },
      async run({ sleep }) {
        for (const night of [1, 2, 3]) await sleep(`night ${night}`, "1d");
      },
    });
    const tested = await testRun(nightly, { body: {} });
    await tested.advance("1d");
    assert.deepEqual([tested.run.status, tested.steps.length], ["waiting", 2]);
    await tested.advance("2d");
    assert.equal(tested.run.status, "success");
  });

  it("continues with retries when time passes", async () => {
    let attempts = 0;
    const blinking = defineWorkflow({
      name: "blinking",
      on: { schedule: { cron: "0 3 * * *" } },
      async run() {
        if (++attempts < 3) throw new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });
        return attempts;
      },
    });
    const tested = await testRun(blinking, { event: { scheduledAt: "2026-11-24T03:00:00.000Z" } });
    assert.equal(tested.run.status, "queued");
    const { run } = await tested.advance("1h");
    assert.deepEqual([run.status, run.outputs], ["success", 3]);
  });

  it("ends with the test even if a run still waits", async () => {
    const tested = await testRun(approve, { body: { pr: 7 } });
    assert.equal(tested.run.status, "waiting");
  });
});
