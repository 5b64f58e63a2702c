import type { Asked } from "../reads.ts";
import type { Range, SearchEngine } from "../search-index.ts";
import { documentsFrom, isForgotten, numbersOf, sourceQueries } from "../search-sources.ts";
import type { Database, Sql } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";

/** So many of the newest runs that have the parts of a text are looked into for the whole of it. */
const LOOKED_INTO = 2000;

/** Documents of so many runs are made at once. */
const READ_AT_ONCE = 25;

/** Runs in a row that share a number among their trigrams. */
const BLOCK = 4096;
/** A search looks into so many blocks of the newest runs first: an index has no order, and all who have a common word are many. */
const FIRST_BLOCKS = 3;

/**
 * The search of PostgreSQL: documents with their trigrams as numbers, which a GIN index finds. No extension is needed. One
 * process at a time makes documents, so that none is replaced by an older one.
 */
export function postgresSearch(
  { transaction, sql }: Pick<Database, "sql" | "transaction">,
  { schema }: Names,
  { dialect }: Asked,
): SearchEngine {
  const queries = sourceQueries(dialect);
  const documents = `${schema}.search_documents`;

  /** What is taken off the queue was committed before the runs are read. */
  async function indexSome(
    each: Sql,
    most: number,
    which: "all" | "settled",
    trying: (run: number) => void,
  ): Promise<number> {
    void each("SET LOCAL synchronous_commit = off");
    const queued = await each(
      `DELETE FROM ${schema}.search_queue WHERE ctid = ANY (ARRAY(
         (SELECT ctid FROM ${schema}.search_queue ${which === "settled" ? IS_SETTLED : ""} ORDER BY run DESC LIMIT $1)
         UNION (SELECT ctid FROM ${schema}.search_queue WHERE ${isForgotten(schema)} LIMIT $2))) RETURNING run`,
      [most, most > 1 ? most : 0],
    );
    const runs = [...new Set(queued.map(({ run }) => run as number))];
    if (runs.length > 0) trying(Math.max(...runs));
    for (let at = 0; at < runs.length; at += READ_AT_ONCE) {
      const some = runs.slice(at, at + READ_AT_ONCE);
      const numbers = [numbersOf(some)];
      const made = documentsFrom(await Promise.all(queries.map((query) => each(query, numbers))));
      const gone = some.filter((run) => !made.has(run));
      if (gone.length > 0) void each(`DELETE FROM ${documents} WHERE run = ANY ($1::bigint[])`, [gone]);
      if (made.size > 0) await each(KEEP, [asRows(made)]);
    }
    return queued.length;
  }

  const IS_SETTLED = `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.runs WHERE seq = search_queue.run AND status = 'running')`;
  const KEEP = `INSERT INTO ${documents} (run, document, grams)
    SELECT run, document, grams FROM json_to_recordset($1) AS made (run bigint, document text, grams integer[])
    ON CONFLICT (run) DO UPDATE SET document = excluded.document, grams = excluded.grams`;

  /** @param blocks those that are looked into; empty: all. */
  async function findIn(each: Sql, needles: readonly string[], range: Range, most: number, blocks: readonly number[]) {
    const grams = [...new Set(needles.flatMap((needle) => [...gramsOf(needle)]))];
    const isThere = needles.map((_, nth) => `position($${nth + 6} in document) > 0`).join(" AND ");
    const isIn = blocks.length > 0 ? "AND grams && $5::integer[]" : "AND $5::integer[] IS NOT NULL";
    // Row by row, in the order of `newest`: the rest is not looked into once there are enough.
    const [row] = await each(
      `WITH hits AS MATERIALIZED (SELECT run FROM ${documents} WHERE grams @> $1::integer[] ${isIn}),
         newest AS MATERIALIZED (SELECT run FROM hits WHERE run < $2 AND run >= $3 ORDER BY run DESC LIMIT ${LOOKED_INTO})
       SELECT (SELECT count(*) FROM newest) AS looked, (SELECT min(run) FROM newest) AS last,
         (SELECT json_agg(run) FROM (SELECT run FROM newest
           WHERE (SELECT ${isThere} FROM ${documents} AS each WHERE each.run = newest.run) LIMIT $4) AS there) AS found`,
      [grams, range.below, range.from, most, blocks, ...needles],
    );
    const found = (row?.found ?? []) as unknown as readonly number[];
    if (found.length === most) return { found, lookedTo: found.at(-1) };
    return { found, lookedTo: Number(row?.looked) === LOOKED_INTO ? (row?.last as number) : undefined };
  }

  return {
    index: (most, which, trying) =>
      transaction(async (each) => {
        const [lock] = await each("SELECT pg_try_advisory_xact_lock($1) AS mine", [lockKey(`search ${schema}`)]);
        return lock?.mine ? indexSome(each, most, which, trying) : "busy";
      }),
    async skip(run) {
      await sql(`DELETE FROM ${schema}.search_queue WHERE run = $1`, [run]);
    },
    async waiting(most) {
      const [row] = await sql(
        `SELECT count(*) AS runs FROM (SELECT 1 FROM ${schema}.search_queue LIMIT $1) AS queued`,
        [most],
      );
      return Number(row?.runs);
    },
    find: (needles, range, most) =>
      transaction(async (each) => {
        // Documents are outside of their rows: to look into all of them takes a hundred times as long as it seems.
        void each("SET LOCAL enable_seqscan = off");
        const [newest] = await each(`SELECT max(run) AS run FROM ${documents}`);
        const top = Math.min(range.below - 1, Number(newest?.run ?? 0));
        const last = Math.floor(top / BLOCK);
        const blocks = Array.from({ length: FIRST_BLOCKS }, (_, nth) => blockNumber(last - nth));
        const first = await findIn(each, needles, range, most, blocks);
        if (first.lookedTo !== undefined || (last - FIRST_BLOCKS + 1) * BLOCK <= range.from) return first;
        return findIn(each, needles, range, most, []);
      }),
  };
}

/** The trigrams of a text, each as a number; that two are one number is rare, and costs a look into a document. */
function gramsOf(text: string): Set<number> {
  const grams = new Set<number>();
  for (let at = 0; at + 2 < text.length; at++) {
    const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
    grams.add((Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35)) | 0);
  }
  return grams;
}

const blockNumber = (block: number) => -1 - block;

function asRows(made: ReadonlyMap<number, string>): string {
  const rows = [...made].map(([run, document]) => ({
    ...{ run, document },
    grams: [...gramsOf(document), blockNumber(Math.floor(run / BLOCK))],
  }));
  return JSON.stringify(rows);
}
