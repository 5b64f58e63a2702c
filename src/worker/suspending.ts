import type { Claim, ClaimedWait } from "../model/claim.ts";
import { type Failure, PermanentFailure } from "../model/failure.ts";
import type { BegunWait, Step, WaitKind } from "../model/run.ts";
import { Suspended } from "./calls.ts";
import { keptReason, keptResult } from "./kept.ts";
import type { StepParts } from "./steps.ts";
import type { SuspendedWait } from "./waiting-for.ts";

/** What is waited for, and how long. */
export type Terms = {
  /** See `SuspendedWait`. */
  readonly words: string;
  readonly until: BegunWait["until"];
  readonly againInMs?: number;
  readonly wakeKeys?: readonly string[];
  /** What the workflow is thrown when the time is over. */
  readonly late: () => Failure;
};

/** Looks whether a wait is over: with a result, because it is `late`, or not yet. */
export type Look = (underWay: ClaimedWait | undefined) => Promise<{ readonly result: unknown } | "late" | undefined>;

type Waiting = {
  readonly terms: () => Terms;
  readonly look: Look;
  /** The call, as the workflow's author knows it. */
  readonly what?: string;
};

/** How the waits of an attempt end, or end the attempt. */
export type Suspending = ReturnType<typeof openSuspending>;

export function openSuspending(claim: Claim, { store, clock, keeping, own, insist, attempting, names }: StepParts) {
  const { calls } = attempting;
  /** The waits whose time was over, by what they have thrown. */
  const timedOut = new Map<unknown, Step>();

  /** Whether a later attempt could continue what begins here. */
  const canWait = () => !claim.run.ownToken && !claim.handler && !calls.inStep();

  async function keep(step: Step): Promise<Step> {
    await insist(() => store.saveStep(claim, step));
    return step;
  }

  function noted(failure: Failure, step: Step): Failure {
    timedOut.set(failure, step);
    return failure;
  }

  async function lookAt(kind: WaitKind, name: string, terms: Terms, look: Look) {
    const before = names.earlier(kind, name);
    if (before && "endedAt" in before) {
      if (before.error === undefined) return before.result;
      throw noted(terms.late(), before);
    }
    const { attempt, startedAt } = before ?? { attempt: claim.attempt, startedAt: clock.now() };
    const begun = { name, kind, attempt, startedAt } as const;
    const since = clock.monotonic();
    const found = await look(before);
    if (typeof found === "object") {
      const result = keeping.withoutTokens(keptResult(found.result, `the wait ${name}`), own);
      await keep({ ...begun, endedAt: clock.now(), result, error: undefined });
      return result;
    }
    if (found === "late" || before?.isOver) {
      const failure = terms.late();
      const error = keptReason(failure.message, keeping);
      // With a result it stands: a workflow that continues after the failure does not wait again in a later attempt.
      throw noted(failure, await keep({ ...begun, endedAt: clock.now(), result: null, error }));
    }
    attempting.begin(`the wait ${name}`);
    const { until: end, againInMs, wakeKeys = [], words } = terms;
    const until = "at" in end ? end : { inMs: Math.max(0, end.inMs - (clock.monotonic() - since)) };
    const again = againInMs === undefined ? {} : { againInMs };
    return new Suspended<SuspendedWait>({ wait: { ...begun, until, ...again }, wakeKeys, words });
  }

  function requireWaitable(kind: WaitKind, name: string): void {
    names.requireShort(kind, name);
    attempting.begin(`the wait ${name}`);
    if (canWait()) return;
    const [happened, remedy] = claim.run.ownToken ? OWN_TOKEN : claim.handler ? IN_CANCELLED : IN_STEP;
    throw new PermanentFailure({ tried: `beginning the wait ${name}`, happened, remedy });
  }

  const follow = <Result>(what: string, begun: () => Promise<unknown>): Promise<Result> =>
    calls.wait(what, begun() as Promise<Result | Suspended<SuspendedWait>>);

  const called = (kind: WaitKind, name: string) => `${kind} ${keeping.brief(name, MAX_SHOWN)}`;

  return {
    canWait,
    /** Waits: settles when it is over. Until then the attempt ends when nothing else is under way. */
    wait: <Result>(
      kind: WaitKind,
      name: string,
      { terms, look, what = called(kind, name) }: Waiting,
    ): Promise<Result> =>
      follow(what, async () => {
        requireWaitable(kind, name);
        names.begin(kind, name);
        return lookAt(kind, name, terms(), look);
      }),
    /** The same in two parts: `open` is done at once, and what it leads to has a `result` to wait for. */
    opened<Opened, Result>(
      kind: WaitKind,
      name: string,
      open: () => Promise<Opened>,
      { terms, look, what = called(kind, name) }: Waiting,
    ): Promise<Opened & { result(): Promise<Result> }> {
      let result: Promise<Result> | undefined;
      return follow(what, async () => {
        requireWaitable(kind, name);
        names.begin(kind, name);
        const waiting = async () => {
          requireWaitable(kind, name);
          return lookAt(kind, name, terms(), look);
        };
        return { ...(await open()), result: () => (result ??= follow(what, waiting)) };
      });
    },
    /** Told what has failed the attempt. A wait whose time was over, and that has failed it, is waited for again next time. */
    async failedBy(error: unknown): Promise<void> {
      const step = timedOut.get(error);
      if (step) await keep({ ...step, result: undefined });
    },
  };
}

/** Enough of a name to find it by. */
const MAX_SHOWN = 100;

const OWN_TOKEN = [
  "the run brought its GitHub token, which is not stored: no later attempt would have it",
  "Send the event without a token, so that the service's is used; or do not wait in such a run.",
] as const;
const IN_CANCELLED = [
  "this is `cancelled`, which has a minute, and no second attempt",
  "Clean up without waiting.",
] as const;
const IN_STEP = [
  "it is inside of a step, or of another wait's check, which end with their attempt",
  "Wait before or after it, or beside it with Promise.all.",
] as const;
