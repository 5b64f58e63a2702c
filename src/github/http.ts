import type { IncomingHttpHeaders } from "node:http";
import { endpoint } from "@octokit/endpoint";
import { type Dispatcher, errors } from "undici";
import { type Answer, answerOf, type Brief } from "./answer.ts";
import { openConnections } from "./connections.ts";
import { type Carried, http2Streams } from "./http2-streams.ts";
import { inTurns } from "./in-turns.ts";
import { movedRepositories } from "./moved-repositories.ts";
import { afterProxy, type ProxySettings, proxyUrlFor } from "./proxy.ts";

export type { Answer } from "./answer.ts";

/** A request as it goes over the wire. */
type WireRequest = {
  readonly method: string;
  /** Percent-encoded, with the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

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
        resolve(answerOf(status, answered, Buffer.concat(chunks), brief));
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
