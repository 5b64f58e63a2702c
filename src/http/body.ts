import { getHeapStatistics } from "node:v8";
import type { Context } from "hono";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import { Rejection } from "./problem.ts";

/** The body as it was read, for those who note what was rejected. */
export const BODY = "body";

/**
 * The request's body as a JSON object, whatever its content type: ArgoCD sends none, `curl -d` a form's.
 * @throws Rejection 413 over 64 KiB; 400 when it is no JSON object, or ended early; 503 when too much arrives at once.
 */
export async function readJsonObject(c: Context): Promise<Record<string, unknown>> {
  const json = jsonObject(await readBytes(c));
  c.set(BODY, json);
  return json;
}

/**
 * The same for bytes that were read already.
 * @param example what could be sent instead of a body that cannot be used.
 * @throws Rejection 400 when they are no JSON object; 413 when they hold more values than the heap has room for.
 */
export function jsonObject(bytes: Uint8Array, example = EXAMPLE): Record<string, unknown> {
  const value = jsonValue(bytes, example);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Rejection(400, `The body is valid JSON, but not an object. Send a JSON object such as ${example}.`);
  }
  return value as Record<string, unknown>;
}

/**
 * The same for JSON of any kind.
 * @throws Rejection 400 when they are no JSON; 413 when they hold more values than the heap has room for.
 */
export function jsonValue(bytes: Uint8Array, example: string): unknown {
  if (hasTooManyValues(bytes)) {
    throw new Rejection(
      413,
      `The body has more than ${MAX_VALUES} values. This service's heap has no room for them: send fewer.`,
    );
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const what = bytes.byteLength === 0 ? "it is empty" : whereItBroke(error);
    throw new Rejection(400, `The body is not valid JSON (${what}). Send a JSON object such as ${example}.`);
  }
}

const EXAMPLE = '{"application":"pr-1234"}';

/** V8's own message quotes the text around the fault, which may be half a token: only the position is told. */
function whereItBroke(error: unknown): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (position) return `error at character ${position}`;
  return error instanceof TypeError ? "it is not UTF-8" : "it cannot be read";
}

/** Far more than any notification needs, little enough that a mistake costs nothing. */
const MAX_BODY_BYTES = 65_536;

/**
 * So much of a body that is too large is still read, and dropped. Hono's body-limit answers in the middle of it: of 20
 * clients that sent 1 MB, 10 were cut off before they read their 413. It bounds each body, too, and not all together.
 */
const MAX_DROPPED_BYTES = 16_000_000;

/** A notification has a tenth of it. So much of each body needs no room of those that all share. */
const SMALL_BYTES = 4096;

/**
 * What the bodies on their way may hold beyond that, all of them together: whoever has no token yet can send them. It
 * follows the heap, as the container does, and three of GitHub's largest always fit.
 */
const ROOM_BYTES = Math.max(16_000_000, getHeapStatistics().heap_size_limit / 4);

let taken = 0;

/**
 * The request's body.
 * @throws Rejection 413 over so many bytes; 400 when it ended early; 503 when too much arrives at once.
 */
export async function readBytes(c: Context, most = MAX_BODY_BYTES): Promise<Uint8Array> {
  const isSmall = Number(c.req.header("content-length") ?? Infinity) <= SMALL_BYTES;
  const reading = isSmall ? c.req.arrayBuffer() : gather(c.req.raw.body, most);
  const read = await reading.catch(() => {
    throw new Rejection(400, "The body ended before it was complete. Send it again.");
  });
  if (read === "too large") throw new Rejection(413, `The body is larger than ${most} bytes.`);
  if (read === "no room") {
    const detail = "Too many large bodies arrive at once. Nothing was stored: send it again.";
    throw new Rejection(503, detail, { "retry-after": "1" });
  }
  return new Uint8Array(read);
}

async function gather(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<ArrayBuffer | "too large" | "no room"> {
  // In one piece from the start. As a list a body of single bytes would take two hundred times its size, and one that
  // moves as it grows would leave as much again for the collector.
  const piece = new ArrayBuffer(SMALL_BYTES, { maxByteLength: Math.max(most, SMALL_BYTES) });
  const bytes = new Uint8Array(piece);
  const reader = body?.getReader();
  let size = 0;
  let problem: "too large" | "no room" | undefined;
  // A variable of this function would keep the chunk while the next is waited for.
  const take = ({ value: chunk }: { value?: Uint8Array | undefined }): boolean => {
    if (!chunk) return false;
    const from = size;
    size += chunk.byteLength;
    if (size > most) problem = "too large";
    else if (!problem && !makeRoom(piece, size)) problem = "no room";
    if (problem) empty(piece);
    else bytes.set(chunk, from);
    return size <= MAX_DROPPED_BYTES;
  };
  try {
    while (await reader?.read().then(take));
    return problem ?? piece.slice(0, size);
  } finally {
    empty(piece);
  }
}

/** @returns whether the body may grow to this size. */
function makeRoom(piece: ArrayBuffer, size: number): boolean {
  if (size <= piece.byteLength) return true;
  const next = Math.min(piece.maxByteLength, Math.max(size, 2 * piece.byteLength));
  const more = next - piece.byteLength;
  if (taken + more > ROOM_BYTES) return false;
  taken += more;
  piece.resize(next);
  return true;
}

/** Gives its memory back at once, where a collection would come later. */
function empty(piece: ArrayBuffer): void {
  taken -= Math.max(0, piece.byteLength - SMALL_BYTES);
  piece.resize(0);
}
