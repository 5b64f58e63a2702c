import type { Rerun, RerunOptions } from "../../model/store.ts";
import { runOf } from "../rows.ts";
import { rerunProblem } from "../rules.ts";
import { lock } from "./accept.ts";
import { isRunId } from "./asking.ts";
import type { Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import type { Newsroom } from "./news.ts";

type Needs = { readonly names: Names; readonly tell: Newsroom["tell"] };

/** Queues an ended run again, in a transaction. */
export async function rerunOne(
  sql: Sql,
  { names, tell }: Needs,
  { id, at, evenIfOlder = false, trace }: { id: string; at: number } & RerunOptions,
): Promise<Rerun> {
  const { schema, now } = names;
  const [found] = isRunId(id) ? await sql(`SELECT slot FROM ${schema}.runs WHERE id = $1`, [id]) : [];
  if (!found) return { status: "unknown" };
  lock(sql, [(found.slot as string | null) ?? `run\n${id}`]);
  const [row] = await sql(`SELECT * FROM ${schema}.runs WHERE id = $1 FOR UPDATE`, [id]);
  if (!row) return { status: "unknown" };
  const [[busy], [newer]] = await Promise.all([
    sql(
      `SELECT seq, id, status FROM ${schema}.runs WHERE slot IS NOT NULL AND md5(slot) = md5($1)
       AND status IN ('queued', 'running') ORDER BY status LIMIT 1`,
      [row.slot],
    ),
    sql(
      `SELECT seq, id, status FROM ${schema}.runs WHERE grp IS NOT NULL AND md5(grp) = md5($1) AND workflow = $2
       AND own_token = 0 AND seq > $3 ORDER BY seq DESC LIMIT 1`,
      [row.grp, row.workflow, row.seq],
    ),
  ]);
  const problem = rerunProblem(row, { busy, newer }, { evenIfOlder });
  if (problem) return problem;
  const [queued] = await sql(
    `UPDATE ${schema}.runs SET status = 'queued', due_at = ${now}, retries_from = least($2, ${now}), failures = 0, steps_from = attempts + 1,
       ended_at = NULL, outputs = NULL, dedupe_key = NULL, reason = NULL, http = NULL, kind = NULL,
       superseded_by = NULL, trace = $3
     WHERE id = $1 RETURNING *`,
    [id, at, trace ?? null],
  );
  tell(sql, { queued: true });
  return { status: "queued", run: runOf(queued!) };
}
