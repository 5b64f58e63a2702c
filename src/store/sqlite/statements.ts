import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { clean, type Row } from "../rows.ts";

/** A database's statements, each prepared once. Values are written as `?`, or as `$1` if they occur twice. */
export type Sql = {
  one(text: string, ...values: SQLInputValue[]): Row | undefined;
  all(text: string, ...values: SQLInputValue[]): Row[];
  change(text: string, ...values: SQLInputValue[]): void;
  /** For more rows than memory should hold. */
  each(text: string): Iterable<Row>;
};

type Values = readonly SQLOutputValue[];

export function statements(db: DatabaseSync): Sql {
  const prepared = new Map<string, ReturnType<typeof prepare>>();
  const sql = (text: string) => {
    let known = prepared.get(text);
    if (!known) {
      known = prepare(db, text);
      prepared.set(text, known);
    }
    return known;
  };
  return {
    one(text, ...values) {
      const { statement, rowOf } = sql(text);
      const found = statement.get(...stored(values)) as Values | undefined;
      return found && rowOf(found);
    },
    all(text, ...values) {
      const { statement, rowOf } = sql(text);
      return (statement.all(...stored(values)) as unknown as Values[]).map(rowOf);
    },
    // `run` would also read the last row's number. When FTS5 deletes a document, that number is above 2^53, and `run`
    // fails although the statement succeeded: https://www.sqlite.org/c3ref/last_insert_rowid.html
    change: (text, ...values) => void sql(text).statement.get(...stored(values)),
    each(text) {
      const { statement, rowOf } = sql(text);
      return (statement.iterate() as unknown as IteratorObject<Values>).map(rowOf);
    },
  };
}

/**
 * SQLite's rows keep their columns in a hash table, because it adds them one by one. Copying such a row of `runs` takes
 * 4.3 µs, but 0.5 µs for a row that is filled from its values here (measured).
 */
function prepare(db: DatabaseSync, text: string) {
  // SQLite reads `$1` as a name.
  const statement: StatementSync = db.prepare(text.replaceAll("$", "?"));
  statement.setReturnArrays(true);
  const columns = statement.columns().map(({ name }) => name);
  const empty: Row = { ...Object.fromEntries(columns.map((column) => [column, null])) };
  const rowOf = (values: Values): Row => {
    const row = { ...empty };
    for (let at = 0; at < columns.length; at++) row[columns[at] as string] = values[at] as SQLOutputValue;
    return row;
  };
  return { statement, rowOf };
}

/** The values as the database stores them. Changes the list, which belongs to the call. */
function stored(values: SQLInputValue[]): SQLInputValue[] {
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value === "string") values[at] = clean(value);
  }
  return values;
}
