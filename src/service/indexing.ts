import type { Clock } from "../model/clock.ts";
import type { Observer } from "../model/observer.ts";
import type { RunStore } from "../model/store.ts";

/** What has changed is searched after so long at the latest, ms; a search itself looks before. */
const LOOK_MS = 2000;
/** The least pause between two parts of a long queue while events come, ms. */
const PAUSE_MS = 25;
/** While events come, the pause is so many times as long as the part took: they have nine tenths of the time. */
const PAUSE_FOR_EVENTS = 9;
/** A part that took long has waited for the disk or the network, which costs the events nothing, ms. */
const LONGEST_PAUSE_MS = 100;
/** Events come while the last one is not older, ms. */
const EVENTS_MS = 1000;
const AT_ONCE = 25;
/** Another process has its turn, or a search of this one, ms. */
const BUSY_MS = 250;
/** When the index cannot be written, ms. */
const TROUBLE_MS = 30_000;

/**
 * Keeps the index of the search up to date, behind the events: what changes is noted with the change, and indexed here. Runs
 * that are running are left to a search, since they would be indexed again when they end. An idle process has no timer.
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
  /** Something has changed while it was at work. */
  let again = false;
  let eventAt = Number.NEGATIVE_INFINITY;

  /** After a part of the queue, such as that of an upgrade. Without events the index takes half of the time. */
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
        .index(AT_ONCE)
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
  // What the process before has left.
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
