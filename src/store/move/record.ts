import * as z from "zod";
import { type Json, RUN_STATUSES } from "../../model/run.ts";
import type { Row } from "../rows.ts";

/**
 * What an export holds, a line each: every run with its attempts and steps, oldest first, then what is kept beside the
 * runs. The same for each kind of store. Leases are left out: whatever was running counts as interrupted where it is
 * imported.
 */
export type StoreRecord = z.infer<typeof storeRecord>;
export type MovedRun = z.infer<typeof run>;
/** What is kept beside the runs, by the name of its record. */
export type Beside = Exclude<StoreRecord, { run: unknown }>;

const text = z.string();
const count = z.int().min(0);
/** Epoch milliseconds. */
const time = z.int();
/** Whatever was parsed is JSON: it only has to be there. */
const json = z.custom<Json>((value) => value !== undefined);

const attempt = z.strictObject({
  number: count,
  startedAt: time,
  endedAt: time,
  outcome: text,
  reason: text.optional(),
  kind: text.optional(),
  githubRequestId: text.optional(),
  stack: text.optional(),
});

const step = z.strictObject({
  name: text,
  attempt: count,
  startedAt: time,
  endedAt: time,
  result: json.optional(),
  error: text.optional(),
});

const run = z
  .strictObject({
    id: z.guid(),
    workflow: text,
    group: text.optional(),
    input: json,
    ownToken: z.boolean(),
    status: z.enum(RUN_STATUSES),
    acceptedAt: time,
    retriesFrom: time,
    dueAt: time.optional(),
    startedAt: time.optional(),
    endedAt: time.optional(),
    begun: count,
    failures: count,
    stepsFrom: count,
    outputs: json.optional(),
    reason: text.optional(),
    http: z.int().optional(),
    kind: text.optional(),
    dedupeKey: text.optional(),
    supersededBy: z.guid().optional(),
    eventSource: text.optional(),
    eventId: text.optional(),
    trace: text.optional(),
    attempts: z.array(attempt),
    steps: z.array(step),
  })
  .refine((each) => each.status !== "queued" || each.dueAt !== undefined, "a queued run needs dueAt")
  .refine((each) => each.status !== "running" || each.startedAt !== undefined, "a running run needs startedAt");

export const storeRecord = z.union([
  z.strictObject({ run }),
  z.strictObject({ schedule: z.strictObject({ workflow: text, carriedOutUntil: time }) }),
  z.strictObject({ hour: z.strictObject({ hour: z.int(), success: count, failure: count, skipped: count }) }),
  z.strictObject({
    refused: z.strictObject({
      method: text,
      path: text,
      status: z.int(),
      application: text,
      reason: text,
      firstAt: time,
      lastAt: time,
      times: count,
    }),
  }),
  z.strictObject({ spending: z.strictObject({ account: text, at: time, points: count, writes: count }) }),
  z.strictObject({ pause: z.strictObject({ account: text, until: time, strikes: count }) }),
]);

/** The columns of `runs`, by their names in an export. */
export const RUN_COLUMNS = `seq, id, workflow, grp AS "group", input, own_token AS "ownToken", status,
  accepted_at AS "acceptedAt", retries_from AS "retriesFrom", due_at AS "dueAt", started_at AS "startedAt",
  ended_at AS "endedAt", attempts AS "begun", failures, steps_from AS "stepsFrom", outputs, reason, http, kind,
  dedupe_key AS "dedupeKey", superseded_by AS "supersededBy", event_source AS "eventSource", event_id AS "eventId", trace`;

export const ATTEMPT_COLUMNS = `number, started_at AS "startedAt", ended_at AS "endedAt", outcome, reason, kind,
  github_request_id AS "githubRequestId", stack`;

export const STEP_COLUMNS = `name, attempt, started_at AS "startedAt", ended_at AS "endedAt", result, error`;

/** How what is kept beside the runs is read, in an order that is always the same. */
export function besideIn(schema: string, bytewise: string): Readonly<Record<string, string>> {
  return {
    schedule: `SELECT workflow, carried_out_until AS "carriedOutUntil" FROM ${schema}.schedules
      ORDER BY workflow ${bytewise}`,
    hour: `SELECT hour, CAST(sum(success) AS bigint) AS success, CAST(sum(failure) AS bigint) AS failure,
      CAST(sum(skipped) AS bigint) AS skipped FROM ${schema}.ended_by_hour GROUP BY hour ORDER BY hour`,
    refused: `SELECT method, path, status, application, reason, first_at AS "firstAt", last_at AS "lastAt", times
      FROM ${schema}.refused_events ORDER BY last_at, method ${bytewise}, path ${bytewise}, status,
      application ${bytewise}, reason ${bytewise}`,
    spending: `SELECT account, at, points, writes FROM ${schema}.github_spending
      ORDER BY at, account ${bytewise}, points, writes`,
    pause: `SELECT account, until, strikes FROM ${schema}.github_pauses ORDER BY account ${bytewise}`,
  };
}

/** Rows as the two lists above name their columns, as a record. */
export function runRecord(row: Row, attempts: readonly Row[], steps: readonly Row[]): StoreRecord {
  const { seq: _, ...told } = row;
  const run = {
    ...withoutNulls(told),
    input: JSON.parse(row.input as string),
    ownToken: row.ownToken === 1,
    ...(typeof row.outputs === "string" ? { outputs: JSON.parse(row.outputs) } : {}),
    attempts: attempts.map(withoutNulls),
    steps: steps.map((each) => ({
      ...withoutNulls(each),
      ...(typeof each.result === "string" ? { result: JSON.parse(each.result) } : {}),
    })),
  };
  return { run } as unknown as StoreRecord;
}

function withoutNulls(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
