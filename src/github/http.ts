import { endpoint } from "@octokit/endpoint";
import type { Dispatcher } from "undici";
import type { NoteWrite } from "../model/network.ts";
import { type Renewable, unchanging } from "../model/renewable.ts";
import type { Answer, Brief } from "./answer.ts";
import { openConnections } from "./connections.ts";
import { type Begin, exchange } from "./exchange.ts";
import { GRAPHQL_ROUTE, graphQLBase } from "./graphql/request.ts";
import { plainRequest } from "./plain-requests.ts";
import { afterProxy, ProxyError, type ProxySettings, proxyUrlFor } from "./proxy.ts";
import { movedRepositories, redirectPath } from "./redirects.ts";

type Parameters = Readonly<Record<string, unknown>>;

/**
 * @param begin called before each request that is sent, even after a redirect.
 * @param note receives what is sent, once.
 */
export type Send = (
  route: string,
  parameters: Parameters,
  token: string,
  begin?: Begin,
  note?: NoteWrite,
) => Promise<Answer>;

/** A request in its final form. */
type WireRequest = {
  readonly method: Dispatcher.HttpMethod;
  /** Percent-encoded, with the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

export type GitHubHttp = {
  readonly send: Send;
  /** The request that `send` would send. */
  readonly requestFor: (route: string, parameters: Parameters) => WireRequest;
  close(): Promise<void>;
};

/** GitHub ends a request after 10 s. A shorter timeout would abandon dispatches that GitHub may still carry out. */
const GITHUB_TIMEOUT_MS = 15_000;

/** The maximum for any burst. GitHub allows 100 requests at the same time. */
const MAX_CONNECTIONS = 50;

/** A values file is a few KB. This limits the memory and parsing time that a mistake can cost. */
const MAX_ANSWER_BYTES = 5_000_000;

const MAX_REDIRECTS = 3;

/** Supported until 2028-03-10, and the only version that GitHub Enterprise Server up to 3.20 knows. */
const API_VERSION = "2022-11-28";

/**
 * Sends requests to one GitHub over keep-alive connections, written as the route templates of GitHub's documentation.
 * `send` rejects only if there was no complete answer. Any status resolves. It follows a redirect (301, 307 or 308)
 * with the same method and body, and only to the same origin. By default, fetch would turn a POST with a 301 into a GET
 * that answers 200, and the event would be lost.
 */
export function openGitHubHttp({
  apiUrl,
  userAgent,
  proxies = unchanging(NO_PROXY),
  brief,
  timeoutMs = GITHUB_TIMEOUT_MS,
}: {
  apiUrl: string;
  userAgent: string;
  brief: Brief;
  /** Without it, no proxy is used. */
  proxies?: Renewable<ProxySettings>;
  timeoutMs?: number | undefined;
}): GitHubHttp {
  const { origin } = new URL(apiUrl);
  const common = {
    "user-agent": userAgent,
    "x-github-api-version": API_VERSION,
    accept: "application/vnd.github+json",
    "accept-encoding": "identity",
  };
  const build = endpoint.defaults({ baseUrl: apiUrl, headers: common });
  const requestFor: GitHubHttp["requestFor"] = (route, given) => {
    const parameters = route === GRAPHQL_ROUTE ? { ...given, baseUrl: graphQLBase(apiUrl) } : given;
    const { method, url, headers, body } =
      plainRequest(route, parameters, { apiUrl, common }) ?? build(route, parameters);
    const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    return { method, path: url.slice(origin.length), headers: headers as WireRequest["headers"], body: text };
  };

  // The timeout of a request starts when it is sent, not while it waits for a connection.
  const inTurn = inTurns(MAX_CONNECTIONS);
  const limits = { connections: MAX_CONNECTIONS, timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
  let way = wayBy(proxies.now());
  function wayBy(settings: ProxySettings) {
    const proxyUrl = proxyUrlFor(apiUrl, settings);
    return { settings, proxyUrl, connections: openConnections(proxyUrl, limits) };
  }
  function wayNow(): typeof way {
    const settings = proxies.now();
    if (way.settings === settings) return way;
    const before = way;
    if (proxyUrlFor(apiUrl, settings) === before.proxyUrl) way = { ...before, settings };
    else {
      way = wayBy(settings);
      // Requests in progress end on the old connections.
      before.connections.close().catch(() => {});
    }
    return way;
  }
  const moved = movedRepositories(apiUrl.slice(origin.length));

  return {
    requestFor,
    async send(route, parameters, token, begin, note) {
      const wire = requestFor(route, parameters);
      const { path: asked, headers, ...request } = wire;
      let noted: ReturnType<NoteWrite> | undefined;
      const beginNoted: Begin | undefined =
        note === undefined
          ? begin
          : async (abort) => {
              await begin?.(abort);
              noted ??= note(wire);
            };
      const options = { ...request, origin, headers: { ...headers, authorization: `Bearer ${token}` } };
      let path = moved.pathNow(asked);
      for (let redirects = 0; ; redirects++) {
        let proxyUrl: string | undefined;
        const sent = inTurn(() => {
          const { connections, ...by } = wayNow();
          proxyUrl = by.proxyUrl;
          return exchange(connections, { ...options, path }, { brief, timeoutMs, begin: beginNoted });
        });
        const answer = await sent.catch(async (error) => {
          const failed = proxyUrl === undefined ? error : afterProxy(error, proxyUrl, apiUrl, "GitHub");
          // The next try uses the current proxy.
          if (failed instanceof ProxyError) await proxies.refresh();
          throw failed;
        });
        const next = redirects < MAX_REDIRECTS ? redirectPath(answer, origin) : undefined;
        if (next === undefined) {
          noted?.(answer.status);
          return answer;
        }
        moved.redirected(path, next);
        path = next;
      }
    },
    close: () => way.connections.destroy(),
  };
}

const NO_PROXY: ProxySettings = { httpProxy: undefined, httpsProxy: undefined, noProxy: undefined };

/** Runs up to `places` pieces of work at the same time. The others wait in order of arrival. */
function inTurns(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = places;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
