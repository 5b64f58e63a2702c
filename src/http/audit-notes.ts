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
   * Records what was done: a sign-in, secrets that were read again. Resolves when it is stored. While the database is away, it
   * is held and written later; it never rejects.
   */
  note(entry: AuditNote): Promise<void>;
  /** Counts a request that was rejected, without waiting for the store. */
  rejected(entry: AuditNote): void;
  /** Writes what is held. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

/** Longer names and reasons say nothing more. */
const MAX_CHARACTERS = 300;

/** So many different rejections are told apart until they are written, of each caller who is known and of others. */
const MAX_KINDS = 100;

/** So many callers who are known are told apart; the others share. */
const MAX_ACTORS = 20;

/**
 * So many of them are written at once, and in the long run so many per minute: the rest becomes one record that counts them. A
 * flood that comes from everywhere for a day makes 14,500 records.
 */
const [BURST, PER_MINUTE] = [100, 10];

/** What is done is never joined. So much is held while the database is away. */
const MAX_HELD = 1000;

/** The actor of a request that brought nothing valid, and of several that are not told apart. */
const [UNKNOWN, SEVERAL] = ["unknown", "several"];

/**
 * A request that was answered 401, 403 or 429, that brought something that is not valid, or what it names is hidden from.
 * @param path without secrets.
 * @param workflows the names that there are.
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

/** Records in batches, a second apart at least, as requests are rejected, and what people do at once. */
export function auditNotes(add: AuditLog["add"], clock: Clock, { brief }: Pick<Secrets, "brief">): AuditNotes {
  let held: AuditEntry[] = [];
  const refused = refusedCallers(clock);
  const behind = writeBehind(
    clock,
    () => held.length > 0 || refused.all().some((each) => each.has()),
    () => writeAll(),
  );

  const short = ({ actor, address, details, ...entry }: AuditNote): AuditEntry => ({
    ...entry,
    at: clock.now(),
    actor: brief(actor, MAX_CHARACTERS),
    ...(address !== undefined && { address: brief(address, MAX_CHARACTERS) }),
    ...(details !== undefined && { details: brief(details, MAX_CHARACTERS) }),
  });

  /** @param least so many of each, however many were written of late. */
  async function writeAll(least = 0): Promise<void> {
    const done = held;
    const taken = refused.all().flatMap((each) => each.take(least));
    held = [];
    const entries = [...done, ...taken].toSorted((a, b) => a.at - b.at);
    if (entries.length === 0) return;
    await add(entries).catch(() => {
      held = [...done, ...held].slice(-MAX_HELD);
      for (const entry of taken) refused.of(entry.actor).add(entry);
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
      refused.of(its.actor).add({ ...its, outcome: "rejected" });
      behind.later();
    },
    async flush() {
      await behind.flush();
      // One that counts the rest has room at any time.
      await writeAll(1);
    },
    async close() {
      await behind.close();
      await writeAll(MAX_KINDS + 1);
    },
  };
}

/** The rejections of each caller who is known, and of all others: none crowds out what another was refused. */
function refusedCallers(clock: Pick<Clock, "monotonic">) {
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
 * Counts equal rejections, and says how many may be written.
 * @param actor of all of them.
 */
function rejections(clock: Pick<Clock, "monotonic">, actor: string) {
  let kinds = new Map<string, AuditEntry>();
  /** How many may be written, by when. */
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
    /** Nothing is lost when it is forgotten. */
    isIdle(): boolean {
      refill();
      return kinds.size === 0 && room === BURST;
    },
    /** What may be written now. */
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

/** The first ones, and one that stands for the rest. */
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
