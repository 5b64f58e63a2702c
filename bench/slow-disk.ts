import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { quantile, startBundle, startStandIn } from "./service.ts";

/**
 * The cost of a disk that takes 20 ms per flush: events accepted per second, and how long /health and the page take
 * while 100 events per second arrive. It measures dist/gh-runner.js and each other bundle in the arguments, which take
 * turns. It needs a C compiler.
 */
const FLUSH_MS = 20;
const ROUNDS = 3;
const SECONDS = 3;
/** The first pages are slow while V8 compiles. */
const WARM_UP_SECONDS = 2;
const IN_PARALLEL = 64;
const STEADY_PER_SECOND = 100;

const bundles = [...process.argv.slice(2), "dist/gh-runner.js"];
const folder = mkdtempSync(join(tmpdir(), "gh-runner-slow-disk-"));
const library = join(folder, "slow-disk.so");
execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, "test/support/slow-disk.c"]);
const control = join(folder, "control");
writeFileSync(control, `${FLUSH_MS} 0 0 0`);

const github = await startStandIn(0);
const measured = new Map<string, { perSecond: number[]; health: number[]; page: number[] }>();
for (let round = 0; round < ROUNDS; round++) {
  for (const bundle of bundles) {
    const all = measured.get(bundle) ?? { perSecond: [], health: [], page: [] };
    measured.set(bundle, all);
    const { perSecond, health, page } = await measure(bundle);
    all.perSecond.push(perSecond);
    all.health.push(health);
    all.page.push(page);
  }
}
await github.stop();
rmSync(folder, { recursive: true });

process.stdout.write("| bundle | accepted per second | /health, p99 | page, p99 |\n|---|---|---|---|\n");
const shown = (values: readonly number[], digits: number, unit = "") =>
  `${quantile(values, 0.5).toFixed(digits)}${unit} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
for (const [bundle, { perSecond, health, page }] of measured)
  process.stdout.write(
    `| ${bundle} | ${shown(perSecond, 0)} | ${shown(health, 1, " ms")} | ${shown(page, 1, " ms")} |\n`,
  );

async function measure(bundle: string): Promise<{ perSecond: number; health: number; page: number }> {
  const data = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
  const env = {
    DATA_DIR: data,
    LOG_LEVEL: "warn",
    LD_PRELOAD: library,
    SLOW_DISK_FOLDER: data,
    SLOW_DISK_CONTROL: control,
  };
  const service = await startBundle(github.url, { env, program: [bundle, "serve"] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
  let next = 0;
  const accept = () => ask(agent, service.url, "/dispatch", `{"application":"main-${next++}"}`);
  const times = { health: [] as number[], page: [] as number[] };
  const from = performance.now() + WARM_UP_SECONDS * 1000;
  const end = from + SECONDS * 1000;
  const looking = (async () => {
    while (performance.now() < end) {
      const [health, page] = [await ask(agent, service.url, "/health"), await ask(agent, service.url, "/")];
      if (performance.now() > from) {
        times.health.push(health);
        times.page.push(page);
      }
      await pause(5);
    }
  })();
  while (performance.now() < end) {
    accept().catch(() => {});
    await pause(1000 / STEADY_PER_SECOND);
  }
  await looking;

  let accepted = 0;
  const until = performance.now() + SECONDS * 1000;
  const one = async () => {
    while (performance.now() < until) {
      await accept();
      accepted++;
    }
  };
  await Promise.all(Array.from({ length: IN_PARALLEL }, one));
  agent.destroy();
  await service.stop();
  rmSync(data, { recursive: true });
  return { perSecond: accepted / SECONDS, health: quantile(times.health, 0.99), page: quantile(times.page, 0.99) };
}

/** Resolves with the time that it took, ms. */
async function ask(agent: Agent, url: string, path: string, body?: string): Promise<number> {
  const began = performance.now();
  const headers = body === undefined ? {} : { "content-length": body.length, prefer: "respond-async" };
  const outgoing = request(url + path, { method: body === undefined ? "GET" : "POST", agent, headers });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  if (incoming.statusCode >= 300) throw new Error(`${path} was answered ${incoming.statusCode}`);
  return performance.now() - began;
}
