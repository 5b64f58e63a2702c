import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { chainOf, PREVIEW_RESULTS } from "../src/model/chain.ts";
import type { ChainMember } from "../src/model/chain-facts.ts";
import type { Json, Run, Step } from "../src/model/run.ts";
import { ALL_WORKFLOWS } from "../src/model/run-actions.ts";
import { previewsOf } from "../src/service/previews.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock } from "./support/clock.ts";
import { aRun, NOW } from "./support/pages.ts";
import { NO_RUN, SHA, type Story, writePreview } from "./support/previews.ts";

const READY = { name: "environment-ready", prefix: "pr-" };
const MINUTE = 60_000;

/** A store in memory with these notifications, a minute apart, oldest first. */
async function storeWith(...stories: readonly Omit<Story, "at">[]) {
  const store = openSqliteStore(undefined, movedClock(NOW));
  const ids: Awaited<ReturnType<typeof writePreview>>[] = [];
  for (const [nth, story] of stories.entries())
    ids.push(await writePreview(store, { at: NOW + nth * MINUTE, ...story }));
  return { store, ids, previews: previewsOf(store, () => [READY]) };
}

const newest = async (story: Omit<Story, "at">) => {
  const { previews } = await storeWith(story);
  const [chain] = (await previews.list({}, { limit: 10 })).previews;
  assert.ok(chain);
  return chain;
};

describe("the chain of a preview", () => {
  it("leads from the notification to the result, with the time that each stage took", async () => {
    const chain = await newest({ application: "pr-1", tests: "passed" });
    assert.deepEqual(
      chain.stages.map(({ name, ms }) => [name, ms]),
      [
        ["received", undefined],
        ["read", 600],
        ["dispatched", 300],
        ["created", 3100],
        ["started", 2000],
        ["ended", 234_000],
        ["reported", 2400],
      ],
    );
    assert.deepEqual([chain.application, chain.result, chain.reason], ["pr-1", "passed", undefined]);
    assert.deepEqual(chain.commit, { name: SHA, sha: SHA });
    assert.deepEqual(chain.values, {
      ...{ repository: "acme/deployment", path: "configs/pr/light/pr-1/values.yaml", commit: SHA },
    });
    const url = "https://github.com/acme/shop/pull/1234";
    assert.deepEqual(chain.pullRequest, { number: 1234, url, title: "Show prices with tax", state: "open" });
    assert.deepEqual([chain.actionsRun?.id, chain.actionsRun?.conclusion], [4242, "success"]);
    assert.deepEqual(
      chain.jobs.map(({ name, conclusion }) => [name, conclusion]),
      [
        ["unit", "success"],
        ["e2e", "success"],
      ],
    );
  });

  it("shows the result of the tests and the reason, for every possible end", async () => {
    const ends = {
      passed: ["passed", undefined],
      failed: ["failed", /ended with failure/],
      cancelled: ["failed", /ended with cancelled/],
      running: ["running", /The Actions run is queued or running\./],
      appearing: ["running", /No Actions run has appeared yet\./],
      "no run": ["nothing_started", /no workflow on main listens to environment_ready/],
      closed: ["cancelled", /Pull request #1234 was closed/],
    } as const;
    for (const [tests, [result, reason]] of Object.entries(ends)) {
      const chain = await newest({ application: "pr-1", tests: tests as keyof typeof ends });
      assert.equal(chain.result, result, tests);
      if (reason === undefined) assert.equal(chain.reason, undefined);
      else assert.match(chain.reason ?? "", reason);
    }
  });

  it("shows why nothing was dispatched, and that a dispatch without following was sent", async () => {
    const limit = `GitHub's limit until ${new Date(NOW + MINUTE).toISOString()}`;
    const facts = { http: 500, kind: "limit" } as const;
    const environments: [Story["environment"], string, string | undefined][] = [
      [{ status: "failure", reason: "no file", http: 404, kind: "permanent" }, "nothing_started", "no file"],
      [{ status: "skipped", reason: "was dispatched" }, "nothing_started", "was dispatched"],
      [{ status: "queued", dueAt: NOW + MINUTE, counts: false, reason: limit, ...facts }, "running", limit],
      [undefined, "dispatched", undefined],
    ];
    for (const [environment, result, reason] of environments) {
      const chain = await newest({ application: "pr-1", ...(environment && { environment }) });
      assert.deepEqual([chain.result, chain.reason, chain.tests], [result, reason, undefined]);
    }
  });

  it("shows tests that passed as passed when their result could not be reported", () => {
    const tests = member({ status: "failure", reason: "Setting the status failed", input: { application: "pr-1" } }, [
      { name: "tests", result: { id: 1, htmlUrl: "", conclusion: "success", jobs: [] } },
    ]);
    const chain = chainOf(undefined, tests);
    assert.deepEqual([chain?.result, chain?.reason], ["passed", "Setting the status failed"]);
  });

  it("links only to web pages", () => {
    const tests = member(
      { input: { application: "pr-1", repository: "../..", values: { repository: "a/b/c", path: "x" } } },
      [
        { name: "pull request", result: { number: 1, url: "javascript:alert(1)" } },
        { name: "Actions run", result: { runId: 7, htmlUrl: "https://user:secret@github.com/x" } },
        {
          name: "tests",
          result: { id: 7, htmlUrl: "data:x", conclusion: "failure", jobs: [{ name: "a", htmlUrl: "ftp://x" }] },
        },
      ],
    );
    const chain = chainOf(undefined, tests);
    const urls = [
      chain?.pullRequest?.url,
      chain?.actionsRun?.url,
      chain?.jobs[0]?.url,
      chain?.repository,
      chain?.values,
    ];
    assert.deepEqual(urls, [undefined, undefined, undefined, undefined, undefined]);
  });

  it("names the newer event that replaced or cancelled a run", () => {
    for (const status of ["superseded", "cancelled"] as const) {
      const run = { status, supersededBy: "a-newer-run", reason: "cancelled by run 7", input: { application: "pr-1" } };
      const chain = chainOf(undefined, member(run, []));
      assert.deepEqual([chain?.result, chain?.supersededBy], ["cancelled", "a-newer-run"]);
      assert.equal(chain?.reason, "A newer event of the same application replaced it.");
    }
  });

  it("can be built from any content of the two runs", () => {
    const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
    const odd = fc.oneof(json, fc.record({ key: json, since: json, event: json, runId: json, number: json }));
    const input = fc.record(
      { application: odd, commit: odd, tests: odd, values: odd, receivedAt: odd },
      { requiredKeys: [] },
    );
    const name = fc.constantFrom(
      "pull request",
      "Actions run",
      "tests",
      "result success",
      "dispatch: key",
      "read",
      "commit",
    );
    const result = fc.oneof(odd, fc.record({ conclusion: odd, jobs: fc.oneof(odd, fc.array(odd)), startedAt: odd }));
    const steps = fc.array(fc.record({ name, result: fc.option(result, { nil: undefined }) }));
    const status = fc.constantFrom<Run["status"]>("queued", "running", "waiting", "success", "failure", "skipped");
    const runs = fc.record({ status, input: fc.oneof(input as fc.Arbitrary<Json>, json), outputs: json, steps });
    const one = fc.option(runs, { nil: undefined });
    fc.assert(
      fc.property(one, one, (first, second) => {
        const made = [first, second].map((each) => each && member(each, each.steps)) as [ChainMember?, ChainMember?];
        const chain = chainOf(...made);
        assert.equal(chain === undefined, !first && !second);
        assert.ok(chain === undefined || PREVIEW_RESULTS.includes(chain.result));
        JSON.stringify(chain);
      }),
    );
  });
});

function member(run: Partial<Run>, steps: readonly Partial<Step>[]): ChainMember {
  const step = { kind: "step", attempt: 1, startedAt: NOW, endedAt: NOW + 1, error: undefined, result: null } as const;
  return { run: aRun(run), steps: steps.map((each) => ({ name: "", ...step, ...each })) };
}

describe("the list of previews", () => {
  it("has the newest of each application, newest first, and all of one", async () => {
    const { previews, ids } = await storeWith(
      { application: "pr-1", tests: "passed" },
      { application: "pr-2", tests: "failed" },
      { application: "main", environment: { status: "skipped", reason: "application name doesn't start with 'pr-'" } },
      { application: "pr-1", tests: "running" },
    );
    const shown = async (query: Parameters<typeof previews.list>[0]) =>
      (await previews.list(query, { limit: 10 })).previews.map(({ application, result }) => `${application} ${result}`);
    assert.deepEqual(await shown({}), ["pr-1 running", "pr-2 failed"]);
    assert.deepEqual(await shown({ application: "pr-1" }), ["pr-1 running", "pr-1 passed"]);
    assert.deepEqual(await shown({ application: "pr" }), []);
    assert.deepEqual(await shown({ text: "R-2" }), ["pr-2 failed"]);
    assert.deepEqual(await shown({ result: "passed" }), [], "an earlier one does not count");
    assert.deepEqual(await shown({ result: "failed" }), ["pr-2 failed"]);
    const [first] = (await previews.list({}, { limit: 1 })).previews;
    assert.deepEqual([first?.environment?.id, first?.tests?.id], [ids[3]?.environment, ids[3]?.tests]);
  });

  it("comes in pages of the size that was asked for, also with a filter", async () => {
    const stories = Array.from({ length: 130 }, (_, nth) => ({
      ...({ application: `pr-${nth}`, tests: nth % 13 === 0 ? "failed" : "passed" } as const),
    }));
    const { store, previews } = await storeWith(...stories);
    let queries = 0;
    const counted = {
      newestOfGroups(...asked: Parameters<typeof store.newestOfGroups>) {
        queries++;
        return store.newestOfGroups(...asked);
      },
      several(ids: readonly string[]) {
        queries++;
        return store.several(ids);
      },
      paused: store.paused,
    };
    const counting = previewsOf(counted, () => [READY]);
    for (const [result, count] of [
      [undefined, 130],
      ["failed", 10],
      ["cancelled", 0],
    ] as const) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        queries = 0;
        const page = await counting.list({ result }, { limit: 4, cursor });
        assert.ok(page.previews.length <= 4 && queries <= 24, `${queries} queries`);
        found.push(...page.previews.map(({ application }) => application));
        cursor = page.next;
      } while (cursor !== undefined);
      assert.equal(new Set(found).size, count);
      assert.equal(found.length, count, "none twice");
    }
    assert.equal((await previews.list({}, { limit: 130 })).next, undefined);
  });

  it("shows that a waiting workflow is paused, and who paused it", async () => {
    const facts = { reason: undefined, http: undefined, kind: undefined };
    const environment = { status: "queued", dueAt: NOW + MINUTE, counts: false, ...facts } as const;
    const { store, previews } = await storeWith(
      { application: "pr-1", environment },
      { application: "pr-2", tests: "failed" },
    );
    const reasons = async () => (await previews.list({}, { limit: 10 })).previews.map(({ reason }) => reason);
    const [failed, waits] = await reasons();
    assert.equal(waits, "It waits for its turn.");
    await store.pause("environment-ready", { actor: "token bob", at: NOW });
    const its = "The workflow environment-ready is paused (token bob). The preview continues after you resume it.";
    assert.deepEqual(await reasons(), [failed, its]);
    await store.resume("environment-ready", { actor: "token bob", at: NOW });
    await store.pause(ALL_WORKFLOWS, { actor: "token bob", at: NOW });
    assert.deepEqual(await reasons(), [
      failed,
      "All workflows are paused (token bob). The preview continues after you resume it.",
    ]);
  });

  it("hides from callers who may not read the tests' runs that these are paused, by whom, and what replaced them", async () => {
    const { store, previews } = await storeWith({ application: "pr-1", tests: "running" });
    await store.pause("preview-tests", { actor: "token bob", at: NOW });
    const shown = async (workflows?: readonly string[]) => {
      const [chain] = (await previews.list({ workflows }, { limit: 1 })).previews;
      return [chain?.reason, chain?.tests?.workflow];
    };
    assert.deepEqual(await shown(), [
      "The workflow preview-tests is paused (token bob). The preview continues after you resume it.",
      "preview-tests",
    ]);
    assert.deepEqual(await shown(["environment-ready"]), ["The Actions run is queued or running.", undefined]);
    const { store: other } = await storeWith({ application: "pr-1", tests: "running" });
    const several = async (ids: readonly string[]) =>
      (await other.several(ids)).map((member) => ({ ...member, run: { ...member.run, supersededBy: "a-newer-run" } }));
    const { list } = previewsOf({ ...other, several }, () => [READY]);
    const newerOf = async (workflows?: readonly string[]) =>
      (await list({ workflows }, { limit: 1 })).previews[0]?.supersededBy;
    assert.deepEqual([await newerOf(), await newerOf(["environment-ready"])], ["a-newer-run", undefined]);
  });

  it("shows a repeat with the result that it repeats, and that nothing new was started", async () => {
    const { store, previews, ids } = await storeWith({ application: "pr-1", tests: "running" });
    const reason = `the tests of ${SHA} for pr-1 are under way: run ${ids[0]?.tests} follows them`;
    const environment = { status: "skipped", reason } as const;
    const again = await writePreview(store, { application: "pr-1", at: NOW + 9 * MINUTE, environment });
    const [chain, ...others] = (await previews.list({}, { limit: 10 })).previews;
    assert.equal(others.length, 0);
    assert.deepEqual([chain?.result, chain?.tests?.id], ["running", ids[0]?.tests]);
    assert.equal(chain?.environment?.id, ids[0]?.environment);
    assert.deepEqual(chain?.repeatedBy, { id: again.environment, at: NOW + 9 * MINUTE });
    const history = (await previews.list({ application: "pr-1" }, { limit: 10 })).previews;
    assert.deepEqual(
      history.map(({ result, reason }) => [result, reason]),
      [
        ["nothing_started", reason],
        ["running", "The Actions run is queued or running."],
      ],
    );
  });

  it("also shows a repeat that names the dispatching run", async () => {
    const { store, previews, ids } = await storeWith({ application: "pr-1", tests: "failed" });
    const reason = `${SHA} was dispatched for pr-1 by run ${ids[0]?.environment} within 600 s`;
    await writePreview(store, { application: "pr-1", at: NOW + MINUTE, environment: { status: "skipped", reason } });
    const [chain] = (await previews.list({}, { limit: 10 })).previews;
    assert.deepEqual([chain?.result, chain?.tests?.id], ["failed", ids[0]?.tests]);
  });

  it("is found from either run, and does not exist for a run without a follower", async () => {
    const { store, previews, ids } = await storeWith({ application: "pr-1", tests: "no run" }, { application: "pr-2" });
    const chain = async (id = "") => previews.of((await store.get(id))!);
    for (const id of [ids[0]?.environment, ids[0]?.tests]) {
      const found = await chain(id);
      assert.deepEqual([found?.environment?.id, found?.tests?.id], [ids[0]?.environment, ids[0]?.tests]);
      assert.equal(found?.reason, NO_RUN);
    }
    assert.equal(await chain(ids[1]?.environment), undefined);
  });
});
