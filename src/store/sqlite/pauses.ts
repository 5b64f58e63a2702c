import { type By, type Paused, pauseOf } from "../../model/run-actions.ts";
import { insertAction, pause, resume } from "../queries.ts";
import { clean, type NewAction, type Row } from "../rows.ts";
import { pauseAction } from "../rules/runs.ts";
import type { Sql } from "./statements.ts";

/** Pauses of workflows, and what was done by whom. */

/** Whether it was not paused before. */
export function pauseWorkflow(sql: Sql, workflow: string, by: By): boolean {
  if (!sql.one(PAUSE, workflow, by.at, by.actor)) return false;
  act(sql, pauseAction("paused", workflow, by));
  return true;
}

/** Whether it was paused before. */
export function resumeWorkflow(sql: Sql, workflow: string, by: By): boolean {
  if (!sql.one(RESUME, workflow)) return false;
  act(sql, pauseAction("resumed", workflow, by));
  return true;
}

/** The workflows that are paused, as this process knows them: it alone pauses any, and acceptance asks each time. */
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

/** Writes down who did what, in the transaction that does it. */
export function act(sql: Sql, { at, actor, action, run, workflow, details }: NewAction): void {
  sql.change(INSERT_ACTION, at, actor, action, run ?? null, workflow, details ?? null);
}

const INSERT_ACTION = insertAction("main");
