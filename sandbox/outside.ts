import type { Fetch } from "../src/model/network.ts";

export type OutsideOptions = {
  /**
   * The answers of other hosts to `fetch`, `notify` and `waitFor`, by method and address: `"GET
   * https://status.acme.dev/api"`. You can leave out the query. Without an answer, a GET or HEAD is really sent, and so
   * is any request to this machine, such as to a server of the test. All others are answered with 200 and `{}`, so a
   * test never posts to a real host.
   */
  readonly outside?: Readonly<Record<string, OutsideAnswer | ((request: OutsideRequest) => OutsideAnswer)>>;
};

export type OutsideAnswer = {
  /** 200 by default. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent unchanged, anything else as JSON. `{}` by default. */
  readonly body?: unknown;
};

/** A request to a host other than GitHub. */
export type OutsideRequest = {
  readonly method: string;
  readonly url: string;
  /** Parsed JSON. Text if it is not JSON, undefined if there is none. */
  readonly body: unknown;
};

/** Other hosts as the test defines them. `sent` receives the requests to them, except reads. */
export function outsideOf(outside: NonNullable<OutsideOptions["outside"]>, sent: OutsideRequest[]) {
  for (const key of Object.keys(outside)) {
    if (!/^[A-Z]+ https?:\/\/\S+$/.test(key)) throw new TypeError(`outside: ${key} is not a method and an address.`);
  }
  return (fetch: Fetch): Fetch =>
    async (url, init = {}) => {
      const method = (init.method ?? "GET").toUpperCase();
      const isRead = method === "GET" || method === "HEAD";
      const address = URL.parse(url);
      const given =
        address && (outside[`${method} ${address.href}`] ?? outside[`${method} ${address.origin}${address.pathname}`]);
      if (!address || isRejected(address) || (isRead && !given)) return fetch(url, init);
      // A local server of the test receives its requests.
      if (!given && ["127.0.0.1", "localhost", "[::1]"].includes(address.hostname)) return fetch(url, init);
      const text = init.body ? await new Response(init.body).text() : "";
      const request = { method, url: address.href, body: parsed(text) };
      if (!isRead) sent.push(request);
      const { status = 200, headers, body = {} } = typeof given === "function" ? given(request) : (given ?? {});
      const isText = typeof body === "string";
      const type = isText ? "text/plain" : "application/json";
      const content = [204, 304].includes(status) ? null : isText ? body : JSON.stringify(body);
      return new Response(content, { status, headers: { "content-type": type, ...headers } });
    };
}

/** `fetch` sends nothing to such an address, and a test does not either. */
function isRejected({ protocol, username, password }: URL): boolean {
  return !/^https?:$/.test(protocol) || username + password !== "";
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
