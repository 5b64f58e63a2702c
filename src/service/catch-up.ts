import type { Delivery, DeliveryLog } from "../github/deliveries.ts";
import type { Clock } from "../model/clock.ts";
import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";

/** Everything that was sent before `until` was taken in, or was not missed. */
type Mark = {
  /** By the times in the log. Epoch milliseconds by GitHub's clock, like all times here. */
  readonly until: number;
  /** When the log was last read to its end. */
  readonly readAt: number;
  /** What was sent since then and is done with, by GUID, each with when it was last sent. */
  readonly done: Readonly<Record<string, number>>;
};

export type CatchUp = {
  readonly log: DeliveryLog;
  readonly store: Pick<RunStore, "mark" | "setMark">;
  readonly clock: Pick<Clock, "monotonic">;
  /** How long GitHub keeps deliveries, ms. */
  readonly keptMs: number;
  /** Whether a workflow may want an event, as far as its name and action tell. */
  wants(event: string, action: string | undefined): boolean;
  /**
   * Makes a delivery what it would have been in time. Resolves once that is stored.
   * @param isNewer whether another delivery, by its GUID, was first sent after this one.
   */
  takeIn(delivery: Delivery, isNewer: (guid: string) => Promise<boolean>): Promise<void>;
};

export type CaughtUp = {
  /** When the log was read before; undefined: this is the first time, and what was sent before is left. */
  readonly since: number | undefined;
  /** GitHub keeps nothing that old. */
  readonly isLate: boolean;
  /** More was missed than is held at once: another round is due now. */
  readonly hasMore: boolean;
};

/** GitHub notes a delivery when it was answered, after 10 s at most. The rest is for a log that is late itself, ms. */
const LATE_MS = 10 * 60_000;

/** So many are held at once, at 300 bytes each. When more were missed, the oldest come first. */
const MAX_HELD = 10_000;

/** How far it has come is stored each time that so many were taken in. */
const SAVED_EVERY = 20;

/** What has come since the log was listed is looked for again after this time, ms. */
const LISTED_FOR_MS = 10_000;

/**
 * Takes in what was missed since the last time, oldest first: deliveries that a workflow may want, and of which no sending
 * was answered 2xx. Only GitHub's clock counts. When it ends early, the next time continues where this one was.
 * @param name of the mark that says how far the log was read.
 */
export async function catchUp(name: string, { log, store, clock, keptMs, wants, takeIn }: CatchUp): Promise<CaughtUp> {
  const mark = (await store.mark(name)) as Mark | undefined;
  const first = await log.page();
  let listedAt = clock.monotonic();
  const save = (next: Mark) => store.setMark(name, next as Json);
  // What is in the log by now cannot come between what will be. That does not depend on what a proxy makes of GitHub's time.
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

/** An event that was not answered 2xx, as it was first sent, and when it was last sent. */
type Missed = { readonly delivery: Delivery; readonly lastAt: number };

/**
 * Tells deliveries that were missed from those that were answered. They are noted newest first.
 * @param done those that are done with, and when they were last sent, which is kept up to date.
 */
function sorting(done: Map<string, number>, wants: CatchUp["wants"]) {
  const missed = new Map<string, Missed>();
  /** When each was first sent, of those that a workflow may want. */
  const answered = new Map<string, number>();
  let hasMore = false;

  function noteAnswered({ guid, event, action, at, status }: Delivery): void {
    if (status < 200 || status >= 300) return;
    missed.delete(guid);
    if (answered.size < MAX_HELD && wants(event, action)) answered.set(guid, Math.min(at, answered.get(guid) ?? at));
  }

  return {
    noteAnswered,
    /** When an event was first sent, as far as that is known. */
    sentAt: (guid: string) => answered.get(guid) ?? missed.get(guid)?.delivery.at,
    note(delivery: Delivery): void {
      noteAnswered(delivery);
      const { guid, event, action, at } = delivery;
      const doneAt = done.get(guid);
      if (doneAt !== undefined) done.set(guid, Math.max(doneAt, at));
      else if (answered.has(guid)) answered.set(guid, at);
      else if (wants(event, action)) {
        const lastAt = missed.get(guid)?.lastAt ?? at;
        // Its place is that of its first sending.
        missed.delete(guid);
        missed.set(guid, { delivery, lastAt });
        if (missed.size <= MAX_HELD) return;
        hasMore = true;
        missed.delete(missed.keys().next().value as string);
      }
    },
    /** More were noted than are held. */
    hasMore: () => hasMore,
    /** Of the same moment, the one that was noted last comes first. */
    oldestFirst: (): readonly Missed[] => [...missed.values()].reverse().sort((a, b) => a.delivery.at - b.delivery.at),
  };
}
