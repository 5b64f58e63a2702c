import type { Clock } from "../../model/clock.ts";
import type { Pause } from "../../model/limits.ts";
import type { Answer } from "../answer.ts";

/** Silence after a secondary limit that names no time; doubled each time it repeats. */
const UNNAMED_MS = 60_000;

/** The least silence after a limit that names a time which has passed already; doubled likewise. */
const LEAST_MS = 1000;

/** What doubling ends at. */
const LONGEST_DOUBLED_MS = 15 * 60_000;

/** Nothing waits longer than this for a limit, whatever a header says; GitHub's longest window is an hour. */
const LONGEST_MS = 24 * 3_600_000;

/** A pause that grows by less is the same pause, told by another answer. */
const SAME_PAUSE_MS = 1000;

/** An account that sends nothing any more, such as a token that was seen once, is not remembered for ever. */
const STRIKES_KEPT_MS = 3_600_000;

/** A pause that could not be stored is stored again after so long, ms. */
const STORE_AGAIN_MS = 1000;

export type AccountPause = ReturnType<typeof openPause>;

/**
 * The pause of one account, and the slow start after it: one request at first, and each ordinary answer lets one more
 * into flight. An episode is the time between two pauses: many requests that were in flight together meet one limit
 * together, and that is one strike.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 * @param known was stored before.
 * @param onPause is told when GitHub asks for silence, and until when (epoch milliseconds).
 */
export function openPause({
  known,
  store,
  clock,
  onPause,
}: {
  known: Pause | undefined;
  store: StorePause;
  clock: Clock;
  onPause: ((until: number, answer: Answer) => void) | undefined;
}) {
  const keep = untilStored(store, clock);
  /** The latest one, by whichever process it was stored. Over when an ordinary answer has come after it. */
  let latest: Pause & { readonly isOver: boolean } = { until: 0, strikes: 0, ...known, isOver: !known };
  /** By the monotonic clock: the other one may be set back in the middle. */
  let endsAt = endOf(latest);
  let episode = 0;
  let cap = Number.POSITIVE_INFINITY;

  function endOf(pause: Pause): number {
    return clock.monotonic() + Math.min(pause.until - clock.now(), LONGEST_MS);
  }

  function until(now: number): number {
    return Math.max(now, Math.min(latest.until, now + Math.ceil(endsAt - clock.monotonic())));
  }

  function begin(pause: Pause): void {
    latest = { ...pause, isOver: false };
    endsAt = endOf(pause);
  }

  function extend(pause: Pause, now: number): void {
    if (pause.until <= until(now)) return;
    begin(pause);
    keep.store(pause);
  }

  /** @param named until when GitHub asks for silence, if it says so. */
  function limited(named: number | undefined, sentIn: number, now: number): void {
    const strikes = latest.strikes + (sentIn === episode ? 1 : 0);
    if (sentIn === episode) episode++;
    latest = { ...latest, strikes };
    const doubled = (first: number) => now + Math.min(LONGEST_DOUBLED_MS, first * 2 ** Math.max(0, strikes - 1));
    const end = named === undefined ? doubled(UNNAMED_MS) : Math.max(named, doubled(LEAST_MS));
    extend({ until: end, strikes }, now);
  }

  function passed(): void {
    cap++;
    if (latest.isOver) return;
    latest = { ...latest, strikes: 0, isOver: true };
    keep.end(latest);
  }

  return {
    /** When requests may be sent again, epoch milliseconds; now when they may. */
    until,
    /** Requests remember the episode in which they were sent. */
    episode: (): number => episode,
    /** How many requests may be in flight. */
    cap: (): number => cap,
    /** Whether a pause, or the strikes of one that ended lately, must be remembered. */
    isKnown: (): boolean => !latest.isOver && clock.monotonic() < endsAt + STRIKES_KEPT_MS,
    /** Learns from an answer to a request. Returns when the pause ends if it was rejected for a limit. */
    answered(answer: Answer, sentIn: number): number | undefined {
      const now = clock.now();
      const before = until(now);
      const word = limitWord(answer, now);
      if (word?.rejected) limited(word.until, sentIn, now);
      else if (word?.until !== undefined && word.until > before + (before === now ? 0 : SAME_PAUSE_MS)) {
        episode++;
        extend({ until: word.until, strikes: latest.strikes }, now);
      } else {
        if (answer.status < 500 && sentIn === episode) passed();
        return undefined;
      }
      cap = 1;
      const end = until(now);
      if (before === now || end > before + SAME_PAUSE_MS) onPause?.(end, answer);
      return word.rejected ? end : undefined;
    },
    /** Another process was told to be silent. */
    heard(told: Pause): void {
      if (told.until === latest.until) return;
      const strikes = Math.max(latest.strikes, told.strikes);
      latest = { ...latest, strikes };
      if (told.until <= until(clock.now())) return;
      // What is under way was sent before it, and says nothing about it.
      episode++;
      cap = 1;
      begin({ until: told.until, strikes });
    },
    /** Another process had an ordinary answer after this pause. */
    heardOver(told: Pause): void {
      if (told.until >= latest.until) latest = { ...latest, strikes: 0, isOver: true };
    },
    close: keep.close,
  };
}

type StorePause = (pause: Pause | undefined, over?: Pause) => Promise<void>;

/** Stores pauses, and the latest again while it cannot be stored: other processes have to know of it as soon as they can. */
function untilStored(store: StorePause, clock: Clock) {
  let latest: Pause | undefined;
  let cancelAlarm = () => {};
  function keep(pause: Pause): void {
    latest = pause;
    store(pause).catch(() => {
      cancelAlarm();
      const again = () => void (latest === pause && pause.until > clock.now() && keep(pause));
      if (latest === pause) cancelAlarm = clock.alarm(clock.now() + STORE_AGAIN_MS, again);
    });
  }
  function close(): void {
    latest = undefined;
    cancelAlarm();
  }
  return {
    store: keep,
    end({ until }: Pause): void {
      close();
      store(undefined, { until, strikes: 0 }).catch(() => {});
    },
    close,
  };
}

/** What an answer says about limits. */
type LimitWord = {
  /** GitHub has rejected the request because of a limit. */
  readonly rejected: boolean;
  /** Until when it asks for silence, epoch milliseconds by the local clock; undefined when it names no time. */
  readonly until: number | undefined;
};

/**
 * Reads what an answer says about limits, undefined when it says nothing. Order of decision: `retry-after`, then
 * `x-ratelimit-reset` when nothing remains. The local clock is corrected by the answer's `date`.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
 */
export function limitWord({ status, headers, message, documentationUrl }: Answer, now: number): LimitWord | undefined {
  const serverNow = Date.parse(String(headers.date));
  const local = (serverTime: number) => (Number.isNaN(serverNow) ? serverTime : now + (serverTime - serverNow));
  const bounded = (time: number) => Math.min(time, now + LONGEST_MS);

  const reset = Number(headers["x-ratelimit-reset"] ?? Number.NaN) * 1000;
  const exhausted = headers["x-ratelimit-remaining"] === "0" && isOverallQuota(headers);
  const resetAt = exhausted && Number.isFinite(reset) ? bounded(local(reset)) : undefined;
  if (status !== 403 && status !== 429) return resetAt === undefined ? undefined : { rejected: false, until: resetAt };

  const retryAfter = headers["retry-after"];
  if (retryAfter !== undefined) {
    const seconds = Number(retryAfter);
    const until = Number.isFinite(seconds) ? now + Math.max(0, seconds) * 1000 : local(Date.parse(retryAfter));
    return { rejected: true, until: Number.isNaN(until) ? undefined : bounded(until) };
  }
  if (exhausted) return { rejected: true, until: resetAt };
  const secondary =
    status === 429 ||
    /secondary rate limit|abuse|rate limit exceeded/i.test(message) ||
    /(secondary|abuse)-rate-limits$/.test(documentationUrl);
  return secondary ? { rejected: true, until: undefined } : undefined;
}

/** Search and a few others have quotas of their own: https://docs.github.com/en/rest/rate-limit/rate-limit */
export function isOverallQuota(headers: Answer["headers"]): boolean {
  const resource = headers["x-ratelimit-resource"];
  return resource === undefined || resource === "core";
}
