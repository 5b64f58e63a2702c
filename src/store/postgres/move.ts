import { exportFrom, type Importing, importInto, type Mover, type Tables } from "../move/tables.ts";
import { rejectedKey } from "../overview.ts";
import type { Row } from "../rows.ts";
import { type Connecting, type Database, isOutage, type Sql } from "./connect.ts";
import { migrate, requireUsable } from "./migrate.ts";
import type { Names } from "./names.ts";
import { withDatabase } from "./start-error.ts";

type Moving = Connecting & {
  readonly schema: string;
  readonly onError: (error: Error) => void;
};

/** The store in a schema. Replicas continue during an export, which changes nothing. They wait during an import. */
export function postgresMover(moving: Moving): Mover {
  const options = { ...moving, patient: true };
  return {
    export: (write) =>
      withDatabase(options, async ({ sql, transaction }, names) => {
        await requireUsable(sql, names);
        const everything = async (each: Sql) => {
          await each("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
          return exportFrom(tablesIn(each, names), write);
        };
        return { records: await transaction(everything, { tries: 1 }), running: false };
      }),
    async import(source, signal, importing) {
      let filled = false;
      const everything = async (database: Database, names: Names) => {
        await migrate(database, names, options);
        const filling = async (sql: Sql) => {
          const runs = await stoppable(sql, { database, signal }, () => fill(sql, names, source, importing));
          filled = true;
          return runs;
        };
        return database.transaction(filling, { tries: 1 });
      };
      try {
        return await withDatabase(options, everything);
      } catch (cause) {
        const { message } = cause as Error;
        if (!message.startsWith("Cannot ") || message.endsWith(NOTHING)) throw cause;
        throw new Error(`${message} ${filled ? UNKNOWN : NOTHING}`, { cause });
      }
    },
  };
}

const NOTHING = "Nothing was imported.";
/** The connection was lost with the answer to COMMIT. */
const UNKNOWN = "Either everything was imported or nothing. Import again: that is rejected if everything was imported.";

/** Ends the current statement when the signal aborts, even if it waits for a lock. */
async function stoppable<T>(
  sql: Sql,
  { database, signal }: { database: Database; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const [row] = await sql("SELECT pg_backend_pid() AS pid");
  const cancel = () => void database.sql("SELECT pg_cancel_backend($1)", [row?.pid]).catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    throw signal.aborted ? new Error((signal.reason as Error).message, { cause: error }) : error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

async function fill(
  sql: Sql,
  names: Names,
  source: AsyncIterable<Uint8Array>,
  importing: Importing | undefined,
): Promise<number> {
  const { schema } = names;
  // Running replicas wait, and accept nothing in between.
  await sql(`LOCK TABLE ${schema}.runs IN SHARE ROW EXCLUSIVE MODE`);
  // PostgreSQL plans the check of a foreign key once, with the first runs. With few runs in a table that vacuum has
  // found empty, the plan reads the whole table each time. The third tenth of 150,000 runs took 47 s instead of 1 s
  // (measured).
  await sql("SET LOCAL enable_seqscan = off");
  const runs = await importInto(tablesIn(sql, names), source, importing);
  if (runs > 0) await sql(`SELECT setval(pg_get_serial_sequence('${schema}.runs', 'seq'), $1)`, [runs]);
  // Without statistics, showing one run of a million takes 0.3 s, and a list 0.9 s, until autovacuum runs (measured). A
  // role without the right to analyze only gets a warning.
  await sql(`ANALYZE ${schema}.runs, ${schema}.attempts, ${schema}.steps, ${schema}.log_lines`);
  return runs;
}

/** Additional columns of tables that replicas share. */
const REPLICAS: Readonly<Record<string, (row: Row) => Row>> = {
  ended_by_hour: () => ({ shard: 0 }),
  github_spending: () => ({ owner: "exported" }),
  refused_events: (row) => ({ key: rejectedKey(row as Parameters<typeof rejectedKey>[0]) }),
};

function tablesIn(sql: Sql, { schema }: Names): Tables {
  return {
    schema,
    sql,
    async insert(table, columns, rows) {
      const [first] = rows;
      if (!first) return;
      const more = REPLICAS[table] ?? (() => ({}));
      const all = [...columns, ...Object.keys(more(first))].join(", ");
      await sql(
        `INSERT INTO ${schema}.${table} (${all}) SELECT ${all} FROM json_populate_recordset(NULL::${schema}.${table}, $1)`,
        [JSON.stringify(rows.map((row) => ({ ...row, ...more(row) })))],
      );
    },
    recordsPerInsert: 500,
    isOutage,
    place: { name: `the schema ${schema}`, remedy: "Set DATABASE_SCHEMA to another one." },
  };
}
