import type { Clock } from "../../model/clock.ts";
import type { AccountLimits, LimitLog, Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { limitIn } from "../graphql/errors.ts";

/** Pause after a secondary limit that names no time. It doubles with each repetition. */
const UNNAMED_MS = 60_000;

/** Minimum pause after a limit whose named time has already passed. It also doubles. */
const LEAST_MS = 1000;

/** Doubling ends here. */
const LONGEST_DOUBLED_MS = 15 * 60_000;

/** Nothing waits longer for a limit, even if a header asks for it. GitHub's longest window is an hour. */
const LONGEST_MS = 24 * 3_600_000;

/** An extension below this counts as the same pause, reported by another answer. */
const SAME_PAUSE_MS = 1000;

/** An account that sends nothing any more is forgotten after this time, such as a token that was seen once. */
const STRIKES_KEPT_MS = 3_600_000;

/** A pause that could not be stored is stored again after this time, ms. */
const STORE_AGAIN_MS = 1000;

/** What a gate controls: all requests of an account, or only its GraphQL requests. */
export type Resource = "account" | "graphql";

export type PauseOptions = {
  readonly account: string;
  /** `account` by default. */
  readonly resource?: Resource | undefined;
  readonly clock: Clock;
  readonly log: Pick<LimitLog, "pause">;
  /** What was known before this process started. */
  readonly known?: AccountLimits | undefined;
  /** Called when GitHub asks for a pause, with its end (epoch milliseconds). */
  readonly onPause?: (until: number, answer: Answer) => void;
};

export type AccountPause = ReturnType<typeof openPause>;

/**
 * The pause of one account, and the slow start after it: one request at first, and one more in flight after each
 * ordinary answer. An episode is the time between two pauses. Many requests that are in flight together meet one limit
 * together, and that is one strike.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
export function openPause({ account, resource = "account", clock, log, known, onPause }: PauseOptions) {
  const stored = storing(log, account, clock);
  /** The latest pause that any process has stored. It is over when an ordinary answer has come after it. */
  let latest: Pause & { readonly isOver: boolean } = { until: 0, strikes: 0, ...known?.pause, isOver: !known?.pause };
  let silence = silenceUntil(latest.until);
  /** The same without pauses for the REST quota alone: GraphQL has a separate quota. */
  let shared = silenceUntil(isQuota(latest) ? 0 : latest.until);
  let episode = 0;
  let cap = Number.POSITIVE_INFINITY;

  /** Also uses the monotonic clock: the other clock may be set back in between. */
  function silenceUntil(until: number): { readonly until: number; readonly endsAt: number } {
    return { until, endsAt: clock.monotonic() + Math.min(until - clock.now(), LONGEST_MS) };
  }

  function until(now: number, graceMs = 0, { until, endsAt } = silence): number {
    const end = until + graceMs;
    if (end <= now) return now;
    return Math.max(now, Math.min(end, now + Math.ceil(endsAt + graceMs - clock.monotonic())));
  }

  /** @returns whether it is longer than the present pause. */
  function extend(end: number, strikes: number, isShared: boolean): boolean {
    const now = clock.now();
    latest = { ...latest, strikes };
    if (isShared && end > until(now, 0, shared)) shared = silenceUntil(end);
    if (end <= until(now)) return false;
    latest = { until: end, strikes, isOver: false };
    silence = silenceUntil(end);
    return true;
  }

  /** When the pause after a limit should end. */
  function endAfter(strikes: number, named: number | undefined, now: number): number {
    const doubled = (first: number) => now + Math.min(LONGEST_DOUBLED_MS, first * 2 ** Math.max(0, strikes - 1));
    return named === undefined ? doubled(UNNAMED_MS) : Math.max(named, doubled(LEAST_MS));
  }

  function passed(): void {
    cap++;
    // GraphQL passes while the REST quota is used up.
    const now = clock.now();
    if (latest.isOver || until(now) > now) return;
    latest = { ...latest, strikes: 0, isOver: true };
    stored.end(latest);
  }

  return {
    /**
     * When requests may be sent again, epoch milliseconds. Now if they may. With a grace, this long after the pause.
     */
    until: (now: number, graceMs = 0): number => until(now, graceMs),
    /** The same for requests that do not count against the REST quota. */
    untilShared: (now: number): number => until(now, 0, shared),
    /** Each request remembers the episode in which it was sent. */
    episode: (): number => episode,
    /** How many requests may be in flight. */
    cap: (): number => cap,
    /** Whether a pause, or the strikes of a recent one, must be remembered. */
    isKnown: (): boolean => !latest.isOver && clock.monotonic() < silence.endsAt + STRIKES_KEPT_MS,
    /** Learns from an answer. Returns the end of the pause if GitHub rejected the request because of a limit. */
    answered(answer: Answer, sentIn: number): number | undefined {
      const now = clock.now();
      const before = until(now);
      const said = limitWord(answer, now);
      const word = said && (said.of === "graphql") === (resource === "graphql") ? said : undefined;
      const isForeseen = word?.until !== undefined && word.until > before + (before === now ? 0 : SAME_PAUSE_MS);
      if (!word || !(word.rejected || isForeseen)) {
        if (answer.status < 500 && sentIn === episode) passed();
        return undefined;
      }
      const isStrike = word.rejected && sentIn === episode;
      if (isStrike || !word.rejected) episode++;
      cap = 1;
      const strikes = latest.strikes + (isStrike ? 1 : 0);
      const asked = word.rejected ? endAfter(strikes, word.until, now) : word.until!;
      if (extend(asked, strikes, word.of === "account")) stored.begin(latest);
      const end = until(now);
      if (before === now || end > before + SAME_PAUSE_MS) onPause?.(end, answer);
      return word.rejected ? until(now, 0, word.of === "account" ? shared : silence) : undefined;
    },
    /** GitHub asked another process to pause, or answered it normally after that. */
    heard(told: Pause, isOver = false): void {
      if (isOver && told.until >= latest.until) latest = { ...latest, strikes: 0, isOver };
      if (isOver || told.until === latest.until) return;
      if (!extend(told.until, Math.max(latest.strikes, told.strikes), !isQuota(told))) return;
      // Requests in flight were sent before the pause. Their answers say nothing about it.
      episode++;
      cap = 1;
    },
    close: stored.close,
  };
}

/** Whether a pause follows from a used-up quota. A request that GitHub has rejected is a strike instead. */
const isQuota = ({ strikes }: Pause): boolean => strikes === 0;

/** Stores the latest pause, and retries until it is stored: other processes need it as soon as possible. */
function storing(log: Pick<LimitLog, "pause">, account: string, clock: Clock) {
  let latest: Pause | undefined;
  let cancelAlarm = () => {};
  function begin(pause: Pause): void {
    cancelAlarm();
    latest = pause;
    log.pause(account, pause).catch(() => {
      if (latest !== pause) return;
      const again = () => void (pause.until > clock.now() && begin(pause));
      cancelAlarm = clock.alarm(clock.now() + STORE_AGAIN_MS, again);
    });
  }
  function close(): void {
    latest = undefined;
    cancelAlarm();
  }
  function end({ until, strikes }: Pause): void {
    close();
    log.pause(account, undefined, { until, strikes }).catch(() => {});
  }
  return { begin, end, close };
}

/** Whether GitHub has rejected a request because of a limit, and until when to pause, if it names a time. */
type LimitWord = { readonly of: "account" | Quota; readonly rejected: boolean; readonly until: number | undefined };

/**
 * Reads what an answer says about limits. Undefined if it says nothing. Uses `retry-after` first, then
 * `x-ratelimit-reset` if nothing remains. The answer's `date` corrects the local clock.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
 */
export function limitWord(answer: Answer, now: number): LimitWord | undefined {
  const { status, headers } = answer;
  const local = (serverTime: number) => {
    const serverNow = Date.parse(String(headers.date));
    return Number.isNaN(serverNow) ? serverTime : now + (serverTime - serverNow);
  };
  const bounded = (time: number) => Math.min(time, now + LONGEST_MS);

  const reset = Number(headers["x-ratelimit-reset"] ?? Number.NaN) * 1000;
  const quota = quotaOf(answer);
  const exhausted = headers["x-ratelimit-remaining"] === "0" && quota !== undefined;
  const resetAt = exhausted && Number.isFinite(reset) ? bounded(local(reset)) : undefined;
  const inside = limitIn(answer);
  if (status !== 403 && status !== 429 && inside === undefined) {
    return quota === undefined || resetAt === undefined ? undefined : { of: quota, rejected: false, until: resetAt };
  }

  const retryAfter = headers["retry-after"];
  if (retryAfter !== undefined) {
    const seconds = Number(retryAfter);
    const until = Number.isFinite(seconds) ? now + Math.max(0, seconds) * 1000 : local(Date.parse(retryAfter));
    return { of: inside ?? "account", rejected: true, until: Number.isNaN(until) ? undefined : bounded(until) };
  }
  if (inside === "graphql") return { of: inside, rejected: true, until: resetAt };
  if (exhausted && inside === undefined) return { of: quota, rejected: true, until: resetAt };
  const secondary =
    inside !== undefined ||
    status === 429 ||
    /secondary rate limit|abuse|rate limit exceeded/i.test(answer.message) ||
    /(secondary|abuse)-rate-limits$/.test(answer.documentationUrl);
  return secondary ? { of: "account", rejected: true, until: undefined } : undefined;
}

/** Hourly quota: REST requests, or points of GraphQL. */
type Quota = "core" | "graphql";

/**
 * Which quota the headers show. Search and a few others have separate ones:
 * https://docs.github.com/en/rest/rate-limit/rate-limit
 */
export function quotaOf({ headers, graphql }: Answer): Quota | undefined {
  const resource = headers["x-ratelimit-resource"] ?? (graphql ? "graphql" : "core");
  return resource === "core" || resource === "graphql" ? resource : undefined;
}
