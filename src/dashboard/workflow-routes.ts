import type { Context, Hono } from "hono";
import { html } from "hono/html";
import { inputsJsonSchemaOf } from "../model/json-schema.ts";
import { nearestName } from "../model/nearest-name.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import type { Workflow } from "../model/workflow.ts";
import { NO_FILES } from "./broken-banner.ts";
import type { Tried } from "./form.ts";
import { inputPage } from "./input-page.ts";
import { type Frame, messagePage } from "./layout.ts";
import { PROTECTED } from "./protected.ts";
import { fieldsOf } from "./schema-fields.ts";
import { sentValue } from "./sent-form.ts";
import type { Site } from "./site.ts";
import { PAGE_RUNS, runsOf, workflowPage } from "./workflow-page.ts";
import { workflowPath } from "./workflow-parts.ts";
import { workflowsPage } from "./workflows-page.ts";

/** Mounts the list of workflows, the page of each, and the actions: start, pause, resume. */
export function mountWorkflowPages(app: Hono, { shown, page, guard, whoOf }: Site): void {
  const { runs, workflows, web } = shown;

  const list = page(async (c, frame) => {
    const { reader } = frame;
    const facts = (await workflows.facts.all(frame.now)).filter(({ name }) => reader.may("read", name));
    const page = Number(/^[1-9]\d{0,3}$/.exec(c.req.query("page") ?? "")?.[0] ?? 1);
    return c.html(workflowsPage(frame, { facts, files: reader.may("read-all") ? workflows : NO_FILES, page }));
  });

  const show = page(async (c, frame) => {
    const workflow = c.req.param("name") ?? "";
    const [facts, { runs: newest }, counts] = await Promise.all([
      workflows.facts.one(workflow, frame.now),
      runs.list({ workflow }, { limit: PAGE_RUNS }),
      runs.counts({ workflow }),
    ]);
    if (!facts) return noWorkflow(c, frame, known);
    const { retryHours } = workflows;
    return c.html(
      workflowPage(frame, {
        facts,
        retryHours,
        runs: runsOf(newest, { workflow, counts, web, paused: frame.paused, now: frame.now }),
      }),
    );
  });

  const nameIn = (c: Context) => c.req.param("name");
  const known = workflows.all.map(({ name }) => name);
  const named = (c: Context) => workflows.all.find(({ name }) => name === c.req.param("name"));

  /** The form for the inputs of a run, with defaults or with what the person entered. */
  const start = page(async (c, frame) => {
    const workflow = named(c);
    if (!workflow) return noWorkflow(c, frame, known);
    if (!workflow.on.manual) {
      const text = "You cannot start this workflow by hand: it has no trigger `manual`.";
      const link = { href: "/workflows", text: "Show all workflows" };
      return c.html(messagePage(frame, "The workflow was not started", text, link), 409);
    }
    const fields = fieldsOf(inputsJsonSchemaOf(workflow.on), "Inputs");
    const facts = { ...startFacts(workflow), fields };
    if (c.req.method === "GET") return c.html(inputPage(frame, facts));
    const { value, ...tried } = await sentValue(c, fields, shown.scrub);
    const again = (problems: Tried["problems"]) =>
      c.html(inputPage(frame, { ...facts, tried: { ...tried, problems } }), 422);
    if (tried.problems.length > 0) return again(tried.problems);
    const started = await workflows.start(workflow.name, value, whoOf(c));
    if (started.status === "started") return c.redirect(`/runs/${started.run.id}`, 303);
    if (started.status !== "rejected") return noWorkflow(c, frame, known);
    return again(started.problems);
  });

  const change = (how: "pause" | "resume") =>
    page(async (c, frame) => {
      const name = c.req.param("name") ?? "";
      // A paused workflow that no longer exists can be resumed.
      const isKnown = name === ALL_WORKFLOWS || named(c) || frame.paused.some(({ workflow }) => workflow === name);
      if (!isKnown) return noWorkflow(c, frame, known);
      await workflows[how](name, whoOf(c));
      return c.redirect(c.req.query("stay") === "true" ? workflowPath(name) : "/workflows", 303);
    });

  app.get("/workflows", PROTECTED, guard("read"), list);
  app.get("/workflows/:name", PROTECTED, guard("read", { workflowOf: nameIn }), show);
  const operate = guard("operate", { workflowOf: nameIn });
  app.get("/workflows/:name/start", PROTECTED, operate, start);
  app.post("/workflows/:name/start", PROTECTED, operate, start);
  app.post("/workflows/:name/pause", PROTECTED, operate, change("pause"));
  app.post("/workflows/:name/resume", PROTECTED, operate, change("resume"));
}

function startFacts({ name, on: { manual } }: Workflow) {
  const description = manual === true ? undefined : manual?.description;
  return {
    back: { href: workflowPath(name), text: name },
    title: `Run ${name}`,
    lead: description ?? "This starts a run of the workflow.",
    action: workflowPath(name, "/start"),
    submit: "Run workflow",
  };
}

function noWorkflow(c: Context, frame: Frame, known: readonly string[]) {
  const theirs = known.filter((each) => frame.reader.may("read", each));
  const near = nearestName(c.req.param("name") ?? "", theirs);
  const meant = near === undefined ? "" : html` Did you mean <a href="${workflowPath(near)}">${near}</a>?`;
  const text = html`There is no workflow with this name, and no run of it.${meant}`;
  return c.html(messagePage(frame, "No such workflow", text, { href: "/workflows", text: "Show all workflows" }), 404);
}
