import type { Delivery, DeliveryLog } from "../github/deliveries.ts";
import type { Clock } from "../model/clock.ts";
import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";

/** Everything sent before `until` was accepted, or was not missed. */
type Mark = {
  /** By the times in the log. Epoch milliseconds by GitHub's clock, like all times here. */
  readonly until: number;
  /** When the log was last read to its end. */
  readonly readAt: number;
  /** Deliveries since then that need nothing more, by GUID, with the time of their last sending. */
  readonly done: Readonly<Record<string, number>>;
};

export type CatchUp = {
  readonly log: DeliveryLog;
  readonly store: Pick<RunStore, "mark" | "setMark">;
  readonly clock: Pick<Clock, "monotonic">;
  /** How long GitHub keeps deliveries, ms. */
  readonly keptMs: number;
  /** Whether a workflow may handle an event, judged by its name and action. */
  wants(event: string, action: string | undefined): boolean;
  /**
   * Accepts a delivery as if it had arrived in time. Resolves when it is stored.
   * @param isNewer whether another delivery, named by GUID, was first sent after this one.
   */
  takeIn(delivery: Delivery, isNewer: (guid: string) => Promise<boolean>): Promise<void>;
};

export type CaughtUp = {
  /** When the log was read before. Undefined for the first time, which ignores older deliveries. */
  readonly since: number | undefined;
  /** GitHub no longer keeps deliveries that old. */
  readonly isLate: boolean;
  /** More deliveries were missed than fit into memory: another round is due now. */
  readonly hasMore: boolean;
};

/** GitHub logs a delivery after its answer, within 10 s. The rest allows for a delay of the log, ms. */
const LATE_MS = 10 * 60_000;

/** Deliveries to hold in memory, at 300 bytes each. If more were missed, the oldest come first. */
const MAX_HELD = 10_000;

/** Stores its progress after this many deliveries. */
const SAVED_EVERY = 20;

/** After this time, looks for deliveries that arrived since the log was listed, ms. */
const LISTED_FOR_MS = 10_000;

/**
 * Accepts the deliveries that were missed since the last time, oldest first: those that a workflow may handle and that
 * never got a 2xx. Uses only GitHub's clock. If it ends early, the next round continues from there.
 * @param name of the mark with the progress.
 */
export async function catchUp(name: string, { log, store, clock, keptMs, wants, takeIn }: CatchUp): Promise<CaughtUp> {
  const mark = (await store.mark(name)) as Mark | undefined;
  const first = await log.page();
  let listedAt = clock.monotonic();
  const save = (next: Mark) => store.setMark(name, next as Json);
  // Later deliveries cannot come before those in the log. This is true even if a proxy changes GitHub's time.
  const newest = Math.max(-1, ...first.deliveries.map(({ at }) => at)) + 1;
  if (!mark) {
    await save({ until: newest, readAt: first.at, done: {} });
    return { since: undefined, isLate: false, hasMore: false };
  }

  const { until: from, readAt } = mark;
  const done = new Map(Object.entries(mark.done));
  const sorted = sorting(done, wants);
  for (let page = first; ; page = await log.page(page.cursor)) {
    for (const delivery of page.deliveries) if (delivery.at >= from) sorted.note(delivery);
    const reachesBack = page.deliveries.some(({ at }) => at < from);
    if (reachesBack || page.cursor === undefined) break;
  }

  const isNewerThan = (than: Delivery) => async (guid: string) => {
    if (sorted.sentAt(guid) === undefined && clock.monotonic() - listedAt > LISTED_FOR_MS) {
      listedAt = clock.monotonic();
      for (const delivery of (await log.page()).deliveries) sorted.noteAnswered(delivery);
    }
    return (sorted.sentAt(guid) ?? 0) > than.at;
  };
  const saveUntil = async (time: number, isEnd = false) => {
    const until = Math.max(from, Math.min(time, newest, first.at - LATE_MS));
    for (const [guid, at] of done) if (at < until) done.delete(guid);
    await save({ until, readAt: isEnd ? first.at : readAt, done: Object.fromEntries(done) });
  };
  const missed = sorted.oldestFirst();
  for (const [index, { delivery, lastAt }] of missed.entries()) {
    await takeIn(delivery, isNewerThan(delivery));
    done.set(delivery.guid, lastAt);
    if (index % SAVED_EVERY === SAVED_EVERY - 1) await saveUntil(delivery.at);
  }
  const hasMore = sorted.hasMore();
  await saveUntil(hasMore ? (missed.at(-1)?.delivery.at ?? from) : first.at, !hasMore);
  return { since: readAt, isLate: readAt < first.at - keptMs, hasMore };
}

/** An event without a 2xx: its first sending, and the time of its last one. */
type Missed = { readonly delivery: Delivery; readonly lastAt: number };

/**
 * Separates missed deliveries from answered ones. They are noted newest first.
 * @param done deliveries that need nothing more, with the time of their last sending, which is updated.
 */
function sorting(done: Map<string, number>, wants: CatchUp["wants"]) {
  const missed = new Map<string, Missed>();
  /** When each one was first sent, for events that a workflow may handle. */
  const answered = new Map<string, number>();
  let hasMore = false;

  function noteAnswered({ guid, event, action, at, status }: Delivery): void {
    if (status < 200 || status >= 300) return;
    missed.delete(guid);
    if (answered.size < MAX_HELD && wants(event, action)) answered.set(guid, Math.min(at, answered.get(guid) ?? at));
  }

  return {
    noteAnswered,
    /** When an event was first sent, if known. */
    sentAt: (guid: string) => answered.get(guid) ?? missed.get(guid)?.delivery.at,
    note(delivery: Delivery): void {
      noteAnswered(delivery);
      const { guid, event, action, at } = delivery;
      const doneAt = done.get(guid);
      if (doneAt !== undefined) done.set(guid, Math.max(doneAt, at));
      else if (answered.has(guid)) answered.set(guid, at);
      else if (wants(event, action)) {
        const lastAt = missed.get(guid)?.lastAt ?? at;
        // Its position is that of its first sending.
        missed.delete(guid);
        missed.set(guid, { delivery, lastAt });
        if (missed.size <= MAX_HELD) return;
        hasMore = true;
        missed.delete(missed.keys().next().value as string);
      }
    },
    /** More were noted than fit. */
    hasMore: () => hasMore,
    /** Within the same moment, the last noted one comes first. */
    oldestFirst: (): readonly Missed[] => [...missed.values()].reverse().sort((a, b) => a.delivery.at - b.delivery.at),
  };
}
