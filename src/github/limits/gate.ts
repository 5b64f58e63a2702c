import type { AccountLimits, Limit, LimitLog, Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import { type AdmissionNeeds, openAdmission, type Room } from "./admission.ts";
import { type Kind, type NotYet, openBudget } from "./budget.ts";
import { isOverallQuota, openPause } from "./pause.ts";

/** Room for one write, kept until the write is sent or it is given back. */
export type Reservation = {
  /** Gives the room back, if it was not used. */
  release(): void;
  /** Hands the room over, if it is still there. */
  take(): Room | undefined;
};

/**
 * Who sends. A write that is rejected gets a place in the line of writes under this name, and is let through at the time
 * that it was told.
 */
type Writer = { readonly name: string; readonly reservation?: Reservation | undefined };

export type Sent = {
  readonly answer: Answer;
  /** The answer is a limit: nothing may be sent before this time (epoch milliseconds). */
  readonly notBefore: number | undefined;
};

export type GateState = {
  readonly inFlight: number;
  readonly waiting: number;
  /** Epoch milliseconds; undefined when nothing is paused. */
  readonly pausedUntil: number | undefined;
  /** What GitHub last said is left of the hourly quota. */
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetsAt: number } | undefined;
  /** When its token ends, as GitHub last said, epoch milliseconds; known only with `onExpiry`. */
  readonly tokenExpiresAt: number | undefined;
};

export type GateNeeds = AdmissionNeeds & {
  readonly limits: readonly Limit[];
  readonly log: Pick<LimitLog, "admit" | "settle" | "pause">;
  /** From before this process began. */
  readonly known?: AccountLimits | undefined;
  /** Told when GitHub asks for silence, and until when (epoch milliseconds). */
  readonly onPause?: (until: number, answer: Answer) => void;
  /** Told when the token ends, whenever GitHub says another time than before. */
  readonly onExpiry?: ((expiresAt: number) => void) | undefined;
};

export type Gate = ReturnType<typeof openGate>;

/**
 * What stands between the service and GitHub for one account: a cap on what is in flight, the windows of GitHub's
 * documented limits, and one pause for everybody. Waits for a few seconds at most; what would have to wait longer is
 * rejected with the time at which it will be let through, so that a store can keep it instead of memory.
 */
export function openGate(needs: GateNeeds) {
  const { account, limits, clock, log, known, onExpiry } = needs;
  const pause = openPause({
    known: known?.pause,
    store: (...paused) => log.pause(account, ...paused),
    clock,
    onPause: needs.onPause,
  });
  const budget = openBudget(limits, known?.spent ?? []);
  const admission = openAdmission(budget, pause, limits.length > 0, needs);
  let said: Pick<GateState, "quota" | "tokenExpiresAt"> = { quota: undefined, tokenExpiresAt: undefined };
  let closed = false;

  async function enter(what: Kind | "reservation", name: string, room?: Room): Promise<Room | NotYet> {
    return closed ? { notBefore: clock.now(), why: CLOSED } : admission.enter(what, name, room);
  }

  function heard(answer: Answer): void {
    const tokenExpiresAt = (onExpiry && expiryIn(answer)) ?? said.tokenExpiresAt;
    if (tokenExpiresAt !== undefined && tokenExpiresAt !== said.tokenExpiresAt) onExpiry?.(tokenExpiresAt);
    said = { quota: quotaIn(answer) ?? said.quota, tokenExpiresAt };
  }

  return {
    /**
     * Sends when it may. `send` calls `begin` right before each request that it puts on the wire: until then it may have
     * waited for a connection, and a redirect makes another one. `begin` throws when a pause has begun in between, or its
     * room has lapsed, and `send` is called again when it may. Rejects with what else `send` rejects with.
     */
    async pass(
      kind: Kind,
      send: (begin: () => void) => Promise<Answer>,
      { name, reservation }: Writer,
    ): Promise<Sent | NotYet> {
      let room = reservation?.take();
      for (;;) {
        if (room && hasLapsed(room, clock.now())) {
          room.settle(undefined);
          room = undefined;
        }
        const entered = await enter(kind, name, room);
        if ("notBefore" in entered) {
          room?.settle(undefined);
          admission.letThrough();
          return entered;
        }
        room = entered;
        let episode = pause.episode();
        const begun: Room[] = [];
        const begin = () => {
          const now = clock.now();
          if (pause.until(now) > now || (room && hasLapsed(room, now))) throw new NotNow();
          episode = pause.episode();
          begun.push(room ?? admission.follow(kind));
          room = undefined;
        };
        try {
          const answer = await send(begin);
          room?.settle(undefined);
          heard(answer);
          return { answer, notBefore: pause.answered(answer, episode) };
        } catch (error) {
          if (error instanceof NotNow) continue;
          room?.settle(undefined);
          throw error;
        } finally {
          // By the time of the answer GitHub has counted it; by the time of sending it has not.
          for (const one of begun) one.settle(clock.now());
          admission.leave();
        }
      }
    },
    /** Keeps room for a write, so that what must be read for it is not read in vain. */
    async reserve(name: string): Promise<Reservation | NotYet> {
      const entered = await enter("reservation", name);
      if ("notBefore" in entered) return entered;
      let room: Room | undefined = entered;
      const take = () => {
        const taken = room;
        room = undefined;
        return taken;
      };
      return {
        take,
        release() {
          take()?.settle(undefined);
          admission.letThrough();
        },
      };
    },
    /** Another process of the deployment was told to be silent, or had an ordinary answer after that. */
    hear(told: Pause, { isOver } = { isOver: false }): void {
      if (isOver) pause.heardOver(told);
      else pause.heard(told);
      admission.letThrough();
    },
    /** Nothing is in flight, nobody waits, and nothing has to be remembered. */
    isIdle: (): boolean =>
      admission.inFlight() === 0 && admission.waiting() === 0 && !pause.isKnown() && budget.isEmpty(clock.now()),
    state(): GateState {
      const now = clock.now();
      const until = pause.until(now);
      const pausedUntil = until > now ? until : undefined;
      return { inFlight: admission.inFlight(), waiting: admission.waiting(), pausedUntil, ...said };
    },
    /** Lets nothing through any more. */
    close(): void {
      closed = true;
      pause.close();
      admission.close({ notBefore: clock.now(), why: CLOSED });
    },
  };
}

const CLOSED = "the service is stopping";

const hasLapsed = ({ usableUntil }: Room, now: number): boolean => usableUntil < now;

/** A pause has begun, or room has lapsed, after the request was let through and before it was sent. */
class NotNow extends Error {}

function quotaIn({ headers }: Answer): GateState["quota"] {
  const [limit = Number.NaN, remaining = Number.NaN, reset = Number.NaN] = ["limit", "remaining", "reset"].map((name) =>
    Number(headers[`x-ratelimit-${name}`] ?? Number.NaN),
  );
  const known = isOverallQuota(headers) && Number.isFinite(limit + remaining + reset);
  return known ? { limit, remaining, resetsAt: reset * 1000 } : undefined;
}
