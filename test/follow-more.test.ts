import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";

const MINUTE = 60_000;

describe("without webhooks", () => {
  it("the tests are found, followed and reported, with at most one request per minute to GitHub", async (t) => {
    const { deployed, pass, states, github, followers, asked } = await previewScene(t, {
      webhooks: false,
      settings: { FOLLOW: "status", GITHUB_WEBHOOK_SECRET: "" },
      plan: () => ({ appearsAfterMs: 20_000, startsAfterMs: 20_000, takesMs: 20 * MINUTE }),
    });
    await deployed("pr-7", SHA(1));
    await pass(3 * MINUTE);
    const before = github.requests.length;
    await pass(15 * MINUTE);
    assert.ok(github.requests.length - before <= 15, JSON.stringify(asked()));
    await pass(5 * MINUTE);
    assert.deepEqual(states(SHA(1)), ["pending", "pending", "success"]);
    assert.equal((await followers())[0]?.run.status, "success");
  });
});

describe("tests that have passed", () => {
  it("and are re-run at GitHub are pending again, and show their new result", async (t) => {
    const { deployed, pass, shop, github, states } = await previewScene(t, {
      plan: (_key, attempt) => ({ takesMs: MINUTE, conclusion: attempt === 1 ? "success" : "failure" }),
    });
    await deployed("pr-7", SHA(1));
    await pass(2 * MINUTE);
    github.actions.rerun(shop, [...shop.runs.keys()][0] ?? 0);
    await pass(2 * MINUTE);
    assert.deepEqual(states(SHA(1)), ["pending", "pending", "success", "pending", "failure"]);
  });
});

describe("tests that a person re-runs at GitHub after their pull request was closed", () => {
  it("are not cancelled: their result is shown", async (t) => {
    const { deployed, pass, shop, github, states } = await previewScene(t, {
      plan: (_key, attempt) => ({ takesMs: MINUTE, conclusion: attempt === 1 ? "failure" : "success" }),
    });
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    await deployed("pr-7", SHA(1));
    await pass(2 * MINUTE);
    github.closePull(shop, 7);
    await pass(10_000);
    const [run] = shop.runs.values();
    github.actions.rerun(shop, run?.id ?? 0);
    await pass(2 * MINUTE);
    assert.deepEqual([run?.cancels, states(SHA(1)).at(-1)], [[], "success"]);
  });
});

describe("a deployment at GitHub", () => {
  it("is in progress while the tests run, ends as they do, and is inactive when the environment has another commit", async (t) => {
    const { deployed, pass, shop } = await previewScene(t, {
      settings: { FOLLOW: "deployment", ENVIRONMENT_URL: "https://{application}.preview.example" },
      plan: () => ({ startsAfterMs: 20_000, takesMs: 2 * MINUTE }),
    });
    const shown = () =>
      shop.deployments.map(({ environment, sha, statuses: [newest] }) => [
        environment,
        sha.slice(0, 2),
        newest?.state,
        newest?.environmentUrl,
      ]);
    await deployed("pr-7", SHA(1));
    await pass(MINUTE);
    assert.deepEqual(shown(), [["pr-7", "01", "in_progress", "https://pr-7.preview.example"]]);
    await deployed("pr-7", SHA(2));
    await pass(4 * MINUTE);
    assert.deepEqual(
      shown()
        .sort()
        .map((each) => each.slice(0, 3)),
      [
        ["pr-7", "01", "inactive"],
        ["pr-7", "02", "success"],
      ],
    );
  });
});

describe("two applications of one commit", () => {
  it("have one context each if the setting asks for it", async (t) => {
    const { deployed, pass, contexts, states } = await previewScene(t, {
      settings: { FOLLOW: "status", FOLLOW_CONTEXT: "gh-runner/{application}" },
      plan: () => ({ takesMs: MINUTE }),
    });
    await deployed("pr-7-shop", SHA(1));
    await deployed("pr-7-api", SHA(1));
    await pass(2 * MINUTE);
    assert.deepEqual(contexts(SHA(1)).sort(), ["gh-runner/pr-7-api", "gh-runner/pr-7-shop"]);
    assert.equal(states(SHA(1)).filter((state) => state === "success").length, 2);
  });
});

it("one deployment with status and comment needs a fixed number of requests", async (t) => {
  const { deployed, pass, shop, github } = await previewScene(t, {
    plan: () => ({ startsAfterMs: 10_000, takesMs: 5 * MINUTE }),
  });
  shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
  await deployed("pr-7", SHA(1));
  await pass(7 * MINUTE);
  const writes = github.requests.filter(({ method }) => method !== "GET").map(({ route }) => route);
  assert.deepEqual(writes.sort(), [
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "POST /repos/{owner}/{repo}/dispatches",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    ...Array.from({ length: 3 }, () => "POST /repos/{owner}/{repo}/statuses/{sha}"),
  ]);
  // GitHub does not count an unchanged answer.
  const reads = github.requests.filter(({ method, status }) => method === "GET" && status !== 304).length;
  assert.ok(reads <= 24, `${reads}`);
});
