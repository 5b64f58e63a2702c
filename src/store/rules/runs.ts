import type { AuditEntry } from "../../model/audit.ts";
import type { Settlement } from "../../model/claim.ts";
import type { Accepted, NewRun } from "../../model/new-run.ts";
import { type Attempt, isOpen } from "../../model/run.ts";
import type { RerunOptions, RerunRejected } from "../../model/run-actions.ts";
import type { RunStore } from "../../model/store.ts";
import { type By, whoOf } from "../../model/who.ts";
import { clean, FREE, type RunRow, runOf, slotOf } from "../rows.ts";
import { type Cancelling, cancelFor } from "./cancels.ts";
import { type Paced, paced } from "./pace.ts";

/**
 * The rules of a store, once for both databases. Each database reads a situation and writes the decision, in one
 * transaction. SQL decides which runs are claimed next, because it finds them: see `claimDue` in queries.ts.
 *
 * `now` is the time of the store's clock, which decides when runs are due and leases end. `at` is the time of the
 * process, which the history shows. Both are epoch milliseconds.
 */

/** Long enough that a caller's quick retries do not hasten an attempt, and short enough for a new deployment. */
const JOINED_DUE_MS = 30_000;

/** The situation in which an event arrives. */
export type Arrival = {
  readonly now: number;
  /** When a lease that begins now ends. */
  readonly leaseUntil: number;
  /** The latest run from the event's source. */
  readonly latest: { readonly id: string; readonly event_id: string | null } | undefined;
  /** The time up to which the workflow's schedule has been carried out. */
  readonly carriedOutUntil: number | undefined;
  /** The waiting run of its slot. For a debounced workflow without groups: the run that is not due yet. */
  readonly waiting: RunRow | undefined;
  /** Whether a run of its slot is running or waiting, or its workflow's `cancelled` is due or running. */
  readonly isBusy: boolean;
  /** Whether its workflow is paused. */
  readonly isPaused: boolean;
  /** If every event of a group runs: whether runs stand in line. */
  readonly hasLine: boolean;
  /** The running or waiting run of its slot, if the event cancels it. */
  readonly holder?: RunRow | undefined;
  /** The latest runs that share its rate. */
  readonly paced?: Paced | undefined;
};

export type Acceptance =
  /** The event arrived before, and became this run. */
  | { readonly does: "nothing"; readonly run: string }
  /** The event brings its token, which cannot wait, but the workflow is paused. */
  | { readonly does: "reject"; readonly run: string }
  | { readonly does: "join"; readonly run: RunRow }
  | {
      readonly does: "add";
      readonly run: RunRow;
      readonly superseded: RunRow | undefined;
      /** The run of its group that it cancels. */
      readonly cancels: Cancelling | undefined;
      readonly actions: readonly AuditEntry[];
    };

/**
 * Decides whether an event is already known, joins the waiting run, or becomes a run that replaces the waiting one. The
 * new run is claimed immediately if it may start and the process has room for it.
 */
export function acceptance(
  event: NewRun,
  { owner, now: at, take }: Parameters<RunStore["accept"]>[1],
  {
    now,
    leaseUntil,
    latest,
    carriedOutUntil,
    waiting: queued,
    isBusy,
    hasLine,
    isPaused,
    holder,
    paced: rate,
  }: Arrival,
): Acceptance {
  const { source, id, tick } = event.event ?? {};
  const isOldTick = tick !== undefined && carriedOutUntil !== undefined && tick <= carriedOutUntil;
  if (isOldTick || (latest && latest.event_id === clean(id))) return { does: "nothing", run: latest?.id ?? event.id };

  if (event.ownToken && isPaused) return { does: "reject", run: event.id };

  const inOrder = event.order?.queue === "all";
  const waiting = inOrder ? undefined : queued;
  const pace = paced(event, { now, latest: rate, replaced: waiting?.id });
  const input = JSON.stringify(event.input);
  const isLimited = waiting?.kind === "limit";
  if (waiting && waiting.attempts > 0 && waiting.input === input) {
    // A limit has a fixed end. Any other wait ends sooner when a caller asks again.
    const due_at = isLimited ? waiting.due_at : Math.min(waiting.due_at ?? now, now + JOINED_DUE_MS);
    return { does: "join", run: { ...waiting, failures: 0, retries_from: Math.min(at, now), due_at } };
  }
  const cancels = holder && event.order?.cancelRunning && !event.ownToken ? cancelFor(event, holder, at) : undefined;
  const isTaken = cancels?.does === "end" ? cancels.run.handler !== null : isBusy;
  const isNext = !queued && !hasLine && !isTaken && !isPaused && pace.mayBegin;
  const isRunning = event.ownToken || (take && isNext);
  const run: RunRow = {
    seq: 0,
    id: event.id,
    workflow: clean(event.workflow),
    grp: clean(event.group) ?? null,
    slot: slotOf(event),
    input,
    own_token: event.ownToken ? 1 : 0,
    accepted_at: Math.min(at, now),
    retries_from: Math.min(at, now),
    failures: 0,
    steps_from: 1,
    first_attempt: 1,
    status: isRunning ? "running" : "queued",
    attempts: isRunning ? 1 : 0,
    started_at: isRunning ? at : null,
    owner: isRunning ? owner : null,
    lease_until: isRunning ? leaseUntil : null,
    due_at: pace.dueAt,
    ...{ reason: isRunning ? null : pace.reason, http: null, kind: null },
    // If the replaced run waits for the end of a limit, this one waits for the same end.
    ...(isLimited && {
      due_at: Math.max(pace.dueAt, waiting.due_at ?? now),
      ...{ reason: waiting.reason, http: waiting.http, kind: waiting.kind },
    }),
    ...{ ended_at: null, outputs: null, dedupe_key: null, superseded_by: null },
    event_source: clean(source) ?? null,
    event_id: clean(id) ?? null,
    trace: event.trace ?? null,
    trigger_kind: event.trigger ?? null,
    title: clean(event.title) ?? null,
    actor: clean(event.actor) ?? null,
    rerun_of: event.rerunOf ?? null,
    in_order: inOrder ? 1 : 0,
    ...pace.columns,
    begun_at: isRunning && pace.columns.throttle_limit !== null ? now : null,
    ...{ cancel_actor: null, cancel_at: null, handler: null, woken: 0 },
  };
  return {
    does: "add",
    run,
    superseded: waiting && supersededBy(waiting, run.id, at),
    cancels,
    actions: started(event, run),
  };
}

/** Whether a person starts the run. Other runs, which may be thousands, are only in the list of runs. */
export const isByHand = ({ trigger, rerunOf }: Pick<NewRun, "trigger" | "rerunOf">): boolean =>
  trigger === "manual" || rerunOf !== undefined;

function started(event: NewRun, run: RunRow): readonly AuditEntry[] {
  const { actor, rerunOf, by } = event;
  const who = by ?? (actor === undefined ? undefined : { actor });
  if (who === undefined || !isByHand(event)) return [];
  const facts = { ...who, at: run.accepted_at, workflow: run.workflow };
  if (rerunOf === undefined) return [{ ...facts, action: "started", run: run.id }];
  return [
    { ...facts, action: "started", run: run.id, details: `as a re-run of ${rerunOf} with another input` },
    { ...facts, action: "re-run", run: rerunOf, details: `as ${run.id} with another input` },
  ];
}

/** The return value of `accept`. */
export function acceptedBy(decision: Acceptance, owner: string, isPaused: boolean): Accepted {
  const paused = isPaused ? ({ paused: true } as const) : {};
  const nothing = { superseded: undefined, claim: undefined, ...paused };
  if (decision.does === "nothing") return { run: decision.run, joined: true, ...nothing };
  if (decision.does === "reject") return { run: decision.run, joined: false, ...nothing };
  const { run } = decision;
  if (decision.does === "join") return { run: run.id, joined: true, ...nothing };
  const claim = run.status === "running" ? { run: runOf(run), attempt: 1, owner, steps: [] } : undefined;
  const { superseded, cancels } = decision;
  const marked = cancels?.does === "mark" ? { cancels: [cancels.run.id] } : {};
  const ended = cancels?.does === "end" ? { cancelled: cancels.run.id } : {};
  return { run: run.id, joined: false, superseded: superseded?.id, ...marked, ...ended, claim, ...paused };
}

/** An attempt has ended. Its run ends too, or is queued again. */
export function settled(
  run: RunRow,
  { endedAt }: Pick<Attempt, "endedAt">,
  settlement: Exclude<Settlement, { status: "waiting" }>,
  /** The waiting run of its slot, and how far the store's clock is ahead of the process's, ms. */
  { waiting, ahead }: { readonly waiting: Pick<RunRow, "id"> | undefined; readonly ahead: number },
): RunRow {
  if (settlement.status !== "queued") return { ...run, ...ended(settlement, endedAt) };
  const next = { ...run, ...left(settlement), failures: run.failures + (settlement.counts ? 1 : 0) };
  return queuedAgain(next, settlement.dueAt + ahead, { at: endedAt, waiting });
}

/** A run after its last attempt, regardless of its state before. */
export function ended(settlement: Exclude<Settlement, { status: "waiting" | "queued" }>, endedAt: number) {
  return { ...left(settlement), status: settlement.status, ended_at: endedAt };
}

/** What an attempt leaves in its run. */
function left(settlement: Exclude<Settlement, { status: "waiting" }>) {
  const { outputs, dedupeKey, reason, http, kind } = { ...NOTHING, ...settlement };
  return {
    ...FREE,
    outputs: outputs === undefined ? null : JSON.stringify(outputs),
    dedupe_key: dedupeKey ?? null,
    reason: reason ?? null,
    http: http ?? null,
    kind: kind ?? null,
    // The cancel came too late.
    ...NOT_CANCELLED,
  };
}

const NOTHING = { outputs: undefined, dedupeKey: undefined, reason: undefined, http: undefined, kind: undefined };
const NOT_CANCELLED = { cancel_actor: null, cancel_at: null, handler: null };

/** Queues a run again. If a newer run waits in its slot, that one replaces it, unless every run of the group runs. */
export function queuedAgain(
  run: RunRow,
  due_at: number,
  { at, waiting }: { readonly at: number; readonly waiting: Pick<RunRow, "id"> | undefined },
): RunRow {
  return waiting && run.in_order === 0
    ? supersededBy(run, waiting.id, at)
    : { ...run, ...FREE, status: "queued", due_at };
}

function supersededBy(run: RunRow, newer: string, at: number): RunRow {
  return { ...run, ...FREE, status: "superseded", superseded_by: newer, ended_at: at };
}

/** @param workflow `*` means all workflows. */
export function pauseAction(action: "paused" | "resumed", workflow: string, by: By): AuditEntry {
  return { ...whoOf(by), at: by.at, action, workflow };
}

/** What a store knows about the group of a run to re-run. Empty if the run has no group. */
export type Rerunning = {
  readonly now: number;
  /** The queued, running or waiting run of its group. */
  readonly busy: Pick<RunRow, "seq" | "id" | "status"> | undefined;
  /**
   * The newest run of its group that was accepted after it. If every run of the group runs in order: the newest that
   * has started.
   */
  readonly newer: Pick<RunRow, "id" | "status"> | undefined;
};

/**
 * Queues a run for another attempt, or says why not. From the start, it repeats all steps. From the failure, it keeps
 * the results of steps and finished waits, and current waits continue. An older event of a group never runs after a
 * newer one. The newer run's outcome does not matter: if it failed, it is the one to re-run.
 */
export function rerun(
  run: RunRow,
  { busy, newer, now }: Rerunning,
  { evenIfOlder = false, from = "start", trace, at }: RerunOptions & { readonly at: number },
): RunRow | RerunRejected {
  if (isOpen(run)) {
    return { status: "notNeeded", reason: `The run is still ${run.status}.`, canForce: false };
  }
  if (run.handler === "due" || run.handler === "running") {
    const reason = "The workflow's `cancelled` is still running for this run. Re-run it after that.";
    return { status: "rejected", reason };
  }
  if (run.own_token === 1) {
    return { status: "rejected", reason: "The run brought its token, which is not stored: send it again." };
  }
  // If every run of the group runs in order, it takes its place in the line.
  if (busy && run.in_order === 0) {
    const reason = `Another run of the same group is ${busy.status}: ${busy.id}. Re-run this one after it has ended.`;
    return run.seq < busy.seq ? { status: "notNeeded", reason, canForce: false } : { status: "rejected", reason };
  }
  if (newer && !evenIfOlder) {
    return {
      status: "notNeeded",
      reason: `Its group has a newer run: ${newer.id} (${newer.status}). A re-run of this one would send the older event after the newer one.`,
      canForce: true,
    };
  }
  return {
    ...run,
    status: "queued",
    due_at: now,
    retries_from: Math.min(at, now),
    failures: 0,
    steps_from: from === "failure" ? run.steps_from : run.attempts + 1,
    first_attempt: run.attempts + 1,
    ...{ ended_at: null, outputs: null, dedupe_key: null, reason: null, http: null, kind: null, superseded_by: null },
    ...NOT_CANCELLED,
    woken: 0,
    trace: trace ?? null,
  };
}

export function rerunAction(
  { id, workflow }: Pick<RunRow, "id" | "workflow">,
  { actor = UNKNOWN, from = "start", at, ...who }: RerunOptions & { readonly at: number },
): AuditEntry {
  return { ...whoOf({ ...who, actor }), at, action: "re-run", run: id, workflow, details: `from the ${from}` };
}

/** The actor of a run from before actors were stored. */
const UNKNOWN = "unknown";
