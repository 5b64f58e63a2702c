import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type StaleOptions, stale } from "../src/workflows/index.ts";
import { type Ready, readyService } from "./support/ready.ts";

const MESSAGE = "No activity for 60 days. Is it still of interest?";
const CLOSED = "Closed because of inactivity.";

const service = (t: TestContext, options: StaleOptions = {}): Promise<Ready> =>
  readyService(t, stale({ staleIssueMessage: MESSAGE, stalePrMessage: MESSAGE, ...options }));

describe("stale", () => {
  it("marks issues without activity for 60 days, and closes them after 7 more", async (t) => {
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

  it("removes the label when people have answered, and changes the other labels in the same write", async (t) => {
    const ready = await service(t, {
      labelsToRemoveWhenStale: "triaged",
      labelsToRemoveWhenUnstale: "waiting, triaged",
      labelsToAddWhenUnstale: ["answered"],
    });
    ready.openIssue({ number: 1, daysAgo: 61, labels: ["bug", "triaged", "waiting"] });
    await ready.run();
    assert.deepEqual(ready.issue(1).labels, ["bug", "waiting", "Stale"]);
    ready.days(2);
    ready.comment(1, "It is.");
    const { run } = await ready.run();
    assert.deepEqual(ready.issue(1).labels, ["bug", "answered"]);
    assert.deepEqual(ready.writes(), ["POST issues/1/comments", "PATCH issues/1", "PATCH issues/1"]);
    assert.deepEqual((run.outputs as { unstaledIssuesPrs: unknown }).unstaledIssuesPrs, ["acme/shop#1"]);
  });

  it("treats an issue that a person labelled as stale from then on, and a push as activity", async (t) => {
    const ready = await service(t, { daysBeforeStale: -1, closePrMessage: CLOSED });
    ready.openPull({ number: 1, daysAgo: 300 });
    ready.openPull({ number: 2, daysAgo: 300 });
    ready.label(1, "stale");
    ready.label(2, "Stale");
    ready.days(3);
    ready.touch(2);
    ready.days(5);
    await ready.run();
    assert.deepEqual([ready.issue(1).state, ready.issue(1).stateReason], ["closed", "completed"]);
    assert.deepEqual([ready.issue(2).state, ready.issue(2).labels], ["open", []]);
  });

  it("marks without a comment if there is no message, and closes immediately if configured", async (t) => {
    const ready = await service(t, { staleIssueMessage: "", daysBeforeClose: 0, closeIssueReason: "completed" });
    ready.openIssue({ number: 1, daysAgo: 61 });
    const { run } = await ready.run();
    assert.deepEqual(ready.writes(), ["PATCH issues/1", "PATCH issues/1"]);
    const { state, stateReason, labels } = ready.issue(1);
    assert.deepEqual([state, stateReason, labels], ["closed", "completed", ["Stale"]]);
    assert.deepEqual((run.outputs as { closedIssuesPrs: unknown }).closedIssuesPrs, ["acme/shop#1"]);
  });

  it("deletes the branch of a closed pull request, if it is in the repository and not the default branch", async (t) => {
    const ready = await service(t, { deleteBranch: true, closePrMessage: CLOSED });
    for (const number of [1, 2])
      ready.openPull({ number, daysAgo: 300, head: { ref: number === 1 ? "old" : "main", sha: "c".repeat(40) } });
    ready.openPull({ number: 3, daysAgo: 1 });
    ready.shop.put("a", "b", "old");
    for (const number of [1, 2]) ready.label(number, "Stale");
    ready.days(8);
    const { run } = await ready.run();
    assert.deepEqual(ready.shop.branches(), ["main"]);
    assert.deepEqual(
      [1, 2, 3].map((number) => ready.issue(number).state),
      ["closed", "closed", "open"],
    );
    assert.deepEqual((run.outputs as { closedIssuesPrs: unknown }).closedIssuesPrs, ["acme/shop#2", "acme/shop#1"]);
  });

  it("handles all pages in the requested order, and remembers one page and twenty issues per step", async (t) => {
    const ready = await service(t, { staleIssueMessage: "", ascending: true, sortBy: "updated" });
    for (let number = 1; number <= 250; number++)
      ready.openIssue({ number, daysAgo: number % 5 === 0 ? 100 + number : 1 });
    const { run, steps } = await ready.run();
    const { statistics, staledIssuesPrs } = run.outputs as { statistics: unknown; staledIssuesPrs: string[] };
    assert.deepEqual(statistics, { seen: 250, marked: 50, unstaled: 0, closed: 0, failed: 0 });
    assert.deepEqual([staledIssuesPrs[0], staledIssuesPrs.at(-1)], ["acme/shop#250", "acme/shop#5"]);
    assert.deepEqual(
      steps.map(({ name }) => name),
      [1, 2, 3]
        .map((page) => `list acme/shop, page ${page}`)
        .concat([1, 21, 41].map((from) => `acme/shop, from ${from}`)),
    );
  });

  it("changes no more than operationsPerRun, and the next run continues", async (t) => {
    const ready = await service(t, { operationsPerRun: 2, ascending: true });
    for (let number = 1; number <= 5; number++) ready.openIssue({ number, daysAgo: 70 });
    const marked = async () => ((await ready.run()).run.outputs as { staledIssuesPrs: unknown }).staledIssuesPrs;
    assert.deepEqual(await marked(), ["acme/shop#1", "acme/shop#2"]);
    assert.ok(ready.messages().includes("operationsPerRun is reached: the next run continues"));
    assert.deepEqual(await marked(), ["acme/shop#3", "acme/shop#4"]);
    assert.deepEqual(await marked(), ["acme/shop#5"]);
  });

  for (const [what, options, inputs] of [
    ["started so", {}, { dryRun: true }],
    ["with debugOnly", { debugOnly: true }, {}],
  ] as const) {
    it(`writes nothing in a dry run (${what}), and reports what it would do`, async (t) => {
      const ready = await service(t, { ...options, deleteBranch: true, closePrMessage: CLOSED });
      ready.openIssue({ number: 1, daysAgo: 61 });
      ready.openPull({ number: 2, daysAgo: 90, head: { ref: "old", sha: "c".repeat(40) } });
      ready.shop.put("a", "b", "old");
      ready.label(2, "Stale");
      ready.days(8);
      ready.issue(2).updatedAt = ready.clock.now() - 8 * 86_400_000;
      const { run } = await ready.run(inputs);
      assert.deepEqual([ready.writes(), run.group], [[], "dryRun" in inputs ? "dry run" : "all"]);
      assert.deepEqual(run.outputs, {
        dryRun: true,
        staledIssuesPrs: ["acme/shop#1"],
        unstaledIssuesPrs: [],
        closedIssuesPrs: ["acme/shop#2"],
        statistics: { seen: 2, marked: 1, unstaled: 0, closed: 1, failed: 0 },
      });
      const said = ready.messages().filter((message) => message.startsWith("dry run: "));
      assert.deepEqual(
        said.map((message) => message.split(":", 3).join(":")),
        [
          "dry run: marked as stale: acme/shop#1",
          "dry run: closed acme/shop#2: stale for 8 days",
          "dry run: branch old deleted of acme/shop#2: it is closed (deleteBranch)",
        ],
      );
    });
  }

  it("handles several repositories", async (t) => {
    const ready = await service(t, { repositories: ["acme/shop", "acme/deployment"] });
    ready.openIssue({ number: 1, daysAgo: 61 });
    const old = ready.clock.now() - 100 * 86_400_000;
    ready.github.repository("acme/deployment").openIssue({ number: 1, createdAt: old });
    const { run } = await ready.run();
    const { staledIssuesPrs } = run.outputs as { staledIssuesPrs: unknown };
    assert.deepEqual(staledIssuesPrs, ["acme/shop#1", "acme/deployment#1"]);
  });

  it("applies several policies one after the other, and comments for each", async (t) => {
    const questions = {
      onlyLabels: "question",
      daysBeforeStale: 10,
      staleIssueLabel: "no answer",
      staleIssueMessage: "Solved?",
    };
    const others = { exemptIssueLabels: "question", staleIssueMessage: MESSAGE };
    const ready = await readyService(t, stale({ ...others, name: "both" }, questions));
    ready.openIssue({ number: 1, daysAgo: 70 });
    ready.openIssue({ number: 2, daysAgo: 11, labels: ["question"] });
    const { run, steps } = await ready.run();
    assert.deepEqual(
      [1, 2].map((number) => ready.issue(number).labels),
      [["Stale"], ["question", "no answer"]],
    );
    assert.deepEqual(ready.bodies(2), [`<!-- gh-runner: stale/${run.id}-2 -->\nSolved?`]);
    const { statistics } = run.outputs as { statistics: unknown };
    assert.deepEqual(statistics, { seen: 4, marked: 2, unstaled: 0, closed: 0, failed: 0 });
    const names = ["list acme/shop, page 1", "acme/shop, from 1", "2: list acme/shop, page 1", "2: acme/shop, from 1"];
    assert.deepEqual(
      steps.map(({ name }) => name),
      names,
    );
    // @ts-expect-error: the name is that of the workflow
    assert.throws(() => stale({}, { name: "x" }), /name is only for the first policy/);
    assert.throws(() => stale({}, {}, { daysBeforeClose: "7" as never }), /daysBeforeClose must be a number/);
  });
});
