import type { Run } from "../../model/run.ts";
import type { RunStore } from "../../model/store.ts";
import { clean, type Row, runOf } from "../rows.ts";
import { lock } from "./accept.ts";
import { asJson, type Sql } from "./connect.ts";
import { type Names, slotOf } from "./names.ts";

export type SettleItem = {
  readonly claim: Parameters<RunStore["settle"]>[0];
  readonly attempt: Parameters<RunStore["settle"]>[1];
  readonly settlement: Parameters<RunStore["settle"]>[2];
  /** It was tried before, and nobody knows whether the database stored it before the connection was lost. */
  readonly unsure: boolean;
};

type Needs = { readonly names: Names; readonly shard: number; readonly now: () => number };

/** Ends attempts in one transaction; undefined for those whose claim does not hold any more. */
export async function settleAll(
  sql: Sql,
  needs: Needs,
  items: readonly SettleItem[],
): Promise<readonly (Run | undefined)[]> {
  const { names } = needs;
  const again = items.filter(({ settlement }) => settlement.status === "queued");
  lock(
    sql,
    again.map(({ claim }) => clean(slotOf(claim.run))).filter((slot) => slot !== null),
  );

  const rows = await end(sql, names, items);
  const settled = new Map(rows.map((row) => [row.id as string, row]));
  const ended = items.filter(({ claim }) => settled.has(claim.run.id));
  note(
    sql,
    names,
    ended.map((item) => ({ ...item.attempt, run: settled.get(item.claim.run.id)?.seq as number })),
  );

  const waiting = ended.flatMap(({ claim, attempt, settlement }) => {
    if (settlement.status !== "queued") return [];
    return [{ row: settled.get(claim.run.id)!, dueAt: settlement.dueAt, at: attempt.endedAt }];
  });
  for (const row of await requeueAll(sql, needs, waiting)) settled.set(row.id as string, row);
  count(sql, needs, [...settled.values()]);

  const lost = items.filter(({ claim, unsure }) => unsure && !settled.has(claim.run.id));
  for (const row of await settledBefore(sql, names, lost)) settled.set(row.id as string, row);
  return items.map(({ claim }) => {
    const row = settled.get(claim.run.id);
    return row && runOf(row);
  });
}

/**
 * Puts runs back into the queue; where a newer one waits, that one takes over. When
 * they are due is stored by the database's clock, as long from now as by the clock of this process.
 */
export async function requeueAll(
  sql: Sql,
  { names, now }: Needs,
  runs: readonly { row: Row; dueAt: number; at: number }[],
): Promise<readonly Row[]> {
  if (runs.length === 0) return [];
  const time = now();
  const back = runs.map(({ row, dueAt, at }) => ({ seq: row.seq, slot: row.slot, delay_ms: dueAt - time, at }));
  return sql(
    `UPDATE ${names.schema}.runs SET owner = NULL, lease_until = NULL, superseded_by = newer.id,
       status = CASE WHEN newer.id IS NULL THEN 'queued' ELSE 'superseded' END,
       due_at = CASE WHEN newer.id IS NULL THEN ${names.now} + back.delay_ms ELSE runs.due_at END,
       ended_at = CASE WHEN newer.id IS NULL THEN NULL ELSE back.at END
     FROM json_to_recordset($1) AS back (seq bigint, slot text, delay_ms bigint, at bigint)
     LEFT JOIN ${names.schema}.runs AS newer ON newer.status = 'queued' AND newer.slot IS NOT NULL
       AND md5(newer.slot) = md5(back.slot)
     WHERE runs.seq = back.seq RETURNING runs.*`,
    [asJson(back)],
  );
}

async function end(sql: Sql, { schema }: Names, items: readonly SettleItem[]): Promise<Row[]> {
  const ends = items.map(({ claim, attempt, settlement }) => {
    const { outputs, dedupeKey, reason, http, kind } = { ...NOTHING, ...settlement };
    const queued = settlement.status === "queued";
    return {
      id: claim.run.id,
      owner: claim.owner,
      attempts: claim.attempt,
      status: queued ? "running" : settlement.status,
      ended_at: queued ? null : attempt.endedAt,
      outputs: outputs === undefined ? null : JSON.stringify(outputs),
      dedupe_key: dedupeKey ?? null,
      reason: reason ?? null,
      http: http ?? null,
      kind: kind ?? null,
      failed: queued && settlement.counts ? 1 : 0,
    };
  });
  return sql(
    `UPDATE ${schema}.runs SET status = end_.status, ended_at = end_.ended_at, outputs = end_.outputs,
       dedupe_key = end_.dedupe_key, reason = end_.reason, http = end_.http, kind = end_.kind,
       failures = runs.failures + end_.failed, owner = NULL, lease_until = NULL
     FROM json_to_recordset($1) AS end_ (id uuid, owner text, attempts integer, status text, ended_at bigint,
       outputs text, dedupe_key text, reason text, http integer, kind text, failed integer)
     WHERE runs.id = end_.id AND runs.status = 'running' AND runs.owner = end_.owner AND runs.attempts = end_.attempts
     RETURNING runs.*`,
    [asJson(ends)],
  );
}

type Noted = SettleItem["attempt"] & { readonly run: number; readonly owner?: string };

export function note(sql: Sql, { schema }: Names, attempts: readonly Noted[]): void {
  if (attempts.length === 0) return;
  void sql(
    `INSERT INTO ${schema}.attempts
     SELECT run, number, "startedAt", "endedAt", outcome, reason, kind, "githubRequestId", stack, owner
     FROM json_to_recordset($1) AS new (run bigint, number integer, "startedAt" bigint, "endedAt" bigint, outcome text,
       reason text, kind text, "githubRequestId" text, stack text, owner text) ON CONFLICT DO NOTHING`,
    [asJson(attempts)],
  );
}

/** Last of all: the row is everybody's of the shard until the transaction ends. */
export function count(sql: Sql, { names: { schema }, shard }: Needs, rows: readonly Row[]): void {
  const ended = rows.filter(({ status }) => status === "success" || status === "failure" || status === "skipped");
  if (ended.length === 0) return;
  void sql(
    `INSERT INTO ${schema}.ended_by_hour
     SELECT ended_at / 3600000, $2::integer, count(*) FILTER (WHERE status = 'success'),
       count(*) FILTER (WHERE status = 'failure'), count(*) FILTER (WHERE status = 'skipped')
     FROM json_to_recordset($1) AS run (ended_at bigint, status text) GROUP BY 1 ORDER BY 1
     ON CONFLICT (hour, shard) DO UPDATE SET success = ended_by_hour.success + excluded.success,
       failure = ended_by_hour.failure + excluded.failure, skipped = ended_by_hour.skipped + excluded.skipped`,
    [asJson(ended.map(({ ended_at, status }) => ({ ended_at, status }))), shard],
  );
}

/** Settled already by these very claims, whose first try was stored after all. */
async function settledBefore(sql: Sql, { schema }: Names, items: readonly SettleItem[]): Promise<Row[]> {
  if (items.length === 0) return [];
  return sql(
    `SELECT runs.* FROM ${schema}.runs
     JOIN json_to_recordset($1) AS claim (id uuid, attempts integer, started_at bigint, ended_at bigint, outcome text)
       ON runs.id = claim.id AND runs.attempts = claim.attempts AND runs.status <> 'running'
     JOIN ${schema}.attempts ON attempts.run = runs.seq AND attempts.number = claim.attempts
       AND attempts.ended_at = claim.ended_at AND attempts.outcome = claim.outcome`,
    [
      asJson(
        items.map(({ claim, attempt }) => ({
          id: claim.run.id,
          attempts: claim.attempt,
          ended_at: attempt.endedAt,
          outcome: attempt.outcome,
        })),
      ),
    ],
  );
}

/** What a settlement leaves empty when it does not say it. */
const NOTHING = { outputs: undefined, dedupeKey: undefined, reason: undefined, http: undefined, kind: undefined };
