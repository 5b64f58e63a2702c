import type { Hono } from "hono";
import { may } from "../model/access.ts";
import { filtersOf } from "../model/github-trigger.ts";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import { reportOf } from "../model/report.ts";
import type { Start } from "../model/start.ts";
import { gitHubEntries, type Triggers } from "../model/triggers.ts";
import type { Who } from "../model/who.ts";
import type { Workflow } from "../model/workflow.ts";
import type { FindFacts, ScheduleFacts } from "../model/workflow-facts.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import { type RecentRun, successRate, type WorkflowStats } from "../model/workflow-stats.ts";
import { type Guard, principalOf, whoOf } from "./authorize.ts";
import { jsonObject, readBytes } from "./body.ts";
import { type Pauses, shownPause } from "./pauses-api.ts";
import { checked, Rejection } from "./problem.ts";
import { startedAnswer } from "./runs-api.ts";
import {
  type ScheduleShown,
  type StatsShown,
  startSchema,
  type TriggerShown,
  type WorkflowShown,
} from "./workflows-schemas.ts";

type Parts = {
  /** The file of each workflow. */
  readonly fileOf: ReadonlyMap<string, string>;
  readonly broken: readonly BrokenFile[];
  readonly outdated: readonly BrokenFile[];
  readonly facts: FindFacts;
  readonly startByHand: StartByHand;
  readonly pauses: Pick<Pauses, "paused">;
  readonly guard: Guard;
};

export type StartByHand = (workflow: string, inputs: unknown, who: Who) => Promise<Start>;

/** Mounts `GET /api/workflows` and `POST /api/workflows/{name}/runs`. */
export function mountWorkflowsApi(
  app: Hono,
  { fileOf, facts, broken, outdated, startByHand, pauses, guard }: Parts,
): void {
  const known = new Map<string, ReturnType<typeof shownWorkflow>>();
  const shownOf = (workflow: Workflow) => {
    const shown = known.get(workflow.name) ?? shownWorkflow(workflow, fileOf.get(workflow.name) ?? "");
    known.set(workflow.name, shown);
    return shown;
  };
  app.get("/api/workflows", guard("read"), async (c) => {
    const { grants } = principalOf(c);
    const [paused, all] = await Promise.all([pauses.paused(), facts.all()]);
    const readable = all.filter(({ name }) => may(grants, "read", name));
    const shown = readable.flatMap(({ workflow, code, stats, schedule }): WorkflowShown[] =>
      workflow
        ? [
            {
              ...shownOf(workflow),
              ...{ code, stats: shownStats(stats), schedule: schedule && shownSchedule(schedule) },
              paused: shownPause(workflow.name, paused),
            },
          ]
        : [],
    );
    const gone = readable.flatMap(({ name, workflow, stats }) =>
      workflow ? [] : [{ name, stats: shownStats(stats) }],
    );
    // Which workflows a broken file would have is not known. So only a reader of all workflows sees it.
    if (!may(grants, "read-all")) return c.json({ workflows: shown, broken: [], gone });
    return c.json({ workflows: shown, broken, ...(outdated.length > 0 ? { outdated } : {}), gone });
  });

  app.post("/api/workflows/:name/runs", guard("operate", { workflowOf: (c) => c.req.param("name") }), async (c) => {
    const bytes = await readBytes(c);
    const json = bytes.byteLength === 0 ? {} : jsonObject(bytes, '{"inputs":{"ref":"main"}}');
    const { inputs = {} } = checked(startSchema, json, "The body");
    const name = c.req.param("name");
    const start = await startByHand(name, inputs, whoOf(c));
    // The reason lists the names of all workflows.
    if (start.status === "unknown" && !may(principalOf(c).grants, "read-all"))
      throw new Rejection(404, `There is no workflow ${JSON.stringify(name)} to start.`);
    return startedAnswer(c, start);
  });
}

function shownWorkflow(workflow: Workflow, file: string): WorkflowShown {
  const { name, on, repository, githubApp, githubToken, identities, permissions } = workflow;
  const report = reportOf(workflow);
  const reports = report && { as: report.as, name: report.name };
  const credentials = { githubApp, githubToken, identities, permissions };
  return { name, file, repository, triggers: triggersIn(on), report: reports, ...credentials };
}

function shownStats({ recent, ended, success, failure, durations, ...last }: WorkflowStats): StatsShown {
  const endOf = (run: RecentRun | undefined) => run && { id: run.id, endedAt: iso(run.endedAt ?? run.acceptedAt) };
  return {
    ...{ ended, success, failure, successRate: successRate({ success, failure }) },
    ...{ p50: durations?.p50, p95: durations?.p95 },
    ...{ lastSuccess: endOf(last.lastSuccess), lastFailure: endOf(last.lastFailure) },
    recent: recent.map(({ id, status, acceptedAt }) => ({ id, status, acceptedAt: iso(acceptedAt) })),
  };
}

function shownSchedule({ next, ticks, hasMore, late }: ScheduleFacts): ScheduleShown {
  return {
    next: next === undefined ? undefined : iso(next),
    ticks: ticks.map(iso),
    hasMore,
    late: late && { at: iso(late.at), run: late.run },
  };
}

const iso = (at: number): string => new Date(at).toISOString();

function triggersIn(on: Triggers): TriggerShown[] {
  const { http, flux, schedule, manual, call } = on;
  const description = manual === true ? undefined : manual?.description;
  return [
    ...(http ? [{ trigger: "http", path: http.path } as const] : []),
    ...(flux ? [{ trigger: "flux", path: flux.path } as const] : []),
    ...gitHubEntries(on).map((entry) => ({
      trigger: "github" as const,
      events: ([] as string[]).concat(entry.events),
      actions: entry.actions && [...entry.actions],
      ...filtersOf(entry),
    })),
    ...(schedule ? [{ trigger: "schedule", cron: schedule.cron, timeZone: schedule.timeZone ?? "UTC" } as const] : []),
    ...(manual ? [{ trigger: "manual", description, inputs: inputsJsonSchemaOf(on) } as const] : []),
    ...(call ? [{ trigger: "call" } as const] : []),
  ];
}
