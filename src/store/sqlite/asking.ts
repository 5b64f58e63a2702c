import type { DatabaseSync } from "node:sqlite";
import type { Asked } from "../reads.ts";
import type { Write } from "./batch.ts";
import type { Sql } from "./statements.ts";

/** SQLite with the interface of both databases. */
export function asking(
  { all, change }: Pick<Sql, "all" | "change">,
  { read, write }: { read: <T>(work: () => T) => Promise<T>; write: Write },
): Asked {
  const ask: Asked["read"] = (text, values = []) => read(() => all(text, ...values));
  return {
    dialect: {
      schema: "main",
      hint: (index) => `INDEXED BY ${index}`,
      // With a range SQLite would not use a number's position in the index: 1 s for an old page of a workflow with 7
      // million runs.
      isOfWorkflow: (name) => `workflow = ${name}`,
      isText: (column, value) => `${column} = ${value}`,
      finds: (text, expression) => `finds(${expression}, ${text})`,
      holds: (text, part) => `instr(${text}, ${part}) > 0`,
      rows: (_, columns, json) =>
        `SELECT ${columns.map((column) => `value ->> '${column}'`).join(", ")} FROM json_each(${json}) WHERE true`,
      rejectedKey: ["method", "path", "status", "application", "reason"],
    },
    read: ask,
    // SQLite uses the index of the hint.
    readInOrder: ask,
    change: (...statements) =>
      write(() => statements.forEach(([text, values]) => void change(text, ...values)), { flush: false }),
  };
}

/** Adds the function that finds texts to a database. */
export function addFinds(db: DatabaseSync): void {
  let known = { pattern: "", expression: /(?:)/u };
  db.function("finds", { deterministic: true }, (pattern, text) => {
    if (pattern !== known.pattern)
      known = { pattern: pattern as string, expression: new RegExp(pattern as string, "u") };
    return known.expression.test(text as string) ? 1 : 0;
  });
}
