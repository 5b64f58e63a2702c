import type { IncomingHttpHeaders } from "node:http";
import { endpoint } from "@octokit/endpoint";
import { type Dispatcher, errors } from "undici";
import { oneLine } from "../model/visible.ts";
import { openConnections } from "./connections.ts";
import { type Carried, http2Streams } from "./http2-streams.ts";
import { inTurns } from "./in-turns.ts";
import { movedRepositories } from "./moved-repositories.ts";
import { afterProxy, type ProxySettings, proxyUrlFor } from "./proxy.ts";

/** One answer of GitHub, read to its end. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
  /** `message` of a JSON error body, or the start of any other error body, without secrets; else empty. */
  readonly message: string;
  /** `documentation_url` of a JSON error body; else empty. */
  readonly documentationUrl: string;
  /** What its headers say that a person may need, without secrets: `request id AB12`. */
  readonly facts: readonly string[];
};

/** A request as it goes over the wire. */
type WireRequest = {
  readonly method: string;
  /** Percent-encoded, with the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

/** So many characters of a text without secrets, with a sign when there are more. */
export type Brief = (text: string, most: number) => string;

export type Send = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  token: string,
  /**
   * Called right before each request that goes over the wire, redirects included; what it throws prevents it. `abort`
   * ends that request, which may already be at GitHub.
   */
  begin?: (abort: (reason: Error) => void) => Promise<void>,
) => Promise<Answer>;

export type GitHubHttp = {
  readonly send: Send;
  /** What `send` would send. */
  readonly requestFor: (route: string, parameters: Readonly<Record<string, unknown>>) => WireRequest;
  close(): Promise<void>;
};

/** GitHub ends a request after 10 s; giving up earlier would abandon dispatches that it may still carry out. */
const GITHUB_TIMEOUT_MS = 15_000;

/** DESIGN: a burst never opens more; GitHub allows 100 requests at once. */
const MAX_CONNECTIONS = 50;

/** A values file is a few KB; this bounds what a mistake can cost in memory and parsing time. */
const MAX_ANSWER_BYTES = 5_000_000;

const MAX_REDIRECTS = 3;

/** Supported until 2028-03-10, and the only version that GitHub Enterprise Server up to 3.20 knows. */
const API_VERSION = "2022-11-28";

/**
 * Sends requests to one GitHub over keep-alive connections, written in the route templates of GitHub's documentation.
 * `send` rejects only when there was no complete answer; any status resolves. A redirect (301 on reads, 307 and 308) is
 * followed with method and body kept, to the same origin only: the default of fetch turns a redirected POST into a GET
 * that answers 200, and the event is lost.
 */
export function openGitHubHttp({
  apiUrl,
  userAgent,
  proxies,
  brief,
  timeoutMs = GITHUB_TIMEOUT_MS,
}: {
  apiUrl: string;
  userAgent: string;
  brief: Brief;
  /** No proxy without it. */
  proxies?: ProxySettings;
  timeoutMs?: number;
}): GitHubHttp {
  const { origin } = new URL(apiUrl);
  const build = endpoint.defaults({
    baseUrl: apiUrl,
    headers: {
      "user-agent": userAgent,
      "x-github-api-version": API_VERSION,
      accept: "application/vnd.github+json",
      "accept-encoding": "identity",
    },
  });
  const requestFor: GitHubHttp["requestFor"] = (route, parameters) => {
    const { method, url, headers, body } = build(route, parameters);
    const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    return { method, path: url.slice(origin.length), headers: headers as WireRequest["headers"], body: text };
  };
  // The time-out of a request begins when it is sent, not while it waits for a connection.
  const turns = inTurns(MAX_CONNECTIONS);
  const proxyUrl = proxies && proxyUrlFor(apiUrl, proxies);
  const connections = openConnections(proxyUrl, {
    connections: MAX_CONNECTIONS,
    timeoutMs,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });

  const streams = http2Streams();
  const moved = movedRepositories(apiUrl.slice(origin.length));
  const send: Send = async (route, parameters, token, begin) => {
    let request = requestFor(route, parameters);
    request = { ...request, path: moved.pathNow(request.path) };
    for (let redirects = 0; ; redirects++) {
      const answer = await turns
        .take(async () =>
          sendOnce(connections, origin, request, `Bearer ${token}`, { brief, timeoutMs, begin, streams }),
        )
        .catch((error) => {
          throw proxyUrl === undefined ? error : afterProxy(error, proxyUrl, apiUrl, "GitHub");
        });
      const path = redirects < MAX_REDIRECTS ? redirectPath(answer, origin) : undefined;
      if (path === undefined) return answer;
      moved.redirected(request.path, path);
      request = { ...request, path };
    }
  };
  const close = async () => {
    streams.close();
    await connections.destroy();
  };
  return { send, requestFor, close };
}

/**
 * Reads the answer with a handler of its own: the streams, signals and promises of undici's `request` cost more CPU than
 * the request itself.
 */
async function sendOnce(
  connections: Dispatcher,
  origin: string,
  { method, path, headers, body }: WireRequest,
  authorization: string,
  {
    brief,
    timeoutMs,
    begin,
    streams,
  }: {
    brief: Brief;
    timeoutMs: number;
    begin: Parameters<Send>[3] | undefined;
    streams: ReturnType<typeof http2Streams>;
  },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // Handled here, should the dispatcher throw: it does at some headers.
  promise.catch(() => {});
  let controller: Dispatcher.DispatchController | undefined;
  let aborted: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let status = 0;
  let answered: IncomingHttpHeaders = {};
  const carried: Carried = {};
  const chunks: Buffer[] = [];
  const fail = (error: Error) => {
    clearTimeout(timer);
    reject(error);
  };
  const abort = (reason: Error) => {
    aborted = reason;
    controller?.abort(reason);
    fail(reason);
  };
  await begin?.(abort);
  timer = setTimeout(abort, timeoutMs, new errors.RequestAbortedError("timed out"));
  connections.dispatch(
    { origin, method: method as "GET" | "POST", path, headers: { ...headers, authorization }, body },
    {
      onRequestStart(started) {
        controller = started;
        streams.expect(carried);
        // It was waiting for a connection all the time: nothing has been sent, and nothing may be any more.
        if (aborted) started.abort(aborted);
      },
      onResponseStart({ rawHeaders }, statusCode, received) {
        status = statusCode;
        answered = received;
        // HTTP/2, whose headers are no list, marks the end of a body itself.
        if (method === "GET" && Array.isArray(rawHeaders) && isUnbounded(status, received)) {
          throw Object.assign(new Error("no length"), { code: NO_LENGTH });
        }
      },
      onResponseData: (_controller, chunk) => void chunks.push(chunk),
      onResponseEnd() {
        if (method === "GET" && carried.stream?.rstCode) {
          fail(new errors.SocketError("the stream was reset"));
          return;
        }
        clearTimeout(timer);
        const bytes = Buffer.concat(chunks);
        const text = isIdentity(answered) ? bytes : new Uint8Array();
        const facts = factsIn(answered, brief);
        resolve({ status, headers: answered, bytes, facts, ...errorText(status, text, brief) });
      },
      onResponseError: (_controller, error) => fail(error),
    },
  );
  return promise;
}

/** The code of an error: the answer to a read had no length, and ended with the connection. */
export const NO_LENGTH = "NO_LENGTH";

/**
 * Whether the body ends where the connection does: then it is unknown whether that is all of it. GitHub never sends
 * that; a proxy that talks HTTP/1.0 may. Writes are excepted: they have been carried out.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
function isUnbounded(status: number, headers: IncomingHttpHeaders): boolean {
  const hasBody = status >= 200 && status < 300 && status !== 204 && status !== 205;
  return hasBody && headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
}

function redirectPath({ status, headers }: Answer, origin: string): string | undefined {
  if (![301, 307, 308].includes(status) || !headers.location || !URL.canParse(headers.location, origin)) {
    return undefined;
  }
  const target = new URL(headers.location, origin);
  return target.origin === origin ? target.pathname + target.search : undefined;
}

/** Whether the body is as it was written: no coding is asked for, and none is undone. */
export function isIdentity(headers: IncomingHttpHeaders): boolean {
  return /^(?:identity)?$/i.test(headers["content-encoding"] ?? "");
}

/** Enough of an error body to recognise it by. */
const MAX_MESSAGE_CHARACTERS = 300;

/** GitHub's error bodies have less than 1 KB; a page that stands in their place may have megabytes. */
const MAX_ERROR_BYTES = 64_000;

function errorText(status: number, bytes: Uint8Array, brief: Brief): { message: string; documentationUrl: string } {
  if (status < 300) return { message: "", documentationUrl: "" };
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES));
  const body = jsonObject(text);
  const details = Array.isArray(body?.errors) ? `: ${JSON.stringify(body.errors)}` : "";
  // With a bound for the tag: without one a page of nothing but `<title` took 235 ms.
  const title = /<title[^>]{0,200}>([^<]+)/i.exec(text)?.[1];
  const message = typeof body?.message === "string" ? body.message + details : (title ?? text);
  const start = oneLine(brief(message, 2 * MAX_MESSAGE_CHARACTERS));
  return {
    message: brief(start, MAX_MESSAGE_CHARACTERS),
    documentationUrl: typeof body?.documentation_url === "string" ? body.documentation_url : "",
  };
}

/** A header may have 16 KB. */
const MAX_HEADER_CHARACTERS = 200;

function factsIn(headers: IncomingHttpHeaders, brief: Brief): readonly string[] {
  const facts: Readonly<Record<string, unknown>> = {
    "request id": headers["x-github-request-id"],
    needs: headers["x-accepted-github-permissions"],
    // What is asked for at a login page may hold more than should be shown.
    location: headers.location?.split("?")[0],
  };
  return Object.entries(facts).flatMap(([name, fact]) =>
    fact ? `${name} ${brief(String(fact), MAX_HEADER_CHARACTERS)}` : [],
  );
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
