import type * as z from "zod";
import { clean, type Row, slotOf } from "../rows.ts";
import {
  BESIDE,
  broken,
  type Entry,
  entriesIn,
  FIRST_LINE,
  lastLine,
  lineOf,
  type MovedRun,
  OF_RUNS,
  run,
} from "./format.ts";

/** How all data of a store is exported or imported. */
export type Mover = {
  /**
   * Writes all data, as it was at one moment. `running`: a service still uses the store, so the export misses what it
   * accepts from now on. Unknown for PostgreSQL.
   * @param write gets the lines, several at a time.
   * @throws Error that says what to do if the data cannot be read.
   */
  export(write: Write): Promise<{ readonly records: number; readonly running: boolean }>;
  /**
   * Imports an export into the store, completely or not at all, after updating the schema.
   * @param source fails when the signal aborts, with its reason.
   * @param options.replace deletes the existing runs.
   * @returns how many runs the store has now.
   * @throws Error that says what to do if the store already has runs, or the export is incomplete.
   */
  import(source: AsyncIterable<Uint8Array>, signal: AbortSignal, options?: Importing): Promise<number>;
};

export type Importing = { readonly replace?: boolean };

export type Write = (lines: AsyncIterable<string>) => Promise<void>;

/** A store's tables during a move, in one transaction. */
export type Tables = {
  readonly schema: string;
  /** Values are written as `$1`, `$2`. */
  sql(text: string, values?: readonly number[]): Promise<readonly Row[]>;
  insert(table: string, columns: readonly string[], rows: readonly Row[]): Promise<void>;
  /** How many records are inserted together. An error names the first and the last of them. */
  readonly recordsPerInsert: number;
  /** Whether the database failed. Any other error is about the record. */
  isOutage(error: unknown): boolean;
  /** The name of the store, and what to do if it already has runs. */
  readonly place: { readonly name: string; readonly remedy: string };
};

/** As many runs as fit into this many characters: fewer if they have long logs or inputs. */
const [FEWEST_RUNS, MOST_RUNS] = [8, 128];
const CHARACTERS_PER_READ = 1_000_000;

/**
 * Writes all data of the tables.
 * @returns how many records.
 */
export async function exportFrom(tables: Tables, write: Write): Promise<number> {
  const { schema } = tables;
  let records = 0;
  let failed: { readonly cause: unknown } | undefined;
  const sql: Tables["sql"] = (text, values) =>
    tables.sql(text, values).catch((cause) => {
      failed = { cause };
      throw cause;
    });
  const linesFor = (found: readonly object[]) => {
    records += found.length;
    return found.map(lineOf).join("");
  };
  async function* lines() {
    yield FIRST_LINE;
    let runsPerRead = FEWEST_RUNS;
    for (let after = -1; ; ) {
      const runs = await sql(
        `SELECT seq, ${selected(run)} FROM ${schema}.runs WHERE seq > $1 ORDER BY seq LIMIT ${runsPerRead}`,
        [after],
      );
      if (runs.length === 0) break;
      const range = [after, Number(runs.at(-1)?.seq)];
      const lists = await Promise.all(
        Object.entries(OF_RUNS).map(async ([name, { table, values, by }]) => {
          const text = `SELECT run, ${selected(values)} FROM ${schema}.${table} WHERE run > $1 AND run <= $2`;
          return [name, Map.groupBy(inOrder(await sql(text, range), by), (row) => row.run)] as const;
        }),
      );
      const listsOf = (seq: Row[string] = null) => {
        const found = lists.map(([name, rows]) => [
          name,
          (rows.get(seq) ?? []).map(({ run: _, ...row }) => recordOf(row)),
        ]);
        return Object.fromEntries(found.filter(([name, rows]) => rows?.length || ALWAYS.has(name as string)));
      };
      const written = linesFor(runs.map(({ seq, ...row }) => ({ run: { ...recordOf(row), ...listsOf(seq) } })));
      yield written;
      runsPerRead = written.length > CHARACTERS_PER_READ ? FEWEST_RUNS : Math.min(runsPerRead * 2, MOST_RUNS);
      after = range[1] as number;
    }
    for (const [name, [table, values]] of Object.entries(BESIDE)) {
      const rows = await sql(`SELECT ${selected(values)} FROM ${tableToRead(schema, table)}`);
      yield linesFor(inOrder(rows, Object.keys(values.shape)).map((row) => ({ [name]: recordOf(row) })));
    }
    yield lastLine(records);
  }
  await write(lines()).catch((error) => {
    throw failed ? failed.cause : error;
  });
  return records;
}

/** Replicas count the runs that ended in an hour in separate rows. */
function tableToRead(schema: string, table: string): string {
  if (table !== "ended_by_hour") return `${schema}.${table}`;
  const sums = ["success", "failure", "skipped"].map((each) => `CAST(sum(${each}) AS bigint) AS ${each}`);
  return `(SELECT hour, ${sums.join(", ")} FROM ${schema}.ended_by_hour GROUP BY hour) AS hours`;
}

/** The same order in each database, in any locale. */
function inOrder(rows: readonly Row[], by: readonly string[]): Row[] {
  return rows.toSorted((a, b) => {
    const name = by.find((each) => a[each] !== b[each]);
    return name === undefined ? 0 : a[name]! < b[name]! ? -1 : 1;
  });
}

const COLUMNS = new Map([
  ["group", "grp"],
  ["begun", "attempts"],
  ["trigger", "trigger_kind"],
  ["handlerState", "handler"],
]);

/** Cached, since a million runs have 30 million values. */
function columnOf(name: string): string {
  const column = COLUMNS.get(name) ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  COLUMNS.set(name, column);
  return column;
}

const columnsOf = ({ shape }: z.ZodObject) => Object.keys(shape).map(columnOf);
const selected = ({ shape }: z.ZodObject) =>
  Object.keys(shape)
    .map((name) => `${columnOf(name)} AS "${name}"`)
    .join(", ");

/** These are text in the tables. */
const AS_JSON = new Set(["input", "outputs", "result", "facts", "schema", "body", "sent"]);

/** These are numbers in the tables. */
const FLAGS = new Set(["inOrder", "woken", "untilDate", "handler"]);

/** Lists that are written even if they are empty. */
const ALWAYS = new Set(["attempts", "steps"]);

/** Default values are omitted. */
function recordOf(row: Row): object {
  const record: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (
      value === null ||
      (name === "firstAttempt" && value === row.stepsFrom) ||
      (value === 0 && FLAGS.has(name)) ||
      (value === "step" && name === "kind")
    )
      continue;
    if (name === "ownToken" || FLAGS.has(name)) record[name] = value === 1;
    else record[name] = AS_JSON.has(name) ? JSON.parse(value as string) : value;
  }
  return record;
}

function rowOf(record: object): Row {
  const row: Row = {};
  for (const [name, value] of Object.entries(record)) {
    if (AS_JSON.has(name)) row[columnOf(name)] = JSON.stringify(value);
    else row[columnOf(name)] = typeof value === "boolean" ? Number(value) : clean(value);
  }
  return row;
}

const CHARACTERS_PER_INSERT = 4_000_000;

/**
 * Imports an export into empty tables, several records at a time.
 * @returns how many runs the store has now.
 * @throws Error that begins with "Cannot import" if there are runs, or that names an invalid line.
 */
export async function importInto(
  tables: Tables,
  source: AsyncIterable<Uint8Array>,
  { replace = false }: Importing = {},
): Promise<number> {
  const { schema, sql, place } = tables;
  if (replace) await sql(`DELETE FROM ${schema}.runs`);
  else if ((await sql(`SELECT 1 FROM ${schema}.runs LIMIT 1`)).length > 0) {
    throw new Error(`Cannot import into ${place.name}: it already has runs. ${place.remedy} Nothing was imported.`);
  }
  for (const [table] of Object.values(BESIDE)) await sql(`DELETE FROM ${schema}.${table}`);
  let [runs, characters] = [0, 0];
  let batch: Entry[] = [];
  const insertBatch = async () => {
    if (batch.length === 0) return;
    try {
      runs += await insertAll(tables, batch, runs);
    } catch (cause) {
      if (tables.isOutage(cause)) throw cause;
      const [first, last] = [batch[0]!.line, batch.at(-1)!.line];
      throw broken(first === last ? first : `${first} to ${last}`, (cause as Error).message, cause);
    }
    [batch, characters] = [[], 0];
  };
  for await (const entry of entriesIn(source)) {
    batch.push(entry);
    characters += entry.characters;
    if (batch.length === tables.recordsPerInsert || characters > CHARACTERS_PER_INSERT) await insertBatch();
  }
  await insertBatch();
  return runs;
}

/** @returns how many of the records are runs. */
async function insertAll({ insert }: Tables, entries: readonly Entry[], runsBefore: number): Promise<number> {
  const runs = entries
    .flatMap(({ record }) => (record.run as MovedRun | undefined) ?? [])
    .map((each, at) => ({ ...each, seq: runsBefore + at + 1 }));
  const lists = Object.entries(OF_RUNS).map(([name, { table, values }]) => {
    const rows = runs.flatMap((each) =>
      each[name as keyof typeof OF_RUNS].map((one) => ({ ...rowOf(one), run: each.seq })),
    );
    return [table, values, rows] as const;
  });
  const rows = runs.map((values) => ({
    ...rowOf(Object.fromEntries(Object.entries(values).filter(([name]) => !(name in OF_RUNS)))),
    // Older exports have no re-run that keeps the results of steps.
    first_attempt: values.firstAttempt ?? values.stepsFrom,
    slot: slotOf({ ...values, group: values.group }),
    // A lease that has ended, so that the next process that claims takes the run over.
    ...(values.status === "running" || values.handlerState === "running" ? { owner: "exported", lease_until: 0 } : {}),
  }));
  await insert("runs", ["seq", "slot", "owner", "lease_until", ...columnsOf(run)], rows);
  for (const [table, values, those] of lists) await insert(table, ["run", ...columnsOf(values)], those);
  for (const [name, [table, values]] of Object.entries(BESIDE)) {
    const those = entries.flatMap(({ record }) => record[name] ?? []);
    await insert(table, columnsOf(values), those.map(rowOf));
  }
  return runs.length;
}
