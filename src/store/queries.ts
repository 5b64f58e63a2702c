/** SQL that both databases understand. */

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
