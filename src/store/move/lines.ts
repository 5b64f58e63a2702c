import * as z from "zod";
import { type StoreRecord, storeRecord } from "./record.ts";

const FORMAT = "gh-runner export";
const VERSION = 1;

/** The first line says what the file is; the last one, that it is whole. */
export const FIRST_LINE = `${JSON.stringify({ format: FORMAT, version: VERSION })}\n`;
export const lastLine = (records: number) => `${JSON.stringify({ end: { records } })}\n`;

export function lineOf(record: StoreRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Records of the lines `from` to `to`. */
export type Batch = { readonly from: number; readonly to: number; readonly records: readonly StoreRecord[] };

const MOST_IN_A_BATCH = 500;
const MOST_CHARACTERS = 4_000_000;

/**
 * Reads an export, a few records at a time.
 * @throws Error that begins with "Cannot import" and names the line that is not what it should be.
 */
export async function* batchesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Batch> {
  let number = 0;
  let read = 0;
  let ended = false;
  let batch: { from: number; records: StoreRecord[]; characters: number } = { from: 2, records: [], characters: 0 };
  for await (const line of linesOf(source)) {
    number++;
    if (ended) throw broken(number, "the export ends before it");
    if (number === 1) {
      requireFormat(line);
      continue;
    }
    const value = parse(line, number);
    const end = LAST.safeParse(value);
    if (end.success) {
      if (end.data.end.records !== read)
        throw broken(number, `${end.data.end.records} records were exported, and ${read} are here`);
      ended = true;
      continue;
    }
    batch.records.push(recordOf(value, number));
    batch.characters += line.length;
    read++;
    if (batch.records.length === MOST_IN_A_BATCH || batch.characters > MOST_CHARACTERS) {
      yield { from: batch.from, to: number, records: batch.records };
      batch = { from: number + 1, records: [], characters: 0 };
    }
  }
  if (number === 0) throw broken(1, "there is nothing");
  if (!ended) throw broken(number + 1, "the export is cut off: its last line is missing");
  if (batch.records.length > 0) yield { from: batch.from, to: number - 1, records: batch.records };
}

const LAST = z.strictObject({ end: z.strictObject({ records: z.int() }) });
const FIRST = z.object({ format: z.literal(FORMAT), version: z.int() });

function requireFormat(line: string): void {
  const first = FIRST.safeParse(parse(line, 1));
  if (!first.success) throw broken(1, "it is not that of an export of gh-runner");
  if (first.data.version !== VERSION) {
    throw broken(
      1,
      `the export is of version ${first.data.version}, and this gh-runner knows ${VERSION}: use a newer one`,
    );
  }
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw broken(number, "it is no JSON");
  }
}

function recordOf(value: unknown, number: number): StoreRecord {
  const name = value instanceof Object ? (Object.keys(value)[0] ?? "") : "";
  const shape = storeRecord.options.find((each) => name in each.shape);
  if (!shape)
    throw broken(number, `${/^\w{1,40}$/.test(name) ? `"${name}"` : "it"} is no record that this gh-runner knows`);
  const { data, error } = shape.safeParse(value);
  if (!error) return data;
  const [issue] = error.issues;
  throw broken(number, `${issue?.path.join(".")}: ${issue?.message}`);
}

export function broken(line: number | string, what: string, cause?: unknown): Error {
  return new Error(`Cannot import line ${line}: ${what}. Nothing was imported.`, { cause });
}

const MOST_IN_A_LINE = 256 * 1024 * 1024;

/** By line feeds alone: other characters that end lines elsewhere may stand in JSON. */
async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let number = 1;
  const decoded = (chunk?: Uint8Array) => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw broken(number, "it is not UTF-8");
    }
  };
  for await (const chunk of source) {
    const parts = decoded(chunk).split("\n");
    parts[0] = rest + parts[0];
    rest = parts.pop() ?? "";
    if (rest.length > MOST_IN_A_LINE) throw broken(number + parts.length, "it is too long for an export");
    for (const line of parts) {
      yield line;
      number++;
    }
  }
  rest += decoded();
  if (rest !== "") yield rest;
}
