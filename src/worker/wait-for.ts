import { type Clock, pause } from "../model/clock.ts";
import type { WaitForOptions } from "../model/context.ts";
import { millisecondsOf } from "../model/duration.ts";
import { PermanentFailure, TransientFailure } from "../model/failure.ts";
import { type Fetch, networkFault } from "../model/network.ts";
import type { Attempting } from "./attempting.ts";
import type { Names } from "./names.ts";
import { shownUrl } from "./shown-url.ts";
import type { Look, Suspending, Terms } from "./suspending.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Previews often answer within seconds. The attempt continues for this long, ms, or for half of its `timeout` if that
 * is less.
 */
const FIRST_TRIES_MS = 10_000;

/** A slower answer counts as no answer. */
const ANSWER_MS = 10_000;

/** Enough of an answer to check it. */
const MAX_TEXT_BYTES = 100_000;

export type WaitForParts = {
  readonly clock: Clock;
  readonly attempting: Attempting;
  readonly fetch: Fetch;
  readonly suspending: Suspending;
  readonly names: Names;
  /** Cleans a name for the history. */
  readonly nameOf: (given: string) => string;
};

/**
 * Requests a URL until the answer matches: for some seconds within the attempt, then as a wait. If the attempt cannot
 * end to wait, the whole wait stays within the attempt.
 */
export function waitFor(
  url: string | URL,
  { until = isSuccess, timeout = "2m", every = "10s", name: given }: WaitForOptions,
  { clock, attempting, fetch, suspending, names, nameOf }: WaitForParts,
): Promise<void> {
  const where = shownUrl(url);
  let last = "";

  /** Whether an answer matches within this many milliseconds. Tries at least once. */
  async function isAnswered(milliseconds: number): Promise<boolean> {
    const end = clock.monotonic() + milliseconds;
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 1.5, LONGEST_PAUSE_MS)) {
      const answer = await ask(fetch, url, attempting.signal);
      attempting.begin("another try of waitFor");
      if (typeof answer !== "string" && until(answer)) return true;
      last = typeof answer === "string" ? `no answer (${answer})` : String(answer.status);
      if (clock.monotonic() + ms > end) return false;
      await pause(clock, ms, attempting.signal);
      attempting.begin("another try of waitFor");
    }
  }

  const late = () =>
    new TransientFailure({
      tried: `waiting ${timeout} for ${where}`,
      happened: last === "" ? "no answer matched" : `the last try got ${last}`,
      remedy: "Nothing to do if the server comes back. Otherwise check that server.",
    });

  if (!suspending.canWait()) {
    const asking = async () => {
      if (!(await isAnswered(millisecondsOf(timeout)))) throw late();
    };
    return attempting.calls.follow("waitFor", asking());
  }
  const name = given === undefined ? names.unused(`${where} answers`) : nameOf(given);
  const terms = (): Terms => ({
    words: `waits until ${name} (for up to ${timeout})`,
    until: { inMs: millisecondsOf(timeout) },
    againInMs: Math.max(FIRST_PAUSE_MS, millisecondsOf(every)),
    late,
  });
  const look: Look = async (underWay) => {
    const most = millisecondsOf(timeout);
    const tries = underWay ? 0 : Math.min(most, FIRST_TRIES_MS, attempting.about.timeoutMs / 2);
    if (await isAnswered(tries)) return { result: undefined };
    return !underWay && tries === most ? "late" : undefined;
  };
  return suspending.wait("waitUntil", name, { terms, look, what: "waitFor" });
}

const isSuccess = ({ status }: { status: number }) => status >= 200 && status < 300;

/** The answer, or a word for why there was none. */
async function ask(
  fetch: Fetch,
  url: string | URL,
  over: AbortSignal,
): Promise<{ status: number; text: string } | string> {
  const signal = AbortSignal.any([over, AbortSignal.timeout(ANSWER_MS)]);
  try {
    const response = await fetch(url, { redirect: "manual", signal });
    return { status: response.status, text: await startOf(response) };
  } catch (error) {
    const fault = networkFault(error);
    if (fault ?? over.aborted) return fault?.words ?? "the attempt is over";
    throw new PermanentFailure({
      tried: `waiting for ${shownUrl(url)}`,
      // Without the message, which may contain the address.
      happened: `the URL cannot be used (${((error as Error).cause as Error | undefined)?.message ?? (error as Error).name})`,
      remedy: "Use a URL that begins with http: or https: and has no user or password.",
    });
  }
}

async function startOf({ body }: Awaited<ReturnType<Fetch>>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body) {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= MAX_TEXT_BYTES) break;
    }
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_TEXT_BYTES));
}
