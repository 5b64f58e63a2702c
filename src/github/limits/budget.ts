import type { AdmissionTimes, Limit, Spending } from "../../model/limits.ts";

/** What a request does at GitHub, and so what it costs. A report is a write that takes nothing from any other. */
export type Kind = "read" | "write" | "report";

export type Cost = Pick<Spending, "points" | "writes">;

/** @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit */
export const COST = {
  read: { points: 1, writes: 0 },
  write: { points: 5, writes: 1 },
  report: { points: 5, writes: 1 },
} satisfies Readonly<Record<Kind, Cost>>;

/** What GraphQL takes of the limits that all requests share: its points are others, and a mutation creates as a write does. */
export const SHARED_COST = {
  read: { points: 0, writes: 0 },
  write: { points: 0, writes: 1 },
  report: { points: 0, writes: 1 },
} satisfies Readonly<Record<Kind, Cost>>;

/** A promise that is not taken up within this time is given to others. */
export const GRACE_MS = 30_000;

/** Not before a time (epoch milliseconds), and why, as a clause: "80 writes a minute are used up". */
export type NotYet = { readonly notBefore: number; readonly why: string };

export type Budget = ReturnType<typeof openBudget>;

/** What an account may spend by GitHub's limits, what it has spent, and the times that its writes were promised. */
export function openBudget(limits: readonly Limit[]) {
  const windows = limits.map(slidingWindow);
  const forReports = limits
    .filter(({ unit }) => unit === "writes")
    .map((limit) => slidingWindow(leftForReports(limit)));
  const all = [...windows, ...forReports];
  const [line, reports] = [waitingLine(), waitingLine()];
  const lineOf = (kind: Kind) => (kind === "report" ? reports : line);

  function opensAt(kind: Kind, cost: Cost, from: number, promised: readonly number[]): NotYet {
    let latest: NotYet = { notBefore: from, why: "" };
    for (const window of kind === "report" ? all : windows) {
      const { limit, opensAt } = window;
      const { unit, most, ms } = limit;
      const kept = kind === "read" && unit === "points" ? keptForWrites(limit, from) : 0;
      const notBefore = opensAt(cost[unit], from, kept, promised);
      if (notBefore <= latest.notBefore) continue;
      const isLeft = forReports.includes(window);
      const what = `${isLeft ? "what reports may use" : "the limit"} of ${most} ${unit} in ${ms / 1000} s`;
      latest = { notBefore, why: `${what} is used up` };
    }
    return latest;
  }

  /** Points that the writes of the same span need, at most half of all: a write whose reads are done never waits for reads. */
  function keptForWrites({ most, ms }: Limit, now: number): number {
    const writes = windows.find(({ limit }) => limit.unit === "writes" && limit.ms === ms);
    if (!writes) return 0;
    const all = Math.min(writes.limit.most, Math.floor(most / 2 / COST.write.points));
    return Math.max(0, all - writes.used(now)) * COST.write.points;
  }

  return {
    /** When this may be sent, not before `from`, and what it waits for. `name` is the write's in the line. */
    opening(kind: Kind, name: string, cost: Cost, from: number, now: number): NotYet {
      if (kind === "read") return opensAt(kind, cost, from, []);
      const promised = lineOf(kind).timeOf(name, now);
      if (promised !== undefined && promised > now) {
        return { notBefore: Math.max(from, promised), why: "others were promised their turn before" };
      }
      // A write whose time has come meets only what is spent; any other also what was promised to those ahead.
      const due = promised === undefined ? undefined : opensAt(kind, cost, from, []);
      if (due && due.notBefore <= now) return due;
      const ahead = lineOf(kind).ahead(name, now);
      if (kind === "report") ahead.push(...line.ahead(undefined, now));
      return opensAt(
        kind,
        cost,
        from,
        ahead.sort((a, b) => a - b),
      );
    },
    /** Counts as spent now until the function is called: spent at a time, or with undefined not at all. */
    reserve(cost: Cost): (at: number | undefined) => void {
      for (const { limit, reserve } of all) reserve(cost[limit.unit]);
      return (at) => {
        for (const { limit, settle } of all) settle(cost[limit.unit], at);
      };
    },
    /** A write may pass at this time. */
    promise: (kind: Kind, name: string, at: number): void => lineOf(kind).join(name, at),
    /** A write is let through. @returns how to give it back the time that it was promised. */
    redeem(kind: Kind, name: string, now: number): () => void {
      const { timeOf, leave, join } = lineOf(kind);
      const at = timeOf(name, now);
      leave(name);
      return () => at !== undefined && join(name, at);
    },
    /** What other processes have spent, oldest first: replaces what was known of them. */
    learn(others: readonly Spending[]): void {
      for (const { limit, learn } of all) learn(others.map((one) => ({ at: one.at, cost: one[limit.unit] })));
    },
    /** Since when spending matters, for each unit. */
    since(now: number): AdmissionTimes["since"] {
      const longest = (unit: Limit["unit"]) =>
        Math.max(0, ...all.map(({ limit }) => (limit.unit === unit ? limit.ms : 0)));
      return { points: now - longest("points"), writes: now - longest("writes") };
    },
    isEmpty: (now: number): boolean => all.every(({ used }) => used(now) === 0),
  };
}

/**
 * What reports meet: a fifth less than the limit, for writes to come, in a window that is longer by the grace of a promise.
 * A write that waits, also in another process, was promised a time at which the limit's window is still full. Up to the
 * grace after that time the longer window is, too, so that no report takes its place, and no process needs the others' lines.
 */
function leftForReports({ unit, most, ms }: Limit): Limit {
  return { unit, most: Math.floor((most * 4) / 5), ms: ms + GRACE_MS };
}

type Entry = { readonly at: number; readonly cost: number; readonly byOthers?: true };

/** Keeps account of one limit, from the answers to the requests: by then GitHub has counted them. */
function slidingWindow(limit: Limit) {
  const { most, ms } = limit;
  /** Oldest first; those before `first` have left the window. */
  let spent: Entry[] = [];
  let first = 0;
  let sum = 0;
  let reserved = 0;

  function moveTo(now: number): void {
    // The clock was set back: what lies ahead of it now was spent at the latest now.
    if ((spent.at(-1)?.at ?? 0) > now) spent = spent.map((each) => ({ ...each, at: Math.min(each.at, now) }));
    for (let oldest = spent[first]; oldest && oldest.at <= now - ms; oldest = spent[++first]) sum -= oldest.cost;
    if (first <= spent.length / 2) return;
    spent = spent.slice(first);
    first = 0;
  }

  return {
    limit,
    reserve(cost: number): void {
      reserved += cost;
    },
    settle(cost: number, at: number | undefined): void {
      reserved -= cost;
      if (at === undefined || cost === 0) return;
      moveTo(at);
      spent.push({ at, cost });
      sum += cost;
    },
    learn(others: readonly Entry[]): void {
      const ours = spent.slice(first).filter(({ byOthers }) => !byOthers);
      const theirs = others.filter(({ cost }) => cost > 0).map((each) => ({ ...each, byOthers: true as const }));
      spent = [...ours, ...theirs].sort((a, b) => a.at - b.at);
      first = 0;
      sum = spent.reduce((total, { cost }) => total + cost, 0);
    },
    /** Reserved, or spent within the window. */
    used(now: number): number {
      moveTo(now);
      return sum + reserved;
    },
    /**
     * When this much more fits in, not before `from`.
     * @param kept is left free for others.
     * @param promised times at which others spend as much, earliest first.
     */
    opensAt(cost: number, from: number, kept: number, promised: readonly number[]): number {
      if (cost === 0) return from;
      // More than ever fits is let through when nothing else is there: it would wait for ever.
      const free = Math.max(most - kept, cost) - cost;
      const fits = Math.floor(free / cost);
      if (promised.length > fits) return Math.max(from, promised.at(-1 - fits) ?? 0) + ms;
      let room = free - promised.length * cost - reserved;
      if (room < 0) return from + ms;
      moveTo(from);
      if (sum <= room) return from;
      for (let at = spent.length - 1; at >= first; at--) {
        room -= spent[at]!.cost;
        if (room < 0) return Math.max(from, spent[at]!.at + ms);
      }
      return from;
    },
  };
}

/**
 * The line of writes that were rejected for now, each with the time that it was promised. Without it all would be told
 * the same time, and all but a few be rejected again and again. A write that gets a later time keeps its place.
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
    /** The times of those ahead of this name: of all when it has no place. */
    ahead(name: string | undefined, now: number): number[] {
      tidy(now);
      const times: number[] = [];
      for (const [other, at] of line) {
        if (other === name) break;
        times.push(at);
      }
      return times;
    },
    /** Takes a place at the end, or keeps the one that it has. */
    join: (name: string, at: number): void => void line.set(name, at),
    leave: (name: string): void => void line.delete(name),
  };
}
