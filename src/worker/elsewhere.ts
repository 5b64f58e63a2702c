import type { Clock } from "../model/clock.ts";
import type { News, RunStore } from "../model/store.ts";
import type { WaitingCallers } from "./callers.ts";

export type ElsewhereNeeds = {
  readonly store: Pick<RunStore, "hear" | "get">;
  readonly callers: WaitingCallers;
  readonly clock: Clock;
  /** Something may be due here. */
  readonly wake: () => void;
  /** A run has ended, whose group may have a run that waits. */
  readonly freed: () => void;
  readonly report: (error: unknown) => void;
};

/** What other processes do with runs, for the callers who wait for them here. */
export type Elsewhere = {
  /** Looks at a run for which somebody waits from now on: the news of its end may have come before. */
  expect(run: string): void;
  stop(): void;
};

/** News of a run is remembered for as long as its acceptance may still be on its way to here. */
const REMEMBERED_MS = 10_000;
const MOST_REMEMBERED = 10_000;

export function followElsewhere({ store, callers, clock, wake, freed, report }: ElsewhereNeeds): Elsewhere {
  /** When the news came, by the monotonic clock, oldest first. */
  const heard = new Map<string, number>();

  function remember(id: string): void {
    const now = clock.monotonic();
    heard.delete(id);
    heard.set(id, now);
    for (const [oldest, at] of heard) {
      if (heard.size <= MOST_REMEMBERED && at >= now - REMEMBERED_MS) break;
      heard.delete(oldest);
    }
  }

  /** @param ended whether only an end counts: what else is known of it may be an earlier attempt's. */
  async function look(id: string, ended: boolean): Promise<void> {
    const run = (await store.get(id))?.run;
    if (!run || run.status === "running") return;
    if (run.status === "queued" && (ended || run.kind === undefined)) return;
    callers.tell(run);
    if (run.status === "superseded" && run.supersededBy !== undefined) await look(run.supersededBy, true);
  }

  const stop = store.hear(({ queued, settled = [], missed }: News) => {
    for (const id of settled) remember(id);
    const concerned = missed ? callers.awaited() : settled.filter(callers.isAwaited);
    for (const id of concerned) look(id, missed === true).catch(report);
    if (queued || missed) wake();
    else if (settled.length > 0) freed();
  });

  return {
    expect(run) {
      if (heard.has(run)) look(run, false).catch(report);
    },
    stop,
  };
}
