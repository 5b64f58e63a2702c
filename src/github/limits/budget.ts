import type { AdmissionTimes, Limit, Spending } from "../../model/limits.ts";

/**
 * What a request does at GitHub, which decides what it costs. A report is a write that takes no room from other
 * requests.
 */
export type Kind = "read" | "write" | "report";

export type Cost = Pick<Spending, "points" | "writes">;

/** @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit */
export const COST = {
  read: { points: 1, writes: 0 },
  write: { points: 5, writes: 1 },
  report: { points: 5, writes: 1 },
} satisfies Readonly<Record<Kind, Cost>>;

/**
 * What GraphQL takes from the limits that all requests share. Its points are counted elsewhere. A mutation creates
 * content like a write.
 */
export const SHARED_COST = {
  read: { points: 0, writes: 0 },
  write: { points: 0, writes: 1 },
  report: { points: 0, writes: 1 },
} satisfies Readonly<Record<Kind, Cost>>;

/** A promised time that is not used within this span goes to others. */
export const GRACE_MS = 30_000;

/** Not before a time (epoch milliseconds), and why, as a clause: "the limit of 80 writes in 60 s is used up". */
export type NotYet = { readonly notBefore: number; readonly why: string };

export type Budget = ReturnType<typeof openBudget>;

/** What an account may spend under GitHub's limits, what it has spent, and the times promised to its writes. */
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
      const what = `${isLeft ? "the share for reports" : "the limit"} of ${most} ${unit} in ${ms / 1000} s`;
      latest = { notBefore, why: `${what} is used up` };
    }
    return latest;
  }

  /**
   * Points kept for writes of the same span, up to half of all. A write whose reads are done never waits for other
   * reads.
   */
  function keptForWrites({ most, ms }: Limit, now: number): number {
    const writes = windows.find(({ limit }) => limit.unit === "writes" && limit.ms === ms);
    if (!writes) return 0;
    const all = Math.min(writes.limit.most, Math.floor(most / 2 / COST.write.points));
    return Math.max(0, all - writes.used(now)) * COST.write.points;
  }

  return {
    /** When this may be sent, not before `from`, and what it waits for. `name` is the write's name in the line. */
    opening(kind: Kind, name: string, cost: Cost, from: number, now: number): NotYet {
      if (kind === "read") return opensAt(kind, cost, from, []);
      const promised = lineOf(kind).timeOf(name, now);
      if (promised !== undefined && promised > now) {
        return { notBefore: Math.max(from, promised), why: "other writes are ahead of it" };
      }
      // A write whose time has come competes only with what is spent. Any other write also waits for the times promised
      // to those ahead.
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
    /**
     * Counts as spent now, until the returned function is called: with the time when it was spent, or with undefined if
     * it was not.
     */
    reserve(cost: Cost): (at: number | undefined) => void {
      for (const { limit, reserve } of all) reserve(cost[limit.unit]);
      return (at) => {
        for (const { limit, settle } of all) settle(cost[limit.unit], at);
      };
    },
    /** Promises a write that it may pass at this time. */
    promise: (kind: Kind, name: string, at: number): void => lineOf(kind).join(name, at),
    /** A write is admitted. @returns a function that restores its promised time. */
    redeem(kind: Kind, name: string, now: number): () => void {
      const { timeOf, leave, join } = lineOf(kind);
      const at = timeOf(name, now);
      leave(name);
      return () => at !== undefined && join(name, at);
    },
    /** What other processes have spent, oldest first. Replaces what was known about them. */
    learn(others: readonly Spending[]): void {
      for (const { limit, learn } of all) learn(others.map((one) => ({ at: one.at, cost: one[limit.unit] })));
    },
    /** For each unit, the time since which spending matters. */
    since(now: number): AdmissionTimes["since"] {
      const longest = (unit: Limit["unit"]) =>
        Math.max(0, ...all.map(({ limit }) => (limit.unit === unit ? limit.ms : 0)));
      return { points: now - longest("points"), writes: now - longest("writes") };
    },
    isEmpty: (now: number): boolean => all.every(({ used }) => used(now) === 0),
  };
}

/**
 * The limit for reports: a fifth below the real limit, to leave room for later writes, in a window that is longer by
 * the grace of a promise. A waiting write, even in another process, has a promised time when the real window is still
 * full. Until the grace after that time ends, the longer window is full too. So no report takes the write's place, and
 * no process needs to know the lines of the others.
 */
function leftForReports({ unit, most, ms }: Limit): Limit {
  return { unit, most: Math.floor((most * 4) / 5), ms: ms + GRACE_MS };
}

type Entry = { readonly at: number; readonly cost: number; readonly byOthers?: true };

/** Tracks one limit from the times of the answers: by then GitHub has counted the requests. */
function slidingWindow(limit: Limit) {
  const { most, ms } = limit;
  /** Oldest first. Entries before `first` have left the window. */
  let spent: Entry[] = [];
  let first = 0;
  let sum = 0;
  let reserved = 0;

  function moveTo(now: number): void {
    // The clock was set back. What now lies in the future was spent by now.
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
     * When a request of this cost fits, not before `from`.
     * @param kept room left free for others.
     * @param promised times at which others spend as much, earliest first.
     */
    opensAt(cost: number, from: number, kept: number, promised: readonly number[]): number {
      if (cost === 0) return from;
      // A request larger than the limit passes when nothing else is in the window. Otherwise it would wait forever.
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
 * The line of rejected writes, each with its promised time. Without it all of them would get the same time, and most
 * would be rejected again and again. A write that gets a later time keeps its place.
 */
function waitingLine() {
  /** In order of arrival. */
  const line = new Map<string, number>();
  let tidiedAt = 0;

  function tidy(now: number): void {
    // The clock was set back, so the times mean nothing any more.
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
    /** The times of all writes ahead of this name. All times if it has no place. */
    ahead(name: string | undefined, now: number): number[] {
      tidy(now);
      const times: number[] = [];
      for (const [other, at] of line) {
        if (other === name) break;
        times.push(at);
      }
      return times;
    },
    /** Takes a place at the end, or keeps the present one. */
    join: (name: string, at: number): void => void line.set(name, at),
    leave: (name: string): void => void line.delete(name),
  };
}
