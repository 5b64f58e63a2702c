import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** A network between a process and its PostgreSQL. */
export type SlowNetwork = {
  /** The address of the database by way of it. */
  readonly url: string;
  /** How often it was asked after it had answered, on all connections. */
  roundTrips(): number;
  close(): void;
};

/** @param roundTripMs how much longer a round trip takes than without it, in whole milliseconds. */
export async function slowNetwork(databaseUrl: string, roundTripMs = 0): Promise<SlowNetwork> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let trips = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const database = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(socket);
          client.destroy();
          database.destroy();
        });
    }
    let hasAnswered = true;
    client.on("data", (chunk) => {
      if (hasAnswered) trips++;
      hasAnswered = false;
      if (roundTripMs === 0) database.write(chunk);
      else void wait(roundTripMs).then(() => database.write(chunk));
    });
    database.on("data", (chunk) => {
      hasAnswered = true;
      client.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    roundTrips: () => trips,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
