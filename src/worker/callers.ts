import type { Clock } from "../model/clock.ts";
import type { Run } from "../model/run.ts";

/** The callers who wait for what becomes of their runs. */
export type WaitingCallers = {
  /**
   * Resolves with the run when it has ended or its next attempt has failed; undefined when it still waits for its turn
   * after so many milliseconds, or at once when as many as are allowed wait already.
   */
  wait(run: string, milliseconds: number): Promise<Run | undefined>;
  /** Runs that somebody waits for. */
  awaited(): readonly string[];
  isAwaited(run: string): boolean;
  /** Says what became of a run. */
  tell(run: Run): void;
  /** From now on the callers of one run wait for another, which took its place. */
  move(from: string, to: string): void;
  /** Lets everybody go, with nothing to say. */
  dismiss(): void;
};

/** Bounds the memory that open requests take. The runs of those beyond it are stored like all others. */
export const MAX_WAITING = 700;

type Caller = { run: string; deadline: number; answer(result: Run | undefined): void };

export function waitingCallers(clock: Clock): WaitingCallers {
  const waiting = new Map<string, Set<Caller>>();
  let count = 0;
  const callersOf = (run: string): Set<Caller> => {
    const known = waiting.get(run) ?? new Set();
    waiting.set(run, known);
    return known;
  };

  return {
    async wait(run, milliseconds) {
      if (count >= MAX_WAITING) return undefined;
      count++;
      return new Promise((resolve) => {
        const deadline = clock.now() + milliseconds;
        const cancel = clock.alarm(deadline, () => caller.answer(undefined));
        const caller: Caller = {
          run,
          deadline,
          answer(result) {
            cancel();
            count--;
            const others = callersOf(caller.run);
            others.delete(caller);
            if (others.size === 0) waiting.delete(caller.run);
            resolve(result);
          },
        };
        callersOf(run).add(caller);
      });
    },
    awaited: () => [...waiting.keys()],
    isAwaited: (run) => waiting.has(run),
    tell(run) {
      if (run.status === "superseded" && run.supersededBy !== undefined) {
        this.move(run.id, run.supersededBy);
        return;
      }
      for (const caller of [...(waiting.get(run.id) ?? [])]) {
        // A limit is waited for when it ends in time; else there is no point in keeping the caller.
        const soon = run.status === "queued" && run.kind === "limit" && (run.dueAt ?? 0) < caller.deadline;
        if (!soon) caller.answer(run);
      }
    },
    move(from, to) {
      const callers = waiting.get(from);
      if (!callers) return;
      waiting.delete(from);
      for (const caller of callers) {
        caller.run = to;
        callersOf(to).add(caller);
      }
    },
    dismiss() {
      for (const callers of [...waiting.values()]) for (const caller of [...callers]) caller.answer(undefined);
    },
  };
}
