import type { SQLInputValue } from "node:sqlite";
import {
  type Activity,
  type HourOfRuns,
  MAX_REFUSED,
  type Overview,
  type RefusedEvents,
} from "../../model/overview.ts";
import { clean, type Row } from "../rows.ts";
import { durationsOf } from "../rules.ts";
import type { Write } from "./batch.ts";

type Sql = {
  readonly all: (text: string, ...values: SQLInputValue[]) => Row[];
  readonly one: (text: string, ...values: SQLInputValue[]) => Row | undefined;
  readonly change: (text: string, ...values: SQLInputValue[]) => unknown;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Durations are taken from so many runs at most, which takes 2 ms. */
const MEASURED_RUNS = 1000;

/** Longer queues are counted so far. */
const MAX_COUNTED = 10_000;

/** What happened, in sum; each question reads a bounded number of rows, however many runs there are. */
export function sqliteOverview(
  { all, one, change }: Sql,
  { write, read }: { write: Write; read: <T>(work: () => T) => Promise<T> },
): Overview {
  const count = (text: string, ...values: SQLInputValue[]) => Number(one(text, ...values)?.runs ?? 0);

  function finishedSince(at: number): number {
    return count("SELECT sum(success + failure + skipped) AS runs FROM ended_by_hour WHERE hour >= ?", at / HOUR_MS);
  }

  function durations(now: number): Activity["durations"] {
    const rows = all(
      "SELECT ended_at - started_at AS ms, accepted_at, status FROM runs ORDER BY seq DESC LIMIT ?",
      MEASURED_RUNS,
    );
    const recent = rows.filter(
      (row) => row.ms !== null && row.status !== "superseded" && (row.accepted_at as number) >= now - DAY_MS,
    );
    return durationsOf(recent.map((row) => row.ms as number));
  }

  function limited(): Activity["limited"] {
    const row = one(
      `SELECT count(*) AS runs, min(due_at) AS due FROM (SELECT due_at, kind FROM runs WHERE status = 'queued'
       ORDER BY due_at LIMIT ?) WHERE kind = 'limit'`,
      MAX_COUNTED,
    );
    return row?.due == null ? undefined : { runs: row.runs as number, nextDueAt: row.due as number };
  }

  return {
    activity: (now) =>
      read(() => ({
        hours: all("SELECT * FROM ended_by_hour WHERE hour > ? ORDER BY hour", Math.floor(now / HOUR_MS) - 24).map(
          hourOf,
        ),
        durations: durations(now),
        queued: count("SELECT count(*) AS runs FROM (SELECT 1 FROM runs WHERE status = 'queued' LIMIT ?)", MAX_COUNTED),
        running: count("SELECT count(*) AS runs FROM runs WHERE status = 'running'"),
        nextDueAt: (one("SELECT min(due_at) AS at FROM runs WHERE status = 'queued'")?.at ?? undefined) as
          | number
          | undefined,
        limited: limited(),
        finished: { thisMonth: finishedSince(startOfMonth(now)), ever: finishedSince(0) },
        refused: count("SELECT sum(times) AS runs FROM refused_events WHERE last_at >= ?", now - DAY_MS),
      })),
    noteRejected: (events) =>
      write(
        () => {
          change(
            `INSERT INTO refused_events SELECT value ->> 'method', value ->> 'path', value ->> 'status',
               value ->> 'application', value ->> 'reason', value ->> 'firstAt', value ->> 'lastAt', value ->> 'times'
             FROM json_each(?) WHERE true
             ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at), times = times + excluded.times`,
            JSON.stringify(events.map(refusedRow)),
          );
          change(
            `DELETE FROM refused_events WHERE (method, path, status, application, reason) IN (
               SELECT method, path, status, application, reason FROM refused_events
               ORDER BY last_at DESC LIMIT -1 OFFSET ?)`,
            MAX_REFUSED,
          );
        },
        { flush: false },
      ),
    refused: () => read(() => all("SELECT * FROM refused_events ORDER BY last_at DESC").map(refusedOf)),
    // Rows that this connection has changed; nobody else has the file open for writing.
    revision: () => read(() => String(one("SELECT total_changes() AS changes")?.changes)),
  };
}

export function hourOf({ hour, success, failure, skipped }: Row): HourOfRuns {
  return {
    from: (hour as number) * HOUR_MS,
    success: success as number,
    failure: failure as number,
    skipped: skipped as number,
  };
}

/** As both databases keep it. */
export function refusedRow({ method, path, application = "", reason, ...rest }: RefusedEvents) {
  return { ...rest, method: clean(method), path: clean(path), application: clean(application), reason: clean(reason) };
}

export function refusedOf(row: Row): RefusedEvents {
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
export function startOfMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}
