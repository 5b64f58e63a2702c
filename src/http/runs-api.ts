import type { Context, Hono } from "hono";
import type { ZodType } from "zod";
import { limitOf, may, mayRead, whyForbidden, workflowsFor } from "../model/access.ts";
import type { Clock } from "../model/clock.ts";
import type { RunDetail } from "../model/history.ts";
import { type Action, type Attempt, isInterrupted, type Json, type ListedRun, type Step } from "../model/run.ts";
import type { Cancel, Rerun, RerunOptions } from "../model/run-actions.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { type Guard, principalOf, whoOf } from "./authorize.ts";
import { jsonObject, readBytes } from "./body.ts";
import { checked, Rejection } from "./problem.ts";
import { filterOf, runsQuerySchema } from "./run-filter.ts";
import {
  type RunDetailShown,
  type RunPageShown,
  type RunShown,
  rerunQuerySchema,
  rerunSchema,
} from "./runs-schemas.ts";

/** Reads, re-runs and cancels runs for the HTTP API. */
export type RunHistory = Pick<RunStore, "list" | "get" | "lines"> & {
  rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun>;
  /** Starts a new run of the same trigger with another input. */
  rerunWith(id: string, input: Json, who: Who): Promise<Start>;
  /** Resolves when the run sends nothing more, or with `cancelling` if that is not yet known. */
  cancel(id: string, who: Who): Promise<Cancel>;
};

/** Mounts `GET /api/runs`, `GET /api/runs/{id}`, `POST /api/runs/{id}/rerun` and `POST /api/runs/{id}/cancel`. */
export function mountRunsApi(
  app: Hono,
  {
    runs,
    workflows,
    guard,
    clock,
  }: { runs: RunHistory; workflows: readonly string[]; guard: Guard; clock: Pick<Clock, "now"> },
): void {
  app.get("/api/runs", guard("read"), async (c) => {
    const { limit, cursor, ...given } = query(c, runsQuerySchema);
    const allowed = limitOf(principalOf(c).grants, "read");
    const filter = { ...filterOf(given, clock.now()), ...allowed };
    const page = await runs.list(filter, { limit, cursor });
    if (page.runs.length === 0) await mustExist(filter.workflow, { runs, workflows, allowed });
    const { next, unsearched } = page;
    return c.json({ runs: page.runs.map(shownRun), next, unsearched: unsearched?.count } satisfies RunPageShown);
  });

  app.get("/api/runs/:id", guard("read", { ownRuns: true }), async (c) => {
    return c.json(shownDetail(await readable(c, runs)));
  });

  app.post("/api/runs/:id/rerun", guard("operate"), async (c) => {
    const id = c.req.param("id");
    await mayOperate(c, runs);
    const options = query(c, rerunQuerySchema);
    const input = inputIn(await readBytes(c, MAX_INPUT_BYTES));
    if (input !== undefined) {
      if (Object.keys(options).length > 0)
        throw new Rejection(400, "A re-run with another input starts a new run and takes no query. Remove the query.");
      return startedAnswer(c, await runs.rerunWith(id, input, whoOf(c)), "input");
    }
    const rerun = await runs.rerun(id, { ...options, ...whoOf(c) });
    if (rerun.status === "unknown") return unknown(id);
    if (rerun.status === "rejected") throw new Rejection(409, rerun.reason);
    if (rerun.status === "notNeeded") {
      const how = rerun.canForce ? ` ${HOW_TO_FORCE}` : "";
      throw new Rejection(409, rerun.reason + how, {}, { notNeeded: true });
    }
    return c.json(shownRun(rerun.run), 202, { location: `/api/runs/${rerun.run.id}`, "x-run-id": rerun.run.id });
  });

  app.post("/api/runs/:id/cancel", guard("operate"), async (c) => {
    const id = c.req.param("id");
    await mayOperate(c, runs);
    const cancel = await runs.cancel(id, whoOf(c));
    if (cancel.status === "unknown") return unknown(id);
    const { run } = cancel;
    if (cancel.status === "ended") throw new Rejection(409, `The run has already ended: ${run.status}.`);
    return c.json(shownRun(run), cancel.status === "cancelled" ? 200 : 202);
  });
}

/**
 * The run that a request names.
 * @throws Rejection 404 if there is no such run. Also if the sender may not read it, so that the answer does not reveal the run.
 */
export async function readable(c: Context, runs: Pick<RunStore, "get">): Promise<RunDetail> {
  const id = c.req.param("id") ?? "";
  const detail = await runs.get(id);
  if (detail && mayRead(principalOf(c), detail.run)) return detail;
  if (detail) c.set("hidden", true);
  return unknown(id);
}

/** @throws Rejection 403 if the sender may read the run but not change it. */
async function mayOperate(c: Context, runs: Pick<RunStore, "get">): Promise<void> {
  const principal = principalOf(c);
  if (workflowsFor(principal.grants, "operate") === undefined) return;
  const { workflow } = (await readable(c, runs)).run;
  if (!may(principal.grants, "operate", workflow))
    throw new Rejection(403, whyForbidden(principal, "operate", workflow));
}

/** The answer to a request that starts a run by hand. */
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

/** Rejects an unknown workflow. With an empty list instead, a misspelt name would look as if all were well. */
export async function mustExist(
  workflow: string | undefined,
  {
    runs,
    workflows,
    allowed = {},
  }: { runs: Pick<RunStore, "list">; workflows: readonly string[]; allowed?: ReturnType<typeof limitOf> },
): Promise<void> {
  const known = workflows.filter((each) => allowed.workflows?.includes(each) ?? true);
  if (workflow === undefined || known.includes(workflow)) return;
  if ((await runs.list({ workflow, ...allowed }, { limit: 1 })).runs.length > 0) return;
  const name = JSON.stringify(workflow);
  throw new Rejection(404, `There is no workflow ${name}, and it has no runs. Workflows: ${known.join(", ")}.`);
}

/** The changed input in the body of a re-run. Undefined without a body. */
function inputIn(bytes: Uint8Array): Json | undefined {
  if (bytes.byteLength === 0) return undefined;
  const given = jsonObject(bytes, '{"input":{"application":"pr-1234"}}');
  const { input, inputs } = checked(rerunSchema, given, "The body");
  if (input !== undefined && inputs !== undefined) throw new Rejection(400, "Give either input or inputs, not both.");
  return (input === undefined ? inputs : input) as Json | undefined;
}

/** An input may be an event of GitHub, which is larger than what callers send. Nearly all events are smaller than this. */
const MAX_INPUT_BYTES = 1_048_576;

const HOW_TO_FORCE = "To re-run it anyway, add ?evenIfOlder=true to the request, or --even-if-older to the command.";

/** @throws Rejection 400 that names every problem. */
export function query<T>(c: Context, schema: ZodType<T>): T {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [name, values.length > 1 ? values : values[0]]);
  return checked(schema, Object.fromEntries(given), "The query");
}

export function unknown(id: string): never {
  throw new Rejection(404, `There is no run ${id}. GET /api/runs lists all runs. Ended runs are kept for RETAIN_DAYS.`);
}

export function shownRun(run: ListedRun): RunShown {
  return {
    id: run.id,
    workflow: run.workflow,
    group: run.group,
    title: run.title,
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

function withTimes({ sent, ...each }: Attempt) {
  return {
    ...each,
    startedAt: time(each.startedAt),
    endedAt: time(each.endedAt),
    ...(sent && { sent: { ...sent, requests: sent.requests.map((write) => ({ ...write, at: time(write.at) })) } }),
  };
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
