import type { Claim, ClaimedWait } from "../model/claim.ts";
import { type Failure, PermanentFailure } from "../model/failure.ts";
import type { BegunWait, Json, Step, WaitKind } from "../model/run.ts";
import { Suspended } from "./calls.ts";
import { keptReason, keptResult } from "./kept.ts";
import type { StepParts } from "./steps.ts";
import type { SuspendedWait } from "./waiting-for.ts";

/** What to wait for, and how long. */
export type Terms = {
  /** See `SuspendedWait`. */
  readonly words: string;
  readonly until: BegunWait["until"];
  readonly againInMs?: number;
  readonly wakeKeys?: readonly string[];
  /** The error for the workflow when the time is over, or when a look `fails`. `why` is what the look found. */
  readonly late: (why?: Json) => Failure;
};

/** Checks a wait. It may have a result, a failure with its facts, be `late`, or continue (undefined). */
export type Look = (
  underWay: ClaimedWait | undefined,
) => Promise<{ readonly result: unknown } | { readonly fails: Json } | "late" | undefined>;

type Waiting = {
  readonly terms: () => Terms;
  readonly look: Look;
  /** The call as the workflow's author writes it. */
  readonly what?: string;
  /** Whether a result from before a re-run is checked again: the outside world may have changed. */
  readonly looksAgain?: (ended: Step) => boolean;
};

/** The result of a call that waits, in this attempt. */
export type Attended<Result> = Result | Suspended<SuspendedWait>;

/** Ends the waits of an attempt, or ends the attempt to wait. */
export type Suspending = ReturnType<typeof openSuspending>;

export function openSuspending(
  claim: Claim,
  { store, clock, keeping, runSecrets, insist, attempting, names }: StepParts,
) {
  const { calls } = attempting;
  /** Waits whose time was over, by the error that they threw. */
  const timedOut = new Map<unknown, Step>();

  /** Whether a later attempt could continue a wait that starts here. */
  const canWait = () => !claim.run.ownToken && !claim.handler && !calls.inStep();

  async function keep(step: Step): Promise<Step> {
    await insist(() => store.saveStep(claim, step));
    return step;
  }

  function noted(failure: Failure, step: Step): Failure {
    timedOut.set(failure, step);
    return failure;
  }

  function earlier(kind: WaitKind, name: string, looksAgain: Waiting["looksAgain"]) {
    const before = names.earlier(kind, name);
    const isOld = before && "endedAt" in before && before.attempt < (claim.firstAttempt ?? 1);
    return isOld && looksAgain?.(before) ? undefined : before;
  }

  async function lookAt(kind: WaitKind, name: string, { terms: termsOf, look, looksAgain }: Waiting) {
    const before = earlier(kind, name, looksAgain);
    const terms = termsOf();
    if (before && "endedAt" in before) {
      if (before.error === undefined) return before.result;
      throw noted(terms.late(before.result ?? undefined), before);
    }
    const { attempt, startedAt } = before ?? { attempt: claim.attempt, startedAt: clock.now() };
    const begun = { name, kind, attempt, startedAt } as const;
    const since = clock.monotonic();
    const found = await look(before);
    if (typeof found === "object" && "result" in found) {
      const result = keeping.withoutTokens(keptResult(found.result, `the wait ${name}`), runSecrets);
      await keep({ ...begun, endedAt: clock.now(), result, error: undefined });
      return result;
    }
    if (found !== undefined || before?.isOver) {
      const why = typeof found === "object" ? keeping.withoutTokens(found.fails, runSecrets) : undefined;
      const failure = terms.late(why);
      const error = keptReason(failure.message, keeping);
      // A wait that failed but has a result, even null, stays ended. So if the workflow handles the failure and
      // continues, later attempts do not wait again. If the failure ends the attempt, `failedBy` removes a null result.
      throw noted(failure, await keep({ ...begun, endedAt: clock.now(), result: why ?? null, error }));
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
    calls.wait(what, begun() as Promise<Attended<Result>>);

  async function attend<Result>(kind: WaitKind, name: string, waiting: Waiting): Promise<Attended<Result>> {
    requireWaitable(kind, name);
    names.begin(kind, name);
    return (await lookAt(kind, name, waiting)) as Attended<Result>;
  }

  const called = (kind: WaitKind, name: string) => `${kind} ${keeping.brief(name, MAX_SHOWN)}`;

  return {
    canWait,
    /** Waits until the wait is over. The attempt ends when nothing else is in progress. */
    wait: <Result>(kind: WaitKind, name: string, waiting: Waiting): Promise<Result> =>
      follow(waiting.what ?? called(kind, name), () => attend(kind, name, waiting)),
    /** A call that contains waits. If one of them suspends, so does the call. */
    call: follow,
    /** One wait of such a call. */
    attend,
    /** A wait in two parts: `open` runs immediately, and its value has a `result` to wait for. */
    opened<Opened, Result>(
      kind: WaitKind,
      name: string,
      open: () => Promise<Opened>,
      waiting: Waiting,
    ): Promise<Opened & { result(): Promise<Result> }> {
      const what = waiting.what ?? called(kind, name);
      let result: Promise<Result> | undefined;
      return follow(what, async () => {
        requireWaitable(kind, name);
        names.begin(kind, name);
        const waits = async () => {
          requireWaitable(kind, name);
          return lookAt(kind, name, waiting);
        };
        return { ...(await open()), result: () => (result ??= follow(what, waits)) };
      });
    },
    /**
     * Gets the error that failed the attempt. If it came from a wait whose time was over, the next attempt waits again.
     */
    async failedBy(error: unknown): Promise<void> {
      const step = timedOut.get(error);
      // A wait that failed with facts keeps them for the run's page. A re-run looks again.
      if (step?.result === null) await keep({ ...step, result: undefined });
    },
  };
}

/** Enough to recognise a name. */
const MAX_SHOWN = 100;

const OWN_TOKEN = [
  "the run uses the GitHub token of its request, which is not stored, so a later attempt would not have it",
  "Send the event without a token to use the service's token, or do not wait in such a run.",
] as const;
const IN_CANCELLED = ["`cancelled` has two minutes and only one attempt", "Clean up without waiting."] as const;
const IN_STEP = [
  "it is inside a step or another wait's check, and those end with their attempt",
  "Wait before or after it, or in parallel with Promise.all.",
] as const;
