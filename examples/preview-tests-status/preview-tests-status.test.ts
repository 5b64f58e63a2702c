import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { payloadOf, startExample } from "../../test/support/example.ts";

const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const STATUS = "POST /repos/{owner}/{repo}/statuses/{sha}";
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const NOTIFICATION = { application: "pr-7", commit: COMMIT };

async function scene(t: TestContext) {
  const example = await startExample(t, "preview-tests-status");
  const shop = example.github.repository("acme/shop");
  shop.addCommit(COMMIT);
  const states = () => shop.statuses.map(({ state }) => state);
  return { ...example, shop, states };
}

/** GitHub's own example of a run by `repository_dispatch`, of our repository, with the title that `run-name` makes. */
function workflowRun(facts: Record<string, unknown> = {}) {
  const real = payloadOf(
    "workflow_run",
    ({ action, workflow_run }) => action === "completed" && workflow_run.event === "repository_dispatch",
  );
  const run = { ...real.workflow_run, display_title: `Preview tests of ${COMMIT}`, ...facts };
  return { ...real, workflow_run: run, repository: { ...real.repository, full_name: "acme/shop" } };
}

describe("preview-tests", () => {
  it("are pending on the commit before they are started, and end with what came of them", async (t) => {
    const { argocd, webhook, lastRun, shop, github } = await scene(t);
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 200);
    assert.deepEqual(
      github.requests.map(({ route }) => route),
      [STATUS, DISPATCH],
    );
    assert.equal((await webhook("workflow_run", workflowRun())).status, 202);
    await lastRun();
    assert.deepEqual(
      shop.statuses.map(({ sha, context, state }) => [sha, context, state]),
      [
        [COMMIT, "preview-tests", "pending"],
        [COMMIT, "preview-tests", "success"],
      ],
    );
    assert.equal(shop.statuses[1]?.targetUrl, workflowRun().workflow_run.html_url);
  });

  for (const [conclusion, state] of [
    ["failure", "failure"],
    ["cancelled", "error"],
  ]) {
    it(`that end with ${conclusion} make it ${state}`, async (t) => {
      const { webhook, lastRun, states } = await scene(t);
      await webhook("workflow_run", workflowRun({ conclusion }));
      await lastRun();
      assert.deepEqual(states(), [state]);
    });
  }

  it("are started once for a commit, and ended once by a delivery", async (t) => {
    const { argocd, webhook, lastRun, github, states } = await scene(t);
    await argocd("/preview-tests", NOTIFICATION);
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).json.status, "skipped");
    for (const _ of ["first", "again"]) await webhook("workflow_run", workflowRun(), "same");
    await lastRun();
    assert.deepEqual([states(), github.dispatches.length], [["pending", "success"], 1]);
  });

  it("that are no tests of ours change nothing", async (t) => {
    const { webhook, runs } = await scene(t);
    for (const facts of [{ display_title: "Something else" }, { event: "push" }]) {
      assert.equal((await webhook("workflow_run", workflowRun(facts))).json.status, "ignored");
    }
    assert.deepEqual(await runs(), []);
  });

  it("are not announced again when GitHub failed before they could be started", async (t) => {
    const { argocd, breakDown, recover, lastRun, states, github } = await scene(t);
    breakDown({ route: DISPATCH });
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 500);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual([states(), github.dispatches.length], [["pending"], 1]);
  });

  it("that can never be started do not stay pending", async (t) => {
    const { argocd, shop, states } = await scene(t);
    shop.actionsDisabled = true;
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 500);
    assert.deepEqual(states(), ["pending", "error"]);
  });
});
