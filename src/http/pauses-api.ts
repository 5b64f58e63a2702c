import type { Context, Hono, MiddlewareHandler } from "hono";
import { ALL_WORKFLOWS, type Paused, pauseOf } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import { actorOf } from "./authorize.ts";
import { Rejection } from "./problem.ts";
import type { PausedShown } from "./workflows-schemas.ts";

/** Workflows as they are paused and resumed; `*` is all of them. False: it was so before. */
export type Pauses = Pick<RunStore, "paused"> &
  Readonly<Record<"pause" | "resume", (workflow: string, actor: string) => Promise<boolean>>>;

/**
 * Mounts `POST /api/workflows/{name}/pause` and `/resume`, and `POST /api/pause` and `/api/resume` for all of them. To
 * pause what is paused changes nothing, and is no mistake.
 */
export function mountPausesApi(
  app: Hono,
  { pauses, workflows, guard }: { pauses: Pauses; workflows: readonly string[]; guard: MiddlewareHandler },
): void {
  const does = (action: "pause" | "resume", workflowIn: (c: Context) => string) => async (c: Context) => {
    const workflow = workflowIn(c);
    if (workflow !== ALL_WORKFLOWS && !workflows.includes(workflow)) await mustBePaused(workflow);
    const changed = await pauses[action](workflow, actorOf(c));
    const left = await pauses.paused();
    const paused = shownPause(workflow, left);
    const rest = workflow === ALL_WORKFLOWS ? left.map((each) => each.workflow) : undefined;
    return c.json({ workflow, changed, paused, pausedByName: rest?.filter((each) => each !== ALL_WORKFLOWS) });
  };

  /** One that is not there any more can still be resumed. */
  async function mustBePaused(workflow: string): Promise<void> {
    if ((await pauses.paused()).some((each) => each.workflow === workflow)) return;
    throw new Rejection(404, `There is no workflow ${JSON.stringify(workflow)}. There is: ${workflows.join(", ")}.`);
  }

  const named = (c: Context) => c.req.param("name") ?? "";
  const all = () => ALL_WORKFLOWS;
  app.post("/api/workflows/:name/pause", guard, does("pause", named));
  app.post("/api/workflows/:name/resume", guard, does("resume", named));
  app.post("/api/pause", guard, does("pause", all));
  app.post("/api/resume", guard, does("resume", all));
}

/** Why a workflow is paused: since when and by whom; undefined when it is not. */
export function shownPause(workflow: string, paused: readonly Paused[]): PausedShown | undefined {
  const pause = pauseOf(workflow, paused);
  if (!pause) return undefined;
  const { at, actor } = pause;
  return { at: new Date(at).toISOString(), actor, all: pause.workflow === ALL_WORKFLOWS };
}
