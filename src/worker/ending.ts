import type { Claim, Settlement } from "../model/claim.ts";
import type { Log } from "../model/log.ts";
import type { Next } from "../model/retry.ts";
import type { Attempt, Outcome, Run, SentRequests } from "../model/run.ts";
import { givenOf, type Workflow } from "../model/workflow.ts";
import { STOPPED_REASON } from "./attempting.ts";
import type { Keeping } from "./kept.ts";

export type EndingParts = {
  readonly log: Log;
  readonly keeping: Keeping;
  /** The ids of the attempt's trace, for its log records. */
  readonly traceIds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
};

/** An ended attempt, and the new state of its run. */
export type Ended = { readonly attempt: Attempt; readonly settlement: Settlement };

/** Facts noticed during an attempt. */
export type Seen = { requestId: string | undefined; dedupeKey: string | undefined };

/** GitHub's ids have about 50 characters, but a header may have 16 KB. */
const MAX_REQUEST_ID_CHARACTERS = 200;

/** When an attempt ran, with which version of the code, and what it changed at GitHub. */
type Circumstances = {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly code: string | undefined;
  readonly sent?: SentRequests | undefined;
};

/** Builds the attempt for the history. */
export function attemptOf(
  { attempt: number, handler }: Claim,
  { startedAt, endedAt, code, sent }: Circumstances,
  { outcome, ...rest }: Pick<Attempt, "outcome"> & Partial<Attempt>,
): Attempt {
  const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
  const its = { ...(sent && { sent }), ...(handler && { handler }) };
  return { number, startedAt, endedAt, outcome, code, ...its, ...nothing, ...rest };
}

/**
 * Settles an attempt that did not succeed while the service was stopping. The stop is the likely cause, so the attempt
 * does not count, and the run is due again immediately.
 */
export function givenBack(claim: Claim, times: Circumstances, log: Log): Ended {
  const { run, attempt: number } = claim;
  const reason = STOPPED_REASON;
  const attempt = attemptOf(claim, times, { outcome: "stopped", reason });
  if (claim.handler) return { attempt, settlement: stillCancelled(run) };
  const settlement: Settlement = run.ownToken
    ? { status: "failure", http: 500, kind: "permanent", reason: `${reason} Send it again.` }
    : { status: "queued", dueAt: times.endedAt, counts: false, reason, http: undefined, kind: undefined };
  const facts = { run: run.id, workflow: run.workflow, attempt: number, duration_ms: times.endedAt - times.startedAt };
  log.info({ ...facts, outcome: attempt.outcome }, "the service is stopping: the run continues after its next start");
  return { attempt, settlement };
}

/** Settles an attempt, and writes its log record. */
export function concluded(
  claim: Claim,
  {
    outcome,
    next,
    workflow,
    requestId,
    dedupeKey,
    ...times
  }: Circumstances & Seen & { outcome: Outcome; next: Next; workflow: Workflow | undefined },
  { log, keeping, traceIds }: EndingParts,
): Ended {
  const { run, attempt: number, handler } = claim;
  const settlement = handler ? stillCancelled(run) : settlementOf(outcome, next, dedupeKey);
  const { reason, kind, stack } = { reason: undefined, kind: undefined, stack: undefined, ...outcome };
  const githubRequestId = requestId && keeping.brief(requestId, MAX_REQUEST_ID_CHARACTERS);
  const trace = stack === undefined ? {} : { stack: stack.join("\n") };
  const facts = {
    run: run.id,
    workflow: run.workflow,
    title: run.title,
    ...(workflow && labelsOf(workflow, run)),
    attempt: number,
    duration_ms: times.endedAt - times.startedAt,
    github_request_id: githubRequestId,
    ...traceIds?.(),
    outcome: outcome.status,
    ...(outcome.status === "failure" ? { reason, failure: kind, ...trace } : {}),
  };
  if (handler) recordHandler(log, workflow, outcome, facts);
  else record(log, outcome, settlement, { facts, isRepeated: run.reason === reason });
  const attempt = attemptOf(claim, times, { outcome: outcome.status, reason, kind, githubRequestId, ...trace });
  return { attempt, settlement };
}

function settlementOf(outcome: Outcome, next: Next, dedupeKey: string | undefined): Settlement {
  if (outcome.status === "success") return { ...outcome, dedupeKey };
  if (outcome.status !== "failure") return outcome;
  const { reason, http, kind } = outcome;
  if (!next.end) return { status: "queued", dueAt: next.dueAt, counts: next.counts, reason, http, kind };
  return { status: "failure", reason: next.because ? `${reason} ${next.because}` : reason, http, kind };
}

/** Labels are only for the log. An error in them is logged there and has no other effect. */
function labelsOf(workflow: Workflow, run: Run): Readonly<Record<string, string | undefined>> {
  try {
    return workflow.labels?.(givenOf(workflow, run)) ?? {};
  } catch (error) {
    return { labels: `could not be computed: ${error instanceof Error ? error.message : "an error"}` };
  }
}

/** The run stays cancelled, regardless of the outcome of the workflow's `cancelled`. */
function stillCancelled({ reason = "" }: Run): Settlement {
  return { status: "cancelled", reason };
}

/** The outcome if the workflow is gone or no longer has `cancelled`. */
export const NOT_CALLED: Outcome = { status: "skipped", reason: "The workflow no longer has `cancelled`." };

function recordHandler(log: Log, workflow: Workflow | undefined, outcome: Outcome, facts: object): void {
  if (outcome.status === "failure") log.error(facts, "the workflow's `cancelled` failed, and is not called again");
  else if (outcome !== NOT_CALLED && workflow?.cancelled) log.info(facts, "the workflow's `cancelled` has ended");
}

function record(
  log: Log,
  outcome: Outcome,
  settlement: Settlement,
  /** `isRepeated`: the run waited for the same before. */
  { facts, isRepeated }: { readonly facts: object; readonly isRepeated: boolean },
): void {
  if (outcome.status === "success") log.info({ ...facts, outputs: outcome.outputs }, "run succeeded");
  else if (outcome.status === "skipped") log.info({ ...facts, reason: outcome.reason }, "run skipped");
  else if (outcome.status === "waiting")
    log[isRepeated ? "debug" : "info"]({ ...facts, reason: outcome.reason }, "run waits");
  else if (outcome.status === "cancelled") log.info({ ...facts, reason: outcome.reason }, "run cancelled");
  else if (settlement.status !== "queued") log.error(facts, "run failed");
  else {
    const next = { ...facts, next_attempt: new Date(settlement.dueAt).toISOString() };
    if (outcome.kind === "limit") log.info(next, "run waits for a GitHub rate limit");
    else log.warn(next, "attempt failed");
  }
}
