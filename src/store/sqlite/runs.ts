import { type Claim, hasWaited, type Settlement } from "../../model/claim.ts";
import type { Accepted } from "../../model/new-run.ts";
import type { Attempt, Run, Step } from "../../model/run.ts";
import type { Cancel, Rerun, RerunOptions } from "../../model/run-actions.ts";
import { type RunStore, WRONG_CLOCK_MS } from "../../model/store.ts";
import type { By } from "../../model/who.ts";
import {
  byDue,
  claimDue,
  forgetTurns,
  hasHandler,
  hasSlot,
  interruptions,
  isUnderWay,
  rightWrongClocks,
} from "../queries.ts";
import { CHANGING, INSERTED, listedRunOf, type RunRow, runOf, slotOf, WITHOUT_INPUT } from "../rows.ts";
import { type Cancelling, cancel, cancelAction, cancelAnswer, endedByCancel } from "../rules/cancels.ts";
import { type Interrupted, interruptedRuns } from "../rules/interruptions.ts";
import { type Arrival, acceptance, acceptedBy, rerun, rerunAction, settled } from "../rules/runs.ts";
import { forgetRecords, type Note } from "./audit.ts";
import { debouncedIn, latestPaced, spaceOut } from "./paces.ts";
import type { Sql } from "./statements.ts";
import { forgetKeys, stepsOf, suspend } from "./waits.ts";

/** Operations on runs in a SQLite transaction. They read the situation, and write what the rules decide. */

type Accept = Parameters<RunStore["accept"]>;

/** @param leaseUntil when a lease that begins now ends. */
export function acceptRun(
  sql: Sql,
  event: Accept[0],
  lease: Accept[1],
  { leaseUntil, isPaused, note }: Pick<Arrival, "leaseUntil" | "isPaused"> & { readonly note: Note },
): Accepted {
  const slot = slotOf(event);
  const { workflow } = event;
  const { source, tick } = event.event ?? {};
  const taken = slot === null ? [] : sql.all(TAKEN, slot);
  const decision = acceptance(event, lease, {
    now: lease.now,
    leaseUntil,
    latest:
      source === undefined ? undefined : (sql.one(LATEST, workflow, source) as Exclude<Arrival["latest"], undefined>),
    carriedOutUntil: tick === undefined ? undefined : carriedOutUntil(sql, workflow),
    waiting: waitingIn(sql, slot) ?? debouncedIn(sql, event),
    isBusy: taken.length > 1,
    hasLine: taken.at(-1)?.in_line === 1,
    holder: event.order?.cancelRunning ? (sql.one(HOLDER, slot) as RunRow | undefined) : undefined,
    isPaused,
    paced: latestPaced(sql, event),
  });
  if (decision.does === "join") update(sql, decision.run);
  if (decision.does === "add") {
    if (tick !== undefined) carryOut(sql, workflow, tick);
    if (decision.superseded) {
      update(sql, decision.superseded);
      if (decision.superseded.attempts > 0) forgetKeys(sql, decision.superseded.seq);
    }
    if (decision.cancels) applyCancel(sql, decision.cancels);
    const { run } = decision;
    sql.change(INSERT, ...INSERTED.map((column) => run[column]));
    if (decision.actions.length > 0) note(...decision.actions);
  }
  return acceptedBy(decision, lease.owner, isPaused);
}

const LATEST = "SELECT id, event_id FROM runs WHERE workflow = ? AND event_source = ? ORDER BY seq DESC LIMIT 1";
const INSERT = `INSERT INTO runs (${INSERTED.join(", ")}) VALUES (${INSERTED.map(() => "?").join(", ")})`;

/** @param askedAt the time by the clock that measures leases. */
export function claimRuns(
  sql: Sql,
  { owner, now: at, limit }: Parameters<RunStore["claim"]>[0],
  { askedAt, leaseUntil }: { askedAt: number; leaseUntil: number },
): Claim[] {
  // This process is alive, so these are leases of attempts that hung.
  interruptRuns(sql, sql.all(LEASE_OVER, askedAt) as Interrupted[], { at, all: false });
  sql.change(RIGHT_WRONG_CLOCKS, at);
  const rows = sql.all(CLAIM, at, owner, leaseUntil, limit) as (RunRow & { suspect: number })[];
  for (const row of rows) if (row.throttle_limit !== null && row.attempts === 1) spaceOut(sql, row);
  return rows.toSorted(byDue).map((row) => {
    const { attempts } = row as RunRow;
    const begun = attempts > 1 ? stepsOf(sql, row as RunRow, at) : { steps: [], waits: [] };
    const handler = row.handler === "running" ? { handler: true } : {};
    return {
      run: runOf(row),
      attempt: attempts,
      firstAttempt: (row as RunRow).first_attempt,
      owner,
      ...begun,
      ...handler,
      suspect: row.suspect === 1,
    };
  });
}

const RUNNING = underWay("true");
const LEASE_OVER = underWay("lease_until <= $1");

/** Each part uses an index; with OR, none would be used. */
function underWay(condition: string): string {
  return `SELECT *, ${interruptions("main")} FROM (
    SELECT * FROM runs WHERE status = 'running' AND ${condition}
    UNION ALL SELECT * FROM runs INDEXED BY handlers WHERE ${hasHandler("runs")} AND handler = 'running' AND ${condition}) AS runs`;
}
const RIGHT_WRONG_CLOCKS = rightWrongClocks({ schema: "main", now: "$1", least: "min" });
const CLAIM = claimDue({
  schema: "main",
  now: "$1",
  leaseUntil: "$3",
  isInSlot: (other) => `${other}.slot = runs.slot`,
  isSamePace: (one, other) => `${one}.pace = ${other}.pace`,
  hint: (index) => `INDEXED BY ${index}`,
  // With a bare value, SQLite would prepare the statement again for each value: 1 ms instead of 30 µs per claim
  // (measured).
  limit: "(SELECT $4)",
});

/** Ends the attempts of the process that had the file open before. */
export function interruptAll(sql: Sql, at: number): void {
  interruptRuns(sql, sql.all(RUNNING) as Interrupted[], { at, all: true });
}

/** @param all these are all the runs that a process had in flight when it ended. */
function interruptRuns(sql: Sql, rows: readonly Interrupted[], { at, all }: { at: number; all: boolean }): void {
  if (rows.length === 0) return;
  const { runs, attempts } = interruptedRuns(
    rows.map((row) => ({ ...row, was_alone: all && rows.length === 1 })),
    { at, now: at, waitingIn: (slot) => waitingIn(sql, slot) },
  );
  for (const run of runs) {
    update(sql, run);
    if (run.ended_at !== null && run.attempts > 1) forgetKeys(sql, run.seq);
  }
  for (const { run, ...attempt } of attempts) insertAttempt(sql, run.seq, attempt);
}

export function extendLeases(sql: Sql, claims: readonly Claim[], leaseUntil: number): readonly Claim[] {
  return claims.filter((claim) => {
    const row = rowOf(sql, claim);
    if (row) sql.change("UPDATE runs SET lease_until = ? WHERE seq = ?", leaseUntil, row.seq);
    return row !== undefined;
  });
}

export function settleRun(
  sql: Sql,
  claim: Claim,
  attempt: Attempt,
  settlement: Settlement,
  now: number,
): Run | undefined {
  const row = rowOf(sql, claim);
  if (!row) return undefined;
  const waiting = settlement.status === "queued" ? waitingIn(sql, row.slot) : undefined;
  const run =
    endedByCancel(row, attempt, settlement) ??
    (settlement.status === "waiting"
      ? suspend(sql, row, attempt, settlement, now)
      : settled(row, attempt, settlement, { waiting, ahead: 0 }));
  if (run.ended_at !== null && hasWaited(claim)) forgetKeys(sql, row.seq);
  update(sql, run);
  insertAttempt(sql, row.seq, attempt);
  return { ...listedRunOf(run), input: claim.run.input };
}

/** The run, if this end of the attempt is already stored. Undefined if it is not, or if the run is running again. */
export function settledBefore(sql: Sql, { run, attempt: number }: Claim, attempt: Attempt): Run | undefined {
  const row = sql.one(SETTLED_BEFORE, run.id, number, attempt.endedAt, attempt.outcome) as RunRow | undefined;
  return row && { ...listedRunOf(row), input: run.input };
}

const SETTLED_BEFORE = `SELECT ${WITHOUT_INPUT} FROM runs WHERE id = $1 AND attempts = $2 AND status <> 'running'
  AND EXISTS (SELECT 1 FROM attempts WHERE run = runs.seq AND number = $2 AND ended_at = $3 AND outcome = $4)`;

export function saveStep(sql: Sql, claim: Claim, step: Step): void {
  const row = rowOf(sql, claim);
  if (!row) return;
  const { name, attempt, startedAt, endedAt, result, error } = step;
  const json = result === undefined ? null : JSON.stringify(result);
  sql.change(KEEP_STEP, ...[row.seq, name, attempt, startedAt, endedAt ?? null, json, error ?? null, step.kind]);
}

const KEEP_STEP = `INSERT INTO steps (run, name, attempt, started_at, ended_at, result, error, kind)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET started_at = excluded.started_at,
    ended_at = excluded.ended_at, result = excluded.result, error = excluded.error, kind = excluded.kind`;

export function rerunRun(sql: Sql, note: Note, id: string, { at, ...options }: RerunOptions & { at: number }): Rerun {
  const row = sql.one("SELECT * FROM runs WHERE id = ?", id) as RunRow | undefined;
  if (!row) return { status: "unknown" };
  const { slot, grp, workflow, seq } = row;
  const busy = slot === null ? undefined : (waitingIn(sql, slot) ?? (sql.one(IN_SLOT, slot) as RunRow | undefined));
  const newer = slot === null ? undefined : (sql.one(NEWER, grp, workflow, seq, row.in_order) as RunRow | undefined);
  const next = rerun(row, { now: at, busy, newer }, { ...options, at });
  if (!("seq" in next)) return next;
  update(sql, next);
  note(rerunAction(next, { ...options, at }));
  return { status: "queued", run: runOf(next) };
}

const IN_SLOT = `SELECT seq, id, status FROM runs WHERE slot = $1 AND ${hasSlot("runs")}
  UNION ALL SELECT seq, id, status FROM runs WHERE slot = $1 AND status = 'queued' AND in_order = 1 LIMIT 1`;
const NEWER =
  "SELECT id, status FROM runs WHERE grp = ? AND workflow = ? AND own_token = 0 AND seq > ? AND attempts >= ? ORDER BY seq DESC LIMIT 1";

/** See `RunStore`. */
export function scheduledUntil(sql: Sql, workflow: string, now: number): number {
  const until = carriedOutUntil(sql, workflow);
  if (until !== undefined && until <= now + WRONG_CLOCK_MS) return until;
  carryOut(sql, workflow, now);
  return now;
}

/** Reads only the oldest runs, so it needs no index. */
export function forgetRuns(sql: Sql, before: number, limit: number): number {
  const over: number[] = [];
  for (const row of sql.each("SELECT seq, accepted_at, ended_at FROM runs ORDER BY seq")) {
    const { seq, accepted_at, ended_at } = row as Pick<RunRow, "seq" | "accepted_at" | "ended_at">;
    if (over.length === limit || accepted_at >= before) break;
    if (ended_at !== null && ended_at < before) over.push(seq);
  }
  for (const seq of over) sql.change("DELETE FROM runs WHERE seq = ?", seq);
  sql.change("DELETE FROM refused_events WHERE last_at < ?", before);
  sql.change("DELETE FROM ignored_events WHERE at < ?", before);
  forgetRecords(sql, before, limit);
  sql.change(FORGET_TURNS, before);
  return over.length;
}

const FORGET_TURNS = forgetTurns("main");

function carriedOutUntil(sql: Sql, workflow: string): number | undefined {
  return sql.one("SELECT carried_out_until AS at FROM schedules WHERE workflow = ?", workflow)?.at as
    | number
    | undefined;
}

function carryOut(sql: Sql, workflow: string, until: number): void {
  sql.change("INSERT OR REPLACE INTO schedules VALUES (?, ?)", workflow, until);
}

function waitingIn(sql: Sql, slot: string | null): RunRow | undefined {
  if (slot === null) return undefined;
  return sql.one("SELECT * FROM runs WHERE slot = ? AND status = 'queued' AND in_order = 0", slot) as
    | RunRow
    | undefined;
}

/** The row of a claim, while the claim holds. */
export function rowOf(sql: Sql, { run, attempt, owner }: Claim): RunRow | undefined {
  return sql.one(CLAIMED, run.id, owner, attempt) as RunRow | undefined;
}

const CLAIMED = `SELECT ${WITHOUT_INPUT} FROM runs WHERE id = ? AND ${isUnderWay("runs")} AND owner = ? AND attempts = ?`;

const HOLDER = `SELECT ${WITHOUT_INPUT} FROM runs WHERE slot = ? AND ${hasSlot("runs")}`;
const TAKEN = `SELECT 0 AS in_line FROM runs WHERE slot = $1 AND ${hasSlot("runs")}
  UNION ALL SELECT 0 FROM runs WHERE slot = $1 AND ${hasHandler("runs")}
  UNION ALL SELECT EXISTS (SELECT 1 FROM runs WHERE slot = $1 AND status = 'queued' AND in_order = 1)`;

/** Cancels a run. */
export function cancelRun(
  sql: Sql,
  note: Note,
  id: string,
  { by, hasHandlerOf }: { by: By; hasHandlerOf: (workflow: string) => boolean },
): Cancel {
  const row = sql.one("SELECT * FROM runs WHERE id = ?", id) as RunRow | undefined;
  if (!row) return { status: "unknown" };
  const cancelling = cancel(row, by, hasHandlerOf(row.workflow));
  applyCancel(sql, cancelling);
  if (cancelling.does !== "nothing") note(cancelAction(row, by));
  return cancelAnswer(cancelling);
}

function applyCancel(sql: Sql, { does, run }: Cancelling): void {
  if (does === "nothing") return;
  update(sql, run);
  if (does === "end" && run.attempts > 0) forgetKeys(sql, run.seq);
}

function update(sql: Sql, run: RunRow): void {
  sql.change(UPDATE, ...CHANGING.map((column) => run[column]), run.seq);
}

const UPDATE = `UPDATE runs SET ${CHANGING.map((column) => `${column} = ?`).join(", ")} WHERE seq = ?`;

function insertAttempt(sql: Sql, run: number, attempt: Attempt): void {
  const { number, startedAt, endedAt, outcome, reason, kind, githubRequestId, stack, code, handler, sent } = attempt;
  sql.change(
    `INSERT OR IGNORE INTO attempts (run, number, started_at, ended_at, outcome, reason, kind, github_request_id, stack, code, handler, sent)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[run, number, startedAt, endedAt, outcome],
    ...[reason ?? null, kind ?? null, githubRequestId ?? null, stack ?? null, code ?? null, handler ? 1 : null],
    sent === undefined ? null : JSON.stringify(sent),
  );
}
