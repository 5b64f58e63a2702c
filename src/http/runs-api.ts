import type { Context, Hono, MiddlewareHandler } from "hono";
import type { ZodType } from "zod";
import type { RunDetail } from "../model/history.ts";
import { type Action, type Attempt, isInterrupted, type Json, type ListedRun, type Step } from "../model/run.ts";
import type { Cancel, Rerun, RerunOptions } from "../model/run-actions.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import { actorOf } from "./authorize.ts";
import { jsonObject, readBytes } from "./body.ts";
import { checked, Rejection } from "./problem.ts";
import {
  type RunDetailShown,
  type RunPageShown,
  type RunShown,
  rerunQuerySchema,
  rerunSchema,
  runsQuerySchema,
} from "./runs-schemas.ts";

/** The history as it is read and re-run over HTTP. */
export type RunHistory = Pick<RunStore, "list" | "get" | "lines"> & {
  rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun>;
  /** Starts a new run of the same trigger with another input. */
  rerunWith(id: string, input: Json, actor: string): Promise<Start>;
  /** Resolves when nothing more is sent for the run, or with `cancelling` when that is not known yet. */
  cancel(id: string, actor: string): Promise<Cancel>;
};

/** Mounts `GET /api/runs`, `GET /api/runs/{id}`, `POST /api/runs/{id}/rerun` and `POST /api/runs/{id}/cancel`. */
export function mountRunsApi(
  app: Hono,
  { runs, workflows, guard }: { runs: RunHistory; workflows: readonly string[]; guard: MiddlewareHandler },
): void {
  app.get("/api/runs", guard, async (c) => {
    const { limit, cursor, ...filter } = query(c, runsQuerySchema);
    const page = await runs.list(filter, { limit, cursor });
    if (page.runs.length === 0) await mustExist(filter.workflow, { runs, workflows });
    return c.json({ runs: page.runs.map(shownRun), next: page.next } satisfies RunPageShown);
  });

  app.get("/api/runs/:id", guard, async (c) => {
    const id = c.req.param("id");
    return c.json(shownDetail((await runs.get(id)) ?? unknown(id)));
  });

  app.post("/api/runs/:id/rerun", guard, async (c) => {
    const id = c.req.param("id");
    const options = query(c, rerunQuerySchema);
    const input = inputIn(await readBytes(c, MAX_INPUT_BYTES));
    if (input !== undefined) {
      if (Object.keys(options).length > 0)
        throw new Rejection(400, "A run with another input is a new one: it takes no query.");
      return startedAnswer(c, await runs.rerunWith(id, input, actorOf(c)), "input");
    }
    const rerun = await runs.rerun(id, { ...options, actor: actorOf(c) });
    if (rerun.status === "unknown") return unknown(id);
    if (rerun.status === "rejected") throw new Rejection(409, rerun.reason);
    if (rerun.status === "notNeeded") {
      const how = rerun.canForce ? ` ${HOW_TO_FORCE}` : "";
      throw new Rejection(409, rerun.reason + how, {}, { notNeeded: true });
    }
    return c.json(shownRun(rerun.run), 202, { location: `/api/runs/${rerun.run.id}`, "x-run-id": rerun.run.id });
  });

  app.post("/api/runs/:id/cancel", guard, async (c) => {
    const id = c.req.param("id");
    const cancel = await runs.cancel(id, actorOf(c));
    if (cancel.status === "unknown") return unknown(id);
    const { run } = cancel;
    if (cancel.status === "ended") throw new Rejection(409, `The run has ended already: ${run.status}.`);
    return c.json(shownRun(run), cancel.status === "cancelled" ? 200 : 202);
  });
}

/** The answer to a person who starts a run. */
export function startedAnswer(c: Context, start: Start, whole = "inputs"): Response {
  if (start.status === "started") {
    const { id } = start.run;
    return c.json(shownRun(start.run) satisfies RunShown, 202, { location: `/api/runs/${id}`, "x-run-id": id });
  }
  if (start.status === "unknown") throw new Rejection(404, start.reason);
  if (start.status === "notManual") throw new Rejection(409, start.reason);
  const problems = start.problems.map(({ field, message }) => `${field || whole} ${message}`);
  throw new Rejection(400, `${problems.join("; ")}.`, {}, { problems });
}

/** An empty list for a name that is misspelt would say that all is well. */
export async function mustExist(
  workflow: string | undefined,
  { runs, workflows }: { runs: Pick<RunStore, "list">; workflows: readonly string[] },
): Promise<void> {
  if (workflow === undefined || workflows.includes(workflow)) return;
  if ((await runs.list({ workflow }, { limit: 1 })).runs.length > 0) return;
  const name = JSON.stringify(workflow);
  throw new Rejection(404, `There is no workflow ${name}, and no run of one. There is: ${workflows.join(", ")}.`);
}

/** The changed input in the body of a re-run; undefined when there is none. */
function inputIn(bytes: Uint8Array): Json | undefined {
  if (bytes.byteLength === 0) return undefined;
  const given = jsonObject(bytes, '{"input":{"application":"pr-1234"}}');
  const { input, inputs } = checked(rerunSchema, given, "The body");
  if (input !== undefined && inputs !== undefined) throw new Rejection(400, "Give either input or inputs, not both.");
  return (input === undefined ? inputs : input) as Json | undefined;
}

/** An event of GitHub is larger than what callers send; nearly all have less. */
const MAX_INPUT_BYTES = 1_048_576;

const HOW_TO_FORCE = "To re-run it anyway, add ?evenIfOlder=true to the request, or --even-if-older to the command.";

/** @throws Rejection with 400 that names what is wrong. */
export function query<T>(c: Context, schema: ZodType<T>): T {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [name, values.length > 1 ? values : values[0]]);
  return checked(schema, Object.fromEntries(given), "The query");
}

export function unknown(id: string): never {
  throw new Rejection(404, `There is no run ${id}. GET /api/runs lists them; ended runs are kept for RETAIN_DAYS.`);
}

export function shownRun(run: ListedRun): RunShown {
  return {
    id: run.id,
    workflow: run.workflow,
    group: run.group,
    trigger: run.trigger,
    actor: run.actor,
    rerunOf: run.rerunOf,
    status: run.status,
    ownToken: run.ownToken,
    acceptedAt: time(run.acceptedAt),
    dueAt: optionalTime(run.dueAt),
    startedAt: optionalTime(run.startedAt),
    endedAt: optionalTime(run.endedAt),
    attemptCount: run.attempts,
    outputs: run.outputs,
    reason: run.reason,
    http: run.http,
    kind: run.kind,
    supersededBy: run.supersededBy,
    ...(run.cleaningUp && { cleaningUp: true as const }),
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

export function optionalTime(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : time(milliseconds);
}
