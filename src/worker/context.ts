import type { Clock } from "../model/clock.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { GitHub } from "../model/github.ts";
import type { Lease } from "../model/lease.ts";
import type { Fetch } from "../model/network.ts";
import type { Observer } from "../model/observer.ts";
import type { Json, Step } from "../model/run.ts";
import type { Claim, RunStore } from "../model/store.ts";
import { type Context, givenOf, type Workflow } from "../model/workflow.ts";
import type { Log } from "../observe/log.ts";
import type { Attempting } from "./confined.ts";
import { warningOfCalls } from "./execute.ts";
import { type Keeping, keptJson, keptReason } from "./kept.ts";
import { boundedLog } from "./run-log.ts";
import { refuseWhenOver } from "./stopping.ts";
import type { StoreHealth } from "./store-health.ts";
import { waitFor } from "./wait-for.ts";

/** What is noticed while an attempt goes on. */
export type Seen = {
  requestId: string | undefined;
  dedupeKey: string | undefined;
  /** Told the `x-github-request-id` of every answer. */
  readonly request: (id: string) => void;
};

export type ContextNeeds = {
  readonly store: Pick<RunStore, "saveStep" | "findSuccess">;
  readonly envOf: (workflow: Workflow) => Readonly<Record<string, string>>;
  readonly keeping: Keeping;
  /** The token that the run came with. */
  readonly own: readonly string[];
  readonly log: Log;
  /** Names the trace that the attempt belongs to, for what its workflow logs. */
  readonly traceIds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  readonly insist: StoreHealth["insist"];
  readonly seen: Seen;
  /** For `waitFor`. */
  readonly fetch: Fetch;
  readonly attempting: Attempting;
  readonly lease: Pick<Lease, "holds">;
};

/** What `run` is given in this attempt. Once the attempt is over, none of it has any effect. */
export function contextOf(workflow: Workflow, claim: Claim, github: GitHub, needs: ContextNeeds): Context {
  const { store, clock, keeping, own, insist, attempting, seen, observe } = needs;
  const { run, attempt, steps } = claim;
  const { calls } = attempting;
  const kept = new Map<string, Step>(steps.map((step) => [step.name, step]));
  const begun = new Set<string>();
  const facts = { run: run.id, workflow: run.workflow, attempt, ...needs.traceIds?.() };
  const left = warningOfCalls(needs.log, facts);
  return {
    ...givenOf(workflow, run.input),
    github: until(needs, github),
    runId: run.id,
    attempt,
    get signal() {
      return attempting.signal;
    },
    env: needs.envOf(workflow),
    get log() {
      return boundedLog(attempting, { log: needs.log, brief: keeping.brief }, facts);
    },
    step<Result>(given: string, work: () => Promise<Result> | Result): Promise<Result> {
      const name = keeping.withoutTokens(given, own);
      return calls.follow(`step ${keeping.brief(name, MAX_SHOWN)}`, stepOf(name, work));
    },
    waitFor: (url, options) =>
      calls.follow("waitFor", waitFor(url, options, { clock, attempting, fetch: needs.fetch })),
    repeatOf: (key, seconds) => calls.follow("repeatOf", repeatOf(key, seconds)),
  };

  async function stepOf<Result>(name: string, work: () => Promise<Result> | Result): Promise<Result> {
    requireShort(name, keeping);
    refuseWhenOver(attempting, `the step ${name}`);
    const earlier = kept.get(name);
    if (earlier) return earlier.result as Result;
    requireNew(begun, name);
    // What it sends to others than GitHub is checked here alone.
    await needs.lease.holds();
    refuseWhenOver(attempting, `the step ${name}`);
    const startedAt = clock.now();
    const keep = (end: Pick<Step, "result" | "error">) =>
      insist(() => store.saveStep(claim, { name, attempt, startedAt, endedAt: clock.now(), ...end }));
    try {
      const result = keeping.withoutTokens(asJson(await observe.step(name, () => calls.within(work, left)), name), own);
      await keep({ result, error: undefined });
      return result as Result;
    } catch (error) {
      await keep({
        result: undefined,
        error: keptReason(error instanceof Error ? error.message : String(error), keeping),
      });
      throw error;
    }
  }

  async function repeatOf(key: string, seconds: number): Promise<string | undefined> {
    // Without its token a key would be that of others, too.
    if (keeping.withoutTokens(key, own) !== key) return undefined;
    seen.dedupeKey = key;
    return store.findSuccess(run.workflow, key, clock.now() - seconds * 1000);
  }
}

/** GitHub until the attempt is over. */
function until({ attempting, keeping }: Pick<ContextNeeds, "attempting" | "keeping">, github: GitHub): GitHub {
  const methods = Object.entries(github as Record<string, (...given: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      (...given: unknown[]) => {
        const call = async () => {
          refuseWhenOver(attempting, `github.${name}`);
          return method(...given);
        };
        const about = typeof given[0] === "string" ? ` ${keeping.brief(given[0], MAX_SHOWN)}` : "";
        return attempting.calls.follow(`github.${name}${about}`, call());
      },
    ]),
  ) as GitHub;
}

/** Enough of a call to find it by. */
const MAX_SHOWN = 100;

/** Two steps of one name: the second would get the result of the first, in later attempts only. */
function requireNew(begun: Set<string>, name: string): void {
  if (begun.has(name)) {
    throw new PermanentFailure({
      tried: `beginning the step ${name}`,
      happened: "this attempt has had a step of that name",
      remedy: "Give each step another name; in a loop, put what differs into the name.",
    });
  }
  begun.add(name);
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
