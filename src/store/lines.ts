import type { LinesPage } from "../model/history.ts";
import type { Json, LogLine } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import type { Asked } from "./reads.ts";
import { clean, type Row } from "./rows.ts";

const COLUMNS = ["attempt", "number", "at", "level", "message", "facts"];

/**
 * The lines that workflows log. They are stored for any existing run, even if its claim was lost: what an attempt
 * logged stays true. A power failure may lose the latest lines.
 */
export function runLines({ dialect, read, change }: Asked): Pick<RunStore, "saveLines" | "lines"> {
  const { schema, rows } = dialect;
  const runs = `${schema}.runs`;
  const table = `${schema}.log_lines`;
  const columns = COLUMNS.join(", ");
  const insert = `INSERT INTO ${table} (run, ${columns})
    SELECT runs.seq, written.* FROM ${runs}, (${rows("log_lines", COLUMNS, "$1")}) AS written WHERE runs.id = $2
    ON CONFLICT DO NOTHING`;
  const search = `INSERT INTO ${schema}.search_queue SELECT seq FROM ${runs} WHERE id = $1 ON CONFLICT DO NOTHING`;
  return {
    async saveLines({ run, attempt }, lines) {
      await change([insert, [JSON.stringify(lineRows({ attempt }, lines)), run.id]], [search, [run.id]]);
    },
    async lines(id, { after = NONE, limit }) {
      const [run] = await read(`SELECT seq FROM ${runs} WHERE id = $1`, [id]);
      if (!run) return undefined;
      const found = await read(
        `SELECT ${columns} FROM ${table} WHERE run = $1 AND (attempt, number) > ($2, $3)
         ORDER BY attempt, number LIMIT $4`,
        [run.seq as number, ...placeOf(after), limit],
      );
      const lines = found.map(lineOf);
      const last = lines.at(-1);
      return { lines, next: last ? `${last.attempt}.${last.number}` : after };
    },
  };
}

/** Lines as rows of their table, for JSON. */
export function lineRows(of: { readonly run?: number; readonly attempt: number }, lines: readonly LogLine[]): object[] {
  return lines.map(({ message, facts, ...line }) => {
    return { ...of, ...line, message: clean(message), facts: facts === undefined ? null : JSON.stringify(facts) };
  });
}

/** Before the first line. */
const NONE = "0.0";

function placeOf(cursor: string): readonly [attempt: number, line: number] {
  const [attempt, line] = cursor.split(".").map(Number);
  return [attempt as number, line as number];
}

function lineOf(row: Row): LinesPage["lines"][number] {
  return {
    attempt: row.attempt as number,
    number: row.number as number,
    at: row.at as number,
    level: row.level as LogLine["level"],
    message: row.message as string,
    ...(row.facts === null ? {} : { facts: JSON.parse(row.facts as string) as { [key: string]: Json } }),
  };
}
