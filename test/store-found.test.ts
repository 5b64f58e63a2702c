import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { RunFilter } from "../src/model/history.ts";
import type { NewRun } from "../src/model/new-run.ts";
import { RUN_STATUSES } from "../src/model/run.ts";
import type { RunStore } from "../src/model/store.ts";
import { again, attemptOf, event, FAILURE, lease, NOW, SUCCESS } from "./store.contract.ts";
import { movedClock } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores, type OpenStore } from "./support/stores.ts";

const postgres = await postgresForTests();
const MINUTE = 60_000;

const BY = { actor: "token alice", at: NOW };
const COMMIT = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d";
const pullRequest = (number: number, action = "opened") => ({
  name: "pull_request",
  delivery: `d${number}`,
  payload: {
    action,
    repository: { full_name: "Acme/shop" },
    pull_request: { number, head: { sha: COMMIT } },
    sender: { login: "Octocat" },
  },
});

async function opened(t: TestContext, open: OpenStore) {
  const clock = movedClock(NOW);
  const { store, pass } = await open(t, clock);
  t.after(() => store.close());
  const accept = async (facts: Partial<NewRun> = {}) =>
    (await store.accept(event(facts), { ...lease(clock.now()), take: false })).run;
  const ended = async (facts: Partial<NewRun> = {}, settlement: Parameters<RunStore["settle"]>[2] = SUCCESS) => {
    const id = await accept(facts);
    const [claim] = await store.claim({ ...lease(clock.now()), limit: 1 });
    assert.equal(claim?.run.id, id);
    const outcome = settlement.status === "queued" ? "failure" : (settlement.status as "success");
    await store.settle(claim, attemptOf(claim, outcome, clock.now()), settlement);
    return id;
  };
  const found = async (filter: RunFilter) => (await store.list(filter, { limit: 100 })).runs.map(({ id }) => id);
  return { store, clock, pass, accept, ended, found };
}

for (const [name, open] of bothStores(postgres)) {
  describe(`${name}: the runs that a filter finds`, () => {
    it("are those with all of the words", async (t) => {
      const { ended, found } = await opened(t, open);
      const a = await ended({ group: "pr-1234", actor: "token argocd" });
      const b = await ended({ group: "pr-12345" }, { ...FAILURE, reason: "The tag is missing" } as never);
      const c = await ended({ input: { application: "PR-1234x" } }, {
        ...SUCCESS,
        outputs: { commitHash: "f00ba4" },
      } as never);
      assert.deepEqual(await found({ words: ["pr-1234"] }), [c, b, a]);
      assert.deepEqual(await found({ words: ["pr-1234", "TAG IS"] }), [b]);
      assert.deepEqual(await found({ words: ["00BA4"] }), [c]);
      assert.deepEqual(await found({ words: ["pr-1234"], status: "success" }), [c, a]);
      assert.deepEqual(await found({ words: [a.slice(0, 8)] }), [a]);
      assert.deepEqual(await found({ words: ["pr-1234", "nothing"] }), []);
    });

    it("are limited to a time range", async (t) => {
      const { ended, found, pass, store } = await opened(t, open);
      const ids: string[] = [];
      for (let nth = 0; nth < 4; nth++) {
        ids.unshift(await ended({}, nth % 2 ? FAILURE : SUCCESS));
        await pass(MINUTE);
      }
      const [d, c, b, a] = ids;
      assert.deepEqual(await found({ since: NOW + MINUTE }), [d, c, b]);
      assert.deepEqual(await found({ until: NOW + MINUTE }), [a]);
      assert.deepEqual(await found({ since: NOW + 1, until: NOW + 3 * MINUTE }), [c, b]);
      assert.deepEqual(await found({ since: NOW + MINUTE, status: "failure" }), [d, b]);
      assert.deepEqual(await found({ since: NOW + 10 * MINUTE }), []);
      assert.deepEqual(await found({ until: NOW }), []);
      const { failure, success } = await store.counts({ since: NOW + MINUTE, until: NOW + 3 * MINUTE });
      assert.deepEqual([failure.count, success.count], [1, 1]);
      assert.equal((await store.counts({ until: NOW })).success.count, 0);
    });

    it("are found by an event of GitHub", async (t) => {
      const { ended, found, store } = await opened(t, open);
      const a = await ended({ trigger: "github", input: pullRequest(7) });
      const b = await ended({ trigger: "github", input: pullRequest(71) });
      const c = await ended({ trigger: "schedule", actor: "schedule" });
      assert.deepEqual(await found({ repository: "acme/SHOP" }), [b, a]);
      assert.deepEqual(await found({ event: "pull_request" }), [b, a]);
      assert.deepEqual(await found({ commit: COMMIT.slice(0, 7).toUpperCase() }), [b, a]);
      assert.deepEqual(await found({ by: "octocat" }), [b, a]);
      assert.deepEqual(await found({ trigger: "github" }), [b, a]);
      assert.deepEqual(await found({ trigger: "schedule" }), [c]);
      assert.equal((await store.counts({ repository: "acme/shop" })).success.count, 2);
    });

    it("are counted for every status, with any status filter", async (t) => {
      const { store, accept, ended } = await opened(t, open);
      await ended({ workflow: "other" }, FAILURE);
      await ended({ workflow: "other" });
      for (let nth = 0; nth < 3; nth++) await ended({ group: "g" });
      await ended({ group: "g" }, FAILURE);
      await ended({}, { status: "skipped", reason: "no" });
      await ended({ group: "late" }, again(NOW + MINUTE));
      const gone = await accept();
      await store.cancel(gone, BY, () => false);
      await accept();
      await store.claim({ ...lease(), limit: 1 });
      const of = async (filter: RunFilter) => {
        const counts = await store.counts(filter);
        return Object.fromEntries(RUN_STATUSES.map((status) => [status, counts[status].count]));
      };
      const none = {
        queued: 0,
        running: 0,
        waiting: 0,
        success: 0,
        skipped: 0,
        failure: 0,
        cancelled: 0,
        superseded: 0,
      };
      const all = { ...none, queued: 1, running: 1, success: 4, skipped: 1, failure: 2, cancelled: 1 };
      assert.deepEqual(await of({}), all);
      assert.deepEqual(await of({ status: "failure" }), all);
      assert.deepEqual(await of({ workflow: "other" }), { ...none, success: 1, failure: 1 });
      assert.deepEqual(await of({ group: "g" }), { ...none, success: 3, failure: 1 });
      assert.deepEqual(await of({ group: "g", workflow: "other" }), none);
      assert.deepEqual(await of({ words: ["other"] }), { ...none, success: 1, failure: 1 });
      assert.equal((await store.counts({})).success.more, false);
    });

    it("are only of workflows that the caller may read", async (t) => {
      const { store, ended, found, accept } = await opened(t, open);
      const ids: Record<string, string[]> = { a: [], b: [], c: [] };
      for (const workflow of ["a", "b", "c", "a", "c", "b", "a", "c"]) {
        const facts = { workflow, group: `group of ${workflow}`, trigger: "github", input: pullRequest(7) } as const;
        ids[workflow]!.unshift(await ended(facts, workflow === "b" ? FAILURE : SUCCESS));
      }
      const newest = [...(await found({}))];
      const of = (...workflows: string[]) => newest.filter((id) => workflows.some((each) => ids[each]?.includes(id)));
      assert.equal(of("a", "b", "c").length, 8);
      for (const search of [{}, { repository: "acme/shop" }, { words: ["group of"] }] satisfies RunFilter[]) {
        for (const workflows of [["a", "b"], ["b", "a", "a"], ["c"], ["c", "none"], ["none"], [], ["a", "b", "c"]]) {
          const filter = { ...search, workflows };
          const its = of(...workflows);
          assert.deepEqual(await found(filter), its, JSON.stringify(filter));
          assert.deepEqual(await found({ ...filter, workflow: "a" }), workflows.includes("a") ? of("a") : []);
          assert.deepEqual(await found({ ...filter, group: "group of b" }), workflows.includes("b") ? of("b") : []);
          assert.deepEqual(await found({ ...filter, id: ids.c![0]! }), workflows.includes("c") ? [ids.c![0]] : []);
          assert.deepEqual(
            await found({ ...filter, since: NOW, status: "failure" }),
            workflows.includes("b") ? of("b") : [],
          );
          const { success, failure } = await store.counts(filter);
          const failed = workflows.includes("b") ? 2 : 0;
          assert.deepEqual([success.count, failure.count, success.more], [its.length - failed, failed, false]);
          assert.equal((await store.reasons(filter, 10)).length, failed);
          const pages: string[] = [];
          for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
            const found = await store.list(filter, { limit: 2, cursor });
            pages.push(...found.runs.map(({ id }) => id));
            cursor = found.next;
          }
          assert.deepEqual(pages, its);
        }
      }
      await accept({ workflow: "a" });
      await accept({ workflow: "c" });
      assert.equal((await store.counts({ workflows: ["a", "b"] })).queued.count, 1);
    });

    it("are found by the reasons of their failure", async (t) => {
      const { store, ended } = await opened(t, open);
      const fail = (reason: string, facts: Partial<NewRun> = {}) => ended(facts, { ...FAILURE, reason } as never);
      const a = await fail("no tag");
      await ended();
      const b = await fail("no file", { workflow: "other" });
      assert.deepEqual(await store.reasons({}, 10), [
        { id: b, workflow: "other", reason: "no file", kind: "permanent", acceptedAt: NOW },
        { id: a, workflow: "deploy", reason: "no tag", kind: "permanent", acceptedAt: NOW },
      ]);
      assert.deepEqual(
        (await store.reasons({ status: "success" }, 1)).map(({ id }) => id),
        [b],
      );
      assert.deepEqual(
        (await store.reasons({ words: ["TAG"] }, 10)).map(({ id }) => id),
        [a],
      );
      assert.deepEqual(await store.reasons({ workflow: "neither" }, 10), []);
    });
  });
}
