import type { ActionsRunLists, ListedActionsRun } from "../model/actions-runs.ts";
import type { Failure } from "../model/failure.ts";
import type { WatchedKey } from "../model/store.ts";
import { workflowRunKeys } from "../model/waits.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** After a change, lists more often in the first minute. A change costs one more request than no change. */
const AFTER_CHANGE_MS = [15_000, 45_000];
const USUAL_MS = MINUTE_MS;
const QUIET_AFTER_MS = 30 * MINUTE_MS;
const QUIET_MS = 2 * MINUTE_MS;
/** If listing is not permitted, and the most after repeated faults. */
const UNREADABLE_MS = 5 * MINUTE_MS;
const MOST_FAULTS_MS = 15 * MINUTE_MS;

/** The Actions run may have begun before the run that waits for it. */
const BEFORE_MS = HOUR_MS;
/** GitHub lists only the newest 1,000. A longer time would push the wanted run out of the list. */
const OLDEST_MS = 24 * HOUR_MS;

/** GitHub's limits for a page and for a list. */
const PAGE = 100;
const MAX_PAGES = 10;

/** Wakes a run again if it still waits, because GitHub may have shown it an old state. */
const AGAIN_MS = 5 * MINUTE_MS;

export type Repository = ReturnType<typeof seenRepository>;

/** The state of a repository whose Actions runs are awaited. All times are by the monotonic clock, ms. */
export function seenRepository(name: string) {
  let waiting: readonly WatchedKey[] = [];
  /** The awaited ids, and the keys of runs that do not know the id yet. */
  let ids = new Set<string>();
  let words = new Set<string>();
  let changedAt = Number.NEGATIVE_INFINITY;
  let listsSince = 0;
  let last: List | undefined;
  let trouble: { readonly kind: Failure["kind"]; readonly times: number } | undefined;
  const totals = new Map<List, string>();
  /** What the runs of a key were woken for, and when. */
  const woken = new Map<string, { readonly by: string; readonly at: number }>();

  /** The keys of all runs that wait for a listed run. */
  const wanted = (run: ListedActionsRun) =>
    workflowRunKeys(name, run.id, run.title).filter(
      (key) => words.has(key) || (ids.has(key) && run.status === "completed"),
    );

  function changed(now: number): void {
    changedAt = now;
    listsSince = 0;
  }

  function wake(run: ListedActionsRun, now: number): readonly string[] {
    const by = `${run.id} ${run.attempt} ${run.status === "completed"}`;
    return wanted(run).filter((key) => {
      const before = woken.get(key);
      if (before?.by === by && now - before.at < AGAIN_MS) return false;
      if (before?.by !== by) changed(now);
      woken.set(key, { by, at: now });
      return true;
    });
  }

  /** Alternates: first the list for runs that search by name, then the list for runs that wait for an end. */
  function nextList(): List {
    const unfound = [...words].some((key) => !woken.has(key));
    return unfound && (ids.size === 0 || last !== "listNewest") ? "listNewest" : "listCompleted";
  }

  return {
    name,
    dueAt: Number.POSITIVE_INFINITY,
    listedAt: Number.NEGATIVE_INFINITY,
    /** Whether this process lists it; undefined before the first try. */
    isMine: undefined as boolean | undefined,

    /** Updates what is awaited. Returns whether something is new. */
    wait(keys: readonly WatchedKey[], now: number): boolean {
      const known = new Set(waiting.map(({ key, run }) => `${key} ${run}`));
      const isNew = keys.some(({ key, run }) => !known.has(`${key} ${run}`));
      waiting = keys;
      const perRun = [...Map.groupBy(keys, ({ run }) => run).values()].map((all) => all.map(({ key }) => key));
      ids = new Set(perRun.flatMap((all) => all.filter(isId)));
      words = new Set(perRun.flatMap((all) => (all.some(isId) ? [] : all.filter((key) => !isAny(key)))));
      for (const key of woken.keys()) if (!ids.has(key) && !words.has(key)) woken.delete(key);
      if (isNew && ids.size + words.size > 0) changed(now);
      return isNew && ids.size + words.size > 0;
    },

    /** The time from one list to the next. */
    interval(now: number): number {
      if (trouble?.kind === "permanent") return UNREADABLE_MS;
      if (trouble) return Math.min(USUAL_MS * 2 ** trouble.times, MOST_FAULTS_MS);
      if (now - changedAt > QUIET_AFTER_MS) return QUIET_MS;
      return AFTER_CHANGE_MS[listsSince] ?? USUAL_MS;
    },

    /**
     * Sends one request, plus one per further page if the list grew or shrank.
     * @returns the keys whose runs must check.
     */
    async list(
      lists: ActionsRunLists,
      { now, monotonic }: { readonly now: number; readonly monotonic: number },
    ): Promise<readonly string[]> {
      this.listedAt = monotonic;
      if (ids.size + words.size === 0) return [];
      listsSince++;
      const which = nextList();
      last = which;
      // Keeps the same URL for an hour, so that GitHub can answer 304.
      const dayAgo = Math.floor((now - OLDEST_MS) / HOUR_MS) * HOUR_MS;
      const from = Math.min(...waiting.map(({ since }) => since)) - BEFORE_MS;
      const since = new Date(Math.max(from, dayAgo)).toISOString();
      const keys: string[] = [];
      for (let page = 1; page <= MAX_PAGES; page++) {
        const { total, runs } = await lists[which](name, { since, page });
        for (const run of runs) keys.push(...wake(run, monotonic));
        const before = totals.get(which);
        if (page === 1) totals.set(which, `${since} ${total}`);
        if (runs.length < PAGE || (page === 1 && before === totals.get(which)) || isThrough(which, runs)) break;
      }
      return keys;
    },

    /** Notes the result of a list. Returns the kind of the previous failure. */
    failed(failure: Failure | undefined, now: number): Failure["kind"] | undefined {
      const before = trouble?.kind;
      if (before !== undefined && failure === undefined) changed(now);
      trouble = failure && { kind: failure.kind, times: before === failure.kind ? (trouble?.times ?? 0) + 1 : 0 };
      return before;
    },

    allKeys: (): readonly string[] => [...ids, ...words],
  };

  /** Whether no further page can contain an awaited run. */
  function isThrough(which: List, runs: readonly ListedActionsRun[]): boolean {
    if (which === "listNewest") return [...words].every((key) => woken.has(key));
    // Ids increase over time.
    const oldest = Math.min(...runs.map(({ id }) => id));
    return words.size === 0 && [...ids].every((key) => woken.has(key) || Number(wordOf(key)) > oldest);
  }
}

type List = keyof ActionsRunLists;

const wordOf = (key: string) => key.split(" ")[2] ?? "";
const isId = (key: string) => /^\d+$/.test(wordOf(key));
const isAny = (key: string) => wordOf(key) === "*";
