/** SQL that both databases understand. */

import { isSuspect } from "./interrupt.ts";

/**
 * The runs that are claimed next, as their `seq`: what is due and has its turn in its group, the oldest due first, of
 * those the one that was accepted first. Of suspects the first one alone, and none while their owner has one.
 * @param names the tables, expressions, and a condition that another run is in the slot of `runs`.
 */
export function dueRuns(names: {
  readonly runs: string;
  readonly attempts: string;
  readonly now: string;
  readonly owner: string;
  readonly limit: string;
  readonly isInSlot: (other: string) => string;
}): string {
  const { runs, attempts, now, owner, limit, isInSlot } = names;
  const isDue = `runs.status = 'queued' AND runs.due_at <= ${now} AND (runs.slot IS NULL OR NOT EXISTS (
    SELECT 1 FROM ${runs} AS other WHERE other.status = 'running' AND ${isInSlot("other")}))`;
  const suspect = isSuspect(attempts, "runs.attempts");
  const order = "ORDER BY runs.due_at, runs.seq LIMIT";
  return `SELECT runs.seq FROM ${runs} WHERE ${isDue} AND (NOT ${suspect}
    OR runs.seq = (SELECT runs.seq FROM ${runs} WHERE ${isDue} AND ${suspect} ${order} 1) AND NOT EXISTS (
      SELECT 1 FROM ${runs} WHERE runs.status = 'running' AND runs.owner = ${owner}
      AND ${isSuspect(attempts, "runs.attempts - 1")})) ${order} ${limit}`;
}

/** No end of a group is looked for beyond so many of its newest runs: no index knows when they ended. */
const LOOKED_THROUGH = 100;

/**
 * How a run of the same group last ended before this one did, as `outcome`: `success` or `failure`. A run that was run
 * again has ended before, too: its last attempt before that is how. Takes the run's id, workflow, group and end.
 * @param names the tables, how the nth value is written, and a condition that a run is of the group.
 */
export function endBefore(names: {
  readonly runs: string;
  readonly attempts: string;
  readonly value: (nth: number) => string;
  readonly isOfGroup: string;
}): string {
  const { runs, attempts, value, isOfGroup } = names;
  const [id, workflow, endedAt] = [value(1), value(2), value(4)];
  return `WITH known AS (
      SELECT seq, id, status, ended_at, steps_from FROM ${runs} WHERE id = ${id} OR seq IN (
        SELECT seq FROM ${runs} WHERE workflow = ${workflow} AND ${isOfGroup} ORDER BY seq DESC LIMIT ${LOOKED_THROUGH})),
    ends AS (
      SELECT seq, ended_at, status AS outcome FROM known WHERE status IN ('success', 'failure') AND id <> ${id}
      UNION ALL
      SELECT known.seq, a.ended_at, CASE a.outcome WHEN 'success' THEN 'success' ELSE 'failure' END
      FROM known JOIN ${attempts} AS a ON a.run = known.seq AND a.number = known.steps_from - 1
      WHERE a.outcome <> 'skipped')
    SELECT outcome FROM ends
    WHERE ended_at < ${endedAt} OR (ended_at = ${endedAt} AND seq <= (SELECT seq FROM known WHERE id = ${id}))
    ORDER BY ended_at DESC, seq DESC LIMIT 1`;
}
