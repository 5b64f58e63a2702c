import type { Hono, MiddlewareHandler } from "hono";
import * as z from "zod";
import { STORE_TROUBLES } from "../model/store.ts";
import type { HttpTrigger } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";
import { rerunQuerySchema, runDetailSchema, runPageSchema, runSchema, runsQuerySchema } from "./runs-schemas.ts";

export type ServiceFacts = {
  readonly workflows: readonly Workflow[];
  readonly version: string;
  /** Whether callers must bring one of AUTH_TOKENS. */
  readonly isGuarded: boolean;
  /** Where callers reach the service, if that was set. */
  readonly publicUrl: string | undefined;
};

/** Mounts `GET /openapi.json`: what this very service answers, its workflows included. */
export function mountOpenApi(app: Hono, facts: ServiceFacts, guard: MiddlewareHandler): void {
  let written: string | undefined;
  app.get("/openapi.json", guard, (c) => {
    written ??= JSON.stringify(openApiDocument(facts));
    return c.body(written, 200, { "content-type": "application/json" });
  });
}

/** @see https://spec.openapis.org/oas/v3.1.1 */
function openApiDocument({ workflows, version, isGuarded, publicUrl }: ServiceFacts): Json {
  const { refTo, components } = schemas();
  const problemRef = refTo(problemSchema, "Problem");
  const runRef = refTo(runSchema, "Run");
  const runId = { name: "id", in: "path", required: true, schema: { type: "string" }, description: "Id of the run." };

  const json = (description: string, schema: Json, headers: Json = {}): Json => ({
    description,
    ...(Object.keys(headers).length > 0 && { headers }),
    content: { "application/json": { schema } },
  });
  const problems = (descriptions: Readonly<Record<number, string>>): Json =>
    Object.fromEntries(
      Object.entries(descriptions).map(([status, description]) => [
        status,
        {
          description,
          ...(status === "503" && { headers: RETRY_AFTER }),
          content: { "application/problem+json": { schema: problemRef } },
        },
      ]),
    );
  const guarded = (operation: Json & { responses: Json }): Json => {
    if (!isGuarded) return operation;
    const responses = { ...operation.responses, ...problems({ 401: "None of the service's tokens was sent." }) };
    return { ...operation, responses, security: [{ bearer: [] }, { basic: [] }] };
  };

  const triggerPath = ({ name }: Workflow, { body, tokenField }: HttpTrigger<unknown>): Json => {
    const bodyRef = isZod(body) ? refTo(body, `${name}-body`) : { type: "object" };
    const headers = { "X-Run-Id": RUN_ID_HEADER };
    return {
      post: guarded({
        operationId: name,
        tags: ["workflows"],
        summary: `Start a run of ${name}`,
        description: "The event is stored before any answer. The run continues when the caller hangs up.",
        parameters: [
          {
            name: "Prefer",
            in: "header",
            schema: { type: "string" },
            description: "`respond-async`: answered 202 at once.",
          },
        ],
        requestBody: {
          required: true,
          content: { "application/json": { schema: tokenField ? withToken(bodyRef, tokenField) : bodyRef } },
        },
        responses: {
          200: json("The run ended.", refTo(outcomeSchema, "Outcome"), headers),
          202: json("The run waits, or was asked not to be waited for.", refTo(acceptedSchema, "Accepted"), {
            ...headers,
            Location: LOCATION_HEADER,
          }),
          ...problems({
            400: "The request cannot be used.",
            404: "The workflow found nothing to work on.",
            413: "The body is larger than 64 KiB.",
            500: "The run, or its first attempt, failed.",
            503: "The event could not be stored: send it again.",
          }),
        },
      }),
    };
  };

  const paths: Json = {
    ...Object.fromEntries(
      workflows.flatMap((workflow) => {
        const { http } = workflow.on;
        return http ? [[http.path, triggerPath(workflow, http)]] : [];
      }),
    ),
    "/api/runs": {
      get: guarded({
        operationId: "list-runs",
        tags: ["runs"],
        summary: "List runs, newest first",
        parameters: queryParameters(runsQuerySchema),
        responses: {
          200: json("A page of runs.", refTo(runPageSchema, "RunPage")),
          ...problems({
            400: "A query value cannot be used.",
            404: "There is no such workflow, and no run of one.",
            503: "The runs cannot be read.",
          }),
        },
      }),
    },
    "/api/runs/{id}": {
      get: guarded({
        operationId: "get-run",
        tags: ["runs"],
        summary: "One run, with its attempts and steps",
        parameters: [runId],
        responses: {
          200: json("The run.", refTo(runDetailSchema, "RunDetail")),
          ...problems({ 404: "There is no such run.", 503: "The runs cannot be read." }),
        },
      }),
    },
    "/api/runs/{id}/rerun": {
      post: guarded({
        operationId: "rerun-run",
        tags: ["runs"],
        summary: "Queue an ended run again",
        description:
          "As another attempt of the same run, which repeats all of its steps. No older event of a concurrency group is carried out after a newer one: with a newer run in its group the answer is 409, unless evenIfOlder=true says otherwise.",
        parameters: [runId, ...queryParameters(rerunQuerySchema)],
        responses: {
          202: json("The run is queued.", runRef, { Location: LOCATION_HEADER, "X-Run-Id": RUN_ID_HEADER }),
          ...problems({
            400: "The query cannot be used.",
            404: "There is no such run.",
            409: "It cannot be re-run now, or its group has a newer run; `detail` says which.",
            503: "It could not be stored: send it again.",
          }),
        },
      }),
    },
    "/openapi.json": {
      get: guarded({
        operationId: "get-openapi",
        tags: ["service"],
        summary: "This document",
        responses: { 200: json("OpenAPI 3.1.", { type: "object" }) },
      }),
    },
    "/metrics": {
      get: guarded({
        operationId: "get-metrics",
        tags: ["service"],
        summary: "Counters and gauges for Prometheus",
        responses: {
          200: { description: "Prometheus' text format.", content: { "text/plain": { schema: { type: "string" } } } },
        },
      }),
    },
    "/health": {
      get: {
        operationId: "get-health",
        tags: ["service"],
        summary: "Whether the process answers",
        security: [],
        responses: { 200: json("It does.", refTo(healthSchema, "Health")) },
      },
    },
    "/ready": {
      get: {
        operationId: "get-ready",
        tags: ["service"],
        summary: "Whether events can be stored and runs be worked on",
        security: [],
        responses: {
          200: json("They can.", refTo(readySchema, "Ready")),
          ...problems({ 503: "They cannot; `detail` says why." }),
        },
      },
    },
  };

  return {
    openapi: "3.1.1",
    info: {
      title: "gh-runner",
      version,
      description: "Small GitHub workflows as TypeScript functions.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl ?? "/" }],
    tags: [{ name: "workflows" }, { name: "runs" }, { name: "service" }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "One of AUTH_TOKENS." },
        basic: { type: "http", scheme: "basic", description: "Any user; one of AUTH_TOKENS as password." },
      },
    },
  };
}

type Json = Record<string, unknown>;

const RUN_ID_HEADER = { description: "Id of the run.", schema: { type: "string" } };
const LOCATION_HEADER = {
  description: "Path of the run.",
  schema: { type: "string", format: "uri-reference" },
};
const RETRY_AFTER = { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } };

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: "What happened and what to do." }),
    notNeeded: z
      .literal(true)
      .meta({ description: "Of a re-run: the run is under way, or its group has a newer one." })
      .optional(),
  })
  .meta({ description: "RFC 9457." });
const outcomeSchema = z.union([
  z.looseObject({ status: z.literal("success") }).meta({ description: "With the workflow's outputs beside it." }),
  z.object({ status: z.literal("skipped"), reason: z.string() }),
]);
const acceptedSchema = z.object({ status: z.literal("queued"), run: z.string().meta({ description: "Its id." }) });
const healthSchema = z.object({ status: z.literal("healthy") });
const readySchema = z.object({ status: z.literal("ready"), trouble: z.enum(STORE_TROUBLES).optional() });

/** Collects schemas under names; `components` turns them into JSON Schema all at once, so that they can share parts. */
function schemas() {
  const named = z.registry<{ id: string }>();
  const uri = (id: string) => `#/components/schemas/${id}`;
  return {
    refTo(schema: z.ZodType, id: string): Json {
      const known = named.get(schema)?.id;
      if (known === undefined) named.add(schema, { id });
      return { $ref: uri(known ?? id) };
    },
    components(): Json {
      const { schemas } = z.toJSONSchema(named, { io: "input", unrepresentable: "any", uri });
      // Zod takes every component for a document of its own; here they are parts of one.
      const text = JSON.stringify(schemas).replaceAll(`${uri("__shared")}#/`, `${uri("__shared")}/`);
      const separate = Object.entries(JSON.parse(text) as Record<string, Json>);
      return Object.fromEntries(separate.map(([id, { $schema, $id, ...schema }]) => [id, schema]));
    },
  };
}

/** A workflow may bring any schema that can parse; only zod's can be described. */
function isZod(schema: object): schema is z.ZodType {
  return "_zod" in schema;
}

function withToken(body: Json, field: string): Json {
  const description = "GitHub token that this run uses instead of the service's. It is not stored.";
  const token = { type: ["string", "null"], writeOnly: true, description };
  return { allOf: [body, { type: "object", properties: { [field]: token } }] };
}

function queryParameters(query: z.ZodType): Json[] {
  const { properties = {} } = z.toJSONSchema(query, { io: "input" });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as Json;
    return { name, in: "query", description, schema };
  });
}
