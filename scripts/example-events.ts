import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { brotliCompressSync } from "node:zlib";
import { type DescribedWebhook, describedWebhooks } from "../sandbox/webhook-descriptions.ts";

type Value = unknown;
type Node = { [key: string]: Value };
type Payload = Node & { readonly action?: string };
type Schema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly Value[];
  readonly nullable?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
};

const SOURCE = "@octokit/webhooks-examples";
const require = createRequire(import.meta.url);
const WEBHOOKS = describedWebhooks();

/** Each round brings a payload closer to its description, up to this many. */
const MAX_ROUNDS = 12;

/**
 * One payload per event and action, by `event` and `event.action`. It is GitHub's example if there is one. Otherwise it
 * is built from an example of the same event and from examples of its parts. All match GitHub's description. Fields
 * that older examples lack are added.
 */
export function exampleEvents(): Readonly<Record<string, Payload>> {
  const given = require(SOURCE) as readonly { readonly name: string; readonly examples: readonly Payload[] }[];
  const examples = new Map(given.map(({ name, examples }) => [name, examples]));
  const pieces = piecesOf(given.flatMap((each) => each.examples));
  const events = WEBHOOKS.all.flatMap((webhook) => {
    const { event, action } = webhook;
    const ofEvent = examples.get(event) ?? [];
    const ofAction = ofEvent.filter((each) => each.action === action);
    const usual = event === "push" ? ofEvent.filter(hasCommits) : ofAction;
    const candidates = usual.length > 0 ? usual : ofEvent.length > 0 ? ofEvent.slice(0, 1) : [{}];
    const schemas = (webhook.schema as Schema).oneOf ?? resolved(webhook.schema).oneOf ?? [webhook.schema];
    const repaired = candidates.flatMap((each) =>
      schemas.flatMap((schema) => repair({ action, schema }, each, pieces) ?? []),
    );
    const [best] = repaired.sort((a, b) => a.changes - b.changes);
    return best
      ? [[action === undefined ? event : `${event}.${action}`, today(ontoBranch(best.payload))] as const]
      : [];
  });
  return Object.fromEntries(events.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** GitHub has more examples of deleted tags than of pushed commits, which workflows are for. */
const hasCommits = ({ commits }: Payload): boolean => Array.isArray(commits) && commits.length > 0;

/** For a push: one more commit on an existing branch. GitHub's example is the first commit of all. */
function ontoBranch(payload: Payload): Payload {
  const before = "d6fde92930d4715a2b49857d24b940956b26d2d3";
  const { after, repository } = payload as { after?: string; repository?: { html_url?: string } };
  if (!hasCommits(payload) || after === undefined) return payload;
  const compare = `${repository?.html_url}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`;
  return { ...payload, before, created: false, compare };
}

/** Uses today's names of branches, and applies the changes of an action. */
function today(payload: Payload): Payload {
  const text = JSON.stringify(payload).replaceAll(/"(refs\/heads\/|Codertocat:)?master"/g, '"$1main"');
  const { action, issue, discussion, pull_request, milestone, ...rest } = JSON.parse(text) as Record<string, Node>;
  for (const subject of [issue, discussion, pull_request]) {
    if (subject && (action as unknown) === "closed") Object.assign(subject, { state: "closed" });
    if (subject && milestone && (action as unknown) === "milestoned") Object.assign(subject, { milestone });
  }
  if (issue && (action as unknown) === "closed")
    Object.assign(issue, { closed_at: issue.updated_at, state_reason: "completed" });
  const about = { action, issue, discussion, pull_request, milestone };
  return {
    ...Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined)),
    ...rest,
  } as Payload;
}

/** The text of `sandbox/example-events.json`. It is compressed because 3 MB of payloads repeat themselves. */
export function exampleEventsFile(): string {
  const { version } = JSON.parse(readFileSync(require.resolve(`${SOURCE}/package.json`), "utf8")) as Node;
  const brotli = brotliCompressSync(JSON.stringify(exampleEvents())).toString("base64");
  return `${JSON.stringify({ source: SOURCE, version, renew: "npm run docs", brotli }, null, 2)}\n`;
}

/** The values that examples have under a name: an issue, a pull request, a label, … */
function piecesOf(examples: readonly Payload[]): ReadonlyMap<string, Value> {
  const pieces = new Map<string, Value>();
  for (const example of examples) {
    for (const [name, value] of Object.entries(example)) {
      if (typeof value === "object" && value !== null && !pieces.has(name)) pieces.set(name, value);
    }
  }
  const issue = pieces.get("issue");
  for (const name of ["sub_issue", "parent_issue", "blocked_issue", "blocking_issue"]) pieces.set(name, issue);
  pieces.set("milestone", (issue as Node).milestone ?? pieces.get("milestone"));
  return pieces;
}

function repair(
  { action, schema: whole }: Pick<DescribedWebhook, "action" | "schema">,
  example: Payload,
  pieces: ReadonlyMap<string, Value>,
): { readonly payload: Payload; readonly changes: number } | undefined {
  const payload = { ...(action === undefined ? {} : { action }), ...structuredClone(example) } as Payload;
  let changes = 0;
  if (action !== undefined && payload.action !== action) Object.assign(payload, { action });
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const errors = WEBHOOKS.errors(whole, payload);
    if (errors.length === 0) return { payload, changes };
    for (const { keyword, instancePath, params, parentSchema } of errors) {
      const path = instancePath.split("/").slice(1);
      const schema = (parentSchema ?? {}) as Schema;
      const at = path.reduce<Value>((value, key) => (value as Node | undefined)?.[key], payload);
      const parent = path
        .slice(0, -1)
        .reduce<Value>((value, key) => (value as Node | undefined)?.[key], payload) as Node;
      const name = path.at(-1) ?? "";
      changes++;
      if (keyword === "required") {
        const { missingProperty: missing } = params as { missingProperty: string };
        if (at && !(missing in (at as Node)))
          (at as Node)[missing] = allowedValue(resolved(schema.properties?.[missing]), missing, pieces);
      } else if (keyword === "enum") {
        parent[name] = (params as { allowedValues: Value[] }).allowedValues[0];
      } else if (keyword === "format") {
        const isEmpty = parent?.[name] === "" || parent?.[name] === null;
        if (parent) parent[name] = isEmpty ? null : allowedValue(schema, name, pieces);
      } else if (keyword === "type" && (params as { type: string }).type !== "null") {
        if (parent && at !== null) parent[name] = allowedValue(schema, name, pieces);
      } else if (keyword === "additionalProperties") {
        delete (at as Node)[(params as { additionalProperty: string }).additionalProperty];
      }
    }
  }
  return undefined;
}

/** The target of a reference, in the form that ajv uses. */
function resolved(schema: Schema | undefined): Schema {
  if (schema?.$ref !== undefined) return resolved(WEBHOOKS.schemaAt(schema.$ref) as Schema);
  const parts = [...(schema?.allOf?.map(resolved) ?? []), schema ?? {}];
  const properties = Object.assign({}, ...parts.map((part) => part.properties)) as NonNullable<Schema["properties"]>;
  return Object.assign({}, ...parts, { properties }) as Schema;
}

/** A value that a schema allows. */
function allowedValue(schema: Schema, name: string, pieces: ReadonlyMap<string, Value>): Value {
  const choice = schema.oneOf ?? schema.anyOf;
  if (schema.nullable || choice?.some(({ type }) => type === "null")) return null;
  if (choice?.[0] && schema.type === undefined) return allowedValue(resolved(choice[0]), name, pieces);
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case "boolean":
      return false;
    case "integer":
    case "number":
      return 1;
    case "array":
      return [];
    case "string":
      return schema.format === "date-time"
        ? "2026-01-01T00:00:00Z"
        : schema.format === "uri"
          ? "https://github.com/"
          : name;
    default: {
      const piece = pieces.get(name);
      if (typeof piece === "object" && piece !== null) return structuredClone(piece);
      const fields = (schema.required ?? []).map((each) => [
        each,
        allowedValue(resolved(schema.properties?.[each]), each, pieces),
      ]);
      return Object.fromEntries(fields);
    }
  }
}
