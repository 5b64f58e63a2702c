import type { AdmissionTimes, Limit, Spending } from "../../model/limits.ts";
import { type SlidingWindow, slidingWindow } from "./sliding-window.ts";

/** What a request does at GitHub, and so what it costs. */
export type Kind = "read" | "write";

/** Not let through: not before a time (epoch milliseconds), and why, as a clause: "80 writes a minute are used up". */
export type Refused = { readonly notBefore: number; readonly why: string };

/** @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit */
export const COST = { read: { points: 1, writes: 0 }, write: { points: 5, writes: 1 } } as const;

/** Room that was kept for one request. */
export type Held = {
  /** It is about to be sent (epoch milliseconds): from now on it is remembered beyond the life of the process. */
  note(at: number): void;
  /** It was answered, or nobody knows what became of it (epoch milliseconds). */
  settle(at: number): void;
  /** It was never sent. */
  giveBack(): void;
  /** Until when it may be sent, epoch milliseconds; for as long as it takes without it. */
  readonly usableUntil?: number;
};

/**
 * All windows of one account. Reads leave the points free that the writes of a window need, so that writes whose reads
 * are done never wait for reads.
 * @param note keeps what is spent, and forgets what was spent before `since`.
 */
export function spendingWindows(
  limits: readonly Limit[],
  known: readonly Spending[],
  note: (spending: Spending, since: number) => void,
) {
  const windows = limits.map(slidingWindow);
  const longestMs = Math.max(0, ...limits.map(({ ms }) => ms));
  /** Reads are noted with the next write: a write that is forgotten matters, a read hardly. */
  let readsToNote = 0;

  for (const window of windows) for (const { cost, at } of costsIn(window, known)) window.recall(cost, at);

  const each = (kind: Kind, change: (window: SlidingWindow, cost: number) => void) => {
    for (const window of windows) {
      const cost = COST[kind][window.limit.unit];
      if (cost > 0) change(window, cost);
    }
  };

  return {
    hold(kind: Kind): Held {
      each(kind, (window, cost) => window.hold(cost));
      return {
        note(at) {
          if (windows.length === 0) return;
          if (kind === "read") readsToNote++;
          else {
            note({ at, points: COST.write.points + readsToNote * COST.read.points, writes: 1 }, at - longestMs);
            readsToNote = 0;
          }
        },
        settle: (at) => each(kind, (window, cost) => window.settle(cost, at)),
        giveBack: () => each(kind, (window, cost) => window.settle(cost, undefined)),
      };
    },
    /** When one more fits into every window, and the window that it waits for. `promised`: times given to other writes. */
    opensAt(kind: Kind, now: number, promised: readonly number[]): Refused {
      let latest: Refused = { notBefore: now, why: "" };
      each(kind, (window, cost) => {
        const { unit, most, ms } = window.limit;
        const booked = promised.map((at) => ({ at, cost }));
        const kept = kind === "read" ? keptForWrites(window, now) : 0;
        const notBefore = window.opensAt(cost, now, kept, booked);
        if (notBefore > latest.notBefore) {
          latest = { notBefore, why: `the limit of ${most} ${unit} in ${ms / 1000} s is used up` };
        }
      });
      return latest;
    },
    /** What other processes have spent: replaces what was known of them. */
    learn(others: readonly Spending[]): void {
      for (const window of windows) window.learn(costsIn(window, others));
    },
    /** Since when spending matters. */
    since(now: number): AdmissionTimes["since"] {
      const ofUnit = (unit: Limit["unit"]) =>
        now - Math.max(0, ...limits.filter((limit) => limit.unit === unit).map(({ ms }) => ms));
      return { points: ofUnit("points"), writes: ofUnit("writes") };
    },
    isEmpty: (now: number): boolean => windows.every((window) => window.used(now) === 0),
  };

  /** Points that the writes of the same span still need; at most half of all. */
  function keptForWrites({ limit }: SlidingWindow, now: number): number {
    const writes = windows.find((other) => other.limit.unit === "writes" && other.limit.ms === limit.ms);
    if (!writes) return 0;
    const most = Math.min(writes.limit.most, Math.floor(limit.most / 2 / COST.write.points));
    return Math.max(0, most - writes.used(now)) * COST.write.points;
  }
}

function costsIn({ limit }: SlidingWindow, spent: readonly Spending[]): { at: number; cost: number }[] {
  return spent.map((one) => ({ at: one.at, cost: one[limit.unit] })).filter(({ cost }) => cost > 0);
}
