import type { ActionsRunLists, ListedActionsRun } from "../model/actions-runs.ts";
import type { Failure } from "../model/failure.ts";
import type { WatchedKey } from "../model/store.ts";
import { workflowRunKeys } from "../model/waits.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** After a change: again in each of the first minutes, so that a change costs one request more than silence. */
const AFTER_CHANGE_MS = [15_000, 45_000];
const USUAL_MS = MINUTE_MS;
const QUIET_AFTER_MS = 30 * MINUTE_MS;
const QUIET_MS = 2 * MINUTE_MS;
/** Where it is not permitted, and after so many faults in a row. */
const UNREADABLE_MS = 5 * MINUTE_MS;
const MOST_FAULTS_MS = 15 * MINUTE_MS;

/** The Actions run may have begun before the run that waits for it. */
const BEFORE_MS = HOUR_MS;
/** GitHub lists the newest 1,000: a longer time would only move what is looked for out of them. */
const OLDEST_MS = 24 * HOUR_MS;

/** GitHub's most for a page, and for a list. */
const PAGE = 100;
const MAX_PAGES = 10;

/** A run that still waits for what it was woken for is woken again: GitHub may have shown it an older state. */
const AGAIN_MS = 5 * MINUTE_MS;

export type Repository = ReturnType<typeof seenRepository>;

/** What a process knows of a repository whose Actions runs are waited for. All times are by the monotonic clock, ms. */
export function seenRepository(name: string) {
  let waiting: readonly WatchedKey[] = [];
  /** The ids that are waited for, and the keys of runs that wait for one whose id is not known yet. */
  let ids = new Set<string>();
  let words = new Set<string>();
  let changedAt = Number.NEGATIVE_INFINITY;
  let listsSince = 0;
  let last: List | undefined;
  let trouble: { readonly kind: Failure["kind"]; readonly times: number } | undefined;
  const totals = new Map<List, string>();
  /** For what the runs of a key were woken, and when. */
  const woken = new Map<string, { readonly by: string; readonly at: number }>();

  /** Everything that a listed run is waited for by. */
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

  /** Those who look for a run by its name first, in turns with those who wait for its end. */
  function nextList(): List {
    const unfound = [...words].some((key) => !woken.has(key));
    return unfound && (ids.size === 0 || last !== "listNewest") ? "listNewest" : "listCompleted";
  }

  return {
    name,
    dueAt: Number.POSITIVE_INFINITY,
    listedAt: Number.NEGATIVE_INFINITY,
    /** Whether this process lists it; undefined until it has tried. */
    isMine: undefined as boolean | undefined,

    /** Takes note of what is waited for now. Returns whether something new is. */
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

    /** How long after a list the next one is due. */
    interval(now: number): number {
      if (trouble?.kind === "permanent") return UNREADABLE_MS;
      if (trouble) return Math.min(USUAL_MS * 2 ** trouble.times, MOST_FAULTS_MS);
      if (now - changedAt > QUIET_AFTER_MS) return QUIET_MS;
      return AFTER_CHANGE_MS[listsSince] ?? USUAL_MS;
    },

    /**
     * One request, and one for each further page of a list that has grown or shrunk since.
     * @returns the keys whose runs are to look.
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
      // The same for long, so that GitHub can answer that nothing has changed.
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

    /** Takes note of how a list went. Returns why it could not be had the last time. */
    failed(failure: Failure | undefined, now: number): Failure["kind"] | undefined {
      const before = trouble?.kind;
      if (before !== undefined && failure === undefined) changed(now);
      trouble = failure && { kind: failure.kind, times: before === failure.kind ? (trouble?.times ?? 0) + 1 : 0 };
      return before;
    },

    allKeys: (): readonly string[] => [...ids, ...words],
  };

  /** Whether nothing that is waited for can be on a further page. */
  function isThrough(which: List, runs: readonly ListedActionsRun[]): boolean {
    if (which === "listNewest") return [...words].every((key) => woken.has(key));
    // Ids grow with time.
    const oldest = Math.min(...runs.map(({ id }) => id));
    return words.size === 0 && [...ids].every((key) => woken.has(key) || Number(wordOf(key)) > oldest);
  }
}

type List = keyof ActionsRunLists;

const wordOf = (key: string) => key.split(" ")[2] ?? "";
const isId = (key: string) => /^\d+$/.test(wordOf(key));
const isAny = (key: string) => wordOf(key) === "*";
