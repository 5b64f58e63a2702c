import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { systemClock } from "../model/clock.ts";
import { Connection, type Keeper } from "./connection.ts";

export type ConnectionLimits = {
  /** An answer must have been read by then, ms. */
  readonly unreadMs: number;
  /** What the answers that are not read may hold, all of them together. */
  readonly unreadBytes: number;
  /** So many connections may be open without a request; of more, the longest idle is closed. */
  readonly maxIdle: number;
};

/**
 * Why a connection was closed: it sent much ahead, it did not read its answer, it was one too many that was idle or waited
 * for its body to be read, or there was no room for one more.
 */
export type Closed = "pipelining" | "unread" | "idle" | "bodies" | "full";

/** What bodies that wait for a turn may hold, all together. Beyond it the largest is closed, not a webhook among them. */
const MAX_WAITING_BYTES = 16_000_000;

const LOOK_EVERY_MS = 1000;

/** A client may be just writing its next request into a connection that has been idle for less, ms. */
const LET_BE_MS = 1000;

/**
 * Bounds what each connection and all of them can ask for: one request of a connection is worked on at a time, answers
 * must be read, and idle connections are few.
 */
export function boundConnections(
  server: Server,
  {
    limits,
    onClosed,
    monotonic = systemClock.monotonic,
  }: {
    limits: ConnectionLimits;
    onClosed: (why: Closed, address: string) => void;
    /** Milliseconds. */
    monotonic?: () => number;
  },
): {
  /** How many there are. */
  readonly open: () => number;
  /** Closes up to `most` connections that have had no request for a second. @returns how many it has closed. */
  readonly closeIdle: (most: number) => number;
  /** Stops looking after them. */
  readonly lookAway: () => void;
} {
  const connections = new Map<Socket, Connection>();
  /** Since when they are idle, by the monotonic clock; longest idle first. */
  const idle = new Map<Connection, number>();
  const unread = new Set<Connection>();
  /** Those whose bodies wait for a turn. They are not read meanwhile. */
  const waiting = new Set<Connection>();
  const giveTurns = bodyTurns(waiting);
  const keeper: Keeper = {
    awake: (connection) => idle.delete(connection),
    tooMuch: (connection) => close(connection, "pipelining"),
    outOfTurn(connection) {
      connection.socket.pause();
      waiting.add(connection);
      const largest = largestBeyond(MAX_WAITING_BYTES, waiting);
      if (largest) close(largest, "bodies");
      giveTurns();
    },
  };

  server.on("connection", (socket: Socket) => {
    const connection = new Connection(socket, keeper);
    connections.set(socket, connection);
    socket.on("close", () => {
      connections.delete(socket);
      forget(connection);
    });
  });
  const begin = (request: IncomingMessage, answer: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (!connection) return;
    connection.begin(request, answer);
    answer.once("prefinish", () => void setImmediate(lookWhetherRead, connection, answer));
    answer.once("close", () => {
      connection.answer = undefined;
      unread.delete(connection);
      if (connection.socket.destroyed || connection.socket.writableEnded) return;
      if (connection.ahead.length > 0) connection.takeAheadSoon();
      else {
        idle.set(connection, monotonic());
        if (idle.size > limits.maxIdle) close(longestIdle(idle.keys()), "idle");
      }
    });
  };
  // A request whose Expect cannot be met is no `request`.
  for (const event of ["request", "checkExpectation"]) server.prependListener(event, begin);

  function lookWhetherRead(connection: Connection, answer: ServerResponse): void {
    if (connection.answer !== answer || answer.writableFinished) return;
    unread.add(connection);
    let bytes = 0;
    for (const { socket } of unread) bytes += socket.writableLength;
    for (const longest of unread) {
      if (bytes <= limits.unreadBytes) return;
      bytes -= longest.socket.writableLength;
      close(longest, "unread");
    }
  }

  function closeIdle(most: number): number {
    const before = monotonic() - LET_BE_MS;
    const long = [
      ...idle
        .entries()
        .filter(([, since]) => since <= before)
        .take(most),
    ];
    for (const [connection] of long) close(connection, "idle");
    return long.length;
  }

  function lookAtAll(): void {
    const now = monotonic();
    for (const connection of connections.values()) {
      if (connection.unreadMs(now) > limits.unreadMs) close(connection, "unread");
    }
  }

  function close(connection: Connection, why: Closed): void {
    connection.socket.destroy();
    forget(connection);
    onClosed(why, connection.address);
  }

  function forget(connection: Connection): void {
    for (const each of [idle, unread, waiting]) each.delete(connection);
    connection.drop();
  }

  const looking = setInterval(lookAtAll, Math.min(LOOK_EVERY_MS, limits.unreadMs));
  looking.unref();
  return { open: () => connections.size, closeIdle, lookAway: () => clearInterval(looking) };
}

/** @returns gives those that wait their turns: one per turn of the event loop, the longest waiting first. */
function bodyTurns(waiting: Set<Connection>): () => void {
  let isNext = false;
  return function giveTurns() {
    if (isNext || waiting.size === 0) return;
    isNext = true;
    setImmediate(() => {
      isNext = false;
      const [connection] = waiting;
      if (!connection) return;
      waiting.delete(connection);
      connection.takeTurn();
      giveTurns();
    });
  };
}

/** The one that has sent most ahead, when all together have sent more than this. */
function largestBeyond(most: number, waiting: ReadonlySet<Connection>): Connection | undefined {
  let bytes = 0;
  let largest: Connection | undefined;
  for (const each of waiting) {
    bytes += each.ahead.length;
    if (each.ahead.length > (largest?.ahead.length ?? 0)) largest = each;
  }
  return bytes > most ? largest : undefined;
}

/** Of the address that has most of them: one client's idle connections must not end those of a proxy. */
function longestIdle(idle: Iterable<Connection>): Connection {
  const byAddress = [...Map.groupBy(idle, ({ address }) => address).values()];
  const [longest] = byAddress.reduce((most, each) => (each.length > most.length ? each : most));
  return longest as Connection;
}
