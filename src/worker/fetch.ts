import { type Clock, pause } from "../model/clock.ts";
import type { RunContext } from "../model/context.ts";
import { PermanentFailure, TransientFailure } from "../model/failure.ts";
import type { Lease } from "../model/lease.ts";
import { type Fetch, networkFault, type UnsentWrite } from "../model/network.ts";
import { QUICK_RETRIES_MS } from "../model/retry.ts";
import type { Attempting } from "./attempting.ts";
import type { Keeping } from "./kept.ts";
import { shownUrl } from "./shown-url.ts";

export type FetchParts = {
  readonly fetch: Fetch;
  readonly attempting: Attempting;
  readonly clock: Clock;
  readonly keeping: Keeping;
  readonly lease: Pick<Lease, "holds">;
  /** Makes this a dry run: gets every request except GET and HEAD, which are still sent. */
  readonly dryRun?: ((write: UnsentWrite) => void) | undefined;
};

/** Requests to hosts other than GitHub, each followed as a call of the attempt. */
export function fetchOf(parts: FetchParts): RunContext["fetch"] {
  const fetch = fetching(parts);
  return (url, init = {}) => parts.attempting.calls.follow(shownCall(url, init), fetch(url, init));
}

/** For use within another call. */
export function fetching(parts: FetchParts): RunContext["fetch"] {
  return async (url, init = {}) => {
    parts.attempting.begin(shownCall(url, init));
    const request = await encoded({ ...init, method: methodOf(init) });
    return request.method === "GET" || request.method === "HEAD"
      ? read(url, request, parts)
      : write(url, request, parts);
  };
}

const methodOf = ({ method = "GET" }: RequestInit) => method.toUpperCase();
const shownCall = (url: string | URL, init: RequestInit) => `fetch ${methodOf(init)} ${shownUrl(url)}`;

type Request = RequestInit & { readonly method: string };

/** Retries transient errors. After the last try, an answer with an error resolves like any answer. */
async function read(url: string | URL, init: Request, parts: FetchParts): Promise<Response> {
  const { attempting, clock } = parts;
  for (const delay of [...QUICK_RETRIES_MS, undefined]) {
    const answer = await once(url, init, parts).catch((error: unknown) => {
      if (delay === undefined || !(error instanceof TransientFailure)) throw error;
    });
    if (answer && (delay === undefined || answer.status < 500 || answer.status === 501)) return answer;
    await answer?.body?.cancel();
    await pause(clock, delay ?? 0, attempting.signal);
    attempting.begin("another try of fetch");
  }
  throw new Error("the last try has no delay after it");
}

/** Sent once, by the process that has the run. */
async function write(url: string | URL, init: Request, parts: FetchParts): Promise<Response> {
  const { attempting, lease, dryRun } = parts;
  if (dryRun) {
    dryRun(unsent(url, init, parts));
    return new Response("{}", { headers: { "content-type": "application/json" } });
  }
  await lease.holds();
  attempting.begin("fetch");
  return once(url, init, parts);
}

/** @throws TransientFailure if there was no answer, PermanentFailure if the request cannot be sent. */
async function once(url: string | URL, init: Request, { fetch, attempting }: FetchParts): Promise<Response> {
  const signals = [attempting.signal, ...(init.signal ? [init.signal] : [])];
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signals.some(({ aborted }) => aborted)) throw error;
    const tried = `fetching ${shownUrl(url)}`;
    const fault = networkFault(error);
    if (fault) {
      const remedy = "Nothing to do if the server comes back. Otherwise check that server.";
      throw new TransientFailure({ tried, happened: fault.words, remedy, cause: error });
    }
    // Without the message, which may contain the address or a header.
    const why = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).name;
    const remedy =
      "Use a URL that begins with http: or https: and has no user or password, and check the options of `fetch`.";
    throw new PermanentFailure({ tried, happened: `the request cannot be made (${why})`, remedy });
  }
}

/**
 * Turns a body into bytes with a type, because the client that sends it does not know the platform's `FormData`.
 * Streams are unchanged.
 */
async function encoded(init: Request): Promise<Request> {
  if (init.body === undefined || init.body === null || init.body instanceof ReadableStream) return init;
  const body = new Response(init.body);
  const headers = new Headers(init.headers);
  const type = body.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return { ...init, headers, body: await body.arrayBuffer() };
}

/** Headers whose names suggest a secret. */
const SECRET_HEADER = /auth|cookie|key|secret|signature|token/i;

function unsent(url: string | URL, { method, headers, body }: Request, { keeping }: FetchParts): UnsentWrite {
  const all = [...new Headers(headers)].map(([name, value]) => [
    name,
    SECRET_HEADER.test(name) ? "***" : keeping.scrub(value),
  ]);
  const text = body instanceof ArrayBuffer ? keeping.scrub(new TextDecoder().decode(body)) : null;
  return { method, url: shownUrl(url), headers: Object.fromEntries(all), body: text };
}
