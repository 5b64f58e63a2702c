import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores, type OpenStore } from "./support/stores.ts";
import { workerWith } from "./support/worker.ts";

const SECOND = 1000;

const postgres = postgresForTests();

/** A worker with one run in flight that does not end, so that claims are extended. */
async function busyWorker(
  t: TestContext,
  open: OpenStore,
  { github, breaking = () => false }: { github?: () => never; breaking?: (run: string) => boolean },
) {
  const clock = movedClock();
  const { store, pass } = await open(t, clock);
  const errors: unknown[][] = [];
  const begun: string[] = [];
  const breakable: RunStore = {
    ...store,
    async settle(claim, ...rest) {
      if (breaking(claim.run.id)) throw new TypeError("a bug in the service");
      return store.settle(claim, ...rest);
    },
  };
  const [endless, run] = [randomUUID(), randomUUID()];
  const { accept } = workerWith(
    t,
    async ({ runId }) => {
      begun.push(runId);
      if (runId === endless) await new Promise(() => {});
      return { done: true };
    },
    {
      clock,
      store: breakable,
      options: { timeout: "6h" },
      needs: {
        log: { debug() {}, info() {}, warn() {}, error: (...told: unknown[]) => void errors.push(told) },
        github: ({ name }) => {
          if (name === run && github) github();
          return {
            github: { dispatch: async () => {} } as never,
            actions: {} as never,
            octokitNames: {} as never,
            release() {},
          };
        },
      },
    },
  );
  await accept({}, endless);
  await until("it is at work", () => begun.includes(endless));
  return {
    store,
    run,
    accept: () => accept({}, run),
    begun: () => begun.filter((id) => id === run).length,
    errors,
    /** Lets the time of a claim pass, in steps that extend the claims in flight. */
    async leaseEnds() {
      for (let step = 0; step < 6; step++) {
        await pass(7 * SECOND);
        for (let turn = 0; turn < 50; turn++) await store.nextDue();
      }
    },
    endless: () => store.get(endless),
  };
}

for (const [name, open] of bothStores(postgres)) {
  describe(`an internal error, in ${name}`, () => {
    it("fails the run in which it happens, and reports it", async (t) => {
      const worker = await busyWorker(t, open, {
        github: () => {
          throw new TypeError("a bug in the service");
        },
      });
      const { outcome } = await worker.accept();
      await until("it has ended", async () => (await worker.store.get(worker.run))?.run.status === "failure");
      const run = await outcome;
      assert.deepEqual([run?.status, run?.http, run?.kind], ["failure", 500, "permanent"]);
      assert.match(run?.reason ?? "", /Internal error: TypeError: a bug in the service\. .*re-run it/);
      const detail = await worker.store.get(worker.run);
      assert.deepEqual(
        detail?.attempts.map(({ number, outcome, reason }) => [number, outcome, reason]),
        [[1, "failure", run?.reason]],
      );
      const [[facts, text] = []] = worker.errors as [{ run: string; err: Error }, string][];
      assert.deepEqual([worker.errors.length, facts?.run, facts?.err.message], [1, worker.run, "a bug in the service"]);
      assert.match(text ?? "", /internal error/);
    });

    it("that also prevents storing the failure lets the claim expire, and the run is retried", async (t) => {
      let left = 2;
      const worker = await busyWorker(t, open, { breaking: (id) => id === worker.run && left-- > 0 });
      await worker.accept();
      await until("both are logged", () => worker.errors.length === 2);
      assert.equal((await worker.store.get(worker.run))?.run.status, "running");
      await worker.leaseEnds();
      await until("it has ended", async () => (await worker.store.get(worker.run))?.run.status === "success");
      const detail = await worker.store.get(worker.run);
      assert.deepEqual(
        detail?.attempts.map(({ outcome }) => outcome),
        ["interrupted", "success"],
      );
      assert.equal(worker.begun(), 2);
      const endless = await worker.endless();
      assert.deepEqual([endless?.run.status, endless?.attempts], ["running", []]);
    });
  });
}
