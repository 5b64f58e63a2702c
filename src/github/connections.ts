import { Agent, type Dispatcher, fetch, Pool, ProxyAgent } from "undici";
import type { Fetch } from "../model/network.ts";
import type { Renewable } from "../model/renewable.ts";
import { afterProxy, ProxyError, type ProxySettings, proxyUrlFor } from "./proxy.ts";

type ConnectionLimits = {
  /** Connections at the same time, with or without a proxy. */
  readonly connections: number;
  /** Timeout for the beginning of an answer, and for a silence in the middle of it. */
  readonly timeoutMs: number;
  /** Timeout for connecting. `timeoutMs` by default. */
  readonly connectMs?: number;
  readonly maxAnswerBytes: number;
};

/**
 * Keep-alive connections, direct or through a proxy. For https they use a tunnel (CONNECT), so the proxy sees only the
 * host's name. The limits are the same either way. Node trusts the authorities of NODE_EXTRA_CA_CERTS in addition to
 * its built-in ones.
 */
export function openConnections(
  proxyUrl: string | undefined,
  { connections, timeoutMs, connectMs = timeoutMs, maxAnswerBytes }: ConnectionLimits,
): Dispatcher {
  const options = {
    connections,
    keepAliveTimeout: 30_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect: { timeout: connectMs } });
  return new ProxyAgent({
    ...options,
    uri: proxyUrl,
    connectTimeout: connectMs,
    // undici's default waits five minutes for a proxy that accepts connections and never answers.
    clientFactory: (origin, given) => new Pool(origin, { ...given, headersTimeout: timeoutMs }),
  });
}

/** For hosts other than GitHub. A slow service has time to answer, and a service that is down is noticed sooner. */
const OUTSIDE: ConnectionLimits = {
  connections: 10,
  connectMs: 10_000,
  timeoutMs: 60_000,
  maxAnswerBytes: 50_000_000,
};

/** Requests to hosts other than GitHub, through the same proxies. */
export function openFetch(proxies: Renewable<ProxySettings>): { readonly fetch: Fetch; close(): Promise<void> } {
  let settings = proxies.now();
  let ways = new Map<string | undefined, Dispatcher>();
  return {
    async fetch(url, options) {
      if (settings !== proxies.now()) {
        // Requests in progress end on the old connections.
        for (const each of ways.values()) each.close().catch(() => {});
        settings = proxies.now();
        ways = new Map();
      }
      const proxyUrl = URL.canParse(url) ? proxyUrlFor(String(url), settings) : undefined;
      const dispatcher = ways.get(proxyUrl) ?? openConnections(proxyUrl, OUTSIDE);
      ways.set(proxyUrl, dispatcher);
      try {
        return await fetch(url, { ...options, dispatcher });
      } catch (error) {
        if (proxyUrl === undefined) throw error;
        const failed = afterProxy((error as Error).cause ?? error, proxyUrl, String(url));
        // The next try uses the current proxy.
        if (failed instanceof ProxyError) await proxies.refresh();
        throw failed instanceof ProxyError ? failed : error;
      }
    },
    close: async () => void (await Promise.all([...ways.values()].map((each) => each.destroy()))),
  };
}
