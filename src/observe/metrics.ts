import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "../model/clock.ts";
import { CREDENTIALS, type Credential } from "../model/credential.ts";
import type { Outage } from "../model/outage.ts";
import { type Instruments, openInstruments } from "./instruments.ts";
import { type Gates, gitHubMetrics } from "./metrics-github.ts";
import { type Queue, queueMetrics, runMetrics } from "./metrics-runs.ts";

export type Metrics = ReturnType<typeof openMetrics>;

/**
 * Prometheus metrics. Labels have only bounded values: names of workflows, templates of routes, statuses, accounts of
 * the service. Never the application, because callers choose it.
 * @param workflows start at zero. Otherwise `increase` would not see the first failure, because a series that begins
 *   with 1 has no increase.
 */
export function openMetrics(options: {
  readonly workflows: readonly string[];
  readonly version: string;
  readonly clock: Clock;
}) {
  const instruments = openInstruments();
  const { registry } = instruments;
  const runs = runMetrics(instruments, options);
  const github = gitHubMetrics(instruments, options.clock);
  processMetrics(instruments, options.version);
  const lag = eventLoopLag(instruments);
  let refresh = async () => {};
  return {
    observer: { ...runs.observer, request: github.request },
    /** GitHub asked this account to pause until this time, epoch milliseconds. */
    paused: github.paused,
    noticed: runs.noticed,
    inbound: inboundMetrics(instruments),
    /** Adds these sources, which are read whenever the metrics are. */
    read({
      gates,
      outage,
      ...queue
    }: Queue & { readonly gates: Gates; readonly outage: () => Promise<Outage | undefined> }): void {
      github.read(gates);
      const readQueue = queueMetrics(instruments, queue, options);
      refresh = async () => void (await Promise.all([readQueue(), github.readOutage(outage)]));
    },
    /** In Prometheus' text format. */
    async expose(): Promise<{ readonly text: string; readonly contentType: string }> {
      await refresh();
      return { text: await registry.metrics(), contentType: registry.contentType };
    },
    close: () => void lag.disable(),
  };
}

/** The usual process metrics of Prometheus' libraries, and the build. */
function processMetrics({ gauge, counter }: Instruments, version: string): void {
  gauge("gh_runner_build_info", "Always 1; the labels say what runs.", ["version", "node"]).set(
    { version, node: process.version },
    1,
  );
  gauge("process_start_time_seconds", "Start of the process, epoch seconds.").set(
    Math.round(Date.now() / 1000 - process.uptime()),
  );
  counter("process_cpu_seconds_total", "CPU time of the process, user and system.", [], (seconds) => {
    const { user, system } = process.cpuUsage();
    seconds.reset();
    seconds.inc((user + system) / 1e6);
  });
  gauge("process_resident_memory_bytes", "Memory that the process holds.", [], (bytes) =>
    bytes.set(process.memoryUsage.rss()),
  );
}

/** Interval of the measurement, ms. With 20 ms, an idle process spent 7 ms of CPU per second on it (measured). */
const RESOLUTION_MS = 100;

/** Percentiles, by the label `stat`. */
const STATS = { p50: 50, p99: 99, max: 100 };

/**
 * How late the event loop was since the last read. While it is late, the service answers no request. The first read
 * starts the measurement, so a process whose metrics are not read saves the timer and 0.7 MB.
 */
function eventLoopLag({ gauge }: Instruments) {
  let delays: Delays | undefined;
  const help = "How late timers were since the metrics were last read.";
  gauge("gh_runner_event_loop_lag_seconds", help, ["stat"], (lag) => {
    delays ??= begunDelays();
    for (const [stat, percentile] of Object.entries(STATS)) {
      // The histogram has the time between two measurements.
      const ms = delays.count === 0 ? 0 : delays.percentile(percentile) / 1e6 - RESOLUTION_MS;
      lag.set({ stat }, Math.max(0, ms) / 1000);
    }
    delays.reset();
  });
  return { disable: () => delays?.disable() };
}

type Delays = ReturnType<typeof monitorEventLoopDelay>;

function begunDelays(): Delays {
  const delays = process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return delays;
}

const MISSED = ["taken_in", "not_wanted", "left_out"] as const;
const SLOWED = ["waited", "rejected"] as const;
const CLOSED = ["pipelining", "unread", "idle", "bodies", "full"] as const;

/** Rejected requests, and connections that were closed at a limit. */
function inboundMetrics({ counted }: Instruments) {
  return {
    rejected: counted<number>(
      "gh_runner_rejected_requests_total",
      "Requests to a trigger that did not become a run, by the status of the answer.",
      "status",
      [400, 401, 413],
    ),
    failedAuthentication: counted<Credential>(
      "gh_runner_authentication_failures_total",
      "Requests without a valid credential, by the kind of credential that they brought.",
      "credential",
      CREDENTIALS,
    ),
    slowedDown: counted(
      "gh_runner_slowed_credentials_total",
      "Credentials from addresses with many wrong ones: delayed, or rejected because too many waited.",
      "result",
      SLOWED,
    ),
    missedWebhook: counted(
      "gh_runner_missed_webhooks_total",
      "Missed webhook deliveries in GitHub's log: taken in late, not wanted by any workflow, or left out because they cannot be read.",
      "result",
      MISSED,
    ),
    connectionClosed: counted(
      "gh_runner_connections_closed_total",
      "Connections that were closed: many requests sent ahead, an answer that was not read, too many idle ones, large bodies, or no room for one more.",
      "reason",
      CLOSED,
    ),
  };
}
