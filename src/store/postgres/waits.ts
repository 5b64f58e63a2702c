import type { Claim } from "../../model/claim.ts";
import type { Attempt, Suspension } from "../../model/run.ts";
import { STANDS, wokenAt } from "../queries.ts";
import { claimedWait, type Row, type RunRow, stepOf } from "../rows.ts";
import { suspended, type Waited, type WaitRow, wakingKeys } from "../rules/waits.ts";
import { asJson, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/** Operations on waits in a PostgreSQL transaction. */

type Begun = Required<Pick<Claim, "steps" | "waits">>;

/** What attempts may continue from, by the number of their run: finished steps and waits, and current waits. */
export async function stepsOf(sql: Sql, { schema, now }: Names, runs: readonly Row[]): Promise<(run: number) => Begun> {
  const seqs = runs.map(({ seq }) => seq);
  if (seqs.length === 0) return () => ({ steps: [], waits: [] });
  const rows = await sql(
    `SELECT steps.*, steps.until <= ${now} AS is_over FROM ${schema}.steps JOIN ${schema}.runs ON runs.seq = steps.run
     WHERE run = ANY ($1::bigint[]) AND attempt >= runs.steps_from AND ${STANDS} ORDER BY steps.started_at`,
    [seqs],
  );
  const waits = rows.filter((row) => row.ended_at === null && row.kind !== "step");
  const asking = [...new Set(waits.filter(({ kind }) => kind === "callback").map(({ run }) => run as number))];
  const [answers, done, open] = [
    await answersOf(sql, schema, asking),
    Map.groupBy(
      rows.filter((row) => row.ended_at !== null),
      ({ run }) => run,
    ),
    Map.groupBy(waits, ({ run }) => run),
  ];
  return (run) => ({
    steps: (done.get(run) ?? []).map(stepOf),
    waits: (open.get(run) ?? []).map((row) => claimedWait(row, answers.get(run) ?? [])),
  });
}

async function answersOf(sql: Sql, schema: string, runs: readonly number[]): Promise<ReadonlyMap<unknown, Row[]>> {
  if (runs.length === 0) return new Map();
  const rows = await sql(
    `SELECT run, name, body, callbacks.actor, answered_at FROM ${schema}.callbacks
     JOIN ${schema}.runs ON runs.seq = callbacks.run AND runs.steps_from = callbacks.steps_from
     WHERE run = ANY ($1::bigint[]) AND answered_at IS NOT NULL`,
    [runs],
  );
  return Map.groupBy(rows, ({ run }) => run);
}

export type Suspending = {
  readonly row: RunRow;
  readonly attempt: Attempt;
  readonly settlement: Suspension;
};

/** Stores what runs wait for, and resolves with the waiting runs. */
export async function suspendAll(
  sql: Sql,
  { schema }: Names,
  items: readonly Suspending[],
  now: number,
): Promise<readonly RunRow[]> {
  if (items.length === 0) return [];
  const seqs = items.map(({ row }) => row.seq);
  const [known, answers, latest] = await Promise.all([
    sql(
      `SELECT run, name, attempt, steps.kind, steps.started_at, until, until_date FROM ${schema}.steps
       JOIN ${schema}.runs ON runs.seq = steps.run AND steps.attempt >= runs.steps_from
       WHERE run = ANY ($1::bigint[]) AND steps.ended_at IS NULL AND steps.kind <> 'step' AND until IS NOT NULL`,
      [seqs],
    ),
    answersOf(sql, schema, seqs),
    sql(
      `SELECT latest.*, EXISTS (SELECT 1 FROM ${schema}.steps WHERE steps.run = latest.run AND steps.attempt = latest.number)
         AS has_steps
       FROM unnest($1::bigint[]) AS each (seq), LATERAL (SELECT run, number, outcome, reason, code FROM ${schema}.attempts
         WHERE run = seq ORDER BY number DESC LIMIT 2) AS latest ORDER BY number DESC`,
      [seqs],
    ),
  ]);
  const decided = items.map(({ row, attempt, settlement }) =>
    suspended(row, attempt, settlement, {
      now,
      known: known.filter(({ run }) => run === row.seq) as WaitRow[],
      answered: (answers.get(row.seq) ?? []).map(({ name }) => name as string),
      latest: latest.filter(({ run }) => run === row.seq) as unknown as Waited["latest"],
    }),
  );
  beginWaits(
    sql,
    schema,
    decided.flatMap(({ run, waits }) => waits.map((wait) => ({ ...wait, run: run.seq }))),
  );
  replaceKeys(
    sql,
    schema,
    items.flatMap(({ row, settlement }) => wakingKeys(settlement).map((key) => ({ key, run: row.seq }))),
    seqs,
  );
  const replaced = decided.flatMap(({ run, replaces }) => (replaces === undefined ? [] : [[run.seq, replaces]]));
  if (replaced.length > 0) {
    const [runs, numbers] = [replaced.map(([run]) => run), replaced.map(([, number]) => number)];
    const those = "SELECT * FROM unnest($1::bigint[], $2::integer[])";
    void sql(`DELETE FROM ${schema}.attempts WHERE (run, number) IN (${those})`, [runs, numbers]);
    void sql(`DELETE FROM ${schema}.log_lines WHERE (run, attempt) IN (${those})`, [runs, numbers]);
  }
  return decided.map(({ run }) => run);
}

function beginWaits(sql: Sql, schema: string, rows: readonly object[]): void {
  const columns = "run, name, attempt, kind, started_at, until, until_date";
  void sql(
    `INSERT INTO ${schema}.steps (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${schema}.steps, $1)
     ON CONFLICT (run, attempt, name) DO UPDATE SET kind = excluded.kind, started_at = excluded.started_at, ended_at = NULL,
       result = NULL, error = NULL, until = excluded.until, until_date = excluded.until_date`,
    [asJson(rows)],
  );
}

function replaceKeys(sql: Sql, schema: string, keys: readonly object[], runs: readonly number[]): void {
  forgetKeys(sql, schema, runs);
  if (keys.length === 0) return;
  void sql(
    `INSERT INTO ${schema}.wake_keys (key, run)
     SELECT key, run FROM json_populate_recordset(NULL::${schema}.wake_keys, $1)`,
    [asJson(keys)],
  );
}

/** Makes every run that waits for one of these events due now. Resolves with the runs' statuses. */
export async function wakeRuns(sql: Sql, { schema, now }: Names, keys: readonly string[]): Promise<readonly unknown[]> {
  const rows = await sql(
    `UPDATE ${schema}.runs SET ${wokenAt(now, "least")} WHERE seq IN (
       SELECT seq FROM ${schema}.runs WHERE seq IN (SELECT run FROM ${schema}.wake_keys WHERE key = ANY ($1::text[]))
         AND status IN ('running', 'waiting') ORDER BY seq FOR NO KEY UPDATE) RETURNING status`,
    [keys],
  );
  return rows.map(({ status }) => status);
}

/** Events no longer wake these runs. */
export function forgetKeys(sql: Sql, schema: string, runs: readonly number[]): void {
  if (runs.length > 0) void sql(`DELETE FROM ${schema}.wake_keys WHERE run = ANY ($1::bigint[])`, [runs]);
}
