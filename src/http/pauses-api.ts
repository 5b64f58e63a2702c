import type { Context, Hono } from "hono";
import { may } from "../model/access.ts";
import { ALL_WORKFLOWS, type Paused, pauseOf } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { type Guard, principalOf, whoOf } from "./authorize.ts";
import { Rejection } from "./problem.ts";
import type { PausedShown } from "./workflows-schemas.ts";

/** Pauses and resumes workflows. `*` means all. Resolves with false if nothing changed. */
export type Pauses = Pick<RunStore, "paused"> &
  Readonly<Record<"pause" | "resume", (workflow: string, who: Who) => Promise<boolean>>>;

/**
 * Mounts `POST /api/workflows/{name}/pause` and `/resume`, and `POST /api/pause` and `/api/resume` for all workflows. Pausing
 * a paused workflow changes nothing and is not an error.
 */
export function mountPausesApi(
  app: Hono,
  { pauses, workflows, guard }: { pauses: Pauses; workflows: readonly string[]; guard: Guard },
): void {
  const does = (action: "pause" | "resume", workflowIn: (c: Context) => string) => async (c: Context) => {
    const workflow = workflowIn(c);
    if (workflow !== ALL_WORKFLOWS && !workflows.includes(workflow)) await mustBePaused(c, workflow);
    const changed = await pauses[action](workflow, whoOf(c));
    const left = await pauses.paused();
    const paused = shownPause(workflow, left);
    const rest = workflow === ALL_WORKFLOWS ? left.map((each) => each.workflow) : undefined;
    return c.json({ workflow, changed, paused, pausedByName: rest?.filter((each) => each !== ALL_WORKFLOWS) });
  };

  /** A workflow that no longer exists can still be resumed. */
  async function mustBePaused(c: Context, workflow: string): Promise<void> {
    if ((await pauses.paused()).some((each) => each.workflow === workflow)) return;
    const known = workflows.filter((each) => may(principalOf(c).grants, "read", each));
    throw new Rejection(404, `There is no workflow ${JSON.stringify(workflow)}. Workflows: ${known.join(", ")}.`);
  }

  const named = (c: Context) => c.req.param("name") ?? "";
  const all = () => ALL_WORKFLOWS;
  app.post("/api/workflows/:name/pause", guard("operate", { workflowOf: named }), does("pause", named));
  app.post("/api/workflows/:name/resume", guard("operate", { workflowOf: named }), does("resume", named));
  app.post("/api/pause", guard("operate-all"), does("pause", all));
  app.post("/api/resume", guard("operate-all"), does("resume", all));
}

/** Since when and by whom a workflow is paused. Undefined if it is not. */
export function shownPause(workflow: string, paused: readonly Paused[]): PausedShown | undefined {
  const pause = pauseOf(workflow, paused);
  if (!pause) return undefined;
  const { at, actor } = pause;
  return { at: new Date(at).toISOString(), actor, all: pause.workflow === ALL_WORKFLOWS };
}
