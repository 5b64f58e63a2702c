import type { Context } from "hono";
import { whoIs } from "../model/access.ts";
import type { AuditEntry, AuditLog, AuditNote } from "../model/audit.ts";
import type { Clock } from "../model/clock.ts";
import { isRunId } from "../model/history.ts";
import type { Secrets } from "../model/secrets.ts";
import { addressOf } from "./authorize.ts";
import { REASON } from "./problem.ts";
import { writeBehind } from "./write-behind.ts";

export type AuditNotes = {
  /**
   * Records an action, such as a sign-in. Resolves when the record is stored. While the database is not available, it keeps the
   * record in memory and writes it later. It never rejects.
   */
  note(entry: AuditNote): Promise<void>;
  /** Counts a rejected request, without waiting for the store. */
  rejected(entry: AuditNote): void;
  /** Writes what is in memory. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** Longer names and reasons are cut. */
const MAX_CHARACTERS = 300;

/** Between two writes, up to this many kinds of rejections are counted separately, per known caller and for all others. */
const MAX_KINDS = 100;

/** Up to this many known callers are counted separately. The others share one count. */
const MAX_ACTORS = 20;

/**
 * How many rejections are written in a burst, and how many per minute in the long run. One record counts the rest. A flood
 * from many addresses for a day makes 14,500 records.
 */
const [BURST, PER_MINUTE] = [100, 10];

/** Records of actions are never combined. This many are kept in memory while the database is not available. */
const MAX_HELD = 1000;

/** The actor of a request without a valid credential, and the actor of several callers that share one count. */
const [UNKNOWN, SEVERAL] = ["unknown", "several"];

/**
 * The record of a rejected request: answered 401, 403 or 429, or with an invalid credential, or with a 404 that hides something.
 * @param path without secrets.
 * @param workflows names of the workflows of the service.
 */
export function rejectionOf(c: Context, path: string, workflows: readonly string[]): AuditNote {
  const { status } = c.res;
  const credential = c.get("credential");
  const principal = c.get("principal");
  const who =
    principal === undefined || credential !== undefined
      ? { actor: UNKNOWN, via: credential, address: addressOf(c) }
      : whoIs(principal);
  const [, , run] = /^\/(api\/)?runs\/([^/]+)/.exec(path) ?? [];
  const [, , workflow = ""] = /^\/(api\/)?workflows\/([^/]+)/.exec(path) ?? [];
  const why: string | undefined = status === 401 ? undefined : c.get(REASON);
  return {
    ...who,
    action: /^\/sign-in(\/|$)/.test(path) ? "sign-in" : "request",
    ...(run !== undefined && isRunId(run) && { run }),
    ...(workflows.includes(workflow) && { workflow }),
    details: `${c.req.method} ${path}: ${status}${why === undefined ? "" : ` ${why}`}`,
  };
}

/** Writes rejections in batches, at most once per second. Writes actions of people immediately. */
export function auditNotes(add: AuditLog["add"], clock: Clock, { brief }: Pick<Secrets, "brief">): AuditNotes {
  let held: AuditEntry[] = [];
  const callers = rejectedCallers(clock);
  const behind = writeBehind(
    clock,
    () => held.length > 0 || callers.all().some((each) => each.has()),
    () => writeAll(),
  );

  const short = ({ actor, address, details, ...entry }: AuditNote): AuditEntry => ({
    ...entry,
    at: clock.now(),
    actor: brief(actor, MAX_CHARACTERS),
    ...(address !== undefined && { address: brief(address, MAX_CHARACTERS) }),
    ...(details !== undefined && { details: brief(details, MAX_CHARACTERS) }),
  });

  /** @param least writes at least this many rejections of each caller, even if many were written recently. */
  async function writeAll(least = 0): Promise<void> {
    const done = held;
    const taken = callers.all().flatMap((each) => each.take(least));
    held = [];
    const entries = [...done, ...taken].toSorted((a, b) => a.at - b.at);
    if (entries.length === 0) return;
    await add(entries).catch(() => {
      held = [...done, ...held].slice(-MAX_HELD);
      for (const entry of taken) callers.of(entry.actor).add(entry);
    });
  }

  return {
    async note(entry) {
      const written = short(entry);
      await add([written]).catch(() => {
        held = [...held, written].slice(-MAX_HELD);
        behind.later();
      });
    },
    rejected(entry) {
      const its = short(entry);
      callers.of(its.actor).add({ ...its, outcome: "rejected" });
      behind.later();
    },
    async flush() {
      await behind.flush();
      // One record that counts the rest may always be written.
      await writeAll(1);
    },
    async close() {
      await behind.close();
      await writeAll(MAX_KINDS + 1);
    },
  };
}

/** Rejections per known caller, and of all others. The rejections of one caller cannot push out those of another. */
function rejectedCallers(clock: Pick<Clock, "monotonic">) {
  const known = new Map<string, ReturnType<typeof rejections>>();
  const [others, several] = [rejections(clock, UNKNOWN), rejections(clock, SEVERAL)];

  function begun(actor: string) {
    const idle = known.size < MAX_ACTORS ? undefined : [...known].find(([, each]) => each.isIdle())?.[0];
    if (idle !== undefined) known.delete(idle);
    if (known.size >= MAX_ACTORS) return several;
    const its = rejections(clock, actor);
    known.set(actor, its);
    return its;
  }

  return {
    of: (actor: string) => (actor === UNKNOWN ? others : (known.get(actor) ?? begun(actor))),
    all: () => [...known.values(), several, others],
  };
}

/**
 * Counts equal rejections and limits how many are written.
 * @param actor the caller of all of them.
 */
function rejections(clock: Pick<Clock, "monotonic">, actor: string) {
  let kinds = new Map<string, AuditEntry>();
  /** How many may be written now, and when that was computed. */
  let [room, since] = [BURST, clock.monotonic()];

  function refill(): void {
    const now = clock.monotonic();
    room = Math.min(BURST, room + ((now - since) / 60_000) * PER_MINUTE);
    since = now;
  }

  function add(entry: AuditEntry): void {
    const { at: _, times: __, ...kind } = entry;
    const key = JSON.stringify(Object.entries(kind).toSorted());
    const before = kinds.get(key);
    if (before || kinds.size < MAX_KINDS) kinds.set(key, joined(before, entry));
    else kinds.set(FURTHER, joined(kinds.get(FURTHER), furtherOf(entry, actor)));
  }

  return {
    add,
    has: (): boolean => kinds.size > 0,
    /** Whether it can be dropped without losing anything. */
    isIdle(): boolean {
      refill();
      return kinds.size === 0 && room === BURST;
    },
    /** Takes the records that may be written now. */
    take(least: number): readonly AuditEntry[] {
      refill();
      const most = Math.max(least, Math.floor(room));
      if (most < 1) return [];
      const entries = [...kinds.values()];
      kinds = new Map();
      const written = entries.length <= most ? entries : summed(entries, most, actor);
      room = Math.max(0, room - written.length);
      return written;
    },
  };
}

const FURTHER = "further";

/** The first records, and one that counts the rest. */
function summed(entries: readonly AuditEntry[], most: number, actor: string): readonly AuditEntry[] {
  const rest = entries.slice(most - 1).map((entry) => furtherOf(entry, actor));
  return [...entries.slice(0, most - 1), rest.reduce((sum, each) => joined(sum, each))];
}

function furtherOf({ at, times }: AuditEntry, actor: string): AuditEntry {
  const details = "More requests were rejected than are listed.";
  return { at, actor, action: "request", outcome: "rejected", details, times };
}

function joined(one: AuditEntry | undefined, other: AuditEntry): AuditEntry {
  if (!one) return other;
  return { ...one, at: Math.min(one.at, other.at), times: (one.times ?? 1) + (other.times ?? 1) };
}
