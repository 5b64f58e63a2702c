import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

type FailedCall = { readonly what: string; readonly error: unknown };

/** @param pending calls that have not settled, each with the promise that the workflow got. */
type Scope = { readonly pending: Map<Promise<unknown>, Promise<unknown>>; readonly attempt: unknown; closed: boolean };

/** The result of a call that waits longer than its attempt lasts. */
export class Suspended<Wait> {
  readonly wait: Wait;

  constructor(wait: Wait) {
    this.wait = wait;
  }
}

const names = new WeakMap<Promise<unknown>, string>();

/** The name of the call that returned this promise to a workflow. Undefined for any other promise. */
export function callOf(promise: Promise<unknown>): string | undefined {
  return names.get(promise);
}

/** The step to which the current code belongs. */
const steps = new AsyncLocalStorage<Scope>();

const NONE: readonly FailedCall[] = [];

/** A workflow's calls that have not settled yet: its requests, steps and waits. The attempt waits for all of them. */
export class Calls<Wait> {
  readonly #attempt: Scope = { pending: new Map(), attempt: undefined, closed: false };
  readonly #left: (calls: readonly string[]) => void;
  readonly #suspended: (waits: readonly Wait[]) => void;
  #waits: Wait[] | undefined;
  /** Called when no call is in progress. */
  #emptied: (() => void) | undefined;
  /** The workflow has returned, so only the calls in progress remain. */
  #ending = false;

  /**
   * @param left gets the calls that should have settled but did not, if there are any.
   * @param suspended gets the workflow's waits once nothing else is in progress.
   */
  constructor(left: (calls: readonly string[]) => void, suspended: (waits: readonly Wait[]) => void) {
    this.#left = left;
    this.#suspended = suspended;
  }

  /** Follows a call until it settles, as part of the current step. Returns the promise for the workflow. */
  follow<T>(what: string, call: Promise<T>): Promise<T> {
    // This is a second promise, so that Node still reports a rejection that the workflow does not handle.
    return this.#followAs(what, call, (followed) => followed);
  }

  /** Follows a wait. If it results in `Suspended`, the workflow's promise never settles. */
  wait<T>(what: string, call: Promise<T | Suspended<Wait>>): Promise<T> {
    return this.#followAs(what, call, async (followed) => {
      const result = await followed;
      if (!(result instanceof Suspended)) return result;
      void this.#suspend(result.wait);
      return new Promise<never>(() => {});
    });
  }

  /** Whether the current code runs in a step. */
  inStep(): boolean {
    return this.#currentScope() !== this.#attempt;
  }

  /** Waits for the calls that have not settled, and for calls that follow from them. Resolves with the failed calls. */
  rest(tell = this.#left): Promise<readonly FailedCall[]> {
    this.#ending = true;
    return this.#restOf(this.#attempt, tell);
  }

  /** Runs a step, and waits for its calls. Fails with the error of the work, or of the first failed call. */
  async within<T>(work: () => Promise<T> | T): Promise<T> {
    const step: Scope = { pending: new Map(), attempt: this.#attempt, closed: false };
    let failed = NONE;
    const result = await until(
      steps.run(step, async () => work()),
      async () => {
        failed = await this.#restOf(step);
      },
    );
    if (failed[0]) throw failed[0].error;
    return result;
  }

  async #restOf(scope: Scope, tell = this.#left): Promise<readonly FailedCall[]> {
    const { pending } = scope;
    if (pending.size === 0) {
      scope.closed = true;
      return NONE;
    }
    const failed: FailedCall[] = [];
    const whatOf = (given: Promise<unknown>) => callOf(given) ?? "";
    tell([...pending.values()].map(whatOf));
    while (pending.size > 0) {
      const noteFailed = ([call, given]: [Promise<unknown>, Promise<unknown>]) => {
        given.catch(() => {});
        return call.catch((error) => void failed.push({ what: whatOf(given), error }));
      };
      await Promise.all([...pending].map(noteFailed));
      // The workflow may use a result to make another call.
      await nextTurn();
    }
    scope.closed = true;
    return failed;
  }

  #currentScope(): Scope {
    const step = steps.getStore();
    return step?.attempt === this.#attempt && !step.closed ? step : this.#attempt;
  }

  /** Follows a call. `give` creates the promise for the workflow. */
  #followAs<T, Given>(what: string, call: Promise<T>, give: (call: Promise<T>) => Promise<Given>): Promise<Given> {
    const { pending } = this.#currentScope();
    const followed: typeof call = until(call, () => {
      pending.delete(followed);
      if (this.#attempt.pending.size === 0) this.#emptied?.();
    });
    const given = give(followed);
    names.set(given, what);
    pending.set(followed, given);
    return given;
  }

  async #suspend(wait: Wait): Promise<void> {
    this.#waits ??= [];
    const waits = this.#waits;
    if (waits.push(wait) > 1) return;
    const { pending } = this.#attempt;
    do {
      // Do not wait on the calls' promises: that would count as handling their rejections.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#emptied = resolve;
      if (pending.size > 0) await promise;
      // The workflow may continue with a result.
      await nextTurn();
    } while (pending.size > 0 && !this.#ending);
    if (!this.#ending) this.#suspended(waits);
  }
}

/** Like `finally`, but it stays visible in the stack of an error. */
async function until<T>(call: Promise<T>, after: () => unknown): Promise<T> {
  try {
    return await call;
  } finally {
    await after();
  }
}
