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
  /** Names the trace that the attempt belongs to, for its log records. */
  readonly traceIds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
};

/** An attempt that has ended, and what that makes of its run. */
export type Ended = { readonly attempt: Attempt; readonly settlement: Settlement };

/** What is noticed during an attempt. */
export type Seen = { requestId: string | undefined; dedupeKey: string | undefined };

/** GitHub's have some 50; a header may have 16 KB. */
const MAX_REQUEST_ID_CHARACTERS = 200;

/** When an attempt was made, of which version of the code, and what it has changed at GitHub. */
type Circumstances = {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly code: string | undefined;
  readonly sent?: SentRequests | undefined;
};

/** An attempt as the history has it. */
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
 * What becomes of an attempt that has not ended well while the service is stopping: its failure is the stop's more often
 * than not. It does not count; the run is due again at once.
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

/** What becomes of an attempt, and its one log record. */
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

/** Labels are a courtesy of the log: one that cannot be had says so and disturbs nothing. */
function labelsOf(workflow: Workflow, run: Run): Readonly<Record<string, string | undefined>> {
  try {
    return workflow.labels?.(givenOf(workflow, run)) ?? {};
  } catch (error) {
    return { labels: `could not be had: ${error instanceof Error ? error.message : "an error"}` };
  }
}

/** The run is cancelled already, whatever its workflow's `cancelled` came to. */
function stillCancelled({ reason = "" }: Run): Settlement {
  return { status: "cancelled", reason };
}

/** What a run comes to whose workflow is gone, or has no `cancelled` any more. */
export const NOT_CALLED: Outcome = { status: "skipped", reason: "The workflow has no `cancelled` any more." };

function recordHandler(log: Log, workflow: Workflow | undefined, outcome: Outcome, facts: object): void {
  if (outcome.status === "failure") log.error(facts, "the workflow's `cancelled` failed, and is not called again");
  else if (outcome !== NOT_CALLED && workflow?.cancelled) log.info(facts, "the workflow's `cancelled` has ended");
}

function record(
  log: Log,
  outcome: Outcome,
  settlement: Settlement,
  /** `isRepeated`: it has waited for the same before. */
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
    if (outcome.kind === "limit") log.info(next, "run waits for a limit of GitHub");
    else log.warn(next, "attempt failed");
  }
}
