import { subscribe } from "node:diagnostics_channel";
import type { IncomingHttpHeaders } from "node:http";
import type { ClientHttp2Stream } from "node:http2";
import { type Dispatcher, errors } from "undici";
import { type Answer, answerOf, type Brief } from "./answer.ts";

/**
 * Called right before a request is sent. If it throws, the request is not sent. `abort` ends a request that may already
 * be at GitHub.
 */
export type Begin = (abort: (reason: Error) => void) => Promise<void>;

/** Error code: the answer to a read had no length and ended with the connection. */
export const NO_LENGTH = "NO_LENGTH";

/** @see https://nodejs.org/api/diagnostics_channel.html#http2 */
const STREAM_CREATED = "http2.client.stream.created";

/** One request and its complete answer. Rejects only if there was no complete answer. */
export async function exchange(
  connections: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { timeoutMs, brief, begin }: { timeoutMs: number; brief: Brief; begin?: Begin | undefined },
): Promise<Answer> {
  const reader = new AnswerReader(request.method, brief);
  await begin?.(reader.abort);
  const timer = setTimeout(() => reader.abort(new errors.RequestAbortedError("timed out")), timeoutMs);
  try {
    connections.dispatch(request, reader);
    return await reader.answer;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Receives the next stream that is opened in the same turn of the event loop. Subscribing for each request took 8 µs
 * (measured).
 */
let findsStream: ((stream: ClientHttp2Stream) => void) | undefined;
subscribe(STREAM_CREATED, (message) => {
  findsStream?.((message as { stream: ClientHttp2Stream }).stream);
  findsStream = undefined;
});

/**
 * undici's handler of one request. The streams, signals and promises of undici's `request` cost more CPU than the
 * request itself.
 */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly answer: Promise<Answer>;
  readonly #isRead: boolean;
  readonly #brief: Brief;
  readonly #chunks: Buffer[] = [];
  readonly #settle: PromiseWithResolvers<Answer>;
  #stream: Pick<ClientHttp2Stream, "rstCode"> | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: Error | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};

  constructor(method: string, brief: Brief) {
    this.#isRead = method === "GET";
    this.#brief = brief;
    this.#settle = Promise.withResolvers();
    this.answer = this.#settle.promise;
    // Handled here because the dispatcher throws for some headers.
    this.answer.catch(() => {});
  }

  readonly abort = (reason: Error): void => {
    this.#aborted = reason;
    this.#controller?.abort(reason);
    this.#settle.reject(reason);
  };

  onRequestStart(started: Dispatcher.DispatchController): void {
    this.#controller = started;
    if (this.#isRead) this.#findStream();
    // The request waited for a connection until it was aborted. Nothing was sent, and nothing may be sent now.
    if (this.#aborted) started.abort(this.#aborted);
  }

  /**
   * undici does not expose the HTTP/2 stream of a request. If the other side resets the stream with CANCEL, undici
   * takes the partial answer for a whole one, because Node ends such a stream normally (undici 8.12, Node 26). undici
   * opens the stream right after the request has started.
   */
  #findStream(): void {
    findsStream = (stream) => {
      this.#stream = stream;
    };
    // Not HTTP/2: there is no stream.
    queueMicrotask(() => {
      findsStream = undefined;
    });
  }

  onResponseStart({ rawHeaders }: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    // HTTP/2 marks the end of a body itself, and its headers are not a list.
    if (this.#isRead && Array.isArray(rawHeaders) && isUnbounded(status, headers)) {
      throw Object.assign(new Error("no length"), { code: NO_LENGTH });
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#isRead && this.#stream?.rstCode) {
      this.#settle.reject(new errors.SocketError("the stream was reset"));
    } else this.#settle.resolve(answerOf(this.#status, this.#headers, Buffer.concat(this.#chunks), this.#brief));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle.reject(error);
  }
}

/**
 * Whether the body ends with the connection. Then it is unknown whether it is complete. GitHub never sends this, but a
 * proxy with HTTP/1.0 may. Writes are excepted: GitHub has carried them out.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
function isUnbounded(status: number, headers: IncomingHttpHeaders): boolean {
  const hasBody = status >= 200 && status < 300 && status !== 204 && status !== 205;
  return hasBody && headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
}
