import { Gauge, type Registry } from "prom-client";
import type { Clock } from "../../model/clock.ts";
import { type RunStore, STORE_TROUBLES, type StoreTrouble } from "../../model/store.ts";

export type QueueNeeds = {
  readonly store: Pick<RunStore, "waiting">;
  /** Rejects when events cannot be stored or runs not be worked on. */
  readonly checkReady: () => Promise<void>;
  /** Why the store cannot be written; undefined when it can. */
  readonly storeTrouble: () => StoreTrouble | undefined;
  readonly clock: Clock;
};

const REASONS = ["turn", "retry", "limit"] as const;

/** The queue and the readiness, brought up to date by `refresh`. While the store cannot be read the queue is left out. */
export function queueMetrics(registry: Registry, { store, checkReady, storeTrouble, clock }: QueueNeeds) {
  const registers = [registry];
  const queued = new Gauge({
    name: "gh_runner_runs_queued",
    help: "Runs that wait: for their turn, to be tried again after a passing fault, or for the end of a limit.",
    labelNames: ["reason"],
    registers,
  });
  const ages = new Gauge({
    name: "gh_runner_oldest_queued_run_age_seconds",
    help: "How long the oldest of these runs has waited since it was accepted or re-run; 0 without any.",
    labelNames: ["reason"],
    registers,
  });
  const ready = new Gauge({
    name: "gh_runner_ready",
    help: "1 when events can be stored and runs be worked on, as /ready says; else 0.",
    registers,
  });
  const unavailable = new Gauge({
    name: "gh_runner_store_unavailable",
    help: "1 for the reason why events and outcomes cannot be stored: the disk is full, the database's files were deleted or replaced, or another one; else 0.",
    labelNames: ["reason"],
    registers,
  });

  return async function refresh(): Promise<void> {
    const isReady = await checkReady().then(
      () => 1,
      () => 0,
    );
    const waiting = await store.waiting().catch(() => undefined);
    ready.set(isReady);
    const trouble = storeTrouble();
    for (const reason of STORE_TROUBLES) unavailable.set({ reason }, reason === trouble ? 1 : 0);
    queued.reset();
    ages.reset();
    if (!waiting) return;
    for (const reason of REASONS) {
      const these = waiting.find((each) => each.reason === reason);
      queued.set({ reason }, these?.count ?? 0);
      ages.set({ reason }, these ? Math.max(0, clock.now() - these.since) / 1000 : 0);
    }
  };
}
