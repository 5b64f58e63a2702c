import { type Batch, broken } from "../move/lines.ts";
import {
  ATTEMPT_COLUMNS,
  besideIn,
  type MovedRun,
  RUN_COLUMNS,
  runRecord,
  STEP_COLUMNS,
  type StoreRecord,
} from "../move/record.ts";
import type { Row } from "../rows.ts";
import { refusedRow } from "../sqlite/overview.ts";
import { jobOf } from "./accept.ts";
import { asJson, type Connecting, connect, type Database, isOutage, type Sql } from "./connect.ts";
import { type Jobs, startJobs } from "./jobs.ts";
import { migrate, requireUsable } from "./migrate.ts";
import { type Names, namesFor, slotOf } from "./names.ts";
import { refusedKey } from "./overview.ts";
import { refusedStart } from "./refused.ts";

type Moving = Connecting & {
  readonly schema: string;
  readonly onError: (error: Error) => void;
};

const RUNS_AT_ONCE = 500;

/** Hands out all that the store holds, as it was at one moment; replicas go on meanwhile. Changes nothing. */
export async function exportPostgres(options: Moving, write: (record: StoreRecord) => Promise<void>): Promise<void> {
  await withDatabase(options, async (database, names) => {
    await requireUsable(database.sql, names);
    await database.transaction(
      async (sql) => {
        await sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        await readAll(sql, names, write);
      },
      { tries: 1 },
    );
  });
}

async function readAll(sql: Sql, { own }: Names, write: (record: StoreRecord) => Promise<void>): Promise<void> {
  for (let after = -1; ; ) {
    const runs = await sql(`SELECT ${RUN_COLUMNS} FROM ${own}.runs WHERE seq > $1 ORDER BY seq LIMIT $2`, [
      after,
      RUNS_AT_ONCE,
    ]);
    const seqs = runs.map(({ seq }) => seq);
    const attempts = await sql(
      `SELECT run, ${ATTEMPT_COLUMNS} FROM ${own}.attempts WHERE run = ANY ($1::bigint[]) ORDER BY run, number`,
      [seqs],
    );
    const steps = await sql(
      `SELECT run, ${STEP_COLUMNS} FROM ${own}.steps WHERE run = ANY ($1::bigint[])
       ORDER BY run, started_at, attempt, name COLLATE "C"`,
      [seqs],
    );
    const [attemptsOf, stepsOf] = [byRun(attempts), byRun(steps)];
    for (const run of runs) {
      await write(runRecord(run, attemptsOf.get(run.seq as number) ?? [], stepsOf.get(run.seq as number) ?? []));
    }
    if (runs.length < RUNS_AT_ONCE) break;
    after = runs.at(-1)?.seq as number;
  }
  for (const [name, text] of Object.entries(besideIn(own, 'COLLATE "C"'))) {
    for (const row of await sql(text)) await write({ [name]: row } as unknown as StoreRecord);
  }
}

function byRun(rows: readonly Row[]): Map<number, Row[]> {
  const found = new Map<number, Row[]>();
  for (const { run, ...row } of rows) {
    const those = found.get(run as number);
    if (those) those.push(row);
    else found.set(run as number, [row]);
  }
  return found;
}

/**
 * Fills the store, all or nothing, and brings the schema up to date before.
 * @param now epoch milliseconds, from which the jobs of queued runs are delayed.
 * @returns how many runs there are now.
 */
export async function importPostgres(
  options: Moving,
  batches: AsyncIterable<Batch>,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
): Promise<number> {
  let filled = false;
  try {
    return await withDatabase(options, async (database, names) => {
      await migrate(database, { connecting: options, names, onError: options.onError });
      const jobs = await startJobs({ database, names, onError: options.onError });
      try {
        return await database.transaction(
          async (sql) => {
            const runs = await stoppable(sql, { database, signal }, () => fill(sql, { names, jobs, now }, batches));
            filled = true;
            return runs;
          },
          { tries: 1 },
        );
      } finally {
        await jobs.stop();
      }
    });
  } catch (cause) {
    throw withOutcome(cause as Error, filled ? UNKNOWN : NOTHING);
  }
}

const NOTHING = "Nothing was imported.";
/** The connection was lost with the answer to COMMIT. */
const UNKNOWN = "Either all was imported or nothing: import again, which is refused where all was.";

function withOutcome(error: Error, outcome: string): Error {
  const { message } = error;
  if (!message.startsWith("Cannot ") || message.endsWith(NOTHING)) return error;
  return new Error(`${message} ${outcome}`, { cause: error });
}

/** Ends the statement that is under way when the signal is aborted, be it one that waits for a lock. */
async function stoppable<T>(
  sql: Sql,
  { database, signal }: { database: Database; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const [row] = await sql("SELECT pg_backend_pid() AS pid");
  const cancel = () => void database.sql("SELECT pg_cancel_backend($1)", [row?.pid]).catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    throw signal.aborted ? new Error((signal.reason as Error).message, { cause: error }) : error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

type Filling = { readonly names: Names; readonly jobs: Jobs; readonly now: number };

async function fill(sql: Sql, needs: Filling, batches: AsyncIterable<Batch>): Promise<number> {
  const { own } = needs.names;
  // Replicas that are there wait, and accept nothing in between.
  await sql(`LOCK TABLE ${own}.runs IN SHARE ROW EXCLUSIVE MODE`);
  if ((await sql(`SELECT 1 FROM ${own}.runs LIMIT 1`)).length > 0) {
    throw new Error(
      `Cannot import into the schema ${own}: it has runs already. Set DATABASE_SCHEMA to another one. ${NOTHING}`,
    );
  }
  for (const table of ["schedules", "ended_by_hour", "refused_events", "github_spending", "github_pauses"]) {
    await sql(`DELETE FROM ${own}.${table}`);
  }
  // The check of a foreign key is planned once, with the first runs: where these are few, and vacuum has found the table
  // empty, by reading all of it each time. The third tenth of 150,000 runs took 47 s instead of 1 s (measured).
  await sql("SET LOCAL enable_seqscan = off");
  let runs = 0;
  for await (const { from, to, records } of batches) {
    try {
      const moved = records.flatMap((record) => ("run" in record ? [record.run] : []));
      await insertRuns(sql, needs, moved);
      for (const record of records) if (!("run" in record)) await insertBeside(sql, own, record);
      runs += moved.length;
    } catch (cause) {
      if (isOutage(cause)) throw cause;
      throw broken(from === to ? from : `${from} to ${to}`, (cause as Error).message, cause);
    }
  }
  // Without statistics one run of a million takes 0.3 s to be shown, and a list 0.9 s, until autovacuum comes by
  // (measured). A role that may not is only warned.
  await sql(`ANALYZE ${own}.runs, ${own}.attempts, ${own}.steps`);
  return runs;
}

async function insertRuns(sql: Sql, { names: { own }, jobs, now }: Filling, runs: readonly MovedRun[]): Promise<void> {
  if (runs.length === 0) return;
  const rows = await sql(
    `INSERT INTO ${own}.runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at,
       started_at, ended_at, attempts, failures, steps_from, owner, lease_until, outputs, reason, http, kind, dedupe_key,
       superseded_by, event_source, event_id, trace)
     SELECT id, workflow, "group", slot, input, "ownToken"::integer, status, "acceptedAt", "retriesFrom", "dueAt",
       "startedAt", "endedAt", begun, failures, "stepsFrom", owner, "leaseUntil", outputs, reason, http, kind,
       "dedupeKey", "supersededBy", "eventSource", "eventId", trace
     FROM json_to_recordset($1) AS new (id uuid, workflow text, "group" text, slot text, input text, "ownToken" boolean,
       status text, "acceptedAt" bigint, "retriesFrom" bigint, "dueAt" bigint, "startedAt" bigint, "endedAt" bigint,
       begun integer, failures integer, "stepsFrom" integer, owner text, "leaseUntil" bigint, outputs text, reason text,
       http integer, kind text, "dedupeKey" text, "supersededBy" uuid, "eventSource" text, "eventId" text, trace text)
     RETURNING seq, id, slot, status, due_at`,
    [asJson(runs.map(rowOf))],
  );
  const seqs = new Map(rows.map(({ id, seq }) => [id as string, seq as number]));
  const seqOf = ({ id }: MovedRun) => seqs.get(id.toLowerCase());
  await sql(
    `INSERT INTO ${own}.attempts SELECT run, number, "startedAt", "endedAt", outcome, reason, kind, "githubRequestId", stack
     FROM json_to_recordset($1) AS new (run bigint, number integer, "startedAt" bigint, "endedAt" bigint, outcome text,
       reason text, kind text, "githubRequestId" text, stack text)`,
    [asJson(runs.flatMap((run) => run.attempts.map((each) => ({ ...each, run: seqOf(run) }))))],
  );
  await sql(
    `INSERT INTO ${own}.steps SELECT run, name, attempt, "startedAt", "endedAt", result, error
     FROM json_to_recordset($1) AS new (run bigint, name text, attempt integer, "startedAt" bigint, "endedAt" bigint,
       result text, error text)`,
    [asJson(runs.flatMap((run) => run.steps.map((each) => ({ ...stepRow(each), run: seqOf(run) }))))],
  );
  await jobs.add(
    sql,
    rows.filter(({ status }) => status === "queued").map((row) => jobOf(row, now)),
  );
}

function rowOf({ attempts: _, steps: __, input, outputs, ...run }: MovedRun) {
  return {
    ...run,
    input: JSON.stringify(input),
    outputs: outputs === undefined ? null : JSON.stringify(outputs),
    slot: slotOf(run),
    // A lease that has ended: whoever claims first takes it over.
    ...(run.status === "running" ? { owner: "exported", leaseUntil: 0 } : {}),
  };
}

function stepRow({ result, ...step }: MovedRun["steps"][number]) {
  return { ...step, result: result === undefined ? null : JSON.stringify(result) };
}

async function insertBeside(sql: Sql, own: string, record: Exclude<StoreRecord, { run: unknown }>): Promise<void> {
  if ("schedule" in record) {
    const { workflow, carriedOutUntil } = record.schedule;
    await sql(`INSERT INTO ${own}.schedules VALUES ($1, $2)`, [workflow, carriedOutUntil]);
  } else if ("hour" in record) {
    const { hour, success, failure, skipped } = record.hour;
    await sql(`INSERT INTO ${own}.ended_by_hour VALUES ($1, 0, $2, $3, $4)`, [hour, success, failure, skipped]);
  } else if ("refused" in record) {
    const row = refusedRow(record.refused);
    const { method, path, status, application, reason, firstAt, lastAt, times } = row;
    const values = [refusedKey(row), method, path, status, application, reason, firstAt, lastAt, times];
    await sql(`INSERT INTO ${own}.refused_events VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, values);
  } else if ("spending" in record) {
    const { account, at, points, writes } = record.spending;
    await sql(
      `INSERT INTO ${own}.github_spending (account, owner, at, points, writes) VALUES ($1, 'exported', $2, $3, $4)`,
      [account, at, points, writes],
    );
  } else {
    const { account, until, strikes } = record.pause;
    await sql(`INSERT INTO ${own}.github_pauses (account, until, strikes) VALUES ($1, $2, $3)`, [
      account,
      until,
      strikes,
    ]);
  }
}

async function withDatabase<T>(options: Moving, work: (database: Database, names: Names) => Promise<T>): Promise<T> {
  const database = connect({ ...options, patient: true }, options.onError);
  try {
    return await work(database, namesFor(options.schema));
  } catch (error) {
    throw refusedStart(options, error);
  } finally {
    await database.close();
  }
}
