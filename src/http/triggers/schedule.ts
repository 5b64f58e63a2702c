import { Cron } from "croner";
import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { type RunStore, StoreUnavailable } from "../../model/store.ts";
import type { ScheduleTrigger } from "../../model/triggers.ts";
import type { Workflow } from "../../model/workflow.ts";
import type { AcceptEvent } from "./http.ts";

type Schedules = { accept: AcceptEvent; store: Pick<RunStore, "scheduledUntil">; clock: Clock; log: Log };

/** A tick that could not be stored is tried again after so long, ms. */
const STORE_RETRY_MS = 1000;
/** ... and one that the workflow's own `concurrency` has thrown at, ms. */
const RETRY_MS = 60_000;

/**
 * Makes a run of every tick of every schedule, until it is stopped. Ticks that passed while the service was down make
 * one run, for the last of them. Storing a tick twice is harmless: it is recognised, also by other processes.
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
      if (!isStore) log.error({ workflow: workflow.name, err: error }, "a schedule could not be carried out");
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

/** The last tick of a schedule that is not after `now`, epoch milliseconds. */
export function lastTick(trigger: ScheduleTrigger, now: number): number | undefined {
  return lastOf(cronOf(trigger), now);
}

function lastOf(cron: Cron, now: number): number | undefined {
  // `previousRuns` tells those before a time, by the whole second.
  return cron.previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))[0]?.getTime();
}

/** When a schedule is due after `now`: the first ticks that are not after `until`, epoch milliseconds. 40 us each. */
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

/** What is wrong with a schedule, and undefined when nothing is. */
export function scheduleProblem(trigger: ScheduleTrigger): string | undefined {
  try {
    if (cronOf(trigger).nextRun()) return undefined;
    return "it never comes due";
  } catch (error) {
    return (error as Error).message;
  }
}
