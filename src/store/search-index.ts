import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import type { Count } from "../model/history.ts";
import { StoreUnavailable } from "../model/store.ts";
import type { Asked } from "./reads.ts";
import { documentsFrom, numbersOf, sourceQueries } from "./search-sources.ts";

/** A range of runs, by their numbers in the order of acceptance. */
export type Range = {
  /** Below this number. */
  readonly below: number;
  /** At or above this number. */
  readonly from: number;
};

/** A database's search for texts. */
export type SearchEngine = {
  /**
   * Writes the documents of up to `most` changed runs, newest first, in one transaction. If `most` is more than one, it
   * also deletes the documents of as many deleted runs: otherwise, a steady stream of new events would keep that from
   * ever happening.
   * @param which `settled` skips running runs, which will change again.
   * @param trying gets the newest of these runs before anything is written.
   * @returns the number of runs. `busy`: another process is indexing.
   */
  index(most: number, which: "all" | "settled", trying: (run: number) => void): Promise<number | "busy">;
  /** Skips the current state of a run, because its document cannot be stored. */
  skip(run: number): Promise<void>;
  /** How many runs have changed since they were indexed, counted up to `most`. */
  waiting(most: number): Promise<number>;
  /**
   * The newest runs whose documents contain all of these texts, newest first. Each text has at least `SHORTEST_NEEDLE`
   * characters.
   * @returns `lookedTo`: there may be more runs below this number.
   */
  find(needles: readonly string[], range: Range, most: number): Promise<Page>;
};

type Page = { readonly found: readonly number[]; readonly lookedTo: number | undefined };

/** Both databases find parts of texts by three characters. */
const SHORTEST_NEEDLE = 3;

const isLong = (needle: string) => needle.length >= SHORTEST_NEEDLE && [...needle].length >= SHORTEST_NEEDLE;

/** How much of a repetitive text is looked up in the index. */
const PIECE_CHARACTERS = 8;

/**
 * The part of a text that is looked up in the index. Each three characters are compared with all their places in a
 * document. For a line of dashes, in a log of such lines, that would take milliseconds per run, and SQLite blocks
 * everything else while it searches.
 */
function pieceOf(needle: string): string {
  const all = needle.length - SHORTEST_NEEDLE + 1;
  const different = new Set(Array.from({ length: all }, (_, at) => needle.slice(at, at + SHORTEST_NEEDLE)));
  const isRepetitive = needle.length > 2 * PIECE_CHARACTERS && different.size < all / 2;
  return isRepetitive ? [...needle].slice(0, PIECE_CHARACTERS).join("") : needle;
}

/** How many changes are indexed before a search, so that it finds recent events. */
const BEFORE_SEARCH = 500;
const CHANGES_PER_BATCH = 50;
/** A search does not index longer than this, ms. */
const PATIENCE_MS = 60;
/** How long a search waits for its turn to index while another process, or this one, is writing a batch, ms. */
const TURN_MS = 1000;
const BUSY_MS = 10;

const MAX_COUNTED = 10_000;

/** How many runs are checked together for a text that no index finds. */
const LOOKED_THROUGH = 400;
const RUNS_PER_READ = 25;

export type SearchIndex = ReturnType<typeof searchIndex>;

/**
 * Finds runs by texts of any length.
 * @param warn gets a sentence about each skipped run.
 */
export function searchIndex({ dialect, read }: Asked, engine: SearchEngine, warn: (warning: string) => void) {
  const queries = sourceQueries(dialect);

  async function documents(runs: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const numbers = [numbersOf(runs)];
    return documentsFrom(await Promise.all(queries.map((query) => read(query, numbers))));
  }

  /** Those of these runs that contain all texts, until there are enough or it takes too long. */
  async function lookThrough(needles: readonly string[], { found: candidates, lookedTo }: Page, most: number) {
    const began = performance.now();
    const found: number[] = [];
    for (let at = 0; at < candidates.length; at += RUNS_PER_READ) {
      const runs = candidates.slice(at, at + RUNS_PER_READ);
      const known = await documents(runs);
      for (const run of runs) {
        if (needles.every((needle) => known.get(run)?.includes(needle))) found.push(run);
        if (found.length === most) return { found, lookedTo: run };
      }
      if (performance.now() - began > PATIENCE_MS) return { found, lookedTo: runs.at(-1) };
      // SQLite reads on the event loop.
      await nextTurn();
    }
    return { found, lookedTo };
  }

  /** A run whose document cannot be stored is skipped, so that it does not delay the others. */
  async function index(most: number, which: "all" | "settled"): Promise<number | "busy"> {
    let newest: number | undefined;
    try {
      return await engine.index(most, which, (run) => {
        newest = run;
      });
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      if (most > 1) return index(1, which);
      if (newest === undefined) throw error;
      const [run] = await read(`SELECT id FROM ${dialect.schema}.runs WHERE seq = $1`, [newest]);
      warn(`The search could not index the current state of run ${run?.id ?? newest}: ${(error as Error).message}`);
      await engine.skip(newest);
      return 1;
    }
  }

  return {
    index: (most: number) => index(most, "settled"),
    /**
     * Indexes recent changes. If that cannot be written, the search still finds what was indexed before.
     * @returns how many runs are not indexed yet.
     */
    async catchUp(): Promise<Count | undefined> {
      const began = performance.now();
      const isIn = (milliseconds: number) => performance.now() - began < milliseconds;
      // The first batch has the newest changes, so that recent events are found.
      for (let done = 0; done < BEFORE_SEARCH && isIn(done === 0 ? TURN_MS : PATIENCE_MS); ) {
        const indexed = await index(CHANGES_PER_BATCH, "all").catch(() => 0);
        if (indexed === 0) break;
        if (indexed === "busy") await wait(BUSY_MS);
        else done += CHANGES_PER_BATCH;
      }
      const left = await engine.waiting(MAX_COUNTED + 1);
      return left === 0 ? undefined : { count: Math.min(left, MAX_COUNTED), more: left > MAX_COUNTED };
    },
    /** Like `SearchEngine.find`, for texts of any length. */
    async find(needles: readonly string[], range: Range, most: number): Promise<Page> {
      const long = needles.filter(isLong).map(pieceOf);
      const unfound = needles.filter((needle) => needle !== "" && !long.includes(needle));
      if (unfound.length === 0 && long.length > 0) return engine.find(long, range, most);
      return lookThrough(unfound, await candidatesOf(long, range), most);
    },
  };

  async function candidatesOf(long: readonly string[], range: Range): Promise<Page> {
    if (long.length > 0) return engine.find(long, range, LOOKED_THROUGH);
    const rows = await read(
      `SELECT seq FROM ${dialect.schema}.runs WHERE seq < $1 AND seq >= $2 ORDER BY seq DESC LIMIT $3`,
      [range.below, range.from, LOOKED_THROUGH],
    );
    const found = rows.map(({ seq }) => seq as number);
    return { found, lookedTo: found.length === LOOKED_THROUGH ? found.at(-1) : undefined };
  }
}
