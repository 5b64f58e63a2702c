import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export type ConnectionLimits = {
  /** An answer must have been read by then, ms. */
  readonly unreadMs: number;
  /** What the answers that are not read may hold, all of them together. */
  readonly unreadBytes: number;
  /** So many connections may be open without a request; of more, the longest idle is closed. */
  readonly maxIdle: number;
};

/**
 * Why a connection was closed: it sent much ahead, it did not read its answer, or it was one too many that was idle or
 * waited for its body to be read.
 */
export type Closed = "pipelining" | "unread" | "idle" | "bodies";

/**
 * What a client may send before its last request is answered. Node would parse and answer all of it at once: five
 * clients that write `GET /x` without a pause kept an honest dispatch waiting for 6 s, and 50 ended the process
 * (bench/flood.ts). Browsers, proxies, curl and Go's client send nothing ahead.
 */
const MAX_AHEAD_BYTES = 16_384;

/** A connection on which so many requests came before the answer to the last one is closed. */
const MAX_PIPELINED = 100;

/**
 * So much of each body is parsed as it comes. Beyond it, all bodies together have one slice parsed per turn of the event
 * loop: a chunk of one byte costs as much as one of 64 KiB, and 50 clients that sent such chunks kept an honest dispatch
 * waiting for 4.5 s (bench/flood.ts). A notification has a tenth of it.
 */
const PROMPT_BYTES = 2048;

/** 8 KiB of chunks of one byte take 2 ms. */
const SLICE_BYTES = 8192;

/** Where the length is declared, the time does not depend on the size. */
const DECLARED_SLICE_BYTES = 65_536;

/** What bodies that wait for a turn may hold, all together. Beyond it the largest is closed, not a webhook among them. */
const MAX_WAITING_BYTES = 16_000_000;

const LOOK_EVERY_MS = 1000;

type Connection = {
  readonly socket: Socket;
  readonly address: string;
  /** Node's own reader of requests. */
  readonly parse: (bytes: Buffer) => void;
  request: IncomingMessage | undefined;
  /** Undefined once it is written, or cut. */
  answer: ServerResponse | undefined;
  /** When bytes of the answer were first seen that the client has not taken. */
  unreadSince: number | undefined;
  /** What of the body is still to come, if its length was declared. */
  bodyLeft: number;
  /** So much of the body may be parsed now. */
  bodyRoom: number;
  /** The last bytes that were parsed of headers: their end may come in two pieces. */
  tail: Buffer;
  ahead: Buffer;
  /** Whether what is parsed now came before the last answer. */
  early: boolean;
  pipelined: number;
};

/**
 * Bounds what each connection and all of them can ask for: one request of a connection is worked on at a time, answers
 * must be read, and idle connections are few.
 * @returns how to stop looking after them.
 */
export function boundConnections(
  server: Server,
  { limits, onClosed }: { limits: ConnectionLimits; onClosed: (why: Closed, address: string) => void },
): () => void {
  const connections = new Map<Socket, Connection>();
  /** Longest idle first. */
  const idle = new Set<Connection>();
  const unread = new Set<Connection>();
  /** Those whose bodies wait for a turn. They are not read meanwhile. */
  const waiting = new Set<Connection>();
  let isTurnNext = false;

  server.on("connection", (socket: Socket) => {
    const [parse] = socket.listeners("data") as ((bytes: Buffer) => void)[];
    if (parse === undefined) throw new Error("This Node reads requests in another way: use one that is tested.");
    const connection: Connection = {
      socket,
      address: socket.remoteAddress ?? "",
      parse,
      request: undefined,
      answer: undefined,
      unreadSince: undefined,
      bodyLeft: 0,
      bodyRoom: 0,
      tail: NOTHING,
      ahead: NOTHING,
      early: false,
      pipelined: 0,
    };
    connections.set(socket, connection);
    socket.removeListener("data", parse);
    socket.on("data", (bytes: Buffer) => {
      idle.delete(connection);
      take(connection, connection.ahead.length > 0 ? Buffer.concat([connection.ahead, bytes]) : bytes);
    });
    socket.on("resume", () => void setImmediate(takeAhead, connection));
    socket.on("close", () => {
      connections.delete(socket);
      idle.delete(connection);
      unread.delete(connection);
      waiting.delete(connection);
      connection.ahead = NOTHING;
    });
  });

  const begin = (request: IncomingMessage, answer: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (!connection) return;
    connection.request = request;
    connection.answer = answer;
    connection.unreadSince = undefined;
    connection.bodyLeft = Number(request.headers["content-length"] ?? 0);
    connection.bodyRoom = PROMPT_BYTES;
    if (connection.early && ++connection.pipelined > MAX_PIPELINED) close(connection, "pipelining");
    answer.once("prefinish", () => void setImmediate(lookWhetherRead, connection, answer));
    answer.once("close", () => {
      connection.answer = undefined;
      unread.delete(connection);
      if (connection.socket.destroyed) return;
      if (connection.ahead.length > 0) setImmediate(takeAhead, connection);
      else becomeIdle(connection);
    });
  };
  // A request whose Expect cannot be met is no `request`.
  for (const event of ["request", "checkExpectation"]) server.prependListener(event, begin);

  /** Parses up to the end of one request, and keeps what is beyond it until that is answered. */
  function take(connection: Connection, bytes: Buffer): void {
    const { socket } = connection;
    let at = 0;
    if (isBlank(bytes) && !isInBody(connection)) close(connection, "pipelining");
    while (at < bytes.length && !isBusy(connection) && !isOutOfTurn(connection)) {
      const inBody = isInBody(connection);
      const end = endOfPiece(connection, inBody ? bytes.subarray(0, at + connection.bodyRoom) : bytes, at);
      if (inBody) connection.bodyRoom -= end - at;
      connection.parse(bytes.subarray(at, end));
      at = end;
    }
    const rest = at < bytes.length && !socket.destroyed ? bytes.subarray(at) : NOTHING;
    // A copy of a small one: it would keep alive all that it was cut from.
    connection.ahead = 2 * rest.length > bytes.length ? rest : Buffer.from(rest);
    if (connection.ahead !== rest || rest.length === 0) release(bytes);
    if (connection.ahead.length > 0 && isOutOfTurn(connection)) awaitTurn(connection);
    else if (connection.ahead.length > MAX_AHEAD_BYTES && !socket.isPaused()) close(connection, "pipelining");
  }

  function awaitTurn(connection: Connection): void {
    connection.socket.pause();
    waiting.add(connection);
    let held = 0;
    let largest = connection;
    for (const each of waiting) {
      held += each.ahead.length;
      if (each.ahead.length > largest.ahead.length) largest = each;
    }
    if (held > MAX_WAITING_BYTES) close(largest, "bodies");
    nextTurn();
  }

  function nextTurn(): void {
    if (isTurnNext || waiting.size === 0) return;
    isTurnNext = true;
    setImmediate(giveTurn);
  }

  /** To the one that has waited longest. */
  function giveTurn(): void {
    isTurnNext = false;
    const [connection] = waiting;
    if (!connection) return;
    waiting.delete(connection);
    connection.bodyRoom = connection.bodyLeft > 0 ? DECLARED_SLICE_BYTES : SLICE_BYTES;
    connection.socket.resume();
    take(connection, connection.ahead);
    // What is left of a turn is not kept: those of many would be one long turn.
    connection.bodyRoom = 0;
    nextTurn();
  }

  function takeAhead(connection: Connection): void {
    if (connection.ahead.length === 0 || isBusy(connection)) return;
    connection.early = true;
    take(connection, connection.ahead);
    connection.early = false;
  }

  function becomeIdle(connection: Connection): void {
    idle.add(connection);
    if (idle.size <= limits.maxIdle) return;
    // Of the address that has most of them: one client's idle connections must not end those of a proxy.
    const byAddress = [...Map.groupBy(idle, ({ address }) => address).values()];
    const [longest] = byAddress.reduce((most, each) => (each.length > most.length ? each : most), []);
    if (longest) close(longest, "idle");
  }

  function lookWhetherRead(connection: Connection, answer: ServerResponse): void {
    if (connection.answer !== answer || answer.writableFinished) return;
    unread.add(connection);
    let held = 0;
    for (const { socket } of unread) held += socket.writableLength;
    for (const longest of unread) {
      if (held <= limits.unreadBytes) return;
      held -= longest.socket.writableLength;
      close(longest, "unread");
    }
  }

  function lookAtAll(): void {
    const now = performance.now();
    for (const connection of connections.values()) {
      if (connection.socket.writableLength === 0) connection.unreadSince = undefined;
      else connection.unreadSince ??= now;
      if (now - (connection.unreadSince ?? now) > limits.unreadMs) close(connection, "unread");
    }
  }

  function close(connection: Connection, why: Closed): void {
    unread.delete(connection);
    idle.delete(connection);
    waiting.delete(connection);
    connection.socket.destroy();
    release(connection.ahead);
    connection.ahead = NOTHING;
    onClosed(why, connection.address);
  }

  const looking = setInterval(lookAtAll, Math.min(LOOK_EVERY_MS, limits.unreadMs));
  looking.unref();
  return () => clearInterval(looking);
}

const NOTHING = Buffer.alloc(0);
const END_OF_HEADERS = "\r\n\r\n";
const [CR, LF] = [13, 10];

function isBusy({ socket, request, answer }: Connection): boolean {
  return socket.destroyed || socket.isPaused() || (answer !== undefined && request?.complete === true);
}

/** Much more than the few line breaks that may stand before a request. */
function isBlank(bytes: Buffer): boolean {
  return bytes.length > MAX_PIPELINED && bytes.every((byte) => byte === CR || byte === LF);
}

/**
 * Gives the memory of bytes back at once that nothing else holds: Node copies what it parses. V8 collects buffers when there
 * are 64 MB more of them, and 700 clients that sent bodies in small chunks ended a container of 128 MiB before that.
 */
function release(bytes: Buffer): void {
  // Smaller ones may be parts of Node's pool, which others use, too.
  if (bytes.length >= Buffer.poolSize / 2 && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

function isInBody({ request }: Connection): boolean {
  return request?.complete === false;
}

/** Whether it must wait until it may have more of its body parsed. */
function isOutOfTurn(connection: Connection): boolean {
  return isInBody(connection) && connection.bodyRoom <= 0;
}

/** Where the headers, or the body, end that are read now; the end of the bytes if that is not among them. */
function endOfPiece(connection: Connection, bytes: Buffer, at: number): number {
  if (connection.bodyLeft > 0) {
    const end = Math.min(bytes.length, at + connection.bodyLeft);
    connection.bodyLeft -= end - at;
    return end;
  }
  const { tail } = connection;
  const across = tail.length > 0 ? Buffer.concat([tail, bytes.subarray(at, at + 3)]).indexOf(END_OF_HEADERS) : -1;
  let from = at;
  // Line breaks before a request count for nothing.
  if (tail.length === 0) while (bytes[from] === CR || bytes[from] === LF) from++;
  // Where it began in the last piece, this is before the first byte.
  const found = across >= 0 ? at + across - tail.length : bytes.indexOf(END_OF_HEADERS, from);
  if (across >= 0 || found >= 0) {
    connection.tail = NOTHING;
    return found + END_OF_HEADERS.length;
  }
  connection.tail = Buffer.concat([tail, bytes.subarray(Math.max(at, bytes.length - 3))]).subarray(-3);
  return bytes.length;
}
