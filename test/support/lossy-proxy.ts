import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** What is lost when a transaction ends, with the connection: the "answer", or the statement and its answer ("all"). */
export type Loss = "answer" | "all" | undefined;

export type LossyProxy = {
  /** The address of the database through the proxy. */
  readonly url: string;
  /** Called at every COMMIT, and at the end of every attempt, which may be a statement without a COMMIT. */
  lose(next: () => Loss): void;
};

const COMMIT = Buffer.from("COMMIT\0");
const ATTEMPT = Buffer.from('"endedAt":');

/** A proxy between the service and its PostgreSQL. */
export async function lossyProxy(t: TestContext, databaseUrl: string): Promise<LossyProxy> {
  const target = new URL(databaseUrl);
  let loses: () => Loss = () => undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect({ host: target.hostname, port: Number(target.port) });
    let losing = false;
    const cut = () => {
      for (const socket of [client, database]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", cut).on("close", cut);
    }
    client.on("data", (chunk: Buffer) => {
      const loss = chunk.includes(COMMIT) || chunk.includes(ATTEMPT) ? loses() : undefined;
      if (loss === "all") return cut();
      losing = loss === "answer";
      database.write(chunk);
    });
    database.on("data", (chunk) => {
      if (losing) cut();
      else client.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    lose: (next) => {
      loses = next;
    },
  };
}
