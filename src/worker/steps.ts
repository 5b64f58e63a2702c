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

/** What steps and waits need. */
export type StepParts = {
  readonly store: Pick<RunStore, "saveStep">;
  readonly keeping: Keeping;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  /** Writes until the store accepts it. */
  readonly insist: StoreHealth["insist"];
  /** Secrets of this run alone: the token of its request, and the secrets of its callbacks. */
  readonly runSecrets: readonly string[];
  readonly attempting: Attempting;
  readonly lease: Pick<Lease, "holds">;
  readonly names: Names;
  readonly runLog: Pick<AttemptLog, "log" | "failed">;
};

/** Runs the steps of an attempt, except those that an earlier attempt finished. */
export function stepsOf(
  claim: Claim,
  { store, clock, keeping, runSecrets, insist, attempting, observe, lease, names, runLog }: StepParts,
): <Result>(name: string, work: () => Promise<Result> | Result) => Promise<Result> {
  const { attempt } = claim;

  /** Stores that a step has begun, if the step takes a while. If that fails, the step is only not visible yet. */
  function beginningOf(step: Step): { noted(): Promise<void> } {
    let writing = Promise.resolve();
    const cancel = clock.alarm(step.startedAt + SHOWN_AFTER_MS, () => {
      if (!attempting.over) writing = store.saveStep(claim, step).catch(() => {});
    });
    return {
      // The step's end must be written after its beginning.
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
    // This is the only check for requests that the step sends to hosts other than GitHub.
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
      const result = keeping.withoutTokens(keptResult(returned, `the step ${name}`), runSecrets);
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

/** Quick steps need no second write. */
const SHOWN_AFTER_MS = 100;
