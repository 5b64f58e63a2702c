import type { Asked } from "../reads.ts";
import type { Database } from "./connect.ts";
import type { Names } from "./names.ts";

/** PostgreSQL with the interface of both databases. */
export function asking({ sql, transaction }: Pick<Database, "sql" | "transaction">, { schema }: Names): Asked {
  return {
    dialect: {
      schema,
      hint: () => "",
      // With `=` PostgreSQL reads the newest runs of all workflows and filters them. For a workflow that last ran long
      // ago, it would read all stored runs.
      isOfWorkflow: (name) => `workflow >= ${name} AND workflow <= ${name}`,
      // An index entry has at most 2,700 bytes.
      isText: (column, value) => `${column} IS NOT NULL AND md5(${column}) = md5(${value})`,
      finds: (text, expression) => `${text} ~ ${expression}`,
      holds: (text, part) => `strpos(${text}, ${part}) > 0`,
      rows: (table, columns, json) =>
        `SELECT ${columns.join(", ")} FROM json_populate_recordset(NULL::${schema}.${table}, ${json})`,
      rejectedKey: ["key"],
    },
    read: sql,
    readInOrder: (text, values) =>
      transaction(async (each) => {
        void each("SET LOCAL enable_bitmapscan = off");
        return each(text, values);
      }),
    change: (...statements) =>
      transaction(async (each) => {
        void each("SET LOCAL synchronous_commit = off");
        for (const [text, values] of statements) void each(text, values);
      }),
  };
}
