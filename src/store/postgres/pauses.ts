import type { By } from "../../model/who.ts";
import { pause, resume } from "../queries.ts";
import { clean } from "../rows.ts";
import { pauseAction } from "../rules/runs.ts";
import type { Note } from "./audit.ts";
import type { Sql } from "./connect.ts";
import type { Replica } from "./write.ts";

/** Pauses of workflows. */

/** Whether the workflow was not paused before. */
export async function pauseWorkflow(
  sql: Sql,
  note: Note,
  { names, tell }: Replica,
  { workflow, by }: { workflow: string; by: By },
): Promise<boolean> {
  const [paused] = await sql(pause(names.schema), [clean(workflow), by.at, clean(by.actor)]);
  if (!paused) return false;
  tell(sql, {});
  await note(pauseAction("paused", workflow, by));
  return true;
}

/** Whether the workflow was paused before. All replicas then look for due runs. */
export async function resumeWorkflow(
  sql: Sql,
  note: Note,
  { names, tell }: Replica,
  { workflow, by }: { workflow: string; by: By },
): Promise<boolean> {
  const [resumed] = await sql(resume(names.schema), [clean(workflow)]);
  if (!resumed) return false;
  tell(sql, { queued: true });
  await note(pauseAction("resumed", workflow, by));
  return true;
}
