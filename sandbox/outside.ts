import type { Fetch } from "../src/model/network.ts";

export type OutsideOptions = {
  /**
   * What other hosts answer to `fetch`, `notify` and `waitFor`, by method and address: `"GET https://status.acme.dev/api"`. A
   * query may be left out. Without an answer a GET is sent as usual, and anything else is answered with 200 and `{}`:
   * a test posts nothing to anyone.
   */
  readonly outside?: Readonly<Record<string, OutsideAnswer | ((request: OutsideRequest) => OutsideAnswer)>>;
};

export type OutsideAnswer = {
  /** 200 without it. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON; `{}` without it. */
  readonly body?: unknown;
};

/** A request to another host than GitHub. */
export type OutsideRequest = {
  readonly method: string;
  readonly url: string;
  /** Parsed; text where it is no JSON, and undefined where there is none. */
  readonly body: unknown;
};

/** Other hosts as a test has them; `sent` gets what they were sent, except reads. */
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
      // A server of the test's own gets what is sent to it.
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

/** `fetch` sends nothing to such an address, and neither does a test. */
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
