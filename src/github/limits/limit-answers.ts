import type { Answer } from "../http.ts";

/** What an answer says about limits. */
export type LimitWord = {
  /** GitHub refused the request because of a limit. */
  readonly refused: boolean;
  /** Until when it asks for silence, epoch milliseconds by the local clock; undefined when it names no time. */
  readonly until: number | undefined;
};

/** Nothing waits longer than this for a limit, whatever a header says; GitHub's longest window is an hour. */
export const LONGEST_MS = 24 * 3_600_000;

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
  if (status !== 403 && status !== 429) return resetAt === undefined ? undefined : { refused: false, until: resetAt };

  const retryAfter = headers["retry-after"];
  if (retryAfter !== undefined) {
    const seconds = Number(retryAfter);
    const until = Number.isFinite(seconds) ? now + Math.max(0, seconds) * 1000 : local(Date.parse(retryAfter));
    return { refused: true, until: Number.isNaN(until) ? undefined : bounded(until) };
  }
  if (exhausted) return { refused: true, until: resetAt };
  const secondary =
    status === 429 ||
    /secondary rate limit|abuse|rate limit exceeded/i.test(message) ||
    /(secondary|abuse)-rate-limits$/.test(documentationUrl);
  return secondary ? { refused: true, until: undefined } : undefined;
}

/** Search and a few others have quotas of their own: https://docs.github.com/en/rest/rate-limit/rate-limit */
export function isOverallQuota(headers: Answer["headers"]): boolean {
  const resource = headers["x-ratelimit-resource"];
  return resource === undefined || resource === "core";
}
