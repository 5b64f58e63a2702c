import type { Asked } from "../reads.ts";
import type { Database } from "./connect.ts";
import type { Names } from "./names.ts";

/** PostgreSQL, asked in the words that both databases understand. */
export function asking({ sql, transaction }: Pick<Database, "sql" | "transaction">, { schema }: Names): Asked {
  return {
    dialect: {
      schema,
      hint: () => "",
      // With `=` it takes the newest runs of all workflows and filters them: it reads everything that is kept for a workflow that
      // ran last long ago.
      isOfWorkflow: (name) => `workflow >= ${name} AND workflow <= ${name}`,
      // An index takes 2,700 bytes at most.
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
