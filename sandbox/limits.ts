/**
 * GitHub's documented limits for one credential. A missing limit is not enforced.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export type Limits = {
  /** Requests in flight at the same time: 100. */
  readonly concurrent?: number;
  /** 900: a read costs 1 point, a write 5. */
  readonly pointsPerMinute?: number;
  /** Content creation: 80. */
  readonly writesPerMinute?: number;
  /** Content creation: 500. */
  readonly writesPerHour?: number;
  /** 5,000 for a user's tokens. */
  readonly primaryPerHour?: number;
  /** 2,000: a query costs 1 point, a mutation 5. They are counted separately. */
  readonly graphqlPointsPerMinute?: number;
  /** 5,000 for a user's tokens. Here every request costs 1 point. */
  readonly graphqlPerHour?: number;
  /** How many times faster its clock runs: with 60 a minute lasts a second. Default 1. */
  readonly scale?: number;
};

/** What GitHub documents for every credential; the hourly quota depends on the account. */
export const DOCUMENTED_LIMITS = {
  concurrent: 100,
  pointsPerMinute: 900,
  writesPerMinute: 80,
  writesPerHour: 500,
  graphqlPointsPerMinute: 2000,
} satisfies Limits;

/** Why a request is rejected, and for how long. `resetAt` is in epoch seconds. */
export type Limited =
  | { readonly kind: "secondary"; readonly retryAfterSeconds: number }
  | { readonly kind: "primary"; readonly resetAt: number };

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const WRITE_POINTS = 5;
const NONE = Number.POSITIVE_INFINITY;

/** The resources that are counted separately. */
export type Resource = "core" | "graphql";

/** The count for one resource. */
type Account = { points: { at: number; cost: number }[]; from: number; used: number; pausedUntil: number };

type Ledger = {
  readonly core: Account;
  readonly graphql: Account;
  inFlight: number;
  writes: number[];
  pausedUntil: number;
  /** When the first rejection of the present pause was handed to a socket, see `performance.now`. */
  toldAt: number | undefined;
};

/** Counts the requests of each credential. Times are epoch milliseconds. */
export function limitKeeper() {
  const ledgers = new Map<string, Ledger>();
  const ledgerOf = (credential: string): Ledger => {
    const account = (): Account => ({ points: [], from: 0, used: 0, pausedUntil: 0 });
    const known = ledgers.get(credential);
    const nothing = { inFlight: 0, writes: [], pausedUntil: 0, toldAt: undefined };
    const ledger = known ?? { core: account(), graphql: account(), ...nothing };
    if (!known) ledgers.set(credential, ledger);
    return ledger;
  };

  const silence = (ledger: Ledger, until: number, now: number): void => {
    if (ledger.pausedUntil <= now) ledger.toldAt = undefined;
    ledger.pausedUntil = Math.max(ledger.pausedUntil, until);
  };
  const quota = (credential: string, resource: Resource, limit: number, { scale = 1 }: Limits, now: number) => {
    const { from, used } = ledgerOf(credential)[resource];
    const hour = HOUR_MS / scale;
    const isOver = from <= now - hour;
    return {
      limit,
      remaining: Math.max(0, limit - (isOver ? 0 : used)),
      used: isOver ? 0 : used,
      reset: Math.ceil(((isOver ? now : from) + hour) / 1000),
    };
  };

  return {
    /** Whether GitHub has asked the credential to pause until a later time. */
    isPaused(credential: string, resource: Resource, now: number): boolean {
      const ledger = ledgerOf(credential);
      return Math.max(ledger.pausedUntil, ledger[resource].pausedUntil) > now;
    },

    /** A fault has asked the credential to pause. */
    pause(credential: string, until: number, now: number, of: Resource | "all" = "all"): void {
      const ledger = ledgerOf(credential);
      if (of === "all") silence(ledger, until, now);
      else ledger[of].pausedUntil = until;
    },

    /** A rejection was handed to the credential's socket at this time of `performance.now`. */
    told(credential: string, at: number): void {
      ledgerOf(credential).toldAt ??= at;
    },

    /** When the present pause was reported. Infinity while the first rejection is still on its way. */
    toldAt: (credential: string): number => ledgerOf(credential).toldAt ?? Number.POSITIVE_INFINITY,

    /** Counts a request that begins. Returns the limit if it is one too many. */
    enter(
      credential: string,
      { isWrite, isFree, resource = "core" }: { isWrite: boolean; isFree: boolean; resource?: Resource },
      limits: Limits,
      now: number,
    ): Limited | undefined {
      const ledger = ledgerOf(credential);
      const { scale = 1, concurrent = NONE } = limits;
      const [pointsPerMinute = NONE, primaryPerHour = NONE] =
        resource === "core"
          ? [limits.pointsPerMinute, limits.primaryPerHour]
          : [limits.graphqlPointsPerMinute, limits.graphqlPerHour];
      const account = ledger[resource];
      const { writesPerMinute = NONE, writesPerHour = NONE } = limits;
      const [minute, hour] = [MINUTE_MS / scale, HOUR_MS / scale];
      account.points = account.points.filter(({ at }) => at > now - minute);
      ledger.writes = ledger.writes.filter((at) => at > now - hour);
      if (account.from <= now - hour) Object.assign(account, { from: now, used: 0 });

      const secondary = (until: number): Limited => {
        const retryAfterSeconds = Math.max(1, Math.ceil((until - now) / 1000));
        silence(ledger, now + retryAfterSeconds * 1000, now);
        return { kind: "secondary", retryAfterSeconds };
      };
      const lastMinuteWrites = ledger.writes.filter((at) => at > now - minute);
      const cost = isWrite ? WRITE_POINTS : 1;
      const points = account.points.reduce((sum, each) => sum + each.cost, 0);

      ledger.inFlight++;
      if (!isFree && account.used >= primaryPerHour) {
        const resetAt = Math.ceil((account.from + hour) / 1000);
        if (resource === "core") silence(ledger, resetAt * 1000, now);
        else account.pausedUntil = resetAt * 1000;
        return { kind: "primary", resetAt };
      }
      if (ledger.inFlight > concurrent) return secondary(now + minute);
      if (points + cost > pointsPerMinute) {
        return secondary(timeOfRoom(account.points, points + cost - pointsPerMinute, now) + minute);
      }
      if (isWrite && lastMinuteWrites.length >= writesPerMinute) {
        return secondary((lastMinuteWrites[0] ?? now) + minute);
      }
      if (isWrite && ledger.writes.length >= writesPerHour) return secondary((ledger.writes[0] ?? now) + hour);
      account.points.push({ at: now, cost });
      if (isWrite) ledger.writes.push(now);
      if (!isFree) account.used++;
      return undefined;
    },

    /** Counts a request that ended. A 304 does not count against the primary limit. */
    leave(credential: string, status: number): void {
      const ledger = ledgerOf(credential);
      ledger.inFlight--;
      if (status === 304) ledger.core.used = Math.max(0, ledger.core.used - 1);
    },

    /** The `x-ratelimit-*` headers of an answer. None without a primary limit. */
    headers(credential: string, resource: Resource, limits: Limits, now: number): Record<string, string> {
      const perHour = resource === "core" ? limits.primaryPerHour : limits.graphqlPerHour;
      if (perHour === undefined) return {};
      const { limit, remaining, used, reset } = quota(credential, resource, perHour, limits, now);
      return {
        "x-ratelimit-limit": String(limit),
        "x-ratelimit-remaining": String(remaining),
        "x-ratelimit-used": String(used),
        "x-ratelimit-reset": String(reset),
        "x-ratelimit-resource": resource,
      };
    },

    /** What is left of a primary limit of this many requests per hour. `reset` in epoch seconds. */
    quota,
  };
}

/** When the last of the points was spent that must leave the window before `missing` more fit in. */
function timeOfRoom(points: Account["points"], missing: number, now: number): number {
  let lacking = missing;
  for (const { at, cost } of points) {
    lacking -= cost;
    if (lacking <= 0) return at;
  }
  return now;
}
