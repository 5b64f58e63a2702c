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
  /** Whether callers need one of AUTH_TOKENS. */
  readonly isGuarded: boolean;
  /** PUBLIC_URL, if set. */
  readonly publicUrl: string | undefined;
};

/** Mounts `GET /openapi.json`: the paths of this service, with those of its workflows. */
export function mountOpenApi(app: Hono, facts: ServiceFacts, guard: Guard): void {
  let written: string | undefined;
  app.get("/openapi.json", guard("read-all"), (c) => {
    written ??= JSON.stringify(openApiDocument(facts));
    return c.body(written, 200, { "content-type": "application/json" });
  });
}

/**
 * zod writes all schemas. A generator such as zod-openapi would save forty of these lines. The rest would stay: a workflow may
 * have a schema that is not zod's, and each path is described by hand.
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
          description: "A run created this URL. Its workflow defines the schema of the body.",
          security: [],
          parameters: [CALLBACK_SECRET],
          requestBody: { content: { "application/json": { schema: {} } } },
          202: json("The run has its answer.", refTo(answers().answeredSchema, "Answered")),
          400: "The body is not valid. `detail` names every problem.",
          404: "There is no such callback.",
          409: "It was already answered. `detail` has the time.",
          410: "The run no longer waits for it.",
          413: "The body is larger than 64 KiB.",
          503: STORE_AWAY,
        }),
      },
      "/openapi.json": get({
        about: ["get-openapi", "service", "Get this document"],
        200: json("OpenAPI 3.1.", { type: "object" }),
      }),
      "/metrics": get({
        about: ["get-metrics", "service", "Get metrics for Prometheus"],
        200: { description: "Prometheus' text format.", content: { "text/plain": { schema: { type: "string" } } } },
      }),
      "/health": get({
        about: ["get-health", "service", "Check whether the process answers"],
        security: [],
        200: json("The process answers.", refTo(answers().healthSchema, "Health")),
      }),
      "/ready": get({
        about: ["get-ready", "service", "Check whether the service can store events and execute runs"],
        security: [],
        200: json("The service is ready.", refTo(answers().readySchema, "Ready")),
        503: "The service is not ready. `detail` has the reason.",
      }),
    },
    components: {
      schemas: components(),
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "One of AUTH_TOKENS, or an OIDC token if AUTH_OIDC is set.",
        },
        basic: {
          type: "http",
          scheme: "basic",
          description: "Any user name, with one of AUTH_TOKENS as the password.",
        },
      },
    },
  };
}

function triggerOperation({ name }: Workflow, { body, tokenField }: HttpTrigger<unknown>, refTo: RefTo): Operation {
  // A workflow may have any schema that can parse. Only zod's can be described.
  const bodyRef = "_zod" in body ? refTo(body as unknown as z.ZodType, `${name}-body`) : { type: "object" };
  const schema = tokenField ? withToken(bodyRef, tokenField) : bodyRef;
  const description = "`respond-async`: the service answers 202 immediately.";
  const headers = { "X-Run-Id": X_RUN_ID };
  const waits = "The run is waiting, or the caller asked not to wait for it.";
  return {
    about: [name, "workflows", `Start a run of ${name}`],
    description: "The event is stored before the answer. The run continues when the caller disconnects.",
    parameters: [{ name: "Prefer", in: "header", schema: { type: "string" }, description }],
    requestBody: { required: true, content: { "application/json": { schema } } },
    200: json("The run ended.", refTo(answers().outcomeSchema, "Outcome"), headers),
    202: json(waits, refTo(answers().acceptedSchema, "Accepted"), { ...headers, Location: LOCATION }),
    400: "The request is not valid.",
    404: "The workflow found nothing to work on.",
    413: "The body is larger than 64 KiB.",
    500: "The run or its first attempt failed.",
    503: "The event could not be stored. Send it again.",
  };
}

const CALLBACK_SECRET = {
  name: "secret",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "The last part of the callback's URL.",
};

/** Created only for the description. */
const answers = atFirstUse(() => {
  const problemSchema = z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string().meta({ description: "What happened and what to do." }),
      problems: z
        .array(z.string())
        .meta({ description: "Every problem with inputs, a search or the answer to a callback." })
        .optional(),
      notNeeded: z
        .literal(true)
        .meta({ description: "For a re-run: the run has not ended, or its group has a newer run." })
        .optional(),
    })
    .meta({ description: "RFC 9457." });
  const outcomeSchema = z.union([
    z.looseObject({ status: z.literal("success") }).meta({ description: "Also has the workflow's outputs." }),
    z.object({ status: z.literal("skipped"), reason: z.string() }),
  ]);
  const acceptedSchema = z.object({
    status: z.literal("queued"),
    run: z.string().meta({ description: "Id of the run." }),
  });
  const answeredSchema = z.object({
    status: z.literal("answered"),
    run: z.string().meta({ description: "Id of the run." }),
  });
  const healthSchema = z.object({ status: z.literal("healthy") });
  const readySchema = z.object({ status: z.literal("ready"), trouble: z.enum(STORE_TROUBLES).optional() });
  return { problemSchema, outcomeSchema, acceptedSchema, answeredSchema, healthSchema, readySchema };
});
