import { hasPassed, type WhyNothing } from "../model/actions-runs.ts";
import type { Claim } from "../model/claim.ts";
import { type Duration, millisecondsOf } from "../model/duration.ts";
import { type Failure, PermanentFailure } from "../model/failure.ts";
import type {
  FindOptions,
  FollowedRun,
  FollowOptions,
  FoundRun,
  GitHub,
  RunReference,
  StartedRun,
} from "../model/github.ts";
import type { Observer } from "../model/observer.ts";
import type { Json } from "../model/run.ts";
import { wakeKeys } from "../model/waits.ts";
import { Suspended } from "./calls.ts";
import type { Keeping } from "./kept.ts";
import { growing, type LookingParts, lookingUntil } from "./looking.ts";
import { resultBefore } from "./names.ts";
import type { Attended } from "./suspending.ts";

export type FollowingParts = LookingParts & {
  readonly keeping: Keeping;
  readonly observe: Pick<Observer, "followed">;
  /** Cleans a name for the history. */
  readonly nameOf: (given: string) => string;
};

/** GitHub takes seconds to show a run. Waiting for a runner comes after that. */
const NOTHING_AFTER = "3m";

/** GitHub's limit for a job. */
const LONGEST_JOB = "6h";

/** Webhooks and the watch report changes of a run. This covers a change that both missed, ms. */
const LOOK_EVERY_MS = 3_600_000;

/** How long `cancelled`, which cannot wait, looks for a run that started a moment ago, ms. */
const CANCELLED_LOOKS_MS = 30_000;

/** Waits for Actions runs. */
export function followingOf(claim: Claim, parts: FollowingParts): Pick<GitHub, "findRun" | "follow"> {
  const { actions, attempting, clock, keeping, names, nameOf, observe, suspending } = parts;

  const remembered = (name: string) => resultBefore(claim, "waitUntil", name);

  async function find(
    started: StartedRun,
    { name: given, nothingAfter = NOTHING_AFTER }: FindOptions,
  ): Promise<Attended<FoundRun>> {
    const { repository, key } = started;
    const name = given === undefined ? names.unused(`Actions run of ${repository}`) : nameOf(given);
    const look = async () => {
      attempting.begin(`looking for ${name}`);
      return actions.find(started);
    };
    if (claim.handler) {
      const milliseconds = Math.min(CANCELLED_LOOKS_MS, millisecondsOf(nothingAfter));
      const found = (remembered(name) as FoundRun | undefined) ?? (await lookingUntil(parts, milliseconds, look));
      return found ?? notThere(started);
    }
    return suspending().attend<FoundRun>("waitUntil", name, {
      terms: () => ({
        words: `waits until an Actions run of ${repository} begins (${name}, for up to ${nothingAfter})`,
        until: { inMs: millisecondsOf(nothingAfter) },
        againInMs: growing(clock, names.earlier("waitUntil", name)),
        wakeKeys: key === undefined ? [] : wakeKeys({ workflowRun: { repository, key } }),
        late: (why) => nothingBegan(started, nothingAfter, why as WhyNothing | undefined),
      }),
      async look(underWay) {
        const found = await look();
        if (found) return { result: found };
        return underWay?.isOver ? { fails: await actions.whyNothing(started, started) } : undefined;
      },
      looksAgain: ({ error }) => error !== undefined,
    });
  }

  async function followTo(
    { repository, runId }: RunReference,
    { name: given, timeout = LONGEST_JOB, mustSucceed = false }: FollowOptions,
  ): Promise<Attended<FollowedRun>> {
    const its = `Actions run ${runId} of ${repository}`;
    const name = given === undefined ? names.unused(`end of ${its}`) : nameOf(given);
    const look = async () => {
      attempting.begin(`looking at ${its}`);
      return (await actions.show(repository, runId)).ended;
    };
    if (claim.handler) {
      const ended = (remembered(name) as FollowedRun | undefined) ?? (await look()) ?? notEnded(its);
      if (mustSucceed && !hasPassed(ended)) throw notSucceeded(its, ended);
      return ended;
    }
    return suspending().attend<FollowedRun>("waitUntil", name, {
      terms: () => ({
        words: `waits until ${its} ends (${given === undefined ? "" : `${name}, `}for up to ${timeout})`,
        until: { inMs: millisecondsOf(timeout) },
        againInMs: LOOK_EVERY_MS,
        wakeKeys: wakeKeys({ workflowRun: { repository, id: runId } }),
        late: (ended) => (ended ? notSucceeded(its, ended as FollowedRun) : notInTime(its, timeout)),
      }),
      async look() {
        const ended = await look();
        if (!ended) return undefined;
        observe.followed(ended);
        return mustSucceed && !hasPassed(ended) ? { fails: ended as unknown as Json } : { result: ended };
      },
      // The Actions run may have been re-run at GitHub.
      looksAgain: () => true,
    });
  }

  const shown = ({ repository }: { readonly repository: string }) => keeping.brief(repository, MAX_SHOWN);

  return {
    findRun: (started, options = {}) =>
      suspending().call(`github.findRun ${shown(started)}`, () => find(started, options)),
    follow: (run, options = {}) =>
      suspending().call(`github.follow ${shown(run)}`, async () => {
        if (!("event" in run)) return followTo(run, options);
        const { name, ...others } = options;
        const found = await find(run, { ...others, ...(name !== undefined && { name: `${name}: start` }) });
        return found instanceof Suspended ? found : followTo(found, options);
      }),
  };
}

/** Enough to recognise the call by its repository. */
const MAX_SHOWN = 100;

const MAX_JOBS = 10;

function notSucceeded(its: string, { conclusion, htmlUrl, jobs }: FollowedRun): Failure {
  const failed = jobs.filter((job) => !hasPassed(job));
  const named = failed.slice(0, MAX_JOBS).map((job) => `${job.name} (${job.conclusion}, ${job.htmlUrl})`);
  const more = failed.length > MAX_JOBS ? ` and ${failed.length - MAX_JOBS} more` : "";
  return new PermanentFailure({
    tried: `following ${its}`,
    happened: `it ended with ${conclusion} (${htmlUrl})${named.length > 0 ? `; jobs: ${named.join(", ")}${more}` : ""}`,
    remedy: "See its logs. If you re-ran it at GitHub, re-run this run from the failed step: it looks again.",
  });
}

function notInTime(its: string, timeout: Duration): Failure {
  return new PermanentFailure({
    tried: `following ${its}`,
    happened: `it has not ended within ${timeout}`,
    remedy: "Find out what delays it, then re-run from the failed step to wait again. Raise `timeout` to wait longer.",
  });
}

const searched = ({ repository, event, eventType, workflow }: StartedRun) =>
  `finding the Actions run of ${repository} for the ${event} ${eventType ?? workflow ?? ""}`.trimEnd();

function nothingBegan(started: StartedRun, nothingAfter: Duration, why: WhyNothing | undefined): Failure {
  const { happened = "no reason was found", remedy = "See the repository's Actions page.", sendAgain } = why ?? {};
  return new PermanentFailure({
    tried: searched(started),
    happened: `none started within ${nothingAfter}: ${happened}`,
    remedy,
    about: "no run",
    ...(sendAgain && { sendAgain }),
  });
}

function notThere(started: StartedRun): never {
  throw new PermanentFailure({
    tried: searched(started),
    happened: "it did not exist when the run was cancelled",
    remedy: "Cancel it at GitHub if it appears.",
    about: "no run",
  });
}

function notEnded(its: string): never {
  throw new PermanentFailure({
    tried: `following ${its}`,
    happened: "it has not ended, and `cancelled` does not wait for it",
    remedy: "Cancel it with `github.cancelRun`, or let it run.",
  });
}
