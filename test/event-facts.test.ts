import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testRun } from "../sandbox/testing.ts";
import { defineWorkflow } from "../src/index.ts";
import { type EventFacts, eventFacts } from "../src/model/event-facts.ts";
import { EXAMPLES } from "./support/webhooks.ts";

/** The facts of every example payload that GitHub has for an event. */
const factsOf = (name: string): readonly EventFacts[] =>
  EXAMPLES.filter((each) => each.name === name)
    .flatMap(({ examples }) => examples)
    .map((payload) => eventFacts({ name, payload }));

const IS_COMMIT = /^[0-9a-f]{40}$/;

describe("the subject of an event", () => {
  for (const name of ["pull_request", "pull_request_review", "pull_request_review_comment"]) {
    it(`is the pull request, its number as an issue, and its head: ${name}`, () => {
      const all = factsOf(name);
      assert.ok(all.length > 0);
      for (const { repository, repo, issue, pull, sha } of all) {
        assert.equal(repository, `${repo?.owner}/${repo?.repo}`);
        assert.ok(typeof pull === "number");
        assert.equal(issue, pull);
        assert.match(sha ?? "", IS_COMMIT);
      }
    });
  }

  it("is the issue, and the pull request where the issue is one", () => {
    for (const { issue, sha } of factsOf("issues")) {
      assert.ok(typeof issue === "number");
      assert.equal(sha, undefined);
    }
    const repository = { full_name: "acme/shop" };
    const payload = { repository, issue: { number: 7, pull_request: {} } };
    assert.deepEqual(eventFacts({ name: "issue_comment", payload }), {
      repository: "acme/shop",
      repo: { owner: "acme", repo: "shop" },
      issue: 7,
      pull: 7,
    });
  });

  for (const name of [
    "check_run",
    "check_suite",
    "commit_comment",
    "deployment",
    "deployment_status",
    "status",
    "workflow_job",
    "workflow_run",
  ]) {
    it(`is a commit: ${name}`, () => {
      const all = factsOf(name);
      assert.ok(all.length > 0);
      for (const { sha } of all) assert.match(sha ?? "", IS_COMMIT);
    });
  }

  it("is the commit of a merge group", () => {
    const sha = "a".repeat(40);
    assert.equal(eventFacts({ name: "merge_group", payload: { merge_group: { head_sha: sha } } }).sha, sha);
  });

  it("is the new commit of a push, and nothing when it deleted a branch", () => {
    const after = "b".repeat(40);
    assert.equal(eventFacts({ name: "push", payload: { after } }).sha, after);
    assert.equal(eventFacts({ name: "push", payload: { after: "0".repeat(40) } }).sha, undefined);
  });

  it("is missing in a payload of another shape", () => {
    for (const payload of [null, "text", [], { repository: 7, issue: { number: "7" }, after: 3 }]) {
      assert.deepEqual(eventFacts({ name: "push", payload }), {});
    }
  });
});

describe("a workflow", () => {
  it("gets the subject of its event, also for its group and its labels", async () => {
    const groups: unknown[] = [];
    const workflow = defineWorkflow({
      name: "facts",
      on: { github: { events: "pull_request" } },
      concurrency({ repository, pull }) {
        groups.push(repository, pull);
        return `${repository}#${pull}`;
      },
      run: async ({ repo, repository, issue, pull, sha }) => ({ repo, repository, issue, pull, sha }),
    });
    const sha = "c".repeat(40);
    const payload = { repository: { full_name: "octo/hello" }, pull_request: { number: 3, head: { sha } } };
    const { run } = await testRun(workflow, {
      event: { name: "pull_request", delivery: "1", payload: payload as never },
    });
    const repo = { owner: "octo", repo: "hello" };
    assert.deepEqual(run.outputs, { repo, repository: "octo/hello", issue: 3, pull: 3, sha });
    assert.deepEqual(groups.slice(0, 2), ["octo/hello", 3]);
  });

  it("is about its repository when the event names none, otherwise about TARGET_REPO", async () => {
    const schedule = {
      on: { schedule: { cron: "0 3 * * *" } },
      run: async ({ repo }: { repo: object }) => repo as never,
    };
    const event = { scheduledAt: "2026-11-24T03:00:00.000Z" };
    const named = defineWorkflow({ name: "named", repository: "octo/hello", ...schedule });
    assert.deepEqual((await testRun(named, { event })).run.outputs, { owner: "octo", repo: "hello" });
    const unnamed = defineWorkflow({ name: "unnamed", ...schedule });
    assert.deepEqual((await testRun(unnamed, { event })).run.outputs, { owner: "acme", repo: "shop" });
  });
});
