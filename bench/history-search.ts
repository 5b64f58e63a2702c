import type { DatabaseSync } from "node:sqlite";
import type pg from "pg";
import { asking as askingPostgres } from "../src/store/postgres/asking.ts";
import { asRows, keepDocuments } from "../src/store/postgres/search.ts";
import type { Asked } from "../src/store/reads.ts";
import type { Row } from "../src/store/rows.ts";
import { documentsFrom, numbersOf, sourceQueries } from "../src/store/search-sources.ts";
import { asking as askingSqlite } from "../src/store/sqlite/asking.ts";
import { KEEP_DOCUMENT } from "../src/store/sqlite/search.ts";
import { statements } from "../src/store/sqlite/statements.ts";

/**
 * Fills the search index with millions of runs. The documents are those of the store. The transactions are larger than
 * the service may use, because no events wait here.
 */

const [RUNS_PER_READ, RUNS_PER_TRANSACTION] = [500, 20_000];
/** FTS5 collects this much before it writes a part of the index. The default is one MB. */
const COLLECTED_BYTES = 64 * 1024 * 1024;
const FTS5_COLLECTED_BYTES = 1024 * 1024;

/** Numbers of runs, both included. */
export type Runs = { readonly from: number; readonly to: number };

async function made(
  { dialect, read }: Pick<Asked, "dialect" | "read">,
  { from, to }: Runs,
): Promise<ReadonlyMap<number, string>> {
  const numbers = numbersOf(Array.from({ length: to - from + 1 }, (_, nth) => from + nth));
  const rows: (readonly Row[])[] = [];
  for (const query of sourceQueries(dialect)) rows.push(await read(query, [numbers]));
  return documentsFrom(rows);
}

function* parts({ from, to }: Runs, most: number): Generator<Runs> {
  for (let at = from; at <= to; at += most) yield { from: at, to: Math.min(to, at + most - 1) };
}

export async function indexSqlite(db: DatabaseSync, runs: Runs, says: (done: number) => void): Promise<void> {
  const sql = statements(db);
  const asked = askingSqlite(sql, { read: async (work) => work(), write: async (work) => work() });
  const collect = (bytes: number) => db.exec(`INSERT INTO search (search, rank) VALUES ('hashsize', ${bytes})`);
  collect(COLLECTED_BYTES);
  for (const some of parts(runs, 5 * RUNS_PER_TRANSACTION)) {
    db.exec("BEGIN");
    for (const part of parts(some, RUNS_PER_READ)) {
      for (const [run, document] of await made(asked, part)) sql.change(KEEP_DOCUMENT, run, document);
    }
    db.exec("COMMIT");
    says(some.to - runs.from + 1);
  }
  collect(FTS5_COLLECTED_BYTES);
}

/** The index is created again afterwards, sorted, which takes less time than adding to it. */
export async function indexPostgres(
  client: pg.Client,
  schema: string,
  runs: Runs,
  says: (done: number) => void,
): Promise<void> {
  const read = async (text: string, values: readonly unknown[] = []) => (await client.query(text, [...values])).rows;
  const asked = askingPostgres(
    { sql: read, transaction: (work) => work(read) },
    { schema, now: "now()", channel: schema },
  );
  const index = `${schema}.search_grams`;
  const { rows } = await client.query("SELECT pg_get_indexdef($1::regclass) AS text", [index]);
  await client.query(`DROP INDEX ${index}`);
  for (const some of parts(runs, RUNS_PER_TRANSACTION)) {
    await client.query("BEGIN");
    for (const part of parts(some, RUNS_PER_READ)) {
      await client.query(keepDocuments(schema), [asRows(await made(asked, part))]);
    }
    await client.query("COMMIT");
    says(some.to - runs.from + 1);
  }
  await client.query(rows[0].text);
  await client.query(`VACUUM (ANALYZE) ${schema}.search_documents`);
}
