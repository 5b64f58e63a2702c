import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startGitHub } from "./github.ts";
import { seedEnvironments } from "./seed.ts";

/**
 * The stand-in GitHub alone, for `compose.yaml`: `node sandbox/stand-in.ts --origin http://github:8080`. It has the
 * repositories acme/deployment and acme/shop with three preview environments. It accepts one token, and prints each
 * event that it receives, until SIGTERM or SIGINT.
 */
const { values: flags } = parseArgs({
  options: { origin: { type: "string", default: "http://localhost:8080" }, token: { type: "string", default: "" } },
});
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stopping.abort());

const port = Number(new URL(flags.origin).port);
const github = await startGitHub({ port, host: "0.0.0.0", origin: flags.origin });
github.token(flags.token);
const environments = seedEnvironments(github, { deploymentRepo: "acme/deployment", targetRepo: "acme/shop" });
const names = environments.map(({ application }) => application).join(", ");
process.stdout.write(`A stand-in GitHub answers at ${flags.origin}. Applications: ${names}.\n`);

while (!stopping.signal.aborted) {
  for (const { eventType, repo, payload } of github.dispatches.splice(0)) {
    process.stdout.write(`GitHub got ${eventType} for ${repo}: ${JSON.stringify(payload)}\n`);
  }
  github.requests.length = 0;
  await wait(100, undefined, { signal: stopping.signal }).catch(() => {});
}
await github.close();
