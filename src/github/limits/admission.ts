import { randomUUID } from "node:crypto";
import type { Clock } from "../../model/clock.ts";
import { type Admitted, type LimitLog, type Others, RESERVED_MS } from "../../model/limits.ts";
import { type Budget, COST, type Kind, type NotYet } from "./budget.ts";
import type { AccountPause } from "./pause.ts";
import { type ShareInFlight, shareInFlight } from "./share.ts";

/** Room for one request. */
export type Room = {
  /** The request was answered, or nobody knows what became of it (epoch milliseconds); with undefined it was never sent. */
  settle(at: number | undefined): void;
  /** Until when the request may be sent, epoch milliseconds. */
  readonly usableUntil: number;
};

export type AdmissionNeeds = {
  readonly account: string;
  readonly clock: Clock;
  readonly log: Pick<LimitLog, "admit" | "settle">;
  /** Told once why the log cannot be asked, and with undefined that it can be again. */
  readonly onTrouble?: (trouble: unknown) => void;
  /** Whoever would wait longer is rejected, ms. */
  readonly patienceMs?: number;
};

/** Long enough for a window to move on a little, short enough for a caller who waits. */
const PATIENCE_MS = 3000;

/** While the log cannot be asked, it is asked again after so long, ms. */
const AWAY_MS = 1000;

/** Writes first, whose reads are done already. */
const RANKS = { write: 0, read: 1, reservation: 2 };

type Waiter = {
  readonly what: keyof typeof RANKS;
  readonly name: string;
  /** That was reserved for it before. */
  readonly room: Room | undefined;
  /** Rejected when it cannot be admitted by then. */
  readonly deadline: number;
  answer(room: Room | NotYet): void;
};

/** A waiter for whom there is room, once it is stored. */
type Granted = { readonly waiter: Waiter; readonly room: Room; readonly admitted: Admitted; undo(): void };

/**
 * Who may send, and when. Whoever needs room waits for a moment at most, and is admitted together with all who wait then:
 * the log is told of them before any of them is. Where no limits are in force nothing is counted, and nobody is asked.
 */
export function openAdmission(
  budget: Budget,
  pause: AccountPause,
  isCounted: boolean,
  { account, clock, log, onTrouble, patienceMs = PATIENCE_MS }: AdmissionNeeds,
) {
  const share: ShareInFlight = shareInFlight(clock);
  const waiters = new Set<Waiter>();
  let inFlight = 0;
  let cancelAlarm = () => {};
  /** Until then the log is not asked: it could not be. 0 when it can. */
  let awayUntil = 0;

  /**
   * Admits who may go, rejects who would wait too long, and wakes when the next may go. Answers all but those for whom it
   * finds new room.
   * @param isInformed about the others. Else they are asked about whoever needs new room and might get it.
   */
  function decide(isInformed: boolean): Granted[] {
    cancelAlarm();
    const now = clock.now();
    const granted: Granted[] = [];
    let wakeAt = Number.POSITIVE_INFINITY;
    let mustAsk = false;
    for (const waiter of [...waiters].sort(byTurn)) {
      const opening = openingFor(waiter, now);
      const mayGo = opening.notBefore <= now;
      if (!mayGo && opening.notBefore <= waiter.deadline) wakeAt = Math.min(wakeAt, opening.notBefore);
      else if (mayGo && waiter.what !== "reservation" && inFlight >= Math.min(pause.cap(), share.most())) continue;
      else if (!isInformed && waiter.room === undefined && awayUntil <= now) mustAsk = true;
      else if (!mayGo) reject(waiter, opening);
      else granted.push(...grant(waiter, now));
    }
    cancelAlarm = wakeAt < Number.POSITIVE_INFINITY ? clock.alarm(wakeAt, letThrough) : () => {};
    if (mustAsk) ask();
    return granted;
  }

  function letThrough(): void {
    if (waiters.size > 0) decide(false);
  }

  function openingFor({ what, name, room }: Waiter, now: number): NotYet {
    const from = pause.until(now);
    const silence = { notBefore: from, why: "GitHub has set a limit and asked for silence" };
    if (room) return silence;
    // The clock may be set back in the middle.
    awayUntil = Math.min(awayUntil, now + AWAY_MS);
    if (awayUntil > from) return { notBefore: awayUntil, why: AWAY };
    const spent = budget.opening(what === "read" ? "read" : "write", name, from, now);
    return spent.notBefore > from ? spent : silence;
  }

  function grant(waiter: Waiter, now: number): Granted[] {
    const { what, name, room } = waiter;
    waiters.delete(waiter);
    const unredeem = what === "read" ? () => {} : budget.redeem(name, now);
    if (what !== "reservation") inFlight++;
    if (room) {
      waiter.answer(room);
      return [];
    }
    const { withdraw, ...found } = roomFor(what === "read" ? "read" : "write", now);
    const undo = () => {
      waiters.add(waiter);
      withdraw();
      unredeem();
      if (what !== "reservation") inFlight--;
    };
    return [{ waiter, ...found, undo }];
  }

  /** Room, which the others know of once it is stored as `admitted`. A read is spent with that, a write reserved. */
  function roomFor(kind: Kind, at: number): { room: Room; admitted: Admitted; withdraw: () => void } {
    const settle = budget.reserve(kind);
    const spending = { at, ...COST[kind] };
    const withdraw = () => settle(undefined);
    if (kind === "read" || !isCounted) {
      return { room: { settle, usableUntil: Number.POSITIVE_INFINITY }, admitted: spending, withdraw };
    }
    const id = randomUUID();
    const room = {
      settle(sentAt: number | undefined) {
        settle(sentAt);
        // When it cannot be stored, the others count it for longer than they need to.
        log.settle(id, sentAt).catch(() => {});
      },
      // What is sent then is answered before the others take the room back.
      usableUntil: at + RESERVED_MS / 2,
    };
    return { room, admitted: { id, ...spending }, withdraw };
  }

  function reject(waiter: Waiter, notYet: NotYet): void {
    waiters.delete(waiter);
    if (waiter.what !== "read" && notYet.why !== AWAY) budget.promise(waiter.name, notYet.notBefore);
    waiter.answer(notYet);
  }

  const ask = oneAtATime(async () => {
    let granted: readonly Granted[] = [];
    const undo = () => {
      for (const each of granted) each.undo();
      granted = [];
    };
    const decideWith = (others: Others | undefined): readonly Admitted[] => {
      undo();
      if (others) {
        budget.learn(others.spent);
        share.learn(others.replicas);
        if (others.pause) pause.heard(others.pause);
      }
      granted = decide(true);
      return granted.map(({ admitted }) => admitted);
    };
    try {
      if (isCounted) await store(decideWith);
      else decideWith(undefined);
    } catch (error) {
      undo();
      if (awayUntil === 0) onTrouble?.(error);
      awayUntil = clock.now() + AWAY_MS;
      letThrough();
      return;
    }
    if (awayUntil > 0) onTrouble?.(undefined);
    awayUntil = 0;
    if (granted.length > 0) share.noted();
    for (const { waiter, room } of granted) waiter.answer(room);
  });

  function store(decideWith: Parameters<LimitLog["admit"]>[2]): Promise<void> {
    const now = clock.now();
    return log.admit(account, { now, since: budget.since(now) }, decideWith);
  }

  return {
    /** Resolves with room for one request once it may be sent, in flight from then on, or with when it will be. */
    enter(what: Waiter["what"], name: string, room?: Room): Promise<Room | NotYet> {
      return new Promise((answer) => {
        waiters.add({ what, name, room, deadline: clock.now() + patienceMs, answer });
        letThrough();
      });
    },
    /** Room for another request that follows on one in flight: a redirect leads there. */
    follow(kind: Kind): Room {
      const { room, admitted } = roomFor(kind, clock.now());
      if (isCounted) store(() => [admitted]).catch(() => {});
      return room;
    },
    /** A request is not in flight any more. */
    leave(): void {
      inFlight--;
      letThrough();
    },
    letThrough,
    inFlight: (): number => inFlight,
    waiting: (): number => waiters.size,
    close(notYet: NotYet): void {
      cancelAlarm();
      for (const waiter of waiters) waiter.answer(notYet);
      waiters.clear();
    },
  };
}

const AWAY = "the database cannot be asked what the other replicas have used of the limits";

const byTurn = (a: Waiter, b: Waiter): number => RANKS[a.what] - RANKS[b.what] || a.deadline - b.deadline;

/** Carries out `work` once for all who ask while nothing is under way, and once more for all who ask meanwhile. */
function oneAtATime(work: () => Promise<void>): () => void {
  let isUnderWay = false;
  let isAskedFor = false;
  async function go(): Promise<void> {
    isUnderWay = true;
    while (isAskedFor) {
      isAskedFor = false;
      await work();
    }
    isUnderWay = false;
  }
  return () => {
    isAskedFor = true;
    if (!isUnderWay) void go();
  };
}
