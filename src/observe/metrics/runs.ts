import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Observer } from "../../model/observer.ts";
import type { Run } from "../../model/run.ts";
import { bounded } from "./bounded.ts";

const MAX_WORKFLOWS = 100;

/** From a dispatch that goes through at once to one that waited for the end of an outage, s. */
const RUN_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400];
/** An attempt has its own retries, each with a time-out of 15 s, s. */
const ATTEMPT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Noticed = "sent" | "held_back" | "failed";

const ENDS = ["success", "skipped", "failure", "superseded"] as const;

/** Events, runs, attempts and notices, counted as they happen. */
export function runMetrics(registry: Registry, workflows: readonly string[]) {
  const registers = [registry];
  const events = new Counter({
    name: "gh_runner_events_total",
    help: "Events that were stored: accepted as a run of their own, or joined to one that waits.",
    labelNames: ["workflow", "result"],
    registers,
  });
  const runs = new Counter({
    name: "gh_runner_runs_total",
    help: "Runs that ended, by how.",
    labelNames: ["workflow", "status"],
    registers,
  });
  const runSeconds = new Histogram({
    name: "gh_runner_run_duration_seconds",
    help: "From the acceptance of an event, or its re-run, to the end of its run. Superseded runs are left out.",
    labelNames: ["workflow", "status"],
    buckets: RUN_BUCKETS,
    registers,
  });
  const attempts = new Counter({
    name: "gh_runner_attempts_total",
    help: "Attempts that ended: success, skipped, stopped, or the kind of failure.",
    labelNames: ["workflow", "outcome"],
    registers,
  });
  const attemptSeconds = new Histogram({
    name: "gh_runner_attempt_duration_seconds",
    help: "From the start to the end of an attempt.",
    labelNames: ["workflow"],
    buckets: ATTEMPT_BUCKETS,
    registers,
  });
  const running = new Gauge({ name: "gh_runner_attempts_running", help: "Attempts under way.", registers });
  const retries = new Counter({
    name: "gh_runner_retries_total",
    help: "Runs that were put back for another attempt, by the kind of failure: transient or limit.",
    labelNames: ["workflow", "kind"],
    registers,
  });
  const notices = new Counter({
    name: "gh_runner_notices_total",
    help: "Notices to NOTIFY_URL: sent, failed, or held back to be counted in the next one.",
    labelNames: ["result"],
    registers,
  });

  const named = bounded(MAX_WORKFLOWS);
  for (const each of workflows) {
    const workflow = named(each);
    for (const status of ENDS) runs.inc({ workflow, status }, 0);
    for (const kind of ["transient", "limit"]) retries.inc({ workflow, kind }, 0);
    for (const result of ["accepted", "joined"]) events.inc({ workflow, result }, 0);
  }
  for (const result of ["sent", "held_back", "failed"]) notices.inc({ result }, 0);

  function ended({ status, retriesFrom, endedAt }: Run, workflow: string): void {
    runs.inc({ workflow, status });
    if (status !== "superseded") runSeconds.observe({ workflow, status }, ((endedAt ?? 0) - retriesFrom) / 1000);
  }

  const observer: Pick<Observer, "accepted" | "attempt" | "settled"> = {
    accepted({ workflow: name }, { joined, superseded }) {
      const workflow = named(name);
      events.inc({ workflow, result: joined ? "joined" : "accepted" });
      if (superseded !== undefined) runs.inc({ workflow, status: "superseded" });
    },
    async attempt({ run }, work) {
      running.inc();
      try {
        const result = await work();
        const workflow = named(run.workflow);
        const { outcome, kind, startedAt, endedAt } = result.attempt;
        attempts.inc({ workflow, outcome: kind ?? outcome });
        attemptSeconds.observe({ workflow }, (endedAt - startedAt) / 1000);
        return result;
      } finally {
        running.dec();
      }
    },
    settled(run) {
      const workflow = named(run.workflow);
      if (run.status !== "queued") ended(run, workflow);
      else if (run.kind !== undefined) retries.inc({ workflow, kind: run.kind });
    },
  };
  return { observer, noticed: (result: Noticed) => notices.inc({ result }) };
}
