import type { Attempt, BegunWait, Suspension, WaitKind } from "../../model/run.ts";
import { FREE, type RunRow } from "../rows.ts";

/** The rules for waiting runs, once for both databases; see runs.ts. */

/** A current wait: a row of `steps` without an end. */
export type WaitRow = {
  readonly name: string;
  readonly attempt: number;
  readonly kind: WaitKind;
  readonly started_at: number;
  /** The latest end, by the store's clock. */
  readonly until: number;
  /** 1: a time of the wall clock, which stays the same when the clock is set. */
  readonly until_date: number;
};

/** What a store knows about a run whose attempt ended to wait. */
export type Waited = {
  /** By the store's clock. */
  readonly now: number;
  /** Its current waits. */
  readonly known: readonly WaitRow[];
  /** The names of its answered callbacks. */
  readonly answered: readonly string[];
  /** The two attempts before the one that ends now, newest first. */
  readonly latest: readonly EndedAttempt[];
};

type EndedAttempt = Pick<Attempt, "number" | "outcome"> & {
  readonly reason: string | null;
  readonly code: string | null;
  /** Whether steps or waits began in it. */
  readonly has_steps: boolean | number;
};

/**
 * An attempt has ended, and its run waits until the first of its waits may be over. It is due immediately if the
 * expected event arrived during the attempt. The time for retries starts again.
 */
export function suspended(
  run: RunRow,
  attempt: Pick<Attempt, "endedAt" | "reason" | "code">,
  { waits, reason, wakeKeys, againInMs = Number.POSITIVE_INFINITY }: Suspension,
  { now, known, answered, latest }: Waited,
): { readonly run: RunRow; readonly waits: readonly WaitRow[]; readonly replaces: number | undefined } {
  const rows = waits.map((wait) => known.find((row) => isSame(row, wait)) ?? begun(wait, now));
  const times = rows.map((row, at) => {
    const { againInMs: interval = Number.POSITIVE_INFINITY } = waits[at] ?? {};
    const isFirst = interval < Number.POSITIVE_INFINITY && wakeKeys.length > 0 && !known.includes(row);
    return Math.min(row.until, now + (isFirst ? Math.min(interval, SECOND_LOOK_MS) : interval));
  });
  const isDue = run.woken === 1 || waits.some(({ kind, name }) => kind === "callback" && answered.includes(name));
  return {
    run: {
      ...run,
      ...FREE,
      ...{ status: "waiting", woken: 0 },
      ...{ outputs: null, dedupe_key: null, http: null, kind: null, reason },
      due_at: isDue ? now : Math.min(...times, now + againInMs),
      ...{ failures: 0, retries_from: Math.min(attempt.endedAt, now) },
    },
    waits: rows,
    replaces: replaced(attempt, latest),
  };
}

/**
 * When a run that waits for an event looks for the second time, ms after the first. The event may have arrived during
 * the first look, before it could wake the run.
 */
const SECOND_LOOK_MS = 5000;

/** Longer than any key of an event at GitHub. */
const LONGEST_KEY = 500;

/** The keys of events that wake a run, without keys that no event can have. */
export function wakingKeys({ wakeKeys }: Suspension): readonly string[] {
  return [...new Set(wakeKeys)].filter(({ length }) => length <= LONGEST_KEY);
}

const isSame = (row: WaitRow, wait: BegunWait) =>
  row.name === wait.name && row.attempt === wait.attempt && row.kind === wait.kind;

function begun({ name, attempt, kind, startedAt, until }: BegunWait, now: number): WaitRow {
  const end =
    "at" in until ? { until: until.at, until_date: 1 } : { until: Math.ceil(now + until.inMs), until_date: 0 };
  return { name, attempt, kind, started_at: startedAt, ...end };
}

/**
 * The number of the earlier attempt that this one replaces in the history. Of many attempts that only repeat the same
 * look, the first and the latest are kept.
 */
function replaced(
  { reason, code }: Pick<Attempt, "reason" | "code">,
  [last, before]: readonly EndedAttempt[],
): number | undefined {
  const isSame = (other: EndedAttempt | undefined) =>
    other?.outcome === "waiting" && (other.reason ?? undefined) === reason && (other.code ?? undefined) === code;
  return last && isSame(last) && isSame(before) && !last.has_steps ? last.number : undefined;
}
