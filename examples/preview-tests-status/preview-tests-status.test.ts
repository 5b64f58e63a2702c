import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { startExample } from "../../test/support/example.ts";

const COMMIT = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const STATUS = "POST /repos/{owner}/{repo}/statuses/{sha}";
const START = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
const LOOK = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";
const NOTIFICATION = { application: "pr-7", commit: COMMIT };
const MINUTE = 60_000;

const FILE = ".github/workflows/preview-tests.yml";
const TESTS = readFileSync(new URL("preview-tests.after.yml", import.meta.url), "utf8");

async function scene(t: TestContext) {
  const example = await startExample(t, "preview-tests-status");
  const { argocd, github, waiting, lastActionsRun, tellEnded } = example;
  const shop = github.repository("acme/shop");
  shop.addCommit(COMMIT);
  shop.put(FILE, TESTS);
  const states = () => shop.statuses.map(({ state }) => state);
  const end = (conclusion: string) => github.actions.end(shop, lastActionsRun("acme/shop").id, conclusion);
  const tell = (delivery?: string) => tellEnded("acme/shop", lastActionsRun("acme/shop").id, delivery);
  /** Starts the tests of a preview. The run then waits for them. */
  const started = async () => {
    const answer = await argocd("/preview-tests", NOTIFICATION);
    await waiting();
    return answer;
  };
  return { ...example, shop, states, started, end, tell };
}

describe("preview-tests", () => {
  it("are pending on the commit before they start, and then show their result", async (t) => {
    const { started, end, tell, lastRun, lastActionsRun, shop, github } = await scene(t);
    assert.equal((await started()).status, 202);
    assert.deepEqual(
      github.requests.map(({ route }) => route),
      [STATUS, START, LOOK],
    );
    const { id, inputs, title } = lastActionsRun("acme/shop");
    assert.deepEqual(inputs, { ...NOTIFICATION, run: title.split(" ").at(-1) });
    end("success");
    await tell();
    assert.deepEqual((await lastRun()).outputs, { commit: COMMIT, state: "success" });
    assert.deepEqual(
      shop.statuses.map(({ sha, context, state, targetUrl }) => [sha, context, state, targetUrl]),
      [
        [COMMIT, "preview-tests", "pending", null],
        [COMMIT, "preview-tests", "success", `https://github.com/acme/shop/actions/runs/${id}`],
      ],
    );
  });

  for (const [conclusion, state] of [
    ["failure", "failure"],
    ["cancelled", "error"],
  ] as const) {
    it(`that end with ${conclusion} make it ${state}, even if the webhook is lost`, async (t) => {
      const { started, end, passUntil, lastRun, states, clock } = await scene(t);
      await started();
      const before = clock.now();
      end(conclusion);
      await passUntil("it shows", () => states().length > 1);
      await lastRun();
      assert.deepEqual(states(), ["pending", state]);
      assert.ok(clock.now() - before < 5 * MINUTE, `${clock.now() - before} ms later`);
    });
  }

  it("start once per commit, and end once if a delivery arrives early, and twice", async (t) => {
    const { argocd, started, end, tell, lastRun, states, done } = await scene(t);
    await started();
    await tell("early");
    end("success");
    for (const _ of ["first", "again"]) await tell("same");
    await lastRun();
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).json.status, "skipped");
    assert.deepEqual([states(), done(START)], [["pending", "success"], 1]);
  });

  it("start once if GitHub's answer is lost", async (t) => {
    const { argocd, github, end, passUntil, lastRun, states, done, shop } = await scene(t);
    github.fault({ route: START, times: 1 }, { kind: "reset", afterHandling: true });
    await argocd("/preview-tests", NOTIFICATION);
    end("success");
    await passUntil("it shows", () => states().length > 1);
    await lastRun();
    assert.deepEqual([states(), shop.runs.size, done(START)], [["pending", "success"], 1, 0]);
  });

  it("that never end do not stay pending", async (t) => {
    const { started, clock, lastRun, shop, states } = await scene(t);
    await started();
    clock.move(180 * MINUTE);
    await lastRun();
    assert.deepEqual(states(), ["pending", "error"]);
    assert.match(shop.statuses.at(-1)?.description ?? "", /not ended within 3h/);
  });

  it("are not announced again if GitHub fails before they start", async (t) => {
    const { argocd, breakDown, github, passUntil, states, shop } = await scene(t);
    breakDown({ route: START });
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 202);
    assert.equal(shop.runs.size, 0);
    github.clearFaults();
    await passUntil("they are started", () => shop.runs.size > 0);
    assert.deepEqual([states(), shop.runs.size], [["pending"], 1]);
  });

  it("that cannot start do not stay pending", async (t) => {
    const { argocd, shop, states } = await scene(t);
    shop.remove(FILE);
    assert.equal((await argocd("/preview-tests", NOTIFICATION)).status, 500);
    assert.deepEqual(states(), ["pending", "error"]);
  });
});
