import { afterInterruption } from "../../model/retry.ts";
import type { Claim, RunStore } from "../../model/store.ts";
import { GONE, GONE_ALONE, goneFor, type Interruptions, interruptions, isSuspect } from "../interrupt.ts";
import { dueRuns } from "../queries.ts";
import { type Row, runOf, stepOf } from "../rows.ts";
import { byDue, heldByWrongClock } from "../rules.ts";
import { lock } from "./accept.ts";
import { asJson, type Database, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import type { Newsroom } from "./news.ts";
import { count, note, requeueAll } from "./settle.ts";

type Needs = {
  readonly database: Database;
  readonly names: Names;
  readonly shard: number;
  readonly now: () => number;
  readonly tell: Newsroom["tell"];
};

type Lease = Parameters<RunStore["claim"]>[0];

/** What a process may hold without knowing it, since answers were lost. */
export type Lost = {
  /** Ids of the runs that it holds, or will hear of. */
  readonly known: readonly string[];
  /** Accepted before the last answer was lost, epoch milliseconds. */
  readonly before: number;
};

/** @param lost given when the process may hold more than it knows: it gets that, too. */
export async function claimDue(
  needs: Needs,
  lease: Lease,
  lost: Lost | undefined,
): Promise<{ claims: readonly Claim[]; changed: boolean }> {
  const { transaction } = needs.database;
  const found = lost ? await transaction((sql) => findAgain(sql, needs.names, lease, lost)) : [];
  // First: what is taken over has its place in the order of what is due.
  const interrupted = await takeOver(needs, lease);
  const limit = Math.max(1, lease.limit - found.length);
  const taken = await transaction(async (sql) => {
    rightWrongClocks(sql, needs.names);
    return takeDue(sql, needs.names, { ...lease, limit });
  });
  const claims = [...found, ...taken];
  return { claims, changed: interrupted + claims.length > 0 };
}

/** Nobody has begun these; one with a token of its own nobody can. */
async function findAgain(sql: Sql, names: Names, lease: Lease, { known, before }: Lost): Promise<readonly Claim[]> {
  const { schema, now } = names;
  const rows = await sql(
    `UPDATE ${schema}.runs SET lease_until = ${now} + $3
     WHERE status = 'running' AND owner = $1 AND NOT id = ANY ($2::uuid[]) AND accepted_at < $4 AND own_token = 0
       AND lease_until > ${now} RETURNING *`,
    [lease.owner, known, lease.leaseMs, before],
  );
  return claimsOf(sql, names, rows, lease);
}

function rightWrongClocks(sql: Sql, { schema, now }: Names): void {
  const { where, dueAt } = heldByWrongClock(now);
  void sql(`UPDATE ${schema}.runs SET due_at = ${dueAt}, accepted_at = least(accepted_at, ${now}),
     retries_from = least(retries_from, ${now}) WHERE ${where}`);
}

/** One statement: a run that another process is about to claim or write is passed over. */
async function takeDue(sql: Sql, names: Names, lease: Lease): Promise<readonly Claim[]> {
  const { schema, now } = names;
  const attempts = `${schema}.attempts`;
  const due = dueRuns({
    runs: `${schema}.runs`,
    attempts,
    now,
    owner: "$1",
    limit: "$4",
    isInSlot: (run) => `${run}.slot IS NOT NULL AND md5(${run}.slot) = md5(runs.slot)`,
  });
  const rows = await sql(
    `WITH due AS MATERIALIZED (${due} FOR NO KEY UPDATE OF runs SKIP LOCKED)
     UPDATE ${schema}.runs SET status = 'running', started_at = $2, attempts = attempts + 1, owner = $1,
       lease_until = ${now} + $3
     FROM due WHERE runs.seq = due.seq RETURNING runs.*, ${isSuspect(attempts, "runs.attempts - 1")} AS suspect`,
    [lease.owner, lease.now, lease.leaseMs, lease.limit],
  );
  return claimsOf(sql, names, rows, lease);
}

async function claimsOf(
  sql: Sql,
  { schema }: Names,
  rows: readonly Row[],
  { owner }: Lease,
): Promise<readonly Claim[]> {
  const begun = rows.filter(({ attempts }) => (attempts as number) > 1);
  const steps = await completedSteps(sql, schema, begun);
  return rows.toSorted(byDue).map((row) => ({
    run: runOf(row),
    attempt: row.attempts as number,
    owner,
    steps: (steps.get(row.seq as number) ?? []).map(stepOf),
    suspect: Boolean(row.suspect),
  }));
}

async function completedSteps(sql: Sql, schema: string, rows: readonly Row[]): Promise<Map<number, Row[]>> {
  if (rows.length === 0) return new Map();
  const steps = await sql(
    `SELECT steps.* FROM ${schema}.steps JOIN ${schema}.runs ON runs.seq = steps.run
     WHERE run = ANY ($1::bigint[]) AND attempt >= runs.steps_from AND error IS NULL ORDER BY steps.started_at`,
    [rows.map(({ seq }) => seq)],
  );
  return Map.groupBy(steps, ({ run }) => run as number);
}

/**
 * After trouble with the database, those who could not extend their leases do so first: they are well, and would be
 * executed twice. A process that has just started knows of no trouble, and waits as well.
 */
const LEASES_RECOVER_MS = 5000;

/** Ends the attempts whose lease has ended, by the database's clock. Resolves with how many there were. */
async function takeOver(needs: Needs, { owner, now: at }: Lease): Promise<number> {
  const { database, names } = needs;
  if (database.calmFor() < LEASES_RECOVER_MS) return 0;
  const over = `SELECT * FROM ${names.schema}.runs WHERE status = 'running' AND lease_until <= ${names.now}`;
  const found = await database.sql(`${over} ORDER BY seq LIMIT 1000`);
  if (found.length === 0) return 0;
  return database.transaction(async (sql) => {
    lock(
      sql,
      found.map(({ slot }) => slot as string | null).filter((slot) => slot !== null),
    );
    const rows = await sql(`${over} AND seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE`, [
      found.map(({ seq }) => seq),
    ]);
    const alone = await allThatEnded(
      sql,
      names,
      rows.filter((row) => row.owner !== owner),
    );
    note(
      sql,
      names,
      rows.map((row) => ({
        run: row.seq as number,
        number: row.attempts as number,
        startedAt: row.started_at as number,
        endedAt: at,
        outcome: "interrupted",
        reason: alone.has(row.seq as number) ? GONE_ALONE : GONE,
        owner: row.owner as string,
        kind: undefined,
        githubRequestId: undefined,
      })),
    );
    const counts = await interruptionsOf(sql, names, rows);
    const back = [];
    const failed: Row[] = [];
    let ahead = 0;
    for (const row of rows) {
      const ownToken = row.own_token === 1;
      const count = counts.get(row.seq as number) ?? { inARow: 1, alone: 0 };
      const next = afterInterruption({ ownToken }, { now: at, ahead, ...count });
      if (next.end) failed.push({ ...row, status: "failure", ended_at: at, reason: goneFor({ ownToken, ...count }) });
      else {
        if (next.dueAt > at) ahead++;
        back.push({ row, dueAt: next.dueAt, at });
      }
    }
    fail(sql, names, failed);
    const requeued = await requeueAll(sql, needs, back);
    count(sql, needs, failed);
    const taken = [...failed, ...requeued];
    needs.tell(sql, { queued: true, settled: taken.map(({ id }) => id as string) });
    return taken.length;
  });
}

function fail(sql: Sql, { schema }: Names, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  void sql(
    `UPDATE ${schema}.runs SET status = 'failure', ended_at = failed.ended_at, reason = failed.reason, http = 500,
       kind = 'permanent', owner = NULL, lease_until = NULL
     FROM json_to_recordset($1) AS failed (seq bigint, ended_at bigint, reason text) WHERE runs.seq = failed.seq`,
    [asJson(rows.map(({ seq, ended_at, reason }) => ({ seq, ended_at, reason })))],
  );
}

/**
 * Those of these runs, of other processes, that were all that their process had in flight: it has no other one that runs,
 * and none was ever taken from it. A process ends once, so that no clock is asked. One that hung before and went on counts
 * as if others had been in flight.
 */
async function allThatEnded(sql: Sql, { schema }: Names, rows: readonly Row[]): Promise<ReadonlySet<number>> {
  const found = await sql(
    `SELECT seq FROM ${schema}.runs WHERE seq = ANY ($1::bigint[])
     AND NOT EXISTS (SELECT 1 FROM ${schema}.runs AS other
       WHERE other.status = 'running' AND other.owner = runs.owner AND other.seq <> runs.seq)
     AND NOT EXISTS (SELECT 1 FROM ${schema}.attempts
       WHERE outcome = 'interrupted' AND attempts.owner = runs.owner AND attempts.run <> runs.seq)`,
    [rows.map(({ seq }) => seq)],
  );
  return new Set(found.map(({ seq }) => seq as number));
}

async function interruptionsOf(sql: Sql, { schema }: Names, rows: readonly Row[]): Promise<Map<number, Interruptions>> {
  const counted = await sql(
    `SELECT seq, ${interruptions(`${schema}.attempts`)} FROM ${schema}.runs WHERE seq = ANY ($1::bigint[])`,
    [rows.map(({ seq }) => seq)],
  );
  return new Map(
    counted.map((row) => [row.seq as number, { inARow: row.in_a_row as number, alone: row.alone as number }]),
  );
}
