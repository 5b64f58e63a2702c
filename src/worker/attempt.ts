import type { ActionsRuns } from "../model/actions-runs.ts";
import { type Claim, hasWaited } from "../model/claim.ts";
import { millisecondsOf } from "../model/duration.ts";
import type { GitHubClient } from "../model/github.ts";
import type { Lease } from "../model/lease.ts";
import type { NoteWrite } from "../model/network.ts";
import type { RunReport } from "../model/report.ts";
import type { OctokitNames } from "../model/rest.ts";
import { afterAttempt } from "../model/retry.ts";
import type { Outcome, Run } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { wakeKeyOfWorkflow } from "../model/waits.ts";
import type { WebhookEvent } from "../model/webhooks.ts";
import {
  type Context,
  DEFAULT_TIMEOUT,
  givenOf,
  isCalledWhenCancelled,
  triggerOf,
  type Workflow,
} from "../model/workflow.ts";
import type { BrokenFile, WorkflowSource } from "../model/workflow-file.ts";
import { type Attempting, confined, type Stopping } from "./attempting.ts";
import { changedFilesOf, unwantedChange } from "./changed-files.ts";
import { type ContextParts, contextOf } from "./context.ts";
import { concluded, type Ended, type EndingParts, givenBack, NOT_CALLED, type Seen } from "./ending.ts";
import type { GitHubParts } from "./github.ts";
import { keptOutcome } from "./kept.ts";
import { type AttemptLease, LOST } from "./leases.ts";
import { Names } from "./names.ts";
import { failedAside, failedBy, outcomeOf } from "./outcome.ts";
import { type ReportingParts, reported, SHOWN_STEP } from "./reporting.ts";
import { AttemptLog } from "./run-log.ts";
import { sentRequests } from "./sent-requests.ts";
import { openSuspending, type Suspending } from "./suspending.ts";

type OfOneAttempt =
  | (
      | "github"
      | "actions"
      | "octokitNames"
      | "githubAs"
      | "runSecrets"
      | "attempting"
      | "lease"
      | "isRepeatOf"
      | "runLog"
    )
  | ("names" | "suspending" | "hide" | "said" | "readChangedFiles");

export type AttemptParts = Omit<ContextParts, OfOneAttempt> &
  EndingParts & {
    readonly store: Pick<RunStore, "saveLines"> & ReportingParts["store"];
    readonly workflowNamed: (name: string) => Workflow | undefined;
    /** Workflow files with an error, which define no workflow. */
    readonly brokenFiles?: (() => readonly BrokenFile[]) | undefined;
    /** The version of a workflow's code, see `Attempt`. */
    readonly codeOf?: ((name: string) => string | undefined) | undefined;
    /** The workflow's file, if it has one. */
    readonly sourceOf?: ((name: string) => WorkflowSource | undefined) | undefined;
    /** From 0 to 1. */
    readonly random: () => number;
    readonly retryHours: number;
    readonly runUrl?: ReportingParts["runUrl"];
    /** Opens GitHub with the run's credentials, until `release` is called. */
    readonly github: (attempt: {
      /** The workflow decides the credentials and those of its identities. Undefined: the workflow is gone. */
      workflow: Workflow | undefined;
      /** An identity of the workflow, or `service`. Undefined: the workflow's credentials. */
      identity: string | undefined;
      /** The token that the run's request brought. It replaces the other credentials. */
      token: string | undefined;
      /** The run's name in the queue before a limit. */
      name: string;
      /** Gets the request id of every answer. */
      saw: (requestId: string) => void;
      /** Gets every write. */
      wrote: NoteWrite;
      /** Nothing is sent unless the lease holds. */
      lease: Lease;
    }) => { github: GitHubClient; actions: ActionsRuns; octokitNames: OctokitNames; release(): void };
    /** Hides a token from logs and answers until you call the returned function. */
    readonly hide: (token: string) => () => void;
    readonly stopping: Pick<Stopping, "begun" | "follow">;
  };

/** Executes a claimed run once, decides what happens next, and writes one log record for the attempt. */
export async function attemptRun(
  claim: Claim,
  token: string | undefined,
  parts: AttemptParts & { readonly lease: AttemptLease },
): Promise<Ended & { readonly runLog: AttemptLog }> {
  const { clock, keeping } = parts;
  const { run } = claim;
  const startedAt = clock.now();
  /** Secrets of this run alone: the token of its request, and the secrets of its callbacks. */
  const runSecrets: string[] = [];
  const hidden: (() => void)[] = [];
  const hide = (secret: string) => {
    runSecrets.push(secret);
    hidden.push(parts.hide(secret));
  };
  if (token) hide(token);
  const workflow = parts.workflowNamed(run.workflow);
  const code = parts.codeOf?.(run.workflow);
  const seen: Seen = { requestId: undefined, dedupeKey: undefined };
  const runLog = new AttemptLog(claim, parts);
  const said: RunReport[] = [];
  const sent = sentRequests(clock, keeping);
  const asking = {
    workflow,
    // A run that replaces this one in its group also takes its place in the queue.
    name: run.group === undefined ? run.id : `${run.workflow}\n${run.group}`,
    saw: (id: string) => {
      seen.requestId = id;
    },
    lease: parts.lease,
  };
  const releases: (() => void)[] = [];
  const open = (as: { identity: string | undefined; token: string | undefined }) => {
    const { release, ...its } = parts.github({ ...asking, ...as, wrote: sent.noting(as.identity) });
    releases.push(release);
    return its;
  };
  const opened = open({ identity: undefined, token });
  const githubAs = (identity: string) => open({ identity, token: undefined });
  try {
    const execute = async (found: Workflow) => {
      const outcome = await executeConfined(found, claim, {
        ...parts,
        ...opened,
        githubAs,
        runSecrets,
        hide,
        seen,
        said,
        runLog,
      });
      return keptOutcome(outcome, keeping, [...runSecrets, ...Object.values(parts.envOf(found))]);
    };
    const isGone = claim.handler && !(workflow && isCalledWhenCancelled(workflow));
    const missing = () => (isGone ? NOT_CALLED : missingWorkflow(run, parts.brokenFiles?.() ?? []));
    const did = workflow && !isGone ? await execute(workflow) : missing();
    const chances = { now: clock.now(), random: parts.random(), retryHours: parts.retryHours };
    const nextAfter = (came: Outcome) => afterAttempt(run, came, { ...chances, retry: workflow?.retry ?? true });
    const show = async (reporting: Workflow) => {
      const came = { outcome: did, next: nextAfter(did) };
      const shown = await reported(reporting, claim, came, { ...parts, ...opened, runLog, said });
      return shown === did ? did : keptOutcome(shown, keeping, runSecrets);
    };
    if (said.length > 0 && workflow?.report === undefined) runLog.log.info(NOT_SHOWN);
    const isShown = workflow?.report !== undefined && !isGone && !(parts.stopping.begun && did.status === "failure");
    const outcome = isShown ? await show(workflow) : did;
    const isGivenBack = parts.stopping.begun && outcome.status === "failure";
    runLog.end(isGivenBack ? undefined : outcome);
    const facts = { startedAt, endedAt: clock.now(), code, sent: sent.all() };
    const ended = isGivenBack
      ? givenBack(claim, facts, parts.log)
      : concluded(claim, { ...facts, outcome, next: nextAfter(outcome), workflow, ...seen }, parts);
    return { ...ended, runLog };
  } finally {
    for (const release of releases) release();
    for (const show of hidden) show();
  }
}

const NOT_SHOWN = "report() has no effect: the workflow has no option `report`";

/**
 * Time to clean up: enough to cancel an Actions run, and to force that after a minute. The caller that cancelled does
 * not wait for it.
 */
const CANCELLED_TIMEOUT = "2m";

async function executeConfined(
  workflow: Workflow,
  claim: Claim,
  parts: Omit<AttemptParts, "github" | "hide"> & {
    readonly github: GitHubClient;
    readonly actions: ActionsRuns;
    readonly octokitNames: OctokitNames;
    readonly githubAs: GitHubParts["githubAs"];
    readonly hide: (secret: string) => void;
    readonly lease: AttemptLease;
    readonly runSecrets: readonly string[];
    readonly seen: Seen;
    readonly said: RunReport[];
    readonly runLog: AttemptLog;
  },
): Promise<Outcome> {
  const { handler } = claim;
  const { name, dedupe } = workflow;
  const { timeout = DEFAULT_TIMEOUT } = handler ? { timeout: CANCELLED_TIMEOUT } : workflow;
  const { stopping, lease, seen, runLog } = parts;
  const { id: run } = claim.run;
  const left = (calls: readonly string[]) =>
    runLog.warn(
      "the workflow did not await these calls: the service waits for them, and the run fails if one of them fails",
      {
        calls: calls.slice(0, MAX_CALLS),
        count: calls.length,
      },
    );
  const times = { timeout, timeoutMs: millisecondsOf(timeout) };
  const about = { run, workflow: name, handler, source: parts.sourceOf?.(name), ...times, runLog, left };
  const names = new Names(claim, parts.keeping);
  if (workflow.report !== undefined) names.done("step", SHOWN_STEP);
  const outcome = await confined(about, parts.clock, async (attempting) => {
    stopping.follow(attempting);
    lease.follow(attempting);
    // The service stops, the run is cancelled, or another process has it: run none of the workflow's code.
    if (attempting.over) return LOST;
    const isRepeatOf = (key: string) => {
      seen.dedupeKey = key;
    };
    // Created when needed, because few workflows wait.
    let waiting: Suspending | undefined;
    const suspending = () => (waiting ??= openSuspending(claim, { ...parts, attempting, names }));
    const delivery = deliveryOf(workflow, claim.run);
    const readChangedFiles = changedFilesOf(delivery, () => context);
    const its = { attempting, isRepeatOf, names, suspending, readChangedFiles };
    const context: Context = contextOf(workflow, claim, { ...parts, ...its });
    if (dedupe && !handler) {
      const key = dedupe.key(givenOf(workflow, claim.run));
      const earlier = await context.repeatOf(key, millisecondsOf(dedupe.within) / 1000);
      // A run that has waited is in the middle of its work.
      if (earlier !== undefined && !hasWaited(claim)) {
        return { status: "skipped", reason: `run ${earlier} has done the same within ${dedupe.within} (key ${key})` };
      }
    }
    const alsoFailed = ({ what, error }: { what: string; error: unknown }) =>
      runLog.warn("a call that the workflow did not await also failed", { call: what, err: error });
    const work = async () => {
      if (handler) return workflow.cancelled?.(context);
      const unwanted = delivery && (await unwantedChange(workflow, delivery, readChangedFiles));
      return unwanted ?? workflow.run(context);
    };
    return execute(work, attempting, { alsoFailed, failedBy: async (error) => waiting?.failedBy(error) });
  });
  // An attempt that failed or was cut off did not reach all its steps.
  const isWhole = outcome.status !== "failure" && outcome.status !== "cancelled";
  // The same wait again is not worth a warning.
  const isRepeated = outcome.status === "waiting" && outcome.reason === claim.run.reason;
  if (isWhole) for (const each of names.differences()) isRepeated ? runLog.log.debug(each) : runLog.warn(each, {});
  return outcome;
}

const MAX_CALLS = 10;

/** The webhook delivery that started a run. */
function deliveryOf(workflow: Workflow, run: Run): WebhookEvent | undefined {
  return triggerOf(workflow, run) === "github" ? (run.input as unknown as WebhookEvent) : undefined;
}

/**
 * Runs a workflow's code, and waits for calls that the code did not await. Never throws: an error becomes an outcome.
 */
async function execute(
  work: () => Promise<unknown>,
  { calls, about: { source } }: Attempting,
  {
    alsoFailed,
    failedBy: noteFailure,
  }: {
    /** Gets the failed calls, except the one that decides the outcome. */
    readonly alsoFailed: (call: { readonly what: string; readonly error: unknown }) => void;
    /** Gets the error that decides the outcome. */
    readonly failedBy: (error: unknown) => Promise<void>;
  },
): Promise<Outcome> {
  let outcome: Outcome;
  try {
    outcome = outcomeOf(await work());
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

/**
 * Fixing a broken file may not need a restart, which would wake the run. So the run looks again after this time, ms.
 */
const LOOK_FOR_WORKFLOW_MS = 5 * 60_000;

/** A broken file may define any workflow. While a file is broken, no workflow counts as gone. */
function missingWorkflow({ workflow, ownToken }: Run, broken: readonly BrokenFile[]): Outcome {
  if (broken.length > 0 && !ownToken) {
    const files = broken.map(({ file }) => file).join(", ");
    return {
      status: "waiting",
      reason: `There is no workflow ${workflow} now, and these files are broken: ${files}. The run starts when they are fixed.`,
      waits: [],
      wakeKeys: [wakeKeyOfWorkflow(workflow)],
      againInMs: LOOK_FOR_WORKFLOW_MS,
    };
  }
  const reason = `This service no longer has a workflow ${workflow}. Add it again and re-run, or send the event again.`;
  return { status: "failure", kind: "permanent", http: 500, reason };
}
