import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * How much a client may send before the answer to its last request. Node would parse and answer all of it in one turn: five clients
 * that wrote `GET /x` without a pause delayed a normal dispatch by 6 s, and 50 ended the process (bench/flood.ts). Browsers,
 * proxies, curl and Go's client do not send ahead.
 */
const MAX_AHEAD_BYTES = 16_384;

/** A connection that sends more requests than this before the previous answer is closed. */
const MAX_PIPELINED = 100;

/**
 * This much of each body is parsed as it arrives. Beyond it, the server parses one slice per turn of the event loop, for all
 * bodies together. A chunk of one byte costs as much as one of 64 KiB: 50 clients that sent such chunks delayed a normal
 * dispatch by 4.5 s (bench/flood.ts). A notification has a tenth of it.
 */
const PROMPT_BYTES = 2048;

/** 8 KiB of chunks of one byte take 2 ms. */
const SLICE_BYTES = 8192;

/** With a declared length, the time does not depend on the size. */
const DECLARED_SLICE_BYTES = 65_536;

const NOTHING: Buffer = Buffer.alloc(0);
const END_OF_HEADERS = "\r\n\r\n";
const [CR, LF] = [13, 10];

/** Manages all connections. */
export type Keeper = {
  /** Bytes arrived on the connection. */
  awake(connection: Connection): void;
  /** The connection must wait for its turn before more of its body is parsed. */
  outOfTurn(connection: Connection): void;
  /** The client sent too much before an answer. */
  tooMuch(connection: Connection): void;
};

/** A client's connection. It parses one request at a time. Later bytes wait until that request is answered. */
export class Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Undefined once the answer is written or cut off. */
  answer: ServerResponse | undefined;
  /** Bytes that arrived and are not parsed yet. */
  ahead = NOTHING;
  readonly #keeper: Keeper;
  /** Node's request parser. */
  readonly #parse: (bytes: Buffer) => void;
  #request: IncomingMessage | undefined;
  /** Since when the client has not read part of its answer. */
  #unreadSince: number | undefined;
  /** Remaining bytes of the body, if its length was declared. */
  #bodyLeft = 0;
  /** How many bytes of the body may be parsed now. */
  #bodyRoom = 0;
  /** The last parsed bytes of the headers: the end marker may arrive in two pieces. */
  #tail = NOTHING;
  /** Whether the bytes that are parsed now arrived before the previous answer. */
  #isEarly = false;
  #pipelined = 0;

  constructor(socket: Socket, keeper: Keeper) {
    const [parse] = socket.listeners("data") as ((bytes: Buffer) => void)[];
    if (parse === undefined)
      throw new Error("gh-runner cannot read requests with this version of Node. Use Node 24 or 26.");
    this.socket = socket;
    this.address = socket.remoteAddress ?? "";
    this.#keeper = keeper;
    this.#parse = parse;
    socket.removeListener("data", parse);
    socket.on("data", (bytes: Buffer) => {
      keeper.awake(this);
      this.#take(this.ahead.length > 0 ? Buffer.concat([this.ahead, bytes]) : bytes);
    });
    socket.on("resume", () => this.takeAheadSoon());
  }

  /** Called when the headers of a request are parsed. */
  begin(request: IncomingMessage, answer: ServerResponse): void {
    this.#request = request;
    this.answer = answer;
    this.#unreadSince = undefined;
    this.#bodyLeft = Number(request.headers["content-length"] ?? 0);
    this.#bodyRoom = PROMPT_BYTES;
    if (this.#isEarly && ++this.#pipelined > MAX_PIPELINED) this.#keeper.tooMuch(this);
  }

  takeAheadSoon(): void {
    setImmediate(() => {
      if (this.ahead.length === 0 || this.#isBusy()) return;
      this.#isEarly = true;
      this.#take(this.ahead);
      this.#isEarly = false;
    });
  }

  takeTurn(): void {
    this.#bodyRoom = this.#bodyLeft > 0 ? DECLARED_SLICE_BYTES : SLICE_BYTES;
    this.socket.resume();
    this.#take(this.ahead);
    // The rest of a turn is not saved: the saved rests of many connections would add up to one long turn.
    this.#bodyRoom = 0;
  }

  /** For how long the client has had unread bytes of its answer, according to the calls of this method. */
  unreadMs(now: number): number {
    this.#unreadSince = this.socket.writableLength === 0 ? undefined : (this.#unreadSince ?? now);
    return now - (this.#unreadSince ?? now);
  }

  drop(): void {
    release(this.ahead);
    this.ahead = NOTHING;
  }

  /** Parses up to the end of one request. Keeps later bytes until that request is answered. */
  #take(bytes: Buffer): void {
    let at = 0;
    if (isBlank(bytes) && !this.#isInBody()) this.#keeper.tooMuch(this);
    while (at < bytes.length && !this.#isBusy() && !this.#isOutOfTurn()) {
      const inBody = this.#isInBody();
      const end = this.#endOfPiece(inBody ? bytes.subarray(0, at + this.#bodyRoom) : bytes, at);
      if (inBody) this.#bodyRoom -= end - at;
      this.#parse(bytes.subarray(at, end));
      at = end;
    }
    const rest = at < bytes.length && !this.socket.destroyed ? bytes.subarray(at) : NOTHING;
    // A small rest is copied. Otherwise it would keep the whole buffer in memory.
    this.ahead = 2 * rest.length > bytes.length ? rest : Buffer.from(rest);
    if (this.ahead !== rest || rest.length === 0) release(bytes);
    if (this.ahead.length > 0 && this.#isOutOfTurn()) this.#keeper.outOfTurn(this);
    else if (this.ahead.length > MAX_AHEAD_BYTES && !this.socket.isPaused()) this.#keeper.tooMuch(this);
  }

  /** Where the current headers or body end. If that is not in these bytes: the end of the bytes. */
  #endOfPiece(bytes: Buffer, at: number): number {
    if (this.#bodyLeft > 0) {
      const end = Math.min(bytes.length, at + this.#bodyLeft);
      this.#bodyLeft -= end - at;
      return end;
    }
    const tail = this.#tail;
    const across = tail.length > 0 ? Buffer.concat([tail, bytes.subarray(at, at + 3)]).indexOf(END_OF_HEADERS) : -1;
    let from = at;
    // Line breaks before a request are ignored.
    if (tail.length === 0) while (bytes[from] === CR || bytes[from] === LF) from++;
    // Negative if the marker began in the previous piece.
    const found = across >= 0 ? at + across - tail.length : bytes.indexOf(END_OF_HEADERS, from);
    if (across >= 0 || found >= 0) {
      this.#tail = NOTHING;
      return found + END_OF_HEADERS.length;
    }
    this.#tail = Buffer.concat([tail, bytes.subarray(Math.max(at, bytes.length - 3))]).subarray(-3);
    return bytes.length;
  }

  #isBusy(): boolean {
    const { socket, answer } = this;
    return socket.destroyed || socket.isPaused() || (answer !== undefined && this.#request?.complete === true);
  }

  #isInBody(): boolean {
    return this.#request?.complete === false;
  }

  #isOutOfTurn(): boolean {
    return this.#isInBody() && this.#bodyRoom <= 0;
  }
}

/** Whether these are many more line breaks than a client may send before a request. */
function isBlank(bytes: Buffer): boolean {
  return bytes.length > MAX_PIPELINED && bytes.every((byte) => byte === CR || byte === LF);
}

/**
 * Frees bytes immediately. Nothing else uses them: Node copies what it parses. V8 collects buffers only when there are 64 MB more of
 * them. 700 clients that sent bodies in small chunks ended a container of 128 MiB before that.
 */
function release(bytes: Buffer): void {
  // Smaller buffers may be parts of Node's shared pool.
  if (bytes.length >= Buffer.poolSize / 2 && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}
