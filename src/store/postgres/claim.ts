import { afterInterruption } from "../../model/retry.ts";
import type { Claim, RunStore } from "../../model/store.ts";
import { GONE, GONE_ALONE, goneFor, type Interruptions, interruptions, isSuspect } from "../interrupt.ts";
import { type Row, runOf, stepOf } from "../rows.ts";
import { byDue, heldByWrongClock } from "../rules.ts";
import { jobOf, lock } from "./accept.ts";
import { asJson, type Database, type Sql } from "./connect.ts";
import type { Jobs } from "./jobs.ts";
import type { Names } from "./names.ts";
import type { Newsroom } from "./news.ts";
import { count, note, requeueAll } from "./settle.ts";

type Needs = {
  readonly database: Database;
  readonly names: Names;
  readonly jobs: Jobs;
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
    return takeDue(sql, needs, { ...lease, limit });
  });
  const claims = [...found, ...taken];
  return { claims, changed: interrupted + claims.length > 0 };
}

/** Nobody has begun these; one with a token of its own nobody can. */
async function findAgain(sql: Sql, names: Names, lease: Lease, { known, before }: Lost): Promise<readonly Claim[]> {
  const { own, now } = names;
  const rows = await sql(
    `UPDATE ${own}.runs SET lease_until = ${now} + $3
     WHERE status = 'running' AND owner = $1 AND NOT id = ANY ($2::uuid[]) AND accepted_at < $4 AND own_token = 0
       AND lease_until > ${now} RETURNING *`,
    [lease.owner, known, lease.leaseMs, before],
  );
  return claimsOf(sql, names, rows, lease);
}

function rightWrongClocks(sql: Sql, { own, now }: Names): void {
  const { where, dueAt } = heldByWrongClock(now);
  void sql(`UPDATE ${own}.runs SET due_at = ${dueAt}, accepted_at = least(accepted_at, ${now}),
     retries_from = least(retries_from, ${now}) WHERE ${where}`);
}

export async function takeDue(
  sql: Sql,
  { names, jobs }: Pick<Needs, "names" | "jobs">,
  lease: Lease,
  which?: { justAdded: boolean },
): Promise<readonly Claim[]> {
  const { own, now } = names;
  const { owner, now: at, leaseMs, limit } = lease;
  const suspect = isSuspect(`${own}.attempts`, "runs.attempts - 1");
  const ids = await jobs.take(sql, limit, which);
  if (ids.length === 0) return [];
  const rows = await sql(
    `UPDATE ${own}.runs SET status = 'running', started_at = $2, attempts = attempts + 1, owner = $3,
       lease_until = ${now} + $4
     WHERE id = ANY ($1::uuid[]) AND status = 'queued' RETURNING *, ${suspect} AS suspect`,
    [ids, at, owner, leaseMs],
  );
  const running = new Set(rows.map(({ id }) => id));
  await jobs.drop(
    sql,
    ids.filter((id) => !running.has(id)),
  );
  const tooMany = await suspectsTooMany(sql, names, rows, owner);
  await putBack(sql, { names, jobs }, tooMany);
  return claimsOf(
    sql,
    names,
    rows.filter((row) => !tooMany.includes(row)),
    lease,
  );
}

/** All suspects but the oldest due, and that one, too, when this process has one in flight. */
async function suspectsTooMany(
  sql: Sql,
  { own, now }: Names,
  rows: readonly Row[],
  owner: string,
): Promise<readonly Row[]> {
  const suspects = rows.filter((row) => Boolean(row.suspect)).toSorted(byDue);
  if (suspects.length === 0) return [];
  const [busy] = await sql(
    `SELECT 1 FROM ${own}.runs WHERE status = 'running' AND lease_until > ${now} AND owner = $1 AND NOT seq = ANY ($2::bigint[])
     AND ${isSuspect(`${own}.attempts`, "runs.attempts - 1")} LIMIT 1`,
    [owner, suspects.map(({ seq }) => seq)],
  );
  return busy ? suspects : suspects.slice(1);
}

/** How soon a suspect that was put back is handed out again, ms. */
const SUSPECT_AGAIN_MS = 1000;

/** As if they had not been taken; pg-boss hands out what is due and cannot be told what not. */
async function putBack(sql: Sql, { names: { own }, jobs }: Pick<Needs, "names" | "jobs">, rows: readonly Row[]) {
  if (rows.length === 0) return;
  const back = await sql(
    `UPDATE ${own}.runs SET status = 'queued', attempts = attempts - 1, owner = NULL, lease_until = NULL
     WHERE seq = ANY ($1::bigint[]) RETURNING *`,
    [rows.map(({ seq }) => seq)],
  );
  await jobs.drop(
    sql,
    back.map(({ id }) => id as string),
  );
  await jobs.add(
    sql,
    back.map((row) => ({ ...jobOf(row, 0), delayMs: SUSPECT_AGAIN_MS })),
  );
}

async function claimsOf(sql: Sql, { own }: Names, rows: readonly Row[], { owner }: Lease): Promise<readonly Claim[]> {
  const begun = rows.filter(({ attempts }) => (attempts as number) > 1);
  const steps = await completedSteps(sql, own, begun);
  return rows.toSorted(byDue).map((row) => ({
    run: runOf(row),
    attempt: row.attempts as number,
    owner,
    steps: (steps.get(row.seq as number) ?? []).map(stepOf),
    suspect: Boolean(row.suspect),
  }));
}

async function completedSteps(sql: Sql, own: string, rows: readonly Row[]): Promise<Map<number, Row[]>> {
  if (rows.length === 0) return new Map();
  const steps = await sql(
    `SELECT steps.* FROM ${own}.steps JOIN ${own}.runs ON runs.seq = steps.run
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
  const { database, names, jobs } = needs;
  if (database.calmFor() < LEASES_RECOVER_MS) return 0;
  const over = `SELECT * FROM ${names.own}.runs WHERE status = 'running' AND lease_until <= ${names.now}`;
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
    await jobs.drop(
      sql,
      rows.map(({ id }) => id as string),
    );
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

function fail(sql: Sql, { own }: Names, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  void sql(
    `UPDATE ${own}.runs SET status = 'failure', ended_at = failed.ended_at, reason = failed.reason, http = 500,
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
async function allThatEnded(sql: Sql, { own }: Names, rows: readonly Row[]): Promise<ReadonlySet<number>> {
  const found = await sql(
    `SELECT seq FROM ${own}.runs WHERE seq = ANY ($1::bigint[])
     AND NOT EXISTS (SELECT 1 FROM ${own}.runs AS other
       WHERE other.status = 'running' AND other.owner = runs.owner AND other.seq <> runs.seq)
     AND NOT EXISTS (SELECT 1 FROM ${own}.attempts
       WHERE outcome = 'interrupted' AND attempts.owner = runs.owner AND attempts.run <> runs.seq)`,
    [rows.map(({ seq }) => seq)],
  );
  return new Set(found.map(({ seq }) => seq as number));
}

async function interruptionsOf(sql: Sql, { own }: Names, rows: readonly Row[]): Promise<Map<number, Interruptions>> {
  const counted = await sql(
    `SELECT seq, ${interruptions(`${own}.attempts`)} FROM ${own}.runs WHERE seq = ANY ($1::bigint[])`,
    [rows.map(({ seq }) => seq)],
  );
  return new Map(
    counted.map((row) => [row.seq as number, { inARow: row.in_a_row as number, alone: row.alone as number }]),
  );
}
