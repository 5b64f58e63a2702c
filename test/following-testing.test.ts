import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, type FollowedRun, type FoundRun } from "gh-runner";
import { type StandInGitHub, testRun } from "gh-runner/testing";
import * as z from "zod";

type Script = Parameters<StandInGitHub["actions"]["script"]>[0];

const MINUTE = 60_000;
const DISPATCHES = "POST /repos/{owner}/{repo}/dispatches";
const TESTS = `name: Tests
run-name: Tests \${{ github.event.client_payload.run || inputs.run }}
on:
  repository_dispatch: { types: [ready] }
  workflow_dispatch:
    inputs: { run: {} }
jobs:
  lint: { runs-on: ubuntu-latest }
  e2e: { runs-on: ubuntu-latest }
`;

const follows = defineWorkflow({
  name: "follows",
  on: { http: { path: "/follows", body: z.object({ by: z.enum(["event", "workflow"]).default("event") }) } },
  async run({ body, github }) {
    const started =
      body.by === "event"
        ? await github.dispatch("acme/shop", "ready", { n: 1 }, { once: "dispatch" })
        : await github.runWorkflow("acme/shop", "tests.yml", { ref: "main", once: "dispatch" });
    const found = await github.findRun(started, { name: "Actions run" });
    const { conclusion, jobs, attempt } = await github.follow(found, { name: "tests", mustSucceed: true });
    return { conclusion, jobs: jobs.map(({ name }) => name), attempt, foundBy: found.foundBy };
  },
  async cancelled({ github }) {
    const started = await github.dispatch("acme/shop", "ready", {}, { once: "dispatch" });
    const { runId } = await github.findRun(started, { name: "Actions run" });
    await github.cancelRun("acme/shop", runId);
  },
});

const BODY = { body: { by: "event" } } as const;

const with_ = (script: Script, file = TESTS) => ({
  prepare(github: StandInGitHub) {
    github.repository("acme/shop").put(".github/workflows/tests.yml", file);
    github.actions.script(script);
  },
});

const resultOf = (steps: readonly { name: string; result: unknown }[], name: string) =>
  steps.findLast((step) => step.name === name)?.result;

describe("a workflow that follows a run of the stand-in's Actions", () => {
  for (const by of ["event", "workflow"] as const) {
    it(`that was started as ${by}, which begins after four minutes`, async () => {
      const script: Script = () => ({ startsAfterMs: 4 * MINUTE, takesMs: 10 * MINUTE });
      const tested = await testRun(follows, { body: { by } }, with_(script));
      assert.match(tested.run.reason ?? "", /waits until Actions run \d+ of acme\/shop ends/);
      await tested.advance("13m");
      assert.equal(tested.run.status, "waiting");
      const { run } = await tested.advance("2m");
      assert.deepEqual(run.outputs, {
        conclusion: "success",
        jobs: ["lint", "e2e"],
        attempt: 1,
        foundBy: by === "event" ? "key" : "answer",
      });
      assert.equal(tested.sent.length, 1);
    });
  }

  for (const conclusion of ["failure", "timed_out", "cancelled"]) {
    it(`which ends with ${conclusion}`, async () => {
      const jobs = [
        { name: "lint", conclusion: "success" },
        { name: "e2e", conclusion },
      ];
      const tested = await testRun(
        follows,
        BODY,
        with_(() => ({ takesMs: MINUTE, conclusion, jobs })),
      );
      const { run, steps } = await tested.advance("1m");
      assert.equal(run.status, "failure");
      assert.match(run.reason ?? "", new RegExp(`it ended with ${conclusion} .*; jobs: e2e \\(${conclusion}, http`));
      assert.equal((resultOf(steps, "tests") as FollowedRun).conclusion, conclusion);
    });
  }

  it("which appears a minute later", async () => {
    const tested = await testRun(
      follows,
      BODY,
      with_(() => ({ appearsAfterMs: MINUTE, takesMs: MINUTE })),
    );
    assert.match(tested.run.reason ?? "", /waits until an Actions run of acme\/shop begins/);
    const { run } = await tested.advance("3m");
    assert.equal(run.status, "success");
  });

  it("which never appears, and reports why", async () => {
    const tested = await testRun(
      follows,
      BODY,
      with_(() => ({ takesMs: MINUTE }), TESTS.replace("[ready]", "[other]")),
    );
    const { run } = await tested.advance("4m");
    assert.equal(run.status, "failure");
    assert.match(run.reason ?? "", /none started within 3m: .*no .*workflow/i);
  });

  for (const [what, fault] of [
    ["before GitHub took the event", { kind: "reset" }],
    ["after GitHub took the event", { kind: "reset", afterHandling: true }],
    ["in the middle of the answer", { kind: "cut" }],
  ] as const) {
    it(`whose answer is lost ${what}, once`, async () => {
      const { prepare } = with_(() => ({ appearsAfterMs: 10_000, takesMs: MINUTE }));
      const tested = await testRun(follows, BODY, {
        prepare(github) {
          prepare(github);
          github.fault({ route: DISPATCHES, times: 1 }, fault);
        },
      });
      const { run, steps, dispatches } = await tested.advance("6m");
      assert.equal(run.status, "success", run.reason ?? "");
      assert.equal(dispatches.length, 1);
      assert.equal((resultOf(steps, "Actions run") as FoundRun).foundBy === "time", false);
    });
  }

  it("and cancels it when it is cancelled", async () => {
    const tested = await testRun(
      follows,
      BODY,
      with_(() => ({})),
    );
    const { run, github, sent } = await tested.cancel();
    assert.equal(run.status, "cancelled");
    assert.match(sent.at(-1)?.path ?? "", /\/actions\/runs\/\d+\/cancel$/);
    assert.deepEqual(
      [...github.repository("acme/shop").runs.values()].map(({ conclusion }) => conclusion),
      ["cancelled"],
    );
  });
});
