import { GONE, LONGEST_DELAY_MS, LONGEST_LIMIT_MS } from "../model/retry.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import type { Row } from "./rows.ts";
import { GONE_ALONE } from "./rules/interruptions.ts";

/** SQL of the store's decisions, for both databases. Values are written as `$1`, `$2`. */

/**
 * Claims due runs whose turn it is in their group: the one that was due first, then the one that was accepted first. A
 * waiting run keeps its group's place. So does a run whose workflow's `cancelled` runs. A `cancelled` is called first,
 * even while the workflow is paused. Of all suspects only the first is claimed, and none while this owner runs one.
 * Takes the start of the attempts ($1), the owner ($2), the value for the lease's end ($3), and how many ($4). Returns
 * rows of `runs`, with `suspect`.
 */
export function claimDue(names: {
  readonly schema: string;
  /** SQL expressions: the time, and the lease's end. */
  readonly now: string;
  readonly leaseUntil: string;
  /** Whether another run is in the slot of `runs`. */
  readonly isInSlot: (other: string) => string;
  /** Whether two rows share a rate. */
  readonly isSamePace: (one: string, other: string) => string;
  /** Follows a table whose index the planner does not find alone. */
  readonly hint?: (index: string) => string;
  /** How many: an expression with `$4`. */
  readonly limit?: string;
  /** Follows a selection of runs that other processes may also select. */
  readonly lock?: string;
}): string {
  const { schema, now, leaseUntil, isInSlot, hint = () => "", limit = "$4", lock = "" } = names;
  const runs = `${schema}.runs`;
  const isAhead = `${isInSlot("ahead")} AND ahead.status = 'queued' AND ahead.seq < runs.seq`;
  const isDue = `runs.status = 'queued' AND runs.due_at <= ${now} AND NOT ${isPaused(schema)} AND (runs.slot IS NULL OR NOT EXISTS (
    SELECT 1 FROM ${runs} AS other WHERE ${hasSlot("other")} AND ${isInSlot("other")}) AND NOT EXISTS (
    SELECT 1 FROM ${runs} AS other WHERE ${hasHandler("other")} AND ${isInSlot("other")})
    AND NOT EXISTS (SELECT 1 FROM ${runs} AS ahead WHERE ${isAhead} AND ahead.in_order = 1)
    AND (runs.in_order = 0 OR NOT EXISTS (SELECT 1 FROM ${runs} AS ahead WHERE ${isAhead} AND ahead.in_order = 0)))
    AND (runs.throttle_limit IS NULL OR runs.attempts > 0 OR runs.seq IN (${withinThrottle(names)}))`;
  const suspect = isSuspect(schema, "runs.attempts");
  const begunSuspect = isSuspect(schema, "runs.attempts - 1");
  const inOrder = "ORDER BY runs.due_at, runs.seq LIMIT";
  return `WITH due AS MATERIALIZED (SELECT runs.seq, runs.due_at FROM ${runs} WHERE ${isDue} AND (NOT ${suspect}
      OR runs.seq = (SELECT runs.seq FROM ${runs} WHERE ${isDue} AND ${suspect} ${inOrder} 1) AND NOT EXISTS (
        SELECT 1 FROM ${runs} WHERE runs.status = 'running' AND runs.owner = $2 AND ${begunSuspect}))
      ${inOrder} ${limit} ${lock}),
    woken AS MATERIALIZED (SELECT runs.seq, runs.due_at FROM ${runs} WHERE runs.status = 'waiting' AND runs.due_at <= ${now}
        AND NOT ${isPaused(schema)} ${inOrder} ${limit} ${lock}),
    handlers AS MATERIALIZED (SELECT runs.seq, 0 AS due_at FROM ${runs} ${hint("handlers")} WHERE ${hasHandler("runs")} AND runs.handler = 'due'
        AND (runs.slot IS NULL OR NOT EXISTS (SELECT 1 FROM ${runs} AS other WHERE ${hasSlot("other")} AND ${isInSlot("other")})
          AND NOT EXISTS (SELECT 1 FROM ${runs} AS other WHERE ${hasHandler("other")} AND ${isInSlot("other")}
            AND (other.handler = 'running' OR other.seq < runs.seq)))
      ORDER BY runs.seq LIMIT ${limit} ${lock})
    UPDATE ${runs} SET attempts = attempts + 1, owner = $2, lease_until = ${leaseUntil}, woken = 0,
      status = CASE WHEN handler = 'due' THEN status ELSE 'running' END,
      started_at = CASE WHEN handler = 'due' THEN started_at ELSE $1 END,
      handler = CASE WHEN handler = 'due' THEN 'running' ELSE handler END,
      begun_at = CASE WHEN throttle_limit IS NULL THEN begun_at ELSE coalesce(begun_at, ${now}) END
    WHERE seq IN (SELECT seq FROM (SELECT * FROM due UNION ALL SELECT * FROM woken UNION ALL SELECT * FROM handlers) AS found
      ORDER BY due_at, seq LIMIT ${limit})
    RETURNING *, ${begunSuspect} AS suspect`;
}

/**
 * The clocks of replicas differ by less if they are correct. A run that started later than now started before the clock
 * was set, ms.
 */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Due runs with a rate that may start: together with the runs ahead of them, and those that started recently, they stay
 * within the limit. A run that another process is about to claim counts as ahead.
 */
function withinThrottle({
  schema,
  now,
  isSamePace,
}: Pick<Parameters<typeof claimDue>[0], "schema" | "now" | "isSamePace">): string {
  return `SELECT line.seq FROM (
      SELECT seq, pace, throttle_limit, throttle_ms, row_number() OVER (PARTITION BY pace ORDER BY due_at, seq) AS place
      FROM ${schema}.runs WHERE ${isPending("runs")} AND throttle_limit IS NOT NULL AND due_at <= ${now}) AS line
    WHERE line.place <= line.throttle_limit AND line.place + (SELECT count(*) FROM ${schema}.runs AS begun
      WHERE ${isSamePace("begun", "line")} AND begun.begun_at IS NOT NULL AND begun.begun_at > ${now} - line.throttle_ms
      AND begun.begun_at <= ${now} + ${CLOCKS_DIFFER_MS}) <= line.throttle_limit`;
}

/** Whether a run with a rate has not started. Written like the index. */
export function isPending(run: string): string {
  return `(${run}.pace IS NOT NULL AND ${run}.status = 'queued' AND ${run}.attempts = 0)`;
}

/**
 * The latest runs that share a rate, as `id`, `at` and `is_queued`, newest first. Takes the rate's name ($1), and how
 * many ($2).
 */
export function latestOfPace({ schema, isOfPace }: { schema: string; isOfPace: (run: string) => string }): string {
  return `SELECT id, at, is_queued FROM (
      SELECT id, due_at AS at, 1 AS is_queued FROM ${schema}.runs WHERE ${isOfPace("runs")} AND ${isPending("runs")}
      UNION ALL SELECT * FROM (SELECT id, begun_at, 0 FROM ${schema}.runs WHERE ${isOfPace("runs")} AND begun_at IS NOT NULL
        ORDER BY begun_at DESC LIMIT $2) AS begun) AS latest
    ORDER BY at DESC LIMIT $2`;
}

/**
 * Whether a run ended in one of the rare ways. SQLite finds these indexes only by the exact words of their condition.
 */
export const IS_RARE_END =
  "(status = 'failure' OR status = 'skipped' OR status = 'superseded' OR status = 'cancelled')";

/** Whether a run keeps its group's place: it is running or waiting. Written like the index. */
export function hasSlot(run: string): string {
  return `(${run}.status = 'running' OR ${run}.status = 'waiting')`;
}

/** Whether the workflow's `cancelled` is due or running for a run. Written like the index. */
export function hasHandler(run: string): string {
  return `(${run}.handler = 'due' OR ${run}.handler = 'running')`;
}

/** Whether an attempt of a run is in progress, or its workflow's `cancelled`. */
export function isUnderWay(run: string): string {
  return `(${run}.status = 'running' OR (${hasHandler(run)} AND ${run}.handler = 'running'))`;
}

/** Whether the workflow of a row of `runs` is paused. If no workflow is, this is checked once for all rows. */
export function isPaused(schema: string): string {
  const paused = `SELECT workflow FROM ${schema}.paused_workflows`;
  return `(runs.workflow IN (${paused}) OR EXISTS (${paused} WHERE workflow = '${ALL_WORKFLOWS}'))`;
}

/** Takes the workflow, the time and the actor. Returns a row if the workflow was not paused. */
export function pause(schema: string): string {
  return `INSERT INTO ${schema}.paused_workflows (workflow, at, actor) VALUES ($1, $2, $3)
    ON CONFLICT (workflow) DO NOTHING RETURNING workflow`;
}

/** Takes the workflow. Returns a row if it was paused. */
export function resume(schema: string): string {
  return `DELETE FROM ${schema}.paused_workflows WHERE workflow = $1 RETURNING workflow`;
}

/**
 * Wakes the runs that wait for an event: they are due now. A running one looks again after its attempt, since it may
 * have looked before the event. An assignment, for both databases.
 */
export function wokenAt(now: string, least: string): string {
  return `woken = CASE WHEN status = 'running' THEN 1 ELSE 0 END,
    due_at = CASE WHEN status = 'waiting' THEN ${least}(due_at, ${now}) ELSE due_at END`;
}

/**
 * Whether the end of a row of `steps` is final in later attempts. It is also final for a wait whose time was over if
 * the workflow continued after the failure: then it has a result too.
 */
export const STANDS = "(error IS NULL OR result IS NOT NULL)";

/** The order in which runs are claimed. */
export function byDue(a: Row, b: Row): number {
  return (a.due_at as number) - (b.due_at as number) || (a.seq as number) - (b.seq as number);
}

/**
 * Corrects what a wrong clock left behind: a run that would wait longer than any delay. It is due now, or, if it waits
 * for a limit, after the longest limit.
 * @param least the database's function for the lowest of several values.
 */
export function rightWrongClocks({ schema, now, least }: { schema: string; now: string; least: string }): string {
  return `UPDATE ${schema}.runs SET accepted_at = ${least}(accepted_at, ${now}), retries_from = ${least}(retries_from, ${now}),
      due_at = CASE WHEN kind = 'limit' THEN ${now} + ${LONGEST_LIMIT_MS} ELSE ${now} END
    WHERE status = 'queued' AND due_at > ${now} + ${LONGEST_DELAY_MS} AND (pace IS NULL OR attempts > 0 OR accepted_at > ${now})
      AND (kind IS DISTINCT FROM 'limit' OR due_at > ${now} + ${LONGEST_LIMIT_MS})`;
}

/**
 * Takes a turn of work that one process does for all. Its values are the turn's name ($1), and the interval ($2), ms.
 * Returns a row if the turn belongs to this process. A stored time that is more than one interval ahead was written
 * before a clock was set back. A smaller lead does not matter: another process took the turn at the same moment.
 */
export function takeTurn({ schema, now }: { schema: string; now: string }): string {
  return `INSERT INTO ${schema}.marks AS known (name, at) VALUES ($1, ${now})
    ON CONFLICT (name) DO UPDATE SET at = excluded.at
    WHERE known.at <= excluded.at - $2 OR known.at > excluded.at + $2 RETURNING name`;
}

/** Takes the time before which turns are deleted. */
export function forgetTurns(schema: string): string {
  return `DELETE FROM ${schema}.marks WHERE at < $1 AND value IS NULL`;
}

/**
 * Makes runs that wait to retry after a transient fault due now. Runs are claimed in the order of their due times, so
 * the newest run gets the earliest time. The hastened attempt does not count: otherwise runs would use up their time in
 * minutes when GitHub works and fails repeatedly. Returns the runs' numbers.
 * @param most an expression: how many of the newest runs that may start. Each of them tests whether the fault has
 * passed. Without it, all runs.
 * @param lock as in `claimDue`.
 */
export function hastenRetries(names: {
  readonly schema: string;
  readonly now: string;
  readonly most?: string | undefined;
  readonly lock?: string;
}): string {
  const { schema, now, most, lock = "" } = names;
  const few = most === undefined ? "" : `AND in_order = 0 AND NOT ${isPaused(schema)}`;
  const limit = most === undefined ? "" : `LIMIT ${most}`;
  return `UPDATE ${schema}.runs SET due_at = ${now} - late.place, failures = CASE WHEN failures > 0 THEN failures - 1 ELSE 0 END
    FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM (SELECT seq FROM ${schema}.runs
        WHERE status = 'queued' AND kind = 'transient' AND due_at > ${now} ${few} ORDER BY seq DESC ${limit} ${lock}) AS waiting) AS late
    WHERE runs.seq = late.seq RETURNING runs.seq`;
}

const IS_GONE = `reason IN ('${GONE}', '${GONE_ALONE}')`;

/** How many of a run's latest attempts ended with their process, as the columns of `Interrupted`. */
export function interruptions(schema: string): string {
  const attempts = `${schema}.attempts`;
  const latest = `FROM ${attempts} AS a WHERE a.run = runs.seq AND a.number >= runs.first_attempt AND a.number > coalesce(
    (SELECT max(b.number) FROM ${attempts} AS b WHERE b.run = runs.seq AND (b.reason IS NULL OR NOT b.${IS_GONE})), 0)`;
  return `(SELECT count(*) ${latest}) AS in_a_row, (SELECT count(*) ${latest} AND a.reason = '${GONE_ALONE}') AS alone`;
}

/**
 * Whether a run is a suspect, of which only one is attempted at a time: its two attempts up to this number both ended
 * with their process. The expression costs nothing for a run with fewer attempts.
 */
function isSuspect(schema: string, upTo: "runs.attempts" | "runs.attempts - 1"): string {
  return `(${upTo} >= 2 AND 2 = (SELECT count(*) FROM ${schema}.attempts AS a WHERE a.run = runs.seq AND a.${IS_GONE}
    AND a.number >= runs.first_attempt AND a.number > ${upTo} - 2 AND a.number <= ${upTo}))`;
}

/** How many of a group's newest runs are checked for their end, since no index has the end. */
const LOOKED_THROUGH = 100;

/**
 * How a run of the same group last ended before this one, as `outcome` (`success` or `failure`), `kind` and `ended_at`.
 * A re-run has an earlier end too: that of its last attempt before the re-run. Takes the run's id, workflow, group and
 * end.
 * @param names the tables, how the nth value is written, and a condition for runs of the group.
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
      SELECT seq, id, status, kind, ended_at, first_attempt FROM ${runs} WHERE id = ${id} OR seq IN (
        SELECT seq FROM ${runs} WHERE workflow = ${workflow} AND ${isOfGroup} ORDER BY seq DESC LIMIT ${LOOKED_THROUGH})),
    ends AS (
      SELECT seq, ended_at, status AS outcome, kind FROM known WHERE status IN ('success', 'failure') AND id <> ${id}
      UNION ALL
      SELECT known.seq, a.ended_at, CASE a.outcome WHEN 'success' THEN 'success' ELSE 'failure' END, a.kind
      FROM known JOIN ${attempts} AS a ON a.run = known.seq AND a.number = known.first_attempt - 1
      WHERE a.outcome <> 'skipped')
    SELECT outcome, kind, ended_at FROM ends
    WHERE ended_at < ${endedAt} OR (ended_at = ${endedAt} AND seq <= (SELECT seq FROM known WHERE id = ${id}))
    ORDER BY ended_at DESC, seq DESC LIMIT 1`;
}
