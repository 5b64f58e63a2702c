import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { listen } from "./listen.ts";

export type ProxyOptions = {
  /** `user:password` that a request must have as basic authentication. */
  readonly credentials?: string;
  /** Names that exist only behind the proxy: `host:port` to a port on 127.0.0.1. Other names are looked up. */
  readonly hosts?: Readonly<Record<string, number>>;
  /** PEM texts: clients use TLS to the proxy itself. */
  readonly tls?: { readonly key: string; readonly cert: string };
};

/** A forward proxy on loopback, as companies use: CONNECT for https, absolute addresses for http. */
export async function startProxy({ credentials, hosts = {}, tls }: ProxyOptions = {}) {
  const counts = { tunnels: 0, forwarded: 0, rejected: 0 };
  const targets: string[] = [];
  let behaviour: "forward" | "hang" | number = "forward";
  const expected = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;

  /** Whether a request continues. Otherwise it is answered with a status, or not at all. */
  function admits(incoming: IncomingMessage, target: string, reject: (status: number) => void): boolean {
    targets.push(target);
    const isKnown = !expected || incoming.headers["proxy-authorization"] === expected;
    const how = isKnown ? behaviour : 407;
    if (typeof how === "number") {
      counts.rejected++;
      reject(how);
    }
    return how === "forward";
  }

  const addressOf = (host: string, port: string) => {
    const known = hosts[`${host}:${port}`];
    return known ? { host: "127.0.0.1", port: known } : { host, port: Number(port) };
  };

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { hostname, port, pathname, search } = new URL(incoming.url ?? "/");
    const target = `${hostname}:${port || 80}`;
    if (!admits(incoming, target, (status) => outgoing.writeHead(status).end())) return;
    counts.forwarded++;
    const { "proxy-authorization": _, "proxy-connection": __, ...headers } = incoming.headers;
    const onward = request({
      ...addressOf(hostname, port || "80"),
      method: incoming.method,
      path: pathname + search,
      headers: { ...headers, via: "1.1 proxy" },
    });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    incoming.pipe(onward);
  }

  function tunnel(incoming: IncomingMessage, socket: Socket): void {
    const target = incoming.url ?? "";
    const answer = (line: string) =>
      void socket.end(`HTTP/1.1 ${line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    socket.on("error", () => socket.destroy());
    if (!admits(incoming, target, (status) => answer(`${status} Rejected`))) return;
    counts.tunnels++;
    const [, host = "", port = "443"] = /^(.*):(\d+)$/.exec(target) ?? [];
    const onward = connect(addressOf(host, port));
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => answer("502 Bad Gateway"));
    socket.once("close", () => onward.destroy());
  }

  const { port, close } = await listen(
    (incoming, outgoing) => forward(incoming as IncomingMessage, outgoing as ServerResponse),
    { ...(tls && { tls }), onConnect: tunnel },
  );
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    counts,
    /** Every requested `host:port`, in order. */
    targets,
    /** How it treats requests from now on: it passes them, answers with a status, or does not answer. */
    behave: (how: typeof behaviour) => {
      behaviour = how;
    },
    close,
  };
}
