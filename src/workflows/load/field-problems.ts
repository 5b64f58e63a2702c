import * as z from "zod";
import { millisecondsOf } from "../../model/duration.ts";
import { mayHaveCommit } from "../../model/event-facts.ts";
import { REPOSITORY_NAME } from "../../model/github-names.ts";
import { problemsIn, shown, unknownNames } from "../../model/problems.ts";
import type { ReportOption } from "../../model/report.ts";
import {
  gitHubEntries,
  kindsOf,
  type ScheduleTrigger,
  TRIGGER_KINDS,
  type TriggerKind,
  type Triggers,
} from "../../model/triggers.ts";
import type { Concurrency } from "../../model/workflow.ts";
import { contradictions, credentialFields, variable } from "./credential-fields.ts";
import { filterProblems } from "./filter-problems.ts";
import { notifyField } from "./notify-field.ts";

/** Why a schedule cannot be used. Undefined if it can. */
export type ScheduleProblem = (trigger: ScheduleTrigger) => string | undefined;

/** Everything that is wrong with a default export as a workflow: the field, what was expected, what to write. */
export function fieldProblems(exported: unknown, scheduleProblem: ScheduleProblem): string[] {
  const parsed = workflowSchema(scheduleProblem).safeParse(exported);
  return parsed.success ? [] : problemsIn(parsed.error, { whole: "default export", separator: ": " });
}

/** Created on demand: a service without workflow files does not need it. */
function workflowSchema(scheduleProblem: ScheduleProblem) {
  const shape = {
    name: text('letters, digits and dashes, such as "comment-preview-url"', /^[a-z0-9][a-z0-9-]{0,99}$/i),
    on: triggers(scheduleProblem),
    run: aFunction(),
    concurrency: concurrency().optional(),
    throttle: fields({ limit: wholeNumber(), per: duration() }, '{ limit: 10, per: "1m" }').optional(),
    debounce: duration().optional(),
    cancelled: aFunction().optional(),
    ...credentialFields(),
    repository: text('a repository, such as "acme/shop"', REPOSITORY_NAME).optional(),
    report: report().optional(),
    notify: notifyField().optional(),
    labels: aFunction().optional(),
    title: z.union([z.string(), aFunction()], expected("text or a function")).optional(),
    dedupe: fields(
      { key: aFunction(), within: duration() },
      '{ key: ({ body }) => body.url, within: "10m" }',
    ).optional(),
    timeout: duration().optional(),
    retry: z.literal(false, expected("false or undefined")).optional(),
    env: z.array(variable(), expected('names of environment variables, such as ["SLACK_URL"]')).optional(),
  };
  return fields(shape, "a workflow", { remedy: ': write "export default defineWorkflow({ ... })"' }).superRefine(
    ({ debounce, concurrency, report: reports, on, ...credentials }, context) => {
      if (reports !== undefined && neverReports(reports as ReportOption, on as Triggers)) {
        const message =
          "can never apply: the triggers bring no commit. Add events such as pull_request, push or merge_group, or name it: " +
          '{ as: "check", commit: ({ inputs }) => ({ repository: "acme/shop", sha: inputs.sha }) }';
        context.addIssue({ code: "custom", path: ["report"], message });
      }
      for (const [field, message] of contradictions(credentials, reports as ReportOption | undefined)) {
        context.addIssue({ code: "custom", path: [field], message });
      }
      if (debounce === undefined || (concurrency as Partial<Concurrency<unknown>> | undefined)?.queue !== "all") return;
      const message =
        'cannot be used with the queue "all": debounce lets a newer event replace an older one, but the queue runs all of them';
      context.addIssue({ code: "custom", path: ["debounce"], message });
    },
  );
}

function neverReports(report: ReportOption, on: Triggers): boolean {
  if (typeof report === "object" && report.commit !== undefined) return false;
  return !gitHubEntries(on).some(({ events }) => [events].flat().some((name) => mayHaveCommit(String(name))));
}

function triggers(scheduleProblem: ScheduleProblem) {
  const kinds = {
    http: fields({
      path: path(),
      body: z.custom(isSchema, expected("a schema, such as z.object({ pr: z.number() })")),
      token: variable().optional(),
      tokenField: text('text, such as "github_token"').optional(),
      answer: aFunction().optional(),
      reject: aFunction().optional(),
      methodHint: text('text, such as "ArgoCD sends GET when …"').optional(),
    }).optional(),
    schedule: fields({
      cron: text('text, such as "0 3 * * *"'),
      timeZone: text('text, such as "Europe/Zagreb"').optional(),
    })
      .superRefine((trigger, context) => {
        const why = scheduleProblem(trigger as ScheduleTrigger);
        if (why === undefined) return;
        const zone = trigger.timeZone === undefined ? "" : ` in the time zone ${trigger.timeZone}`;
        const remedy = 'write five fields such as "0 3 * * *" and a time zone such as "Europe/Zagreb"';
        context.addIssue(`"${trigger.cron}"${zone} cannot be used (${why}): ${remedy}`);
      })
      .optional(),
    github: gitHubTrigger().optional(),
    flux: fields({
      path: path(),
      key: variable().optional(),
      filter: aFunction().optional(),
    }).optional(),
    manual: manualTrigger().optional(),
    call: callTrigger().optional(),
  } satisfies Record<TriggerKind, unknown>;
  const what = 'a trigger, such as { schedule: { cron: "0 3 * * *" } }';
  return fields(kinds, what, { kind: "trigger" }).superRefine((on, context) => {
    if (kindsOf(on as Triggers).length > 0 || context.issues.some(({ code }) => code === "unrecognized_keys")) return;
    context.addIssue(`expected one or more triggers, got none: write some of ${TRIGGER_KINDS.join(", ")}`);
  });
}

/**
 * One entry or a list of them. Each is checked as what it is: a union would report for each that it is not the other.
 */
function gitHubTrigger() {
  const example = '{ events: "pull_request", actions: ["opened"] }';
  const patternFields = {
    branches: oneOrMore('["main", "releases/**"]').optional(),
    branchesIgnore: oneOrMore('["dependabot/**"]').optional(),
    tags: oneOrMore('["v*"]').optional(),
    tagsIgnore: oneOrMore('["nightly-*"]').optional(),
    paths: oneOrMore('["docs/**"]').optional(),
    pathsIgnore: oneOrMore('["**.md"]').optional(),
  };
  const entry = fields(
    {
      events: oneOrMore('["pull_request"]'),
      actions: names('["opened", "reopened"]').optional(),
      ...patternFields,
      labels: oneOrMore('["bug", "help wanted"]').optional(),
      filter: aFunction().optional(),
    },
    `${example}, or a list of these`,
  ).superRefine((entry, context) => {
    for (const { path, message } of filterProblems(entry))
      context.addIssue({ code: "custom", path: [...path], message });
  });
  return either(Array.isArray, z.array(entry).min(1, expected(`a list of entries such as ${example}`)), entry);
}

function manualTrigger() {
  const long = fields(
    {
      inputs: inputs().optional(),
      description: text('text, such as "Deletes previews of closed pull requests"').optional(),
    },
    "true or { inputs: z.object({ ref: z.string() }) }",
  );
  return either((value) => value === true, z.literal(true), long);
}

function callTrigger() {
  const long = fields({ inputs: inputs().optional() }, "true or { inputs: z.object({ ref: z.string() }) }");
  return either((value) => value === true, z.literal(true), long);
}

const inputs = () => z.custom(isSchema, expected("a schema, such as z.object({ ref: z.string() })"));

function concurrency() {
  const group = z.union([z.string(), aFunction()], expected("text or a function"));
  const long = fields(
    {
      group,
      cancelRunning: z.boolean(expected("true or false")).optional(),
      queue: z.enum(["latest", "all"], expected('"latest" or "all"')).optional(),
    },
    "text, a function, or { group, cancelRunning, queue }",
  ).superRefine(({ cancelRunning, queue }, context) => {
    if (!cancelRunning || queue !== "all") return;
    context.addIssue(
      'cancelRunning and the queue "all" contradict each other: cancelRunning ends a run for a newer event, but the queue runs all of them',
    );
  });
  return either((value) => typeof value === "string" || typeof value === "function", group, long);
}

function report() {
  const as = z.enum(["check", "status"], expected('"check" or "status"'));
  const long = fields(
    {
      as,
      name: text('text, such as "pull request title"', /^[^\n\r]{1,255}$/).optional(),
      commit: aFunction().optional(),
    },
    '"check", "status" or { as: "check", name: "lint" }',
  );
  return either((value) => typeof value === "string", as, long);
}

/** Uses the first schema for matching values, and the second for all others. */
function either(isFirst: (value: unknown) => boolean, first: z.ZodType, second: z.ZodType) {
  return z.unknown().superRefine((value, context) => {
    const parsed = (isFirst(value) ? first : second).safeParse(value);
    for (const { path, message } of parsed.error?.issues ?? []) context.addIssue({ code: "custom", path, message });
  });
}

/** An object with only these fields: a misspelled option must not be ignored. */
function fields<Shape extends z.core.$ZodShape>(
  shape: Shape,
  what = "an object",
  { kind = "field", remedy = "" } = {},
) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? unknownNames(kind, issue.keys, Object.keys(shape))
        : `expected ${what}, got ${shown(issue.input)}${remedy}`,
  });
}

/** The error for a wrong value. It stops further checks of that value. */
function expected(what: string) {
  return { error: ({ input }: { input?: unknown }) => `expected ${what}, got ${shown(input)}`, abort: true };
}

const text = (what: string, pattern = /./) => z.string(expected(what)).regex(pattern, expected(what));
const names = (what: string) => z.array(z.string(expected(what)), expected(what)).min(1, expected(what));
const oneOrMore = (what: string) => z.union([text(""), names("")], expected(what));
const wholeNumber = () => z.int(expected("a whole number")).min(1, expected("1 or more"));
const aFunction = () => z.custom((value) => typeof value === "function", expected("a function"));

/** Paths of the service, and everything below them, which no trigger may use. */
const RESERVED =
  /^\/(health|ready|api|webhooks|callbacks|openapi\.json|metrics|runs|bulk|workflows|assets|live|sign-in|sign-out)(\/|$)/;

const path = () =>
  text('a path such as "/previews"', /^\/[\w.~/-]*[\w~-]$/).refine((given) => !RESERVED.test(given), {
    error: ({ input }) => `${input} is reserved by the service: choose another`,
  });

const duration = () =>
  z.unknown().superRefine((value, context) => {
    try {
      if (millisecondsOf(value as string) <= 0) context.addIssue("expected more than 0");
    } catch (error) {
      context.addIssue((error as Error).message);
    }
  });

const isSchema = (value: unknown) => typeof (value as { safeParse?: unknown } | null)?.safeParse === "function";
