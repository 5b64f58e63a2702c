import { Registry } from "prom-client";
import type { Clock } from "../../model/clock.ts";
import type { Observer } from "../../model/observer.ts";
import { eventLoopLag } from "./event-loop-lag.ts";
import { type Gates, gitHubMetrics } from "./github.ts";
import { type InboundMetrics, inboundMetrics } from "./inbound.ts";
import { processMetrics } from "./process.ts";
import { type QueueNeeds, queueMetrics } from "./queue.ts";
import { type Noticed, runMetrics } from "./runs.ts";

export type MetricsNeeds = {
  /** Shown at zero from the start: the first failure of a series that begins with it is lost on `increase`. */
  readonly workflows: readonly string[];
  readonly version: string;
  readonly clock: Clock;
};

/** What is read when somebody asks for the metrics. */
type Sources = Omit<QueueNeeds, "clock"> & { readonly gates: Gates };

export type Metrics = {
  readonly observer: Partial<Observer>;
  /** GitHub has asked this account for silence until then, epoch milliseconds. */
  paused(account: string, until: number): void;
  noticed(result: Noticed): void;
  readonly inbound: InboundMetrics;
  /** From now on these are read, too. */
  read(sources: Sources): void;
  /** In Prometheus' text format. */
  expose(): Promise<{ readonly text: string; readonly contentType: string }>;
  close(): void;
};

/**
 * Counts what happens, for Prometheus. Labels hold only what is bounded: names of workflows, templates of routes,
 * statuses, accounts of the service. Never the application, which anybody who can send an event may choose.
 */
export function openMetrics({ workflows, version, clock }: MetricsNeeds): Metrics {
  const registry = new Registry();
  const runs = runMetrics(registry, workflows);
  const github = gitHubMetrics(registry, clock);
  processMetrics(registry, version);
  const lag = eventLoopLag(registry);
  let refresh = async () => {};
  return {
    observer: { ...runs.observer, request: github.request },
    paused: github.paused,
    noticed: runs.noticed,
    inbound: inboundMetrics(registry),
    read({ gates, ...queue }) {
      github.read(gates);
      refresh = queueMetrics(registry, { ...queue, clock });
    },
    async expose() {
      await refresh();
      return { text: await registry.metrics(), contentType: registry.contentType };
    },
    close: lag.stop,
  };
}
