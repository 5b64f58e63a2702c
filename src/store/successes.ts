import type { Trigger } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { type Asked, short } from "./reads.ts";
import { json, text } from "./rows.ts";

/** How many runs on each side are checked for a success, since no index has the end. */
const LOOKED_THROUGH = 100;

/** Reads for a comparison with the last success. */
export function successReads({ dialect, read }: Asked): Pick<RunStore, "lastSuccess"> {
  const { schema, isText, hint } = dialect;
  const runs = `${schema}.runs`;
  const attempts = `${schema}.attempts`;

  /**
   * Takes the run's id, workflow, end and, if it has one, group. The success may be an earlier attempt of the same run.
   * @param index that has the runs of one key in the order of acceptance, and the key's condition.
   */
  function question(index: string, isOfKey: string): string {
    const thisRun = (column: string) => `(SELECT ${column} FROM this_run)`;
    const near = (side: "<" | ">", order: "DESC" | "ASC") =>
      `SELECT * FROM (SELECT seq, workflow, grp, status, attempts, ended_at FROM ${runs} ${hint(index)}
        WHERE ${isOfKey} AND seq ${side} ${thisRun("seq")} ORDER BY seq ${order} LIMIT ${LOOKED_THROUGH}) AS part`;
    return `WITH this_run AS (SELECT seq, attempts FROM ${runs} WHERE id = $1),
      near AS (${near("<", "DESC")} UNION ALL ${near(">", "ASC")}),
      found AS (
        SELECT seq, ended_at, attempts AS number FROM near
        WHERE status = 'success' AND ended_at <= $3 AND ${index === "by_group" ? "workflow = $2" : "grp IS NULL"}
        UNION ALL SELECT run, ended_at, number FROM ${attempts}
        WHERE run = ${thisRun("seq")} AND outcome = 'success' AND number < ${thisRun("attempts")})
      SELECT runs.id, runs.trigger_kind, runs.outputs, ${short("runs.input")} AS input, found.ended_at,
        (SELECT code FROM ${attempts} AS a WHERE a.run = found.seq AND a.number = found.number) AS code,
        (SELECT code FROM ${attempts} AS a WHERE a.run = ${thisRun("seq")} ORDER BY a.number DESC LIMIT 1) AS code_now
      FROM found JOIN ${runs} AS runs ON runs.seq = found.seq ORDER BY found.ended_at DESC, found.seq DESC LIMIT 1`;
  }

  return {
    async lastSuccess({ id, workflow, group, endedAt = Number.MAX_SAFE_INTEGER }) {
      const ofGroup = () => read(question("by_group", isText("grp", "$4")), [id, workflow, endedAt, group ?? null]);
      const ofWorkflow = () => read(question("by_workflow", "workflow = $2"), [id, workflow, endedAt]);
      const [row] = await (group === undefined ? ofWorkflow() : ofGroup());
      return (
        row && {
          id: row.id as string,
          trigger: text(row.trigger_kind) as Trigger | undefined,
          outputs: json(row.outputs),
          input: json(row.input),
          endedAt: row.ended_at as number,
          code: text(row.code),
          codeNow: text(row.code_now),
        }
      );
    },
  };
}
