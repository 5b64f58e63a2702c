import { setTimeout as wait } from "node:timers/promises";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS, type Limits } from "../sandbox/limits.ts";
import { dispatch, IMAGE_OPTIONS, type MeasuredService, startBundle, TOKEN } from "./service.ts";

/** A burst of 500 against GitHub's documented limits: to its end with a faster clock, and 90 s of it in real time. */
const BURST = 500;
const REAL_SECONDS = 90;
const FASTER = 6;
const write = (text: string) => process.stdout.write(`${text}\n`);

const windows = [
  `points=${DOCUMENTED_LIMITS.pointsPerMinute}/${60 / FASTER}s`,
  `writes=${DOCUMENTED_LIMITS.writesPerMinute}/${60 / FASTER}s`,
  `writes=${DOCUMENTED_LIMITS.writesPerHour}/${3600 / FASTER}s`,
];
const leastSeconds = (Math.floor((BURST - 1) / DOCUMENTED_LIMITS.writesPerMinute) * 60) / FASTER;

await withBurst({ ...DOCUMENTED_LIMITS, scale: FASTER }, windows.join(","), async ({ github }) => {
  const end = Date.now() + 3 * leastSeconds * 1000;
  while (github.dispatches.length < BURST && Date.now() < end) await wait(100);
  const took = (github.dispatches.at(-1)!.at - github.dispatches[0]!.at) / 1000;
  write(`| ${BURST} at the same time, a minute lasting ${60 / FASTER} s | measured | aim |\n|---|---|---|`);
  write(`| dispatched | ${github.dispatches.length} | ${BURST} |`);
  const ratio = (took / leastSeconds).toFixed(3);
  write(`| first to last event, where the limits allow ${leastSeconds} s | ${took.toFixed(1)} s, ${ratio} × | 1.1 × |`);
  write(`| limits met | ${github.counts.limited} | 0 |`);
  write(`| requests | ${github.counts.requests} | ${3 * BURST} |`);
});

await withBurst(DOCUMENTED_LIMITS, "on", async ({ github, service, started }) => {
  await wait(Math.max(0, started + REAL_SECONDS * 1000 - Date.now()));
  const within = (from: number, to: number) =>
    github.dispatches.filter(({ at }) => at - started >= from * 1000 && at - started < to * 1000).length;
  write(`\n| ${BURST} at the same time, ${REAL_SECONDS} s in real time | measured | allowed |\n|---|---|---|`);
  write(`| dispatched in the first 60 s | ${within(0, 60)} | ${DOCUMENTED_LIMITS.writesPerMinute} |`);
  write(`| dispatched after that | ${within(60, REAL_SECONDS)} | ${DOCUMENTED_LIMITS.writesPerMinute} |`);
  write(`| limits met | ${github.counts.limited} | 0 |`);
  write(`| most in flight | ${github.counts.maxInFlight} | 50 |`);
  write(`| resident memory at its peak | ${service.memory().peak.toFixed(0)} MB | 128 MB |`);
});

async function withBurst(
  limits: Limits,
  setting: string,
  watch: (scene: { github: StandInGitHub; service: MeasuredService; started: number }) => Promise<void>,
): Promise<void> {
  const github = await startGitHub({ limits, latencyMs: 40 });
  github.token(TOKEN);
  github.repository("acme/shop");
  const deployment = github.repository("acme/deployment");
  for (let at = 0; at < BURST; at++) {
    const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\n`;
    deployment.put(`configs/pr/light/pr-${at}/values.yaml`, values);
  }
  const service = await startBundle(github.url, {
    nodeOptions: IMAGE_OPTIONS,
    env: { GITHUB_LIMITS: setting, WAIT_SECONDS: "2" },
  });
  const started = Date.now();
  const sent = Array.from({ length: BURST }, (_, at) => dispatch(service.url, `pr-${at}`, { accepted: [200, 202] }));
  await Promise.all(sent);
  await watch({ github, service, started });
  await service.stop();
  await github.close();
}
