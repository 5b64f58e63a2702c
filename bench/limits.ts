import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { dispatch, startBundle, TOKEN } from "./service.ts";

/** A burst of 500 against GitHub's documented limits in real time, watched for so many seconds. */
const SECONDS = Number(process.argv[2] ?? 90);
const BURST = 500;
const DOCUMENTED = { concurrent: 100, pointsPerMinute: 900, writesPerMinute: 80, writesPerHour: 500 };
const write = (text: string) => process.stdout.write(`${text}\n`);

const github = await startGitHub({ limits: DOCUMENTED, latencyMs: 40 });
github.token(TOKEN);
github.repository("acme/shop");
const deployment = github.repository("acme/deployment");
for (let at = 0; at < BURST; at++) {
  const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\n`;
  deployment.put(`configs/pr/light/pr-${at}/values.yaml`, values);
}
const service = await startBundle(github.url, { env: { GITHUB_LIMITS: "on", WAIT_SECONDS: "2" } });
const started = Date.now();
const answered = await Promise.allSettled(
  Array.from({ length: BURST }, (_, at) => dispatch(service.url, `pr-${at}`, { accepted: [200, 202] })),
);
await wait(Math.max(0, started + SECONDS * 1000 - Date.now()));

const { dispatches, counts } = github;
const within = (from: number, to: number) =>
  dispatches.filter(({ at }) => at - started >= from * 1000 && at - started < to * 1000).length;
write(`${BURST} deployments at once, watched for ${SECONDS} s\n`);
write("| what | measured | allowed |\n|---|---|---|");
write(`| answered | ${answered.filter(({ status }) => status === "fulfilled").length} | ${BURST} |`);
for (let from = 0; from < SECONDS; from += 60) {
  write(`| dispatched from ${from} s to ${Math.min(from + 60, SECONDS)} s | ${within(from, from + 60)} | 80 |`);
}
write(`| limits met | ${counts.limited} | 0 |`);
write(`| requests | ${counts.requests} | |`);
write(`| most in flight | ${counts.maxInFlight} | 50 |`);
write(`| peak memory of the service | ${service.memory().peak.toFixed(0)} MB | 128 MB |`);
await service.stop();
await github.close();
