import { type Limit, NOTHING_KEPT, type Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import { type AdmissionOptions, openAdmission, type Room } from "./admission.ts";
import { COST, type Kind, type NotYet, openBudget, SHARED_COST } from "./budget.ts";
import { type AccountPause, openPause, type PauseOptions, quotaOf } from "./pause.ts";

export type GateOptions = PauseOptions &
  AdmissionOptions & {
    readonly limits: readonly Limit[];
    /** Told when the token ends (epoch milliseconds), whenever GitHub says another time than before. */
    readonly onExpiry?: ((expiresAt: number) => void) | undefined;
  };

export type Sent = {
  readonly answer: Answer;
  /** The answer is a limit: nothing may be sent before this time (epoch milliseconds). */
  readonly notBefore: number | undefined;
};

export type Gate = ReturnType<typeof openGate>;

/**
 * What stands between the service and GitHub for one account: a cap on what is in flight, the windows of GitHub's
 * documented limits, and one pause. Waits for a few seconds at most; what would have to wait longer is
 * rejected with the time at which it will be let through, so that a store can keep it instead of memory.
 */
export function openGate(options: GateOptions) {
  const { limits, clock, known, onExpiry, resource = "account" } = options;
  const pause = openPause(options);
  const budget = openBudget(limits);
  budget.learn(known?.spent ?? []);
  // Without windows nothing is counted, and the log is not asked.
  const log = limits.length > 0 ? options.log : NOTHING_KEPT;
  const admission = openAdmission({ budget, pause }, { ...options, log });
  /** What GitHub last said is left of the hourly quota. */
  let quota: Quota | undefined;
  /** When the token ends, as GitHub last said; known only with `onExpiry`. */
  let tokenExpiresAt: number | undefined;
  let closed = false;

  async function enter(...comer: Parameters<typeof admission.enter>): Promise<Room | NotYet> {
    return closed ? { notBefore: clock.now(), why: CLOSED } : admission.enter(...comer);
  }

  function heard(answer: Answer): void {
    if (quotaOf(answer) === (resource === "graphql" ? resource : "core")) quota = quotaIn(answer) ?? quota;
    const end = onExpiry && expiryIn(answer);
    if (end === undefined || end === tokenExpiresAt) return;
    tokenExpiresAt = end;
    onExpiry?.(end);
  }

  return {
    /**
     * Sends when it may. `send` calls `begin` right before each request that it puts on the wire: until then it may have
     * waited for a connection, and a redirect makes another one. `begin` throws when a pause has begun in between, or its
     * room has lapsed, and `send` is called again when it may. Rejects with what else `send` rejects with.
     * @param sender.name under which a write that is rejected gets a place in the line, to be let through at the time
     * that it was told.
     * @param sender.isShared it has a gate for what it costs, and passes this one for what all requests of an account share.
     */
    async pass(
      kind: Kind,
      send: (begin: () => void) => Promise<Answer>,
      sender: { readonly name: string; readonly reservation?: Room | undefined; readonly isShared?: true },
    ): Promise<Sent | NotYet> {
      const { name, isShared = false } = sender;
      const cost = (isShared ? SHARED_COST : COST)[kind];
      const silentUntil = isShared ? pause.untilShared : pause.until;
      let room = sender.reservation;
      const giveBack = () => {
        room?.settle(undefined);
        room = undefined;
      };
      for (;;) {
        if (room && hasLapsed(room, clock.now())) giveBack();
        const entered = await enter(kind, { name, cost, isShared }, room);
        if ("notBefore" in entered) {
          giveBack();
          return entered;
        }
        room = entered;
        let episode = pause.episode();
        const begun: Room[] = [];
        const begin = () => {
          const now = clock.now();
          if (silentUntil(now) > now || (room && hasLapsed(room, now))) throw new NotNow(pause);
          episode = pause.episode();
          begun.push(room ?? admission.follow(kind, cost));
          room = undefined;
        };
        try {
          const answer = await send(begin);
          giveBack();
          heard(answer);
          return { answer, notBefore: pause.answered(answer, episode) };
        } catch (error) {
          if (error instanceof NotNow && error.of === pause) continue;
          giveBack();
          throw error;
        } finally {
          // By the time of the answer GitHub has counted it; by the time of sending it has not.
          for (const one of begun) one.settle(clock.now());
          admission.leave();
        }
      }
    },
    /** Keeps room for a write, so that what must be read for it is not read in vain. Settle it if it is not used. */
    reserve: (name: string): Promise<Room | NotYet> =>
      enter("reservation", { name, cost: COST.write, isShared: false }),
    /** Another process of the deployment was told to be silent, or had an ordinary answer after that. */
    hear(told: Pause, isOver = false): void {
      pause.heard(told, isOver);
      admission.letThrough();
    },
    /** Nothing is in flight, nothing waits, and nothing has to be remembered. */
    isIdle: (): boolean =>
      admission.inFlight() === 0 && admission.waiting() === 0 && !pause.isKnown() && budget.isEmpty(clock.now()),
    /** Times are epoch milliseconds; `pausedUntil` is undefined when nothing is paused. */
    state() {
      const now = clock.now();
      const until = pause.until(now);
      const pausedUntil = until > now ? until : undefined;
      return {
        resource,
        inFlight: admission.inFlight(),
        waiting: admission.waiting(),
        pausedUntil,
        quota,
        tokenExpiresAt,
      };
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
class NotNow extends Error {
  /** A request may have to pass another gate, too. */
  readonly of: AccountPause;

  constructor(of: AccountPause) {
    super();
    this.of = of;
  }
}

type Quota = { readonly limit: number; readonly remaining: number; readonly resetsAt: number };

function quotaIn({ headers }: Answer): Quota | undefined {
  const number = (name: string) => Number(headers[`x-ratelimit-${name}`] ?? Number.NaN);
  const [limit, remaining, resetsAt] = [number("limit"), number("remaining"), number("reset") * 1000];
  return Number.isFinite(limit + remaining + resetsAt) ? { limit, remaining, resetsAt } : undefined;
}
