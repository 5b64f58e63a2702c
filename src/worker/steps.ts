import type { Claim } from "../model/claim.ts";
import type { Clock } from "../model/clock.ts";
import type { Lease } from "../model/lease.ts";
import type { Observer } from "../model/observer.ts";
import type { Step } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Attempting } from "./attempting.ts";
import { type Keeping, keptReason, keptResult } from "./kept.ts";
import type { Names } from "./names.ts";
import type { AttemptLog } from "./run-log.ts";
import type { StoreHealth } from "./store-health.ts";

/** What steps and waits are kept with. */
export type StepParts = {
  readonly store: Pick<RunStore, "saveStep">;
  readonly keeping: Keeping;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  /** Writes until the store takes it. */
  readonly insist: StoreHealth["insist"];
  /** What this run alone must not show: the token that it came with, the secrets of its callbacks. */
  readonly own: readonly string[];
  readonly attempting: Attempting;
  readonly lease: Pick<Lease, "holds">;
  readonly names: Names;
  readonly runLog: Pick<AttemptLog, "log" | "failed">;
};

/** Does the steps of an attempt, but for those that an earlier one has done. */
export function stepsOf(
  claim: Claim,
  { store, clock, keeping, own, insist, attempting, observe, lease, names, runLog }: StepParts,
): <Result>(name: string, work: () => Promise<Result> | Result) => Promise<Result> {
  const { attempt } = claim;

  /** Keeps that a step has begun, if it takes a while. A store that does not take it loses nothing but that sight. */
  function beginningOf(step: Step): { noted(): Promise<void> } {
    let writing = Promise.resolve();
    const cancel = clock.alarm(step.startedAt + SHOWN_AFTER_MS, () => {
      if (!attempting.over) writing = store.saveStep(claim, step).catch(() => {});
    });
    return {
      // Its end is never written before it.
      async noted() {
        cancel();
        await writing;
      },
    };
  }

  return async <Result>(name: string, work: () => Promise<Result> | Result): Promise<Result> => {
    names.requireShort("step", name);
    attempting.begin(`the step ${name}`);
    names.begin("step", name);
    const earlier = names.earlier("step", name);
    if (earlier && "result" in earlier) return earlier.result as Result;
    // What it sends to others than GitHub is checked here alone.
    await lease.holds();
    attempting.begin(`the step ${name}`);
    const startedAt = clock.now();
    const step = { name, kind: "step", attempt, startedAt } as const;
    const begun = beginningOf({ ...step, endedAt: undefined, result: undefined, error: undefined });
    const keep = async (end: Pick<Step, "result" | "error">) => {
      const endedAt = clock.now();
      await begun.noted();
      await insist(() => store.saveStep(claim, { ...step, endedAt, ...end }));
    };
    try {
      const returned = await observe.step(name, () => attempting.calls.within(work));
      const result = keeping.withoutTokens(keptResult(returned, `the step ${name}`), own);
      await keep({ result, error: undefined });
      return result as Result;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      runLog.failed(`step ${name}`, error);
      await keep({ result: undefined, error: keptReason(reason, keeping) });
      throw error;
    }
  };
}

/** Quick steps cost no second write. */
const SHOWN_AFTER_MS = 100;
