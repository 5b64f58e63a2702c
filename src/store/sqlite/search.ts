import { setTimeout as wait } from "node:timers/promises";
import type { Asked } from "../reads.ts";
import type { Row } from "../rows.ts";
import type { SearchEngine } from "../search-index.ts";
import { documentsFrom, isForgotten, numbersOf, sourceQueries } from "../search-sources.ts";
import type { Write } from "./batch.ts";
import type { ReadingThread } from "./search-thread.ts";
import type { Sql } from "./statements.ts";

/** Events wait while documents are written. These are the limits for one batch: bytes of inputs, and runs. */
const BYTES_PER_BATCH = 100_000;
const RUNS_PER_BATCH = 25;

/**
 * With this many runs, a search takes 2 ms (measured: 173 ms for 1,800,000, with two common words that never appear
 * together). With more runs, a thread searches. The search cannot be split: each part would start from the first run
 * with all texts.
 */
const RUNS_IN_LOOP = 20_000;

/** How long a search waits for the thread, ms. */
const PATIENCE_MS = 2000;
/** How long a late answer is kept for the same search, ms. */
const KEPT_MS = 10_000;

type Thread = Pick<ReadingThread, "ask" | "drop">;
/** `waiting`: the number of searches that wait for the answer. */
type Asking = { readonly rows: Promise<readonly Row[]>; waiting: number };

/**
 * The search in SQLite. FTS5 stores where each three characters appear in a document, but not the document. The
 * positions make a match exact.
 * @param thread undefined: the database is in memory.
 * @see https://www.sqlite.org/fts5.html#the_trigram_tokenizer
 */
export function sqliteSearch(
  sql: Pick<Sql, "all" | "change">,
  { dialect, read }: Asked,
  {
    write,
    thread,
    patience = () => wait(PATIENCE_MS, undefined, { ref: false }),
  }: {
    readonly write: Write;
    readonly thread: Thread | undefined;
    readonly patience?: () => Promise<unknown>;
  },
): SearchEngine {
  const queries = sourceQueries(dialect);
  /** Questions to the thread whose answer no search has received yet, by their values. */
  const asked = new Map<string, Asking>();

  /**
   * Searches on the event loop if there is no thread, which Node's permission model may forbid, or if the thread fails.
   * @returns undefined if it takes longer.
   */
  async function readFound(isLong: boolean, ...values: readonly (string | number)[]) {
    if (thread === undefined || !isLong) return read(FIND, values);
    const question = JSON.stringify(values);
    const asking = asked.get(question) ?? ask(thread, question, values);
    asking.waiting++;
    const tooLate = patience().then(() => undefined);
    const answer = await Promise.race([asking.rows.catch(() => "failed" as const), tooLate]);
    asking.waiting--;
    // Pages with a search ask again for each new run. Questions that have not started would pile up.
    const isDropped = answer === undefined && asking.waiting === 0 && thread.drop(asking.rows);
    if ((answer !== undefined || isDropped) && asked.get(question) === asking) asked.delete(question);
    return answer === "failed" ? read(FIND, values) : answer;
  }

  function ask(thread: Thread, question: string, values: readonly (string | number)[]): Asking {
    const rows = thread.ask(FIND.replaceAll("$", "?"), ...values) as Promise<readonly Row[]>;
    const asking = { rows, waiting: 0 };
    asked.set(question, asking);
    const kept = () => wait(KEPT_MS, undefined, { ref: false });
    const forget = () => asked.get(question) === asking && asked.delete(question);
    void rows.then(kept, kept).then(forget);
    return asking;
  }

  /**
   * In one transaction with the other writes, so that nothing changes between reading a run and removing it from the
   * queue.
   */
  function indexSome(most: number, which: "all" | "settled", trying: (run: number) => void): number {
    const forgotten = most > 1 ? sql.all(FORGOTTEN, most) : [];
    for (const { run } of forgotten) leave(run as number);
    const queued = sql.all(QUEUED[which], Math.min(most, RUNS_PER_BATCH));
    let bytes = 0;
    const some = queued.filter(({ bytes: size }, nth) => {
      bytes += Number(size ?? 0);
      return nth === 0 || bytes <= BYTES_PER_BATCH;
    });
    if (some.length === 0) return forgotten.length;
    const runs = some.map(({ run }) => run as number).toReversed();
    trying(runs.at(-1) as number);
    const documents = documentsFrom(queries.map((query) => sql.all(query, numbersOf(runs))));
    for (const run of runs) {
      const document = documents.get(run);
      if (document === undefined) leave(run);
      else {
        sql.change(KEEP_DOCUMENT, run, document);
        sql.change(DONE, run);
      }
    }
    return forgotten.length + runs.length;
  }

  function leave(run: number): void {
    sql.change("DELETE FROM search WHERE rowid = ?", run);
    sql.change(DONE, run);
  }

  return {
    async index(most, which, trying) {
      let done = 0;
      while (done < most) {
        const indexed = await write(() => indexSome(most - done, which, trying), { flush: false });
        if (indexed === 0) break;
        done += indexed;
      }
      return done;
    },
    skip: (run) => write(() => sql.change(DONE, run), { flush: false }),
    async waiting(most) {
      const [row] = await read("SELECT count(*) AS runs FROM (SELECT 1 FROM search_queue LIMIT $1)", [most]);
      return row?.runs as number;
    },
    async find(needles, { below, from }, most) {
      const phrases = needles.map((needle) => `"${needle.replaceAll('"', '""')}"`).join(" AND ");
      const [history] = await read(RUNS);
      const [runs, newest] = [Number(history?.runs ?? 0), Number(history?.newest ?? 0)];
      // Without this limit, the same search with a higher `below` would count as another question.
      const top = Math.min(below, newest + 1);
      const rows = await readFound(runs > RUNS_IN_LOOP, phrases, top, from, most);
      if (rows === undefined) return { found: [], lookedTo: top };
      const found = rows.map(({ rowid }) => rowid as number);
      return { found, lookedTo: found.length === most ? found.at(-1) : undefined };
    },
  };
}

export const KEEP_DOCUMENT = "INSERT OR REPLACE INTO search (rowid, document) VALUES (?, ?)";
const queued = (where: string) =>
  `SELECT run, octet_length(input) AS bytes FROM search_queue LEFT JOIN runs ON runs.seq = search_queue.run ${where}
  ORDER BY run DESC LIMIT $1`;
const QUEUED = { all: queued(""), settled: queued("WHERE runs.status IS NOT 'running'") };
const FORGOTTEN = `SELECT run FROM search_queue WHERE ${isForgotten("main")} LIMIT ?`;
const DONE = "DELETE FROM search_queue WHERE run = ?";
/** An upper bound, since some runs may have been deleted. */
const RUNS =
  "SELECT newest, newest - (SELECT min(seq) FROM runs) + 1 AS runs FROM (SELECT max(seq) AS newest FROM runs)";
const FIND = `SELECT rowid FROM search WHERE search MATCH $1 AND rowid < $2 AND rowid >= $3 ORDER BY rowid DESC LIMIT $4`;
