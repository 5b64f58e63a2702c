import type { SQLOutputValue } from "node:sqlite";
import type { ClaimedWait } from "../model/claim.ts";
import type { NewRun } from "../model/new-run.ts";
import type {
  Action,
  Attempt,
  FailureKind,
  FailureStatus,
  Json,
  ListedRun,
  Run,
  RunStatus,
  SentRequests,
  Step,
  Trigger,
} from "../model/run.ts";
import type { Waiting } from "../model/store.ts";
import type { RecentRun } from "../model/workflow-stats.ts";

export type Row = Record<string, SQLOutputValue>;

/** A row of `runs`. */
export type RunRow = {
  /** The order of acceptance; 0 until the run is stored. */
  readonly seq: number;
  readonly id: string;
  readonly workflow: string;
  readonly grp: string | null;
  /** The place in a concurrency group for which runs wait. Null for a run that waits for no other. */
  readonly slot: string | null;
  readonly input: string;
  readonly own_token: number;
  readonly status: RunStatus;
  readonly accepted_at: number;
  readonly retries_from: number;
  /** By the store's clock, like `lease_until`. */
  readonly due_at: number | null;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly attempts: number;
  readonly failures: number;
  /** Attempts from this one on may use the results of steps. */
  readonly steps_from: number;
  /** The first attempt since the run was accepted or re-run. */
  readonly first_attempt: number;
  readonly owner: string | null;
  readonly lease_until: number | null;
  readonly outputs: string | null;
  readonly reason: string | null;
  readonly http: number | null;
  readonly kind: string | null;
  readonly dedupe_key: string | null;
  readonly superseded_by: string | null;
  readonly event_source: string | null;
  readonly event_id: string | null;
  readonly trace: string | null;
  readonly title: string | null;
  readonly trigger_kind: string | null;
  readonly actor: string | null;
  readonly rerun_of: string | null;
  /** 1: every event of its group runs, in order. */
  readonly in_order: number;
  /** The name of its rate, and the rate: how many runs start within how many milliseconds. */
  readonly pace: string | null;
  readonly throttle_limit: number | null;
  readonly throttle_ms: number | null;
  /** When the first attempt of a run with a rate started, by the store's clock. */
  readonly begun_at: number | null;
  /** Who cancelled the run while it was running, and when, by that process's clock. */
  readonly cancel_actor: string | null;
  readonly cancel_at: number | null;
  /**
   * The state of the workflow's `cancelled`; null: it is not called. `wanted`: it is due when the run ends as
   * cancelled.
   */
  readonly handler: "wanted" | "due" | "running" | "done" | null;
  /** 1: an event that the run may wait for arrived while it was running. */
  readonly woken: number;
};

/** No process has the run. */
export const FREE = { owner: null, lease_until: null };

/** The columns that a decision of the rules leaves unchanged, and those that it may change. */
const KEPT = [
  "id",
  "workflow",
  "grp",
  "slot",
  "own_token",
  "accepted_at",
  "event_source",
  "event_id",
  "trigger_kind",
  "title",
  "actor",
  "rerun_of",
  "in_order",
  "pace",
  "throttle_limit",
  "throttle_ms",
  "begun_at",
] as const;
export const CHANGING = [
  ...([
    "status",
    "retries_from",
    "due_at",
    "started_at",
    "ended_at",
    "attempts",
    "failures",
    "steps_from",
    "first_attempt",
  ] as const),
  ...(["owner", "lease_until", "outputs", "reason", "http", "kind", "dedupe_key", "superseded_by", "trace"] as const),
  ...(["cancel_actor", "cancel_at", "handler", "woken"] as const),
];
export const INSERTED = [...KEPT, "input", ...CHANGING] as const;

/** All columns except `input`, which may have megabytes. */
export const WITHOUT_INPUT = ["seq", ...KEPT, ...CHANGING].map((column) => `runs.${column}`).join(", ");

/** A row of `runs` as the model's type. */
export function runOf(row: Row): Run {
  return { ...listedRunOf(row), input: JSON.parse(row.input as string) as Json };
}

/** The columns that `listedRunOf` reads. */
export const LISTED = `seq, id, workflow, grp, own_token, status, accepted_at, due_at, started_at, ended_at, attempts,
  failures, retries_from, outputs, reason, http, kind, superseded_by, trigger_kind, title, actor, rerun_of,
  cancel_actor, handler`;

export function listedRunOf(row: Row): ListedRun {
  return {
    ...recentRunOf(row),
    workflow: row.workflow as string,
    group: text(row.grp),
    ...(row.title !== null && { title: text(row.title) }),
    actor: text(row.actor),
    rerunOf: text(row.rerun_of),
    ownToken: row.own_token === 1,
    attempts: row.attempts as number,
    failures: row.failures as number,
    retriesFrom: row.retries_from as number,
    outputs: json(row.outputs),
    reason: text(row.reason),
    http: number(row.http) as FailureStatus | undefined,
    kind: text(row.kind) as FailureKind | undefined,
    supersededBy: text(row.superseded_by),
    ...(row.handler === "due" || row.handler === "running" ? { cleaningUp: true } : {}),
    trace: text(row.trace),
    ...(row.cancel_actor === null ? {} : { cancelledBy: row.cancel_actor as string }),
  };
}

/** The columns that `recentRunOf` reads. */
export const RECENT = "seq, id, workflow, status, trigger_kind, accepted_at, due_at, started_at, ended_at";

export function recentRunOf(row: Row): RecentRun {
  return {
    id: row.id as string,
    status: row.status as RunStatus,
    trigger: text(row.trigger_kind) as Trigger | undefined,
    acceptedAt: row.accepted_at as number,
    dueAt: row.status === "queued" || row.status === "waiting" ? number(row.due_at) : undefined,
    startedAt: number(row.started_at),
    endedAt: number(row.ended_at),
  };
}

/**
 * Counts queued or waiting runs. Queued runs are counted by the kind of failure that they wait for, and by whether
 * their workflow is paused.
 */
export function waitingOf(row: Row): Waiting {
  const queuedFor = row.kind === "limit" ? "limit" : row.kind === null ? "turn" : "retry";
  const reason = row.is_paused ? "paused" : row.status === "waiting" ? "wait" : queuedFor;
  return { reason, count: row.count as number, since: row.since as number };
}

export function attemptOf(row: Row): Attempt {
  return {
    number: row.number as number,
    startedAt: row.started_at as number,
    endedAt: row.ended_at as number,
    outcome: row.outcome as Attempt["outcome"],
    reason: text(row.reason),
    kind: text(row.kind) as FailureKind | undefined,
    githubRequestId: text(row.github_request_id),
    ...(row.stack === null ? {} : { stack: row.stack as string }),
    ...(row.code === null ? {} : { code: row.code as string }),
    ...(row.handler === 1 ? { handler: true } : {}),
    ...(row.sent === null ? {} : { sent: json(row.sent) as unknown as SentRequests }),
  };
}

export function actionOf(row: Row): Action {
  return {
    at: row.at as number,
    actor: row.actor as string,
    action: row.action as Action["action"],
    ...(row.details === null ? {} : { details: row.details as string }),
  };
}

export function stepOf(row: Row): Step {
  return {
    name: row.name as string,
    kind: row.kind as Step["kind"],
    attempt: row.attempt as number,
    startedAt: row.started_at as number,
    endedAt: number(row.ended_at),
    until: number(row.until),
    result: json(row.result),
    error: text(row.error),
  };
}

/** @param row of `steps`, with `is_over`. @param answers the answered callbacks of the run. */
export function claimedWait(row: Row, answers: readonly Row[]): ClaimedWait {
  const answer = row.kind === "callback" ? answers.find(({ name }) => name === row.name) : undefined;
  return {
    name: row.name as string,
    kind: row.kind as ClaimedWait["kind"],
    attempt: row.attempt as number,
    startedAt: row.started_at as number,
    isOver: Boolean(row.is_over),
    answer: answer && {
      body: json(answer.body) ?? null,
      actor: answer.actor as string,
      at: answer.answered_at as number,
    },
  };
}

/** The place of an event or a run in a concurrency group. */
export function slotOf(event: Pick<NewRun, "workflow" | "group" | "ownToken">): string | null {
  return event.ownToken || event.group === undefined ? null : clean(`${event.workflow}\n${event.group}`);
}

/**
 * A text as both databases store and find it. The NUL character becomes its symbol: PostgreSQL rejects it (22P05), and
 * SQLite's functions end a text at it. Neither database stores half of a surrogate pair.
 */
export function clean<T extends string | null | undefined>(text: T): T {
  return (typeof text === "string" ? text.replaceAll("\0", "\u2400").toWellFormed() : text) as T;
}

export function text(value: SQLOutputValue | undefined): string | undefined {
  return (value as string | null) ?? undefined;
}

function number(value: SQLOutputValue | undefined): number | undefined {
  return (value as number | null) ?? undefined;
}

export function json(value: SQLOutputValue | undefined): Json | undefined {
  return typeof value === "string" ? (JSON.parse(value) as Json) : undefined;
}
