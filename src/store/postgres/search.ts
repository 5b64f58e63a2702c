import type { Clock } from "../../model/clock.ts";
import type { Asked } from "../reads.ts";
import type { Range, SearchEngine } from "../search-index.ts";
import { documentsFrom, isForgotten, numbersOf, sourceQueries } from "../search-sources.ts";
import type { Database, Sql } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";

/** How many of the newest runs with all parts of a text are checked for the whole text. */
const LOOKED_INTO = 2000;

const DOCUMENTS_PER_WRITE = 25;

/** How many consecutive runs share a block number among their trigrams. */
const BLOCK = 4096;
/**
 * How many blocks of the newest runs a search checks first, one by one. That takes the same time for any number of
 * runs. An index has no order, and many runs have a common word.
 */
const FIRST_BLOCKS = 3;
/**
 * Then all blocks together, with this time limit, ms: 50 ms for 400,000 runs with two common words that never appear
 * together (measured).
 */
const ALL_MS = 1500;
/** If that takes longer, this many blocks at a time, with this time limit, ms. */
const NEXT_BLOCKS = 12;
const PATIENCE_MS = 1000;

/**
 * The search in PostgreSQL: documents with their trigrams as numbers, in a GIN index. It needs no extension. One
 * process at a time writes documents, so that no document is replaced by an older one.
 */
export function postgresSearch(
  { transaction, readFor, sql }: Pick<Database, "sql" | "transaction" | "readFor">,
  { schema }: Names,
  { dialect }: Asked,
  monotonic: Clock["monotonic"] = () => performance.now(),
): SearchEngine {
  const queries = sourceQueries(dialect);
  const documents = `${schema}.search_documents`;
  const keep = keepDocuments(schema);

  /**
   * Changes that leave the queue were committed before the runs are read. A running run may be in the queue hundreds of
   * times.
   */
  async function indexSome(
    each: Sql,
    most: number,
    which: "all" | "settled",
    trying: (run: number) => void,
  ): Promise<number> {
    void each("SET LOCAL synchronous_commit = off");
    const queued = await each(
      `DELETE FROM ${schema}.search_queue WHERE run = ANY (ARRAY(
         (SELECT DISTINCT run FROM ${schema}.search_queue ${which === "settled" ? IS_SETTLED : ""} ORDER BY run DESC LIMIT $1)
         UNION (SELECT run FROM ${schema}.search_queue WHERE ${isForgotten(schema)} LIMIT $2))) RETURNING run`,
      [most, most > 1 ? most : 0],
    );
    const runs = [...new Set(queued.map(({ run }) => run as number))];
    if (runs.length > 0) trying(Math.max(...runs));
    for (let at = 0; at < runs.length; at += DOCUMENTS_PER_WRITE) {
      const some = runs.slice(at, at + DOCUMENTS_PER_WRITE);
      const numbers = [numbersOf(some)];
      const made = documentsFrom(await Promise.all(queries.map((query) => each(query, numbers))));
      const gone = some.filter((run) => !made.has(run));
      if (gone.length > 0) void each(`DELETE FROM ${documents} WHERE run = ANY ($1::bigint[])`, [gone]);
      if (made.size > 0) await each(keep, [asRows(made)]);
    }
    return queued.length;
  }

  const IS_SETTLED = `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.runs WHERE seq = search_queue.run AND status = 'running')`;

  /** @param blocks the blocks to check; undefined: all. */
  async function findIn(each: Sql, needles: readonly string[], range: Range, most: number, blocks?: readonly number[]) {
    // Documents are stored outside their rows, so checking all of them takes a hundred times what the planner
    // expects.
    void each("SET LOCAL enable_seqscan = off");
    const grams = [...new Set(needles.flatMap((needle) => [...gramsOf(needle)]))];
    const isThere = needles.map((_, nth) => `position($${nth + (blocks ? 6 : 5)} in document) > 0`).join(" AND ");
    const hits = blocks
      ? `SELECT run FROM unnest($5::integer[]) AS block,
          LATERAL (SELECT run FROM ${documents} WHERE grams @> ($1::integer[] || block)) AS those`
      : `SELECT run FROM ${documents} WHERE grams @> $1::integer[]`;
    // Row by row, in the order of `newest`, so that the check stops when there are enough.
    const [row] = await each(
      `WITH hits AS MATERIALIZED (${hits}),
         newest AS MATERIALIZED (SELECT run FROM hits WHERE run < $2 AND run >= $3 ORDER BY run DESC LIMIT ${LOOKED_INTO})
       SELECT (SELECT count(*) FROM newest) AS looked, (SELECT min(run) FROM newest) AS last,
         (SELECT json_agg(run) FROM (SELECT run FROM newest
           WHERE (SELECT ${isThere} FROM ${documents} AS each WHERE each.run = newest.run) LIMIT $4) AS there) AS found`,
      [grams, range.below, range.from, most, ...(blocks ? [blocks] : []), ...needles],
    );
    const found = (row?.found ?? []) as unknown as readonly number[];
    if (found.length === most) return { found, lookedTo: found.at(-1) };
    return { found, lookedTo: Number(row?.looked) === LOOKED_INTO ? (row?.last as number) : undefined };
  }

  async function find(needles: readonly string[], range: Range, most: number) {
    const [kept] = await sql(`SELECT min(run) AS oldest, max(run) AS newest FROM ${documents}`);
    const from = Math.max(range.from, Number(kept?.oldest ?? 0));
    let block = Math.floor(Math.min(range.below - 1, Number(kept?.newest ?? 0)) / BLOCK);
    const found: number[] = [];
    /** @returns where there may be more runs, once there are enough or all blocks were checked. */
    const step = async (size: number): Promise<{ readonly lookedTo: number | undefined } | undefined> => {
      const blocks = Array.from({ length: size }, (_, nth) => blockNumber(block - nth));
      const some = await transaction((each) => findIn(each, needles, range, most - found.length, blocks));
      found.push(...some.found);
      block -= size;
      return some.lookedTo !== undefined || (block + 1) * BLOCK <= from ? some : undefined;
    };
    let end = await step(FIRST_BLOCKS);
    if (end) return { found, lookedTo: end.lookedTo };
    const all = await readFor(ALL_MS, (each) => findIn(each, needles, range, most));
    if (all) return all;
    for (const began = monotonic(); !end && monotonic() - began < PATIENCE_MS; ) end = await step(NEXT_BLOCKS);
    return { found, lookedTo: end ? end.lookedTo : (block + 1) * BLOCK };
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
        `SELECT count(*) AS runs FROM (SELECT DISTINCT run FROM ${schema}.search_queue ORDER BY run LIMIT $1) AS queued`,
        [most],
      );
      return Number(row?.runs);
    },
    find,
  };
}

/** Takes the result of `asRows`. */
export function keepDocuments(schema: string): string {
  return `INSERT INTO ${schema}.search_documents (run, document, grams)
    SELECT run, document, grams FROM json_to_recordset($1) AS made (run bigint, document text, grams integer[])
    ON CONFLICT (run) DO UPDATE SET document = excluded.document, grams = excluded.grams`;
}

/** The trigrams of a text, as numbers. Two rarely share a number, which only costs a check of a document. */
function gramsOf(text: string): Set<number> {
  const grams = new Set<number>();
  for (let at = 0; at + 2 < text.length; at++) {
    const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
    grams.add((Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35)) | 0);
  }
  return grams;
}

const blockNumber = (block: number) => -1 - block;

export function asRows(made: ReadonlyMap<number, string>): string {
  const rows = [...made].map(([run, document]) => ({
    ...{ run, document },
    grams: [...gramsOf(document), blockNumber(Math.floor(run / BLOCK))],
  }));
  return JSON.stringify(rows);
}
