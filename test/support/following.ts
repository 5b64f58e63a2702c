import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Context, Json, Workflow } from "../../src/index.ts";
import type { RunStore } from "../../src/model/store.ts";
import { movedClock, until } from "./clock.ts";
import { counted } from "./counted.ts";
import { scriptedActions } from "./scripted-actions.ts";
import type { OpenStore } from "./stores.ts";
import { workerWith } from "./worker.ts";

export type Given = Context<{ readonly body: Json }>;

export const RUN = "00000000-0000-4000-8000-000000000001";

/** Work that is due and has not begun after this time will not begin, ms. */
const LEFT_MS = 150;

/** A run of a workflow that starts and follows Actions runs. */
export async function followingRun(
  t: TestContext,
  open: OpenStore,
  run: (context: Given) => Promise<unknown>,
  { options = {}, losesLease = false }: { options?: Partial<Workflow>; losesLease?: boolean } = {},
) {
  const clock = movedClock();
  const { store: whole, pass } = await open(t, clock);
  // During the first attempt the process seems dead: its claim ends.
  const extend: RunStore["extend"] = async (claims, leaseMs) =>
    whole.extend(
      claims.filter(({ attempt }) => attempt > 1),
      leaseMs,
    );
  const { store, isBusy } = counted(losesLease ? { ...whole, extend } : whole);
  const { world, actions } = scriptedActions(clock);
  const github = () => ({
    github: { dispatch: async () => {} } as never,
    actions,
    octokitNames: {} as never,
    release() {},
  });
  const parts = workerWith(t, run, { clock, store, options, needs: { github } });
  const detail = async () => (await store.get(RUN)) ?? assert.fail("there is no run");
  const is = (status: string, attempts?: number) =>
    until(`the run is ${status}`, async () => {
      const { run } = await detail();
      return run.status === status && (attempts === undefined || run.attempts === attempts);
    });
  /** Resolves when nothing more happens without the clock: pending work waits for it, or hangs. */
  async function rests(): Promise<void> {
    const end = performance.now() + LEFT_MS;
    for (;;) {
      for (let calm = 0; calm < 5; calm = isBusy() ? 0 : calm + 1) await nextTurn();
      const due = (await store.nextDue()) ?? Number.POSITIVE_INFINITY;
      const { status, endedAt } = (await detail()).run;
      if (endedAt !== undefined || status === "running" || due > clock.now()) return;
      if (performance.now() > end) return;
    }
  }

  return {
    ...parts,
    world,
    detail,
    is,
    begin: async (token?: string) => (await parts.accept({}, RUN, token)).outcome,
    /** Lets time pass, and waits until the run has had this many attempts and this status. */
    async pass(milliseconds: number, status: string, attempts?: number) {
      await pass(milliseconds);
      parts.worker.look();
      await is(status, attempts);
    },
    /** Lets time pass in small steps until the run has ended. Each attempt that is due runs. */
    async elapse(milliseconds: number, everyMs = 5000) {
      const end = clock.now() + milliseconds;
      while (clock.now() < end && (await detail()).run.endedAt === undefined) {
        await pass(everyMs);
        parts.worker.look();
        await rests();
      }
    },
    /** An event wakes it. */
    async wake(key: string, status: string, attempts?: number) {
      assert.equal(await store.wake([key]), 1);
      parts.worker.look();
      await is(status, attempts);
    },
    async rerun(status: string) {
      assert.equal((await parts.worker.rerun(RUN, { from: "failure" })).status, "queued");
      await is(status);
    },
    stepNames: async () => (await detail()).steps.map(({ name, kind }) => `${kind} ${name}`).sort(),
    resultOf: async (name: string) => (await detail()).steps.findLast((step) => step.name === name)?.result,
  };
}
