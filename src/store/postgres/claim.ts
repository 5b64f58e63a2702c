import type { Claim } from "../../model/claim.ts";
import type { RunStore } from "../../model/store.ts";
import { byDue, claimDue, hasHandler, interruptions, isUnderWay, rightWrongClocks } from "../queries.ts";
import { type Row, type RunRow, runOf } from "../rows.ts";
import { type Interrupted, interruptedRuns } from "../rules/interruptions.ts";
import { asJson, type Database, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import { spaceOut } from "./paces.ts";
import { forgetKeys, stepsOf } from "./waits.ts";
import { countEnds, insertAttempts, lock, nowIn, type Replica, updateRuns, waitingIn } from "./write.ts";

type Lease = Parameters<RunStore["claim"]>[0];

/** What a process may hold without knowing it, because answers were lost. */
export type Lost = {
  /** The ids of runs that it holds or will receive. */
  readonly known: readonly string[];
  /** Only runs accepted before the last answer was lost, epoch milliseconds. */
  readonly before: number;
};

/** @param lost set if the process may hold more than it knows. Then it receives those claims too. */
export async function claimRuns(
  database: Database,
  replica: Replica,
  lease: Lease,
  lost: Lost | undefined,
): Promise<{ claims: readonly Claim[]; changed: boolean }> {
  const { names } = replica;
  const found = lost ? await database.transaction((sql) => findAgain(sql, names, lease, lost)) : [];
  // This comes first, so that runs taken over have their place in the order of due runs.
  const interrupted = await takeOver(database, replica, lease);
  const limit = Math.max(1, lease.limit - found.length);
  const taken = await database.transaction(async (sql) => {
    void sql(rightWrongClocks({ ...names, least: "least" }));
    const rows = await sql(CLAIM_DUE(names), [lease.now, lease.owner, lease.leaseMs, limit]);
    const begun = (rows as RunRow[]).filter((row) => row.throttle_limit !== null && row.attempts === 1);
    if (begun.length > 0) await spaceOut(sql, names, begun);
    return claimsOf(sql, names, rows, lease);
  });
  const claims = [...found, ...taken];
  return { claims, changed: interrupted + claims.length > 0 };
}

/** A run that another process is about to claim or write is skipped. */
const CLAIM_DUE = (names: Names) =>
  claimDue({
    ...names,
    leaseUntil: `${names.now} + $3`,
    isInSlot: (other) => `${other}.slot IS NOT NULL AND md5(${other}.slot) = md5(runs.slot)`,
    isSamePace: (one, other) => `md5(${one}.pace) = md5(${other}.pace)`,
    lock: "FOR NO KEY UPDATE OF runs SKIP LOCKED",
  });

/** If there are several claims, a locked run is extended later, alone: waiting for it could deadlock. */
export async function extendLeases(
  sql: Sql,
  { schema, now }: Names,
  claims: readonly Claim[],
  leaseMs: number,
): Promise<readonly Claim[]> {
  const rows = await sql(
    `UPDATE ${schema}.runs SET lease_until = ${now} + $2 WHERE seq IN (
       SELECT seq FROM ${schema}.runs
       JOIN json_to_recordset($1) AS claim (id uuid, owner text, attempts integer) USING (id, owner, attempts)
       WHERE ${isUnderWay("runs")} FOR NO KEY UPDATE OF runs ${claims.length > 1 ? "SKIP LOCKED" : ""})
     RETURNING id, attempts`,
    [asJson(claims.map(({ run, owner, attempt }) => ({ id: run.id, owner, attempts: attempt }))), leaseMs],
  );
  const extended = new Set(rows.map(({ id, attempts }) => `${id} ${attempts}`));
  return claims.filter(({ run, attempt }) => extended.has(`${run.id} ${attempt}`));
}

/** No process has started these. A run that brought its token cannot start, because the token is gone. */
async function findAgain(sql: Sql, names: Names, lease: Lease, { known, before }: Lost): Promise<readonly Claim[]> {
  const { schema, now } = names;
  const rows = await sql(
    `UPDATE ${schema}.runs SET lease_until = ${now} + $3
     WHERE ${isUnderWay("runs")} AND owner = $1 AND NOT id = ANY ($2::uuid[]) AND accepted_at < $4 AND own_token = 0
       AND lease_until > ${now} RETURNING *`,
    [lease.owner, known, lease.leaseMs, before],
  );
  return claimsOf(sql, names, rows, lease);
}

async function claimsOf(sql: Sql, names: Names, rows: readonly Row[], { owner }: Lease): Promise<readonly Claim[]> {
  const begun = rows.filter(({ attempts }) => (attempts as number) > 1);
  const steps = await stepsOf(sql, names, begun);
  return rows.toSorted(byDue).map((row) => ({
    run: runOf(row),
    attempt: row.attempts as number,
    firstAttempt: row.first_attempt as number,
    owner,
    ...steps(row.seq as number),
    ...(row.handler === "running" ? { handler: true } : {}),
    suspect: Boolean(row.suspect),
  }));
}

/**
 * After trouble with the database, processes get time to extend their leases first. They are alive, and their runs
 * would otherwise be executed twice. A process that has just started does not know about earlier trouble, so it waits
 * too.
 */
const LEASES_RECOVER_MS = 5000;

/** Ends the attempts whose lease has ended, by the database's clock. Resolves with their number. */
async function takeOver(database: Database, replica: Replica, { owner, now: at }: Lease): Promise<number> {
  if (database.calmFor() < LEASES_RECOVER_MS) return 0;
  const { names } = replica;
  const isOver = `${isUnderWay("runs")} AND lease_until <= ${names.now}`;
  const found = await database.sql(
    `SELECT seq, slot FROM ${names.schema}.runs WHERE status = 'running' AND lease_until <= ${names.now}
     UNION ALL SELECT seq, slot FROM ${names.schema}.runs WHERE ${hasHandler("runs")} AND handler = 'running'
       AND lease_until <= ${names.now} ORDER BY seq LIMIT 1000`,
  );
  if (found.length === 0) return 0;
  return database.transaction(async (sql) => {
    const slots = found.map(({ slot }) => slot as string | null).filter((slot) => slot !== null);
    lock(sql, slots);
    const [rows, waiting, now] = await Promise.all([
      sql(
        `SELECT *, ${interruptions(names.schema)}, owner <> $2 AND ${wasAlone(names)} AS was_alone FROM ${names.schema}.runs
         WHERE ${isOver} AND seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE OF runs`,
        [found.map(({ seq }) => seq), owner],
      ) as Promise<unknown> as Promise<readonly Interrupted[]>,
      waitingIn(sql, names, slots),
      nowIn(sql, names),
    ]);
    const { runs, attempts } = interruptedRuns(rows, { at, now, waitingIn: (slot) => waiting.get(slot) });
    updateRuns(sql, names, runs);
    forgetKeys(sql, names.schema, overOf(runs));
    insertAttempts(
      sql,
      names,
      attempts.map(({ run, ...attempt }) => ({ ...attempt, run: run.seq, owner: run.owner })),
    );
    countEnds(sql, replica, runs);
    replica.tell(sql, { queued: true, settled: runs.map(({ id }) => id) });
    return runs.length;
  });
}

/** The numbers of ended runs that may have waited. */
function overOf(runs: readonly RunRow[]): readonly number[] {
  return runs.filter(({ ended_at, attempts }) => ended_at !== null && attempts > 1).map(({ seq }) => seq);
}

/**
 * Whether a run was the only one that its process had in flight: the process has no other running run, and none was
 * ever taken from it. A process ends once, so no clock is needed. If it hung before and recovered, this counts as if
 * other runs had been in flight.
 */
function wasAlone({ schema }: Names): string {
  return `NOT EXISTS (SELECT 1 FROM ${schema}.runs AS other
      WHERE other.status = 'running' AND other.owner = runs.owner AND other.seq <> runs.seq)
    AND NOT EXISTS (SELECT 1 FROM ${schema}.attempts
      WHERE outcome = 'interrupted' AND attempts.owner = runs.owner AND attempts.run <> runs.seq)`;
}
