import type { Claim } from "../../model/claim.ts";
import type { Attempt, Suspension } from "../../model/run.ts";
import { WRONG_CLOCK_MS } from "../../model/store.ts";
import { STANDS, wokenAt } from "../queries.ts";
import { claimedWait, type RunRow, stepOf } from "../rows.ts";
import { suspended, type Waited, type WaitRow, wakingKeys } from "../rules/waits.ts";
import type { Sql } from "./statements.ts";

/** Operations on waits in a SQLite transaction. */

/** What an attempt may continue from: finished steps and waits, and current waits. */
export function stepsOf(sql: Sql, { seq, steps_from }: RunRow, now: number): Required<Pick<Claim, "steps" | "waits">> {
  const rows = sql.all(STEPS, now, seq, steps_from);
  const waits = rows.filter((row) => row.ended_at === null && row.kind !== "step");
  const answers = waits.some((row) => row.kind === "callback") ? sql.all(ANSWERS, seq, steps_from) : [];
  return {
    steps: rows.filter((row) => row.ended_at !== null).map(stepOf),
    waits: waits.map((row) => claimedWait(row, answers)),
  };
}

const STEPS = `SELECT *, until <= ? AS is_over FROM steps WHERE run = ? AND attempt >= ? AND ${STANDS}`;
const ANSWERS = `SELECT name, body, actor, answered_at FROM callbacks
  WHERE run = ? AND steps_from = ? AND answered_at IS NOT NULL`;

/** Stores what a run waits for, and returns the waiting run. */
export function suspend(sql: Sql, row: RunRow, attempt: Attempt, settlement: Suspension, now: number): RunRow {
  const { seq } = row;
  const known = sql.all(UNDER_WAY, seq, row.steps_from) as WaitRow[];
  const answered = sql.all(ANSWERS, seq, row.steps_from).map(({ name }) => name as string);
  const latest = sql.all(LATEST, seq) as unknown as Waited["latest"];
  const { run, waits, replaces } = suspended(row, attempt, settlement, { now, known, answered, latest });
  for (const { name, attempt: number, kind, started_at, until, until_date } of waits) {
    sql.change(BEGIN, seq, name, number, kind, started_at, until, until_date);
  }
  forgetKeys(sql, seq);
  for (const key of wakingKeys(settlement)) sql.change("INSERT INTO wake_keys (key, run) VALUES (?, ?)", key, seq);
  if (replaces !== undefined) {
    sql.change("DELETE FROM attempts WHERE run = ? AND number = ?", seq, replaces);
    sql.change("DELETE FROM log_lines WHERE run = ? AND attempt = ?", seq, replaces);
  }
  return run;
}

const UNDER_WAY = `SELECT name, attempt, kind, started_at, until, until_date FROM steps
  WHERE run = ? AND attempt >= ? AND ended_at IS NULL AND kind <> 'step' AND until IS NOT NULL`;
const LATEST = `SELECT number, outcome, reason, code,
    EXISTS (SELECT 1 FROM steps WHERE steps.run = attempts.run AND steps.attempt = attempts.number) AS has_steps
  FROM attempts WHERE run = ? ORDER BY number DESC LIMIT 2`;
const BEGIN = `INSERT INTO steps (run, name, attempt, kind, started_at, until, until_date) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET kind = excluded.kind, started_at = excluded.started_at, ended_at = NULL, result = NULL,
    error = NULL, until = excluded.until, until_date = excluded.until_date`;

/** Makes every run that waits for one of these events due now. */
export function wakeRuns(sql: Sql, keys: readonly string[], now: number): number {
  return sql.all(WAKE, now, JSON.stringify(keys)).length;
}

const WAKE = `UPDATE runs SET ${wokenAt("$1", "min")}
  WHERE seq IN (SELECT run FROM wake_keys WHERE key IN (SELECT value FROM json_each($2)))
    AND (status = 'running' OR status = 'waiting') RETURNING seq`;

/** Events no longer wake the run. */
export function forgetKeys(sql: Sql, run: number): void {
  sql.change("DELETE FROM wake_keys WHERE run = ?", run);
}

/** Each part uses an index. */
const OPEN_RUNS = `SELECT seq FROM runs WHERE status = 'queued' UNION ALL SELECT seq FROM runs WHERE status = 'running'
  UNION ALL SELECT seq FROM runs WHERE status = 'waiting'`;

/**
 * Statements for when the clock is set. Waits for a duration keep their length, and waits for a date keep the date.
 * Runs come first, because their times depend on their waits' times.
 */
export const FOLLOW_CLOCK = [
  `UPDATE runs SET due_at = due_at + $1, retries_from = retries_from + $1 WHERE status = 'queued'`,
  `UPDATE runs SET begun_at = begun_at + $1 WHERE begun_at IS NOT NULL`,
  `UPDATE runs SET retries_from = retries_from + $1, due_at = min(
      CASE WHEN due_at = ${earliest("until_date = 1")} THEN due_at ELSE due_at + $1 END,
      coalesce(${earliest("until_date = 1")}, ${Number.MAX_SAFE_INTEGER}),
      coalesce(${earliest("until_date = 0")} + $1, ${Number.MAX_SAFE_INTEGER}))
    WHERE status = 'waiting'`,
  `UPDATE steps SET until = until + $1 WHERE ended_at IS NULL AND until_date = 0
    AND run IN (${OPEN_RUNS})`,
];

/**
 * A wait that started in the future was started with a wrong clock, which was corrected while no process was running.
 * It keeps its length from now on. Its run looks immediately, and then continues the wait.
 */
export const RIGHT_WRONG_WAITS = [
  `UPDATE runs SET due_at = min(due_at, $1), retries_from = $1 WHERE status = 'waiting' AND retries_from > $1 + ${WRONG_CLOCK_MS}`,
  `UPDATE steps SET until = until - (started_at - $1), started_at = $1
    WHERE ended_at IS NULL AND until_date = 0 AND until IS NOT NULL AND started_at > $1 + ${WRONG_CLOCK_MS}
      AND run IN (${OPEN_RUNS})`,
];

function earliest(which: string): string {
  return `(SELECT min(until) FROM steps WHERE run = runs.seq AND ended_at IS NULL AND ${which})`;
}
