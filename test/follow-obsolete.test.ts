import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";

const MINUTE = 60_000;

describe("obsolete tests that never appeared", () => {
  const scene = async (...[t]: Parameters<typeof previewScene>) => {
    let sent = 0;
    return previewScene(t, { plan: () => (sent++ === 0 ? { never: true } : { takesMs: MINUTE }) });
  };

  it("leave the comment to the newer commit, even if its tests have already ended", async (t) => {
    const { deployed, pass, shop, states } = await scene(t);
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(2) }, commits: [SHA(1), SHA(2)] });
    await deployed("pr-7", SHA(1));
    await pass(20_000);
    await deployed("pr-7", SHA(2));
    await pass(6 * MINUTE);
    assert.deepEqual([states(SHA(1)).at(-1), states(SHA(2)).at(-1)], ["error", "success"]);
    assert.equal(shop.comments.length, 1);
    assert.match(String(shop.comments[0]?.body), /Tests of <code>pr-7<\/code>: success/);
  });

  it("leave the commit alone when it was deployed again and its tests have already ended", async (t) => {
    const { deployed, pass, shop, states } = await scene(t);
    shop.openPull({ number: 7, head: { ref: "faster", sha: SHA(1) } });
    for (const sha of [SHA(1), SHA(2), SHA(1)]) {
      await deployed("pr-7", sha);
      await pass(20_000);
    }
    await pass(6 * MINUTE);
    assert.deepEqual([states(SHA(1)).at(-1), states(SHA(2)).at(-1)], ["success", "error"]);
    assert.match(String(shop.comments[0]?.body), /Tests of <code>pr-7<\/code>: success/);
  });

  it("leave the commit alone when the newer deployment names it differently", async (t) => {
    const { deployed, pass, shop, states } = await scene(t);
    shop.addCommit(SHA(1));
    shop.addTag("v1", SHA(1));
    await deployed("pr-7", "v1");
    await pass(20_000);
    await deployed("pr-7", SHA(1));
    await pass(6 * MINUTE);
    assert.equal(states(SHA(1)).at(-1), "success");
  });
});
