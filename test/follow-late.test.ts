import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";
import { deploy, notify } from "./support/service.ts";

const MINUTE = 60_000;

describe("tests that were started again", () => {
  for (const [what, secondAppearsAfterMs] of [
    ["the first event", 0],
    ["either event", 4 * MINUTE],
  ] as const) {
    it(`show the result of the remaining run when ${what} starts one late, and the workflow cancels the other`, async (t) => {
      let sent = 0;
      const { deployed, pass, shop, github, states, followers, log } = await previewScene(t, {
        plan: () => ({ appearsAfterMs: sent++ === 0 ? 4 * MINUTE : secondAppearsAfterMs, takesMs: 5 * MINUTE }),
      });
      shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
      await deployed("pr-7", SHA(1));
      await pass(15 * MINUTE);
      assert.equal(github.dispatches.length, 2);
      assert.deepEqual([...shop.runs.values()].map(({ conclusion }) => conclusion).sort(), ["cancelled", "success"]);
      assert.equal(states(SHA(1)).at(-1), "success");
      assert.match(String(shop.comments[0]?.body), /: success/);
      const [follower] = await followers();
      const passed = [...shop.runs.values()].find(({ conclusion }) => conclusion === "success");
      assert.equal(follower?.run.status, "success");
      assert.match(JSON.stringify(follower?.run.outputs), new RegExp(`runs/${passed?.id}"`));
      assert.equal(log().filter(({ msg }) => /sends the event again/.test(String(msg))).length, 1);
    });
  }
});

describe("tests that begin after the service gave up on them", () => {
  it("are followed from then on, and their result replaces the error", async (t) => {
    const { deployed, pass, shop, states, followers } = await previewScene(t, {
      plan: () => ({ appearsAfterMs: 8 * MINUTE, takesMs: MINUTE }),
    });
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    await deployed("pr-7", SHA(1));
    await pass(7 * MINUTE);
    assert.equal(states(SHA(1)).at(-1), "error");
    await pass(10 * MINUTE);
    assert.equal(states(SHA(1)).at(-1), "success");
    assert.match(String(shop.comments[0]?.body), /: success/);
    const [follower] = await followers();
    assert.equal(follower?.run.status, "success");
    assert.deepEqual(
      follower?.actions.map(({ actor, action }) => [actor, action]),
      [["GitHub webhook", "re-run"]],
    );
  });
});

describe("a repeated notification while GitHub's answer to the first is lost", () => {
  it("waits until the outcome of the first is known, and starts no second Actions run", async (t) => {
    const { pass, shop, github, states, runs, url } = await previewScene(t, {
      plan: () => ({ takesMs: 3 * MINUTE }),
    });
    github.fault({ route: "POST /repos/{owner}/{repo}/dispatches", times: 1 }, { kind: "reset", afterHandling: true });
    github.fault({ route: "GET /repos/{owner}/{repo}/actions/runs", times: 3 }, { kind: "status", status: 502 });
    shop.addCommit(SHA(1));
    deploy(github, "pr-7", SHA(1));
    for (let nth = 0; nth < 3; nth++) {
      await notify(url, { application: "pr-7" }, { prefer: "respond-async" });
      await pass(5000);
    }
    await pass(5 * MINUTE);
    assert.deepEqual([github.dispatches.length, shop.runs.size, states(SHA(1)).at(-1)], [1, 1, "success"]);
    const statuses = (await runs("environment-ready")).map(({ run }) => run.status);
    assert.deepEqual([statuses[0], statuses.at(-1)], ["success", "skipped"]);
  });
});
