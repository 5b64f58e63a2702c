import type { AdmissionTimes, Limit, Spending } from "../../model/limits.ts";

/** What a request does at GitHub, and so what it costs. */
export type Kind = "read" | "write";

/** @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit */
export const COST = { read: { points: 1, writes: 0 }, write: { points: 5, writes: 1 } } as const;

/** Not before a time (epoch milliseconds), and why, as a clause: "80 writes a minute are used up". */
export type NotYet = { readonly notBefore: number; readonly why: string };

/** What an account may spend by GitHub's limits, what it has spent, and which times are promised to its writes. */
export type Budget = ReturnType<typeof openBudget>;

/** @param spent before this process began, oldest first. */
export function openBudget(limits: readonly Limit[], spent: readonly Spending[]) {
  const windows = limits.map(slidingWindow);
  const line = waitingLine();
  learn(spent);

  /** What other processes have spent, oldest first: replaces what was known of them. */
  function learn(others: readonly Spending[]): void {
    for (const { limit, learn } of windows) {
      learn(others.map((one) => ({ at: one.at, cost: one[limit.unit] })).filter(({ cost }) => cost > 0));
    }
  }

  /** When one more fits into every window, and the window that it waits for. */
  function opening(kind: Kind, from: number, promised: readonly number[]): NotYet {
    let latest: NotYet = { notBefore: from, why: "" };
    for (const { limit, opensAt } of windows) {
      const { unit, most, ms } = limit;
      const notBefore = opensAt(COST[kind][unit], from, kind === "read" ? keptForWrites(limit, from) : 0, promised);
      const why = `the limit of ${most} ${unit} in ${ms / 1000} s is used up`;
      if (notBefore > latest.notBefore) latest = { notBefore, why };
    }
    return latest;
  }

  /**
   * Points that the writes of the same span still need, at most half of all: writes whose reads are done never wait for
   * reads.
   */
  function keptForWrites({ unit, most, ms }: Limit, now: number): number {
    const writes = windows.find(({ limit }) => limit.unit === "writes" && limit.ms === ms);
    if (!writes || unit === "writes") return 0;
    const all = Math.min(writes.limit.most, Math.floor(most / 2 / COST.write.points));
    return Math.max(0, all - writes.used(now)) * COST.write.points;
  }

  return {
    learn,
    /** When this may be sent, not before `from`. `name` is the write's in the line. */
    opening(kind: Kind, name: string, from: number, now: number): NotYet {
      if (kind === "read") return opening(kind, from, []);
      const promised = line.timeOf(name, now);
      if (promised !== undefined && promised > now) {
        return { notBefore: Math.max(from, promised), why: "others were promised their turn before" };
      }
      // Whose time has come meets only what is spent; everybody else also what was promised to those ahead.
      const due = promised === undefined ? undefined : opening(kind, from, []);
      return due && due.notBefore <= now ? due : opening(kind, from, line.ahead(name));
    },
    /** Counts as spent at every moment until it is settled: spent at a time, or with undefined not at all. */
    reserve(kind: Kind): (at: number | undefined) => void {
      for (const { limit, reserve } of windows) reserve(COST[kind][limit.unit]);
      return (at) => {
        for (const { limit, settle } of windows) settle(COST[kind][limit.unit], at);
      };
    },
    /** A write is told that it will be let through at this time. */
    promise: line.join,
    /** A write is let through. @returns how to give it back the time that it was promised. */
    redeem(name: string, now: number): () => void {
      const at = line.timeOf(name, now);
      line.leave(name);
      return () => at !== undefined && line.join(name, at);
    },
    /** Since when spending matters, for each unit. */
    since(now: number): AdmissionTimes["since"] {
      const longest = (unit: Limit["unit"]) =>
        Math.max(0, ...limits.map((limit) => (limit.unit === unit ? limit.ms : 0)));
      return { points: now - longest("points"), writes: now - longest("writes") };
    },
    isEmpty: (now: number): boolean => windows.every(({ used }) => used(now) === 0),
  };
}

type Entry = { readonly at: number; readonly cost: number; readonly byOthers?: true };

/** Keeps account of one limit. Windows are counted from the answer: by then GitHub has counted the request. */
function slidingWindow(limit: Limit) {
  const { most, ms } = limit;
  /** Oldest first. */
  let spent: Entry[] = [];
  /** Entries before this one have left the window. */
  let first = 0;
  let sum = 0;
  let reserved = 0;

  /** The clock was set back: what lies ahead of it now was spent at the latest now. */
  function notAfter(now: number): void {
    const last = spent.at(-1);
    if (!last || last.at <= now) return;
    spent = spent.map((entry) => ({ ...entry, at: Math.min(entry.at, now) }));
  }

  function forgetBefore(time: number): void {
    for (let oldest = spent[first]; oldest && oldest.at <= time; oldest = spent[first]) {
      sum -= oldest.cost;
      first++;
    }
    if (first > spent.length / 2) {
      spent = spent.slice(first);
      first = 0;
    }
  }

  return {
    limit,
    reserve(cost: number): void {
      reserved += cost;
    },
    settle(cost: number, at: number | undefined): void {
      reserved -= cost;
      if (at === undefined || cost === 0) return;
      notAfter(at);
      spent.push({ at, cost });
      sum += cost;
      forgetBefore(at - ms);
    },
    learn(others: readonly Entry[]): void {
      const ours = spent.slice(first).filter(({ byOthers }) => !byOthers);
      spent = [...ours, ...others.map((entry) => ({ ...entry, byOthers: true as const }))].sort((a, b) => a.at - b.at);
      first = 0;
      sum = spent.reduce((total, { cost }) => total + cost, 0);
    },
    /** Reserved, or spent within the window. */
    used(now: number): number {
      notAfter(now);
      forgetBefore(now - ms);
      return sum + reserved;
    },
    /**
     * When this much more fits in, not before `from`.
     * @param kept is left free for others.
     * @param promised times at which others spend as much, earliest first.
     */
    opensAt(cost: number, from: number, kept: number, promised: readonly number[]): number {
      if (cost === 0) return from;
      notAfter(from);
      // More than ever fits is let through when nothing else is there: it would wait for ever.
      let room = Math.max(most - kept, cost) - cost;
      const fits = Math.floor(room / cost);
      if (promised.length > fits) return Math.max(from, promised.at(-1 - fits) ?? 0) + ms;
      room -= promised.length * cost + reserved;
      if (room < 0) return from + ms;
      if (sum <= room) return from;
      for (let at = spent.length - 1; at >= first; at--) {
        room -= spent[at]!.cost;
        if (room < 0) return Math.max(from, spent[at]!.at + ms);
      }
      return from;
    },
  };
}

/** A promise that is not taken up for so long after its time is given to others. */
const GRACE_MS = 30_000;

/**
 * The line of writes that were rejected for now, each with the time that it was promised. Without it everybody would be
 * told the same time, and all but a few be rejected again and again. Whoever has to be told a later time keeps the place:
 * nobody who came after gets ahead.
 */
function waitingLine() {
  /** In the order in which they came. */
  const line = new Map<string, number>();
  let tidiedAt = 0;

  function tidy(now: number): void {
    // The clock was set back, and the times mean nothing any more.
    if (now < tidiedAt) line.clear();
    else if (now - tidiedAt < GRACE_MS / 10) return;
    tidiedAt = now;
    for (const [name, at] of line) if (at < now - GRACE_MS) line.delete(name);
  }

  return {
    timeOf(name: string, now: number): number | undefined {
      tidy(now);
      return line.get(name);
    },
    /** The times of those ahead of this name, earliest first: of all when it has no place yet. */
    ahead(name: string): readonly number[] {
      const times: number[] = [];
      for (const [other, at] of line) {
        if (other === name) break;
        times.push(at);
      }
      return times.sort((a, b) => a - b);
    },
    /** Takes a place at the end, or keeps the one that it has. */
    join: (name: string, at: number): void => void line.set(name, at),
    leave: (name: string): void => void line.delete(name),
  };
}
