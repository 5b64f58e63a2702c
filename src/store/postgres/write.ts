import type { Attempt } from "../../model/run.ts";
import { CHANGING, INSERTED, type RunRow } from "../rows.ts";
import { asJson, type Sql } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";
import type { Newsroom } from "./news.ts";

/** One of the processes that share the store. */
export type Replica = {
  readonly names: Names;
  /** The row of an hour in which it counts ended runs, so that replicas seldom wait for each other. */
  readonly shard: number;
  readonly now: () => number;
  /** Sends news to the other processes. */
  readonly tell: Newsroom["tell"];
  readonly written: Newsroom["written"];
};

/** Locks texts until the end of the transaction, always in the same order. */
export function lock(sql: Sql, texts: readonly string[]): void {
  if (texts.length === 0) return;
  const keys = [...new Set(texts)].map(lockKey).toSorted();
  void sql("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", [keys]);
}

/** The time by the database's clock. */
export async function nowIn(sql: Sql, { now }: Names): Promise<number> {
  const [row] = await sql(`SELECT ${now} AS now`);
  return row?.now as number;
}

/** Whether a run is in one of the slots of `$1`. md5, because an index entry has at most 2,700 bytes. */
export const IS_IN_SLOTS = "slot IS NOT NULL AND md5(slot) IN (SELECT md5(slot) FROM unnest($1::text[]) AS slot)";

/** The waiting runs of these slots, which the transaction has locked. */
export async function waitingIn(
  sql: Sql,
  { schema }: Names,
  slots: readonly (string | null)[],
): Promise<ReadonlyMap<string, { readonly id: string }>> {
  const named = slots.filter((slot) => slot !== null);
  if (named.length === 0) return new Map();
  const rows = await sql(
    `SELECT id, slot FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND status = 'queued' AND in_order = 0`,
    [named],
  );
  return new Map(rows.map(({ id, slot }) => [slot as string, { id: id as string }]));
}

/** The rows get their numbers in this order. */
export function insertRuns(sql: Sql, { schema }: Names, rows: readonly RunRow[]): void {
  if (rows.length === 0) return;
  const columns = INSERTED.join(", ");
  void sql(
    `INSERT INTO ${schema}.runs (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${schema}.runs, $1)`,
    [asJson(rows)],
  );
}

export function updateRuns(sql: Sql, { schema }: Names, rows: readonly RunRow[]): void {
  if (rows.length === 0) return;
  void sql(
    `UPDATE ${schema}.runs SET ${CHANGING.map((column) => `${column} = new.${column}`).join(", ")}
     FROM json_populate_recordset(NULL::${schema}.runs, $1) AS new WHERE runs.seq = new.seq`,
    [asJson(rows.map(({ input: _, ...row }) => row))],
  );
}

/** @param attempts with the owner for attempts that ended with their process, because only those are found by owner. */
export function insertAttempts(
  sql: Sql,
  { schema }: Names,
  attempts: readonly (Attempt & { readonly run: number; readonly owner?: string | null })[],
): void {
  if (attempts.length === 0) return;
  void sql(attemptsFrom(schema, `json_to_recordset($1) AS new (run bigint, ${ATTEMPT}, owner text)`, "owner"), [
    asJson(attempts),
  ]);
}

/** The columns of an `Attempt` in a table of attempts. */
export const ATTEMPT = `number integer, "startedAt" bigint, "endedAt" bigint, outcome text, reason text, kind text,
  "githubRequestId" text, stack text, code text, handler boolean, sent text`;

/** @param attempts a table of attempts, with the number of each one's run. */
export function attemptsFrom(schema: string, attempts: string, owner: "owner" | "NULL"): string {
  return `INSERT INTO ${schema}.attempts
      (run, number, started_at, ended_at, outcome, reason, kind, github_request_id, stack, owner, code, handler, sent)
    SELECT run, number, "startedAt", "endedAt", outcome, reason, kind, "githubRequestId", stack, ${owner}, code,
      CASE WHEN handler THEN 1 END, sent
    FROM ${attempts} ON CONFLICT DO NOTHING`;
}

/** @param lines from `lineRows`. */
export function insertLines(sql: Sql, { schema }: Names, lines: readonly object[]): void {
  if (lines.length === 0) return;
  const table = `${schema}.log_lines`;
  void sql(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1) ON CONFLICT DO NOTHING`, [
    asJson(lines),
  ]);
}

/** Counts the ended runs. Call it last: the shard's row stays locked until the transaction ends. */
export function countEnds(sql: Sql, { names: { schema }, shard }: Replica, rows: readonly RunRow[]): void {
  const ended = rows.filter(({ status }) => status === "success" || status === "failure" || status === "skipped");
  if (ended.length === 0) return;
  const runs = "json_to_recordset($1) AS run (ended_at bigint, status text)";
  void sql(counting(schema, runs, "$2"), [asJson(ended.map(({ ended_at, status }) => ({ ended_at, status }))), shard]);
}

/** @param runs a table of ended runs. */
export function counting(schema: string, runs: string, shard: string): string {
  return `INSERT INTO ${schema}.ended_by_hour
     SELECT ended_at / 3600000, ${shard}::integer, count(*) FILTER (WHERE status = 'success'),
       count(*) FILTER (WHERE status = 'failure'), count(*) FILTER (WHERE status = 'skipped')
     FROM ${runs} GROUP BY 1 ORDER BY 1
     ON CONFLICT (hour, shard) DO UPDATE SET success = ended_by_hour.success + excluded.success,
       failure = ended_by_hour.failure + excluded.failure, skipped = ended_by_hour.skipped + excluded.skipped`;
}
