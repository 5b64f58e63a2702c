import { type Clock, pause } from "../model/clock.ts";
import type { WaitForOptions } from "../model/context.ts";
import { millisecondsOf } from "../model/duration.ts";
import { PermanentFailure, TransientFailure } from "../model/failure.ts";
import { type Fetch, networkFault } from "../model/network.ts";
import type { Attempting } from "./attempting.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

/** One that takes longer is as good as no answer. */
const ANSWER_MS = 10_000;

/** Enough of an answer to tell by whether it is the wanted one. */
const MAX_TEXT_BYTES = 100_000;

/** Asks for a URL again and again until the answer is as wanted. */
export async function waitFor(
  url: string | URL,
  { until = ({ status }) => status >= 200 && status < 300, timeout = "2m" }: WaitForOptions = {},
  { clock, attempting, fetch }: { clock: Clock; attempting: Attempting; fetch: Fetch },
): Promise<void> {
  const end = clock.monotonic() + millisecondsOf(timeout);
  for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 1.5, LONGEST_PAUSE_MS)) {
    const answer = await ask(fetch, url, attempting.signal);
    attempting.begin("another try of waitFor");
    if (typeof answer !== "string" && until(answer)) return;
    if (clock.monotonic() + ms > end) {
      throw new TransientFailure({
        tried: `waiting ${timeout} for ${shown(url)}`,
        happened: `the last try was answered ${typeof answer === "string" ? `with nothing (${answer})` : answer.status}`,
        remedy: "Nothing to do if it comes up later; else look at what should answer there.",
      });
    }
    await pause(clock, ms, attempting.signal);
    attempting.begin("another try of waitFor");
  }
}

/**
 * Where it waits, without what may be a secret: user, query, and any part of the path that is long and has digits, as in
 * the address of a webhook.
 */
function shown(url: string | URL): string {
  const parsed = URL.parse(url);
  if (!parsed) return "a URL";
  const path = parsed.pathname.split("/").map((part) => (/(?=.*\d)(?=.*[a-z]).{16}/i.test(part) ? "…" : part));
  return parsed.host ? `${parsed.protocol}//${parsed.host}${path.join("/")}` : parsed.protocol;
}

/** The answer, or in a word why there was none. */
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
      tried: `waiting for ${shown(url)}`,
      // Not its message, which may hold the address.
      happened: `the URL cannot be used (${((error as Error).cause as Error | undefined)?.message ?? (error as Error).name})`,
      remedy: "Use one that begins with http: or https:, without user and password.",
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
