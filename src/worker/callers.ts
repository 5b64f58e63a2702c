import type { Clock } from "../model/clock.ts";
import type { Run } from "../model/run.ts";
import type { News, RunStore } from "../model/store.ts";

/** How many callers wait at once. One who has hung up counts until its time is over: it holds memory, but no connection. */
const MAX_WAITING = 550;

type Caller = { run: string; readonly deadline: number; answer(result: Run | undefined): void };

/** The callers who wait for what becomes of their runs. */
export type WaitingCallers = ReturnType<typeof waitingCallers>;

export function waitingCallers(clock: Clock) {
  const waiting = new Map<string, Set<Caller>>();
  /** All of them, those who have waited longest first. */
  const all = new Set<Caller>();
  const callersOf = (run: string): Set<Caller> => {
    const known = waiting.get(run) ?? new Set();
    waiting.set(run, known);
    return known;
  };

  return {
    /**
     * Resolves with the run when it has ended or its next attempt has failed; undefined when it still waits for its turn
     * after so many milliseconds, or when too many others wait.
     */
    wait(run: string, milliseconds: number): Promise<Run | undefined> {
      return new Promise((resolve) => {
        const deadline = clock.now() + milliseconds;
        const cancel = clock.alarm(deadline, () => caller.answer(undefined));
        const caller: Caller = {
          run,
          deadline,
          answer(result) {
            cancel();
            all.delete(caller);
            const others = callersOf(caller.run);
            others.delete(caller);
            if (others.size === 0) waiting.delete(caller.run);
            resolve(result);
          },
        };
        callersOf(run).add(caller);
        all.add(caller);
        if (all.size > MAX_WAITING) dismiss(1);
      });
    },
    awaited: (): readonly string[] => [...waiting.keys()],
    isAwaited: (run: string): boolean => waiting.has(run),
    /** Says what became of a run. */
    tell(run: Run): void {
      const newer = replacementOf(run);
      if (newer !== undefined) {
        move(run.id, newer);
        return;
      }
      for (const caller of [...(waiting.get(run.id) ?? [])]) {
        // A limit is waited for when it ends in time; else there is no point in keeping the caller.
        const soon = run.status === "queued" && run.kind === "limit" && (run.dueAt ?? 0) < caller.deadline;
        if (!soon) caller.answer(run);
      }
    },
    move,
    dismiss,
  };

  /** Answers up to `most` callers without an outcome, the longest waiting first. */
  function dismiss(most = all.size): void {
    for (const caller of [...all.values().take(most)]) caller.answer(undefined);
  }

  /** From now on the callers of one run wait for another, which took its place. */
  function move(from: string, to: string): void {
    const callers = waiting.get(from);
    if (!callers) return;
    waiting.delete(from);
    for (const caller of callers) {
      caller.run = to;
      callersOf(to).add(caller);
    }
  }
}

/** The newer run that has replaced one, by taking its place or by cancelling it. */
function replacementOf({ status, supersededBy }: Run): string | undefined {
  return status === "superseded" || status === "cancelled" ? supersededBy : undefined;
}

/** News of a run is remembered for as long as its acceptance may still be on its way to here. */
const REMEMBERED_MS = 10_000;
const MOST_REMEMBERED = 10_000;

/** Follows what other processes do with runs, for the callers who wait for them here. */
export function followElsewhere(
  store: Pick<RunStore, "hear" | "runs">,
  clock: Clock,
  callers: WaitingCallers,
  /**
   * `wake`: something may be due here. `freed`: a run has ended, whose group may have a run that waits. `cancelled`: these
   * runs are cancelled. `missed`: any may be.
   */
  {
    wake,
    freed,
    cancelled,
    missed: lookForCancelled,
    report,
  }: Readonly<Record<"wake" | "freed", () => void>> & {
    cancelled: (runs: readonly string[]) => void;
    missed: () => Promise<void>;
    report: (error: unknown) => void;
  },
) {
  /** When the news came, by the monotonic clock, oldest first. */
  const heard = new Map<string, number>();

  function remember(id: string): void {
    const now = clock.monotonic();
    heard.delete(id);
    heard.set(id, now);
    for (const [oldest, at] of heard) {
      if (heard.size <= MOST_REMEMBERED && at >= now - REMEMBERED_MS) break;
      heard.delete(oldest);
    }
  }

  /** @param ended whether only an end counts: what else is known of them may be an earlier attempt's. */
  async function look(ids: readonly string[], ended: boolean): Promise<void> {
    if (ids.length === 0) return;
    const news = (await store.runs(ids)).filter(({ status, kind }) => {
      return status === "queued" ? !ended && kind !== undefined : status !== "running";
    });
    news.forEach(callers.tell);
    await look(
      news.flatMap((run) => replacementOf(run) ?? []),
      true,
    );
  }

  const stop = store.hear(({ queued, settled = [], cancel = [], missed }: News) => {
    cancelled(cancel);
    if (missed) lookForCancelled().catch(report);
    for (const id of settled) remember(id);
    const concerned = missed ? callers.awaited() : settled.filter(callers.isAwaited);
    look(concerned, missed === true).catch(report);
    if (queued || missed) wake();
    else if (settled.length > 0) freed();
  });

  return {
    /** Looks at a run for which a caller waits from now on: the news of its end may have come before. */
    expect(run: string): void {
      if (heard.has(run)) look([run], false).catch(report);
    },
    stop,
  };
}
