import assert from "node:assert/strict";
import { describe } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import {
  attemptOf,
  claimOne,
  ended,
  event,
  FAILURE,
  lease,
  NOW,
  type OpenStore,
  promises,
  SUCCESS,
} from "./store.contract.ts";

/** What every store promises about the last success before a run. The tests of each store run it. */
export function successesContract(name: string, open: OpenStore): void {
  const promise = promises(open);
  const lastOf = async (store: RunStore, id: string) => store.lastSuccess((await store.get(id))!.run);

  describe(`${name}: the last success before a run`, () => {
    promise("is of the same workflow and group, and ended before", async (store) => {
      await ended(store, { group: "a", input: { n: 0 } }, SUCCESS, NOW);
      const last = await ended(store, { group: "a", input: { n: 2 }, trigger: "http" }, SUCCESS, NOW + 2);
      await ended(store, { group: "b" }, SUCCESS, NOW + 3);
      await ended(store, { group: "a", workflow: "other" }, SUCCESS, NOW + 3);
      await ended(store, { group: "a" }, FAILURE, NOW + 4);
      const failed = await ended(store, { group: "a" }, FAILURE, NOW + 5);
      await ended(store, { group: "a" }, SUCCESS, NOW + 6);
      assert.deepEqual(await lastOf(store, failed), {
        ...{ id: last, trigger: "http", outputs: { ok: true }, input: { n: 2 } },
        ...{ endedAt: NOW + 2, code: undefined, codeNow: undefined },
      });
    });

    promise("is of the same workflow when the run has no group", async (store) => {
      await ended(store, { group: "a" }, SUCCESS, NOW);
      const failed = await ended(store, {}, FAILURE, NOW + 5);
      assert.equal(await lastOf(store, failed), undefined);
      const last = await ended(store, {}, SUCCESS, NOW + 6);
      const again = await ended(store, {}, FAILURE, NOW + 7);
      assert.equal((await lastOf(store, again))?.id, last);
    });

    promise("may be a newer run that ended before an older one was re-run, or an earlier attempt", async (store) => {
      const older = await ended(store, { group: "a" }, FAILURE, NOW);
      const newer = await ended(store, { group: "a" }, SUCCESS, NOW + 2);
      assert.equal(await lastOf(store, older), undefined);
      await store.rerun(older, NOW + 3, { evenIfOlder: true });
      const claim = await claimOne(store, NOW + 3);
      assert.equal((await lastOf(store, older))?.id, newer, "while it runs");
      await store.settle(claim, attemptOf(claim, "success", NOW + 4), SUCCESS);
      await store.rerun(older, NOW + 5, { evenIfOlder: true });
      const third = await claimOne(store, NOW + 5);
      await store.settle(third, attemptOf(third, "failure", NOW + 6), FAILURE);
      const last = await lastOf(store, older);
      assert.deepEqual([last?.id, last?.endedAt], [older, NOW + 4]);
    });

    promise("has the code that it used, and the current code", async (store) => {
      const withCode = async (outcome: "success" | "failure", code: string, at: number) => {
        const { run } = await store.accept(event({ group: "a" }), lease(at));
        const claim = await claimOne(store, at);
        await store.settle(
          claim,
          { ...attemptOf(claim, outcome, at), code },
          outcome === "success" ? SUCCESS : FAILURE,
        );
        return run;
      };
      await withCode("success", "aaaaaaaaaaaa", NOW);
      const failed = await withCode("failure", "bbbbbbbbbbbb", NOW + 1);
      const last = await lastOf(store, failed);
      assert.deepEqual([last?.code, last?.codeNow], ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]);
    });

    promise("is searched among the 100 runs on either side", async (store) => {
      for (const group of ["a", undefined]) {
        const last = await ended(store, { group }, SUCCESS, NOW);
        for (let run = 0; run < 99; run++) await ended(store, { group }, FAILURE, NOW + 1);
        assert.equal((await lastOf(store, await ended(store, { group }, FAILURE, NOW + 2)))?.id, last);
        assert.equal(await lastOf(store, await ended(store, { group }, FAILURE, NOW + 3)), undefined);
      }
    });

    promise("comes without its input when that is long", async (store) => {
      await ended(store, { group: "a", input: { text: "x".repeat(70_000) } }, SUCCESS, NOW);
      const failed = await ended(store, { group: "a" }, FAILURE, NOW + 5);
      const last = await lastOf(store, failed);
      assert.deepEqual([last?.endedAt, last?.input], [NOW, undefined]);
    });

    promise("is unknown for a missing run", async (store) => {
      const id = "00000000-0000-4000-8000-000000000000";
      assert.equal(await store.lastSuccess({ id, workflow: "deploy", group: "a", endedAt: NOW }), undefined);
    });
  });
}
