import type { Hono, MiddlewareHandler } from "hono";
import { filtersOf } from "../model/github-trigger.ts";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import { reportOf } from "../model/report.ts";
import type { Start } from "../model/start.ts";
import { gitHubEntries, type Triggers } from "../model/triggers.ts";
import type { BrokenFile, Workflow } from "../model/workflow.ts";
import { actorOf } from "./authorize.ts";
import { jsonObject, readBytes } from "./body.ts";
import { type Pauses, shownPause } from "./pauses-api.ts";
import { checked } from "./problem.ts";
import { startedAnswer } from "./runs-api.ts";
import { startSchema, type TriggerShown, type WorkflowShown } from "./workflows-schemas.ts";

type Parts = {
  readonly workflows: readonly Workflow[];
  /** From which file each comes. */
  readonly fileOf: ReadonlyMap<string, string>;
  readonly broken: readonly BrokenFile[];
  readonly startByHand: StartByHand;
  readonly pauses: Pick<Pauses, "paused">;
  readonly guard: MiddlewareHandler;
};

export type StartByHand = (workflow: string, inputs: unknown, actor: string) => Promise<Start>;

/** Mounts `GET /api/workflows` and `POST /api/workflows/{name}/runs`. */
export function mountWorkflowsApi(app: Hono, { workflows, fileOf, broken, startByHand, pauses, guard }: Parts): void {
  let shown: readonly WorkflowShown[] | undefined;
  app.get("/api/workflows", guard, async (c) => {
    shown ??= workflows.map((workflow) => shownWorkflow(workflow, fileOf.get(workflow.name) ?? ""));
    const paused = await pauses.paused();
    return c.json({ workflows: shown.map((each) => ({ ...each, paused: shownPause(each.name, paused) })), broken });
  });

  app.post("/api/workflows/:name/runs", guard, async (c) => {
    const bytes = await readBytes(c);
    const json = bytes.byteLength === 0 ? {} : jsonObject(bytes, '{"inputs":{"ref":"main"}}');
    const { inputs = {} } = checked(startSchema, json, "The body");
    return startedAnswer(c, await startByHand(c.req.param("name"), inputs, actorOf(c)));
  });
}

function shownWorkflow(workflow: Workflow, file: string): WorkflowShown {
  const { name, on, repository, githubApp, githubToken, identities, permissions } = workflow;
  const report = reportOf(workflow);
  const reports = report && { as: report.as, name: report.name };
  const credentials = { githubApp, githubToken, identities, permissions };
  return { name, file, repository, triggers: triggersIn(on), report: reports, ...credentials };
}

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
