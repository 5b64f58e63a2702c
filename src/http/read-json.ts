import type { Context } from "hono";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import { Refusal } from "./problem.ts";
import { readBytes } from "./read-bytes.ts";

/**
 * The request's body as a JSON object, whatever its content type: ArgoCD sends none, `curl -d` a form's.
 * @throws Refusal 413 over 64 KiB; 400 when it is no JSON object, or ended early; 503 when too much arrives at once.
 */
export async function readJsonObject(c: Context): Promise<Record<string, unknown>> {
  const json = jsonObject(await readBytes(c));
  // For whoever asks for it again: a body can be read once.
  c.req.bodyCache.json = Promise.resolve(json);
  return json;
}

/**
 * The same for bytes that were read already.
 * @throws Refusal 400 when they are no JSON object; 413 when they hold more values than the heap has room for.
 */
export function jsonObject(bytes: Uint8Array): Record<string, unknown> {
  if (hasTooManyValues(bytes)) {
    throw new Refusal(413, `The body holds more than ${MAX_VALUES} values, for which this service's heap has no room.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const what = bytes.byteLength === 0 ? "it is empty" : whereItBroke(error);
    throw new Refusal(400, `The body is not valid JSON (${what}). Send ${EXAMPLE}.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal(400, `The body is valid JSON, but not an object. Send ${EXAMPLE}.`);
  }
  return value as Record<string, unknown>;
}

const EXAMPLE = `a JSON object such as {"application":"pr-1234"}`;

/** V8's own message quotes the text around the fault, which may be half a token: only the position is told. */
function whereItBroke(error: unknown): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (position) return `it breaks off at character ${position}`;
  return error instanceof TypeError ? "it is not UTF-8" : "it cannot be read";
}
