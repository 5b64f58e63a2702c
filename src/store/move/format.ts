import * as z from "zod";
import { problemsIn } from "../../model/problems.ts";
import { type Json, RUN_STATUSES } from "../../model/run.ts";

/**
 * The format of an export, the same for each database. It has one line of JSON per run with everything that belongs to
 * the run, oldest first. Then it has one line per row of the other tables. Leases are omitted: after the import,
 * running runs count as interrupted.
 */
const [text, count] = [z.string(), z.int().min(0)];
/** Epoch milliseconds. */
const time = z.int();
/** Any parsed value is JSON, so it only has to exist. */
const json = z.custom<Json>((value) => value !== undefined);

const flag = z.boolean().default(false);

export const run = z.strictObject({
  ...{ id: z.guid(), workflow: text, group: text.optional(), input: json, ownToken: z.boolean() },
  ...{ status: z.enum(RUN_STATUSES), acceptedAt: time, retriesFrom: time, dueAt: time.optional() },
  ...{ startedAt: time.optional(), endedAt: time.optional(), begun: count, failures: count, stepsFrom: count },
  ...{ outputs: json.optional(), reason: text.optional(), http: z.int().optional(), kind: text.optional() },
  ...{ dedupeKey: text.optional(), supersededBy: z.guid().optional(), eventSource: text.optional() },
  ...{ eventId: text.optional(), trace: text.optional(), trigger: text.optional(), actor: text.optional() },
  ...{ rerunOf: z.guid().optional(), inOrder: flag, woken: flag, handlerState: text.optional() },
  ...{ cancelActor: text.optional(), cancelAt: time.optional(), firstAttempt: count.optional() },
  ...{ pace: text.optional(), throttleLimit: count.optional(), throttleMs: count.optional() },
  ...{ begunAt: time.optional(), title: text.optional() },
});

/** What belongs to a run: for each list, its table, its values and its order. */
export const OF_RUNS = {
  attempts: {
    table: "attempts",
    values: z.strictObject({
      ...{ number: count, startedAt: time, endedAt: time, outcome: text, reason: text.optional() },
      ...{ kind: text.optional(), githubRequestId: text.optional(), stack: text.optional(), code: text.optional() },
      ...{ handler: z.literal(true).optional(), sent: json.optional() },
    }),
    by: ["number"],
  },
  steps: {
    table: "steps",
    values: z.strictObject({
      ...{ name: text, attempt: count, kind: text.default("step"), startedAt: time, endedAt: time.optional() },
      ...{ until: time.optional(), untilDate: flag, result: json.optional(), error: text.optional() },
    }),
    by: ["startedAt", "attempt", "name"],
  },
  lines: {
    table: "log_lines",
    values: z.strictObject({
      ...{ attempt: count, number: count, at: time, level: text, message: text, facts: json.optional() },
    }),
    by: ["attempt", "number"],
  },
  wakeKeys: { table: "wake_keys", values: z.strictObject({ key: text }), by: ["key"] },
  callbacks: {
    table: "callbacks",
    values: z.strictObject({
      ...{ hash: text, name: text, schema: json.optional(), answeredAt: time.optional(), body: json.optional() },
      ...{ actor: text.optional(), stepsFrom: count },
    }),
    by: ["hash"],
  },
} as const;

type OfRuns = typeof OF_RUNS;

const lists = Object.fromEntries(
  Object.entries(OF_RUNS).map(([name, { values }]) => [name, z.array(values).default([])]),
) as unknown as { readonly [Name in keyof OfRuns]: z.ZodDefault<z.ZodArray<OfRuns[Name]["values"]>> };

const movedRun = run
  .extend(lists)
  .refine(
    (each) => !(each.status === "queued" || each.status === "waiting") || each.dueAt !== undefined,
    "it needs dueAt",
  )
  .refine((each) => each.status !== "running" || each.startedAt !== undefined, "a running run needs startedAt");

export type MovedRun = z.infer<typeof movedRun>;

/** The other tables: for each kind of record, its table and its values. */
export const BESIDE: Readonly<Record<string, readonly [table: string, values: z.ZodObject]>> = {
  schedule: ["schedules", z.strictObject({ workflow: text, carriedOutUntil: time })],
  hour: ["ended_by_hour", z.strictObject({ hour: z.int(), success: count, failure: count, skipped: count })],
  refused: [
    "refused_events",
    z.strictObject({
      ...{ method: text, path: text, status: z.int(), application: text, reason: text },
      ...{ firstAt: time, lastAt: time, times: count },
    }),
  ],
  ignored: ["ignored_events", z.strictObject({ at: time, text, facts: json })],
  heard: [
    "heard",
    z.strictObject({ ...{ kind: text, name: text, actor: text, firstAt: time, lastAt: time }, times: count }),
  ],
  spending: ["github_spending", z.strictObject({ account: text, at: time, points: count, writes: count })],
  pause: ["github_pauses", z.strictObject({ account: text, until: time, strikes: count })],
  action: [
    "actions",
    z.strictObject({
      // First, because it is their order.
      number: count.optional(),
      ...{ at: time, actor: text, action: text, run: z.guid().optional(), workflow: text.optional() },
      ...{ details: text.optional(), role: text.optional(), via: text.optional(), address: text.optional() },
      ...{ bulk: text.optional(), outcome: text.default("done"), times: count.default(1), hash: text.optional() },
    }),
  ],
  paused: ["paused_workflows", z.strictObject({ workflow: text, at: time, actor: text })],
  key: ["store_keys", z.strictObject({ name: text, value: text })],
  mark: ["marks", z.strictObject({ name: text, at: time, value: text.optional() })],
};

/** Identifies the file. */
const FIRST = z.object({ format: z.literal("gh-runner export"), version: z.int() });
const VERSION = 1;
/** Shows that the export is complete. */
const LAST = z.strictObject({ end: z.strictObject({ records: z.int() }) });

export const FIRST_LINE = lineOf({ format: FIRST.shape.format.value, version: VERSION });
export const lastLine = (records: number) => lineOf({ end: { records } });

export function lineOf(record: object): string {
  return `${JSON.stringify(record)}\n`;
}

/** A record of an export, with its line. */
export type Entry = {
  readonly line: number;
  readonly characters: number;
  readonly record: Readonly<Record<string, object>>;
};

export async function* entriesIn(source: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  let [line, read, ended] = [0, 0, false];
  for await (const written of linesOf(source)) {
    line++;
    if (ended) throw broken(line, "the export has already ended");
    const value = parsed(written, line);
    const end = LAST.safeParse(value);
    if (line === 1) requireFormat(value);
    else if (end.success) {
      const { records } = end.data.end;
      if (records !== read) throw broken(line, `the export has ${records} records, but this file has ${read}`);
      ended = true;
    } else {
      read++;
      yield { line, characters: written.length, record: checked(value, line) };
    }
  }
  if (line === 0) throw broken(1, `the file is empty. ${GIVE}`);
  if (!ended) throw broken(line + 1, "the export is cut off: its last line is missing");
}

function parsed(written: string, line: number): unknown {
  try {
    return JSON.parse(written);
  } catch {
    throw line === 1 ? noExport() : broken(line, "it is not JSON");
  }
}

const GIVE = "Give an export to import, or a backup to restore";

function noExport(): Error {
  return broken(1, `this is not the first line of a gh-runner export. ${GIVE}`);
}

function requireFormat(value: unknown): void {
  const { data } = FIRST.safeParse(value);
  if (!data) throw noExport();
  if (data.version !== VERSION) {
    throw broken(
      1,
      `the export has version ${data.version}, but this gh-runner reads version ${VERSION}. Use a newer gh-runner`,
    );
  }
}

const recordsNamed = (name: string, values: z.ZodType) => [name, z.strictObject({ [name]: values })] as const;
const RECORDS = new Map([
  recordsNamed("run", movedRun),
  ...Object.entries(BESIDE).map(([name, [, values]]) => recordsNamed(name, values)),
]);

function checked(value: unknown, line: number): Entry["record"] {
  const name = value instanceof Object ? (Object.keys(value)[0] ?? "") : "";
  const record = RECORDS.get(name);
  if (!record) {
    throw broken(line, `${/^\w{1,40}$/.test(name) ? `"${name}"` : "it"} is not a record that this gh-runner knows`);
  }
  const { data, error } = record.safeParse(value);
  if (data) return data as Entry["record"];
  throw broken(line, problemsIn(error, { whole: "it", separator: ": " }).join("; "));
}

export function broken(line: number | string, what: string, cause?: unknown): Error {
  return new Error(`Cannot import line ${line}: ${what}. Nothing was imported.`, { cause });
}

const MOST_CHARACTERS_IN_A_LINE = 256 * 1024 * 1024;

/** Splits at line feeds only, since JSON may contain other characters that end lines elsewhere. */
async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [rest, line] = ["", 1];
  const decoded = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw broken(line, "it is not UTF-8");
    }
  };
  for await (const chunk of source) {
    const [first = "", ...further] = decoded(chunk).split("\n");
    rest += first;
    for (const next of further) {
      yield rest;
      rest = next;
      line++;
    }
    if (rest.length > MOST_CHARACTERS_IN_A_LINE) throw broken(line, "the line is too long");
  }
  rest += decoded();
  if (rest !== "") yield rest;
}
