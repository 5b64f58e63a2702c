import { randomInt, randomUUID } from "node:crypto";
import type { Claim } from "../../model/claim.ts";
import type { Clock } from "../../model/clock.ts";
import { isRunId } from "../../model/history.ts";
import type { StoredPause } from "../../model/limits.ts";
import type { Accepted } from "../../model/new-run.ts";
import type { Run, Step } from "../../model/run.ts";
import { type News, type RunStore, WRONG_CLOCK_MS } from "../../model/store.ts";
import { auditLog, trail } from "../audit.ts";
import { eventNotes } from "../events.ts";
import { foundRuns } from "../found-runs.ts";
import { runLines } from "../lines.ts";
import { marks } from "../marks.ts";
import { overview } from "../overview.ts";
import { previewReads } from "../previews.ts";
import { forgetTurns, hastenRetries, isPaused, isUnderWay, takeTurn } from "../queries.ts";
import { runReads } from "../reads.ts";
import { searchIndex } from "../search-index.ts";
import { sessions } from "../sessions.ts";
import { successReads } from "../successes.ts";
import { workflowReads } from "../workflow-stats.ts";
import { type AcceptItem, acceptAll } from "./accept.ts";
import { asking } from "./asking.ts";
import { auditedTransactions, forgetRecords } from "./audit.ts";
import { gathered } from "./batch.ts";
import { callbacks } from "./callbacks.ts";
import { claimRuns, extendLeases } from "./claim.ts";
import { atMost, type Connecting, connect, type Database, type Sql } from "./connect.ts";
import { knownClaims } from "./known-claims.ts";
import { postgresLimitLog } from "./limit-log.ts";
import { type Migrated, type Migrating, migrate } from "./migrate.ts";
import { type Names, namesFor } from "./names.ts";
import { openNewsroom } from "./news.ts";
import { pauseWorkflow, resumeWorkflow } from "./pauses.ts";
import { postgresSearch } from "./search.ts";
import { cancelOne, rerunOne, type SettleItem, settleAll } from "./settle.ts";
import { codeOf, startError, withDatabase } from "./start-error.ts";
import { acceptUnhindered, settleUnhindered } from "./unhindered.ts";
import { wakeRuns } from "./waits.ts";
import type { Replica } from "./write.ts";

export type PostgresOptions = Migrating & {
  readonly schema: string;
  readonly clock: Clock;
  /** An expression for the time by the database's clock, epoch milliseconds; for tests, which move it. */
  readonly databaseNow?: string;
  /** Gets a sentence that an operator should know. */
  readonly warn?: (warning: string) => void;
};

/** How long the start waits for the connection that listens, ms. The store works without it, and catches up later. */
const LISTENING_MS = 5000;

/** How many rows count the runs that ended in an hour, so that replicas seldom wait for each other. */
const SHARDS = 16;

/**
 * The store in PostgreSQL, shared by several processes. There are no separate jobs: processes claim due runs
 * from the table of runs. Leases and due times use the database's clock. So replicas with different clocks do not take each
 * other's runs or wait for each other's clock.
 * @throws Error that says what to do if the database cannot be used.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<RunStore> {
  const { clock, onError, databaseNow } = options;
  const names = namesFor(options.schema, databaseNow);
  const { schema } = names;
  const database = connect({ ...options, isCalm: databaseNow !== undefined }, onError);
  const { sql, transaction } = database;
  await migrate(database, names, options).catch(async (error) => {
    await database.close();
    throw startError(options, error);
  });
  const asked = asking(database, names);
  const reads = runReads(asked);
  const lines = runLines(asked);
  const self = randomUUID();
  const news = openNewsroom(options, names, { self, onError });
  await atMost(LISTENING_MS, news.hears);
  const replica: Replica = { names, shard: randomInt(SHARDS), now: clock.now, tell: news.tell, written: news.written };

  /** Changes when this process changes something, or hears that another one did. */
  let revision = 0;
  const stopCounting = news.hear(() => revision++);
  const changed = <T>(result: T): T => {
    revision++;
    return result;
  };

  const audit = trail();
  const audited = auditedTransactions(database, names, audit);
  const claims = knownClaims(clock);
  /**
   * Claims of runs for which no other process can have a waiting caller: the runs never waited, and their events come
   * only once.
   */
  const alone = new WeakSet<Claim>();
  const accept = gathered<AcceptItem, Accepted>(async (items, done) => {
    const left = await acceptUnhindered(database, replica, items, claims.isInSlot, (item, accepted) => {
      if (accepted.claim && !item.event.event) alone.add(accepted.claim);
      done(item, accepted);
    });
    if (left.length === 0) return;
    const accepted = await audited((each, note) => acceptAll(each, note, replica, left));
    for (const [at, item] of left.entries()) done(item, accepted[at] as Accepted);
  });
  const settle = gathered<SettleItem, Run | undefined>(async (items, done) => {
    const left = await settleUnhindered(database, replica, items, ({ claim }) => alone.has(claim), done);
    if (left.length === 0) return;
    const runs = await transaction((each) => settleAll(each, replica, left));
    for (const [at, item] of left.entries()) done(item, runs[at]);
  });

  return {
    accept: (event, lease) =>
      claims.accepting(event.id, async () => {
        const accepted = changed(await claims.brought(lease, accept({ event, lease })));
        if (accepted.claim) claims.add([accepted.claim]);
        return accepted;
      }),
    async claim(lease) {
      const due = await claims.brought(lease, claimRuns(database, replica, lease, claims.lost()));
      claims.add(due.claims);
      if (due.changed) revision++;
      return due.claims;
    },
    turn: async (name, everyMs) => (await sql(takeTurn(names), [name, everyMs])).length > 0,
    hasten: (most) =>
      transaction(async (each) => {
        const hastened = await each(hasten(names, most), most === undefined ? [] : [most]);
        if (hastened.length > 0) news.tell(each, { queued: true });
        return changed(hastened.length);
      }),
    ...marks(asked),
    extend: (those, leaseMs) => extendLeases(sql, names, those, leaseMs),
    async settle(claim, attempt, settlement, last = []) {
      const unsure = claims.isDoubted(claim);
      return changed(await claims.settling(claim, settle({ claim, attempt, settlement, lines: last, unsure })));
    },
    saveStep: (claim, step) => saveStep(sql, names, claim, step),
    cancel: async (id, by, hasHandler) =>
      changed(await audited((each, note) => cancelOne(each, note, replica, { id, by, hasHandler }))),
    wake: (keys) =>
      transaction(async (each) => {
        const woken = await wakeRuns(each, names, keys);
        if (woken.includes("waiting")) news.tell(each, { queued: true });
        return woken.length;
      }),
    rerun: async (id, at, options) =>
      changed(await audited((each, note) => rerunOne(each, note, replica, { ...options, id, at }))),
    pause: async (workflow, by) =>
      changed(await audited((each, note) => pauseWorkflow(each, note, replica, { workflow, by }))),
    resume: async (workflow, by) =>
      changed(await audited((each, note) => resumeWorkflow(each, note, replica, { workflow, by }))),
    audit: auditLog(asked, { ...audit, add: (entries) => audited((_, note) => note(...entries)) }),
    ...reads,
    ...foundRuns(asked, searchIndex(asked, postgresSearch(database, names, asked), options.warn ?? (() => {}))),
    ...previewReads(asked),
    ...workflowReads(asked),
    ...successReads(asked),
    async saveLines(claim, those) {
      changed(await lines.saveLines(claim, those));
      // After the transaction, so that a reader that looks then finds the lines.
      sql(`SELECT nextval('${schema}.log_revision')`).catch(() => {});
    },
    ...callbacks(database, replica, audited),
    get: async (id) => (isRunId(id) ? reads.get(id) : undefined),
    lines: async (id, page) => (isRunId(id) ? lines.lines(id, page) : undefined),
    scheduledUntil: (workflow, at) => scheduledUntil(sql, names, workflow, at),
    async nextDue(forMs) {
      const ms = await nextDueIn(sql, names, forMs);
      return ms === undefined ? undefined : clock.now() + ms;
    },
    forget: (before, limit) => forget(database, names, before, limit),
    limits: postgresLimitLog({ asked, database, names, news, owner: self }),
    events: eventNotes(asked),
    sessions: sessions(schema, sql, sql),
    overview: overview(asked, async () => {
      const [row] = await sql(`SELECT pg_sequence_last_value('${schema}.log_revision') AS lines`);
      return `${revision}.${row?.lines ?? 0}`;
    }),
    hear: (listener: (heard: News) => void) => news.hear(listener),
    async check() {
      await sql(`UPDATE ${schema}.heartbeat SET at = at + 1`);
    },
    async close() {
      stopCounting();
      await news.close();
      await database.close();
    },
  };
}

/** A run that another process is about to claim or write is skipped. */
function hasten(names: Names, most: number | undefined): string {
  return hastenRetries({
    ...names,
    most: most === undefined ? undefined : "$1",
    lock: "FOR NO KEY UPDATE SKIP LOCKED",
  });
}

/** Stores a step or wait, while the claim holds. */
async function saveStep(sql: Sql, { schema }: Names, { run, owner, attempt }: Claim, step: Step): Promise<void> {
  await sql(
    `INSERT INTO ${schema}.steps (run, name, attempt, started_at, ended_at, result, error, kind)
     SELECT seq, $4, $5, $6, $7, $8, $9, $10 FROM ${schema}.runs
     WHERE id = $1 AND ${isUnderWay("runs")} AND owner = $2 AND attempts = $3 FOR SHARE
     ON CONFLICT (run, attempt, name) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
       result = excluded.result, error = excluded.error, kind = excluded.kind`,
    [
      run.id,
      owner,
      attempt,
      step.name,
      step.attempt,
      step.startedAt,
      step.endedAt ?? null,
      step.result === undefined ? null : JSON.stringify(step.result),
      step.error ?? null,
      step.kind,
    ],
  );
}

async function scheduledUntil(sql: Sql, { schema, now }: Names, workflow: string, at: number): Promise<number> {
  // By the database's clock, so that a replica with a wrong clock does not set back the others' schedules.
  await sql(
    `INSERT INTO ${schema}.schedules AS old VALUES ($1, $2) ON CONFLICT (workflow)
     DO UPDATE SET carried_out_until = ${now} WHERE old.carried_out_until > ${now} + $3`,
    [workflow, at, WRONG_CLOCK_MS],
  );
  const [row] = await sql(`SELECT carried_out_until AS at FROM ${schema}.schedules WHERE workflow = $1`, [workflow]);
  return row?.at as number;
}

/** In how many milliseconds the first run is due, by the database's clock. */
async function nextDueIn(sql: Sql, { schema, now }: Names, forMs: number | undefined): Promise<number | undefined> {
  const isMeant = forMs === undefined ? "" : `due_at > ${now} - $1 AND`;
  const first = (status: string) =>
    `SELECT min(due_at) FROM ${schema}.runs WHERE status = '${status}' AND ${isMeant} NOT ${isPaused(schema)}`;
  const handler = `SELECT ${now} FROM ${schema}.runs WHERE handler = 'due' LIMIT 1`;
  const [row] = await sql(
    `SELECT least((${first("queued")}), (${first("waiting")}), (${handler})) - ${now} AS ms`,
    forMs === undefined ? [] : [forMs],
  );
  return (row?.ms as number | null) ?? undefined;
}

/** How many of the oldest runs are checked when old runs are deleted. Few of these still wait. */
const OLDEST = 10_000;

async function forget(database: Database, names: Names, before: number, limit: number): Promise<number> {
  const [{ sql }, { schema }] = [database, names];
  const rows = await sql(
    `DELETE FROM ${schema}.runs WHERE seq IN (
       SELECT seq FROM (SELECT seq, accepted_at, ended_at FROM ${schema}.runs ORDER BY seq LIMIT $3) AS oldest
       WHERE accepted_at < $1 AND ended_at < $1 ORDER BY seq LIMIT $2) AND ended_at IS NOT NULL RETURNING seq`,
    [before, limit, OLDEST],
  );
  await sql(`DELETE FROM ${schema}.refused_events WHERE last_at < $1`, [before]);
  await sql(`DELETE FROM ${schema}.ignored_events WHERE at < $1`, [before]);
  await forgetRecords(database, names, before, limit);
  await sql(forgetTurns(schema), [before]);
  // An account that is in use deletes its old rows. This is for accounts that are no longer used.
  await sql(`DELETE FROM ${schema}.github_spending WHERE at < $1`, [before]);
  return rows.length;
}

/** Upgrades the schema without opening the store. */
export function migratePostgres(options: Migrating & Pick<PostgresOptions, "schema">): Promise<Migrated> {
  return withDatabase({ ...options, patient: true }, (database, names) => migrate(database, names, options));
}

/** The table or its schema does not exist. */
const ABSENT = ["42P01", "3F000"];

/** The pauses in a schema's store; none without a store. */
export async function storedPausesInSchema(options: Stored): Promise<readonly StoredPause[]> {
  const rows = await rowsIn(options, (schema) => `SELECT account, until, strikes FROM ${schema}.github_pauses`);
  return rows as readonly StoredPause[];
}

/** The value of a mark in a schema's store, as JSON; undefined without one. */
export async function storedMarkInSchema(options: Stored, name: string): Promise<string | undefined> {
  const query = (schema: string) => `SELECT value FROM ${schema}.marks WHERE name = $1 AND value IS NOT NULL`;
  const rows = (await rowsIn(options, query, [name])) as readonly { readonly value: string }[];
  return rows[0]?.value;
}

type Stored = Connecting & { schema: string };

/** Only reads. Returns nothing without a store or the table. */
function rowsIn(options: Stored, query: (schema: string) => string, values: readonly string[] = []) {
  return withDatabase(options, async ({ sql }, { schema }) =>
    sql(query(schema), [...values]).catch((error) => {
      if (ABSENT.includes(codeOf(error))) return [];
      throw error;
    }),
  );
}

// The release has one file for all code that needs PostgreSQL's libraries.
export { postgresMover } from "./move.ts";
