import { hasPassed } from "./actions-runs.ts";
import { type ChainFacts, type ChainMember, factsIn, type Link, STAGES, type Stage } from "./chain-facts.ts";
import { isOpen, type Run, type RunStatus } from "./run.ts";

/** From the notification about an environment to the result of its tests, as two runs tell it. */
export type Chain = Pick<ChainFacts, "values" | "commit" | "repository" | "pullRequest" | "jobs"> & {
  readonly application: string;
  readonly result: PreviewResult;
  /** Why it is so, in a sentence; undefined where the result says it. */
  readonly reason: string | undefined;
  /** When the notification was received, epoch milliseconds. */
  readonly receivedAt: number;
  /** The run that reads the values file and dispatches; undefined when it is gone. */
  readonly environment: ChainRun | undefined;
  /** The run that follows the tests; undefined when nothing follows them. */
  readonly tests: ChainRun | undefined;
  /** The newer run that replaced one of them. */
  readonly supersededBy: string | undefined;
  readonly actionsRun:
    | (Link & { readonly id: number; readonly attempt: number | undefined; readonly conclusion: string | undefined })
    | undefined;
  /** All stages in their order. */
  readonly stages: readonly Stage[];
  /** The same was reported again later, and started nothing: the run of that report. */
  readonly repeatedBy: { readonly id: string; readonly at: number } | undefined;
};

export const PREVIEW_RESULTS = ["running", "passed", "failed", "nothing_started", "cancelled", "dispatched"] as const;

/**
 * `running`: under way. `nothing_started`: no Actions run, and none will come. `cancelled`: by a person, a newer commit, or
 * the end of the pull request. `dispatched`: the tests are not followed.
 */
export type PreviewResult = (typeof PREVIEW_RESULTS)[number];

export type PreviewQuery = {
  /** All previews of this one, by its whole name. */
  readonly application?: string | undefined;
  /** Part of the application's name; letters count in any case. */
  readonly text?: string | undefined;
  readonly result?: PreviewResult | undefined;
  /** As in `RunFilter`. */
  readonly workflows?: readonly string[] | undefined;
};

/** With a `result`, so many are looked through at once: a page can have few, or none, and still a `next`. */
export type PreviewPage = { readonly previews: readonly Chain[]; readonly next: string | undefined };

export type ChainRun = { readonly id: string; readonly workflow: string; readonly status: RunStatus };

/**
 * Makes the chain of the run that dispatched and the run that follows, of which one is enough. Runs of an older version, of
 * other workflows, and ones that ended half way have less in them, and then so has the chain.
 */
export function chainOf(
  environment: ChainMember | undefined,
  tests: ChainMember | undefined,
  repeat?: Run,
): Chain | undefined {
  const newest = tests ?? environment;
  if (!newest) return undefined;
  const facts = factsIn(environment, tests);
  const result = resultOf(environment?.run, tests?.run, facts);
  return {
    application: facts.application ?? newest.run.group ?? newest.run.workflow,
    result,
    reason: reasonOf(newest.run, result, facts),
    receivedAt: facts.times.received ?? newest.run.acceptedAt,
    environment: environment && chainRun(environment.run),
    tests: tests && chainRun(tests.run),
    supersededBy: newest.run.supersededBy,
    values: facts.values,
    commit: facts.commit,
    repository: facts.repository,
    pullRequest: facts.pullRequest,
    actionsRun: facts.actionsRun && { ...facts.actionsRun, conclusion: facts.conclusion, attempt: facts.attempt },
    jobs: facts.jobs,
    stages: stagesOf(facts.times),
    repeatedBy: repeat && { id: repeat.id, at: repeat.acceptedAt },
  };
}

const chainRun = ({ id, workflow, status }: Run): ChainRun => ({ id, workflow, status });

function resultOf(environment: Run | undefined, tests: Run | undefined, facts: ChainFacts): PreviewResult {
  const run = tests ?? environment;
  if (!run || isOpen(run)) return "running";
  if (run.status === "cancelled" || run.status === "superseded") return "cancelled";
  if (!tests) return run.status === "success" ? "dispatched" : "nothing_started";
  if (run.status === "skipped") return "cancelled";
  // That the result could not be reported makes the run fail, and not the tests.
  if (run.status === "success" || hasPassed(facts)) return "passed";
  return facts.actionsRun || facts.conclusion !== undefined ? "failed" : "nothing_started";
}

function reasonOf(run: Run, result: PreviewResult, facts: ChainFacts): string | undefined {
  if (run.supersededBy !== undefined) return "A newer event of the same application replaced it.";
  if (result === "passed") return run.status === "success" ? undefined : run.reason;
  if (result === "dispatched" && run.ownToken)
    return "The request brought its GitHub token: its tests are not followed.";
  if (result !== "running") return run.reason;
  // While it waits for another attempt, that is why; here is a better sentence than that of the wait.
  if (run.status === "queued") return run.reason ?? "It waits for its turn.";
  if (run.cancelledBy !== undefined) return "It is being cancelled.";
  if (!facts.isFollowed) return run.reason ?? "The values file is being read.";
  if (facts.times.ended !== undefined) return "The tests have ended; the result is being reported.";
  if (facts.actionsRun) return "The Actions run is queued or running.";
  return "The event is dispatched. No Actions run has appeared yet.";
}

function stagesOf(times: ChainFacts["times"]): readonly Stage[] {
  let before: number | undefined;
  return STAGES.map((name) => {
    const at = times[name];
    // GitHub's clock and ours differ a little.
    const ms = at === undefined || before === undefined ? undefined : Math.max(0, at - before);
    before = at ?? before;
    return { name, at, ms };
  });
}
