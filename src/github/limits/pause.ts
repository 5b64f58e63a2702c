import type { Clock } from "../../model/clock.ts";
import type { AccountLimits, LimitLog, Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";
import { limitIn } from "../graphql/errors.ts";

/** Silence after a secondary limit that names no time; doubled each time it repeats. */
const UNNAMED_MS = 60_000;

/** The least silence after a limit that names a time which has passed already; doubled likewise. */
const LEAST_MS = 1000;

/** What doubling ends at. */
const LONGEST_DOUBLED_MS = 15 * 60_000;

/** Nothing waits longer than this for a limit, even if a header says so; GitHub's longest window is an hour. */
const LONGEST_MS = 24 * 3_600_000;

/** A pause that grows by less is the same pause, told by another answer. */
const SAME_PAUSE_MS = 1000;

/** An account that sends nothing any more, such as a token that was seen once, is not remembered for ever. */
const STRIKES_KEPT_MS = 3_600_000;

/** A pause that could not be stored is stored again after this time, ms. */
const STORE_AGAIN_MS = 1000;

/** What a gate is for: all that an account sends, or what is counted of its GraphQL requests alone. */
export type Resource = "account" | "graphql";

export type PauseOptions = {
  readonly account: string;
  /** `account` without it. */
  readonly resource?: Resource | undefined;
  readonly clock: Clock;
  readonly log: Pick<LimitLog, "pause">;
  /** From before this process began. */
  readonly known?: AccountLimits | undefined;
  /** Told when GitHub asks for silence, and until when (epoch milliseconds). */
  readonly onPause?: (until: number, answer: Answer) => void;
};

export type AccountPause = ReturnType<typeof openPause>;

/**
 * The pause of one account, and the slow start after it: one request at first, and each ordinary answer lets one more
 * into flight. An episode is the time between two pauses: many requests that were in flight together meet one limit
 * together, and that is one strike.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
export function openPause({ account, resource = "account", clock, log, known, onPause }: PauseOptions) {
  const stored = storing(log, account, clock);
  /** The latest one, by whichever process it was stored. Over when an ordinary answer has come after it. */
  let latest: Pause & { readonly isOver: boolean } = { until: 0, strikes: 0, ...known?.pause, isOver: !known?.pause };
  let silence = silenceUntil(latest.until);
  /** The same without what the quota of REST alone asks for: GraphQL has another one. */
  let shared = silenceUntil(isQuota(latest) ? 0 : latest.until);
  let episode = 0;
  let cap = Number.POSITIVE_INFINITY;

  /** Also by the monotonic clock: the other one may be set back in the middle. */
  function silenceUntil(until: number): { readonly until: number; readonly endsAt: number } {
    return { until, endsAt: clock.monotonic() + Math.min(until - clock.now(), LONGEST_MS) };
  }

  function until(now: number, graceMs = 0, { until, endsAt } = silence): number {
    const end = until + graceMs;
    if (end <= now) return now;
    return Math.max(now, Math.min(end, now + Math.ceil(endsAt + graceMs - clock.monotonic())));
  }

  /** @returns whether it is longer than what is in force. */
  function extend(end: number, strikes: number, isShared: boolean): boolean {
    const now = clock.now();
    latest = { ...latest, strikes };
    if (isShared && end > until(now, 0, shared)) shared = silenceUntil(end);
    if (end <= until(now)) return false;
    latest = { until: end, strikes, isOver: false };
    silence = silenceUntil(end);
    return true;
  }

  /** When GitHub wants the silence to end that follows a limit. */
  function endAfter(strikes: number, named: number | undefined, now: number): number {
    const doubled = (first: number) => now + Math.min(LONGEST_DOUBLED_MS, first * 2 ** Math.max(0, strikes - 1));
    return named === undefined ? doubled(UNNAMED_MS) : Math.max(named, doubled(LEAST_MS));
  }

  function passed(): void {
    cap++;
    // GraphQL passes while the quota of REST is used up.
    const now = clock.now();
    if (latest.isOver || until(now) > now) return;
    latest = { ...latest, strikes: 0, isOver: true };
    stored.end(latest);
  }

  return {
    /** When requests may be sent again, epoch milliseconds; now when they may. With a grace, so long after the pause. */
    until: (now: number, graceMs = 0): number => until(now, graceMs),
    /** The same for requests that do not count against the quota of REST. */
    untilShared: (now: number): number => until(now, 0, shared),
    /** Requests remember the episode in which they were sent. */
    episode: (): number => episode,
    /** How many requests may be in flight. */
    cap: (): number => cap,
    /** Whether a pause, or the strikes of one that ended lately, must be remembered. */
    isKnown: (): boolean => !latest.isOver && clock.monotonic() < silence.endsAt + STRIKES_KEPT_MS,
    /** Learns from an answer to a request. Returns when the pause ends if it was rejected for a limit. */
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
    /** Another process was told to be silent, or had an ordinary answer after that. */
    heard(told: Pause, isOver = false): void {
      if (isOver && told.until >= latest.until) latest = { ...latest, strikes: 0, isOver };
      if (isOver || told.until === latest.until) return;
      if (!extend(told.until, Math.max(latest.strikes, told.strikes), !isQuota(told))) return;
      // What is under way was sent before it, and says nothing about it.
      episode++;
      cap = 1;
    },
    close: stored.close,
  };
}

/** Whether a pause is foreseen because a quota is used up. A request that GitHub has rejected is a strike. */
const isQuota = ({ strikes }: Pause): boolean => strikes === 0;

/** Stores pauses, the latest until it is stored: other processes have to know of it as soon as they can. */
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

/** Whether GitHub has rejected a request because of a limit, and until when it asks for silence, if it names a time. */
type LimitWord = { readonly of: "account" | Quota; readonly rejected: boolean; readonly until: number | undefined };

/**
 * Reads what an answer says about limits, undefined when it says nothing. Order of decision: `retry-after`, then
 * `x-ratelimit-reset` when nothing remains. The local clock is corrected by the answer's `date`.
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

/** Requests in an hour: those of REST, or points of GraphQL. */
type Quota = "core" | "graphql";

/** Whose quota the headers show. Search and a few others have further ones: https://docs.github.com/en/rest/rate-limit/rate-limit */
export function quotaOf({ headers, graphql }: Answer): Quota | undefined {
  const resource = headers["x-ratelimit-resource"] ?? (graphql ? "graphql" : "core");
  return resource === "core" || resource === "graphql" ? resource : undefined;
}
