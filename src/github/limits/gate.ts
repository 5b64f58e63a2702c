import type { Clock } from "../../model/clock.ts";
import type { AccountLimits, Admitted, Limit, LimitLog, Others, Pause } from "../../model/limits.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import type { Answer } from "../http.ts";
import { waitingLine } from "../line.ts";
import { oneAtATime } from "../one-at-a-time.ts";
import { isOverallQuota, limitWord } from "./limit-answers.ts";
import { pauses } from "./pause.ts";
import { type ShareInFlight, shareInFlight } from "./share-in-flight.ts";
import { sharedRoom } from "./shared-room.ts";
import { type Held, type Kind, type Refused, spendingWindows } from "./spending.ts";

/** Room for one write, kept until the write is sent or it is given back. */
export type Reservation = {
  /** Gives the room back, if it was not used. */
  release(): void;
};

/**
 * Who sends. A write that is refused gets a place in the line of writes under this name, and is let through at the time
 * that it was told.
 */
type Writer = { readonly name: string; readonly reservation?: Reservation | undefined };

export type Sent = {
  readonly answer: Answer;
  /** The answer is a limit: nothing may be sent before this time (epoch milliseconds). */
  readonly notBefore: number | undefined;
};

/**
 * What stands between the service and GitHub for one account: a cap on what is in flight, the windows of GitHub's
 * documented limits, and one pause for everybody. Waits for a few seconds at most; what would have to wait longer is
 * refused with the time at which it will be let through, so that a store can keep it instead of memory.
 */
export type Gate = {
  /**
   * Sends when it may. `send` calls `begin` right before each request that it puts on the wire: until then it may have
   * waited for a connection, and a redirect makes another one. `begin` throws when a pause has begun in between, or its
   * room has lapsed, and `send` is called again when it may. Rejects with what else `send` rejects with.
   */
  pass(kind: Kind, send: (begin: () => void) => Promise<Answer>, writer: Writer): Promise<Sent | Refused>;
  /** Keeps room for a write, so that what must be read for it is not read in vain. */
  reserve(name: string): Promise<Reservation | Refused>;
  /** Another process of the deployment was told to be silent, or had an ordinary answer after that. */
  hear(pause: Pause, options?: { isOver: boolean }): void;
  /** Nothing is in flight, nobody waits, and nothing has to be remembered. */
  isIdle(): boolean;
  state(): GateState;
  /** Lets nothing through any more. */
  close(): void;
};

type GateState = {
  readonly inFlight: number;
  readonly waiting: number;
  /** Epoch milliseconds; undefined when nothing is paused. */
  readonly pausedUntil: number | undefined;
  /** What GitHub last said is left of the hourly quota. */
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetsAt: number } | undefined;
  /** When its token ends, as GitHub last said, epoch milliseconds; known only with `onExpiry`. */
  readonly tokenExpiresAt: number | undefined;
};

export type GateNeeds = {
  readonly account: string;
  readonly limits: readonly Limit[];
  readonly clock: Clock;
  readonly log: Pick<LimitLog, "spend" | "pause" | "shared">;
  readonly known?: AccountLimits | undefined;
  /** What this replica may have in flight, where others share the log. */
  readonly share?: ShareInFlight;
  /** Told when GitHub asks for silence, and until when (epoch milliseconds). */
  readonly onPause?: (until: number, answer: Answer) => void;
  /** Told when the token ends, whenever GitHub says another time than before. */
  readonly onExpiry?: (expiresAt: number) => void;
  /** Told once why the log that is shared cannot be asked, and with undefined that it can be again. */
  readonly onTrouble?: (trouble: unknown) => void;
  /** Whoever would wait longer is refused, ms. */
  readonly patienceMs?: number;
};

/** DESIGN: GitHub allows 100 requests in flight for an account, which it may share with others. */
const MAX_IN_FLIGHT = 50;

/** While the log that is shared cannot be asked, it is asked again after so long, ms. */
const AWAY_MS = 1000;

/** Long enough for a window to move on a little, short enough for a caller who waits. */
const PATIENCE_MS = 3000;

type Waiter = {
  readonly what: Kind | "reservation";
  readonly name: string;
  readonly reserved: Held | undefined;
  /** Refused when it cannot be let through by then. */
  readonly deadline: number;
  answer(held: Held | Refused): void;
};

/** A waiter for whom there is room, if the others hear of it. */
type Granted = { readonly waiter: Waiter; readonly held: Held; readonly place: number | undefined };

/** Writes first, whose reads are done already. */
const RANKS = ["write", "read", "reservation"] as const;

/** A pause that grows by less is the same pause, told by another answer. */
const SAME_PAUSE_MS = 1000;

export function openGate({
  account,
  limits,
  clock,
  log,
  known,
  share = shareInFlight(),
  onPause,
  onExpiry,
  onTrouble,
  patienceMs = PATIENCE_MS,
}: GateNeeds): Gate {
  // What cannot be stored is still known here; that the store is away is noticed where runs are stored.
  const spending = spendingWindows(limits, known?.spent ?? [], (spent, since) => {
    log.spend(account, spent, since).catch(() => {});
  });
  const pause = pauses(known?.pause, keepPause);
  /** Where other processes spend, too, nothing is spent without their knowledge. */
  const shared = limits.length > 0 ? log.shared : undefined;
  const maxInFlight = () => (shared ? share.most() : MAX_IN_FLIGHT);
  const line = waitingLine();
  const reservations = new WeakMap<Reservation, Held>();
  let waiters: Waiter[] = [];
  let inFlight = 0;
  /** How much may be in flight: falls to one with a pause, and doubles with every round of ordinary answers. */
  let cap = MAX_IN_FLIGHT;
  let quota: GateState["quota"];
  let tokenExpiresAt: number | undefined;
  let cancelAlarm = () => {};
  let cancelKeeping = () => {};
  let closed = false;
  /** Until then the shared log is not asked: it could not be. */
  let awayUntil = 0;
  let isAway = false;

  function keepPause(next: Pause | undefined, over?: Pause): void {
    log.pause(account, next, over).catch(() => {
      // The others have to know of it as soon as they can.
      const again = () => void (next?.until === pause.until(clock.now()) && keepPause(next));
      cancelKeeping();
      if (log.shared && !closed) cancelKeeping = clock.alarm(clock.now() + AWAY_MS, again);
    });
  }

  function enter(what: Waiter["what"], name: string, reserved?: Held): Promise<Held | Refused> {
    return new Promise((answer) => {
      if (closed) return answer({ notBefore: clock.now(), why: CLOSED });
      waiters.push({ what, name, reserved, deadline: clock.now() + patienceMs, answer });
      letThrough();
    });
  }

  function letThrough(): void {
    if (waiters.length === 0) return;
    for (const { waiter, held } of decide(shared === undefined)) waiter.answer(held);
  }

  /**
   * Admits whoever may go, refuses whoever would wait too long, and wakes when the next may go. Answers all but those
   * for whom it finds new room.
   * @param isAlone nobody else spends now. Else the others are asked about whoever needs new room and might get it.
   */
  function decide(isAlone: boolean): readonly Granted[] {
    cancelAlarm();
    const granted: Granted[] = [];
    let mustAsk = false;
    const now = clock.now();
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const what of RANKS) {
      for (const waiter of waiters.filter((each) => each.what === what)) {
        const opening = openingFor(waiter, now);
        const wait = opening.notBefore - now;
        const isKnown = isAlone || waiter.reserved !== undefined || awayUntil > now;
        if (wait > 0 && opening.notBefore <= waiter.deadline) wakeAt = Math.min(wakeAt, opening.notBefore);
        else if (wait <= 0 && what !== "reservation" && inFlight >= Math.min(cap, maxInFlight())) continue;
        else if (!isKnown) mustAsk = true;
        else if (wait > 0) refuse(waiter, opening);
        else granted.push(...admit(waiter, now));
      }
    }
    cancelAlarm = wakeAt < Number.POSITIVE_INFINITY ? clock.alarm(wakeAt, letThrough) : () => {};
    if (mustAsk) askOthers();
    return granted;
  }

  function admit(waiter: Waiter, now: number): Granted[] {
    waiters = waiters.filter((each) => each !== waiter);
    const { what, name, reserved } = waiter;
    const place = what === "read" ? undefined : line.placeOf(name, now);
    if (what !== "read") line.leave(name);
    if (what !== "reservation") inFlight++;
    if (!reserved) return [{ waiter, held: spending.hold(kindOf(waiter)), place }];
    waiter.answer(reserved);
    return [];
  }

  function takeBack(granted: readonly Granted[]): void {
    waiters = [...granted.map(({ waiter }) => waiter), ...waiters];
    for (const { waiter, held, place } of granted) {
      held.giveBack();
      if (waiter.what !== "reservation") inFlight--;
      if (place !== undefined) line.join(waiter.name, place);
    }
  }

  function refuse(waiter: Waiter, refused: Refused): void {
    waiters = waiters.filter((each) => each !== waiter);
    if (waiter.what !== "read" && refused.why !== AWAY) line.join(waiter.name, refused.notBefore);
    waiter.answer(refused);
  }

  const askOthers = oneAtATime(async () => {
    let granted: readonly Granted[] = [];
    const rooms = new Map<Waiter, Held>();
    const now = clock.now();
    const decideAlone = (others: Others): readonly Admitted[] => {
      takeBack(granted);
      spending.learn(others.spent);
      share.learn(others.replicas, clock.now());
      if (others.pause && pause.heard(others.pause, clock.now())) cap = 1;
      granted = decide(true);
      return granted.map(({ waiter, held }) => {
        const { room, admitted } = sharedRoom(kindOf(waiter), held, { now: clock.now(), shared: shared! });
        rooms.set(waiter, room);
        return admitted;
      });
    };
    try {
      await shared!.admit(account, { now, since: spending.since(now) }, decideAlone);
      if (isAway) onTrouble?.(undefined);
      isAway = false;
      for (const { waiter } of granted) waiter.answer(rooms.get(waiter)!);
    } catch (error) {
      if (!isAway) onTrouble?.(error);
      isAway = true;
      takeBack(granted);
      awayUntil = clock.now() + AWAY_MS;
      letThrough();
    }
  });

  function openingFor({ what, name, reserved }: Waiter, now: number): Refused {
    const from = pause.until(now);
    const silence = { notBefore: from, why: "GitHub has set a limit and asked for silence" };
    if (reserved) return silence;
    // The clock may be set back in the middle.
    awayUntil = Math.min(awayUntil, now + AWAY_MS);
    if (awayUntil > from) return { notBefore: awayUntil, why: AWAY };
    const spent = what === "read" ? spending.opensAt("read", from, []) : writeOpening(name, from, now);
    return spent.notBefore > from ? spent : silence;
  }

  /** Whose time has come meets only what is spent; everybody else also what was promised to those ahead. */
  function writeOpening(name: string, from: number, now: number): Refused {
    const promise = line.placeOf(name, now);
    if (promise !== undefined && promise > now) {
      return { notBefore: Math.max(from, promise), why: "others were promised their turn before" };
    }
    if (promise !== undefined) {
      const due = spending.opensAt("write", from, []);
      if (due.notBefore <= now) return due;
    }
    return spending.opensAt("write", from, line.ahead(name));
  }

  function heard(answer: Answer, episode: number): number | undefined {
    const now = clock.now();
    quota = quotaIn(answer) ?? quota;
    const end = onExpiry && expiryIn(answer);
    if (end !== undefined && end !== tokenExpiresAt) {
      tokenExpiresAt = end;
      onExpiry?.(end);
    }
    const before = pause.until(now);
    const word = limitWord(answer, now);
    const until = word?.refused
      ? pause.limited(word.until, episode, now)
      : word?.until !== undefined && word.until > before + (before === now ? 0 : SAME_PAUSE_MS)
        ? pause.announced(word.until, now)
        : undefined;
    if (until !== undefined) {
      cap = 1;
      if (before === now || until > before + SAME_PAUSE_MS) onPause?.(until, answer);
    } else if (answer.status < 500 && episode === pause.episode()) {
      pause.passed();
      cap = Math.min(MAX_IN_FLIGHT, cap + 1);
    }
    return word?.refused ? until : undefined;
  }

  return {
    async pass(kind, send, { name, reservation }) {
      let room = reservation && reservations.get(reservation);
      if (reservation) reservations.delete(reservation);
      for (;;) {
        if (room && hasLapsed(room, clock.now())) {
          room.giveBack();
          room = undefined;
        }
        const held = await enter(kind, name, room);
        if ("notBefore" in held) {
          room?.giveBack();
          letThrough();
          return held;
        }
        room = held;
        let episode = pause.episode();
        const begun: Held[] = [];
        const begin = () => {
          const now = clock.now();
          if (pause.until(now) > now || (room && hasLapsed(room, now))) throw new NotNow();
          episode = pause.episode();
          const one = room ?? spending.hold(kind);
          room = undefined;
          one.note(now);
          begun.push(one);
        };
        try {
          const answer = await send(begin);
          room?.giveBack();
          return { answer, notBefore: heard(answer, episode) };
        } catch (error) {
          if (error instanceof NotNow) continue;
          room?.giveBack();
          throw error;
        } finally {
          inFlight--;
          // By the time of the answer GitHub has counted it; by the time of sending it has not.
          for (const one of begun) one.settle(clock.now());
          letThrough();
        }
      }
    },
    async reserve(name) {
      const held = await enter("reservation", name);
      if ("notBefore" in held) return held;
      const reservation: Reservation = {
        release() {
          if (!reservations.delete(reservation)) return;
          held.giveBack();
          letThrough();
        },
      };
      reservations.set(reservation, held);
      return reservation;
    },
    hear(told, { isOver } = { isOver: false }) {
      if (isOver) pause.heardOver(told);
      else if (pause.heard(told, clock.now())) cap = 1;
      letThrough();
    },
    isIdle: () =>
      inFlight === 0 && waiters.length === 0 && !pause.isKnown(clock.now()) && spending.isEmpty(clock.now()),
    state() {
      const until = pause.until(clock.now());
      return {
        inFlight,
        waiting: waiters.length,
        pausedUntil: until > clock.now() ? until : undefined,
        quota,
        tokenExpiresAt,
      };
    },
    close() {
      closed = true;
      cancelAlarm();
      cancelKeeping();
      for (const { answer } of waiters.splice(0)) answer({ notBefore: clock.now(), why: CLOSED });
    },
  };
}

const CLOSED = "the service is stopping";

const AWAY = "the database cannot be asked what the other replicas have used of the limits";

const kindOf = ({ what }: Waiter): Kind => (what === "read" ? "read" : "write");

const hasLapsed = ({ usableUntil = Number.POSITIVE_INFINITY }: Held, now: number): boolean => usableUntil < now;

/** A pause has begun, or room has lapsed, after the request was let through and before it was sent. */
class NotNow extends Error {}

function quotaIn({ headers }: Answer): GateState["quota"] {
  const [limit = Number.NaN, remaining = Number.NaN, reset = Number.NaN] = ["limit", "remaining", "reset"].map((name) =>
    Number(headers[`x-ratelimit-${name}`] ?? Number.NaN),
  );
  const known = isOverallQuota(headers) && Number.isFinite(limit + remaining + reset);
  return known ? { limit, remaining, resetsAt: reset * 1000 } : undefined;
}
