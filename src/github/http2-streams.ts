import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientHttp2Stream } from "node:http2";

/** What a request finds out about the HTTP/2 stream that carries it. */
export type Carried = { stream?: Pick<ClientHttp2Stream, "rstCode"> };

/**
 * Hands out the stream of a request, which undici keeps to itself. It takes an answer for whole whose stream the other side
 * has reset with CANCEL, since Node ends such a stream as if it were (undici 8.12, Node 26).
 * @see https://nodejs.org/api/diagnostics_channel.html#http2
 */
export function http2Streams() {
  let next: Carried | undefined;
  const created = (message: unknown) => {
    if (next) next.stream = (message as { stream: ClientHttp2Stream }).stream;
    next = undefined;
  };
  subscribe(CREATED, created);
  return {
    /** The next stream is this request's: undici opens it right after the request has started. */
    expect(request: Carried): void {
      next = request;
    },
    close: () => void unsubscribe(CREATED, created),
  };
}

const CREATED = "http2.client.stream.created";
