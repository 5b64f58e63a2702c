import type { Clock } from "../model/clock.ts";
import type { Run } from "../model/run.ts";
import type { News, RunStore } from "../model/store.ts";

/**
 * How many callers may wait at the same time. A caller that hung up counts until its deadline: it uses memory, but no
 * connection.
 */
const MAX_WAITING = 550;

type Caller = { run: string; readonly deadline: number; answer(result: Run | undefined): void };

/** Callers that wait for the outcome of their runs. */
export type WaitingCallers = ReturnType<typeof waitingCallers>;

export function waitingCallers(clock: Clock) {
  const waiting = new Map<string, Set<Caller>>();
  /** All callers, the longest waiting first. */
  const all = new Set<Caller>();
  const callersOf = (run: string): Set<Caller> => {
    const known = waiting.get(run) ?? new Set();
    waiting.set(run, known);
    return known;
  };

  return {
    /**
     * Resolves with the run when it has ended, its next attempt has failed, or it starts to wait. Resolves with
     * undefined when the time is over, or when too many callers wait.
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
    /** Answers the callers of a run with its outcome. */
    tell(run: Run): void {
      const newer = replacementOf(run);
      if (newer !== undefined) {
        move(run.id, newer);
        return;
      }
      for (const caller of [...(waiting.get(run.id) ?? [])]) {
        // A caller waits for a limit that ends before its deadline. Otherwise it gets the answer now.
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

  /** Makes the callers of one run wait for the run that replaced it. */
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

/** The newer run that replaced this run, or cancelled it. */
function replacementOf({ status, supersededBy }: Run): string | undefined {
  return status === "superseded" || status === "cancelled" ? supersededBy : undefined;
}

/** How long news of a run is remembered, since this process may not know yet that the run was accepted. */
const REMEMBERED_MS = 10_000;
const MOST_REMEMBERED = 10_000;

/** Watches what other processes do with runs, for the callers that wait here. */
export function followElsewhere(
  store: Pick<RunStore, "hear" | "runs">,
  clock: Clock,
  callers: WaitingCallers,
  /**
   * `wake`: something may be due here. `freed`: a run has ended, and its group may have a waiting run. `cancelled`:
   * these runs were cancelled. `missed`: news may have been missed, so any run may have been cancelled.
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
  /** When news arrived, by the monotonic clock, oldest first. */
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

  /** @param ended whether only an end counts, since other facts about the runs may come from an earlier attempt. */
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
    /** Looks at a run whose caller starts to wait now: the news of its end may have arrived before. */
    expect(run: string): void {
      if (heard.has(run)) look([run], false).catch(report);
    },
    stop,
  };
}
