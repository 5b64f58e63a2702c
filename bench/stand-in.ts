import { privateAuthority } from "../sandbox/certificates.ts";
import { startGitHub } from "../sandbox/github.ts";
import { startRawFiles } from "../sandbox/raw-files.ts";
import { APPLICATIONS, TOKEN } from "./service.ts";

/**
 * The stand-in GitHub as a process: `node bench/stand-in.ts [latency in ms] [http1 | tls | http2]`. `http2` is also
 * over TLS. Prints JSON with its URL, its authority's certificate, and the proxy that serves the same files as
 * raw.githubusercontent.com.
 */
const [latencyMs = "0", transport = "http1"] = process.argv.slice(2);
const authority = privateAuthority();
const github = await startGitHub({
  record: false,
  latencyMs: Number(latencyMs),
  ...(transport !== "http1" && { tls: authority.issue("127.0.0.1"), http2: transport === "http2" }),
});
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
const raw = await startRawFiles(github, { authority, latencyMs: Number(latencyMs) });
process.stdout.write(`${JSON.stringify({ url: github.url, authority: authority.cert, rawProxy: raw.proxy })}\n`);
process.once("SIGTERM", () => process.exit(0));
