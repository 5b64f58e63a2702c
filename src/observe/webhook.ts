import { type Clock, pause } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type Fetch, networkFault } from "../model/network.ts";

/** Waits before a notice is tried again, ms. */
const RETRIES_MS = [1000, 5000];
const TIMEOUT_MS = 10_000;
/** How long the end of the process waits for notices under way, ms. */
const CLOSE_MS = 2000;

/** Posts notices. That they do not arrive is logged once, until one arrives again. */
export function openWebhook(
  url: string,
  {
    fetch,
    log,
    clock,
    noticed,
  }: { fetch: Fetch; log: Log; clock: Clock; noticed: (result: "sent" | "failed") => void },
) {
  const underWay = new Set<Promise<void>>();
  const closing = new AbortController();
  let failing = false;

  async function deliver(body: string): Promise<void> {
    let problem = await tryOnce(url, body, { fetch, closing: closing.signal });
    for (const delay of RETRIES_MS) {
      if (!problem?.mayPass || closing.signal.aborted) break;
      await pause(clock, delay, closing.signal);
      if (!closing.signal.aborted) problem = await tryOnce(url, body, { fetch, closing: closing.signal });
    }
    noticed(problem === undefined ? "sent" : "failed");
    // Never the address itself: a webhook's path is its password.
    if (problem && !failing) log.warn({ reason: problem.what }, "a notice could not be delivered to NOTIFY_URL");
    if (!problem && failing) log.info("notices can be delivered to NOTIFY_URL again");
    failing = problem !== undefined;
  }

  return {
    post(notice: object): void {
      const delivery = deliver(JSON.stringify(notice)).finally(() => underWay.delete(delivery));
      underWay.add(delivery);
    },
    async close(): Promise<void> {
      const timer = setTimeout(() => closing.abort(), CLOSE_MS);
      await Promise.allSettled(underWay);
      clearTimeout(timer);
    },
  };
}

type Problem = { readonly what: string; readonly mayPass: boolean };

async function tryOnce(
  url: string,
  body: string,
  { fetch, closing }: { fetch: Fetch; closing: AbortSignal },
): Promise<Problem | undefined> {
  try {
    const { status, body: answer } = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await answer?.cancel();
    if (status >= 200 && status < 300) return undefined;
    return { what: `answered ${status}`, mayPass: status >= 500 || status === 429 || status === 408 };
  } catch (error) {
    const fault = networkFault(error);
    if (fault) return { what: fault.words, mayPass: true };
    // Not its message, which may hold the address.
    return { what: `it could not be sent (${(error as Error).name})`, mayPass: false };
  }
}
