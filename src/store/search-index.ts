import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import type { Count } from "../model/history.ts";
import { StoreUnavailable } from "../model/store.ts";
import type { Asked } from "./reads.ts";
import { documentsFrom, numbersOf, sourceQueries } from "./search-sources.ts";

/** Which runs are looked at: numbers of runs, in the order of their acceptance. */
export type Range = {
  /** Below this one. */
  readonly below: number;
  /** At or above this one. */
  readonly from: number;
};

/** What a database finds texts with. */
export type SearchEngine = {
  /**
   * Makes the documents of up to so many runs that have changed, the newest first, in one transaction; of more than one, also
   * drops those of as many runs that were forgotten. Behind the newest alone these would never come, while events do.
   * @param which `settled` leaves those out that are running: they will change once more.
   * @param trying is called with the newest of them before anything is made.
   * @returns how many there were. `busy`: another process does it.
   */
  index(most: number, which: "all" | "settled", trying: (run: number) => void): Promise<number | "busy">;
  /** Leaves a run out as it is now: its document cannot be kept. */
  skip(run: number): Promise<void>;
  /** How many runs have changed since they were last indexed; counted up to so many. */
  waiting(most: number): Promise<number>;
  /**
   * The newest runs in whose documents all of these texts stand, newest first. Each text has at least
   * `SHORTEST_NEEDLE` characters.
   * @returns `lookedTo`: there may be others below this one.
   */
  find(needles: readonly string[], range: Range, most: number): Promise<Page>;
};

type Page = { readonly found: readonly number[]; readonly lookedTo: number | undefined };

/** Both databases find parts of texts by three characters. */
const SHORTEST_NEEDLE = 3;

const isLong = (needle: string) => needle.length >= SHORTEST_NEEDLE && [...needle].length >= SHORTEST_NEEDLE;

/** So much of a text that says the same again and again is looked for in the index. */
const PIECE_CHARACTERS = 8;

/**
 * What an index is asked for. Each three characters of a text are compared with all places in a document that have them: a
 * line of dashes, in a log of such lines, would take milliseconds a run, and on SQLite nothing else happens meanwhile.
 */
function pieceOf(needle: string): string {
  const all = needle.length - SHORTEST_NEEDLE + 1;
  const different = new Set(Array.from({ length: all }, (_, at) => needle.slice(at, at + SHORTEST_NEEDLE)));
  const isRepetitive = needle.length > 2 * PIECE_CHARACTERS && different.size < all / 2;
  return isRepetitive ? [...needle].slice(0, PIECE_CHARACTERS).join("") : needle;
}

/** So many changes are indexed before a search: what happened a moment ago is then found. */
const BEFORE_SEARCH = 500;
const AT_ONCE = 50;
/** A search does not index for longer, ms. */
const PATIENCE_MS = 60;
/** So long it waits for its turn: another process, or this one behind the events, may be at a batch, ms. */
const TURN_MS = 1000;
const BUSY_MS = 10;

const MAX_COUNTED = 10_000;

/** So many runs are looked through for a text that no index finds, at once. */
const LOOKED_THROUGH = 400;
const READ_AT_ONCE = 25;

export type SearchIndex = ReturnType<typeof searchIndex>;

/**
 * Finds runs by texts of any length.
 * @param warn gets a sentence about each run that is left out.
 */
export function searchIndex({ dialect, read }: Asked, engine: SearchEngine, warn: (warning: string) => void) {
  const queries = sourceQueries(dialect);

  async function documents(runs: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const numbers = [numbersOf(runs)];
    return documentsFrom(await Promise.all(queries.map((query) => read(query, numbers))));
  }

  /** Those of these runs that have all of the texts, until there are enough or it takes too long. */
  async function lookThrough(needles: readonly string[], { found: candidates, lookedTo }: Page, most: number) {
    const began = performance.now();
    const found: number[] = [];
    for (let at = 0; at < candidates.length; at += READ_AT_ONCE) {
      const runs = candidates.slice(at, at + READ_AT_ONCE);
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

  /** A run whose document cannot be kept is left out, and holds up no other. */
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
      warn(`The search does not know run ${run?.id ?? newest} as it is now: ${(error as Error).message}`);
      await engine.skip(newest);
      return 1;
    }
  }

  return {
    index: (most: number) => index(most, "settled"),
    /**
     * Indexes what has changed of late. When that cannot be written, what was indexed before is found.
     * @returns how many runs are left.
     */
    async catchUp(): Promise<Count | undefined> {
      const began = performance.now();
      const isIn = (milliseconds: number) => performance.now() - began < milliseconds;
      // The first batch has the newest: after it, what happened a moment ago is found.
      for (let done = 0; done < BEFORE_SEARCH && isIn(done === 0 ? TURN_MS : PATIENCE_MS); ) {
        const indexed = await index(AT_ONCE, "all").catch(() => 0);
        if (indexed === 0) break;
        if (indexed === "busy") await wait(BUSY_MS);
        else done += AT_ONCE;
      }
      const left = await engine.waiting(MAX_COUNTED + 1);
      return left === 0 ? undefined : { count: Math.min(left, MAX_COUNTED), more: left > MAX_COUNTED };
    },
    /** As `SearchEngine.find`, for texts of any length. */
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
