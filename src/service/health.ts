import { get } from "node:http";
import { readHttpConfig } from "./config/http.ts";

/**
 * Asks the local service for `/health`, at the address of its settings. Exit code 0 if it is healthy, otherwise 1 and a
 * line with the reason.
 *
 * This is the health check of a container. It is a separate program, because it starts with half the CPU time and less
 * memory than the command line (0.2 s and 63 MB instead of 0.4 s and 80 MB, measured).
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

/** For a service on all addresses, use the first one. */
function reachable(address: string | undefined): string {
  return address === undefined || ["0.0.0.0", "::"].includes(address) ? "127.0.0.1" : address;
}

function unhealthy(why: string): never {
  process.stderr.write(`gh-runner is not healthy at ${place.host}:${place.port}: ${why}\n`);
  process.exit(1);
}
