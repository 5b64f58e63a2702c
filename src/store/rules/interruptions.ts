import { afterInterruption, GONE } from "../../model/retry.ts";
import type { Attempt } from "../../model/run.ts";
import { FREE, type RunRow } from "../rows.ts";
import { cancelledAt, handled, isHandling } from "./cancels.ts";
import { queuedAgain } from "./runs.ts";

/** The rules for runs whose process is gone, once for both databases; see runs.ts. */

/** The reason of an attempt that ended with its process, when the process had no other run in flight. */
export const GONE_ALONE = `${GONE} Nothing else was in flight.`;

/** A run whose process is gone. */
export type Interrupted = RunRow & {
  /** How many of its latest attempts ended the same way, and in how many of these nothing else was in flight. */
  readonly in_a_row: number;
  readonly alone: number;
  /** Whether its process had no other run in flight. */
  readonly was_alone: boolean | number;
};

/** Settles the runs of processes that are gone. Their attempts have ended, and most runs are queued for another one. */
export function interruptedRuns(
  rows: readonly Interrupted[],
  { at, now, waitingIn }: { at: number; now: number; waitingIn: (slot: string) => Pick<RunRow, "id"> | undefined },
): { readonly runs: readonly RunRow[]; readonly attempts: readonly (Attempt & { readonly run: RunRow })[] } {
  let ahead = 0;
  const ended = rows
    .toSorted((a, b) => a.seq - b.seq)
    .map(({ in_a_row, alone: before, was_alone, ...run }) => {
      const isAlone = Boolean(was_alone);
      const reason = isAlone ? GONE_ALONE : GONE;
      if (isHandling(run)) return { run, over: handled(run), reason };
      if (run.cancel_actor !== null) return { run, over: cancelledAt(run, at), reason };
      const ownToken = run.own_token === 1;
      const counts = { inARow: in_a_row + 1, alone: before + (isAlone ? 1 : 0) };
      const next = afterInterruption({ ownToken }, { now, ahead, ...counts });
      if (!next.end && next.dueAt > now) ahead++;
      const waiting = run.slot === null ? undefined : waitingIn(run.slot);
      const over: RunRow = next.end
        ? { ...run, ...FREE, ...FAILED, ended_at: at, reason: next.because ?? GONE }
        : queuedAgain(run, next.dueAt, { at, waiting });
      return { run, over, reason };
    });
  return {
    runs: ended.map(({ over }) => over),
    attempts: ended.map(({ run, reason }) => ({
      ...{ run, number: run.attempts, endedAt: at, outcome: "interrupted", reason },
      ...{ kind: undefined, githubRequestId: undefined },
      // When `cancelled` began is not stored: at the run's end, or soon after.
      ...(isHandling(run) ? { startedAt: run.ended_at ?? at, handler: true } : { startedAt: run.started_at ?? at }),
    })),
  };
}

const FAILED = { status: "failure", http: 500, kind: "permanent" } as const;
