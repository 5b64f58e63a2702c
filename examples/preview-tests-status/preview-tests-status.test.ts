import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { until } from "../../test/support/clock.ts";
import { payloadOf, startExample } from "../../test/support/example.ts";

const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const STATUS = "POST /repos/{owner}/{repo}/statuses/{sha}";
const START = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
const LOOK = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";
const NOTIFICATION = { application: "pr-7", commit: COMMIT };
const MINUTE = 60_000;

const TESTS = readFileSync(new URL("preview-tests.after.yml", import.meta.url), "utf8");

async function scene(t: TestContext) {
  const example = await startExample(t, "preview-tests-status");
  const { argocd, runs, clock, github, webhook } = example;
  const shop = github.repository("acme/shop");
  shop.addCommit(COMMIT);
  shop.put(".github/workflows/preview-tests.yml", TESTS);
  const states = () => shop.statuses.map(({ state }) => state);
  /** The tests of a preview are started, and its run waits for their end. */
  const started = async () => {
    const answer = await argocd("/preview-tests", NOTIFICATION);
    await until("the run waits", async () => (await runs()).at(-1)?.status === "waiting");
    const tests = [...shop.runs.values()].at(-1);
    return { answer, tests: tests ?? assert.fail("no tests were started") };
  };
  /** GitHub's webhook, of GitHub's own example of a run. */
  const ended = (id: number, delivery?: string) => {
    const real = payloadOf("workflow_run", ({ action }) => action === "completed");
    const repository = { ...real.repository, full_name: "acme/shop" };
    return webhook("workflow_run", { ...real, workflow_run: { ...real.workflow_run, id }, repository }, delivery);
  };
  /** So much later. */
  const later = async (milliseconds: number) => {
    await until("it is known when to look again", () => clock.next() !== undefined);
    clock.move(milliseconds);
  };
  return { ...example, shop, states, started, ended, later };
}

describe("preview-tests", () => {
  it("are pending on the commit before they are started, and end with what came of them", async (t) => {
    const { started, ended, lastRun, shop, github } = await scene(t);
    const { answer, tests } = await started();
    assert.equal(answer.status, 202);
    assert.deepEqual(
      github.requests.map(({ route }) => route),
      [STATUS, START, LOOK],
    );
    assert.deepEqual(tests.inputs, { commit: COMMIT, application: "pr-7" });
    Object.assign(tests, { status: "completed", conclusion: "success" });
    await ended(tests.id);
    assert.deepEqual((await lastRun()).outputs, { commit: COMMIT, state: "success" });
    assert.deepEqual(
      shop.statuses.map(({ sha, context, state, targetUrl }) => [sha, context, state, targetUrl]),
      [
        [COMMIT, "preview-tests", "pending", null],
        [COMMIT, "preview-tests", "success", `https://github.com/acme/shop/actions/runs/${tests.id}`],
      ],
    );
  });

  for (const [conclusion, state] of [
    ["failure", "failure"],
    ["cancelled", "error"],
  ] as const) {
    it(`that end with ${conclusion} make it ${state}, also when the webhook is lost`, async (t) => {
      const { started, later, lastRun, states } = await scene(t);
      const { tests } = await started();
      Object.assign(tests, { status: "completed", conclusion });
      await later(5 * MINUTE);
      await lastRun();
      assert.deepEqual(states(), ["pending", state]);
    });
  }

  it("are started once for a commit, and ended once by a delivery that comes early, and twice", async (t) => {
    const { argocd, started, ended, lastRun, states, done } = await scene(t);
    const { tests } = await started();
    await ended(tests.id, "early");
    Object.assign(tests, { status: "completed", conclusion: "success" });
    for (const _ of ["first", "again"]) await ended(tests.id, "same");
    await lastRun();
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).json.status, "skipped");
    assert.deepEqual([states(), done(START)], [["pending", "success"], 1]);
  });

  it("that never end do not stay pending", async (t) => {
    const { started, later, lastRun, states } = await scene(t);
    await started();
    await later(180 * MINUTE);
    assert.match((await lastRun()).reason, /tests have ended.* within 3h/);
    assert.deepEqual(states(), ["pending", "error"]);
  });

  it("are not announced again when GitHub failed before they could be started", async (t) => {
    const { argocd, breakDown, recover, runs, states, done } = await scene(t);
    breakDown({ route: START });
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 500);
    await recover();
    await until("the run waits", async () => (await runs()).at(-1)?.status === "waiting");
    assert.deepEqual([states(), done(START)], [["pending"], 1]);
  });

  it("that can never be started do not stay pending", async (t) => {
    const { argocd, shop, states } = await scene(t);
    shop.remove(".github/workflows/preview-tests.yml");
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 500);
    assert.deepEqual(states(), ["pending", "error"]);
  });
});
