import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Reply } from "./routes/reply.ts";

export type Incoming = IncomingMessage | Http2ServerRequest;
export type Outgoing = ServerResponse | Http2ServerResponse;

type ListenOptions = {
  readonly port?: number;
  readonly host?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly http2?: boolean;
  /** Answers CONNECT, as a proxy does. */
  readonly onConnect?: (incoming: IncomingMessage, socket: Socket) => void;
};

/** Keep-alive longer than any pause in a test or bench. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Listens on 127.0.0.1, or on another address. It speaks HTTP/1.1, the same over TLS, or HTTP/1.1 and HTTP/2 on one
 * port, as the client chooses.
 */
export async function listen(
  listener: (incoming: Incoming, outgoing: Outgoing) => void,
  { port = 0, host = "127.0.0.1", tls, http2 = false, onConnect }: ListenOptions,
) {
  if (http2 && !tls) throw new Error("HTTP/2 is spoken over TLS only: give a key and a certificate");
  const server = !tls
    ? createServer(listener)
    : http2
      ? createSecureServer({ ...tls, allowHTTP1: true }, listener)
      : createTlsServer(tls, listener);
  if ("keepAliveTimeout" in server) server.keepAliveTimeout = KEEP_ALIVE_MS;

  if (onConnect) server.on("connect", onConnect);

  const open = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  // A client that does not trust the certificate or resets its connection affects no other client.
  server.on("tlsClientError", () => {});
  server.on("sessionError", () => {});

  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    /** How many connections have been opened so far. */
    connections: () => connections,
    /** Whether it keeps the process running. It does at first. */
    hold(held: boolean): void {
      for (const each of [server, ...open]) held ? each.ref() : each.unref();
    },
    /** Ends every connection, with all requests on it. */
    close: () =>
      new Promise<void>((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Writes an answer. Only half of its body if it should be cut. */
export function write(outgoing: Outgoing, reply: Reply, common: Record<string, string>, cut: boolean): void {
  const body = reply.raw ?? (reply.json === undefined ? undefined : Buffer.from(JSON.stringify(reply.json)));
  const type = reply.json === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
  const length = body ? { "content-length": String(body.byteLength) } : {};
  const destroy = () => ("stream" in outgoing ? outgoing.stream.destroy() : outgoing.destroy());
  if (cut && !body) return void destroy();
  // One way to write for both: the types of HTTP/1.1 and HTTP/2 do not overlap.
  const out = outgoing as ServerResponse;
  out.writeHead(reply.status, { ...common, ...type, ...length, ...reply.headers });
  if (!cut) {
    out.end(body);
    return;
  }
  out.write(body?.subarray(0, Math.floor(body.byteLength / 2)), destroy);
}

/** Breaks the connection of a request: with a reset, or under TLS by closing it without notice. */
export function reset(incoming: Incoming): void {
  if ("stream" in incoming) incoming.stream.session?.destroy();
  else if ("encrypted" in incoming.socket) incoming.socket.destroy();
  else incoming.socket.resetAndDestroy();
}

/** Calls back when the request cannot be answered any more, which may already be so. */
export function onceGone(outgoing: Outgoing, gone: () => void): void {
  const isGone = "stream" in outgoing ? (outgoing.stream?.destroyed ?? true) : outgoing.destroyed;
  if (isGone) gone();
  else outgoing.once("close", gone);
}
