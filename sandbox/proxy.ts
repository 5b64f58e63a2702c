import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

export type ProxyOptions = {
  /** `user:password` that must come as basic authentication. */
  readonly credentials?: string;
  /** Names that exist behind the proxy alone: `host:port` to a port on 127.0.0.1. Others are looked up. */
  readonly hosts?: Readonly<Record<string, number>>;
  /** PEM texts: the proxy itself is spoken to over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
};

export type ForwardProxy = {
  readonly url: string;
  readonly counts: { tunnels: number; forwarded: number; refused: number };
  /** Every `host:port` that was asked for, in order. */
  readonly targets: string[];
  /** What it does with requests from now on: lets them through, answers with a status, or says nothing at all. */
  behave(how: "forward" | "hang" | number): void;
  close(): Promise<void>;
};

/** A forward proxy on loopback, as companies have them: CONNECT for https, absolute addresses for http. */
export async function startProxy({ credentials, hosts = {}, tls }: ProxyOptions = {}): Promise<ForwardProxy> {
  const counts = { tunnels: 0, forwarded: 0, refused: 0 };
  const targets: string[] = [];
  const open = new Set<Socket>();
  let behaviour: "forward" | "hang" | number = "forward";
  const expected = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;

  /** Undefined: let it through. */
  const refusal = (incoming: IncomingMessage): number | "hang" | undefined => {
    if (expected && incoming.headers["proxy-authorization"] !== expected) return 407;
    return behaviour === "forward" ? undefined : behaviour;
  };
  const addressOf = (host: string, port: string) =>
    hosts[`${host}:${port}`]
      ? { host: "127.0.0.1", port: Number(hosts[`${host}:${port}`]) }
      : { host, port: Number(port) };

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { hostname, port, pathname, search } = new URL(incoming.url ?? "/");
    targets.push(`${hostname}:${port || 80}`);
    const refused = refusal(incoming);
    if (refused === "hang") return;
    if (refused) {
      counts.refused++;
      outgoing.writeHead(refused).end();
      return;
    }
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
    targets.push(target);
    socket.on("error", () => socket.destroy());
    const refused = refusal(incoming);
    if (refused === "hang") return;
    if (refused) {
      counts.refused++;
      socket.end(`HTTP/1.1 ${refused} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    counts.tunnels++;
    const [, host = "", port = "443"] = /^(.*):(\d+)$/.exec(target) ?? [];
    const onward = connect(addressOf(host, port));
    open.add(onward);
    onward.once("close", () => open.delete(onward));
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
    socket.once("close", () => onward.destroy());
  }

  const server = tls ? createTlsServer(tls, forward) : createServer(forward);
  server.on("connect", tunnel);
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    targets,
    behave: (how) => {
      behaviour = how;
    },
    close: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
