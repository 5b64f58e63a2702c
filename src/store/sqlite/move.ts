import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Batch, broken } from "../move/lines.ts";
import {
  ATTEMPT_COLUMNS,
  type Beside,
  besideIn,
  type MovedRun,
  RUN_COLUMNS,
  runRecord,
  STEP_COLUMNS,
  type StoreRecord,
} from "../move/record.ts";
import type { Row } from "../rows.ts";
import { isOutage } from "./batch.ts";
import { MIGRATIONS } from "./migrations.ts";
import { cannot, isLocked, openSqlite } from "./open.ts";

/**
 * Hands out all that the store of a folder holds, as it was at one moment. Changes nothing but an older schema.
 * @returns whether a service uses the folder, and goes on.
 */
export async function exportSqlite(
  folder: string,
  write: (record: StoreRecord) => Promise<void>,
): Promise<{ running: boolean }> {
  const file = join(folder, "gh-runner.sqlite");
  if (!existsSync(file)) throw cannot(`export ${file}: there is none`, "Set DATA_DIR to the folder of the service.");
  const running = isLocked(folder);
  const { db, close } = running ? openBeside(file) : openSqlite(folder);
  try {
    db.exec("BEGIN");
    await readAll(db, write);
    return { running };
  } finally {
    close();
  }
}

function openBeside(file: string): { db: DatabaseSync; close(): void } {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version !== MIGRATIONS.length) {
    db.close();
    throw cannot(`export ${file}: the service that uses it is of another version`, "Export with that version.");
  }
  return { db, close: () => db.close() };
}

async function readAll(db: DatabaseSync, write: (record: StoreRecord) => Promise<void>): Promise<void> {
  const attempts = db.prepare(`SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE run = ? ORDER BY number`);
  const steps = db.prepare(`SELECT ${STEP_COLUMNS} FROM steps WHERE run = ? ORDER BY started_at, attempt, name`);
  for (const row of db.prepare(`SELECT ${RUN_COLUMNS} FROM runs ORDER BY seq`).iterate()) {
    await write(runRecord(row, attempts.all(row.seq as number) as Row[], steps.all(row.seq as number) as Row[]));
  }
  for (const [name, text] of Object.entries(besideIn("main", "COLLATE BINARY"))) {
    for (const row of db.prepare(text).iterate()) await write({ [name]: { ...row } } as unknown as StoreRecord);
  }
}

/**
 * Fills the store of a folder, all or nothing.
 * @returns how many runs there are now.
 * @throws Error that begins with "Cannot" and says what to do, as when there are runs already.
 */
export async function importSqlite(folder: string, batches: AsyncIterable<Batch>): Promise<number> {
  const { db, close } = openSqlite(folder);
  try {
    const there = db.prepare("SELECT 1 FROM runs LIMIT 1").get();
    if (there) {
      throw cannot(
        `import into ${folder}: it has runs already`,
        "Set DATA_DIR to an empty folder. Nothing was imported.",
      );
    }
    db.exec("BEGIN IMMEDIATE");
    const insert = inserting(db);
    let runs = 0;
    for await (const { from, to, records } of batches) {
      for (const [at, record] of records.entries()) {
        try {
          insert(record);
        } catch (cause) {
          if (isOutage(cause)) throw cause;
          const line = records.length === to - from + 1 ? from + at : `${from} to ${to}`;
          throw broken(line, (cause as Error).message, cause);
        }
        if ("run" in record) runs++;
      }
    }
    db.exec("COMMIT");
    return runs;
  } catch (cause) {
    if ((cause as { code?: string }).code !== SQLITE_ERROR) throw cause;
    const remedy = "See that its disk is well and has room for twice the export. Nothing was imported.";
    throw cannot(`import into ${folder}`, remedy, cause);
  } finally {
    // What is not committed is rolled back.
    close();
  }
}

const SQLITE_ERROR = "ERR_SQLITE_ERROR";
function inserting(db: DatabaseSync): (record: StoreRecord) => void {
  db.exec("DELETE FROM schedules; DELETE FROM ended_by_hour; DELETE FROM refused_events");
  db.exec("DELETE FROM github_spending; DELETE FROM github_pauses");
  const places = (count: number) => Array(count).fill("?").join(", ");
  const run = db.prepare(
    `INSERT INTO runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at, started_at,
       ended_at, attempts, failures, steps_from, owner, lease_until, outputs, reason, http, kind, dedupe_key,
       superseded_by, event_source, event_id, trace) VALUES (${places(26)}) RETURNING seq`,
  );
  const attempt = db.prepare(`INSERT INTO attempts VALUES (${places(9)})`);
  const step = db.prepare(`INSERT INTO steps VALUES (${places(7)})`);
  const beside: Record<string, StatementSync> = {
    schedule: db.prepare(`INSERT INTO schedules VALUES (${places(2)})`),
    hour: db.prepare(`INSERT INTO ended_by_hour VALUES (${places(4)})`),
    refused: db.prepare(`INSERT INTO refused_events VALUES (${places(8)})`),
    spending: db.prepare(`INSERT INTO github_spending VALUES (${places(4)})`),
    pause: db.prepare(`INSERT INTO github_pauses VALUES (${places(3)})`),
  };
  return (record) => {
    if ("run" in record) insertRun(record.run, { run, attempt, step });
    else
      for (const [name, values] of Object.entries(record))
        beside[name]?.run(...inOrder(name as NameOf<Beside>, values));
  };
}

type NameOf<T> = T extends unknown ? keyof T : never;

/** The columns in the order of their tables. */
const ORDER: Readonly<Record<NameOf<Beside>, readonly string[]>> = {
  schedule: ["workflow", "carriedOutUntil"],
  hour: ["hour", "success", "failure", "skipped"],
  refused: ["method", "path", "status", "application", "reason", "firstAt", "lastAt", "times"],
  spending: ["account", "at", "points", "writes"],
  pause: ["account", "until", "strikes"],
};

function inOrder(name: NameOf<Beside>, values: Readonly<Record<string, string | number>>): SQLInputValue[] {
  return ORDER[name].map((column) => values[column] ?? null);
}

function insertRun(run: MovedRun, into: Readonly<Record<"run" | "attempt" | "step", StatementSync>>): void {
  const slot = run.ownToken || run.group === undefined ? null : `${run.workflow}\n${run.group}`;
  const running = run.status === "running";
  const { seq } = into.run.get(
    run.id,
    run.workflow,
    run.group ?? null,
    slot,
    JSON.stringify(run.input),
    run.ownToken ? 1 : 0,
    run.status,
    run.acceptedAt,
    run.retriesFrom,
    run.dueAt ?? null,
    run.startedAt ?? null,
    run.endedAt ?? null,
    run.begun,
    run.failures,
    run.stepsFrom,
    running ? "exported" : null,
    running ? 0 : null,
    run.outputs === undefined ? null : JSON.stringify(run.outputs),
    run.reason ?? null,
    run.http ?? null,
    run.kind ?? null,
    run.dedupeKey ?? null,
    run.supersededBy ?? null,
    run.eventSource ?? null,
    run.eventId ?? null,
    run.trace ?? null,
  ) as { seq: number };
  for (const { number, startedAt, endedAt, outcome, reason, kind, githubRequestId, stack } of run.attempts) {
    const texts = [outcome, reason ?? null, kind ?? null, githubRequestId ?? null, stack ?? null];
    into.attempt.run(seq, number, startedAt, endedAt, ...texts);
  }
  for (const { name, attempt, startedAt, endedAt, result, error } of run.steps) {
    into.step.run(
      seq,
      name,
      attempt,
      startedAt,
      endedAt,
      result === undefined ? null : JSON.stringify(result),
      error ?? null,
    );
  }
}
