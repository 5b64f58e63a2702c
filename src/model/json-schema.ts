import * as z from "zod";
import type { Json } from "./run.ts";
import type { Schema, Triggers } from "./triggers.ts";

export type JsonSchema = { readonly [name: string]: Json };

/**
 * The input of a schema, as JSON Schema 2020-12. Undefined if it is not a zod 4 schema, or cannot be written as JSON.
 */
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

/**
 * The JSON Schema of the inputs that a person gives a workflow. Undefined only if its schema cannot be written as JSON.
 */
export function inputsJsonSchemaOf({ manual }: Triggers): JsonSchema | undefined {
  const inputs = manual === true ? undefined : manual?.inputs;
  return inputs === undefined ? NOTHING : jsonSchemaOf(inputs);
}

const NOTHING: JsonSchema = { type: "object", properties: {}, additionalProperties: false };

/** A schema for this JSON Schema. Accepts anything if there is none, or if zod cannot check it. */
export function schemaOf(written: Json | undefined): Schema<unknown> {
  try {
    return z.fromJSONSchema((written ?? {}) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return z.unknown();
  }
}
