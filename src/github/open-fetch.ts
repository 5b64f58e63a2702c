import { type Dispatcher, fetch } from "undici";
import type { Fetch } from "../model/network.ts";
import { openConnections } from "./connections.ts";
import { afterProxy, ProxyError, type ProxySettings, proxyUrlFor } from "./proxy.ts";

/** An address that is down is soon asked again by another request. */
const CONNECTIONS = 10;
const TIMEOUT_MS = 10_000;

/** More than this is read of no answer. */
const MAX_ANSWER_BYTES = 10_000_000;

/** Requests to other hosts than GitHub, by the same proxies. The caller sets a time-out. */
export function openFetch(proxies: ProxySettings): { readonly fetch: Fetch; close(): Promise<void> } {
  const limits = { connections: CONNECTIONS, timeoutMs: TIMEOUT_MS, maxAnswerBytes: MAX_ANSWER_BYTES };
  const ways = new Map<string | undefined, Dispatcher>();
  return {
    async fetch(url, options) {
      const proxyUrl = URL.canParse(url) ? proxyUrlFor(String(url), proxies) : undefined;
      const dispatcher = ways.get(proxyUrl) ?? openConnections(proxyUrl, limits);
      ways.set(proxyUrl, dispatcher);
      try {
        return await fetch(url, { ...options, dispatcher });
      } catch (error) {
        if (proxyUrl === undefined) throw error;
        const failed = afterProxy((error as Error).cause ?? error, proxyUrl, String(url));
        throw failed instanceof ProxyError ? failed : error;
      }
    },
    close: async () => void (await Promise.all([...ways.values()].map((each) => each.destroy()))),
  };
}
