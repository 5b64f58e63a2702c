import { Agent, type Dispatcher, fetch, Pool, ProxyAgent } from "undici";
import type { Fetch } from "../model/network.ts";
import type { Renewable } from "../model/renewable.ts";
import { afterProxy, ProxyError, type ProxySettings, proxyUrlFor } from "./proxy.ts";

type ConnectionLimits = {
  /** Connections at once, whichever way they take. */
  readonly connections: number;
  /** For the beginning of an answer, and for silence in the middle of it. */
  readonly timeoutMs: number;
  /** For connecting; as `timeoutMs` without it. */
  readonly connectMs?: number;
  readonly maxAnswerBytes: number;
};

/**
 * Keep-alive connections, straight or by a proxy: https through a tunnel (CONNECT), so that the proxy sees the host's
 * name and nothing else. The same limits either way. Node trusts the authorities of NODE_EXTRA_CA_CERTS besides its own.
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
    // Its own default waits five minutes for a proxy that takes connections and never answers.
    clientFactory: (origin, given) => new Pool(origin, { ...given, headersTimeout: timeoutMs }),
  });
}

/** For other hosts than GitHub: a service that thinks before it answers has its time; one that is down is found out sooner. */
const OUTSIDE: ConnectionLimits = {
  connections: 10,
  connectMs: 10_000,
  timeoutMs: 60_000,
  maxAnswerBytes: 50_000_000,
};

/** Requests to other hosts than GitHub, by the same proxies. */
export function openFetch(proxies: Renewable<ProxySettings>): { readonly fetch: Fetch; close(): Promise<void> } {
  let settings = proxies.now();
  let ways = new Map<string | undefined, Dispatcher>();
  return {
    async fetch(url, options) {
      if (settings !== proxies.now()) {
        // What is on its way ends there.
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
        // The next try uses the proxy of that moment.
        if (failed instanceof ProxyError) await proxies.refresh();
        throw failed instanceof ProxyError ? failed : error;
      }
    },
    close: async () => void (await Promise.all([...ways.values()].map((each) => each.destroy()))),
  };
}
