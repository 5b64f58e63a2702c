import { monitorEventLoopDelay } from "node:perf_hooks";
import { Gauge, type Registry } from "prom-client";

/** How often the delay is looked at, ms. At 20 ms an idle process was measured to spend 7 ms CPU a second on looking. */
const RESOLUTION_MS = 100;

/** Percentiles, by the label `stat`. */
const STATS = { p50: 50, p99: 99, max: 100 };

/** How late the event loop is, since it was last asked: while it is, nobody is answered. */
export function eventLoopLag(registry: Registry): { stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  new Gauge({
    name: "gh_runner_event_loop_lag_seconds",
    help: "How late timers were since the metrics were last read.",
    labelNames: ["stat"],
    registers: [registry],
    collect() {
      for (const [stat, percentile] of Object.entries(STATS)) {
        // What is measured is the time between two looks.
        const ms = delays.count === 0 ? 0 : delays.percentile(percentile) / 1e6 - RESOLUTION_MS;
        this.set({ stat }, Math.max(0, ms) / 1000);
      }
      delays.reset();
    },
  });
  return { stop: () => void delays.disable() };
}
