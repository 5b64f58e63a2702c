import type { NewRun } from "../../model/new-run.ts";
import { clean, type RunRow, slotOf } from "../rows.ts";

/**
 * The rules for workflows whose runs start at a limited rate (`throttle`, `debounce`), once for both databases; see
 * runs.ts. Each run gets a start time when it is accepted, and is due then. `claimDue` in queries.ts decides in the
 * end, since a run may start later than planned.
 */

/**
 * The name of the runs that share a rate: those of a group, or of the workflow if it has no groups. Null: the run has
 * no rate.
 */
export function paceOf({ workflow, order, ownToken, ...event }: NewRun): string | null {
  const isPaced = order?.throttle !== undefined || order?.debounceMs !== undefined;
  return isPaced && !ownToken ? (slotOf({ ...event, workflow, ownToken }) ?? clean(workflow)) : null;
}

/** The latest runs that share a rate. They decide when another run may start. */
export type Paced = readonly {
  readonly id: string;
  /** When it started, or will start; by the store's clock. */
  readonly at: number;
  /** Whether it has not started yet. */
  readonly isQueued: boolean;
}[];

type PaceColumns = Pick<RunRow, "pace" | "throttle_limit" | "throttle_ms">;

const UNPACED: PaceColumns = { pace: null, throttle_limit: null, throttle_ms: null };

/**
 * When an event's run may start, and whether that is now.
 * @param latest more runs than the limit, newest first, including a run that this one may replace.
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

/**
 * A run that is replaced before it started no longer counts. A run that started and waits for another attempt has used
 * the rate.
 */
export function withoutReplaced(latest: Paced, replaced: string | undefined): Paced {
  return latest.filter(({ id, isQueued }) => id !== replaced || !isQueued);
}

const throttled = ({ limit, perMs }: { readonly limit: number; readonly perMs: number }) =>
  `Delayed by \`throttle\`: up to ${limit} of these runs ${limit === 1 ? "starts" : "start"} within ${perMs / 1000} s.`;

const debounced = (ms: number) =>
  `Delayed by \`debounce\`: the run starts when no newer event has arrived for ${ms / 1000} s.`;

/** A run that shares a rate and has not started. */
export type Pending = Pick<RunRow, "seq" | "due_at">;

/**
 * A run has started, perhaps later than planned. Then the runs behind it are due later.
 * @param begun when the latest runs started, newest first. @param pending in the order in which they are due.
 * @returns the runs whose due time changes.
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
    // A late run starts after those that have already started.
    times.push(Math.max(due_at, times.at(-1) ?? 0));
    return due_at === run.due_at ? [] : [{ seq: run.seq, due_at }];
  });
}
