import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import { ENDED_STATUSES, type Run, type Trigger } from "../model/run.ts";
import { pauseOf } from "../model/run-actions.ts";
import { type RunStore, STORE_TROUBLES, type StoreTrouble } from "../model/store.ts";
import { bounded, type Instruments } from "./instruments.ts";

const MAX_WORKFLOWS = 100;

/** From a dispatch without delay to one that waited for the end of an outage, s. */
const RUN_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400];
/** An attempt includes its quick retries. Each times out after 15 s, s. */
const ATTEMPT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Triggers from outside. Schedules and people do not show whether events arrive. */
const FROM_OUTSIDE: readonly (Trigger | undefined)[] = ["http", "github", "flux"];

const CONCLUSIONS = ["success", "failure", "cancelled", "timed_out"] as const;
const MAX_CONCLUSIONS = 12;
/** From tests that end immediately to GitHub's limit for a job, s. */
const FOLLOWED_BUCKETS = [30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600];

const NOTICED = ["sent", "held_back", "failed"] as const;
const REASONS = ["turn", "retry", "limit", "paused"] as const;

/** Counts events, runs, attempts and notices. */
export function runMetrics(
  { counter, counted, gauge, histogram }: Instruments,
  { workflows, clock }: { readonly workflows: readonly string[]; readonly clock: Pick<Clock, "now"> },
) {
  const events = counter(
    "gh_runner_events_total",
    "Events that were stored: accepted as a new run, or joined to a waiting one.",
    ["workflow", "result"],
  );
  const runs = counter("gh_runner_runs_total", "Runs that ended, by how.", ["workflow", "status"]);
  const runSeconds = histogram(
    "gh_runner_run_duration_seconds",
    "Time from the acceptance of an event, its re-run or the start of its latest wait to the end of its run. Superseded runs are left out.",
    ["workflow", "status"],
    RUN_BUCKETS,
  );
  const attempts = counter(
    "gh_runner_attempts_total",
    "Attempts that ended: success, skipped, waiting, cancelled, stopped, or the kind of failure.",
    ["workflow", "outcome"],
  );
  const attemptSeconds = histogram(
    "gh_runner_attempt_duration_seconds",
    "From the start to the end of an attempt.",
    ["workflow"],
    ATTEMPT_BUCKETS,
  );
  const running = gauge("gh_runner_attempts_running", "Attempts under way.");
  const retries = counter(
    "gh_runner_retries_total",
    "Runs that were queued for a retry, by the kind of failure: transient or limit.",
    ["workflow", "kind"],
  );
  const heard = gauge(
    "gh_runner_last_event_timestamp_seconds",
    "When this process last stored an event of a caller, of GitHub or of Flux; absent before the first.",
    ["trigger"],
  );
  const followed = counter(
    "gh_runner_followed_runs_total",
    "Actions runs that workflows followed to their end, by GitHub's conclusion.",
    ["conclusion"],
  );
  const concluded = bounded(MAX_CONCLUSIONS);
  for (const conclusion of CONCLUSIONS) followed.inc({ conclusion: concluded(conclusion) }, 0);
  const followedSeconds = histogram(
    "gh_runner_followed_run_duration_seconds",
    "From the start to the end of these Actions runs.",
    [],
    FOLLOWED_BUCKETS,
  );
  const named = bounded(MAX_WORKFLOWS);
  for (const each of workflows) {
    const workflow = named(each);
    for (const status of ENDED_STATUSES) runs.inc({ workflow, status }, 0);
    for (const kind of ["transient", "limit"]) retries.inc({ workflow, kind }, 0);
    for (const result of ["accepted", "joined"]) events.inc({ workflow, result }, 0);
  }

  function ended({ status, retriesFrom, endedAt }: Run, workflow: string): void {
    runs.inc({ workflow, status });
    if (status !== "superseded") runSeconds.observe({ workflow, status }, ((endedAt ?? 0) - retriesFrom) / 1000);
  }

  const observer: Pick<Observer, "accepted" | "attempt" | "followed" | "settled"> = {
    accepted({ workflow: name, trigger }, { joined, superseded, cancelled }) {
      const workflow = named(name);
      events.inc({ workflow, result: joined ? "joined" : "accepted" });
      if (trigger !== undefined && FROM_OUTSIDE.includes(trigger)) heard.set({ trigger }, clock.now() / 1000);
      if (superseded !== undefined) runs.inc({ workflow, status: "superseded" });
      if (cancelled !== undefined) runs.inc({ workflow, status: "cancelled" });
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
    followed({ conclusion, startedAt, endedAt }) {
      followed.inc({ conclusion: concluded(conclusion) });
      const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
      if (seconds >= 0) followedSeconds.observe(seconds);
    },
    settled(run) {
      const workflow = named(run.workflow);
      if (run.status === "waiting") return;
      if (run.status !== "queued") ended(run, workflow);
      else if (run.kind !== undefined) retries.inc({ workflow, kind: run.kind });
    },
  };
  const noticed = counted(
    "gh_runner_notices_total",
    "Notices to NOTIFY_URL: sent, failed, or held back to be counted in the next one.",
    "result",
    NOTICED,
  );
  return { observer, noticed };
}

export type Queue = {
  readonly store: Pick<RunStore, "waiting" | "paused">;
  /** Rejects when events cannot be stored or runs cannot start. */
  readonly checkReady: () => Promise<void>;
  /** Why the store cannot be written; undefined if it can. */
  readonly storeTrouble: () => StoreTrouble | undefined;
  /** Number of broken workflow files. */
  readonly brokenFiles: () => number;
  /** Number of workflow files that are broken now and whose previous version runs. */
  readonly outdatedFiles: () => number;
  /** Number of secrets whose file has an invalid value. */
  readonly rejectedSecrets: () => number;
};

/**
 * @returns a function that updates the gauges of the queue and of readiness. If the store cannot be read, the queue's
 *   gauges have no value.
 */
export function queueMetrics(
  { gauge }: Instruments,
  { store, checkReady, storeTrouble, brokenFiles, outdatedFiles, rejectedSecrets }: Queue,
  { workflows, clock }: { readonly workflows: readonly string[]; readonly clock: Clock },
) {
  const named = bounded(MAX_WORKFLOWS);
  const paused = gauge("gh_runner_workflow_paused", "1 when the workflow is paused, by name or with all; else 0.", [
    "workflow",
  ]);
  const queued = gauge(
    "gh_runner_runs_queued",
    "Queued runs: for their turn, for a retry after a temporary failure, for the end of a limit, or until their workflow is resumed.",
    ["reason"],
  );
  const asleep = gauge(
    "gh_runner_runs_waiting",
    "Runs whose workflow waits: for a time, an event or a callback. They use no memory and no worker.",
  );
  const asleepFor = gauge(
    "gh_runner_oldest_waiting_run_age_seconds",
    "Age of the oldest run whose workflow waits, since it was accepted, re-run or began its latest wait; 0 without any.",
  );
  const ages = gauge(
    "gh_runner_oldest_queued_run_age_seconds",
    "Age of the oldest of these runs, since it was accepted, joined or re-run; 0 without any.",
    ["reason"],
  );
  const ready = gauge(
    "gh_runner_ready",
    "1 if events can be stored and runs can be executed, like /ready; otherwise 0.",
  );
  const unavailable = gauge(
    "gh_runner_store_unavailable",
    "1 for the reason why events and outcomes cannot be stored: a full disk, deleted or replaced database files, or another reason; otherwise 0.",
    ["reason"],
  );

  gauge(
    "gh_runner_workflow_files_broken",
    "Broken workflow files that the service runs without, with WORKFLOWS_STRICT=false.",
    [],
    (broken) => broken.set(brokenFiles()),
  );
  gauge(
    "gh_runner_workflow_files_outdated",
    "Workflow files that are broken now, while their previous version runs, with WORKFLOWS_RELOAD=true.",
    [],
    (outdated) => outdated.set(outdatedFiles()),
  );
  gauge(
    "gh_runner_secrets_rejected",
    "Secrets whose file has an invalid value, or one that PostgreSQL rejects. The previous value is in use.",
    [],
    (rejected) => rejected.set(rejectedSecrets()),
  );

  return async function refresh(): Promise<void> {
    const isReady = await checkReady().then(
      () => 1,
      () => 0,
    );
    const [waiting, pauses] = await Promise.all([store.waiting(), store.paused()]).catch(() => []);
    ready.set(isReady);
    const trouble = storeTrouble();
    for (const reason of STORE_TROUBLES) unavailable.set({ reason }, reason === trouble ? 1 : 0);
    queued.reset();
    ages.reset();
    asleep.reset();
    asleepFor.reset();
    paused.reset();
    if (!waiting || !pauses) return;
    for (const each of workflows) paused.set({ workflow: named(each) }, pauseOf(each, pauses) ? 1 : 0);
    const waits = waiting.find(({ reason }) => reason === "wait");
    asleep.set(waits?.count ?? 0);
    asleepFor.set(waits ? Math.max(0, clock.now() - waits.since) / 1000 : 0);
    for (const reason of REASONS) {
      const these = waiting.find((each) => each.reason === reason);
      queued.set({ reason }, these?.count ?? 0);
      ages.set({ reason }, these ? Math.max(0, clock.now() - these.since) / 1000 : 0);
    }
  };
}
