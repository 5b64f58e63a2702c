import type { Clock } from "../model/clock.ts";
import type { Run } from "../model/run.ts";
import { type Cancel, whyCancelled } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import type { By } from "../model/who.ts";
import { isCalledWhenCancelled, type Workflow } from "../model/workflow.ts";
import type { WaitingCallers } from "./callers.ts";
import type { StoreHealth } from "./store-health.ts";

/** The reason in an attempt whose run another process cancelled. The run names who did it. */
const CANCELLED = "Cancelled.";

/** A process that has not ended the attempt within this time is gone or unreachable, ms. */
const CONFIRMED_WITHIN_MS = 30_000;

/** How long the claim of a cancelled run may still be on its way to this process, ms. */
const REMEMBERED_MS = 10_000;

/** Cancels runs, and ends their attempts in this process. */
export function cancelling({
  store,
  clock,
  health,
  callers,
  inFlight,
  workflowNamed,
  settled,
  wake,
}: {
  readonly store: Pick<RunStore, "cancel" | "get">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly health: StoreHealth;
  readonly callers: WaitingCallers;
  readonly inFlight: {
    runs(): readonly string[];
    readonly stopping: { cancel(run: string, reason: string): void };
  };
  readonly workflowNamed: (name: string) => Workflow | undefined;
  /** Gets a run that was cancelled. */
  readonly settled: (run: Run) => void;
  /** Something may be due now: the next run of the group, or a workflow's `cancelled`. */
  readonly wake: () => void;
}) {
  const hasHandler = (name: string) => {
    const workflow = workflowNamed(name);
    return workflow !== undefined && isCalledWhenCancelled(workflow);
  };

  /** Runs cancelled a moment ago, by the monotonic clock, oldest first. */
  const recent = new Map<string, number>();

  /** Ends the attempts of cancelled runs. `actor` is undefined if unknown. */
  function end(runs: readonly string[], actor?: string): void {
    const reason = actor === undefined ? CANCELLED : whyCancelled(actor);
    for (const run of runs) {
      recent.delete(run);
      recent.set(run, clock.monotonic());
      inFlight.stopping.cancel(run, reason);
    }
    for (const [run, at] of recent) {
      if (at >= clock.monotonic() - REMEMBERED_MS) break;
      recent.delete(run);
    }
  }

  /** Runs for which a cancel request waits. */
  const asked = new Set<string>();

  async function endIfCancelled(run: string): Promise<void> {
    const actor = (await store.get(run))?.run.cancelledBy;
    if (actor !== undefined) inFlight.stopping.cancel(run, whyCancelled(actor));
  }

  async function tellIfEnded(id: string): Promise<void> {
    const run = (await store.get(id))?.run;
    if (run && run.status !== "running") callers.tell(run);
  }

  return {
    end,
    /** Ends cancelled attempts after news may have been missed. */
    async endMissed(): Promise<void> {
      for (const run of inFlight.runs()) await endIfCancelled(run);
    },
    /** Call this when an attempt starts: its run may have been cancelled before this process knew the claim. */
    async begun(run: string): Promise<void> {
      if (recent.delete(run)) await endIfCancelled(run);
    },
    /**
     * Cancels a run. If it is running, resolves when its attempt has ended in any process, and nothing
     * more is sent. Resolves with `cancelling` if that is not confirmed within 30 s.
     * @throws StoreUnavailable
     */
    async cancel(id: string, by: By): Promise<Cancel> {
      const cancel = await health.watch(store.cancel(id, by, hasHandler), "changes");
      if (cancel.status === "cancelled") {
        settled(cancel.run);
        wake();
      }
      if (cancel.status !== "cancelling") return cancel;
      const { run } = cancel;
      const settlement = callers.wait(id, CONFIRMED_WITHIN_MS);
      asked.add(id);
      end([id], by.actor);
      // The run may have ended a moment ago.
      await tellIfEnded(id);
      const ended = await settlement.finally(() => asked.delete(id));
      if (!ended) return { status: "cancelling", run };
      return { status: ended.status === "cancelled" ? "cancelled" : "ended", run: ended };
    },
    /** Checks whether these runs have ended. If a run's process is gone, no news of its end arrives. */
    async look(): Promise<void> {
      for (const run of asked) await tellIfEnded(run);
    },
  };
}
