import { Cron } from "croner";
import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { type RunStore, StoreUnavailable } from "../../model/store.ts";
import type { ScheduleTrigger } from "../../model/triggers.ts";
import type { Workflow } from "../../model/workflow.ts";
import type { AcceptEvent } from "./http.ts";

type Schedules = { accept: AcceptEvent; store: Pick<RunStore, "scheduledUntil">; clock: Clock; log: Log };

/** Delay before a tick is retried that could not be stored. */
const STORE_RETRY_MS = 1000;
/** Delay before a tick is retried whose workflow threw an error in `concurrency`. */
const RETRY_MS = 60_000;

/**
 * Starts a run at every tick of every schedule, until it is stopped. If ticks passed while the service was down, only the
 * last one starts a run. Storing a tick twice is harmless: every process recognises it.
 */
export function startSchedules(workflows: readonly Workflow[], service: Schedules): () => void {
  const stops = workflows.flatMap((workflow) => {
    const { schedule } = workflow.on;
    return schedule ? [startSchedule(workflow, schedule, service)] : [];
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function startSchedule(
  workflow: Workflow,
  trigger: ScheduleTrigger,
  { accept, store, clock, log }: Schedules,
): () => void {
  const cron = cronOf(trigger);
  let stopped = false;
  let cancel = () => {};

  async function carryOut(): Promise<number | undefined> {
    const now = clock.now();
    const since = await store.scheduledUntil(workflow.name, now);
    const tick = lastOf(cron, now);
    if (tick !== undefined && tick > since) {
      const scheduledAt = new Date(tick).toISOString();
      const identity = { source: "schedule", id: scheduledAt, tick };
      const started = { trigger: "schedule", actor: "schedule", input: { scheduledAt } } as const;
      const { run } = await accept({ workflow, ...started, event: identity }, { wait: false });
      log.info({ workflow: workflow.name, run, scheduled_at: scheduledAt, late_ms: now - tick }, "schedule is due");
    }
    return cron.nextRun(new Date(now))?.getTime();
  }

  async function wake(): Promise<void> {
    let next: number | undefined;
    try {
      next = await carryOut();
    } catch (error) {
      const isStore = error instanceof StoreUnavailable;
      if (!isStore)
        log.error(
          { workflow: workflow.name, err: error },
          "a scheduled run could not be started, and is retried in 60 s",
        );
      next = clock.now() + (isStore ? STORE_RETRY_MS : RETRY_MS);
    }
    if (next !== undefined && !stopped) cancel = clock.alarm(next, () => void wake());
  }

  void wake();
  return () => {
    stopped = true;
    cancel();
  };
}

/** The last tick of a schedule at or before `now`, in epoch milliseconds. */
export function lastTick(trigger: ScheduleTrigger, now: number): number | undefined {
  return lastOf(cronOf(trigger), now);
}

function lastOf(cron: Cron, now: number): number | undefined {
  // `previousRuns` returns ticks before a time, in whole seconds.
  return cron.previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))[0]?.getTime();
}

/** The first ticks of a schedule after `now` and up to `until`, in epoch milliseconds. Each takes 40 µs. */
export function ticksAfter(
  trigger: ScheduleTrigger,
  now: number,
  { until = Number.POSITIVE_INFINITY, most }: { until?: number; most: number },
): readonly number[] {
  const cron = cronOf(trigger);
  const ticks: number[] = [];
  let next = cron.nextRun(new Date(now))?.getTime();
  while (next !== undefined && next <= until && ticks.length < most) {
    ticks.push(next);
    next = cron.nextRun(new Date(next))?.getTime();
  }
  return ticks;
}

function cronOf({ cron, timeZone = "UTC" }: ScheduleTrigger): Cron {
  return new Cron(cron, { timezone: timeZone, paused: true });
}

/** The problem of a schedule, or undefined. */
export function scheduleProblem(trigger: ScheduleTrigger): string | undefined {
  try {
    if (cronOf(trigger).nextRun()) return undefined;
    return "it never comes due";
  } catch (error) {
    return (error as Error).message;
  }
}
