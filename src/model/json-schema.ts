import * as z from "zod";
import type { Json } from "./run.ts";
import type { Schema, Triggers } from "./triggers.ts";

export type JsonSchema = { readonly [name: string]: Json };

/** What a schema takes, as JSON Schema 2020-12; undefined when it is not one of zod 4, or cannot be written as JSON. */
export function jsonSchemaOf(schema: Schema<unknown>): JsonSchema | undefined {
  if (!("_zod" in schema)) return undefined;
  try {
    const { $schema, ...written } = z.toJSONSchema(schema as unknown as z.ZodType, {
      io: "input",
      unrepresentable: "any",
    });
    return JSON.parse(JSON.stringify(written)) as JsonSchema;
  } catch {
    return undefined;
  }
}

/** The same of the inputs that a person gives a workflow; undefined only when its schema cannot be written so. */
export function inputsJsonSchemaOf({ manual }: Triggers): JsonSchema | undefined {
  const inputs = manual === true ? undefined : manual?.inputs;
  return inputs === undefined ? NOTHING : jsonSchemaOf(inputs);
}

const NOTHING: JsonSchema = { type: "object", properties: {}, additionalProperties: false };

/**
 * A schema that takes what this JSON Schema allows; anything without one, or with one that says what zod cannot check.
 */
export function schemaOf(written: Json | undefined): Schema<unknown> {
  try {
    return z.fromJSONSchema((written ?? {}) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return z.unknown();
  }
}
