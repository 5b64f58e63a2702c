import type { Clock } from "../../model/clock.ts";
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
/**
 * A search looks into so many blocks of the newest runs first, each by itself: that takes as long however many runs there are. An index has no
 * order, and all who have a common word are many.
 */
const FIRST_BLOCKS = 3;
/** Then into all at once, for so long, ms: 50 ms of 400,000 runs for two words that many have and none has both (measured). */
const ALL_MS = 1500;
/** What takes longer is looked for in so many blocks at once, for so long, ms. */
const NEXT_BLOCKS = 12;
const PATIENCE_MS = 1000;

/**
 * The search of PostgreSQL: documents with their trigrams as numbers, which a GIN index finds. No extension is needed. One
 * process at a time makes documents, so that none is replaced by an older one.
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

  /** What is taken off the queue was committed before the runs are read. A run that is running may be in it hundreds of times. */
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
    for (let at = 0; at < runs.length; at += READ_AT_ONCE) {
      const some = runs.slice(at, at + READ_AT_ONCE);
      const numbers = [numbersOf(some)];
      const made = documentsFrom(await Promise.all(queries.map((query) => each(query, numbers))));
      const gone = some.filter((run) => !made.has(run));
      if (gone.length > 0) void each(`DELETE FROM ${documents} WHERE run = ANY ($1::bigint[])`, [gone]);
      if (made.size > 0) await each(keep, [asRows(made)]);
    }
    return queued.length;
  }

  const IS_SETTLED = `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.runs WHERE seq = search_queue.run AND status = 'running')`;

  /** @param blocks those that are looked into; undefined: all. */
  async function findIn(each: Sql, needles: readonly string[], range: Range, most: number, blocks?: readonly number[]) {
    // Documents are outside of their rows: to look into all of them takes a hundred times as long as it seems.
    void each("SET LOCAL enable_seqscan = off");
    const grams = [...new Set(needles.flatMap((needle) => [...gramsOf(needle)]))];
    const isThere = needles.map((_, nth) => `position($${nth + (blocks ? 6 : 5)} in document) > 0`).join(" AND ");
    const hits = blocks
      ? `SELECT run FROM unnest($5::integer[]) AS block,
          LATERAL (SELECT run FROM ${documents} WHERE grams @> ($1::integer[] || block)) AS those`
      : `SELECT run FROM ${documents} WHERE grams @> $1::integer[]`;
    // Row by row, in the order of `newest`: the rest is not looked into once there are enough.
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
    /** @returns where there may be others, once there are enough or all were looked into. */
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

/** Takes what `asRows` makes of documents. */
export function keepDocuments(schema: string): string {
  return `INSERT INTO ${schema}.search_documents (run, document, grams)
    SELECT run, document, grams FROM json_to_recordset($1) AS made (run bigint, document text, grams integer[])
    ON CONFLICT (run) DO UPDATE SET document = excluded.document, grams = excluded.grams`;
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

export function asRows(made: ReadonlyMap<number, string>): string {
  const rows = [...made].map(([run, document]) => ({
    ...{ run, document },
    grams: [...gramsOf(document), blockNumber(Math.floor(run / BLOCK))],
  }));
  return JSON.stringify(rows);
}
