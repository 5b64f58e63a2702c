import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { systemClock } from "../model/clock.ts";
import { Connection, type Keeper } from "./connection.ts";

export type ConnectionLimits = {
  /** A client must read its answer within this time, ms. */
  readonly unreadMs: number;
  /** The total size of all unread answers. */
  readonly unreadBytes: number;
  /** How many connections may be idle. Beyond it, the longest idle one is closed. */
  readonly maxIdle: number;
};

/**
 * Why a connection was closed. `pipelining`: it sent too much ahead. `unread`: it did not read its answer. `idle`, `bodies`: too
 * many connections were idle, or waited for their bodies to be parsed. `full`: there was no room for another connection.
 */
export type Closed = "pipelining" | "unread" | "idle" | "bodies" | "full";

/** Total size of the bodies that wait for a turn. Beyond it, the connection with the largest is closed. A webhook is smaller. */
const MAX_WAITING_BYTES = 16_000_000;

const LOOK_EVERY_MS = 1000;

/** A connection that has been idle for less than this is not closed: the client may be about to send a request, ms. */
const LET_BE_MS = 1000;

/**
 * Limits what connections can demand, each and all together: the server works on one request per connection, clients must read
 * their answers, and only a few connections may be idle.
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
  /** The number of open connections. */
  readonly open: () => number;
  /** Closes up to `most` connections that had no request for a second. @returns how many it closed. */
  readonly closeIdle: (most: number) => number;
  /** Stops the regular checks. */
  readonly lookAway: () => void;
} {
  const connections = new Map<Socket, Connection>();
  /** Since when each is idle, by the monotonic clock. The longest idle first. */
  const idle = new Map<Connection, number>();
  const unread = new Set<Connection>();
  /** Connections whose bodies wait for a turn. Until then they are not read. */
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
  // A request with an unsupported Expect header emits no `request`.
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

/** @returns a function that gives each waiting connection its turn: one per turn of the event loop, the longest waiting first. */
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

/** The connection with the most waiting bytes, if all together have more than `most`. */
function largestBeyond(most: number, waiting: ReadonlySet<Connection>): Connection | undefined {
  let bytes = 0;
  let largest: Connection | undefined;
  for (const each of waiting) {
    bytes += each.ahead.length;
    if (each.ahead.length > (largest?.ahead.length ?? 0)) largest = each;
  }
  return bytes > most ? largest : undefined;
}

/** The longest idle connection of the address that has most of them: one client must not push out a proxy's connections. */
function longestIdle(idle: Iterable<Connection>): Connection {
  const byAddress = [...Map.groupBy(idle, ({ address }) => address).values()];
  const [longest] = byAddress.reduce((most, each) => (each.length > most.length ? each : most));
  return longest as Connection;
}
