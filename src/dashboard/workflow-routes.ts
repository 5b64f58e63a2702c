import type { Context, Hono } from "hono";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import type { Workflow } from "../model/workflow.ts";
import type { Tried } from "./form.ts";
import { inputPage } from "./input-page.ts";
import { type Frame, messagePage } from "./layout.ts";
import { PROTECTED } from "./protected.ts";
import { fieldsOf } from "./schema-fields.ts";
import { sentValue } from "./sent-form.ts";
import type { Site } from "./site.ts";
import { workflowsPage } from "./workflows-page.ts";

/** Mounts the page of workflows, and what a person can do with them: start, pause, resume. */
export function mountWorkflowPages(app: Hono, { shown, page, guard, actorOf }: Site): void {
  const { runs, workflows } = shown;

  const list = page(async (c, frame) => {
    const rows = await Promise.all(
      workflows.all.map(async (workflow) => ({
        workflow,
        lastRun: (await runs.list({ workflow: workflow.name }, { limit: 1 })).runs[0],
        nextTick: workflows.nextTick(workflow, frame.now),
      })),
    );
    return c.html(workflowsPage(frame, { rows, broken: workflows.broken }));
  });

  const named = (c: Context) => workflows.all.find(({ name }) => name === c.req.param("name"));

  /** The form for the inputs of a run, as it is or as it was filled in. */
  const start = page(async (c, frame) => {
    const workflow = named(c);
    if (!workflow) return noWorkflow(c, frame);
    if (!workflow.on.manual) {
      const text = "A person cannot start this workflow: it has no trigger `manual`.";
      const link = { href: "/workflows", text: "Show all workflows" };
      return c.html(messagePage(frame, "It was not started", text, link), 409);
    }
    const fields = fieldsOf(inputsJsonSchemaOf(workflow.on), "Inputs");
    const facts = { ...startFacts(workflow), fields };
    if (c.req.method === "GET") return c.html(inputPage(frame, facts));
    const { value, ...tried } = await sentValue(c, fields, shown.scrub);
    const again = (problems: Tried["problems"]) =>
      c.html(inputPage(frame, { ...facts, tried: { ...tried, problems } }), 422);
    if (tried.problems.length > 0) return again(tried.problems);
    const started = await workflows.start(workflow.name, value, actorOf(c));
    if (started.status === "started") return c.redirect(`/runs/${started.run.id}`, 303);
    if (started.status !== "rejected") return noWorkflow(c, frame);
    return again(started.problems);
  });

  const change = (how: "pause" | "resume") =>
    page(async (c, frame) => {
      const name = c.req.param("name") ?? "";
      // One that is paused and no longer there can be resumed.
      const isKnown = name === ALL_WORKFLOWS || named(c) || frame.paused.some(({ workflow }) => workflow === name);
      if (!isKnown) return noWorkflow(c, frame);
      await workflows[how](name, actorOf(c));
      return c.redirect("/workflows", 303);
    });

  app.get("/workflows", PROTECTED, guard, list);
  app.get("/workflows/:name/start", PROTECTED, guard, start);
  app.post("/workflows/:name/start", PROTECTED, guard, start);
  app.post("/workflows/:name/pause", PROTECTED, guard, change("pause"));
  app.post("/workflows/:name/resume", PROTECTED, guard, change("resume"));
}

function startFacts({ name, on: { manual } }: Workflow) {
  const description = manual === true ? undefined : manual?.description;
  return {
    back: { href: "/workflows", text: name },
    title: `Run ${name}`,
    lead: description ?? "This starts a run of the workflow.",
    action: `/workflows/${encodeURIComponent(name)}/start`,
    submit: "Run workflow",
  };
}

function noWorkflow(c: Context, frame: Frame) {
  const text = "There is no workflow of this name.";
  return c.html(messagePage(frame, "No such workflow", text, { href: "/workflows", text: "Show all workflows" }), 404);
}
