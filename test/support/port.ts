import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A free port outside the range that the system hands out, and that no other test gets while this process lives. A port of
 * the system's range could be taken while the service is down. A client that keeps connecting to such a closed port ends up
 * connected to itself.
 */
export async function fixedPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (!reserved(port)) continue;
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

/** Reserves the port for this process: its service may take long to listen, and is down between its lives. */
function reserved(port: number): boolean {
  const file = join(tmpdir(), `gh-runner-port-${port}`);
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    return false;
  }
  process.once("exit", () => rmSync(file, { force: true }));
  return true;
}
