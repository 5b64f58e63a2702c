import { hasPassed } from "./actions-runs.ts";
import { type ChainFacts, type ChainMember, factsIn, type Link, STAGES, type Stage } from "./chain-facts.ts";
import { isOpen, type Run, type RunStatus } from "./run.ts";

/** The way from the notification about an environment to the result of its tests, as two runs show it. */
export type Chain = Pick<ChainFacts, "values" | "commit" | "repository" | "pullRequest" | "jobs"> & {
  readonly application: string;
  readonly result: PreviewResult;
  /** The reason, in a sentence; undefined if the result says it. */
  readonly reason: string | undefined;
  /** When the notification was received, epoch milliseconds. */
  readonly receivedAt: number;
  /** The run that reads the values file and dispatches; undefined if it is gone. */
  readonly environment: ChainRun | undefined;
  /** The run that follows the tests; undefined if nothing follows them. */
  readonly tests: ChainRun | undefined;
  /** The newer run that replaced one of them. */
  readonly supersededBy: string | undefined;
  readonly actionsRun:
    | (Link & { readonly id: number; readonly attempt: number | undefined; readonly conclusion: string | undefined })
    | undefined;
  /** All stages, in order. */
  readonly stages: readonly Stage[];
  /** The run of a later report of the same deployment, which started nothing. */
  readonly repeatedBy: { readonly id: string; readonly at: number } | undefined;
};

export const PREVIEW_RESULTS = ["running", "passed", "failed", "nothing_started", "cancelled", "dispatched"] as const;

/**
 * `running`: in progress. `nothing_started`: there is no Actions run, and none will come. `cancelled`: by a person, a
 * newer commit, or the end of the pull request. `dispatched`: the tests are not followed.
 */
export type PreviewResult = (typeof PREVIEW_RESULTS)[number];

export type PreviewQuery = {
  /** All previews of this application, by its full name. */
  readonly application?: string | undefined;
  /** Part of the application's name, in any case. */
  readonly text?: string | undefined;
  readonly result?: PreviewResult | undefined;
  /** As in `RunFilter`. */
  readonly workflows?: readonly string[] | undefined;
};

/** With a `result`, each page checks a fixed number of previews. So a page can have few or none, and still a `next`. */
export type PreviewPage = { readonly previews: readonly Chain[]; readonly next: string | undefined };

export type ChainRun = { readonly id: string; readonly workflow: string; readonly status: RunStatus };

/**
 * Builds the chain of the dispatching run and the following run. One of them is enough. Runs of an older version, of
 * other workflows, or that ended early contain less, and so does the chain.
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
  // If the result could not be reported, the run fails, but not the tests.
  if (run.status === "success" || hasPassed(facts)) return "passed";
  return facts.actionsRun || facts.conclusion !== undefined ? "failed" : "nothing_started";
}

function reasonOf(run: Run, result: PreviewResult, facts: ChainFacts): string | undefined {
  if (run.supersededBy !== undefined) return "A newer event of the same application replaced it.";
  if (result === "passed") return run.status === "success" ? undefined : run.reason;
  if (result === "dispatched" && run.ownToken)
    return "The request brought its GitHub token, so its tests are not followed.";
  if (result !== "running") return run.reason;
  // While it waits for another attempt, its reason says why. While it runs, these sentences are better than the wait's.
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
    // GitHub's clock and this machine's clock differ a little.
    const ms = at === undefined || before === undefined ? undefined : Math.max(0, at - before);
    before = at ?? before;
    return { name, at, ms };
  });
}
