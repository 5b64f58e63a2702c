import { lastTick, ticksAfter } from "../http/triggers/schedule.ts";
import type { RunStore } from "../model/store.ts";
import {
  AHEAD_MS,
  type FindFacts,
  lateOf,
  MAX_TICKS,
  type ScheduleFacts,
  type WorkflowFacts,
} from "../model/workflow-facts.ts";
import { statsOf, type WorkflowStats } from "../model/workflow-stats.ts";
import type { Ground } from "./ground.ts";

type Store = Pick<RunStore, "workflowStats" | "workflowNames" | "schedules">;

/** Facts about the workflows of a service, and about removed workflows that still have runs. */
export function workflowFacts(
  { loaded, secrets, clock }: Pick<Ground, "loaded" | "secrets" | "clock">,
  store: Store,
): FindFacts {
  const ticksOf = knownTicks();
  const factsOf = (name: string, stats = NONE, carriedOut: ReadonlyMap<string, number>, now: number): WorkflowFacts => {
    const { workflows, fileOf, codeOf, broken } = loaded.current;
    const workflow = workflows.find((each) => each.name === name);
    const named = broken.find(({ file }) => file.replace(/\.\w+$/, "") === name);
    return {
      name,
      workflow,
      file: fileOf.get(name),
      code: codeOf.get(name),
      broken: workflow || !named ? undefined : { ...named, problems: named.problems.map(secrets.scrub) },
      stats,
      schedule:
        workflow?.on.schedule && scheduleFacts(ticksOf(workflow.on.schedule, now), stats, carriedOut.get(name), now),
    };
  };

  async function several(names: readonly string[], now: number): Promise<readonly WorkflowFacts[]> {
    const [stats, carriedOut] = await Promise.all([store.workflowStats(names), store.schedules()]);
    return names.map((name) => factsOf(name, stats.get(name), carriedOut, now));
  }

  return {
    async all(now = clock.now()) {
      const there = loaded.current.workflows.map(({ name }) => name);
      const gone = (await store.workflowNames()).filter((name) => !there.includes(name));
      return several([...there, ...gone], now);
    },
    async one(name, now = clock.now()) {
      const [facts] = await several([name], now);
      return facts?.workflow || facts?.broken || facts?.stats.recent.length ? facts : undefined;
    },
  };
}

const NONE: WorkflowStats = statsOf([]);

type Schedule = Parameters<typeof lastTick>[0];

/**
 * Open pages ask several times per minute, and 25 ticks take 1 ms to compute. So they are cached for this time, ms, and
 * the last ones may be missing.
 */
const KNOWN_MS = 30_000;

type Ticks = {
  readonly from: number;
  readonly found: readonly number[];
  readonly next: number | undefined;
  readonly last: number | undefined;
};

/** Computes and caches the ticks of a schedule. */
function knownTicks(): (schedule: Schedule, now: number) => Ticks {
  const known = new WeakMap<Schedule, Ticks>();
  return (schedule, now) => {
    const before = known.get(schedule);
    if (before && now >= before.from && now < Math.min(before.from + KNOWN_MS, before.next ?? Number.POSITIVE_INFINITY))
      return before;
    const found = ticksAfter(schedule, now, { until: now + AHEAD_MS, most: MAX_TICKS + 1 });
    const next = found[0] ?? ticksAfter(schedule, now, { most: 1 })[0];
    const ticks = { from: now, found, next, last: lastTick(schedule, now) };
    known.set(schedule, ticks);
    return ticks;
  };
}

function scheduleFacts(
  { found, next, last }: Ticks,
  { recent }: WorkflowStats,
  carriedOutUntil: number | undefined,
  now: number,
): ScheduleFacts {
  return {
    ticks: found.slice(0, MAX_TICKS),
    hasMore: found.length > MAX_TICKS,
    next,
    late: lateOf(last, carriedOutUntil, recent, now),
  };
}
