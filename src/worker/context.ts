import type { Clock } from "../model/clock.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { GitHub } from "../model/github.ts";
import type { Lease } from "../model/lease.ts";
import type { Fetch } from "../model/network.ts";
import type { Observer } from "../model/observer.ts";
import type { Json, Step } from "../model/run.ts";
import type { Claim, RunStore } from "../model/store.ts";
import { type Context, givenOf, type Workflow } from "../model/workflow.ts";
import type { Attempting } from "./attempting.ts";
import { type Keeping, keptJson, keptReason } from "./kept.ts";
import type { AttemptLog } from "./run-log.ts";
import type { StoreHealth } from "./store-health.ts";
import { waitFor } from "./wait-for.ts";

/** What log records of an attempt say about it. */
export type Facts = Readonly<Record<string, unknown>>;

export type ContextParts = {
  readonly store: Pick<RunStore, "saveStep" | "findSuccess">;
  /** The values of the environment variables that a workflow declares. */
  readonly envOf: (workflow: Workflow) => Readonly<Record<string, string>>;
  readonly keeping: Keeping;
  readonly runLog: Pick<AttemptLog, "log" | "failed">;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  /** Writes until the store takes it. */
  readonly insist: StoreHealth["insist"];
  /** For `waitFor`. */
  readonly fetch: Fetch;
  readonly github: GitHub;
  /** The token that the run came with. */
  readonly own: readonly string[];
  readonly attempting: Attempting;
  readonly lease: Pick<Lease, "holds">;
  /** Told the key by which the run is known to have been done before. */
  readonly isRepeatOf: (key: string) => void;
};

/** What `run` is given in this attempt. Once the attempt is over, none of it has any effect. */
export function contextOf(workflow: Workflow, claim: Claim, parts: ContextParts): Context {
  const { store, clock, keeping, own, attempting, fetch } = parts;
  const { run, attempt } = claim;
  const { calls } = attempting;
  const doStep = stepsOf(claim, parts);
  return {
    ...givenOf(workflow, run),
    github: until(attempting, parts.github, keeping),
    runId: run.id,
    attempt,
    get signal() {
      return attempting.signal;
    },
    env: parts.envOf(workflow),
    get log() {
      return parts.runLog.log;
    },
    step<Result>(given: string, work: () => Promise<Result> | Result): Promise<Result> {
      const name = keeping.withoutTokens(given, own);
      return calls.follow(`step ${keeping.brief(name, MAX_SHOWN)}`, doStep(name, work));
    },
    waitFor: (url, options) => calls.follow("waitFor", waitFor(url, options, { clock, attempting, fetch })),
    repeatOf: (key, seconds) => calls.follow("repeatOf", repeatOf(key, seconds)),
  };

  async function repeatOf(key: string, seconds: number): Promise<string | undefined> {
    // Without its token a key would be that of others, too.
    if (keeping.withoutTokens(key, own) !== key) return undefined;
    parts.isRepeatOf(key);
    return store.findSuccess(run.workflow, key, clock.now() - seconds * 1000);
  }
}

/** Enough of a call to find it by. */
const MAX_SHOWN = 100;

/** GitHub until the attempt is over. */
function until(attempting: Attempting, github: GitHub, { brief }: Keeping): GitHub {
  const methods = Object.entries(github as Record<string, (...given: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      (...given: unknown[]) => {
        const call = async () => {
          attempting.begin(`github.${name}`);
          return method(...given);
        };
        const about = typeof given[0] === "string" ? ` ${brief(given[0], MAX_SHOWN)}` : "";
        return attempting.calls.follow(`github.${name}${about}`, call());
      },
    ]),
  ) as GitHub;
}

/** Does the steps of an attempt, but for those that an earlier one has done. */
function stepsOf(
  claim: Claim,
  { store, clock, keeping, own, insist, attempting, observe, lease, runLog }: ContextParts,
): <Result>(name: string, work: () => Promise<Result> | Result) => Promise<Result> {
  const { attempt } = claim;
  const done = new Map<string, Step>(claim.steps.map((step) => [step.name, step]));
  const names = new Set<string>();

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
    requireShort(name, keeping);
    attempting.begin(`the step ${name}`);
    const earlier = done.get(name);
    if (earlier) return earlier.result as Result;
    requireNew(names, name);
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
      const result = keeping.withoutTokens(asJson(returned, name), own);
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

/** Two steps of one name: the second would get the result of the first, in later attempts only. */
function requireNew(names: Set<string>, name: string): void {
  if (names.has(name)) {
    throw new PermanentFailure({
      tried: `beginning the step ${name}`,
      happened: "this attempt has had a step of that name",
      remedy: "Give each step another name; in a loop, put what differs into the name.",
    });
  }
  names.add(name);
}

/** An index of PostgreSQL takes 2,704 bytes at most. */
const MAX_NAME_CHARACTERS = 200;

function requireShort(name: string, { brief }: Keeping): void {
  if (name.length <= MAX_NAME_CHARACTERS) return;
  throw new PermanentFailure({
    tried: `beginning the step ${brief(name, MAX_NAME_CHARACTERS / 2)}`,
    happened: `its name has ${name.length} characters, at most ${MAX_NAME_CHARACTERS} are kept`,
    remedy: "Name the step after what it is about, and keep what is long in its result.",
  });
}

/** As much as GitHub Actions takes for an output, in characters of JSON. */
const MAX_RESULT_CHARACTERS = 1_000_000;

/** As the history keeps it, so that the first attempt gets what later ones would. */
function asJson(result: unknown, name: string): Json | undefined {
  if (result === undefined) return undefined;
  try {
    return keptJson(result, MAX_RESULT_CHARACTERS);
  } catch (cause) {
    throw new PermanentFailure({
      tried: `keeping the result of the step ${name}`,
      happened: `it cannot be kept as JSON: ${(cause as Error).message}`,
      remedy: "Return only what later steps need of it.",
      cause,
    });
  }
}
