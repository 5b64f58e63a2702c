import type { Context, Hono, MiddlewareHandler } from "hono";
import type { ZodType } from "zod";
import { problemsIn } from "../model/problems.ts";
import { type Action, type Attempt, isInterrupted, type ListedRun, type Step } from "../model/run.ts";
import type { Rerun, RerunOptions, RunDetail, RunStore } from "../model/store.ts";
import { actorOf } from "./authorize.ts";
import { Rejection } from "./problem.ts";
import {
  type RunDetailShown,
  type RunPageShown,
  type RunShown,
  rerunQuerySchema,
  runsQuerySchema,
} from "./runs-schemas.ts";

/** The history as it is read and re-run over HTTP. */
export type RunHistory = Pick<RunStore, "list" | "get" | "lines"> & {
  rerun(id: string, options: Pick<RerunOptions, "evenIfOlder" | "actor">): Promise<Rerun>;
};

/** Mounts `GET /api/runs`, `GET /api/runs/{id}` and `POST /api/runs/{id}/rerun`. */
export function mountRunsApi(
  app: Hono,
  { runs, workflows, guard }: { runs: RunHistory; workflows: readonly string[]; guard: MiddlewareHandler },
): void {
  app.get("/api/runs", guard, async (c) => {
    const { limit, cursor, ...filter } = query(c, runsQuerySchema);
    const page = await runs.list(filter, { limit, cursor });
    if (page.runs.length === 0 && filter.workflow !== undefined) await mustExist(filter.workflow);
    return c.json({ runs: page.runs.map(shownRun), next: page.next } satisfies RunPageShown);
  });

  /** An empty list for a name that is misspelt would say that all is well. */
  async function mustExist(workflow: string): Promise<void> {
    if (workflows.includes(workflow) || (await runs.list({ workflow }, { limit: 1 })).runs.length > 0) return;
    const name = JSON.stringify(workflow);
    throw new Rejection(404, `There is no workflow ${name}, and no run of one. There is: ${workflows.join(", ")}.`);
  }

  app.get("/api/runs/:id", guard, async (c) => {
    const id = c.req.param("id");
    return c.json(shownDetail((await runs.get(id)) ?? unknown(id)));
  });

  app.post("/api/runs/:id/rerun", guard, async (c) => {
    const id = c.req.param("id");
    const rerun = await runs.rerun(id, { ...query(c, rerunQuerySchema), actor: actorOf(c) });
    if (rerun.status === "unknown") return unknown(id);
    if (rerun.status === "rejected") throw new Rejection(409, rerun.reason);
    if (rerun.status === "notNeeded") {
      const how = rerun.canForce ? ` ${HOW_TO_FORCE}` : "";
      throw new Rejection(409, rerun.reason + how, {}, { notNeeded: true });
    }
    return c.json(shownRun(rerun.run), 202, { location: `/api/runs/${rerun.run.id}`, "x-run-id": rerun.run.id });
  });
}

const HOW_TO_FORCE = "To re-run it anyway, add ?evenIfOlder=true to the request, or --even-if-older to the command.";

/** @throws Rejection with 400 that names what is wrong. */
export function query<T>(c: Context, schema: ZodType<T>): T {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [name, values.length > 1 ? values : values[0]]);
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  throw new Rejection(400, `${problemsIn(parsed.error, { whole: "The query" }).join("; ")}.`);
}

export function unknown(id: string): never {
  throw new Rejection(404, `There is no run ${id}. GET /api/runs lists them; ended runs are kept for RETAIN_DAYS.`);
}

export function shownRun(run: ListedRun): RunShown {
  const {
    id,
    workflow,
    group,
    trigger,
    actor,
    rerunOf,
    status,
    ownToken,
    attempts,
    outputs,
    reason,
    http,
    kind,
    supersededBy,
  } = run;
  return {
    id,
    workflow,
    group,
    trigger,
    actor,
    rerunOf,
    status,
    ownToken,
    acceptedAt: time(run.acceptedAt),
    dueAt: optionalTime(run.dueAt),
    startedAt: optionalTime(run.startedAt),
    endedAt: optionalTime(run.endedAt),
    attemptCount: attempts,
    outputs,
    reason,
    http,
    kind,
    supersededBy,
  };
}

function shownDetail({ run, attempts, steps, superseded, actions }: RunDetail): RunDetailShown {
  return {
    ...shownRun(run),
    input: run.input,
    attempts: attempts.map(withTimes),
    steps: steps.map((step) => ({
      ...shownStep(step),
      ...(isInterrupted(step, { run, attempts }) && { interrupted: true as const }),
    })),
    superseded: [...superseded],
    actions: actions.map(shownAction),
  };
}

function shownAction({ at, ...action }: Action) {
  return { ...action, at: time(at) };
}

function withTimes(each: Attempt) {
  return { ...each, startedAt: time(each.startedAt), endedAt: time(each.endedAt) };
}

function shownStep({ until: _, ...step }: Step) {
  return { ...step, startedAt: time(step.startedAt), endedAt: optionalTime(step.endedAt) };
}

/** RFC 3339, with milliseconds. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function optionalTime(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : time(milliseconds);
}
