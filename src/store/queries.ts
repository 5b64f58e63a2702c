import { GONE, LONGEST_DELAY_MS, LONGEST_LIMIT_MS } from "../model/retry.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import type { Row } from "./rows.ts";
import { GONE_ALONE } from "./rules/interruptions.ts";

/** SQL of what a store decides, for both databases. Values are written as `$1`, `$2`. */

/**
 * Claims what is due and has its turn in its group, the oldest due first, of those the one that was accepted first. A run
 * that waits holds its group's place. So does one whose workflow's `cancelled` is called; that is called first, also while
 * the workflow is paused. Of suspects the first one alone, and none while their owner has one. Takes the start of the
 * attempts ($1), the owner ($2), what tells the end of the lease ($3), and how many ($4). Returns rows of `runs`, with
 * `suspect`.
 */
export function claimDue(names: {
  readonly schema: string;
  /** Expressions: the time, and when the lease ends. */
  readonly now: string;
  readonly leaseUntil: string;
  /** That another run is in the slot of `runs`. */
  readonly isInSlot: (other: string) => string;
  /** That two rows share a rate. */
  readonly isSamePace: (one: string, other: string) => string;
  /** Follows the table whose index its planner does not find by itself. */
  readonly hint?: (index: string) => string;
  /** How many, an expression of `$4`. */
  readonly limit?: string;
  /** Follows a selection of runs that other processes may select as well. */
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

/** Clocks of replicas that are set right differ by less: what began later than now began before the clock was set, ms. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Of the due runs with a limit for their rate, those that may begin: with those ahead of them, and those that began a
 * while ago, they are no more than the limit. What other processes are about to claim counts as ahead.
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

/** That a run with a rate has not begun. Written as the index says it. */
export function isPending(run: string): string {
  return `(${run}.pace IS NOT NULL AND ${run}.status = 'queued' AND ${run}.attempts = 0)`;
}

/**
 * The latest of the runs that share a rate, as `id`, `at` and `is_queued`, newest first. Takes the rate's name ($1), and how
 * many ($2).
 */
export function latestOfPace({ schema, isOfPace }: { schema: string; isOfPace: (run: string) => string }): string {
  return `SELECT id, at, is_queued FROM (
      SELECT id, due_at AS at, 1 AS is_queued FROM ${schema}.runs WHERE ${isOfPace("runs")} AND ${isPending("runs")}
      UNION ALL SELECT * FROM (SELECT id, begun_at, 0 FROM ${schema}.runs WHERE ${isOfPace("runs")} AND begun_at IS NOT NULL
        ORDER BY begun_at DESC LIMIT $2) AS begun) AS latest
    ORDER BY at DESC LIMIT $2`;
}

/** That a run has ended as few do. SQLite finds the indexes of these by the words of their condition alone. */
export const IS_RARE_END =
  "(status = 'failure' OR status = 'skipped' OR status = 'superseded' OR status = 'cancelled')";

/** That a run holds its group's place: it runs, or it waits. Written as the index says it. */
export function hasSlot(run: string): string {
  return `(${run}.status = 'running' OR ${run}.status = 'waiting')`;
}

/** That the workflow's `cancelled` is to be called for a run, or is called. Written as the index says it. */
export function hasHandler(run: string): string {
  return `(${run}.handler = 'due' OR ${run}.handler = 'running')`;
}

/** That an attempt of a run is under way, or the call of its workflow's `cancelled`. */
export function isUnderWay(run: string): string {
  return `(${run}.status = 'running' OR (${hasHandler(run)} AND ${run}.handler = 'running'))`;
}

/** Whether the workflow of a row of `runs` is paused. Asked once for all rows, while none is. */
export function isPaused(schema: string): string {
  const paused = `SELECT workflow FROM ${schema}.paused_workflows`;
  return `(runs.workflow IN (${paused}) OR EXISTS (${paused} WHERE workflow = '${ALL_WORKFLOWS}'))`;
}

/** Takes the workflow, when and who. Returns a row if that is new. */
export function pause(schema: string): string {
  return `INSERT INTO ${schema}.paused_workflows (workflow, at, actor) VALUES ($1, $2, $3)
    ON CONFLICT (workflow) DO NOTHING RETURNING workflow`;
}

/** Takes the workflow. Returns a row if it was paused. */
export function resume(schema: string): string {
  return `DELETE FROM ${schema}.paused_workflows WHERE workflow = $1 RETURNING workflow`;
}

/**
 * What an event makes of the runs that wait for it: those are due now. One that is under way looks again when its attempt
 * has ended, since it may have looked before the event. An assignment, for both databases.
 */
export function wokenAt(now: string, least: string): string {
  return `woken = CASE WHEN status = 'running' THEN 1 ELSE 0 END,
    due_at = CASE WHEN status = 'waiting' THEN ${least}(due_at, ${now}) ELSE due_at END`;
}

/**
 * That the end of a row of `steps` stands in later attempts. So does a wait whose time was over and after whose failure the
 * workflow continued: it has a result, too.
 */
export const STANDS = "(error IS NULL OR result IS NOT NULL)";

/** The order in which runs are claimed. */
export function byDue(a: Row, b: Row): number {
  return (a.due_at as number) - (b.due_at as number) || (a.seq as number) - (b.seq as number);
}

/**
 * Rights what a clock that was wrong has left: a run that would wait for longer than any delay. No limit, and it is due
 * now; for a limit it waits as long as the longest.
 * @param least the function of the database for the least of values.
 */
export function rightWrongClocks({ schema, now, least }: { schema: string; now: string; least: string }): string {
  return `UPDATE ${schema}.runs SET accepted_at = ${least}(accepted_at, ${now}), retries_from = ${least}(retries_from, ${now}),
      due_at = CASE WHEN kind = 'limit' THEN ${now} + ${LONGEST_LIMIT_MS} ELSE ${now} END
    WHERE status = 'queued' AND due_at > ${now} + ${LONGEST_DELAY_MS} AND (pace IS NULL OR attempts > 0 OR accepted_at > ${now})
      AND (kind IS DISTINCT FROM 'limit' OR due_at > ${now} + ${LONGEST_LIMIT_MS})`;
}

/**
 * Takes a turn: its name ($1), and how often there is one ($2), ms. Returns a row when it is this process's. What is later
 * than the next one was noted by a clock that has been set back; two processes may ask within one moment, though.
 */
export function takeTurn({ schema, now }: { schema: string; now: string }): string {
  return `INSERT INTO ${schema}.marks AS known (name, at) VALUES ($1, ${now})
    ON CONFLICT (name) DO UPDATE SET at = excluded.at
    WHERE known.at <= excluded.at - $2 OR known.at > excluded.at + $2 RETURNING name`;
}

/** Takes the time before which turns are forgotten. */
export function forgetTurns(schema: string): string {
  return `DELETE FROM ${schema}.marks WHERE at < $1 AND value IS NULL`;
}

/**
 * Makes what waits for another attempt after a passing fault due now. What is claimed first is due first, so that the
 * newest is due the longest. An attempt that is brought forward does not count, or runs would use up their time in minutes
 * when GitHub works and fails in turns. Returns their numbers.
 * @param most an expression: so many of the newest that may begin, each of which tells whether the fault has passed.
 * Without it, all.
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

/** How many of the latest attempts of a row of `runs` ended with their process, as the columns of `Interrupted`. */
export function interruptions(schema: string): string {
  const attempts = `${schema}.attempts`;
  const latest = `FROM ${attempts} AS a WHERE a.run = runs.seq AND a.number >= runs.first_attempt AND a.number > coalesce(
    (SELECT max(b.number) FROM ${attempts} AS b WHERE b.run = runs.seq AND (b.reason IS NULL OR NOT b.${IS_GONE})), 0)`;
  return `(SELECT count(*) ${latest}) AS in_a_row, (SELECT count(*) ${latest} AND a.reason = '${GONE_ALONE}') AS alone`;
}

/**
 * Whether the two attempts of a row of `runs` up to a number both ended with their process: whether it is a suspect, of
 * which one at a time is attempted. An expression that costs nothing for a run that was attempted less often.
 */
function isSuspect(schema: string, upTo: "runs.attempts" | "runs.attempts - 1"): string {
  return `(${upTo} >= 2 AND 2 = (SELECT count(*) FROM ${schema}.attempts AS a WHERE a.run = runs.seq AND a.${IS_GONE}
    AND a.number >= runs.first_attempt AND a.number > ${upTo} - 2 AND a.number <= ${upTo}))`;
}

/** No end of a group is looked for beyond so many of its newest runs: no index knows when they ended. */
const LOOKED_THROUGH = 100;

/**
 * How a run of the same group last ended before this one did, as `outcome` (`success` or `failure`), `kind` and `ended_at`. A run that was run
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
