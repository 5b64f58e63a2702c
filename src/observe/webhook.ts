import { type Clock, pause } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type Fetch, networkFault } from "../model/network.ts";
import type { NoticeTarget } from "../model/notices.ts";

/** Delays before the retries of a notice, ms. */
const RETRIES_MS = [1000, 5000];
const TIMEOUT_MS = 10_000;
/** A chat may ask for a longer delay with Retry-After, up to this, ms. */
const MOST_PATIENCE_MS = 30_000;
/** How long the end of the process waits for notices in progress, ms. */
const CLOSE_MS = 2000;
/** An aborted request ends within this time, ms. */
const ABORTED_MS = 500;
/** The most notices that wait for a receiver that does not answer. */
const MOST_WAITING = 100;

type Parts = {
  readonly fetch: Fetch;
  readonly log: Log;
  readonly clock: Clock;
  readonly noticed: (result: "sent" | "failed") => void;
};

/** Posts notices to one receiver, one after the other. Logs the first failure, and the next success after it. */
export function openWebhook({ name, url }: Pick<NoticeTarget, "name" | "url">, { fetch, log, clock, noticed }: Parts) {
  const closing = new AbortController();
  let failing = false;
  let waiting = 0;
  let last = Promise.resolve();

  async function deliver(body: string): Promise<void> {
    let problem = await postNotice(url, body, { fetch, closing: closing.signal });
    for (const delay of RETRIES_MS) {
      if (!problem?.mayPass || closing.signal.aborted) break;
      await pause(clock, Math.max(delay, problem.notBeforeMs), closing.signal);
      if (!closing.signal.aborted) problem = await postNotice(url, body, { fetch, closing: closing.signal });
    }
    noticed(problem === undefined ? "sent" : "failed");
    // Never log the address: a webhook's path is its password.
    if (problem && !failing) log.warn({ receiver: name, reason: problem.what }, "a notice could not be delivered");
    if (!problem && failing) log.info({ receiver: name }, "notices can be delivered again");
    failing = problem !== undefined;
  }

  async function deliverNext(notice: () => Promise<object>): Promise<void> {
    try {
      if (closing.signal.aborted) noticed("failed");
      else await deliver(JSON.stringify(await notice()));
    } catch (err) {
      log.error({ err }, "internal error while sending a notice");
    } finally {
      waiting--;
    }
  }

  return {
    /** @param notice creates the notice when it is sent. */
    post(notice: () => Promise<object>): void {
      if (waiting >= MOST_WAITING) {
        noticed("failed");
        return;
      }
      waiting++;
      last = last.then(() => deliverNext(notice));
    },
    async close(): Promise<void> {
      const enough = Promise.withResolvers<void>();
      const timers = [
        setTimeout(() => closing.abort(), CLOSE_MS),
        // A notice may wait for the store.
        setTimeout(enough.resolve, CLOSE_MS + ABORTED_MS),
      ];
      await Promise.race([last, enough.promise]);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

type Problem = { readonly what: string; readonly mayPass: boolean; readonly notBeforeMs: number };

/** Posts once. Undefined on success. The problem never contains the address. */
export async function postNotice(
  url: string,
  body: string,
  { fetch, closing }: { fetch: Fetch; closing: AbortSignal },
): Promise<Problem | undefined> {
  try {
    const {
      status,
      headers,
      body: answer,
    } = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await answer?.cancel();
    if (status >= 200 && status < 300) return undefined;
    const asked = status === 429 ? Number(headers.get("retry-after")) * 1000 : 0;
    const notBeforeMs = Math.min(asked || 0, MOST_PATIENCE_MS);
    return { what: `answered ${status}`, mayPass: status >= 500 || status === 429 || status === 408, notBeforeMs };
  } catch (error) {
    const fault = networkFault(error);
    if (fault) return { what: fault.words, mayPass: true, notBeforeMs: 0 };
    // Not its message, which may contain the address.
    return { what: `it could not be sent (${(error as Error).name})`, mayPass: false, notBeforeMs: 0 };
  }
}
