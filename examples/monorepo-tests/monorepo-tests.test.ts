import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { until } from "../../test/support/clock.ts";
import { startExample } from "../../test/support/example.ts";

const [COMMIT, NEWER] = ["5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e", "9d0e5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c"];
const TARGETS = ["api", "web"] as const;
const START = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
const MINUTE = 60_000;

async function scene(t: TestContext) {
  const example = await startExample(t, "monorepo-tests");
  const { argocd, github, waiting, tellEnded } = example;
  const shop = github.repository("acme/shop");
  shop.openPull({ number: 7 });
  for (const commit of [COMMIT, NEWER]) shop.addCommit(commit);
  const fileOf = (target: string) => `.github/workflows/${target}-tests.yml`;
  for (const target of TARGETS) {
    shop.put(fileOf(target), readFileSync(new URL(`${target}-tests.after.yml`, import.meta.url), "utf8"));
  }
  const runsOf = (target: string) => [...shop.runs.values()].filter(({ path }) => path === fileOf(target));
  return {
    ...example,
    shop,
    fileOf,
    runsOf,
    /** Starts the tests of a preview. The run then waits for them. */
    async started(commit = COMMIT) {
      const answer = await argocd("/monorepo-tests", { application: "pr-7", commit });
      await waiting();
      return answer;
    },
    end(target: string, conclusion: string) {
      const { id } = runsOf(target).at(-1) ?? assert.fail(`no tests of ${target}`);
      github.actions.end(shop, id, conclusion);
      return tellEnded("acme/shop", id);
    },
    /** All states of each target on a commit, in order. */
    states: (commit = COMMIT) =>
      TARGETS.map((target) =>
        shop.statuses
          .filter(({ sha, context }) => sha === commit && context === `tests/${target}`)
          .map(({ state }) => state)
          .join(" "),
      ),
  };
}

describe("monorepo-tests", () => {
  it("tests both parts side by side, and shows each result immediately", async (t) => {
    const { started, end, states, shop, lastRun, runsOf } = await scene(t);
    assert.equal((await started()).status, 202);
    assert.deepEqual([runsOf("api").length, runsOf("web").length, states()], [1, 1, ["pending", "pending"]]);
    await end("web", "failure");
    await until("that shows", () => states()[1] === "pending failure");
    assert.deepEqual([states()[0], shop.comments.length], ["pending", 0]);
    await end("api", "success");
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual(states(), ["pending success", "pending failure"]);
  });

  it("comments both results on the pull request, and later updates that comment", async (t) => {
    const { started, end, shop, lastRun, runsOf } = await scene(t);
    for (const [commit, conclusion] of [
      [COMMIT, "failure"],
      [NEWER, "success"],
    ] as const) {
      await started(commit);
      await end("api", "success");
      await end("web", conclusion);
      await lastRun();
      const link = (target: string) => `https://github.com/acme/shop/actions/runs/${runsOf(target).at(-1)?.id}`;
      assert.equal(shop.comments.length, 1);
      const rows = `| api | [success](${link("api")}) |\n| web | [${conclusion}](${link("web")}) |\n\nOf ${commit}.`;
      assert.equal(shop.comments[0]?.body.slice(-rows.length), rows);
    }
  });

  it("shows the result of one part even if the other cannot be started", async (t) => {
    const { started, end, states, shop, fileOf, lastRun } = await scene(t);
    shop.remove(fileOf("web"));
    await started();
    await end("api", "success");
    await lastRun();
    assert.deepEqual(states(), ["pending success", "pending error"]);
    assert.match(shop.comments[0]?.body ?? "", /\| api \| \[success\].*\n\| web \| .*web-tests\.yml/);
  });

  it("does not stay pending if tests never end", async (t) => {
    const { started, end, states, clock, waiting, lastRun } = await scene(t);
    await started();
    await end("api", "success");
    await until("that shows", () => states()[0] === "pending success");
    await waiting();
    clock.move(180 * MINUTE);
    await lastRun();
    assert.deepEqual(states(), ["pending success", "pending error"]);
  });

  it("starts each once if GitHub's answer to one is lost", async (t) => {
    const { argocd, github, passUntil, runsOf, states } = await scene(t);
    github.actions.script(() => ({ takesMs: 60_000 }));
    github.fault({ route: START, times: 1 }, { kind: "reset", afterHandling: true });
    await argocd("/monorepo-tests", { application: "pr-7", commit: COMMIT });
    await passUntil("both have ended", () => states().every((state) => state === "pending success"));
    assert.deepEqual([runsOf("api").length, runsOf("web").length], [1, 1]);
  });

  it("tests a newer commit instead, and leaves nothing pending on the older one", async (t) => {
    const { started, end, states, shop, runsOf, lastRun, runs } = await scene(t);
    await started();
    await started(NEWER);
    assert.deepEqual(states(), ["pending error", "pending error"]);
    assert.deepEqual(
      TARGETS.map((target) => runsOf(target).map(({ conclusion }) => conclusion)),
      [
        ["cancelled", null],
        ["cancelled", null],
      ],
    );
    for (const target of TARGETS) await end(target, "success");
    await lastRun();
    assert.deepEqual(states(NEWER), ["pending success", "pending success"]);
    assert.equal(shop.comments.length, 1);
    assert.deepEqual(
      (await runs()).map(({ status }) => status),
      ["cancelled", "success"],
    );
  });

  it("skips an application without a pull request", async (t) => {
    const { argocd } = await scene(t);
    const answer = await argocd("/monorepo-tests", { application: "production", commit: COMMIT });
    assert.equal(answer.json.status, "skipped");
  });
});
