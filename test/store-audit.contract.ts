import assert from "node:assert/strict";
import { describe } from "node:test";
import type { AuditEntry, AuditFilter, AuditRecord } from "../src/model/audit.ts";
import type { RunStore } from "../src/model/store.ts";
import { ended, event, FAILURE, lease, NOW, type OpenStore, promises } from "./store.contract.ts";

const ALICE = { actor: "token alice", role: "operator", via: "bearer", address: "10.0.0.7" } as const;
const REJECTED: AuditEntry = {
  ...{ at: NOW, actor: "unknown", via: "none", address: "::1", action: "request", outcome: "rejected", times: 3 },
  details: "GET /api/runs: 401",
};

const recordsOf = async (store: RunStore, filter: AuditFilter = {}) =>
  (await store.audit.list(filter, { limit: 1000 })).records;
const actionsIn = (records: readonly AuditRecord[]) => records.map(({ action }) => action);

/** What every store promises about the audit log. The tests of each store run it. */
export function auditContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: the audit log`, () => {
    promise(
      "has each action with who did it, in which role, how and from where, newest first",
      async (store, { reopen }) => {
        const run = await ended(store, { trigger: "manual", actor: ALICE.actor, by: ALICE }, FAILURE);
        await store.rerun(run, NOW + 1, { ...ALICE, from: "failure", bulk: "b1" });
        await store.cancel(run, { ...ALICE, at: NOW + 2 }, () => false);
        await store.pause("*", { ...ALICE, at: NOW + 3 });
        await store.pause("*", { ...ALICE, at: NOW + 4 });
        await store.resume("*", { ...ALICE, at: NOW + 5 });
        await store.audit.add([REJECTED]);
        const records = await recordsOf((await reopen?.()) ?? store);
        const done = { ...ALICE, outcome: "done", times: 1 };
        const expected = [
          REJECTED,
          { ...done, at: NOW + 5, action: "resumed", workflow: "*" },
          { ...done, at: NOW + 3, action: "paused", workflow: "*" },
          { ...done, at: NOW + 2, action: "cancelled", run, workflow: "deploy" },
          { ...done, at: NOW + 1, action: "re-run", run, workflow: "deploy", bulk: "b1", details: "from the failure" },
          { ...done, at: NOW, action: "started", run, workflow: "deploy" },
        ];
        assert.deepEqual(
          records.map(({ link: _, ...record }) => record),
          expected,
        );
        assert.deepEqual(
          records.map(({ link }) => link?.number),
          [6, 5, 4, 3, 2, 1],
        );
      },
    );

    promise("has no runs that events start, and no actions that did not happen", async (store) => {
      const run = await ended(store, { trigger: "http", actor: "token argocd", by: ALICE });
      await store.accept(event({ trigger: "schedule", actor: "schedule" }), lease());
      await store.cancel(run, { ...ALICE, at: NOW }, () => false);
      await store.resume("deploy", { ...ALICE, at: NOW });
      assert.deepEqual(await recordsOf(store), []);
    });

    promise("keeps what was rejected out of the history of the run that it was about", async (store) => {
      const run = await ended(store, { trigger: "manual", actor: ALICE.actor });
      await store.audit.add([{ ...REJECTED, run }]);
      assert.deepEqual(
        (await store.get(run))?.actions?.map(({ action }) => action),
        ["started"],
      );
      assert.equal((await recordsOf(store, { run })).length, 2);
    });

    promise("is filtered, and read in pages either way", async (store) => {
      await store.pause("deploy", { ...ALICE, at: NOW });
      await store.pause("other", { actor: "user bob@acme.com", at: NOW + 10 });
      await store.audit.add([REJECTED, { ...REJECTED, bulk: "b", at: NOW + 20 }]);
      const found = async (filter: AuditFilter) => (await recordsOf(store, filter)).length;
      const filters: readonly AuditFilter[] = [
        ...[{ actor: "alice" }, { actor: "bob@" }, { actor: "carol" }, { action: "paused" } as const],
        ...[{ outcome: "rejected" } as const, { workflow: "deploy" }, { address: "10.0.0.7" }, { bulk: "b" }],
        ...[{ since: NOW + 10 }, { until: NOW + 10 }, { since: NOW + 10, until: NOW + 20 }],
      ];
      assert.deepEqual(await Promise.all(filters.map(found)), [1, 1, 0, 2, 2, 1, 1, 1, 2, 2, 1]);
      const first = await store.audit.list({}, { limit: 3 });
      const rest = await store.audit.list({}, { limit: 3, cursor: first.next });
      assert.deepEqual([first.records.length, rest.records.length, rest.next], [3, 1, undefined]);
      const oldest = await store.audit.list({}, { limit: 3, newer: true });
      assert.deepEqual(
        oldest.records.map(({ at }) => at),
        [NOW, NOW + 10, NOW],
      );
      const later = await store.audit.list({}, { limit: 3, newer: true, cursor: oldest.next });
      assert.equal(later.records.length, 1);
      const none = await store.audit.list({}, { limit: 3, newer: true, cursor: later.next });
      assert.deepEqual(none, { records: [], next: later.next });
    });

    promise("reports an added record once it is stored, with the same seal as when it is read", async (store) => {
      const told: AuditRecord[] = [];
      const stop = store.audit.hear((record) => void told.push(record));
      await store.pause("deploy", { ...ALICE, at: NOW });
      await store.audit.add([{ ...REJECTED, details: "a\0b" }]);
      stop();
      await store.resume("deploy", { ...ALICE, at: NOW });
      assert.deepEqual(told, (await recordsOf(store)).slice(1).toReversed());
    });

    promise("is a chain without a gap, even if many add to it at the same time", async (store) => {
      await Promise.all(
        Array.from({ length: 30 }, (_, at) =>
          at % 3 === 0 ? store.audit.add([REJECTED, REJECTED]) : store.pause(`w${at}`, { ...ALICE, at: NOW + at }),
        ),
      );
      const { problems, checked, head, notSealed } = await store.audit.verify();
      assert.deepEqual([problems, checked, head.number, notSealed.count], [[], 40, 40, 0]);
    });

    promise("is kept for the time of runs, and intact after its oldest records are deleted", async (store) => {
      for (let at = 0; at < 10; at++) await store.audit.add([{ ...REJECTED, at: NOW + at }]);
      await store.forget(NOW + 4, 3);
      assert.equal((await recordsOf(store)).length, 7, "some at a time");
      await store.forget(NOW + 4, 3);
      const kept = await recordsOf(store);
      assert.deepEqual(
        kept.map(({ at }) => at - NOW),
        [9, 8, 7, 6, 5, 4],
      );
      const { anchor, problems, checked } = await store.audit.verify();
      assert.deepEqual([anchor.number, problems, checked], [4, [], 6]);
      await store.forget(NOW + 100, 100);
      await store.audit.add([REJECTED]);
      assert.deepEqual((await store.audit.verify()).problems, []);
    });

    promise(
      "keeps a record after a clock was set back: the chain is deleted only from its beginning",
      async (store) => {
        await store.audit.add([{ ...REJECTED, at: NOW + 10 }, REJECTED]);
        await store.forget(NOW + 5, 100);
        assert.deepEqual(actionsIn(await recordsOf(store)), ["request", "request"]);
        assert.deepEqual((await store.audit.verify()).problems, []);
      },
    );
  });
}
