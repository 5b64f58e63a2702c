import { get } from "node:http";
import { readHttpConfig } from "./config/http.ts";

/**
 * Asks the service beside it for `/health`, where its own settings say that it listens. Exit code 0 when it is healthy,
 * else 1 and a line that says why.
 *
 * For the health check of a container, and so a program of its own: it takes half of the CPU that the command line takes
 * to start, and less memory beside the service (0.2 s and 63 MB instead of 0.4 s and 80 MB, measured).
 */
const ANSWER_MS = 5000;

const { host, port } = readHttpConfig();
const place = { host: reachable(host), port, path: "/health", timeout: ANSWER_MS };

get(place, (answer) => {
  answer.resume();
  if (answer.statusCode !== 200) unhealthy(`it answers ${answer.statusCode}`);
})
  .on("timeout", () => unhealthy(`no answer within ${ANSWER_MS / 1000} s`))
  .on("error", ({ message }) => unhealthy(message));

/** What listens on all addresses is asked on the first. */
function reachable(address: string | undefined): string {
  return address === undefined || ["0.0.0.0", "::"].includes(address) ? "127.0.0.1" : address;
}

function unhealthy(why: string): never {
  process.stderr.write(`gh-runner is not healthy at ${place.host}:${place.port}: ${why}\n`);
  process.exit(1);
}
