import type { Claim, ClaimedWait } from "../model/claim.ts";
import { type Failure, PermanentFailure } from "../model/failure.ts";
import type { BegunWait, Json, Step, WaitKind } from "../model/run.ts";
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
  /** What the workflow is thrown when the time is over, or when a look has found that it `fails` and why. */
  readonly late: (why?: Json) => Failure;
};

/** Looks whether a wait is over: with a result, with a failure (and what it is made of), because it is `late`, or not yet. */
export type Look = (
  underWay: ClaimedWait | undefined,
) => Promise<{ readonly result: unknown } | { readonly fails: Json } | "late" | undefined>;

type Waiting = {
  readonly terms: () => Terms;
  readonly look: Look;
  /** The call, as the workflow's author knows it. */
  readonly what?: string;
  /** Whether what it came to before the run was re-run does not stand: what was waited for may be another since. */
  readonly looksAgain?: (ended: Step) => boolean;
};

/** What a call that waits comes to in this attempt. */
export type Attended<Result> = Result | Suspended<SuspendedWait>;

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
      const result = keeping.withoutTokens(keptResult(found.result, `the wait ${name}`), own);
      await keep({ ...begun, endedAt: clock.now(), result, error: undefined });
      return result;
    }
    if (found !== undefined || before?.isOver) {
      const why = typeof found === "object" ? keeping.withoutTokens(found.fails, own) : undefined;
      const failure = terms.late(why);
      const error = keptReason(failure.message, keeping);
      // With a result it stands: a workflow that continues after the failure does not wait again in a later attempt.
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
    /** Waits: settles when it is over. Until then the attempt ends when nothing else is under way. */
    wait: <Result>(kind: WaitKind, name: string, waiting: Waiting): Promise<Result> =>
      follow(waiting.what ?? called(kind, name), () => attend(kind, name, waiting)),
    /** A call that has waits among what it does: what they come to as suspended, it comes to. */
    call: follow,
    /** One wait of such a call. */
    attend,
    /** The same in two parts: `open` is done at once, and what it leads to has a `result` to wait for. */
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
    /** Told what has failed the attempt. A wait whose time was over, and that has failed it, is waited for again next time. */
    async failedBy(error: unknown): Promise<void> {
      const step = timedOut.get(error);
      // What it fails for is shown with the run, and is looked at again when that is re-run.
      if (step?.result === null) await keep({ ...step, result: undefined });
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
  "this is `cancelled`, which has two minutes, and no second attempt",
  "Clean up without waiting.",
] as const;
const IN_STEP = [
  "it is inside of a step, or of another wait's check, which end with their attempt",
  "Wait before or after it, or beside it with Promise.all.",
] as const;
