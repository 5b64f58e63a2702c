import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "../../test/support/clock.ts";
import { startExample } from "../../test/support/example.ts";

const DELETE = "DELETE /repos/{owner}/{repo}/git/refs/{ref}";
const HOUR = 3_600_000;

const BRANCHES = {
  "feature/old": "2026-01-01T00:00:00Z",
  "preview/kept": "2026-01-01T00:00:00Z",
  "preview/new": "2026-11-20T00:00:00Z",
  "preview/old-1": "2026-11-01T00:00:00Z",
  "preview/old-2": "2026-10-01T00:00:00Z",
  "preview/open": "2026-01-01T00:00:00Z",
};

/** The afternoon before the run at 3:00 in Zagreb, which is 2:00 UTC. */
async function scene(t: TestContext, mode = "delete") {
  const example = await startExample(t, "clean-up-previews", {
    settings: { CLEAN_UP: mode },
    start: "2026-11-24T15:00:00Z",
  });
  const { clock, runs, github } = example;
  const shop = github.repository("acme/shop");
  for (const [name, date] of Object.entries(BRANCHES)) {
    shop.put("a.txt", name, name);
    shop.committedAt.set(name, date);
  }
  shop.put(".github/keep-branches", "preview/kept\n");
  shop.openPull({ head: { ref: "preview/open", sha: "0".repeat(40) } });
  const night = async () => {
    const before = (await runs()).length;
    await until("the schedule is set", () => clock.next() !== undefined);
    clock.move(24 * HOUR);
    await until("the night's run is there", async () => (await runs()).length > before);
  };
  return { ...example, shop, night };
}

const LEFT = ["feature/old", "main", "preview/kept", "preview/new", "preview/open"];

describe("clean-up-previews", () => {
  it("deletes stale preview branches, but none that is kept, in use or new", async (t) => {
    const { night, lastRun, shop } = await scene(t);
    await night();
    assert.deepEqual((await lastRun()).outputs.deleted, ["preview/old-1", "preview/old-2"]);
    assert.deepEqual(shop.branches(), LEFT);
  });

  it("only reports what it would delete, until it may delete", async (t) => {
    const { night, lastRun, shop, done } = await scene(t, "report");
    await night();
    const { outputs } = await lastRun();
    assert.deepEqual(outputs, { stale: ["preview/old-1", "preview/old-2"], deleted: [] });
    assert.equal(done(DELETE), 0);
    assert.equal(shop.branches().length, 7);
  });

  it("finds nothing to do the next night", async (t) => {
    const { night, lastRun, done, runs } = await scene(t);
    await night();
    await lastRun();
    await night();
    assert.deepEqual((await lastRun()).outputs.stale, []);
    assert.deepEqual([done(DELETE), (await runs()).length], [2, 2]);
  });

  it("continues with the remaining branches after a failure, without a new search", async (t) => {
    const { night, lastRun, breakDown, recover, done, shop } = await scene(t);
    breakDown({ route: DELETE, after: 1 });
    await night();
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.equal(done(DELETE), 2);
    assert.equal(done("GET /repos/{owner}/{repo}/git/matching-refs/{ref}"), 1);
    assert.deepEqual(shop.branches(), LEFT);
  });
});
