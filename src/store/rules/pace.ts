import type { NewRun } from "../../model/new-run.ts";
import { clean, type RunRow, slotOf } from "../rows.ts";

/**
 * What a store decides of workflows whose runs begin at a certain rate (`throttle`, `debounce`), once for both databases;
 * see runs.ts. A time to begin is reserved for each run as it is accepted: it is due then. `claimDue` in queries.ts has
 * the last word, since a run may begin later than it was to.
 */

/** The runs that share a rate: those of a group, without groups those of the workflow. Null: the run has none. */
export function paceOf({ workflow, order, ownToken, ...event }: NewRun): string | null {
  const isPaced = order?.throttle !== undefined || order?.debounceMs !== undefined;
  return isPaced && !ownToken ? (slotOf({ ...event, workflow, ownToken }) ?? clean(workflow)) : null;
}

/** What bears on the time at which a run may begin: the latest of the runs that share its rate. */
export type Paced = readonly {
  readonly id: string;
  /** When it began, or is to; by the store's clock. */
  readonly at: number;
  /** It has not begun. */
  readonly isQueued: boolean;
}[];

type PaceColumns = Pick<RunRow, "pace" | "throttle_limit" | "throttle_ms">;

const UNPACED: PaceColumns = { pace: null, throttle_limit: null, throttle_ms: null };

/**
 * When an event may begin as a run, and whether that is at once.
 * @param latest more than the limit, newest first, also the run that this one may replace.
 */
export function paced(
  event: NewRun,
  { now, latest: all = [], replaced }: { now: number; latest: Paced | undefined; replaced: string | undefined },
): {
  readonly columns: PaceColumns;
  readonly dueAt: number;
  readonly mayBegin: boolean;
  readonly reason: string | null;
} {
  const pace = paceOf(event);
  if (pace === null) return { columns: UNPACED, dueAt: now, mayBegin: true, reason: null };
  const { throttle, debounceMs = 0 } = event.order ?? {};
  const latest = withoutReplaced(all, replaced);
  const last = throttle && latest[throttle.limit - 1];
  const quietAt = now + debounceMs;
  const dueAt = Math.max(quietAt, last ? last.at + throttle.perMs : now);
  return {
    columns: { pace, throttle_limit: throttle?.limit ?? null, throttle_ms: throttle?.perMs ?? null },
    dueAt,
    mayBegin: dueAt <= now && !latest.some(({ isQueued }) => isQueued),
    reason: throttle && dueAt > quietAt ? throttled(throttle) : debounceMs > 0 ? debounced(debounceMs) : null,
  };
}

/** One that is replaced before it has begun counts no more. One that has begun, and waits for another attempt, has used the rate. */
export function withoutReplaced(latest: Paced, replaced: string | undefined): Paced {
  return latest.filter(({ id, isQueued }) => id !== replaced || !isQueued);
}

const throttled = ({ limit, perMs }: { readonly limit: number; readonly perMs: number }) =>
  `Held back by \`throttle\`: up to ${limit} of these runs ${limit === 1 ? "begins" : "begin"} within ${perMs / 1000} s.`;

const debounced = (ms: number) =>
  `Held back by \`debounce\`: it begins when no newer event has come for ${ms / 1000} s.`;

/** A run that has not begun, of those that share a rate. */
export type Pending = Pick<RunRow, "seq" | "due_at">;

/**
 * A run has begun, perhaps later than it was to: those behind it are due later then.
 * @param begun when the latest ones began, newest first. @param pending in the order in which they are due.
 * @returns those that are due at another time.
 */
export function spacedOut(
  { throttle_limit, throttle_ms }: Pick<RunRow, "throttle_limit" | "throttle_ms">,
  begun: readonly number[],
  pending: readonly Pending[],
): readonly Pending[] {
  const limit = throttle_limit ?? Number.POSITIVE_INFINITY;
  const times = begun.toReversed();
  return pending.flatMap((run) => {
    const before = times.length >= limit ? (times.at(-limit) ?? 0) + (throttle_ms ?? 0) : 0;
    const due_at = Math.max(run.due_at ?? 0, before);
    // One that is late begins after those that have begun.
    times.push(Math.max(due_at, times.at(-1) ?? 0));
    return due_at === run.due_at ? [] : [{ seq: run.seq, due_at }];
  });
}
