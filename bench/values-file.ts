import { once } from "node:events";
import { request } from "node:http";
import { startGitHub } from "../sandbox/github.ts";
import { scalarAt } from "../src/workflows/values-file.ts";
import { dispatch, quantile, startBundle, TOKEN } from "./service.ts";

/** How long parsing a values file of 1 MB takes, and how long /health takes at the same time. */
const BYTES = 1_000_000;

let yaml = "global:\n  config:\n    DEPLOYMENT_TAG: 0012345\nservices:\n";
for (let at = 0; yaml.length < BYTES; at++) {
  yaml += `  - name: service-${at}\n    image: { repository: "registry.example.com/service-${at}", tag: v${at} }\n`;
  yaml += `    env:\n      - name: LOG_LEVEL\n        value: "debug"\n    resources: { requests: { cpu: 50m, memory: 64Mi } }\n`;
}
const times = Array.from({ length: 9 }, () => {
  const started = performance.now();
  scalarAt(yaml, "global.config.DEPLOYMENT_TAG", "values.yaml");
  return performance.now() - started;
});
process.stdout.write(`| what | measured | aim |\n|---|---|---|\n`);
process.stdout.write(`| 1 MB parsed, median of 9 | ${quantile(times, 0.5).toFixed(0)} ms | 250 ms |\n`);
process.stdout.write(`| 1 MB parsed, the slowest (the first, cold) | ${Math.max(...times).toFixed(0)} ms | 250 ms |\n`);

const github = await startGitHub({ record: false });
github.token(TOKEN);
github.repository("acme/shop");
github.repository("acme/deployment").put("configs/pr/light/pr-large/values.yaml", yaml);
const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn" } });
let busy = true;
const health: number[] = [];
const watch = (async () => {
  while (busy) health.push(await healthMs());
})();
for (let at = 0; at < 10; at++) await dispatch(service.url, "pr-large");
busy = false;
await watch;
process.stdout.write(`| /health while it is parsed, slowest | ${Math.max(...health).toFixed(0)} ms | answers |\n`);
await service.stop();
await github.close();

async function healthMs(): Promise<number> {
  const started = performance.now();
  const outgoing = request(`${service.url}/health`, { agent: false });
  outgoing.end();
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  return performance.now() - started;
}
