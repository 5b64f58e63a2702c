import { startGitHub } from "../sandbox/github.ts";
import { APPLICATIONS, TOKEN } from "./service.ts";

/** The stand-in GitHub as a process: `node bench/stand-in.ts [latency in ms]`. Prints its URL. */
const github = await startGitHub({ record: false, latencyMs: Number(process.argv[2] ?? 0) });
github.token(TOKEN);
github.repository("acme/shop");
const deployment = github.repository("acme/deployment");
for (let at = 0; at < APPLICATIONS; at++) {
  for (const size of ["light", "heavy"]) {
    deployment.put(
      `configs/pr/${size}/pr-${size}-${at}/values.yaml`,
      `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\nweb:\n  replicaCount: 1\n`,
    );
  }
}
process.stdout.write(`${github.url}\n`);
process.once("SIGTERM", () => process.exit(0));
