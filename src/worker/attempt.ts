import { millisecondsOf } from "../model/duration.ts";
import type { GitHub } from "../model/github.ts";
import type { Lease } from "../model/lease.ts";
import type { Log } from "../model/log.ts";
import { afterAttempt } from "../model/retry.ts";
import type { Attempt, Outcome, Run } from "../model/run.ts";
import type { Claim, RunStore, Settlement } from "../model/store.ts";
import { wakeKeyOfWorkflow } from "../model/waits.ts";
import { type BrokenFile, type Context, givenOf, type Workflow, type WorkflowSource } from "../model/workflow.ts";
import { type Attempting, confined, STOPPED_REASON, type Stopping } from "./attempting.ts";
import { type ContextParts, contextOf, type Facts } from "./context.ts";
import { keptOutcome } from "./kept.ts";
import { type AttemptLease, LOST } from "./leases.ts";
import { openNames } from "./names.ts";
import { failedAside, failedBy, outcomeOf } from "./outcome.ts";
import { type AttemptLog, openRunLog } from "./run-log.ts";
import { openSuspending } from "./suspending.ts";

type OfOneAttempt =
  | ("github" | "own" | "attempting" | "lease" | "isRepeatOf" | "runLog")
  | ("names" | "suspending" | "hide");

export type AttemptParts = Omit<ContextParts, OfOneAttempt> & {
  readonly store: Pick<RunStore, "saveLines">;
  readonly log: Log;
  readonly workflowNamed: (name: string) => Workflow | undefined;
  /** Files that bring no workflow because something is wrong with them. */
  readonly brokenFiles?: (() => readonly BrokenFile[]) | undefined;
  /** The file of a workflow, where it has one. */
  readonly sourceOf?: ((name: string) => WorkflowSource | undefined) | undefined;
  /** The GitHub token that a workflow names, instead of the service's. */
  readonly tokenOf: (workflow: Workflow) => string | undefined;
  /** GitHub as a run's own token sees it, or the service's, until it is released. */
  readonly github: (attempt: {
    token: string | undefined;
    /** The run's in the line before a limit. */
    name: string;
    /** Gets the id of every answered request. */
    saw: (requestId: string) => void;
    /** Nothing is sent unless it holds. */
    lease: Lease;
  }) => { github: GitHub; release(): void };
  /** Hides a token from logs and answers until the returned function is called. */
  readonly hide: (token: string) => () => void;
  /** Names the trace that the attempt belongs to, for its log records. */
  readonly traceIds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
  readonly stopping: Pick<Stopping, "begun" | "follow">;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly retryHours: number;
};

type Ended = { readonly attempt: Attempt; readonly settlement: Settlement; readonly runLog: AttemptLog };

/** Executes a claimed run once, decides what follows, and writes the attempt's one log record. */
export async function attemptRun(
  claim: Claim,
  token: string | undefined,
  parts: AttemptParts & { readonly lease: AttemptLease },
): Promise<Ended> {
  const { clock, keeping } = parts;
  const { run } = claim;
  const startedAt = clock.now();
  const own = token === undefined ? [] : [token];
  const hidden = token ? [parts.hide(token)] : [];
  const hide = (secret: string) => void hidden.push(parts.hide(secret));
  const workflow = parts.workflowNamed(run.workflow);
  const seen: Seen = { requestId: undefined, dedupeKey: undefined };
  const runLog = openRunLog(claim, parts);
  const { github, release } = parts.github({
    token: token ?? (workflow && parts.tokenOf(workflow)),
    // What takes this run's place in its group takes it in the line, too.
    name: run.group === undefined ? run.id : `${run.workflow}\n${run.group}`,
    saw: (id) => {
      seen.requestId = id;
    },
    lease: parts.lease,
  });
  try {
    const secrets = workflow ? [...own, ...Object.values(parts.envOf(workflow))] : own;
    const outcome = workflow
      ? keptOutcome(
          await executeConfined(workflow, claim, { ...parts, github, own, hide, seen, runLog }),
          keeping,
          secrets,
        )
      : missingWorkflow(run, parts.brokenFiles?.() ?? []);
    const times = { startedAt, endedAt: clock.now() };
    const isGivenBack = parts.stopping.begun && outcome.status === "failure";
    runLog.end(isGivenBack ? undefined : outcome);
    const ended = isGivenBack
      ? givenBack(claim, times, parts.log)
      : concluded(claim, { ...times, outcome, workflow, ...seen }, parts);
    return { ...ended, runLog };
  } finally {
    release();
    for (const show of hidden) show();
  }
}

/** What is noticed while an attempt goes on. */
type Seen = { requestId: string | undefined; dedupeKey: string | undefined };

/** GitHub's have some 50; a header may have 16 KB. */
const MAX_REQUEST_ID_CHARACTERS = 200;

/** GitHub Actions gives a job 6 hours; what a workflow does here takes seconds, and one that hangs holds a place. */
const DEFAULT_TIMEOUT = "5m";

function executeConfined(
  workflow: Workflow,
  claim: Claim,
  parts: Omit<AttemptParts, "github" | "hide"> & {
    readonly github: GitHub;
    readonly hide: (secret: string) => void;
    readonly lease: AttemptLease;
    readonly own: readonly string[];
    readonly seen: Seen;
    readonly runLog: AttemptLog;
  },
): Promise<Outcome> {
  const { timeout = DEFAULT_TIMEOUT, name, dedupe } = workflow;
  const { stopping, lease, seen, runLog } = parts;
  const { id: run } = claim.run;
  const left = (calls: readonly string[]) =>
    runLog.warn("the workflow did not await these calls: the service waits for them, and their failure is the run's", {
      calls: calls.slice(0, MAX_CALLS),
      count: calls.length,
    });
  const times = { timeout, timeoutMs: millisecondsOf(timeout) };
  const about = { run, workflow: name, source: parts.sourceOf?.(name), ...times, left };
  return confined(about, parts.clock, async (attempting) => {
    stopping.follow(attempting);
    lease.follow(attempting);
    runLog.follow(attempting);
    // The service stops, or another process has the run: none of the workflow's code is run.
    if (attempting.over) return LOST;
    const isRepeatOf = (key: string) => {
      seen.dedupeKey = key;
    };
    const names = openNames(claim, parts.keeping);
    const suspending = openSuspending(claim, { ...parts, attempting, names });
    const context = contextOf(workflow, claim, { ...parts, attempting, isRepeatOf, names, suspending });
    if (dedupe) {
      const key = dedupe.key(givenOf(workflow, claim.run));
      const earlier = await context.repeatOf(key, millisecondsOf(dedupe.within) / 1000);
      if (earlier !== undefined) {
        return { status: "skipped", reason: `run ${earlier} has done the same within ${dedupe.within} (key ${key})` };
      }
    }
    const alsoFailed = ({ what, error }: { what: string; error: unknown }) =>
      runLog.warn("a call that the workflow did not await has failed, too", { call: what, err: error });
    return execute(workflow, context, attempting, { alsoFailed, failedBy: suspending.failedBy });
  });
}

const MAX_CALLS = 10;

/**
 * Carries one event through a workflow, and waits for what it has called and not awaited. Never throws: what the workflow
 * throws becomes an outcome.
 */
async function execute(
  workflow: Pick<Workflow, "run">,
  context: Context,
  { calls, about: { source } }: Attempting,
  {
    alsoFailed,
    failedBy: noteFailure,
  }: {
    /** Gets the calls that failed, except the one that is the outcome. */
    readonly alsoFailed: (call: { readonly what: string; readonly error: unknown }) => void;
    /** Gets what the outcome comes from. */
    readonly failedBy: (error: unknown) => Promise<void>;
  },
): Promise<Outcome> {
  let outcome: Outcome;
  try {
    outcome = outcomeOf(await workflow.run(context));
  } catch (error) {
    outcome = failedBy(error, source);
    await noteFailure(error);
  }
  const failed = await calls.rest();
  const first = outcome.status === "failure" ? undefined : failed[0];
  (first ? failed.slice(1) : failed).forEach(alsoFailed);
  if (first) await noteFailure(first.error);
  return first ? failedAside(first.error, first.what, source) : outcome;
}

/** A broken file may be fixed without a start that would wake the run: then it is found out after so long, ms. */
const LOOK_FOR_WORKFLOW_MS = 5 * 60_000;

/** Of a broken file it is unknown which workflow it brings: while there is one, none is gone for good. */
function missingWorkflow({ workflow, ownToken }: Run, broken: readonly BrokenFile[]): Outcome {
  if (broken.length > 0 && !ownToken) {
    const files = broken.map(({ file }) => file).join(", ");
    return {
      status: "waiting",
      reason: `There is no workflow ${workflow} at the moment, and these files are broken: ${files}. The run begins when that is fixed.`,
      waits: [],
      wakeKeys: [wakeKeyOfWorkflow(workflow)],
      againInMs: LOOK_FOR_WORKFLOW_MS,
    };
  }
  const reason = `There is no workflow ${workflow} in this service any more: bring it back and re-run, or send the event again.`;
  return { status: "failure", kind: "permanent", http: 500, reason };
}

type Times = { readonly startedAt: number; readonly endedAt: number };

/** An attempt as the history has it. */
export function attemptOf(
  { attempt: number }: Claim,
  { startedAt, endedAt }: Times,
  { outcome, ...rest }: Pick<Attempt, "outcome"> & Partial<Attempt>,
): Attempt {
  const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
  return { number, startedAt, endedAt, outcome, ...nothing, ...rest };
}

/**
 * What becomes of an attempt that has not ended well while the service is stopping: its failure is the stop's more often
 * than not. It does not count; the run is due again at once.
 */
function givenBack(claim: Claim, times: Times, log: Log): Omit<Ended, "runLog"> {
  const { run, attempt: number } = claim;
  const reason = STOPPED_REASON;
  const attempt = attemptOf(claim, times, { outcome: "stopped", reason });
  const settlement: Settlement = run.ownToken
    ? { status: "failure", http: 500, kind: "permanent", reason: `${reason} Send it again.` }
    : { status: "queued", dueAt: times.endedAt, counts: false, reason, http: undefined, kind: undefined };
  const facts = { run: run.id, workflow: run.workflow, attempt: number, duration_ms: times.endedAt - times.startedAt };
  log.info({ ...facts, outcome: attempt.outcome }, "the service is stopping: the run continues after its next start");
  return { attempt, settlement };
}

function concluded(
  claim: Claim,
  {
    outcome,
    workflow,
    requestId,
    dedupeKey,
    ...times
  }: Times & Seen & { outcome: Outcome; workflow: Workflow | undefined },
  { log, keeping, traceIds, random, retryHours }: AttemptParts,
): Omit<Ended, "runLog"> {
  const { run, attempt: number } = claim;
  const circumstances = { now: times.endedAt, random: random(), retryHours, retry: workflow?.retry ?? true };
  const settlement = settlementOf(outcome, afterAttempt(run, outcome, circumstances), dedupeKey);
  const { reason, kind, stack } = { reason: undefined, kind: undefined, stack: undefined, ...outcome };
  const githubRequestId = requestId && keeping.brief(requestId, MAX_REQUEST_ID_CHARACTERS);
  const trace = stack === undefined ? {} : { stack: stack.join("\n") };
  record(log, outcome, settlement, {
    run: run.id,
    workflow: run.workflow,
    ...(workflow && labelsOf(workflow, run)),
    attempt: number,
    duration_ms: times.endedAt - times.startedAt,
    github_request_id: githubRequestId,
    ...traceIds?.(),
    outcome: outcome.status,
    ...(outcome.status === "failure" ? { reason, failure: kind, ...trace } : {}),
  });
  const attempt = attemptOf(claim, times, { outcome: outcome.status, reason, kind, githubRequestId, ...trace });
  return { attempt, settlement };
}

function settlementOf(
  outcome: Outcome,
  next: ReturnType<typeof afterAttempt>,
  dedupeKey: string | undefined,
): Settlement {
  if (outcome.status === "success") return { ...outcome, dedupeKey };
  if (outcome.status === "skipped") return outcome;
  if (outcome.status !== "failure") return outcome;
  const { reason, http, kind } = outcome;
  if (!next.end) return { status: "queued", dueAt: next.dueAt, counts: next.counts, reason, http, kind };
  return { status: "failure", reason: next.because ? `${reason} ${next.because}` : reason, http, kind };
}

/** Labels are a courtesy of the log: one that cannot be had says so and disturbs nothing. */
function labelsOf(workflow: Workflow, run: Run): Readonly<Record<string, string | undefined>> {
  try {
    return workflow.labels?.(givenOf(workflow, run)) ?? {};
  } catch (error) {
    return { labels: `could not be had: ${error instanceof Error ? error.message : "an error"}` };
  }
}

function record(log: Log, outcome: Outcome, settlement: Settlement, facts: Facts): void {
  if (outcome.status === "success") log.info({ ...facts, outputs: outcome.outputs }, "run succeeded");
  else if (outcome.status === "skipped") log.info({ ...facts, reason: outcome.reason }, "run skipped");
  else if (outcome.status === "waiting") log.info({ ...facts, reason: outcome.reason }, "run waits");
  else if (outcome.status === "cancelled") log.info({ ...facts, reason: outcome.reason }, "run cancelled");
  else if (settlement.status !== "queued") log.error(facts, "run failed");
  else {
    const next = { ...facts, next_attempt: new Date(settlement.dueAt).toISOString() };
    if (outcome.kind === "limit") log.info(next, "run waits for a limit of GitHub");
    else log.warn(next, "attempt failed");
  }
}
