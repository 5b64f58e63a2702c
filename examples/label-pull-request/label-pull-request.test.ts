import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { payloadOf, startExample } from "../../test/support/example.ts";

const LABEL = "POST /repos/{owner}/{repo}/issues/{issue_number}/labels";
const ASSIGN = "POST /repos/{owner}/{repo}/issues/{issue_number}/assignees";

/** GitHub's example: pull request 2 of Codertocat/Hello-World, by Codertocat, without labels and assignees. */
const opened = payloadOf(
  "pull_request",
  ({ action, pull_request }) => action === "opened" && pull_request.assignees.length === 0,
);

async function scene(t: TestContext) {
  const example = await startExample(t, "label-pull-request");
  const files = ["docs/a.md", "charts/shop/values.yaml", "src/a.ts"];
  const pull = example.github.repository("Codertocat/Hello-World").openPull({ number: 2, files });
  return { ...example, pull };
}

describe("label-pull-request", () => {
  it("labels a pull request by its paths, and assigns its author", async (t) => {
    const { webhook, lastRun, pull } = await scene(t);
    await webhook("pull_request", opened);
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual([pull.labels, pull.assignees], [["documentation", "deployment"], ["Codertocat"]]);
  });

  it("sends nothing for existing labels and assignees", async (t) => {
    const { webhook, lastRun, done } = await scene(t);
    const labels = [{ name: "documentation" }, { name: "deployment" }];
    await webhook("pull_request", {
      ...opened,
      action: "synchronize",
      pull_request: { ...opened.pull_request, labels },
    });
    assert.deepEqual((await lastRun()).outputs, { labels: [], assignees: [] });
    assert.deepEqual([done(LABEL), done(ASSIGN)], [0, 0]);
  });

  it("labels once if a delivery arrives twice", async (t) => {
    const { webhook, lastRun, done } = await scene(t);
    for (const _ of ["first", "again"]) await webhook("pull_request", opened, "same");
    await lastRun();
    assert.deepEqual([done(LABEL), done(ASSIGN)], [1, 1]);
  });

  it("does not label again after a failure of the assignment", async (t) => {
    const { webhook, lastRun, breakDown, recover, done, pull } = await scene(t);
    breakDown({ route: ASSIGN });
    await webhook("pull_request", opened);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual([done(LABEL), pull.assignees], [1, ["Codertocat"]]);
  });

  it("ignores bots and other actions", async (t) => {
    const { webhook, runs } = await scene(t);
    const user = { ...opened.pull_request.user, type: "Bot" };
    await webhook("pull_request", { ...opened, pull_request: { ...opened.pull_request, user } });
    await webhook("pull_request", { ...opened, action: "closed" });
    assert.deepEqual(await runs(), []);
  });
});
