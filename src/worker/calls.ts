import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

type FailedCall = { readonly what: string; readonly error: unknown };

type Scope = { readonly pending: Set<Promise<unknown>>; readonly attempt: unknown; closed: boolean };

const names = new WeakMap<Promise<unknown>, string>();

/** The call that a workflow was given this promise for; undefined for any other promise. */
export function callOf(promise: Promise<unknown>): string | undefined {
  return names.get(promise);
}

/** The step in which the present code runs. */
const steps = new AsyncLocalStorage<Scope>();

/** What a workflow has called that has not settled yet: its requests, steps and waits. None of it is left behind. */
export type Calls = ReturnType<typeof openCalls>;

/** @param left gets the calls that have not settled when they should have, if there are any. */
export function openCalls(left: (calls: readonly string[]) => void) {
  const attempt: Scope = { pending: new Set(), attempt: undefined, closed: false };

  async function restOf(scope: Scope, tell = left): Promise<readonly FailedCall[]> {
    const { pending } = scope;
    const failed: FailedCall[] = [];
    const whatOf = (call: Promise<unknown>) => callOf(call) ?? "";
    if (pending.size > 0) tell([...pending].map(whatOf));
    while (pending.size > 0) {
      const noteFailed = (call: Promise<unknown>) =>
        call.catch((error) => void failed.push({ what: whatOf(call), error }));
      await Promise.all([...pending].map(noteFailed));
      // What the workflow does with a result may be another call.
      await nextTurn();
    }
    scope.closed = true;
    return failed;
  }

  return {
    /** Follows a call until it settles, as one of the step in which it is made. The promise to hand to the workflow. */
    follow<T>(what: string, call: Promise<T>): Promise<T> {
      const step = steps.getStore();
      const { pending } = step?.attempt === attempt && !step.closed ? step : attempt;
      // Another promise than the workflow's: a rejection that the workflow does not handle is still noticed.
      const followed: typeof call = until(call, () => pending.delete(followed));
      names.set(followed, what);
      pending.add(followed);
      return followed;
    },
    /** Waits for the calls that have not settled, and for those that follow on them; resolves with those that failed. */
    rest: (tell = left) => restOf(attempt, tell),
    /** Does the work of a step, and waits for what it has called. Fails as the work does, or as the first call that failed. */
    async within<T>(work: () => Promise<T> | T): Promise<T> {
      const step: Scope = { pending: new Set(), attempt, closed: false };
      let failed: readonly FailedCall[] = [];
      const result = await until(
        steps.run(step, async () => work()),
        async () => {
          failed = await restOf(step);
        },
      );
      if (failed[0]) throw failed[0].error;
      return result;
    },
  };
}

/** As `finally`, which the stack of an error would not lead through. */
async function until<T>(call: Promise<T>, after: () => unknown): Promise<T> {
  try {
    return await call;
  } finally {
    await after();
  }
}
