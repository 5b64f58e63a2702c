import { type Paused, pauseOf } from "../../model/run-actions.ts";
import type { By } from "../../model/who.ts";
import { pause, resume } from "../queries.ts";
import { clean, type Row } from "../rows.ts";
import { pauseAction } from "../rules/runs.ts";
import type { Note } from "./audit.ts";
import type { Sql } from "./statements.ts";

/** Pauses of workflows. */

/** Whether the workflow was not paused before. */
export function pauseWorkflow(sql: Sql, note: Note, workflow: string, by: By): boolean {
  if (!sql.one(PAUSE, workflow, by.at, by.actor)) return false;
  note(pauseAction("paused", workflow, by));
  return true;
}

/** Whether the workflow was paused before. */
export function resumeWorkflow(sql: Sql, note: Note, workflow: string, by: By): boolean {
  if (!sql.one(RESUME, workflow)) return false;
  note(pauseAction("resumed", workflow, by));
  return true;
}

/** The paused workflows, cached: only this process pauses any, and each acceptance needs them. */
export function knownPauses(sql: Sql) {
  let paused: readonly Pick<Paused, "workflow">[] = [];
  const look = () => {
    paused = sql.all("SELECT workflow FROM paused_workflows") as Row[] as Paused[];
  };
  look();
  return { look, has: (workflow: string) => pauseOf(clean(workflow), paused) !== undefined };
}

const PAUSE = pause("main");
const RESUME = resume("main");
