import type { Context, Hono } from "hono";
import { may, mayRead, type Principal, whyForbidden, workflowsFor } from "../model/access.ts";
import { type Clock, pause } from "../model/clock.ts";
import type { RunDetail } from "../model/history.ts";
import { inputsJsonSchemaOf, jsonSchemaOf } from "../model/json-schema.ts";
import type { Json, ListedRun, Run } from "../model/run.ts";
import { sinceSuccess } from "../model/since-success.ts";
import { schemaFor } from "../model/triggers.ts";
import { orderOf, triggerOf, type Workflow } from "../model/workflow.ts";
import { type Lines, underWay } from "./attempt-view.ts";
import type { Tried } from "./form.ts";
import { inputPage } from "./input-page.ts";
import { type Frame, messagePage } from "./layout.ts";
import { levelIn, numberIn } from "./log-query.ts";
import { PROTECTED } from "./protected.ts";
import type { NotDone } from "./run-actions.ts";
import { runPage } from "./run-page.ts";
import { enteredFrom, fieldsOf } from "./schema-fields.ts";
import { sentValue } from "./sent-form.ts";
import { name, plural, subjectOf } from "./shown.ts";
import type { Site } from "./site.ts";

/** Mounts the page of a run and its actions. */
export function mountRunPages(
  app: Hono,
  { shown, page, guard, principalOf, whoOf, forbidden, isGuarded, originOf }: Site,
): void {
  const { runs, previews, workflows, web, scrub, clock } = shown;

  const pathOf = (id: string) => `/runs/${encodeURIComponent(scrub(id))}`;
  const idIn = (c: Context) => c.req.param("id") ?? "";

  /** The run that a request names, if its sender may read it. */
  async function readable(c: Context): Promise<RunDetail | undefined> {
    return readableTo(c, principalOf(c), await runs.get(idIn(c)));
  }

  /** A page that acts on a run. It checks that the sender may do that. */
  const operating = (work: (c: Context, frame: Frame) => Promise<Response>) =>
    page(async (c, frame) => {
      const principal = principalOf(c);
      if (workflowsFor(principal.grants, "operate") === undefined) return work(c, frame);
      const detail = await readable(c);
      if (!detail) return noRun(c, frame);
      const { workflow } = detail.run;
      if (may(principal.grants, "operate", workflow)) return work(c, frame);
      return forbidden(c, whyForbidden(principal, "operate", workflow));
    });

  async function show(c: Context, frame: Frame, rejected?: NotDone): Promise<Response> {
    const detail = await readable(c);
    if (!detail) return noRun(c, frame);
    const { run, steps } = detail;
    const attempt = c.req.param("number");
    const alone = attempt === undefined ? undefined : (numberIn(attempt) ?? 0);
    if (alone !== undefined && !hasAttempt(detail, alone)) return noAttempt(c, frame, detail);
    const hasFailed = run.status === "failure" || (run.status === "queued" && run.kind === "transient");
    const [lines, chain, last, newer] = await Promise.all([
      linesOf(detail, alone),
      previews.of(detail, workflowsFor(principalOf(c).grants, "read")),
      hasFailed && alone === undefined ? runs.lastSuccess(run) : undefined,
      run.status === "failure" && alone === undefined ? newerOf(run) : undefined,
    ]);
    const facts = {
      ...{
        detail,
        lines,
        chain,
        attempt: alone,
        level: levelIn(c),
        since: last && sinceSuccess(run, last, steps),
        newer,
      },
      workflow: workflows.all.find(({ name }) => name === run.workflow),
      curl: { origin: originOf(c), guarded: isGuarded, fluxKeyOf: workflows.fluxKeyOf },
      ...{ argocdUrl: previews.argocdUrl, web, now: frame.now, rejected },
    };
    const canonical = rejected && pathOf(run.id);
    return c.html(runPage({ ...frame, ...(canonical && { canonical }) }, facts), rejected === undefined ? 200 : 409);
  }

  /** The newest run of its group, if that is another run and replaces this one. With `queue: "all"`, no run replaces another. */
  async function newerOf({ id, workflow, group }: Run): Promise<ListedRun | undefined> {
    const its = workflows.all.find(({ name }) => name === workflow);
    if (group === undefined || (its && orderOf(its)?.queue === "all")) return undefined;
    const [newest] = (await runs.list({ workflow, group }, { limit: 1 })).runs;
    return newest?.id === id ? undefined : newest;
  }

  const rerun = operating(async (c, frame) => {
    const from = c.req.query("from") === "failure" ? "failure" : "start";
    const evenIfOlder = c.req.query("evenIfOlder") === "true";
    const result = await runs.rerun(idIn(c), { from, evenIfOlder, ...whoOf(c) });
    if (result.status === "unknown") return noRun(c, frame);
    if (result.status !== "queued") return show(c, frame, { asked: "rerun", rerun: result, from });
    return c.redirect(pathOf(idIn(c)), 303);
  });

  const cancel = operating(async (c, frame) => {
    const result = await within(runs.cancel(idIn(c), whoOf(c)), clock, SHOWN_WITHIN_MS);
    if (result?.status === "unknown") return noRun(c, frame);
    if (result?.status === "ended") return show(c, frame, { asked: "cancel" });
    return c.redirect(pathOf(idIn(c)), 303);
  });

  /** The form for another input, with the run's input or with what the person entered. */
  const changed = operating(async (c, frame) => {
    const detail = await runs.get(idIn(c));
    if (!detail) return noRun(c, frame);
    const { run } = detail;
    const fields = fieldsOf(schemaOf(run, workflows.all), "Input");
    const facts = {
      back: { href: pathOf(run.id), text: name(subjectOf(run)) },
      title: "Re-run with changed input",
      lead: "This starts a new run that links to this one. This run does not change.",
      action: `${pathOf(run.id)}/changed`,
      submit: "Re-run with this input",
      fields,
    };
    if (c.req.method === "GET") {
      const tried = { entered: enteredFrom(fields, run.input), problems: [] };
      return c.html(inputPage(frame, { ...facts, tried }));
    }
    const { value, ...tried } = await sentValue(c, fields, scrub);
    const again = (problems: Tried["problems"]) =>
      c.html(inputPage(frame, { ...facts, tried: { ...tried, problems } }), 422);
    if (tried.problems.length > 0) return again(tried.problems);
    const started = await runs.rerunWith(run.id, value, whoOf(c));
    if (started.status === "started") return c.redirect(pathOf(started.run.id), 303);
    return again(started.status === "rejected" ? started.problems : [{ field: "", message: started.reason }]);
  });

  /** The log lines of the latest attempts, or of one. */
  async function linesOf({ run }: RunDetail, alone: number | undefined): Promise<Lines> {
    // A cursor is ATTEMPT.LINE. No attempt has a million lines, so this cursor is the end of the previous attempt.
    const after = `${alone === undefined ? Math.max(0, run.attempts - ATTEMPTS_WITH_LINES) : alone - 1}.${1_000_000}`;
    const page = await runs.lines(run.id, { after, limit: MAX_LINES });
    return Map.groupBy(page?.lines ?? [], ({ attempt }) => attempt);
  }

  app.get(
    "/runs/:id",
    PROTECTED,
    guard("read", { ownRuns: true }),
    page((c, frame) => show(c, frame)),
  );
  app.get(
    "/runs/:id/attempts/:number",
    PROTECTED,
    guard("read", { ownRuns: true }),
    page((c, frame) => show(c, frame)),
  );
  app.post("/runs/:id/rerun", PROTECTED, guard("operate"), rerun);
  app.post("/runs/:id/cancel", PROTECTED, guard("operate"), cancel);
  app.get("/runs/:id/changed", PROTECTED, guard("operate"), changed);
  app.post("/runs/:id/changed", PROTECTED, guard("operate"), changed);
}

/** After this time, the cancel continues and the run's page shows it. */
const SHOWN_WITHIN_MS = 3000;

/** Up to this many of the latest attempts are shown with their log lines. */
const ATTEMPTS_WITH_LINES = 5;
/** Each attempt has up to 200 lines. */
const MAX_LINES = 1000;

function hasAttempt(detail: RunDetail, number: number): boolean {
  return detail.attempts.some((attempt) => attempt.number === number) || underWay(detail)?.number === number;
}

function noAttempt(c: Context, frame: Frame, { run: { id, attempts } }: RunDetail) {
  const text = `The run has had ${attempts} ${plural(attempts, "attempt", "attempts")} so far. Attempts that only waited are not kept.`;
  return c.html(messagePage(frame, "No such attempt", text, { href: `/runs/${id}`, text: "Show the run" }), 404);
}

/** The run, if the principal may read it. If not, it looks as if there were no such run, and the request is recorded. */
export function readableTo(c: Context, principal: Principal, detail: RunDetail | undefined): RunDetail | undefined {
  if (detail === undefined || mayRead(principal, detail.run)) return detail;
  c.set("hidden", true);
  return undefined;
}

export function noRun(c: Context, frame: Frame) {
  const text = "There is no run with this id. Ended runs are kept for RETAIN_DAYS, then deleted.";
  return c.html(messagePage(frame, "No such run", text, { href: "/", text: "Show all runs" }), 404);
}

/** The JSON Schema of a run's input, or undefined. */
function schemaOf(run: Run, workflows: readonly Workflow[]): Json | undefined {
  const workflow = workflows.find(({ name }) => name === run.workflow);
  if (!workflow) return undefined;
  const trigger = triggerOf(workflow, run);
  if (trigger === "manual") return inputsJsonSchemaOf(workflow.on);
  const schema = schemaFor(workflow.on, trigger);
  return schema && jsonSchemaOf(schema);
}

/** The result of a promise, or undefined if it takes too long. */
async function within<Result>(promise: Promise<Result>, clock: Clock, milliseconds: number) {
  const known = new AbortController();
  const first = Promise.race([promise, pause(clock, milliseconds, known.signal).then(() => undefined)]);
  const end = () => known.abort();
  // A later failure is logged where it happens.
  promise.then(end, end);
  return first;
}
