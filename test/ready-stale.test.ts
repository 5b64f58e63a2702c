import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type StaleOptions, stale } from "../src/workflows/index.ts";
import { type Ready, readyService } from "./support/ready.ts";

const MESSAGE = "No activity for 60 days. Is it still of interest?";
const CLOSED = "Closed for want of activity.";

const service = (t: TestContext, options: StaleOptions = {}): Promise<Ready> =>
  readyService(t, stale({ staleIssueMessage: MESSAGE, stalePrMessage: MESSAGE, ...options }));

describe("stale", () => {
  it("marks what had no activity for 60 days, and closes it after 7 more", async (t) => {
    const ready = await service(t, { closeIssueMessage: CLOSED, closeIssueLabel: "abandoned" });
    ready.openIssue({ number: 1, daysAgo: 61, labels: ["bug"] });
    ready.openIssue({ number: 2, daysAgo: 59 });
    const { run } = await ready.run();
    assert.equal(run.status, "success");
    assert.deepEqual(run.outputs, {
      staledIssuesPrs: ["acme/shop#1"],
      unstaledIssuesPrs: [],
      closedIssuesPrs: [],
      statistics: { seen: 2, marked: 1, unstaled: 0, closed: 0, failed: 0 },
    });
    assert.deepEqual(ready.issue(1).labels, ["bug", "Stale"]);
    assert.match(
      ready.bodies(1).join(),
      new RegExp(`^<!-- gh-runner: stale/${run.id} -->\n${MESSAGE.replace("?", "\\?")}$`),
    );
    assert.deepEqual(ready.writes(), ["POST issues/1/comments", "PATCH issues/1"]);
    const said = ready.log().find(({ msg }) => String(msg).startsWith("marked as stale:"));
    assert.equal(said?.msg, "marked as stale: acme/shop#1: last updated 61 days ago");
    assert.equal(said?.url, "https://github.com/acme/shop/issues/1");

    ready.days(6);
    await ready.run();
    assert.equal(ready.issue(1).state, "open");
    ready.days(1.1);
    const second = await ready.run();
    assert.deepEqual((second.run.outputs as { closedIssuesPrs: unknown }).closedIssuesPrs, ["acme/shop#1"]);
    const { state, stateReason, labels } = ready.issue(1);
    assert.deepEqual([state, stateReason, labels], ["closed", "not_planned", ["bug", "Stale", "abandoned"]]);
    assert.match(ready.bodies(1).at(-1) ?? "", new RegExp(`${CLOSED}$`));
  });
});
