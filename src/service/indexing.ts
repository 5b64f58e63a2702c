import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import type { RunStore } from "../model/store.ts";

/** Changes are indexed within this time, ms. A search indexes them earlier. */
const LOOK_MS = 2000;
/** The shortest pause between two parts of a long queue while events come, ms. */
const PAUSE_MS = 25;
/** While events come, the pause is the time of the last part, times this. So events have nine tenths of the time. */
const PAUSE_FOR_EVENTS = 9;
/** A part that took longer waited for the disk or the network, which does not slow down events, ms. */
const LONGEST_PAUSE_MS = 100;
/** Events count as coming if the last one is not older than this, ms. */
const EVENTS_MS = 1000;
const RUNS_PER_BATCH = 25;
/** Another process, or a search of this process, is indexing, ms. */
const BUSY_MS = 250;
/** The index cannot be written, ms. */
const TROUBLE_MS = 30_000;

/**
 * Keeps the search index up to date, after the events: each change is noted in its transaction and indexed here.
 * Running runs are left to a search, because they are indexed again when they end. An idle process has no timer.
 */
export function startIndexing({
  store,
  clock,
}: {
  store: Pick<RunStore, "index">;
  clock: Pick<Clock, "now" | "monotonic" | "alarm">;
}): {
  readonly observe: Partial<Observer>;
  stop(): Promise<void>;
} {
  let cancel: (() => void) | undefined;
  let working: Promise<void> | undefined;
  let stopped = false;
  /** Something changed while it was working. */
  let again = false;
  let eventAt = Number.NEGATIVE_INFINITY;

  /**
   * The pause after a part of the queue, which is long after an upgrade. Without events, indexing takes half of the
   * time.
   */
  function pauseAfter(tookMs: number): number {
    const eventsCome = clock.monotonic() - eventAt < EVENTS_MS;
    if (!eventsCome) return Math.min(tookMs, LONGEST_PAUSE_MS);
    return Math.min(Math.max(PAUSE_MS, tookMs * PAUSE_FOR_EVENTS), LONGEST_PAUSE_MS);
  }

  function lookIn(milliseconds: number): void {
    again ||= working !== undefined;
    if (stopped || cancel !== undefined || working !== undefined) return;
    cancel = clock.alarm(clock.now() + milliseconds, () => {
      cancel = undefined;
      const began = clock.monotonic();
      working = store
        .index(RUNS_PER_BATCH)
        .then(
          (indexed) =>
            indexed === "busy" ? BUSY_MS : indexed === 0 ? undefined : pauseAfter(clock.monotonic() - began),
          () => TROUBLE_MS,
        )
        .then((next) => {
          working = undefined;
          if (next !== undefined || again) lookIn(next ?? LOOK_MS);
          again = false;
        });
    });
  }

  const look = () => lookIn(LOOK_MS);
  // Indexes what the previous process left.
  look();
  return {
    observe: {
      accepted() {
        eventAt = clock.monotonic();
        look();
      },
      settled: look,
      forgotten: look,
    },
    async stop() {
      stopped = true;
      cancel?.();
      cancel = undefined;
      await working;
    },
  };
}
