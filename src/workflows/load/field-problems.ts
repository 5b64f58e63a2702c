import { millisecondsOf } from "../../model/duration.ts";
import type { Workflow } from "../../model/workflow.ts";

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => string | undefined;
type Checks = {
  readonly required: Readonly<Record<string, Check>>;
  readonly optional: Readonly<Record<string, Check>>;
};

/** Everything that is wrong with a default export as a workflow: the field, what was expected, what to write. */
export function fieldProblems(
  exported: unknown,
  { scheduleProblem }: { scheduleProblem: (trigger: NonNullable<Workflow["on"]["schedule"]>) => string | undefined },
): string[] {
  if (!isObject(exported)) {
    return [
      `default export: expected a workflow, got ${shown(exported)}: write "export default defineWorkflow({ ... })"`,
    ];
  }
  const problems = check("", exported, {
    required: {
      name: matching(/^[a-z0-9][a-z0-9-]{0,99}$/i, 'letters, digits and dashes, such as "comment-preview-url"'),
      on: object('a trigger, such as { schedule: { cron: "0 3 * * *" } }'),
      run: aFunction,
    },
    optional: {
      concurrency: (value) => (typeof value === "string" ? undefined : aFunction(value)),
      githubToken: variable,
      repository: matching(/^[\w.-]+\/[\w.-]+$/, 'a repository, such as "acme/shop"'),
      labels: aFunction,
      dedupe: object('{ key: ({ body }) => body.url, within: "10m" }'),
      timeout: aDuration,
      retry: (value) => (value === false ? undefined : `expected false or nothing at all, got ${shown(value)}`),
      env: (value) =>
        Array.isArray(value) && value.every((name) => isVariable(name))
          ? undefined
          : `expected names of environment variables, such as ["SLACK_URL"], got ${shown(value)}`,
    },
  });
  const { on, dedupe } = exported;
  if (isObject(dedupe)) {
    problems.push(...check("dedupe.", dedupe, { required: { key: aFunction, within: aDuration }, optional: {} }));
  }
  if (isObject(on)) problems.push(...triggerProblems(on, scheduleProblem));
  return problems;
}

function triggerProblems(
  on: Fields,
  scheduleProblem: (trigger: NonNullable<Workflow["on"]["schedule"]>) => string | undefined,
): string[] {
  const kinds = Object.keys(on).filter((kind) => on[kind] !== undefined);
  const unknown = kinds.filter((kind) => !Object.hasOwn(TRIGGERS, kind));
  if (unknown.length > 0) return unknown.map((kind) => `on.${kind}: there is no such trigger: ${KINDS}`);
  if (kinds.length !== 1) return [`on: expected exactly one trigger, got ${kinds.join(" and ") || "none"}: ${KINDS}`];
  const kind = kinds[0] as keyof typeof TRIGGERS;
  const trigger = on[kind];
  if (!isObject(trigger)) return [`on.${kind}: expected an object, got ${shown(trigger)}`];
  const problems = check(`on.${kind}.`, trigger, TRIGGERS[kind]);
  if (kind === "schedule" && problems.length === 0) {
    const schedule = trigger as NonNullable<Workflow["on"]["schedule"]>;
    const problem = scheduleProblem(schedule);
    if (problem) {
      const zone = schedule.timeZone === undefined ? "" : ` in the time zone ${schedule.timeZone}`;
      problems.push(
        `on.schedule: "${schedule.cron}"${zone} cannot be used (${problem}): write five fields such as "0 3 * * *" ` +
          'and a time zone such as "Europe/Zagreb"',
      );
    }
  }
  return problems;
}

/** Each of the service's own paths, and what lies below. */
const RESERVED =
  /^\/(health|ready|api|webhooks|openapi\.json|metrics|runs|workflows|assets|refused|live|sign-in|sign-out)(\/|$)/;

const path: Check = (value) => {
  if (typeof value !== "string" || !/^\/[\w.~/-]*[\w~-]$/.test(value)) {
    return `expected a path such as "/previews", got ${shown(value)}`;
  }
  return RESERVED.test(value) ? `${value} is the service's own: choose another` : undefined;
};

const variable: Check = (value) => {
  if (/^(gh[pousr]_|github_pat_)/.test(String(value))) return "expected the name of a variable, not the token itself";
  return isVariable(value) ? undefined : `expected the name of an environment variable, got ${shown(value)}`;
};

const text = (example: string): Check => matching(/./, `text, such as ${example}`);

const names =
  (example: string): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string")
      ? undefined
      : `expected ${example}, got ${shown(value)}`;

const aFunction: Check = (value) =>
  typeof value === "function" ? undefined : `expected a function, got ${shown(value)}`;

const schema: Check = (value) =>
  isObject(value) && typeof value.safeParse === "function"
    ? undefined
    : `expected a schema, such as z.object({ pr: z.number() }), got ${shown(value)}`;

const TRIGGERS = {
  http: {
    required: { path, body: schema },
    optional: {
      token: variable,
      tokenField: text('"github_token"'),
      answer: aFunction,
      refuse: aFunction,
      methodHint: text('"ArgoCD sends GET when …"'),
    },
  },
  schedule: { required: { cron: text('"0 3 * * *"') }, optional: { timeZone: text('"Europe/Zagreb"') } },
  github: {
    required: {
      events: (value) => (typeof value === "string" && value ? undefined : names('["pull_request"]')(value)),
    },
    optional: { actions: names('["opened", "reopened"]'), filter: aFunction },
  },
  flux: { required: { path }, optional: { key: variable, filter: aFunction } },
} satisfies Record<string, Checks>;

const KINDS = `write one of ${Object.keys(TRIGGERS).join(", ")}`;

/** Fields that are missing, wrong, or that nobody knows: a misspelt option must not be ignored. */
function check(prefix: string, fields: Fields, { required, optional }: Checks): string[] {
  const known = { ...required, ...optional };
  const unknown = Object.keys(fields).filter((name) => !Object.hasOwn(known, name));
  return [
    ...unknown.map((name) => `${prefix}${name}: there is no such field: known are ${Object.keys(known).join(", ")}`),
    ...Object.entries(known).flatMap(([name, problemWith]) => {
      const value = fields[name];
      if (value === undefined && !Object.hasOwn(required, name)) return [];
      const problem = problemWith(value);
      return problem === undefined ? [] : [`${prefix}${name}: ${problem}`];
    }),
  ];
}

function matching(pattern: RegExp, expected: string): Check {
  return (value) =>
    typeof value === "string" && pattern.test(value) ? undefined : `expected ${expected}, got ${shown(value)}`;
}

function object(expected: string): Check {
  return (value) => (isObject(value) ? undefined : `expected ${expected}, got ${shown(value)}`);
}

const aDuration: Check = (value) => {
  try {
    return millisecondsOf(value as string) > 0 ? undefined : "expected more than nothing";
  } catch (error) {
    return (error as Error).message;
  }
};

function isVariable(name: unknown): boolean {
  return typeof name === "string" && /^[A-Za-z_]\w*$/.test(name);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whole or not at all: the first half of a token would not be recognised as one. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `JSON of ${text.length} characters`;
}

const MAX_SHOWN_CHARACTERS = 100;
