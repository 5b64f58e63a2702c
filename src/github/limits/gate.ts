import { type Limit, NOTHING_KEPT, type Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import { type AdmissionOptions, openAdmission, type Room } from "./admission.ts";
import { COST, type Kind, type NotYet, openBudget, SHARED_COST } from "./budget.ts";
import { type AccountPause, openPause, type PauseOptions, quotaOf } from "./pause.ts";

export type GateOptions = PauseOptions &
  AdmissionOptions & {
    readonly limits: readonly Limit[];
    /** Called with the token's end (epoch milliseconds) when GitHub reports another time than before. */
    readonly onExpiry?: ((expiresAt: number) => void) | undefined;
  };

export type Sent = {
  readonly answer: Answer;
  /** The answer is a limit: nothing may be sent before this time (epoch milliseconds). */
  readonly notBefore: number | undefined;
};

export type Gate = ReturnType<typeof openGate>;

/**
 * Controls what the service sends to GitHub for one account: a cap on requests in flight, the windows of GitHub's
 * documented limits, and one pause. It lets a request wait for a few seconds. A request that would wait longer is
 * rejected with the time at which it may be sent, so that a store can keep it instead of memory.
 */
export function openGate(options: GateOptions) {
  const { limits, clock, known, onExpiry, resource = "account" } = options;
  const pause = openPause(options);
  const budget = openBudget(limits);
  budget.learn(known?.spent ?? []);
  // Without windows nothing is counted, and the log is not asked.
  const log = limits.length > 0 ? options.log : NOTHING_KEPT;
  const admission = openAdmission({ budget, pause }, { ...options, log });
  /** What is left of the hourly quota, as GitHub last reported. */
  let quota: Quota | undefined;
  /** When the token ends, as GitHub last reported. Known only with `onExpiry`. */
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
     * Sends when the request may be sent. `send` calls `begin` right before each request that it puts on the wire,
     * because it may have waited for a connection or followed a redirect. `begin` throws if a pause has begun or its
     * room has lapsed since then. In that case `send` is called again later. Any other rejection of `send` is passed
     * on.
     * @param sender.name the name under which a rejected write keeps its place in the line, to be admitted at its
     *   promised time.
     * @param sender.isShared it has a separate gate for its cost, and passes this gate for the limits that all requests
     *   of an account share.
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
          // GitHub has counted the request when it answers, not yet when the request is sent.
          for (const one of begun) one.settle(clock.now());
          admission.leave();
        }
      }
    },
    /** Keeps room for a write, so that its reads are not wasted. Settle the room if you do not use it. */
    reserve: (name: string): Promise<Room | NotYet> =>
      enter("reservation", { name, cost: COST.write, isShared: false }),
    /** GitHub asked another process of the deployment to pause, or answered it normally after that. */
    hear(told: Pause, isOver = false): void {
      pause.heard(told, isOver);
      admission.letThrough();
    },
    /** Nothing is in flight, waiting, or worth remembering. */
    isIdle: (): boolean =>
      admission.inFlight() === 0 && admission.waiting() === 0 && !pause.isKnown() && budget.isEmpty(clock.now()),
    /** Times are epoch milliseconds. `pausedUntil` is undefined without a pause. */
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
    /** Rejects everything from now on. */
    close(): void {
      closed = true;
      pause.close();
      admission.close({ notBefore: clock.now(), why: CLOSED });
    },
  };
}

const CLOSED = "the service is stopping";

const hasLapsed = ({ usableUntil }: Room, now: number): boolean => usableUntil < now;

/** A pause has begun, or the room has lapsed, between admission and sending. */
class NotNow extends Error {
  /** The gate that stopped it: a request may have to pass two. */
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
