import { jsonSchemaOf } from "../model/json-schema.ts";
import type { Json } from "../model/run.ts";
import { callSchemaOf, gitHubEntries, type HttpTrigger, inputsSchemaOf, type Schema } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";
import { madeUp } from "../service/config/dev.ts";
import { examplePayload } from "./dev-payload.ts";
import { triggersIn } from "./workflows.ts";

/** The addresses of `gh-runner dev`. */
export type DevAddresses = {
  /** Of the service. */
  readonly url: string;
  /** Of `openSender`. */
  readonly senderUrl: string;
  /** Variables that are not set and have made-up values. */
  readonly missing: ReadonlySet<string>;
};

/** How to start a workflow: each trigger with a command. */
export function startsOf({ name, on }: Workflow, { url, senderUrl, missing }: DevAddresses): readonly string[] {
  const send = (how: string, body: Json) => curl(body, `${senderUrl}/${name}/${how}`);
  // In the same order as `triggersIn`.
  const commands = [
    ...(on.http ? [callOf(on.http, url, missing)] : []),
    ...(on.flux ? [send("flux", FLUX_EVENT)] : []),
    ...gitHubEntries(on).map((entry) => {
      const [event = ""] = ([] as string[]).concat(entry.events);
      return send(`github/${event}`, examplePayload(event, entry));
    }),
    ...(on.schedule ? [send("schedule", {})] : []),
    ...(on.manual ? [curl({ inputs: exampleOf(inputsSchemaOf(on)) }, `${url}/api/workflows/${name}/runs`)] : []),
    ...(on.call
      ? [`another workflow: runs.start(${JSON.stringify(name)}, ${JSON.stringify(exampleOf(callSchemaOf(on)))})`]
      : []),
  ];
  return triggersIn(on).flatMap((trigger, at) => [trigger, `  ${commands[at]}`]);
}

function callOf({ path, body, token }: HttpTrigger<unknown>, url: string, missing: ReadonlySet<string>): string {
  // A value from the environment is a secret, so the shell inserts it.
  const value = token !== undefined && missing.has(token) ? madeUp(token) : `$${token}`;
  const header = token === undefined ? "" : ` -H "Authorization: Bearer ${value}"`;
  return curl(exampleOf(body), `${url}${path}`, header);
}

function curl(body: Json, url: string, header = ""): string {
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -d '${quoted}'${header} ${url}`;
}

/** The least that the body needs. */
const FLUX_EVENT: Json = {
  involvedObject: { kind: "Kustomization", namespace: "flux-system", name: "apps" },
  reason: "ReconciliationSucceeded",
  metadata: { revision: `main@sha1:${"5b7c9e1f".repeat(5)}`, repository: "acme/shop" },
};

/** A body that a zod schema probably accepts. Schemas of other libraries cannot be read. */
function exampleOf(schema: Schema<unknown>): Json {
  return example((jsonSchemaOf(schema) ?? { type: "object" }) as Described);
}

/** The part of JSON Schema that examples use. */
type Described = {
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly examples?: readonly Json[];
  readonly anyOf?: readonly Described[];
  readonly oneOf?: readonly Described[];
  readonly minimum?: number;
  readonly minItems?: number;
  readonly items?: Described;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
};

function example(schema: Described, name = ""): Json {
  const given = schema.const ?? schema.default ?? schema.examples?.[0] ?? schema.enum?.[0];
  if (given !== undefined) return given;
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice) return example(choice, name);
  switch (schema.type) {
    case "object": {
      const { properties = {}, required = [] } = schema;
      return Object.fromEntries(required.map((each) => [each, example(properties[each] ?? {}, each)]));
    }
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => example(schema.items ?? {}, name));
    case "boolean":
      return true;
    case "number":
    case "integer":
      return Math.max(1, schema.minimum ?? 1);
    case "string":
      return text(schema, name);
    default:
      return "text";
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  uri: "https://example.com/",
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  email: "octocat@example.com",
};

/** Usual values by the field's name. */
const NAMES: Readonly<Record<string, string>> = {
  application: "pr-1234",
  repository: "acme/shop",
  ref: "main",
  revision: "5b7c9e1f".repeat(5),
  commit: "5b7c9e1f".repeat(5),
  sha: "5b7c9e1f".repeat(5),
};

function text({ format = "", pattern = "" }: Described, name: string): string {
  const likely = FORMATS[format] ?? NAMES[name] ?? (name || "text");
  const candidates = [likely, ...Object.values(NAMES), ...Object.values(FORMATS), "1", "a", "v1.0.0", "1.0.0"];
  return candidates.find((each) => new RegExp(pattern, "u").test(each)) ?? likely;
}
