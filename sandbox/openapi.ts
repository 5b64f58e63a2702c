import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { ROUTE_NAMES } from "./routes/routes.ts";

/** One request and its answer. Bodies are parsed JSON (raw content: anything). Undefined is no body. */
export type Exchange = {
  /** GitHub's template with its method: "GET /repos/{owner}/{repo}". */
  readonly route: string;
  readonly status: number;
  /** Of the answer. */
  readonly contentType?: string | undefined;
  readonly requestBody?: unknown;
  readonly responseBody?: unknown;
};

/** GitHub's descriptions of its API for github.com and Enterprise Servers. Only the routes of the stand-in are kept. */
export const EDITIONS = ["api.github.com", "ghes-3.17", "ghes-3.19"] as const;

type Edition = (typeof EDITIONS)[number];

export type Judge = {
  /** Everything in an exchange that the description does not allow. Empty if it is as documented. */
  validateExchange(exchange: Exchange): string[];
  /** The same for a single request with its query. */
  validateRequest(request: Pick<Exchange, "route" | "requestBody"> & { query?: string }): string[];
};

/**
 * Checks requests and answers on the routes of the stand-in by GitHub's OpenAPI description.
 * @see https://github.com/github/rest-api-description
 */
export function judgeOf(edition: Edition): Judge {
  const description = readDescription(edition);
  const target = (reference: string): unknown => {
    let found: unknown = description;
    for (const key of reference.split("/").slice(1)) found = (found as Record<string, unknown>)[key];
    return found;
  };
  /** The value itself, or the target of its reference. */
  const resolve = <T extends object>(value: T | Reference | undefined): T | undefined =>
    value && "$ref" in value ? (target(value.$ref) as T) : (value as T | undefined);
  const errors = schemaChecker(target);
  const check = (what: string, schema: object, body: unknown) =>
    errors(schema, body).map((each) => `${what}: ${told(each)}`);

  function operationOf(route: string): Operation | undefined {
    const [method = "", path = ""] = route.split(" ");
    return ROUTE_NAMES.includes(route) ? description.paths[path]?.[method.toLowerCase()] : undefined;
  }

  function requestProblems(operation: Operation, { route, requestBody }: Pick<Exchange, "route" | "requestBody">) {
    const documented = resolve(operation.requestBody);
    if (requestBody === undefined) return documented?.required ? [`${route}: the request needs a body`] : [];
    const schema = documented?.content?.["application/json"]?.schema;
    return schema ? check(`${route} request`, schema, requestBody) : [`${route}: no request body is documented`];
  }

  function responseProblems(operation: Operation, { route, status, contentType = "", responseBody }: Exchange) {
    const what = `${route} ${status}`;
    const documented = resolve(operation.responses[status]);
    if (!documented) return [`${route}: status ${status} is not documented`];
    if (!documented.content && status >= 400) return check(what, ERROR, responseBody);
    if (!documented.content) return responseBody === undefined ? [] : [`${what}: no body is documented`];
    if (responseBody === undefined) return [`${what}: a body is documented, none came`];
    const mediaType = contentType.split(";")[0] ?? "";
    if (route === CONTENTS && status === 200 && RAW.test(mediaType)) return [];
    const media = documented.content[mediaType];
    if (!media) return [`${what}: the content type ${mediaType || "(none)"} is not documented`];
    if (route === INSTALLATIONS && status === 200) return check(what, LIST_OF_INSTALLATIONS, responseBody);
    return media.schema ? check(what, media.schema, responseBody) : [];
  }

  return {
    validateExchange(exchange) {
      const operation = operationOf(exchange.route);
      if (!operation) return [`${exchange.route} is not documented`];
      return [...requestProblems(operation, exchange), ...responseProblems(operation, exchange)];
    },
    validateRequest(request) {
      const operation = operationOf(request.route);
      if (!operation) return [`${request.route} is not documented`];
      const documented = (operation.parameters ?? []).map(resolve).filter((parameter) => parameter?.in === "query");
      const unknown = [...new URLSearchParams(request.query).keys()].filter(
        (name) => !documented.some((parameter) => parameter?.name === name),
      );
      return [
        ...unknown.map((name) => `${request.route}: the query parameter ${name} is not documented`),
        ...requestProblems(operation, request),
      ];
    },
  };
}

/** Only the description's prose mentions raw contents. They are any bytes. */
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const RAW = /^application\/vnd\.github\.raw(\+json)?$/;

/** An error body. The description omits it in some places, unlike GitHub. */
const ERROR = { $ref: "#/components/schemas/basic-error" };

/**
 * Here the description requires an account to be user *and* enterprise. Its component says *or*, and GitHub answers so.
 */
const INSTALLATIONS = "GET /app/installations";
const LIST_OF_INSTALLATIONS = { type: "array", items: { $ref: "#/components/schemas/installation" } };

/** Checks bodies by OpenAPI 3.0 schemas and returns what they do not allow. `target` finds their references. */
export function schemaChecker(target: (reference: string) => unknown) {
  const validators = new Map<object, ValidateFunction>();
  const adopted = new Set<string>();
  /**
   * Not strict: OpenAPI has keywords that JSON Schema lacks. Formats: only those that matter to a client. A component
   * is compiled once instead of for each reference, and not optimised. This takes 9 s for all webhooks, and 22 s
   * otherwise.
   */
  const ajv = new Ajv({
    strict: false,
    inlineRefs: false,
    code: { optimize: false },
    allErrors: true,
    verbose: true,
    logger: false,
    formats: {
      "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
      uri: (text: string) => URL.canParse(text),
      int64: { type: "number", validate: Number.isInteger },
    },
  });

  /**
   * Converts an OpenAPI 3.0 schema to JSON Schema: `nullable` works with any keyword, but ajv allows it only with
   * `type`. A component is added to ajv at its first reference.
   */
  function toJsonSchema(schema: unknown): unknown {
    if (typeof schema !== "object" || schema === null) return schema;
    if (Array.isArray(schema)) return schema.map(toJsonSchema);
    if ("$ref" in schema && typeof schema.$ref === "string") return { $ref: adopt(schema.$ref) };
    const keywords = Object.entries(schema).filter(([key, value]) => key !== "nullable" || typeof value !== "boolean");
    const converted = Object.fromEntries(keywords.map(([key, value]) => [key, toJsonSchema(value)]));
    return "nullable" in schema && schema.nullable === true ? { anyOf: [converted, { type: "null" }] } : converted;
  }

  /** The name under which ajv knows the component of a reference. */
  function adopt(reference: string): string {
    const name = reference.replace("#/", "https://description.example/");
    if (adopted.has(name)) return name;
    adopted.add(name);
    ajv.addSchema({ ...(toJsonSchema(target(reference)) as object), $id: name });
    return name;
  }

  return (schema: object, body: unknown): readonly ErrorObject[] => {
    const validate = validators.get(schema) ?? ajv.compile(toJsonSchema(schema) as object);
    validators.set(schema, validate);
    return validate(body) ? [] : (validate.errors ?? []);
  };
}

export function told({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath || "the body"} ${message} ${JSON.stringify(params)}`;
}

/** Excerpts, written by scripts/renew-openapi.ts. */
function readDescription(edition: Edition): Description {
  return JSON.parse(readFileSync(new URL(`github-openapi/${edition}.json`, import.meta.url), "utf8")) as Description;
}

type Reference = { $ref: string };
type Content = { required?: boolean; content?: Record<string, { schema?: object }> };
type Parameter = { in: string; name: string };
type Operation = {
  parameters?: (Parameter | Reference)[];
  requestBody?: Content | Reference;
  responses: Record<string, Content | Reference>;
};
type Description = {
  paths: Record<string, Record<string, Operation>>;
  components: object;
};
