import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";

const MINUTE = 60_000;

describe("tests that were started once more", () => {
  for (const [what, secondAppearsAfterMs] of [
    ["the first event", 0],
    ["either event", 4 * MINUTE],
  ] as const) {
    it(`show the result of the run that is left when ${what} starts one late, and the workflow cancels the other`, async (t) => {
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
      assert.equal(log().filter(({ msg }) => /sent once more/.test(String(msg))).length, 1);
    });
  }
});

describe("tests that begin after they were given up", () => {
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
