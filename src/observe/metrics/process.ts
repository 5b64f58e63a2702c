import { Counter, Gauge, type Registry } from "prom-client";

/** What Prometheus' own libraries say of every process, and what was built. */
export function processMetrics(registry: Registry, version: string): void {
  const registers = [registry];
  new Gauge({
    name: "gh_runner_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version, node: process.version }, 1);
  new Gauge({ name: "process_start_time_seconds", help: "Start of the process, epoch seconds.", registers }).set(
    Math.round(Date.now() / 1000 - process.uptime()),
  );
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process, user and system.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory that the process holds.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}
