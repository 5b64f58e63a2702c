import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A free port that the system does not hand out by itself. One of those could be taken while the service is away, and
 * a client that knocks often enough on a closed one is in the end connected to itself.
 */
export async function fixedPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
