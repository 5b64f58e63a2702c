import type { Rerun } from "../../model/store.ts";
import { clean, runOf } from "../rows.ts";
import { jobOf, lock } from "./accept.ts";
import type { Sql } from "./connect.ts";
import type { Jobs } from "./jobs.ts";
import { type Names, slotOf } from "./names.ts";
import type { Newsroom } from "./news.ts";
import { getRun } from "./reads.ts";

type Needs = { readonly names: Names; readonly jobs: Jobs; readonly tell: Newsroom["tell"] };

/** Queues an ended run again, in a transaction; refused while its group has one that is queued or running. */
export async function rerunOne(
  sql: Sql,
  { names, jobs, tell }: Needs,
  { id, at, trace }: { id: string; at: number; trace: string | undefined },
): Promise<Rerun> {
  const { own } = names;
  const found = await getRun(sql, names, id);
  if (!found) return { status: "unknown" };
  lock(sql, [clean(slotOf(found.run)) ?? `run\n${id}`]);
  const [row] = await sql(`SELECT * FROM ${own}.runs WHERE id = $1 FOR UPDATE`, [id]);
  if (!row) return { status: "unknown" };
  const refused = (reason: string): Rerun => ({ status: "refused", reason });
  if (row.status === "queued" || row.status === "running") return refused(`The run is still ${row.status}.`);
  if (row.own_token === 1) return refused("The run came with a token of its own, which is not stored: send it again.");
  const [busy] = await sql(
    `SELECT id, status FROM ${own}.runs WHERE slot IS NOT NULL AND md5(slot) = md5($1)
     AND status IN ('queued', 'running') ORDER BY status LIMIT 1`,
    [row.slot],
  );
  if (busy)
    return refused(`Another run of the same group is ${busy.status}: ${busy.id}. Re-run this one when it has ended.`);
  const [queued] = await sql(
    `UPDATE ${own}.runs SET status = 'queued', due_at = $2, retries_from = $2, failures = 0, steps_from = attempts + 1,
       ended_at = NULL, outputs = NULL, dedupe_key = NULL, reason = NULL, http = NULL, kind = NULL,
       superseded_by = NULL, trace = $3
     WHERE id = $1 RETURNING *`,
    [id, at, trace ?? null],
  );
  await jobs.add(sql, [jobOf(queued!, at)]);
  tell(sql, { queued: true });
  return { status: "queued", run: runOf(queued!) };
}
