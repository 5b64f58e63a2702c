import type { By } from "../../model/run-actions.ts";
import { insertAction, pause, resume } from "../queries.ts";
import { clean, type NewAction } from "../rows.ts";
import { pauseAction } from "../rules/runs.ts";
import type { Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import type { Replica } from "./write.ts";

/** Pauses of workflows, and what was done by whom. */

/** Whether it was not paused before. */
export async function pauseWorkflow(sql: Sql, { names, tell }: Replica, workflow: string, by: By): Promise<boolean> {
  const [paused] = await sql(pause(names.schema), [clean(workflow), by.at, clean(by.actor)]);
  if (!paused) return false;
  act(sql, names, pauseAction("paused", workflow, by));
  tell(sql, {});
  return true;
}

/** Whether it was paused before. All replicas look for what is due. */
export async function resumeWorkflow(sql: Sql, { names, tell }: Replica, workflow: string, by: By): Promise<boolean> {
  const [resumed] = await sql(resume(names.schema), [clean(workflow)]);
  if (!resumed) return false;
  act(sql, names, pauseAction("resumed", workflow, by));
  tell(sql, { queued: true });
  return true;
}

/** Writes down who did what, in the transaction that does it. */
export function act(sql: Sql, { schema }: Names, { at, actor, action, run, workflow, details }: NewAction): void {
  void sql(insertAction(schema), [at, actor, action, run ?? null, workflow, details ?? null]);
}
