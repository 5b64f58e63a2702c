import { getHeapStatistics } from "node:v8";
import type { Context } from "hono";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import { Rejection } from "./problem.ts";

/** The parsed body, for the record of a rejected request. */
export const BODY = "body";

/**
 * The request's body as a JSON object. The content type does not matter: ArgoCD sends none, `curl -d` that of a form.
 * @throws Rejection 413 over 64 KiB; 400 when it is not a JSON object or ended early; 503 when there is no room for it.
 */
export async function readJsonObject(c: Context): Promise<Record<string, unknown>> {
  const json = jsonObject(await readBytes(c));
  c.set(BODY, json);
  return json;
}

/**
 * The same for bytes that were already read.
 * @param example shown in the error as a valid body.
 * @throws Rejection 400 when they are not a JSON object; 413 when they have more values than the heap has room for.
 */
export function jsonObject(bytes: Uint8Array, example = EXAMPLE): Record<string, unknown> {
  const value = jsonValue(bytes, example);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Rejection(400, `The body is valid JSON, but not an object. Send a JSON object such as ${example}.`);
  }
  return value as Record<string, unknown>;
}

/**
 * The same for any JSON value.
 * @throws Rejection 400 when they are not JSON; 413 when they have more values than the heap has room for.
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
    const what = bytes.byteLength === 0 ? " (it is empty)" : whereItBroke(error);
    throw new Rejection(400, `The body is not valid JSON${what}. Send a JSON object such as ${example}.`);
  }
}

const EXAMPLE = '{"application":"pr-1234"}';

/** V8's message quotes the text around the error, which may be part of a token. So only the position is returned. */
function whereItBroke(error: unknown): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (position) return ` (error at character ${position})`;
  return error instanceof TypeError ? " (it is not UTF-8)" : "";
}

/** Much more than a notification needs, and small enough to be harmless. */
const MAX_BODY_BYTES = 65_536;

/**
 * Up to this size, a body that is too large is still read, and dropped. Hono's body-limit answers in the middle of the body: of 20
 * clients that sent 1 MB, 10 were cut off before they read their 413. It also limits each body, and not all bodies together.
 */
const MAX_DROPPED_BYTES = 16_000_000;

/** This much of each body does not count against the shared room. A notification has a tenth of it. */
const SMALL_BYTES = 4096;

/**
 * The shared room: how many bytes all arriving bodies together may take beyond that. Senders are not yet authenticated here.
 * The limit follows the heap, and so the container. Three of GitHub's largest payloads always fit.
 */
const ROOM_BYTES = Math.max(16_000_000, getHeapStatistics().heap_size_limit / 4);

let taken = 0;

/**
 * The request's body.
 * @throws Rejection 413 over `most` bytes; 400 when it ended early; 503 when there is no room for it.
 */
export async function readBytes(c: Context, most = MAX_BODY_BYTES): Promise<Uint8Array> {
  const isSmall = Number(c.req.header("content-length") ?? Infinity) <= SMALL_BYTES;
  const reading = isSmall ? c.req.arrayBuffer() : gather(c.req.raw.body, most);
  const read = await reading.catch(() => {
    throw new Rejection(400, "The body ended before it was complete. Send it again.");
  });
  if (read === "too large") throw new Rejection(413, `The body is larger than ${most} bytes. Send less.`);
  if (read === "no room") {
    const detail = "Too many large bodies arrive at the same time. Nothing was stored: send it again.";
    throw new Rejection(503, detail, { "retry-after": "1" });
  }
  return new Uint8Array(read);
}

async function gather(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<ArrayBuffer | "too large" | "no room"> {
  // One buffer that grows in place. A list of chunks would take two hundred times the size of a body that arrives byte by byte.
  // Copying to larger buffers would leave as much again for the garbage collector.
  const piece = new ArrayBuffer(SMALL_BYTES, { maxByteLength: Math.max(most, SMALL_BYTES) });
  const bytes = new Uint8Array(piece);
  const reader = body?.getReader();
  let size = 0;
  let problem: "too large" | "no room" | undefined;
  // A variable in this function would keep the chunk in memory while the next one is awaited.
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

/** Frees the memory immediately, before the next garbage collection. */
function empty(piece: ArrayBuffer): void {
  taken -= Math.max(0, piece.byteLength - SMALL_BYTES);
  piece.resize(0);
}
