import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { brokenBeforeOrAfter } from "../sandbox/faults.ts";
import { startGitHub } from "../sandbox/github.ts";
import { chanceOf } from "./support/random.ts";
import { send } from "./support/service.ts";

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const TARGET = readFileSync(new URL("../deploy/target/environment-ready.yml", import.meta.url), "utf8");

async function scene(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token("t");
  const shop = github.repository("acme/shop");
  shop.put(".github/workflows/tests.yml", TARGET);
  const post = (path: string, body: object) =>
    send(github.url, {
      ...{ method: "POST", path: `/repos/acme/shop${path}`, body: JSON.stringify(body) },
      headers: { "user-agent": "test", authorization: "Bearer t" },
    });
  const event = (run: string) => ({
    event_type: "environment_ready",
    client_payload: { run, sourceName: "pr-7", commitHash: "0012345" },
  });
  return { github, shop, post, dispatch: (run: string) => post("/dispatches", event(run)), event };
}

describe("a connection that the stand-in breaks", () => {
  it("breaks before or after the request is accepted, in the same way with the same seed", async (t) => {
    const lostAndTaken = async () => {
      const { github, shop, dispatch } = await scene(t);
      const random = chanceOf(7).next;
      github.fault({ route: DISPATCH, probability: 0.5, random }, brokenBeforeOrAfter(random));
      const lost: string[] = [];
      for (let at = 0; at < 100; at++) await dispatch(`k-${at}`).catch(() => lost.push(`k-${at}`));
      const taken = [...shop.runs.values()].map(({ title }) => title.split(" ").at(-1));
      return { lost, taken };
    };
    const { lost, taken } = await lostAndTaken();
    assert.ok(lost.length > 35 && lost.length < 65, `${lost.length} were lost`);
    const both = lost.filter((key) => taken.includes(key)).length;
    assert.ok(both > 10 && both < lost.length - 10, `${both} of ${lost.length} were taken`);
    assert.equal(taken.length, 100 - lost.length + both);
    assert.deepEqual(await lostAndTaken(), { lost, taken });
  });

  for (const kind of ["cut", "reset", "hang"] as const) {
    it(`executes a request and loses its answer: ${kind}`, async (t) => {
      const { github, shop, dispatch } = await scene(t);
      github.fault({ route: DISPATCH }, kind === "cut" ? { kind } : { kind, afterHandling: true });
      const answered = dispatch("k-1").catch(() => "lost" as const);
      if (kind !== "hang") assert.equal(await answered, "lost");
      while (shop.runs.size === 0) await new Promise((resolve) => setImmediate(resolve));
      await github.close();
      assert.equal(await answered, "lost");
    });
  }
});

it("a held answer comes when its promise has resolved, and the request is executed before that", async (t) => {
  const { github, shop, dispatch } = await scene(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  github.fault({ route: DISPATCH, times: 1 }, { kind: "hold", until: promise });
  let answered = false;
  const held = dispatch("k-1").finally(() => {
    answered = true;
  });
  while (shop.runs.size === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await dispatch("k-2")).status, 204);
  assert.equal(answered, false);
  resolve();
  assert.equal((await held).status, 204);
});

it("the stand-in names the runs of deploy/target as GitHub does, for both events", async (t) => {
  const { shop, post, dispatch, event } = await scene(t);
  await dispatch("k-1");
  const inputs = event("k-2").client_payload;
  await post("/actions/workflows/tests.yml/dispatches", { ref: "main", inputs });
  assert.deepEqual(
    [...shop.runs.values()].map(({ title }) => title),
    ["Tests of pr-7 at 0012345 k-1", "Tests of pr-7 at 0012345 k-2"],
  );
});
