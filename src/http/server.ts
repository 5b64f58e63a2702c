import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getHeapStatistics } from "node:v8";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { boundConnections, type Closed, type ConnectionLimits } from "./connections.ts";
import { watchHeapRoom } from "./heap-room.ts";
import { problemBody } from "./problem.ts";

export type ServerLimits = {
  /** A client must send its headers within this time, ms. */
  readonly headersMs: number;
  /** A client must send its whole request within this time, ms. */
  readonly requestMs: number;
  /** When the server closes: how long answers in flight may take, ms. */
  readonly drainMs: number;
} & ConnectionLimits;

/**
 * This many extra connections are accepted for a moment. They get 503, except for requests to /health and /ready. Otherwise a
 * platform would restart a service whose disk does not answer.
 */
const ANSWERED_BEYOND = 50;

/** Beyond this share of the room, the server ends connections that it can end, to make room for the next clients. */
const CROWDED = 7 / 8;

const HEAP_BYTES = getHeapStatistics().heap_size_limit;

export const SERVER_LIMITS: ServerLimits = {
  headersMs: 10_000,
  requestMs: 20_000,
  drainMs: 10_000,
  unreadMs: 30_000,
  unreadBytes: Math.max(8_000_000, HEAP_BYTES / 8),
  maxIdle: Math.min(1000, Math.floor(HEAP_BYTES / 240_000)),
};

export type ListeningServer = {
  /** `http://127.0.0.1:9555` */
  readonly url: string;
  /** Where it listens: `[::]:9555`. */
  readonly address: string;
  /** Stops accepting, waits for answers in flight (up to `drainMs`), then cuts off the rest. */
  close(): Promise<void>;
};

/** Serves the app over HTTP/1.1. Rejects with an error that says what to do if the address is not available. */
export async function listen(
  app: Pick<Hono, "fetch">,
  {
    port,
    host,
    keepAliveMs,
    limits,
    onClosed,
    letGo,
  }: {
    port: number;
    host: string | undefined;
    /** How long an idle connection stays open, ms. */
    keepAliveMs: number;
    limits: ServerLimits;
    /** Called for each connection that is closed because of a limit. */
    onClosed: (why: Closed, address: string) => void;
    /** Ends up to N answers that clients still wait for. Then their connections close. */
    letGo: (answers: number) => void;
  },
): Promise<ListeningServer> {
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: answerUnusable });
  const beyond = new WeakSet<Socket>();
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, limits.headersMs),
      // Node would answer without a body. The listener checks the header too, and its answer explains the problem.
      requireHostHeader: false,
    },
    (incoming, outgoing) => {
      if (isCrowded()) outgoing.setHeader("connection", "close");
      if (!beyond.has(incoming.socket) || asksForHealth(incoming)) return answer(incoming, outgoing);
      onClosed("full", incoming.socket.remoteAddress ?? "");
      answerNoRoom(outgoing);
    },
  );
  server.on("checkExpectation", answerExpectation);
  server.on("clientError", answerBrokenRequest);
  const connections = boundConnections(server, { limits, onClosed });
  // Without a limit, a flood of callers would end the process and lose their requests.
  let room = 0;
  const heapRoom = watchHeapRoom(connections.open, (most) => {
    room = most;
    server.maxConnections = most + ANSWERED_BEYOND;
    makeRoom();
  });
  let isMaking = false;
  server.on("connection", (socket: Socket) => {
    if (connections.open() > room) beyond.add(socket);
    if (isMaking || !isCrowded()) return;
    isMaking = true;
    heapRoom.findMore();
    // Once for all connections of this turn.
    setImmediate(() => {
      isMaking = false;
      makeRoom();
    });
  });
  server.on("drop", (dropped) => onClosed("full", dropped?.remoteAddress ?? ""));
  function isCrowded(): boolean {
    return connections.open() > CROWDED * room;
  }
  function makeRoom(): void {
    const tooMany = Math.ceil(connections.open() - CROWDED * room);
    if (tooMany > 0) letGo(tooMany - connections.closeIdle(tooMany));
  }
  await bind(server, port, host);
  const { address, family, port: taken } = server.address() as AddressInfo;
  const name = family === "IPv6" ? `[${address}]` : address;
  const isEverywhere = address === "::" || address === "0.0.0.0";
  return {
    url: `http://${isEverywhere ? "127.0.0.1" : name}:${taken}`,
    address: `${name}:${taken}`,
    async close() {
      await closeServer(server, limits.drainMs);
      connections.lookAway();
      heapRoom.end();
    },
  };
}

/**
 * Protects a service without tokens from pages of other sites. Another site can point its name to this machine. A browser then
 * lets the site's pages read everything here (DNS rebinding).
 */
export function onlyLocal(app: Pick<Hono, "fetch">): Pick<Hono, "fetch"> {
  const names = ["127.0.0.1", "localhost", "[::1]"];
  return {
    fetch(request, env) {
      if (names.includes(new URL(request.url).hostname)) return app.fetch(request, env);
      const body = problemBody(421, "This service answers to 127.0.0.1 and localhost only.");
      return new Response(body, { status: 421, headers: HEADERS });
    },
  };
}

function bind(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const where = `${host ?? ""}:${port}`;
      const what =
        cause.code === "EADDRINUSE"
          ? `${where}: it is in use. Stop the other process or set PORT.`
          : `${where} (${cause.message}): check PORT and HOST.`;
      reject(new Error(`Cannot listen on ${what}`, { cause }));
    });
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
}

function closeServer(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    // A keep-alive connection whose answer ends during closing must not delay it.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
  });
}

/** Answers a valid HTTP/1.1 request whose path or Host makes no valid URL. */
function answerUnusable(error: unknown): Response {
  if (!(error instanceof RequestError)) throw error;
  const body = problemBody(400, `The request's path or Host header cannot be used: ${error.message}.`);
  return new Response(body, { status: 400, headers: HEADERS });
}

/** Node handles `Expect: 100-continue`. Other values are not in use. */
function answerExpectation(_incoming: IncomingMessage, outgoing: ServerResponse): void {
  const body = problemBody(
    417,
    "This Expect header is not supported. Send 'Expect: 100-continue', or no Expect header.",
  );
  outgoing.writeHead(417, { ...HEADERS, connection: "close" }).end(body);
}

const asksForHealth = ({ url }: IncomingMessage) => url === "/health" || url === "/ready";

function answerNoRoom(outgoing: ServerResponse): void {
  const detail = "Too many connections are open. Nothing was stored: send it again.";
  outgoing.writeHead(503, { ...HEADERS, "retry-after": "1", connection: "close" }).end(problemBody(503, detail));
}

/** Answers a request that Node's parser rejects, or a client that was too slow, if possible. Then closes the connection. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const [status, detail] = BROKEN[error.code ?? ""] ?? [400, "This is not a valid HTTP/1.1 request."];
  const body = problemBody(status, detail);
  const headers = { ...HEADERS, "content-length": Buffer.byteLength(body), connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}

const HEADERS = {
  "content-type": "application/problem+json",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

const BROKEN: Readonly<Record<string, readonly [number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    "The request arrived too slowly. Send its headers within 10 s, and all of it within 20 s.",
  ],
  HPE_HEADER_OVERFLOW: [431, "The request's headers are larger than 16 KiB."],
};
