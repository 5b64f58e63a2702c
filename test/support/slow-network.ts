import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** A network between a process and its PostgreSQL. */
export type SlowNetwork = {
  /** The address of the database through this network. */
  readonly url: string;
  /** How many times the client asked again after an answer, on all connections. */
  roundTrips(): number;
  close(): void;
};

/** @param roundTripMs how much longer each round trip takes, in whole milliseconds. */
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
