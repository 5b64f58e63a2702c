import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { clean, type Row } from "../rows.ts";

/** Statements of a database, each prepared once. Values are written as `?` or, where they come twice, as `$1`. */
export type Sql = {
  one(text: string, ...values: SQLInputValue[]): Row | undefined;
  all(text: string, ...values: SQLInputValue[]): Row[];
  change(text: string, ...values: SQLInputValue[]): void;
  /** For more rows than should be in memory. */
  each(text: string): Iterable<Row>;
};

export function statements(db: DatabaseSync): Sql {
  const prepared = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    // SQLite takes `$1` for a name.
    const known = prepared.get(text) ?? db.prepare(text.replaceAll("$", "?"));
    prepared.set(text, known);
    return known;
  };
  return {
    one: (text, ...values) => sql(text).get(...values.map(stored)) as Row | undefined,
    all: (text, ...values) => sql(text).all(...values.map(stored)) as Row[],
    change: (text, ...values) => void sql(text).run(...values.map(stored)),
    each: (text) => sql(text).iterate() as Iterable<Row>,
  };
}

const stored = (value: SQLInputValue) => (typeof value === "string" ? clean(value) : value);
