import { Agent, type Dispatcher, Pool, ProxyAgent } from "undici";

export type ConnectionLimits = {
  /** Connections at once, whichever way they take. */
  readonly connections: number;
  /** For connecting, for the beginning of an answer, and for silence in the middle of it. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
};

/**
 * Keep-alive connections, straight or by a proxy: https through a tunnel (CONNECT), so that the proxy sees the host's
 * name and nothing else. The same limits either way. Node trusts the authorities of NODE_EXTRA_CA_CERTS besides its own.
 */
export function openConnections(
  proxyUrl: string | undefined,
  { connections, timeoutMs, maxAnswerBytes }: ConnectionLimits,
): Dispatcher {
  const options = {
    connections,
    keepAliveTimeout: 30_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect: { timeout: timeoutMs } });
  return new ProxyAgent({
    ...options,
    uri: proxyUrl,
    connectTimeout: timeoutMs,
    // Its own default waits five minutes for a proxy that takes connections and never answers.
    clientFactory: (origin, given) => new Pool(origin, { ...given, headersTimeout: timeoutMs }),
  });
}
