import type { Clock } from "../model/clock.ts";
import { type EventNotes, type Heard, type IgnoredEvent, MAX_SOURCES, type Source } from "../model/events.ts";
import { isForOthers } from "../model/github-trigger.ts";
import type { Secrets } from "../model/secrets.ts";
import { writeBehind } from "./write-behind.ts";

export type NotedEvents = {
  /** Records the source of a valid event. */
  heard(source: Source): void;
  /** Records a valid event that started no run. */
  ignored(event: Omit<IgnoredEvent, "at">): void;
  /** Writes the records that are still in memory. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** How many events that started no run are kept in memory until they are written. */
const MAX_HELD = 500;

/** How many workflows are recorded with their reason per event. */
const MAX_REASONS = 20;

/** Longer reasons and names are cut. */
const MAX_CHARACTERS = 300;

/** Records events in memory, and writes them to the store at most once per second. */
export function notedEvents(write: EventNotes["note"], clock: Clock, { brief }: Pick<Secrets, "brief">): NotedEvents {
  const since = clock.now();
  let heard = new Map<string, Heard>();
  let ignored: IgnoredEvent[] = [];
  let unlisted = 0;
  const behind = writeBehind(clock, () => heard.size + ignored.length > 0, writeAll);
  const short = (text: string | undefined) => (text === undefined ? undefined : brief(text, MAX_CHARACTERS));

  // Every request passes here. So only a source that is new since the last write is searched for secrets.
  function hear(source: Source, { firstAt, lastAt, times }: Omit<Heard, keyof Source>): void {
    const key = `${source.kind}\n${source.actor}\n${source.name}`;
    const known = heard.get(key);
    if (known) heard.set(key, { ...known, lastAt, times: known.times + times });
    else if (heard.size < MAX_SOURCES) {
      heard.set(key, { ...source, name: brief(source.name, MAX_CHARACTERS), firstAt, lastAt, times });
    }
  }

  async function writeAll(): Promise<void> {
    const notes = { heard: [...heard.values()], ignored, since };
    if (unlisted > 0) notes.ignored = [...ignored, { ...unlistedEvents(unlisted), at: clock.now() }];
    const before = unlisted;
    [heard, ignored, unlisted] = [new Map(), [], 0];
    try {
      await write(notes);
    } catch {
      const after = [...heard.values()];
      heard = new Map();
      for (const each of [...notes.heard, ...after]) hear(each, each);
      const all = [...notes.ignored.slice(0, before > 0 ? -1 : undefined), ...ignored];
      unlisted += before + Math.max(0, all.length - MAX_HELD);
      ignored = all.slice(0, MAX_HELD);
    }
  }

  return {
    heard(source) {
      const at = clock.now();
      hear(source, { firstAt: at, lastAt: at, times: 1 });
      behind.later();
    },
    ignored({ reasons, ...event }) {
      if (ignored.length >= MAX_HELD) {
        unlisted++;
        return;
      }
      const nearestFirst = reasons.toSorted((a, b) => Number(isForOthers(a.reason)) - Number(isForOthers(b.reason)));
      ignored.push({
        ...event,
        at: clock.now(),
        event: brief(event.event, MAX_CHARACTERS),
        repository: short(event.repository),
        subject: short(event.subject),
        sender: short(event.sender),
        ref: short(event.ref),
        sha: short(event.sha),
        delivery: short(event.delivery),
        answer: brief(event.answer, MAX_CHARACTERS),
        reasons: nearestFirst
          .slice(0, MAX_REASONS)
          .map(({ workflow, reason }) => ({ workflow, reason: brief(reason, MAX_CHARACTERS) })),
      });
      behind.later();
    },
    flush: behind.flush,
    close: behind.close,
  };
}

function unlistedEvents(count: number): Omit<IgnoredEvent, "at"> {
  const answer = `${count} more events started no run, within one second or while the database was not available. They are not listed.`;
  return { source: "github", event: "…", woken: 0, answer, reasons: [] };
}
