import { createHash } from "node:crypto";
import { durationsOf } from "../model/durations.ts";
import {
  type Activity,
  type HourOfRuns,
  type Late,
  MAX_FAILURES,
  MAX_REJECTED,
  type Overview,
  type RejectedKind,
  type RejectedRequest,
} from "../model/overview.ts";
import type { Asked } from "./reads.ts";
import { clean, type Row } from "./rows.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Durations come from up to this many runs, which takes 2 ms. */
const MEASURED_RUNS = 1000;

/** Longer queues are counted up to this number. */
const MAX_COUNTED = 10_000;

const REJECTED = ["method", "path", "status", "application", "reason", "first_at", "last_at", "times"];

/**
 * The totals of what happened. Each query reads a bounded number of rows, regardless of the number of runs.
 * @param revision differs if anything may have changed.
 */
export function overview({ dialect, read, change }: Asked, revision: Overview["revision"]): Overview {
  const { schema, rejectedKey } = dialect;
  const [runs, rejected] = [`${schema}.runs`, `${schema}.refused_events`];
  const one = async (text: string, ...values: number[]) => (await read(text, values))[0];
  const count = async (text: string, ...values: number[]) => Number((await one(text, ...values))?.runs ?? 0);
  const sum = (what: string) => `CAST(sum(${what}) AS bigint)`;
  const finishedSince = (at: number) =>
    count(
      `SELECT ${sum("success + failure")} AS runs FROM ${schema}.ended_by_hour WHERE hour >= $1`,
      Math.floor(at / HOUR_MS),
    );

  async function hours(now: number): Promise<readonly HourOfRuns[]> {
    const rows = await read(
      `SELECT hour, ${sum("success")} AS success, ${sum("failure")} AS failure, ${sum("skipped")} AS skipped
       FROM ${schema}.ended_by_hour WHERE hour > $1 GROUP BY hour ORDER BY hour`,
      [Math.floor(now / HOUR_MS) - 24],
    );
    return rows.map(({ hour, ...ends }) => ({ from: (hour as number) * HOUR_MS, ...ends }) as HourOfRuns);
  }

  async function durations(now: number): Promise<Activity["durations"]> {
    const rows = await read(
      `SELECT ms FROM (
         SELECT ended_at - started_at AS ms, accepted_at, status FROM ${runs} ORDER BY seq DESC LIMIT $1) AS newest
       WHERE ms IS NOT NULL AND status <> 'superseded' AND status <> 'cancelled' AND accepted_at >= $2`,
      [MEASURED_RUNS, now - DAY_MS],
    );
    return durationsOf(rows.map(({ ms }) => ms as number));
  }

  async function limited(): Promise<Activity["limited"]> {
    const row = await one(
      `SELECT count(*) AS runs, min(due_at) AS due FROM (
         SELECT due_at, kind FROM ${runs} WHERE status = 'queued' ORDER BY due_at LIMIT $1) AS queued
       WHERE kind = 'limit'`,
      MAX_COUNTED,
    );
    return row?.due == null ? undefined : { runs: row.runs as number, nextDueAt: row.due as number };
  }

  return {
    async activity(now) {
      const [byHour, times, queued, running, waiting, next, limits, thisMonth, ever, requests] = await Promise.all([
        hours(now),
        durations(now),
        count(
          `SELECT count(*) AS runs FROM (SELECT 1 FROM ${runs} WHERE status = 'queued' LIMIT $1) AS q`,
          MAX_COUNTED,
        ),
        count(`SELECT count(*) AS runs FROM ${runs} WHERE status = 'running'`),
        count(
          `SELECT count(*) AS runs FROM (SELECT 1 FROM ${runs} WHERE status = 'waiting' LIMIT $1) AS w`,
          MAX_COUNTED,
        ),
        one(`SELECT min(due_at) AS at FROM ${runs} WHERE status = 'queued'`),
        limited(),
        finishedSince(startOfMonth(now)),
        finishedSince(0),
        count(`SELECT ${sum("times")} AS runs FROM ${rejected} WHERE last_at >= $1`, now - DAY_MS),
      ]);
      const counts = { queued, running, waiting, finished: { thisMonth, ever }, rejected: requests };
      const nextDueAt = (next?.at ?? undefined) as number | undefined;
      return { hours: byHour, durations: times, nextDueAt, limited: limits, ...counts };
    },
    async noteRejected(events) {
      const columns = [...new Set([...rejectedKey, ...REJECTED])];
      const key = rejectedKey.join(", ");
      await change(
        [
          `INSERT INTO ${rejected} AS known (${columns.join(", ")}) ${dialect.rows("refused_events", columns, "$1")}
           ON CONFLICT (${key}) DO UPDATE SET times = known.times + excluded.times,
             last_at = CASE WHEN excluded.last_at > known.last_at THEN excluded.last_at ELSE known.last_at END`,
          [JSON.stringify(rejectedRows(events))],
        ],
        [
          `DELETE FROM ${rejected} WHERE (${key}) IN (
             SELECT ${key} FROM ${rejected} ORDER BY last_at DESC LIMIT ${MAX_COUNTED} OFFSET $1)`,
          [MAX_REJECTED],
        ],
      );
    },
    async rejected() {
      return (await read(`SELECT * FROM ${rejected} ORDER BY last_at DESC LIMIT $1`, [MAX_REJECTED])).map(rejectedOf);
    },
    failures: (since) =>
      count(
        `SELECT count(*) AS runs FROM (
           SELECT ended_at FROM ${runs} WHERE status = 'failure' ORDER BY seq DESC LIMIT $1) AS newest
         WHERE ended_at >= $2`,
        MAX_FAILURES,
        since,
      ),
    async late(since, until) {
      const late = `WITH newest AS (SELECT seq, id, status, kind, ended_at FROM ${runs} ORDER BY seq DESC LIMIT $1),
        late AS (SELECT newest.seq, id, status, newest.kind, newest.ended_at, min(a.started_at) AS failed_at
          FROM newest JOIN ${schema}.attempts AS a ON a.run = newest.seq
          WHERE a.kind = 'transient' AND a.outcome = 'failure' AND a.ended_at >= $2 AND a.started_at <= $3
          GROUP BY newest.seq, id, status, newest.kind, newest.ended_at)`;
      const values = [MAX_COUNTED, since, until];
      const ends = await read(
        `${late} SELECT status, kind, count(*) AS runs, max(ended_at - failed_at) AS ms FROM late GROUP BY status, kind`,
        values,
      );
      const those = `${late} SELECT id FROM late WHERE status = 'failure' AND kind = 'transient' ORDER BY seq LIMIT ${NAMED_RUNS}`;
      const failed = ends.some(isFailed) ? await read(those, values) : [];
      return lateOf(
        ends,
        failed.map(({ id }) => id as string),
      );
    },
    revision,
  };
}

/** How many late runs are listed. */
const NAMED_RUNS = 5;

const isFailed = ({ status, kind }: Row) => status === "failure" && kind === "transient";

function lateOf(ends: readonly Row[], failedRuns: readonly string[]): Late {
  const sum = (rows: readonly Row[]) => rows.reduce((all, { runs }) => all + Number(runs), 0);
  const having = (...statuses: string[]) =>
    ends.filter((row) => statuses.includes(row.status as string) && !isFailed(row));
  const ended = having("success", "skipped", "failure");
  return {
    runs: sum(ended),
    atMostMs: Math.max(0, ...ended.map(({ ms }) => Number(ms))),
    replaced: sum(having("superseded", "cancelled")),
    failed: sum(ends.filter(isFailed)),
    failedRuns,
    open: sum(having("queued", "running")),
  };
}

/** One row per key, always in the same order, so that replicas that write the same rows never deadlock. */
function rejectedRows(events: readonly RejectedKind[]): object[] {
  const rows = new Map<string, { readonly key: string; times: number; last_at: number }>();
  for (const { method, path, status, application = "", reason, firstAt, lastAt, times } of events) {
    const row = {
      method: clean(method),
      path: clean(path),
      status,
      application: clean(application),
      reason: clean(reason),
    };
    const key = rejectedKey(row);
    const known = rows.get(key) ?? { key, ...row, first_at: firstAt, last_at: lastAt, times: 0 };
    rows.set(key, { ...known, times: known.times + times, last_at: Math.max(known.last_at, lastAt) });
  }
  return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Two requests are the same kind if their method, path, application, reason and status are equal. */
export function rejectedKey({ method, path, application = "", reason, status }: RejectedRequest): string {
  return createHash("sha256")
    .update(JSON.stringify([method, path, application, reason, status]))
    .digest("base64url");
}

function rejectedOf(row: Row): RejectedKind {
  return {
    method: row.method as string,
    path: row.path as string,
    status: row.status as number,
    application: (row.application as string) || undefined,
    reason: row.reason as string,
    firstAt: row.first_at as number,
    lastAt: row.last_at as number,
    times: row.times as number,
  };
}

/** In UTC, as GitHub bills. */
function startOfMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}
