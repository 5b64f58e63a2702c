import type { Clock } from "../model/clock.ts";
import { millisecondsOf } from "../model/duration.ts";
import type { GitHub } from "../model/github.ts";
import type { Lease } from "../model/lease.ts";
import type { Fetch } from "../model/network.ts";
import type { Observer } from "../model/observer.ts";
import { afterAttempt } from "../model/retry.ts";
import type { Attempt, Outcome, Run } from "../model/run.ts";
import type { Claim, RunStore, Settlement } from "../model/store.ts";
import { givenOf, type Workflow, type WorkflowSource } from "../model/workflow.ts";
import type { Log } from "../observe/log.ts";
import { confined } from "./confined.ts";
import { contextOf, type Seen } from "./context.ts";
import { execute } from "./execute.ts";
import { type Keeping, keptOutcome } from "./kept.ts";
import { type AttemptLease, LOST } from "./leases.ts";
import { STOPPED_REASON, type Stopping } from "./stopping.ts";
import type { StoreHealth } from "./store-health.ts";

export type AttemptNeeds = {
  readonly store: Pick<RunStore, "saveStep" | "findSuccess">;
  readonly workflowNamed: (name: string) => Workflow | undefined;
  /** The file of a workflow, where it has one. */
  readonly sourceOf?: ((name: string) => WorkflowSource | undefined) | undefined;
  /** The values of the environment variables that a workflow declares. */
  readonly envOf: (workflow: Workflow) => Readonly<Record<string, string>>;
  /** The GitHub token that a workflow names, instead of the service's. */
  readonly tokenOf: (workflow: Workflow) => string | undefined;
  /**
   * GitHub as a run's own token sees it, or the service's, until it is released. `name` is the run's in the line before
   * a limit; `saw` gets the id of every answered request; nothing is sent unless `lease` holds.
   */
  readonly github: (options: {
    token: string | undefined;
    name: string;
    saw: (requestId: string) => void;
    lease: Lease;
  }) => {
    github: GitHub;
    release(): void;
  };
  /** Hides a token from logs and answers until the returned function is called. */
  readonly hide: (token: string) => () => void;
  readonly keeping: Keeping;
  readonly log: Log;
  /** Names the trace that the attempt belongs to, for its log records. */
  readonly traceIds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "step">;
  readonly fetch: Fetch;
  /** Writes until the store takes it. */
  readonly insist: StoreHealth["insist"];
  readonly stopping: Pick<Stopping, "begun" | "follow">;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly retryHours: number;
};

type Attempts = AttemptNeeds & { readonly lease: AttemptLease };

/** Executes a claimed run once, decides what follows, and writes the attempt's one log record. */
export async function attemptRun(
  claim: Claim,
  token: string | undefined,
  needs: Attempts,
): Promise<{ attempt: Attempt; settlement: Settlement }> {
  const { clock, keeping, log, random, retryHours } = needs;
  const { run, attempt: number } = claim;
  const startedAt = clock.now();
  const seen: Seen = {
    requestId: undefined,
    dedupeKey: undefined,
    request: (id) => {
      seen.requestId = id;
    },
  };
  const own = token === undefined ? [] : [token];
  const show = token ? needs.hide(token) : undefined;
  const workflow = needs.workflowNamed(run.workflow);
  const { github, release } = needs.github({
    token: token ?? (workflow && needs.tokenOf(workflow)),
    // What takes this run's place in its group takes it in the line, too.
    name: run.group === undefined ? run.id : `${run.workflow}\n${run.group}`,
    saw: seen.request,
    lease: needs.lease,
  });
  try {
    const outcome = workflow
      ? keptOutcome(await executeConfined(workflow, claim, github, { ...needs, own }, seen), keeping, [
          ...own,
          ...Object.values(needs.envOf(workflow)),
        ])
      : unknownWorkflow(run);
    const endedAt = clock.now();
    if (needs.stopping.begun && outcome.status === "failure") return givenBack(claim, startedAt, endedAt, needs);
    const next = isLast(workflow, outcome)
      ? { end: true as const }
      : afterAttempt(run, outcome, { now: endedAt, random: random(), retryHours });
    const settlement = settlementOf(run, outcome, next, seen.dedupeKey, workflow?.retry === false);
    const githubRequestId = seen.requestId && keeping.brief(seen.requestId, MAX_REQUEST_ID_CHARACTERS);
    record(log, outcome, settlement, {
      run: run.id,
      workflow: run.workflow,
      ...(workflow && labelsOf(workflow, run)),
      attempt: number,
      duration_ms: endedAt - startedAt,
      github_request_id: githubRequestId,
      ...needs.traceIds?.(),
    });
    const { reason, kind, stack } = { reason: undefined, kind: undefined, stack: undefined, ...outcome };
    const attempt = {
      number,
      startedAt,
      endedAt,
      outcome: outcome.status,
      reason,
      kind,
      githubRequestId,
      stack: stack?.join("\n"),
    };
    return { attempt, settlement };
  } finally {
    release();
    show?.();
  }
}

/**
 * What becomes of an attempt that has not ended well while the service is stopping: its failure is the stop's more often
 * than not. It does not count; the run is due again at once.
 */
function givenBack({ run, attempt: number }: Claim, startedAt: number, endedAt: number, { log }: AttemptNeeds) {
  const reason = STOPPED_REASON;
  const attempt: Attempt = {
    number,
    startedAt,
    endedAt,
    outcome: "stopped",
    reason,
    kind: undefined,
    githubRequestId: undefined,
  };
  const settlement: Settlement = run.ownToken
    ? { status: "failure", http: 500, kind: "permanent", reason: `${reason} Send it again.` }
    : { status: "queued", dueAt: endedAt, counts: false, reason, http: undefined, kind: undefined };
  const facts = { run: run.id, workflow: run.workflow, attempt: number, duration_ms: endedAt - startedAt };
  log.info({ ...facts, outcome: attempt.outcome }, "the service is stopping: the run continues after its next start");
  return { attempt, settlement };
}

/** GitHub's have some 50; a header may have 16 KB. */
const MAX_REQUEST_ID_CHARACTERS = 200;

/** GitHub Actions gives a job 6 hours; what a workflow does here takes seconds, and one that hangs holds a place. */
const DEFAULT_TIMEOUT = "5m";

function executeConfined(
  workflow: Workflow,
  claim: Claim,
  github: GitHub,
  needs: Attempts & { readonly own: readonly string[] },
  seen: Seen,
): Promise<Outcome> {
  const { timeout = DEFAULT_TIMEOUT } = workflow;
  const bounds = {
    run: claim.run.id,
    workflow: workflow.name,
    source: needs.sourceOf?.(workflow.name),
    timeout,
    timeoutMs: millisecondsOf(timeout),
  };
  return confined(bounds, needs.clock, async (attempting) => {
    needs.stopping.follow(attempting);
    needs.lease.follow(attempting);
    // The service stops, or another process has the run: none of the workflow's code is run.
    if (attempting.over) return LOST;
    const context = contextOf(workflow, claim, github, { ...needs, seen, attempting });
    const { dedupe } = workflow;
    if (dedupe) {
      const key = dedupe.key(givenOf(workflow, claim.run.input));
      const earlier = await context.repeatOf(key, millisecondsOf(dedupe.within) / 1000);
      if (earlier !== undefined) {
        return { status: "skipped", reason: `run ${earlier} has done the same within ${dedupe.within} (key ${key})` };
      }
    }
    const { id: run, workflow: name } = claim.run;
    return execute(workflow, context, {
      attempting,
      facts: { run, workflow: name, attempt: claim.attempt, ...needs.traceIds?.() },
      log: needs.log,
    });
  });
}

function isLast(workflow: Workflow | undefined, outcome: Outcome): boolean {
  return workflow?.retry === false && outcome.status === "failure" && outcome.kind === "transient";
}

/** Labels are a courtesy of the log: one that cannot be had says so and disturbs nothing. */
function labelsOf(workflow: Workflow, { input }: Run): Readonly<Record<string, string | undefined>> {
  try {
    return workflow.labels?.(givenOf(workflow, input)) ?? {};
  } catch (error) {
    return { labels: `could not be had: ${error instanceof Error ? error.message : "an error"}` };
  }
}

function unknownWorkflow({ workflow }: Run): Outcome {
  const reason = `There is no workflow ${workflow} in this service any more: bring it back and re-run, or send the event again.`;
  return { status: "failure", kind: "permanent", http: 500, reason };
}

function settlementOf(
  run: Run,
  outcome: Outcome,
  next: ReturnType<typeof afterAttempt>,
  dedupeKey: string | undefined,
  once: boolean,
): Settlement {
  if (outcome.status === "success") return { ...outcome, dedupeKey };
  if (outcome.status === "skipped") return outcome;
  const { reason, http, kind } = outcome;
  if (!next.end) return { status: "queued", dueAt: next.dueAt, counts: next.counts, reason, http, kind };
  const remark =
    kind === "permanent"
      ? ""
      : run.ownToken
        ? " It is not tried again: the run brought its token, which is not stored. Send it again."
        : once
          ? " It is not tried again: the workflow says `retry: false`."
          : outcome.attempts
            ? ` It was attempted ${run.failures + 1} times, and is not tried again by itself.`
            : " It was tried for as long as RETRY_HOURS says, and is not tried again by itself.";
  return { status: "failure", reason: reason + remark, http, kind };
}

function record(log: Log, outcome: Outcome, settlement: Settlement, facts: Readonly<Record<string, unknown>>): void {
  const all = { ...facts, outcome: outcome.status };
  if (outcome.status === "success") log.info({ ...all, outputs: outcome.outputs }, "run succeeded");
  else if (outcome.status === "skipped") log.info({ ...all, reason: outcome.reason }, "run skipped");
  else if (settlement.status === "queued") {
    const next = {
      reason: outcome.reason,
      failure: outcome.kind,
      stack: outcome.stack?.join("\n"),
      next_attempt: new Date(settlement.dueAt).toISOString(),
    };
    if (outcome.kind === "limit") log.info({ ...all, ...next }, "run waits for a limit of GitHub");
    else log.warn({ ...all, ...next }, "attempt failed");
  } else
    log.error(
      { ...all, reason: outcome.reason, failure: outcome.kind, stack: outcome.stack?.join("\n") },
      "run failed",
    );
}
