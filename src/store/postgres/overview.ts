import { createHash } from "node:crypto";
import { type Activity, MAX_REFUSED, type Overview, type RefusedEvent } from "../../model/overview.ts";
import { durationsOf } from "../rules.ts";
import { hourOf, refusedOf, refusedRow, startOfMonth } from "../sqlite/overview.ts";
import type { Database } from "./connect.ts";
import type { Names } from "./names.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Durations are taken from so many runs at most. */
const MEASURED_RUNS = 1000;

/** Longer queues are counted so far. */
const MAX_COUNTED = 10_000;

/**
 * What happened, in sum; each question reads a bounded number of rows, however many runs there are.
 * @param revision differs when anything may have changed.
 */
export function postgresOverview({ sql }: Database, { own }: Names, revision: () => string): Overview {
  const one = async (text: string, values: readonly unknown[] = []) => (await sql(text, values))[0];
  const count = async (text: string, values: readonly unknown[] = []) => Number((await one(text, values))?.runs ?? 0);
  const finishedSince = (at: number) =>
    count(`SELECT sum(success + failure + skipped)::bigint AS runs FROM ${own}.ended_by_hour WHERE hour >= $1`, [
      Math.floor(at / HOUR_MS),
    ]);

  async function durations(now: number): Promise<Activity["durations"]> {
    const rows = await sql(
      `SELECT ms FROM (SELECT ended_at - started_at AS ms, accepted_at, status FROM ${own}.runs ORDER BY seq DESC LIMIT $1) AS newest
       WHERE ms IS NOT NULL AND status <> 'superseded' AND accepted_at >= $2`,
      [MEASURED_RUNS, now - DAY_MS],
    );
    return durationsOf(rows.map(({ ms }) => ms as number));
  }

  async function limited(): Promise<Activity["limited"]> {
    const row = await one(
      `SELECT count(*) AS runs, min(due_at) AS due FROM (SELECT due_at, kind FROM ${own}.runs WHERE status = 'queued'
       ORDER BY due_at LIMIT $1) AS queued WHERE kind = 'limit'`,
      [MAX_COUNTED],
    );
    return row?.due == null ? undefined : { runs: row.runs as number, nextDueAt: row.due as number };
  }

  return {
    async activity(now) {
      const [hours, times, queued, running, next, limits, thisMonth, ever, refused] = await Promise.all([
        sql(
          `SELECT hour, sum(success)::bigint AS success, sum(failure)::bigint AS failure, sum(skipped)::bigint AS skipped
           FROM ${own}.ended_by_hour WHERE hour > $1 GROUP BY hour ORDER BY hour`,
          [Math.floor(now / HOUR_MS) - 24],
        ),
        durations(now),
        count(`SELECT count(*) AS runs FROM (SELECT 1 FROM ${own}.runs WHERE status = 'queued' LIMIT $1) AS queued`, [
          MAX_COUNTED,
        ]),
        count(`SELECT count(*) AS runs FROM ${own}.runs WHERE status = 'running'`),
        one(`SELECT min(due_at) AS at FROM ${own}.runs WHERE status = 'queued'`),
        limited(),
        finishedSince(startOfMonth(now)),
        finishedSince(0),
        count(`SELECT sum(times)::bigint AS runs FROM ${own}.refused_events WHERE last_at >= $1`, [now - DAY_MS]),
      ]);
      return {
        hours: hours.map(hourOf),
        durations: times,
        queued,
        running,
        nextDueAt: (next?.at ?? undefined) as number | undefined,
        limited: limits,
        finished: { thisMonth, ever },
        refused,
      };
    },
    async noteRejected(events) {
      const rows = events.map(refusedRow).map((row) => ({ key: refusedKey(row), ...row }));
      // Replicas that write the same rows take their locks in the same order.
      const sorted = rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
      await sql(
        `WITH kept AS (
           INSERT INTO ${own}.refused_events AS kept
           SELECT key, min(method), min(path), min(status), min(application), min(reason), min("firstAt"), max("lastAt"), sum(times)
           FROM json_to_recordset($1) AS event (key text, method text, path text, status integer, application text,
             reason text, "firstAt" bigint, "lastAt" bigint, times bigint)
           GROUP BY key ORDER BY key
           ON CONFLICT (key) DO UPDATE SET last_at = greatest(kept.last_at, excluded.last_at),
             times = kept.times + excluded.times
           RETURNING key)
         DELETE FROM ${own}.refused_events WHERE key IN (
           SELECT key FROM ${own}.refused_events WHERE key NOT IN (SELECT key FROM kept)
           ORDER BY last_at DESC OFFSET greatest(0, $2 - (SELECT count(*) FROM kept)))`,
        [JSON.stringify(sorted), MAX_REFUSED],
      );
    },
    refused: async () =>
      (await sql(`SELECT * FROM ${own}.refused_events ORDER BY last_at DESC LIMIT $1`, [MAX_REFUSED])).map(refusedOf),
    revision: async () => revision(),
  };
}

/** Requests of one key are the same one: method, path, application and reason, and the status. */
export function refusedKey({ method, path, application = "", reason, status }: RefusedEvent): string {
  return createHash("sha256")
    .update(JSON.stringify([method, path, application, reason, status]))
    .digest("base64url");
}
