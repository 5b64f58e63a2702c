import { hash } from "node:crypto";
import type { Claim } from "../model/claim.ts";
import { type Clock, pause } from "../model/clock.ts";
import { millisecondsOf } from "../model/duration.ts";
import { at } from "../model/event-facts.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { GitHubClient } from "../model/github.ts";
import { isCommitHash, isRepositoryName, ownerAndName } from "../model/github-names.ts";
import { type ReportedCommit, type RunReport, reportOf } from "../model/report.ts";
import type { Outcome, Run } from "../model/run.ts";
import { newerOf } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import { oneLine } from "../model/visible.ts";
import { givenOf, type Workflow } from "../model/workflow.ts";
import { confined, type Stopping } from "./attempting.ts";
import type { Keeping } from "./kept.ts";
import { type AttemptLease, LOST } from "./leases.ts";
import { failedBy } from "./outcome.ts";
import type { AttemptLog } from "./run-log.ts";
import { type Came, cancelledAs, type Shown, shownOf } from "./shown.ts";
import type { StoreHealth } from "./store-health.ts";

export type ReportingParts = {
  readonly store: Pick<RunStore, "saveStep" | "get" | "list">;
  readonly github: Pick<GitHubClient, "check" | "status" | "request">;
  readonly keeping: Pick<Keeping, "brief">;
  readonly clock: Clock;
  readonly insist: StoreHealth["insist"];
  readonly lease: AttemptLease;
  readonly stopping: Pick<Stopping, "follow">;
  readonly runLog: Pick<AttemptLog, "warn" | "print" | "log">;
  readonly said: readonly RunReport[];
  /** The page of a run; undefined if the service does not know its address. */
  readonly runUrl?: ((run: string) => string) | undefined;
};

/** The name of the step that stores what is shown while a run has not ended. */
export const SHOWN_STEP = "report (in progress)";

/** Enough for three tries of each request, with GitHub at its slowest. */
const TIMEOUT = "2m";

/** How long a run waits before it tries again to show that it waits, ms. */
const AGAIN_MS = 60_000;

/** Delays before showing a cancelled run again, ms. No later attempt could do it. */
const CANCELLED_DELAYS_MS = [5000, 30_000, 60_000];

/**
 * Shows a run's result on its commit, or that the run has not ended. Resolves with the outcome. If a transient fault
 * keeps the result from being shown, the outcome is a transient failure, so that the run is attempted again.
 */
export async function reported(workflow: Workflow, claim: Claim, came: Came, parts: ReportingParts): Promise<Outcome> {
  const { outcome } = came;
  const { run, handler = false } = claim;
  // The workflow's `cancelled` runs next and shows it. A run with a token has no later attempt, so it shows it now.
  if (outcome.status === "cancelled" && !run.ownToken) return outcome;
  // Showing it would meet the same limit.
  if (outcome.status === "failure" && outcome.kind === "limit" && !came.next.end) return outcome;
  const times = { timeout: TIMEOUT, timeoutMs: millisecondsOf(TIMEOUT) };
  const about = { run: run.id, workflow: workflow.name, handler, isReport: true, source: undefined, ...times };
  return confined({ ...about, runLog: parts.runLog, left: () => {} }, parts.clock, async (attempting) => {
    parts.stopping.follow(attempting);
    parts.lease.follow(attempting);
    if (attempting.over) return LOST;
    for (const delay of handler ? [...CANCELLED_DELAYS_MS, undefined] : [undefined]) {
      try {
        await show(workflow, claim, came, parts);
        return outcome;
      } catch (error) {
        const failed = failedBy(error, undefined);
        const isPassing = failed.status === "failure" && failed.kind !== "permanent";
        if (!isPassing || delay === undefined) return unlessShown(came, failed, { ...parts, handler });
        await pause(parts.clock, delay, attempting.signal);
      }
    }
    return outcome;
  });
}

/** The outcome of an attempt whose result could not be shown. */
function unlessShown(
  { outcome, next }: Came,
  failed: Outcome,
  { runLog, handler }: Pick<ReportingParts, "runLog"> & { readonly handler: boolean },
): Outcome {
  if (failed.status !== "failure") return outcome;
  const isPassing = failed.kind !== "permanent";
  const isFailure = outcome.status === "failure";
  const facts = { reason: failed.reason };
  if (isPassing && isFailure && !next.end) {
    runLog.log.debug(NOT_SHOWN, facts);
    return outcome;
  }
  if (handler || outcome.status === "cancelled" || (isFailure && !isPassing)) {
    runLog.warn(NOT_SHOWN, facts);
    return outcome;
  }
  if (isPassing && outcome.status === "waiting") {
    runLog.warn(NOT_SHOWN, facts);
    return { ...outcome, againInMs: Math.min(outcome.againInMs ?? AGAIN_MS, AGAIN_MS) };
  }
  if (!isFailure) return failed;
  return { ...failed, reason: `${outcome.reason} The result could not be shown on the commit yet: ${failed.reason}` };
}

const NOT_SHOWN = "the run could not be shown on its commit";

async function show(workflow: Workflow, claim: Claim, came: Came, parts: ReportingParts): Promise<void> {
  const { store, keeping, clock, insist, said } = parts;
  const { run, attempt, handler = false, firstAttempt = 1 } = claim;
  const before = shownBefore(claim.steps);
  const commit = before?.commit ?? (await commitOf(workflow, run, parts.github));
  const shown = shownOf(run, came, said, handler);
  const isNew = before === undefined || before.attempt < firstAttempt;
  if (!commit) {
    if (shown.state !== "in_progress") await endSuperseded(workflow, claim, undefined, parts);
    return;
  }
  if (handler && (await isReplacedOn(commit, workflow, run, parts))) return;
  const title = keeping.brief(oneLine(shown.title), MAX_TITLE);
  const mark = { ...commit, title, hash: hash("sha256", `${shown.title}\n${shown.summary}`) };
  if (shown.state === "in_progress" && !isNew && before.hash === mark.hash) return;
  await write(workflow, commit, shown, run.id, parts);
  if (isNew) await endSuperseded(workflow, claim, commit, parts);
  if (shown.state !== "in_progress") return;
  const at = clock.now();
  const step = { name: SHOWN_STEP, kind: "step", attempt, startedAt: at, endedAt: at, error: undefined } as const;
  await insist(() => store.saveStep(claim, { ...step, result: mark }));
}

const MAX_TITLE = 255;

type Mark = { readonly commit: ReportedCommit; readonly hash: unknown; readonly attempt: number };

/** What was shown last for a run that has not ended. */
function shownBefore(steps: Claim["steps"]): Mark | undefined {
  const its = steps.filter(({ name, kind }) => name === SHOWN_STEP && kind === "step");
  const latest = its.toSorted((one, other) => other.attempt - one.attempt)[0];
  if (!latest?.result) return undefined;
  const { repository, sha, hash } = latest.result as { readonly [Name in "repository" | "sha" | "hash"]: string };
  return { commit: { repository, sha }, hash, attempt: latest.attempt };
}

/** The commit of an event. For a comment on a pull request, it is the current head. */
async function commitOf(
  workflow: Workflow,
  run: Pick<Run, "trigger" | "input">,
  github?: Pick<GitHubClient, "request">,
): Promise<ReportedCommit | undefined> {
  const given = givenOf(workflow, run);
  const { commit } = reportOf(workflow) ?? {};
  if (commit) return checked(workflow, commit(given));
  const { repository, sha, pull } = given;
  if (repository === undefined || isOfReport(workflow, given.event)) return undefined;
  if (sha !== undefined) return { repository, sha };
  if (pull === undefined || !github) return undefined;
  const which = { ...ownerAndName(repository), pull_number: pull };
  const { data } = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", which);
  return { repository, sha: data.head.sha };
}

/** GitHub also sends events for statuses and checks. Reporting on those would never end. */
function isOfReport(workflow: Workflow, event: unknown): boolean {
  const { name } = reportOf(workflow) ?? {};
  const { payload } = (event ?? {}) as { readonly payload?: unknown };
  return name !== undefined && [at(payload, "context"), at(payload, "check_run", "name")].includes(name);
}

function checked({ name }: Workflow, commit: ReportedCommit | undefined): ReportedCommit | undefined {
  if (commit === undefined) return undefined;
  const { repository, sha } = commit;
  if (isRepositoryName(repository) && isCommitHash(sha)) return { repository, sha };
  throw new PermanentFailure({
    tried: `finding the commit that ${name} reports on`,
    happened: `\`report.commit\` returned ${JSON.stringify({ repository, sha })}`,
    remedy: 'Return { repository: "owner/name", sha } with the full hash, or undefined to report nothing.',
  });
}

function write(
  workflow: Workflow,
  { repository, sha }: ReportedCommit,
  { state, title, summary, annotations }: Shown,
  run: string,
  { github, runUrl }: Pick<ReportingParts, "github" | "runUrl">,
): Promise<void> {
  const { as, name } = reportOf(workflow) ?? { as: "check", name: workflow.name };
  const url = runUrl?.(run);
  if (as === "status") {
    const about = { repository, sha, context: name, description: title, targetUrl: url };
    return github.status({ ...about, state: STATUS_STATES[state] });
  }
  return github.check({
    ...{ repository, sha, name, key: workflow.name, title, summary, annotations, detailsUrl: url },
    ...(state === "in_progress" ? { status: state } : { status: "completed", conclusion: state }),
  });
}

/** A commit status has no other states. */
const STATUS_STATES = {
  in_progress: "pending",
  success: "success",
  skipped: "success",
  failure: "failure",
  cancelled: "error",
} as const;

/** Whether the run that cancelled this one reports on the same commit. Then only the newer result counts. */
async function isReplacedOn(
  commit: ReportedCommit,
  workflow: Workflow,
  run: Run,
  { store }: ReportingParts,
): Promise<boolean> {
  const newer = newerOf(run.cancelledBy ?? "");
  const other = newer && (await store.get(newer))?.run;
  return other !== undefined && other !== "" && isSame(await commitOf(workflow, other), commit);
}

const isSame = (one: ReportedCommit | undefined, other: ReportedCommit | undefined) =>
  one?.repository === other?.repository && one?.sha === other?.sha;

/** How many superseded runs of a group are checked. Each was waiting when a newer event arrived. */
const MOST_SUPERSEDED = 20;

/**
 * Runs that this run superseded may still be shown as in progress on other commits, if the workflow does not group by
 * commit. This ends them.
 */
async function endSuperseded(
  workflow: Workflow,
  claim: Claim,
  commit: ReportedCommit | undefined,
  parts: ReportingParts,
): Promise<void> {
  const { group, id } = claim.run;
  if (workflow.concurrency === undefined || group === undefined) return;
  const { runs } = await parts.store.list({ workflow: workflow.name, group }, { limit: MOST_SUPERSEDED });
  const replaced = new Set([id]);
  for (const { id: older, status, supersededBy, cancelledBy = "", attempts } of runs) {
    if (!replaced.has(supersededBy ?? newerOf(cancelledBy) ?? "")) continue;
    replaced.add(older);
    // A cancelled run shows its end without help.
    if (status !== "superseded") continue;
    const before = attempts === 0 ? undefined : shownBefore((await parts.store.get(older))?.steps ?? []);
    if (before === undefined || isSame(before.commit, commit)) continue;
    await write(workflow, before.commit, cancelledAs("Superseded by a newer event."), older, parts);
  }
}
