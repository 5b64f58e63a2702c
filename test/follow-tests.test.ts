import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";

const MINUTE = 60_000;
const FILE = ".github/workflows/environment-ready.yml";

const PAYLOAD = "${{ github.event.client_payload";
/** Shows the key, and does not cancel automatically. */
const NAMED = `name: tests
run-name: Tests ${PAYLOAD}.run }}
on: { repository_dispatch: { types: [environment_ready] } }
jobs: { tests: { runs-on: ubuntu-latest, steps: [] } }
`;
/** A workflow that does not know the key yet. */
const UNNAMED = NAMED.replace(/run-name:.*\n/, "");

describe("a deployment with FOLLOW", () => {
  it("gets the same answer as without it, and its commit and pull request show the test result", async (t) => {
    const { deployed, pass, shop, states, contexts, followers, github } = await previewScene(t, {
      plan: () => ({ startsAfterMs: 10_000, takesMs: 2 * MINUTE }),
    });
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    const answer = await deployed("pr-7", SHA(1));
    assert.equal(answer.text, `{"status":"success","commitHash":"${SHA(1)}","sourceName":"pr-7"}`);
    await pass(3 * MINUTE);
    const [follower] = await followers();
    assert.equal(follower?.run.status, "success", JSON.stringify(follower?.run));
    assert.deepEqual([states(SHA(1)), contexts(SHA(1))], [["pending", "pending", "success"], ["gh-runner/preview"]]);
    const run = [...shop.runs.values()][0];
    assert.equal(shop.statuses.at(-1)?.targetUrl, `https://github.com/acme/shop/actions/runs/${run?.id}`);
    assert.equal(shop.comments.length, 1);
    assert.match(String(shop.comments[0]?.body), /Tests of <code>pr-7<\/code>: success.*2 min/s);
    assert.deepEqual(
      github.dispatches.map(({ payload }) => payload),
      [{ commitHash: SHA(1), sourceName: "pr-7", run: follower?.run.id }],
    );
    assert.deepEqual(follower?.run.outputs, {
      application: "pr-7",
      commit: SHA(1),
      conclusion: "success",
      actionsRun: `https://github.com/acme/shop/actions/runs/${run?.id}`,
    });
  });
});

describe("a repeated notification", () => {
  it("for a commit under test starts nothing, and names the run that follows the tests", async (t) => {
    const { deployed, pass, github, followers, states } = await previewScene(t);
    await deployed("pr-7", SHA(1));
    await pass(20_000);
    const [follower] = await followers();
    const again = await deployed("pr-7", SHA(1));
    assert.deepEqual(again.json, {
      status: "skipped",
      reason: `the tests of ${SHA(1)} for pr-7 are under way: run ${follower?.run.id} follows them`,
    });
    assert.deepEqual([github.dispatches.length, states(SHA(1))], [1, ["pending", "pending"]]);
  });

  it("for a commit whose tests have ended starts them again", async (t) => {
    const { deployed, pass, github, states } = await previewScene(t, { plan: () => ({ takesMs: MINUTE }) });
    for (const _ of [1, 2]) {
      await deployed("pr-7", SHA(1));
      await pass(2 * MINUTE);
    }
    assert.equal(github.dispatches.length, 2);
    assert.deepEqual(states(SHA(1)), ["pending", "pending", "success", "pending", "pending", "success"]);
  });
});

describe("obsolete tests", () => {
  it("of ten commits in a row are cancelled except the last, and no runs of others", async (t) => {
    const { deployed, pass, shop, github, states, cancellers, followers } = await previewScene(t, {
      plan: (key) => (key === "" ? {} : { startsAfterMs: 10_000, takesMs: 5 * MINUTE }),
      workflow: NAMED,
    });
    const theirs = github.actions.start(shop, FILE, { event: "repository_dispatch", payload: { sourceName: "pr-7" } });
    const shas = Array.from({ length: 10 }, (_, nth) => SHA(nth + 1));
    for (const [nth, sha] of shas.entries()) {
      await deployed("pr-7", sha);
      // Some follow each other immediately.
      if (nth % 3 === 0) await pass(7000);
    }
    await pass(8 * MINUTE);
    const ours = [...shop.runs.values()].filter(({ id }) => id !== theirs);
    assert.deepEqual(
      ours.map(({ conclusion }) => conclusion),
      [...Array.from({ length: 9 }, () => "cancelled"), "success"],
    );
    assert.deepEqual(shop.runs.get(theirs)?.cancels, []);
    assert.equal(shop.runs.get(theirs)?.status, "in_progress");
    for (const sha of shas.slice(0, 9)) assert.equal(states(sha).at(-1), "error", sha);
    assert.deepEqual(states(SHA(10)).slice(-1), ["success"]);
    assert.match(String(shop.statuses.find(({ state }) => state === "error")?.description), /^Superseded by a newer/);
    assert.deepEqual([shop.comments.length, (await cancellers()).length], [0, 9]);
    assert.equal((await followers()).at(-1)?.run.status, "success");
  });

  it("are cancelled by force after a minute", async (t) => {
    const { deployed, pass, shop, cancellers } = await previewScene(t, {
      plan: () => ({ cancelTakesMs: Number.POSITIVE_INFINITY }),
      workflow: NAMED,
    });
    await deployed("pr-7", SHA(1));
    await pass(10_000);
    await deployed("pr-7", SHA(2));
    await pass(2 * MINUTE);
    const [first, second] = [...shop.runs.values()];
    assert.deepEqual(
      first?.cancels.map(({ force }) => force),
      [false, true],
    );
    assert.deepEqual([first?.conclusion, second?.cancels], ["cancelled", []]);
    const [canceller] = await cancellers();
    assert.deepEqual(canceller?.run.outputs, {
      ...{ application: "pr-7", commit: SHA(1), forced: true },
      cancelled: first && `https://github.com/acme/shop/actions/runs/${first.id}`,
    });
  });

  it("end when their pull request is closed", async (t) => {
    const { deployed, pass, shop, github, states, followers } = await previewScene(t);
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    await deployed("pr-7", SHA(1));
    await pass(20_000);
    github.closePull(shop, 7);
    await pass(20_000);
    const [run] = [...shop.runs.values()];
    const [follower] = await followers();
    assert.deepEqual([run?.conclusion, states(SHA(1)).at(-1)], ["cancelled", "error"]);
    assert.deepEqual(
      [follower?.run.status, follower?.run.reason],
      ["skipped", "Pull request #7 was closed before the tests ended."],
    );
    assert.match(String(shop.comments[0]?.body), /Tests of <code>pr-7<\/code>: closed/);
  });

  it("are cancelled with the run that follows them, when a person cancels that", async (t) => {
    const { deployed, pass, shop, states, followers, app } = await previewScene(t);
    await deployed("pr-7", SHA(1));
    await pass(20_000);
    const [follower] = await followers();
    await app.engine.actions.cancel(follower?.run.id ?? "", { actor: "alice" });
    await pass(20_000);
    assert.deepEqual([[...shop.runs.values()][0]?.conclusion, states(SHA(1)).at(-1)], ["cancelled", "error"]);
  });

  it("are left alone when they were found only by their time", async (t) => {
    const { deployed, pass, shop, cancellers, states } = await previewScene(t, { workflow: UNNAMED });
    await deployed("pr-7", SHA(1));
    await pass(3 * MINUTE);
    await deployed("pr-7", SHA(2));
    await pass(3 * MINUTE);
    assert.deepEqual(
      [...shop.runs.values()].map(({ cancels }) => cancels),
      [[], []],
    );
    assert.match(String((await cancellers())[0]?.run.reason), /time alone/);
    assert.equal(states(SHA(1)).at(-1), "error");
  });

  it("keep running without a failure if the token may not cancel", async (t) => {
    const { deployed, pass, github, cancellers, followers, states } = await previewScene(t, {
      plan: () => ({ takesMs: 5 * MINUTE }),
      workflow: NAMED,
    });
    const forbidden = { kind: "status", status: 403, body: '{"message":"Resource not accessible"}' } as const;
    github.fault({ route: "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel" }, forbidden);
    await deployed("pr-7", SHA(1));
    await pass(10_000);
    await deployed("pr-7", SHA(2));
    await pass(6 * MINUTE);
    assert.equal((await cancellers())[0]?.run.status, "skipped");
    assert.deepEqual([states(SHA(1)).at(-1), states(SHA(2)).at(-1)], ["error", "success"]);
    assert.equal((await followers()).at(-1)?.run.status, "success");
  });
});

describe("a deployment without permission to report", () => {
  it("is still dispatched and followed", async (t) => {
    const { deployed, pass, github, followers } = await previewScene(t, {
      settings: { FOLLOW: "status,check,comment,deployment" },
      plan: () => ({ takesMs: MINUTE, conclusion: "failure" }),
    });
    const forbidden = {
      kind: "status",
      status: 403,
      body: '{"message":"Resource not accessible by personal access token"}',
    } as const;
    for (const path of [/\/statuses\//, /\/check-runs/, /\/comments/, /\/deployments/, /\/pulls/])
      github.fault({ path }, forbidden);
    const answer = await deployed("pr-7", SHA(1));
    assert.equal(answer.json.status, "success");
    await pass(2 * MINUTE);
    const [follower] = await followers();
    assert.equal(follower?.run.status, "failure");
    assert.match(
      String(follower?.run.reason),
      /^The tests of pr-7 at 0101010 failed: begin \(https.*Not reported: status: .*; check: .*; deployment: /,
    );
  });
});

describe("tests that never start", () => {
  it("show the reason on the commit and in the run", async (t) => {
    const { deployed, pass, shop, followers, github } = await previewScene(t);
    shop.remove(FILE);
    await deployed("pr-7", SHA(1));
    await pass(5 * MINUTE);
    const [follower] = await followers();
    assert.equal(follower?.run.status, "failure");
    assert.match(String(follower?.run.reason), /no workflow/i);
    const last = shop.statuses.at(-1);
    assert.deepEqual([last?.state, github.dispatches.length], ["error", 1]);
    assert.match(String(last?.description), /^No tests started: /);
  });

  it("are started again if that can help, and followed", async (t) => {
    let sent = 0;
    const { deployed, pass, followers, github, shop, states } = await previewScene(t, {
      plan: () => (++sent === 1 ? { never: true } : { takesMs: MINUTE }),
    });
    await deployed("pr-7", SHA(1));
    await pass(8 * MINUTE);
    const keys = github.dispatches.map(({ payload }) => payload.run);
    assert.deepEqual([keys.length, new Set(keys).size, shop.runs.size], [2, 1, 1]);
    assert.equal((await followers())[0]?.run.status, "success");
    assert.equal(states(SHA(1)).at(-1), "success");
  });
});

describe("tests that a person re-runs at GitHub", () => {
  it("are pending again, and their new result replaces the old one", async (t) => {
    const { deployed, pass, shop, github, followers, states, contexts, log } = await previewScene(t, {
      plan: (_key, attempt) => ({ takesMs: MINUTE, conclusion: attempt === 1 ? "failure" : "success" }),
    });
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    await deployed("pr-7", SHA(1));
    await pass(2 * MINUTE);
    assert.equal((await followers())[0]?.run.status, "failure");
    github.actions.rerun(shop, [...shop.runs.keys()][0] ?? 0);
    await pass(2 * MINUTE);
    assert.equal((await followers())[0]?.run.status, "success");
    assert.deepEqual(
      [states(SHA(1)), contexts(SHA(1)).length],
      [["pending", "pending", "failure", "pending", "success"], 1],
    );
    assert.equal(shop.comments.length, 1);
    assert.match(String(shop.comments[0]?.body), /success.*Attempt: 2/s);
    // No problem: the run's log has no warnings.
    assert.deepEqual(
      log().filter(({ level, run }) => level === "warn" && run !== undefined),
      [],
    );
  });
});

describe("a workflow that is started", () => {
  it("gets the commit, the name and the key as its inputs, and is followed by the run id in the answer", async (t) => {
    const { deployed, pass, shop, github, followers, states } = await previewScene(t, {
      settings: { TARGET_WORKFLOW: "environment-ready.yml" },
      plan: () => ({ takesMs: MINUTE }),
    });
    const answer = await deployed("pr-7", SHA(1));
    assert.equal(answer.text, `{"status":"success","commitHash":"${SHA(1)}","sourceName":"pr-7"}`);
    await pass(2 * MINUTE);
    const [run] = [...shop.runs.values()];
    const [follower] = await followers();
    assert.deepEqual(run?.inputs, { commitHash: SHA(1), sourceName: "pr-7", run: follower?.run.id });
    assert.deepEqual([run?.event, run?.branch, github.dispatches.length], ["workflow_dispatch", "main", 0]);
    assert.equal(states(SHA(1)).at(-1), "success");
  });

  it("needs no FOLLOW", async (t) => {
    const { deployed, shop, runs } = await previewScene(t, {
      settings: { FOLLOW: "", TARGET_WORKFLOW: "environment-ready.yml@main" },
    });
    assert.equal((await deployed("pr-7", SHA(1))).json.status, "success");
    assert.deepEqual(
      [...shop.runs.values()].map(({ inputs }) => inputs),
      [{ commitHash: SHA(1), sourceName: "pr-7" }],
    );
    assert.deepEqual(await runs("preview-tests"), []);
  });
});

it("a tag is resolved to its commit, on which the result is shown", async (t) => {
  const { deployed, pass, shop, states } = await previewScene(t, { plan: () => ({ takesMs: MINUTE }) });
  shop.addTag("v1.2.3", SHA(1));
  await deployed("pr-7", "v1.2.3");
  await pass(2 * MINUTE);
  assert.deepEqual(states(SHA(1)), ["pending", "pending", "success"]);
});
