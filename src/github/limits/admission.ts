import { randomUUID } from "node:crypto";
import { type Admitted, type LimitLog, RESERVED_MS } from "../../model/limits.ts";
import { type Budget, type Cost, GRACE_MS, type Kind, type NotYet } from "./budget.ts";
import { requestsInFlight } from "./in-flight.ts";
import type { AccountPause, PauseOptions } from "./pause.ts";

/**
 * Room for one request. Other processes know of it once it is stored as `admitted`. For a read it then counts as spent,
 * for a write as reserved.
 */
export type Room = {
  readonly admitted: Admitted;
  /** Until when the request may be sent, epoch milliseconds. */
  readonly usableUntil: number;
  /**
   * Call it when the request was answered or lost (epoch milliseconds), or with undefined if it was never sent. Only
   * the first call counts.
   */
  settle(at: number | undefined): void;
  /** Call it if the room could not be stored. */
  withdraw(): void;
};

export type AdmissionOptions = Pick<PauseOptions, "account" | "clock"> & {
  readonly log: Pick<LimitLog, "admit" | "settle">;
  /** Called once with the reason when the log is unavailable, and with undefined when it is available again. */
  readonly onTrouble?: (trouble: unknown) => void;
  /** A request that would wait longer is rejected, ms. */
  readonly patienceMs?: number | undefined;
};

/** Long enough for a window to move on a little, short enough for a waiting caller. */
const PATIENCE_MS = 3000;

/** An unavailable log is asked again after this time, ms. */
const AWAY_MS = 1000;

type Comer = {
  readonly name: string;
  readonly cost: Cost;
  /** It does not count against the REST quota. */
  readonly isShared: boolean;
};

type Waiter = {
  readonly what: Kind | "reservation";
  readonly comer: Comer;
  /** Room that was reserved for it before. */
  readonly room: Room | undefined;
  /** It is rejected if it cannot be admitted by this time. */
  readonly deadline: number;
  answer(room: Room | NotYet): void;
};

type Granted = { readonly waiter: Waiter; readonly room: Room; undo(): void };

/** Decides what may be sent, and when. Admits all waiting requests together, once the log knows of them. */
export function openAdmission(
  { budget, pause }: { budget: Budget; pause: AccountPause },
  { account, clock, log, onTrouble, patienceMs = PATIENCE_MS }: AdmissionOptions,
) {
  const inFlight = requestsInFlight(clock, pause);
  const queue = () => new Set<Waiter>();
  /** Each queue in order of arrival. Writes come first, because their reads are done. Reports come last. */
  const waiting = { write: queue(), read: queue(), reservation: queue(), report: queue() };
  const queues = () => [waiting.write, waiting.read, waiting.reservation, waiting.report];
  let cancelAlarm = () => {};
  let isAsking = false;
  /** The log was unavailable and is not asked until then. 0 if it is available. */
  let awayUntil = 0;

  const mustStay = (what: Waiter["what"]) => what !== "reservation" && inFlight.isFull(what === "report");

  /**
   * Admits all requests that may be sent, rejects those that would wait too long, and sets an alarm for the next.
   * Answers all requests except those that get new room.
   * @param isInformed about other processes. Otherwise the log is asked about the requests that might get new room.
   */
  function decide(isInformed: boolean): Granted[] {
    cancelAlarm();
    const now = clock.now();
    const granted: Granted[] = [];
    let wakeAt = Number.POSITIVE_INFINITY;
    let mustAsk = false;
    for (const queue of queues()) {
      for (const waiter of queue) {
        if (mustStay(waiter.what)) break;
        const opening = openingFor(waiter, now);
        const mayGo = opening.notBefore <= now;
        if (!mayGo && opening.notBefore <= waiter.deadline) wakeAt = Math.min(wakeAt, opening.notBefore);
        else if (!isInformed && !waiter.room && awayUntil <= now) mustAsk = true;
        else if (mayGo) granted.push(...grant(waiter, now));
        else reject(waiter, opening);
      }
    }
    cancelAlarm = wakeAt < Number.POSITIVE_INFINITY ? clock.alarm(wakeAt, letThrough) : () => {};
    if (mustAsk && !isAsking) void ask();
    return granted;
  }

  function letThrough(): void {
    if (queues().some(({ size }) => size > 0)) decide(false);
  }

  function openingFor({ what, comer: { name, cost, isShared }, room }: Waiter, now: number): NotYet {
    const from = isShared ? pause.untilShared(now) : pause.until(now, what === "report" ? GRACE_MS : 0);
    const silence = { notBefore: from, why: "GitHub's rate limit is reached, and GitHub asked for a pause" };
    if (room) return silence;
    // The clock may be set back in between.
    awayUntil = Math.min(awayUntil, now + AWAY_MS);
    if (awayUntil > from) return { notBefore: awayUntil, why: AWAY };
    const spent = budget.opening(kindOf(what), name, cost, from, now);
    return spent.notBefore > from ? spent : silence;
  }

  function grant(waiter: Waiter, now: number): Granted[] {
    const { what } = waiter;
    const { name, cost } = waiter.comer;
    waiting[what].delete(waiter);
    const unredeem = what === "read" ? () => {} : budget.redeem(kindOf(what), name, now);
    if (what !== "reservation") inFlight.change(1);
    if (waiter.room) {
      waiter.answer(waiter.room);
      return [];
    }
    const room = roomFor(kindOf(what), cost, now);
    const undo = () => {
      room.withdraw();
      unredeem();
      if (what !== "reservation") inFlight.change(-1);
      waiting[what] = new Set([waiter, ...waiting[what]]);
    };
    return [{ waiter, room, undo }];
  }

  function reject(waiter: Waiter, notYet: NotYet): void {
    waiting[waiter.what].delete(waiter);
    if (waiter.what !== "read" && notYet.why !== AWAY) {
      budget.promise(kindOf(waiter.what), waiter.comer.name, notYet.notBefore);
    }
    waiter.answer(notYet);
  }

  async function ask(): Promise<void> {
    let granted: Granted[] = [];
    const undo = () => {
      for (const each of granted.splice(0).reverse()) each.undo();
    };
    isAsking = true;
    try {
      const now = clock.now();
      await log.admit(account, { now, since: budget.since(now) }, (others) => {
        undo();
        if (others) {
          budget.learn(others.spent);
          inFlight.learn(others.replicas);
          if (others.pause) pause.heard(others.pause);
        }
        granted = decide(true);
        return granted.map(({ room }) => room.admitted);
      });
      if (awayUntil > 0) onTrouble?.(undefined);
      awayUntil = 0;
      if (granted.length > 0) inFlight.noted();
      for (const { waiter, room } of granted) waiter.answer(room);
    } catch (error) {
      undo();
      if (awayUntil === 0) onTrouble?.(error);
      awayUntil = clock.now() + AWAY_MS;
    }
    isAsking = false;
    letThrough();
  }

  function roomFor(kind: Kind, cost: Cost, at: number): Room {
    const id = kind === "read" ? undefined : randomUUID();
    const spend = budget.reserve(cost);
    let isSettled = false;
    return {
      admitted: { at, ...cost, ...(id !== undefined && { id }) },
      // A request sent by then is answered before the other processes take back the room.
      usableUntil: id === undefined ? Number.POSITIVE_INFINITY : at + RESERVED_MS / 2,
      settle(spentAt) {
        if (isSettled) return;
        isSettled = true;
        spend(spentAt);
        // If it cannot be stored, other processes only count it for longer than needed.
        if (id !== undefined) log.settle(id, spentAt).catch(() => {});
        if (spentAt === undefined) letThrough();
      },
      withdraw: () => spend(undefined),
    };
  }

  return {
    /**
     * Resolves with room for one request once it may be sent. From then on it is in flight. Otherwise resolves with the
     * time when it may be sent.
     */
    enter(what: Waiter["what"], comer: Comer, room?: Room): Promise<Room | NotYet> {
      return new Promise((answer) => {
        // A run that waits here occupies a worker slot that a dispatch may need. Reports therefore wait in the store.
        const deadline = clock.now() + (what === "report" ? 0 : patienceMs);
        waiting[what].add({ what, comer, room, deadline, answer });
        if (room || awayUntil > 0 || mustStay(what)) letThrough();
        else if (!isAsking) void ask();
      });
    },
    /** Room for a redirected request, which follows a request in flight. */
    follow(kind: Kind, cost: Cost): Room {
      const now = clock.now();
      const room = roomFor(kind, cost, now);
      log.admit(account, { now, since: budget.since(now) }, () => [room.admitted]).catch(() => {});
      return room;
    },
    /** A request is no longer in flight. */
    leave(): void {
      inFlight.change(-1);
      letThrough();
    },
    letThrough,
    inFlight: inFlight.count,
    waiting: (): number => queues().reduce((sum, { size }) => sum + size, 0),
    close(notYet: NotYet): void {
      cancelAlarm();
      for (const queue of queues()) {
        for (const waiter of queue) waiter.answer(notYet);
        queue.clear();
      }
    },
  };
}

const AWAY = "the database cannot report how much of the limits other replicas have used";

const kindOf = (what: Waiter["what"]): Kind => (what === "reservation" ? "write" : what);
