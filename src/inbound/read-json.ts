import type { Context } from "hono";
import { Refusal } from "./problem.ts";

/** Far more than any notification needs, little enough that a mistake costs nothing. */
const MAX_BODY_BYTES = 65_536;

/**
 * The request's body as a JSON object, whatever its content type: ArgoCD sends none, `curl -d` a form's.
 * @throws Refusal 413 over 64 KiB; 400 when it is no JSON object, or ended early.
 */
export async function readJsonObject(c: Context): Promise<Record<string, unknown>> {
  return jsonObject(await readBytes(c));
}

/**
 * The same for bytes that were read already.
 * @throws Refusal 400 when they are no JSON object.
 */
export function jsonObject(bytes: Uint8Array): Record<string, unknown> {
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

/**
 * So much of a body that is too large is still read, and dropped: answering in the middle of it would reset the
 * connection of many a client before it reads its 413.
 */
const MAX_DROPPED_BYTES = 16_000_000;

/**
 * The request's body.
 * @throws Refusal 413 over so many bytes; 400 when it ended early.
 */
export async function readBytes(c: Context, most = MAX_BODY_BYTES): Promise<Uint8Array> {
  const declared = c.req.header("content-length");
  try {
    if (declared !== undefined && Number(declared) <= most) return new Uint8Array(await c.req.arrayBuffer());
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader = c.req.raw.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      size += next.value.byteLength;
      if (size <= most) chunks.push(next.value);
      if (size > MAX_DROPPED_BYTES) break;
    }
    if (size <= most) return Buffer.concat(chunks);
  } catch {
    throw new Refusal(400, "The body ended before it was complete.");
  }
  throw new Refusal(413, `The body is larger than ${most} bytes.`);
}
