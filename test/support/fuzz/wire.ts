import { connect } from "node:net";

export type WireAnswer = {
  readonly status: number;
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
};

/** A stream of events does not end: the client leaves after a look. */
const LOOK_AT_STREAM_MS = 50;

/** The client hangs up after this much silence. A complete request is answered in less. */
const SILENCE_MS = 500;

/**
 * Sends exactly these bytes on a new connection. Hangs up after the answer, or when none comes. Resolves with everything that
 * came back.
 * @param heads whether it is a HEAD request, whose answer has no body.
 */
export function exchange(port: number, parts: readonly Uint8Array[], heads = false): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }).setNoDelay();
    let received = Buffer.alloc(0);
    let silence = setTimeout(() => socket.end(), SILENCE_MS);
    const lookFor = (milliseconds: number) => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.destroy(), milliseconds);
    };
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      lookFor(isComplete(received, heads) ? LOOK_AT_MORE_MS : SILENCE_MS);
      if (/^content-type: text\/event-stream/im.test(received.toString("latin1"))) lookFor(LOOK_AT_STREAM_MS);
    });
    // A service that answers before it has read everything may reset the connection.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(silence);
      resolve(received);
    });
    for (const part of parts) socket.write(part);
  });
}

/** The sent bytes may contain another request, which gets another answer. */
const LOOK_AT_MORE_MS = 2;

function isComplete(bytes: Buffer, heads: boolean): boolean {
  try {
    return (readAnswers(bytes, heads).at(-1)?.status ?? 0) >= 200;
  } catch {
    return false;
  }
}

/**
 * Parses answers strictly.
 * @param heads whether the first request was a HEAD, whose answer has no body.
 * @throws Error where they are not well-formed HTTP/1.1.
 */
export function readAnswers(bytes: Buffer, heads: boolean): WireAnswer[] {
  const answers: WireAnswer[] = [];
  let rest = bytes.toString("latin1");
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) throw new Error(`an answer without an end of its headers: ${JSON.stringify(rest.slice(0, 500))}`);
    const [first = "", ...lines] = rest.slice(0, end).split("\r\n");
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(first)?.[1]);
    if (!status) throw new Error(`no status line: ${JSON.stringify(first)}`);
    const headers = lines.map(headerOf);
    rest = rest.slice(end + 4);
    // What is not HTTP gets an answer with a body, and the connection ends, even if its first word was HEAD.
    const isHead = heads && answers.every((each) => each.status < 200) && !rest.startsWith("{");
    const hasNoBody = isHead || status < 200 || status === 204 || status === 304;
    const taken = hasNoBody ? { body: "", rest } : bodyOf(headers, rest);
    rest = taken.rest;
    answers.push({ status, headers, body: Buffer.from(taken.body, "latin1").toString() });
  }
  return answers;
}

export function header(answer: WireAnswer, name: string): string | undefined {
  return answer.headers.find(([each]) => each === name)?.[1];
}

function headerOf(line: string): [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
  if (name === undefined) throw new Error(`no header: ${JSON.stringify(line)}`);
  return [name.toLowerCase(), value ?? ""];
}

function bodyOf(headers: readonly (readonly [string, string])[], text: string): { body: string; rest: string } {
  const of = (name: string) => headers.filter(([each]) => each === name).map(([, value]) => value);
  const [length, ...others] = of("content-length");
  if (others.length > 0) throw new Error("more than one content-length");
  if (of("transfer-encoding").length > 0) return dechunked(text, of("content-type").includes("text/event-stream"));
  if (length === undefined) return { body: text, rest: "" };
  if (!/^\d+$/.test(length) || text.length < Number(length)) throw new Error(`a body shorter than its ${length} bytes`);
  return { body: text.slice(0, Number(length)), rest: text.slice(Number(length)) };
}

function dechunked(text: string, mayBeCut: boolean): { body: string; rest: string } {
  let body = "";
  let rest = text;
  for (;;) {
    const [all, size = ""] = /^([0-9a-f]+)\r\n/i.exec(rest) ?? [];
    if (all === undefined) {
      if (mayBeCut) return { body, rest: "" };
      throw new Error(`a body that ends in the middle: ${JSON.stringify(rest.slice(0, 100))}`);
    }
    const bytes = Number.parseInt(size, 16);
    const chunk = rest.slice(all.length, all.length + bytes);
    if (chunk.length < bytes && !mayBeCut) throw new Error("a chunk that ends in the middle");
    body += chunk;
    rest = rest.slice(all.length + bytes + 2);
    if (bytes === 0) return { body, rest };
  }
}
