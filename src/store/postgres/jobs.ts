import { createHash } from "node:crypto";
import { type Clock as BossClock, PgBoss } from "pg-boss";
import { StoreUnavailable } from "../../model/store.ts";
import { type Database, jobsIn, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/**
 * pg-boss's part of the store: it hands out the runs that are queued. A run has a job, of the same id, from when it is
 * queued until an attempt ends; what the job knows is only for which place it waits. That there is at
 * most one job that waits and one that is active for a place is pg-boss's `stately` policy. Everything else is in our own
 * tables, so that the table of jobs is as short as the queue.
 */
export type Jobs = {
  /** @param delayMs until it is due. */
  add(sql: Sql, jobs: readonly NewJob[]): Promise<void>;
  /** Ids of due runs, which nobody else gets. `justAdded`: only of those that were added so in the same transaction. */
  take(sql: Sql, limit: number, which?: { justAdded: boolean }): Promise<readonly string[]>;
  /** An attempt has ended, or the run was given up. */
  drop(sql: Sql, ids: readonly string[]): Promise<void>;
  /** Drops those that nobody has taken; resolves with their ids. Waits for a transaction that is about to take one. */
  withdraw(sql: Sql, ids: readonly string[]): Promise<ReadonlySet<string>>;
  stop(): Promise<void>;
};

export type NewJob = {
  readonly id: string;
  readonly slot: string | null;
  /** When it is due, epoch milliseconds, which orders the jobs that are due. */
  readonly dueAt: number;
  readonly delayMs: number;
  /** It is taken in the same transaction: nobody else waits or runs in its place. */
  readonly taken?: boolean;
};

const QUEUE = "runs";

const DAY_S = 86_400;

/** pg-boss's own retries, limits of time and deletion are off, as far as they can be: `model/retry.ts` decides. */
const QUEUE_OPTIONS = {
  policy: "stately",
  retryLimit: 0,
  // The longest that there is. Nobody looks for it, since the supervisor is off.
  expireInSeconds: DAY_S - 1,
  retentionSeconds: 3650 * DAY_S,
} as const;

export type JobsNeeds = {
  readonly database: Database;
  readonly names: Names;
  readonly clock?: BossClock | undefined;
  readonly onError: (error: Error) => void;
};

function bossFor(
  { database, names, clock, onError }: JobsNeeds,
  { migrate = false, createSchema = false } = {},
): PgBoss {
  const boss = new PgBoss({
    db: database.forJobs,
    schema: names.jobs,
    migrate,
    createSchema,
    // What they do in the background is not needed for a table that is as short as the queue.
    supervise: false,
    schedule: false,
    registerInstance: false,
    openTelemetry: { enabled: false },
    ...(clock ? { clock } : {}),
  });
  boss.on("error", onError);
  return boss;
}

/** Creates or updates what pg-boss has in its schema, and our queue in it. */
export async function migrateJobs(
  database: Database,
  { createSchema, ...needs }: Pick<JobsNeeds, "names" | "onError"> & { readonly createSchema: boolean },
): Promise<void> {
  const boss = bossFor({ ...needs, database }, { migrate: true, createSchema });
  await boss.start();
  try {
    if (!(await boss.getQueue(QUEUE))) await boss.createQueue(QUEUE, QUEUE_OPTIONS);
  } finally {
    await boss.stop({ close: false, graceful: false });
  }
}

/** @returns whether pg-boss's schema is there as this version of it wants it. */
export async function jobsAreMigrated(
  database: Database,
  needs: Pick<JobsNeeds, "names" | "onError">,
): Promise<boolean> {
  const boss = bossFor({ ...needs, database });
  try {
    await boss.start();
    return (await boss.getQueue(QUEUE)) !== null;
  } catch (error) {
    if (isOtherVersion(error)) return false;
    throw error;
  } finally {
    await boss.stop({ close: false, graceful: false });
  }
}

/** pg-boss throws plain errors with these messages. */
function isOtherVersion(error: unknown): boolean {
  return /pg-boss (is not installed|database requires migrations)/.test((error as Error).message);
}

/** A newer version of the program may have brought pg-boss's schema further; whether this one goes on is not its to say. */
async function start(needs: JobsNeeds): Promise<PgBoss> {
  const boss = bossFor(needs);
  try {
    return await boss.start();
  } catch (error) {
    if (!isOtherVersion(error)) throw error;
    // It lowers no version: with a newer one there is nothing that it would change.
    return bossFor(needs, { migrate: true }).start();
  }
}

export async function startJobs(needs: JobsNeeds): Promise<Jobs> {
  const boss = await start(needs);
  const { names } = needs;
  return {
    async add(sql, jobs) {
      if (jobs.length === 0) return;
      const added = await boss.insert(
        QUEUE,
        jobs.map(({ id, slot, dueAt, delayMs, taken }) => ({
          id,
          singletonKey: slot === null ? id : createHash("sha256").update(slot).digest("base64url"),
          priority: taken ? TAKEN_PRIORITY : priorityOf(dueAt),
          startAfter: delayMs / 1000,
        })),
        { ...jobsIn(sql), returnId: true },
      );
      // It is silent about a job that meets another one in its place.
      if (added?.length !== jobs.length)
        throw new StoreUnavailable("PostgreSQL's queue has another job instead of this run");
    },
    async take(sql, limit, { justAdded } = { justAdded: false }) {
      // pg-boss orders by whole seconds, and then by when a job was added, which is not when its run was accepted.
      const rows = await sql(
        `WITH due AS MATERIALIZED (
           SELECT due.id FROM ${names.own}.runs AS due
           JOIN ${names.jobs}.job ON job.name = $1 AND job.id = due.id AND job.state = 'created'
             ${justAdded ? `AND job.priority = ${TAKEN_PRIORITY}` : ""}
           WHERE due.status = 'queued' AND due.due_at <= ${names.now} AND (due.slot IS NULL OR NOT EXISTS (
             SELECT 1 FROM ${names.own}.runs AS other
             WHERE other.status = 'running' AND other.slot IS NOT NULL AND md5(other.slot) = md5(due.slot)))
           ORDER BY due.due_at, due.seq LIMIT $2 FOR UPDATE OF job SKIP LOCKED)
         UPDATE ${names.jobs}.job SET state = 'active', started_on = ${names.jobs}.job_now()
         FROM due WHERE job.name = $1 AND job.id = due.id RETURNING job.id`,
        [QUEUE, limit],
      );
      return rows.map(({ id }) => id as string);
    },
    async drop(sql, ids) {
      if (ids.length > 0) await boss.deleteJob(QUEUE, [...ids], jobsIn(sql));
    },
    async withdraw(sql, ids) {
      if (ids.length === 0) return new Set();
      // pg-boss has no call that leaves active jobs alone.
      const rows = await sql(
        `DELETE FROM ${names.jobs}.job WHERE name = $1 AND id = ANY ($2::uuid[]) AND state = 'created' RETURNING id`,
        [QUEUE, ids],
      );
      return new Set(rows.map(({ id }) => id as string));
    },
    stop: () => boss.stop({ close: false, graceful: false }),
  };
}

const PRIORITIES_FROM = Date.UTC(2026, 0) / 1000;

/** All others are below, since they are due after the year began. */
const TAKEN_PRIORITY = 1;

/** Jobs of higher priority go first: the earlier due, by the second. */
function priorityOf(dueAt: number): number {
  return PRIORITIES_FROM - Math.floor(dueAt / 1000);
}
