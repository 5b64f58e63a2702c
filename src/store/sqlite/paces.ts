import type { NewRun } from "../../model/new-run.ts";
import { isPending, latestOfPace } from "../queries.ts";
import type { RunRow } from "../rows.ts";
import { type Paced, paceOf, spacedOut } from "../rules/pace.ts";
import type { Sql } from "./statements.ts";

/** Reads and writes for runs that share a rate, in a SQLite transaction. */

/** The latest runs that share the event's rate; undefined without a rate. */
export function latestPaced(sql: Sql, event: NewRun): Paced | undefined {
  const pace = paceOf(event);
  if (pace === null) return undefined;
  const rows = sql.all(LATEST, pace, (event.order?.throttle?.limit ?? 1) + 1);
  return rows.map(({ id, at, is_queued }) => ({ id: id as string, at: at as number, isQueued: is_queued === 1 }));
}

/** The run of a debounced workflow without groups that is not due yet. */
export function debouncedIn(sql: Sql, event: NewRun): RunRow | undefined {
  if (event.order?.debounceMs === undefined || event.group !== undefined) return undefined;
  return sql.one(DEBOUNCED, paceOf(event)) as RunRow | undefined;
}

/** A run with a rate has started, so the runs behind it are due when they may start. */
export function spaceOut(sql: Sql, row: RunRow): void {
  const { pace, throttle_limit } = row;
  const begun = sql.all(BEGUN, pace, throttle_limit).map(({ begun_at }) => begun_at as number);
  const pending = sql.all(PENDING, pace) as Pick<RunRow, "seq" | "due_at">[];
  for (const { seq, due_at } of spacedOut(row, begun, pending)) sql.change(DELAY, due_at, seq);
}

/** The rest are updated when these have started. */
const MOST_PENDING = 1000;

const LATEST = latestOfPace({ schema: "main", isOfPace: (run) => `${run}.pace = $1` });
const DEBOUNCED = `SELECT * FROM runs WHERE pace = ? AND ${isPending("runs")} AND slot IS NULL ORDER BY seq DESC LIMIT 1`;
const BEGUN = "SELECT begun_at FROM runs WHERE pace = ? AND begun_at IS NOT NULL ORDER BY begun_at DESC LIMIT ?";
const PENDING = `SELECT seq, due_at FROM runs WHERE pace = ? AND ${isPending("runs")} ORDER BY due_at, seq LIMIT ${MOST_PENDING}`;
const DELAY = "UPDATE runs SET due_at = ? WHERE seq = ?";
