import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

type FailedCall = { readonly what: string; readonly error: unknown };

/** @param pending calls that have not settled, each with the promise that the workflow was given for it. */
type Scope = { readonly pending: Map<Promise<unknown>, Promise<unknown>>; readonly attempt: unknown; closed: boolean };

/** What a call comes to that waits for longer than the attempt lasts. */
export class Suspended<Wait> {
  readonly wait: Wait;

  constructor(wait: Wait) {
    this.wait = wait;
  }
}

const names = new WeakMap<Promise<unknown>, string>();

/** The call that a workflow was given this promise for; undefined for any other promise. */
export function callOf(promise: Promise<unknown>): string | undefined {
  return names.get(promise);
}

/** The step in which the present code runs. */
const steps = new AsyncLocalStorage<Scope>();

const NONE: readonly FailedCall[] = [];

/** What a workflow has called that has not settled yet: its requests, steps and waits. None of it is left behind. */
export class Calls<Wait> {
  readonly #attempt: Scope = { pending: new Map(), attempt: undefined, closed: false };
  readonly #left: (calls: readonly string[]) => void;
  readonly #suspended: (waits: readonly Wait[]) => void;
  #waits: Wait[] | undefined;
  /** Called when nothing is under way any more. */
  #emptied: (() => void) | undefined;
  /** The workflow has returned: nothing is waited for but what is under way. */
  #ending = false;

  /**
   * @param left gets the calls that have not settled when they should have, if there are any.
   * @param suspended gets the waits for which the workflow waits, once nothing else is under way.
   */
  constructor(left: (calls: readonly string[]) => void, suspended: (waits: readonly Wait[]) => void) {
    this.#left = left;
    this.#suspended = suspended;
  }

  /** Follows a call until it settles, as one of the step in which it is made. The promise to hand to the workflow. */
  follow<T>(what: string, call: Promise<T>): Promise<T> {
    // Another promise than the workflow's: a rejection that the workflow does not handle is still noticed.
    return this.#followAs(what, call, (followed) => followed);
  }

  /** The same for a wait. When it comes to `Suspended`, the promise for the workflow never settles. */
  wait<T>(what: string, call: Promise<T | Suspended<Wait>>): Promise<T> {
    return this.#followAs(what, call, async (followed) => {
      const result = await followed;
      if (!(result instanceof Suspended)) return result;
      void this.#suspend(result.wait);
      return new Promise<never>(() => {});
    });
  }

  /** Whether the present code runs in a step. */
  inStep(): boolean {
    return this.#currentScope() !== this.#attempt;
  }

  /** Waits for the calls that have not settled, and for those that follow on them; resolves with those that failed. */
  rest(tell = this.#left): Promise<readonly FailedCall[]> {
    this.#ending = true;
    return this.#restOf(this.#attempt, tell);
  }

  /** Does the work of a step, and waits for what it has called. Fails as the work does, or as the first call that failed. */
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
      // What the workflow does with a result may be another call.
      await nextTurn();
    }
    scope.closed = true;
    return failed;
  }

  #currentScope(): Scope {
    const step = steps.getStore();
    return step?.attempt === this.#attempt && !step.closed ? step : this.#attempt;
  }

  /** Follows a call; `give` makes of it the promise for the workflow. */
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
      // Not by the calls' own promises: a rejection that nobody handles would be no more than that.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#emptied = resolve;
      if (pending.size > 0) await promise;
      // The workflow may do more with a result.
      await nextTurn();
    } while (pending.size > 0 && !this.#ending);
    if (!this.#ending) this.#suspended(waits);
  }
}

/** As `finally`, which the stack of an error would not lead through. */
async function until<T>(call: Promise<T>, after: () => unknown): Promise<T> {
  try {
    return await call;
  } finally {
    await after();
  }
}
