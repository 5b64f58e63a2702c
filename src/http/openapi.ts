import type { Hono } from "hono";
import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { STORE_TROUBLES } from "../model/store.ts";
import type { HttpTrigger } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";
import { auditPaths } from "./audit-api.ts";
import type { Guard } from "./authorize.ts";
import { eventsPaths } from "./events-api.ts";
import { mePath } from "./me-api.ts";
import {
  type Json,
  json,
  LOCATION,
  type Operation,
  operations,
  type RefTo,
  STORE_AWAY,
  schemas,
  withToken,
  X_RUN_ID,
} from "./openapi-parts.ts";
import { runPaths } from "./openapi-runs.ts";
import { workflowPaths } from "./openapi-workflows.ts";
import { outagePath } from "./outage-api.ts";

export type ServiceFacts = {
  readonly workflows: readonly Workflow[];
  readonly version: string;
  /** Whether callers must bring one of AUTH_TOKENS. */
  readonly isGuarded: boolean;
  /** Where callers reach the service, if that was set. */
  readonly publicUrl: string | undefined;
};

/** Mounts `GET /openapi.json`: what this very service answers, its workflows included. */
export function mountOpenApi(app: Hono, facts: ServiceFacts, guard: Guard): void {
  let written: string | undefined;
  app.get("/openapi.json", guard("read-all"), (c) => {
    written ??= JSON.stringify(openApiDocument(facts));
    return c.body(written, 200, { "content-type": "application/json" });
  });
}

/**
 * zod writes all schemas. Generators over it, such as zod-openapi, would take forty of these lines and need the rest: a
 * workflow may bring a schema that is not zod's, and each path is described by hand.
 * @see https://spec.openapis.org/oas/v3.1.1
 */
function openApiDocument({ workflows, version, isGuarded, publicUrl }: ServiceFacts): Json {
  const { refTo, components } = schemas();
  const describe = operations(refTo(answers().problemSchema, "Problem"), isGuarded);
  const triggers = workflows.flatMap((workflow) => {
    const { http } = workflow.on;
    return http ? [[http.path, { post: describe(triggerOperation(workflow, http, refTo)) }]] : [];
  });
  const get = (operation: Operation) => ({ get: describe(operation) });
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
    paths: {
      ...Object.fromEntries(triggers),
      ...workflowPaths({ refTo, describe }),
      ...runPaths({ refTo, describe }),
      ...eventsPaths({ refTo, describe }),
      ...auditPaths({ refTo, describe }),
      ...outagePath({ refTo, describe }),
      ...mePath({ refTo, describe }),
      "/callbacks/{secret}": {
        post: describe({
          about: ["answer-callback", "runs", "Answer a callback, once"],
          description: "A run has handed out this URL. Its schema is the workflow's.",
          security: [],
          parameters: [CALLBACK_SECRET],
          requestBody: { content: { "application/json": { schema: {} } } },
          202: json("The run has its answer.", refTo(answers().answeredSchema, "Answered")),
          400: "The body cannot be used; `detail` names every problem.",
          404: "There is no such callback.",
          409: "It was answered before; `detail` says when.",
          410: "The wait is over, or the run has ended.",
          413: "The body is larger than 64 KiB.",
          503: STORE_AWAY,
        }),
      },
      "/openapi.json": get({
        about: ["get-openapi", "service", "This document"],
        200: json("OpenAPI 3.1.", { type: "object" }),
      }),
      "/metrics": get({
        about: ["get-metrics", "service", "Counters and gauges for Prometheus"],
        200: { description: "Prometheus' text format.", content: { "text/plain": { schema: { type: "string" } } } },
      }),
      "/health": get({
        about: ["get-health", "service", "Whether the process answers"],
        security: [],
        200: json("It does.", refTo(answers().healthSchema, "Health")),
      }),
      "/ready": get({
        about: ["get-ready", "service", "Whether events can be stored and runs be worked on"],
        security: [],
        200: json("They can.", refTo(answers().readySchema, "Ready")),
        503: "They cannot; `detail` says why.",
      }),
    },
    components: {
      schemas: components(),
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "One of AUTH_TOKENS, or an OIDC token where AUTH_OIDC is set.",
        },
        basic: { type: "http", scheme: "basic", description: "Any user; one of AUTH_TOKENS as password." },
      },
    },
  };
}

function triggerOperation({ name }: Workflow, { body, tokenField }: HttpTrigger<unknown>, refTo: RefTo): Operation {
  // A workflow may bring any schema that can parse; only zod's can be described.
  const bodyRef = "_zod" in body ? refTo(body as unknown as z.ZodType, `${name}-body`) : { type: "object" };
  const schema = tokenField ? withToken(bodyRef, tokenField) : bodyRef;
  const description = "`respond-async`: answered 202 at once.";
  const headers = { "X-Run-Id": X_RUN_ID };
  const waits = "The run waits, or was asked not to be waited for.";
  return {
    about: [name, "workflows", `Start a run of ${name}`],
    description: "The event is stored before any answer. The run continues when the caller hangs up.",
    parameters: [{ name: "Prefer", in: "header", schema: { type: "string" }, description }],
    requestBody: { required: true, content: { "application/json": { schema } } },
    200: json("The run ended.", refTo(answers().outcomeSchema, "Outcome"), headers),
    202: json(waits, refTo(answers().acceptedSchema, "Accepted"), { ...headers, Location: LOCATION }),
    400: "The request cannot be used.",
    404: "The workflow found nothing to work on.",
    413: "The body is larger than 64 KiB.",
    500: "The run, or its first attempt, failed.",
    503: "The event could not be stored: send it again.",
  };
}

const CALLBACK_SECRET = {
  name: "secret",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "Of the URL.",
};

/** Made for the description alone. */
const answers = atFirstUse(() => {
  const problemSchema = z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string().meta({ description: "What happened and what to do." }),
      problems: z
        .array(z.string())
        .meta({ description: "Of inputs, or of the answer to a callback: every problem." })
        .optional(),
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
  const answeredSchema = z.object({
    status: z.literal("answered"),
    run: z.string().meta({ description: "Id of the run." }),
  });
  const healthSchema = z.object({ status: z.literal("healthy") });
  const readySchema = z.object({ status: z.literal("ready"), trouble: z.enum(STORE_TROUBLES).optional() });
  return { problemSchema, outcomeSchema, acceptedSchema, answeredSchema, healthSchema, readySchema };
});
