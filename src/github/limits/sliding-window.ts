import type { Limit } from "../../model/limits.ts";

/** Something that is, was or will be spent at a time (epoch milliseconds). */
type Entry = { readonly at: number; readonly cost: number; readonly byOthers?: true };

/** Keeps account of one limit. What is held counts as if it were spent at every moment, until it is settled. */
export type SlidingWindow = {
  readonly limit: Limit;
  hold(cost: number): void;
  /** What was held is spent now, or with undefined not at all. */
  settle(cost: number, at: number | undefined): void;
  /** What was spent, in the order of time, before this window was opened. */
  recall(cost: number, at: number): void;
  /** What other processes have spent, in the order of time: replaces what was known of them. */
  learn(others: readonly Entry[]): void;
  /**
   * When this much more fits in, not before `from` (epoch milliseconds).
   * @param kept is left free for others.
   * @param booked what was promised to others for times to come, earliest first.
   */
  opensAt(cost: number, from: number, kept?: number, booked?: readonly Entry[]): number;
  /** Held, or spent within the window. */
  used(now: number): number;
};

export function slidingWindow(limit: Limit): SlidingWindow {
  const { most, ms } = limit;
  let spent: Entry[] = [];
  /** Entries before this one have left the window. */
  let first = 0;
  let sum = 0;
  let held = 0;

  function add(cost: number, at: number): void {
    notAfter(at);
    spent.push({ at, cost });
    sum += cost;
    forgetBefore(at - ms);
  }

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
    if (first > spent.length / 2 && first > 0) {
      spent = spent.slice(first);
      first = 0;
    }
  }

  return {
    limit,
    hold: (cost) => {
      held += cost;
    },
    settle(cost, at) {
      held -= cost;
      if (at !== undefined) add(cost, at);
    },
    recall: add,
    learn(others) {
      const own = spent.slice(first).filter(({ byOthers }) => !byOthers);
      spent = [...own, ...others.map((entry) => ({ ...entry, byOthers: true as const }))].sort((a, b) => a.at - b.at);
      first = 0;
      sum = spent.reduce((total, { cost }) => total + cost, 0);
    },
    used(now) {
      notAfter(now);
      forgetBefore(now - ms);
      return sum + held;
    },
    opensAt(cost, from, kept = 0, booked = []) {
      notAfter(from);
      // More than ever fits is let through when nothing else is there: it would wait for ever.
      let room = Math.max(most - kept, cost) - cost;
      for (let at = booked.length - 1; at >= 0; at--) {
        room -= booked[at]!.cost;
        if (room < 0) return Math.max(from, booked[at]!.at) + ms;
      }
      room -= held;
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
