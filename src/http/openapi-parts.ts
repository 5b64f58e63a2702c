import * as z from "zod";

/** Parts that the descriptions of paths share. */

export type Json = Record<string, unknown>;
export type RefTo = ReturnType<typeof schemas>["refTo"];

/** OpenAPI's fields, and the answers by status. A text describes an error. */
export type Operation = Json & {
  readonly about: readonly [id: string, tag: string, summary: string];
  readonly [status: number]: Json | string;
};

export function operations(problem: Json, isGuarded: boolean) {
  const answer = (status: string, described: unknown) =>
    typeof described !== "string"
      ? described
      : {
          description: described,
          ...(status === "503" && { headers: RETRY_AFTER }),
          content: { "application/problem+json": { schema: problem } },
        };
  return ({ about: [operationId, tag, summary], ...rest }: Operation): Json => {
    const needsToken = isGuarded && !("security" in rest);
    const all = { ...rest, ...(needsToken && { 401: NO_TOKEN, 403: NO_ROLE, security: TOKENS }) };
    const responses: Json = {};
    const fields: Json = {};
    for (const [name, value] of Object.entries(all)) {
      if (/^\d+$/.test(name)) responses[name] = answer(name, value);
      else fields[name] = value;
    }
    return { operationId, tags: [tag], summary, ...fields, responses };
  };
}

export function json(description: string, schema: Json, headers?: Json): Json {
  return { description, ...(headers && { headers }), content: { "application/json": { schema } } };
}

export function withText({ content, ...rest }: Json): Json {
  return { ...rest, content: { ...(content as Json), "text/plain": { schema: { type: "string" } } } };
}

const NO_TOKEN = "The request has no valid token.";
const NO_ROLE = "Your role does not allow this. `detail` has your name and the role that you need.";
const TOKENS = [{ bearer: [] }, { basic: [] }];
const RETRY_AFTER = { "Retry-After": { description: "Retry after this many seconds.", schema: { type: "integer" } } };

/** Collects schemas by name. `components` turns all of them into JSON Schema together, so that they can share parts. */
export function schemas() {
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
      // Zod treats each component as a separate document. Here they are parts of one document.
      const text = JSON.stringify(schemas).replaceAll(`${uri("__shared")}#/`, `${uri("__shared")}/`);
      const separate = Object.entries(JSON.parse(text) as Record<string, Json>);
      return Object.fromEntries(separate.map(([id, { $schema, $id, ...schema }]) => [id, schema]));
    },
  };
}

/** A body that may contain the sender's token. */
export function withToken(body: Json, field: string): Json {
  const description = "GitHub token that this run uses instead of the service's. It is not stored.";
  const token = { type: ["string", "null"], writeOnly: true, description };
  return { allOf: [body, { type: "object", properties: { [field]: token } }] };
}

export function queryParameters(query: z.ZodType): Json[] {
  const { properties = {} } = z.toJSONSchema(query, { io: "input" });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as Json;
    return { name, in: "query", description, schema };
  });
}
export const STORE_AWAY = "The database is not available, so nothing was stored. Send the request again.";
export const X_RUN_ID = { description: "Id of the run.", schema: { type: "string" } };
export const LOCATION = { description: "Path of the run.", schema: { type: "string", format: "uri-reference" } };
