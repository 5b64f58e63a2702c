import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

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

const NOTHING: Buffer = Buffer.alloc(0);
const END_OF_HEADERS = "\r\n\r\n";
const [CR, LF] = [13, 10];

/** Who looks after connections. */
export type Keeper = {
  /** Bytes came on it. */
  awake(connection: Connection): void;
  /** It must wait until it may have more of its body parsed. */
  outOfTurn(connection: Connection): void;
  /** It sent more ahead than it may. */
  tooMuch(connection: Connection): void;
};

/** A client's connection: one request of it is parsed at a time, and what is beyond waits until that is answered. */
export class Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Undefined once it is written, or cut. */
  answer: ServerResponse | undefined;
  /** What came and is not parsed yet. */
  ahead = NOTHING;
  readonly #keeper: Keeper;
  /** Node's own reader of requests. */
  readonly #parse: (bytes: Buffer) => void;
  #request: IncomingMessage | undefined;
  /** When bytes of the answer were first seen that the client has not taken. */
  #unreadSince: number | undefined;
  /** What of the body is still to come, if its length was declared. */
  #bodyLeft = 0;
  /** So much of the body may be parsed now. */
  #bodyRoom = 0;
  /** The last bytes that were parsed of headers: their end may come in two pieces. */
  #tail = NOTHING;
  /** Whether what is parsed now came before the last answer. */
  #isEarly = false;
  #pipelined = 0;

  constructor(socket: Socket, keeper: Keeper) {
    const [parse] = socket.listeners("data") as ((bytes: Buffer) => void)[];
    if (parse === undefined) throw new Error("This Node reads requests in another way: use one that is tested.");
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

  /** A request has begun: its headers were parsed. */
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
    // What is left of a turn is not kept: those of many would be one long turn.
    this.#bodyRoom = 0;
  }

  /** How long the client has taken nothing of what it is answered, by the looks at it. */
  unreadMs(now: number): number {
    this.#unreadSince = this.socket.writableLength === 0 ? undefined : (this.#unreadSince ?? now);
    return now - (this.#unreadSince ?? now);
  }

  drop(): void {
    release(this.ahead);
    this.ahead = NOTHING;
  }

  /** Parses up to the end of one request, and keeps what is beyond it until that is answered. */
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
    // A copy of a small one: it would keep alive all that it was cut from.
    this.ahead = 2 * rest.length > bytes.length ? rest : Buffer.from(rest);
    if (this.ahead !== rest || rest.length === 0) release(bytes);
    if (this.ahead.length > 0 && this.#isOutOfTurn()) this.#keeper.outOfTurn(this);
    else if (this.ahead.length > MAX_AHEAD_BYTES && !this.socket.isPaused()) this.#keeper.tooMuch(this);
  }

  /** Where the headers, or the body, end that are read now; the end of the bytes if that is not among them. */
  #endOfPiece(bytes: Buffer, at: number): number {
    if (this.#bodyLeft > 0) {
      const end = Math.min(bytes.length, at + this.#bodyLeft);
      this.#bodyLeft -= end - at;
      return end;
    }
    const tail = this.#tail;
    const across = tail.length > 0 ? Buffer.concat([tail, bytes.subarray(at, at + 3)]).indexOf(END_OF_HEADERS) : -1;
    let from = at;
    // Line breaks before a request count for nothing.
    if (tail.length === 0) while (bytes[from] === CR || bytes[from] === LF) from++;
    // Where it began in the last piece, this is before the first byte.
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
