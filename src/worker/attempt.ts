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
  | ("github" | "actions" | "octokitNames" | "githubAs" | "own" | "attempting" | "lease" | "isRepeatOf" | "runLog")
  | ("names" | "suspending" | "hide" | "said" | "readChangedFiles");

export type AttemptParts = Omit<ContextParts, OfOneAttempt> &
  EndingParts & {
    readonly store: Pick<RunStore, "saveLines"> & ReportingParts["store"];
    readonly workflowNamed: (name: string) => Workflow | undefined;
    /** Files that bring no workflow because something is wrong with them. */
    readonly brokenFiles?: (() => readonly BrokenFile[]) | undefined;
    /** The version of a workflow's code, see `Attempt`. */
    readonly codeOf?: ((name: string) => string | undefined) | undefined;
    /** The file of a workflow, where it has one. */
    readonly sourceOf?: ((name: string) => WorkflowSource | undefined) | undefined;
    /** From 0 to 1. */
    readonly random: () => number;
    readonly retryHours: number;
    readonly runUrl?: ReportingParts["runUrl"];
    /** GitHub as a run's credentials see it, until it is released. */
    readonly github: (attempt: {
      /** Names its credentials, and those of its identities. Undefined: it is gone. */
      workflow: Workflow | undefined;
      /** One of the workflow's, or `service`; the workflow itself without it. */
      identity: string | undefined;
      /** The run's own, which is used instead. */
      token: string | undefined;
      /** The run's in the line before a limit. */
      name: string;
      /** Gets the id of every answered request. */
      saw: (requestId: string) => void;
      /** Gets every write. */
      wrote: NoteWrite;
      /** Nothing is sent unless it holds. */
      lease: Lease;
    }) => { github: GitHubClient; actions: ActionsRuns; octokitNames: OctokitNames; release(): void };
    /** Hides a token from logs and answers until the returned function is called. */
    readonly hide: (token: string) => () => void;
    readonly stopping: Pick<Stopping, "begun" | "follow">;
  };

/** Executes a claimed run once, decides what follows, and writes the attempt's one log record. */
export async function attemptRun(
  claim: Claim,
  token: string | undefined,
  parts: AttemptParts & { readonly lease: AttemptLease },
): Promise<Ended & { readonly runLog: AttemptLog }> {
  const { clock, keeping } = parts;
  const { run } = claim;
  const startedAt = clock.now();
  /** What this run alone must not show: the token that it came with, and the secrets of its callbacks. */
  const own: string[] = [];
  const hidden: (() => void)[] = [];
  const hide = (secret: string) => {
    own.push(secret);
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
    // What takes this run's place in its group takes it in the line, too.
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
        own,
        hide,
        seen,
        said,
        runLog,
      });
      return keptOutcome(outcome, keeping, [...own, ...Object.values(parts.envOf(found))]);
    };
    const isGone = claim.handler && !(workflow && isCalledWhenCancelled(workflow));
    const missing = () => (isGone ? NOT_CALLED : missingWorkflow(run, parts.brokenFiles?.() ?? []));
    const did = workflow && !isGone ? await execute(workflow) : missing();
    const chances = { now: clock.now(), random: parts.random(), retryHours: parts.retryHours };
    const nextAfter = (came: Outcome) => afterAttempt(run, came, { ...chances, retry: workflow?.retry ?? true });
    const show = async (reporting: Workflow) => {
      const came = { outcome: did, next: nextAfter(did) };
      const shown = await reported(reporting, claim, came, { ...parts, ...opened, runLog, said });
      return shown === did ? did : keptOutcome(shown, keeping, own);
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

/** To clean up: enough to cancel an Actions run, and to insist after a minute. The caller that cancelled does not wait for it. */
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
    readonly own: readonly string[];
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
    runLog.warn("the workflow did not await these calls: the service waits for them, and their failure is the run's", {
      calls: calls.slice(0, MAX_CALLS),
      count: calls.length,
    });
  const times = { timeout, timeoutMs: millisecondsOf(timeout) };
  const about = { run, workflow: name, handler, source: parts.sourceOf?.(name), ...times, runLog, left };
  const names = new Names(claim, parts.keeping);
  if (workflow.report !== undefined) names.done("step", SHOWN_STEP);
  const outcome = await confined(about, parts.clock, async (attempting) => {
    stopping.follow(attempting);
    lease.follow(attempting);
    // The service stops, the run is cancelled, or another process has it: none of the workflow's code is run.
    if (attempting.over) return LOST;
    const isRepeatOf = (key: string) => {
      seen.dedupeKey = key;
    };
    // Few workflows wait.
    let waiting: Suspending | undefined;
    const suspending = () => (waiting ??= openSuspending(claim, { ...parts, attempting, names }));
    const delivery = deliveryOf(workflow, claim.run);
    const readChangedFiles = changedFilesOf(delivery, () => context);
    const its = { attempting, isRepeatOf, names, suspending, readChangedFiles };
    const context: Context = contextOf(workflow, claim, { ...parts, ...its });
    if (dedupe && !handler) {
      const key = dedupe.key(givenOf(workflow, claim.run));
      const earlier = await context.repeatOf(key, millisecondsOf(dedupe.within) / 1000);
      // One that has waited is in the middle of its work.
      if (earlier !== undefined && !hasWaited(claim)) {
        return { status: "skipped", reason: `run ${earlier} has done the same within ${dedupe.within} (key ${key})` };
      }
    }
    const alsoFailed = ({ what, error }: { what: string; error: unknown }) =>
      runLog.warn("a call that the workflow did not await has failed, too", { call: what, err: error });
    const work = async () => {
      if (handler) return workflow.cancelled?.(context);
      const unwanted = delivery && (await unwantedChange(workflow, delivery, readChangedFiles));
      return unwanted ?? workflow.run(context);
    };
    return execute(work, attempting, { alsoFailed, failedBy: async (error) => waiting?.failedBy(error) });
  });
  // One that failed, or was cut off, did not get there.
  const isWhole = outcome.status !== "failure" && outcome.status !== "cancelled";
  // One that looks for the same again and again is no news.
  const isRepeated = outcome.status === "waiting" && outcome.reason === claim.run.reason;
  if (isWhole) for (const each of names.differences()) isRepeated ? runLog.log.debug(each) : runLog.warn(each, {});
  return outcome;
}

const MAX_CALLS = 10;

/** The delivery of GitHub that has started a run. */
function deliveryOf(workflow: Workflow, run: Run): WebhookEvent | undefined {
  return triggerOf(workflow, run) === "github" ? (run.input as unknown as WebhookEvent) : undefined;
}

/**
 * Does the work of a workflow, and waits for what it has called and not awaited. Never throws: what the workflow throws
 * becomes an outcome.
 */
async function execute(
  work: () => Promise<unknown>,
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
