import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { IMAGE_OPTIONS, quantile, startBundle, startStandIn } from "./service.ts";

/** The cost of 10,000 sleeping runs: private memory and CPU of an idle service, compared with one without any. */
const SLEEPING = 10_000;
const STARTS = 5;
const IDLE_MS = 5000;

const SLEEPER = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "sleeper",
  on: { http: { path: "/sleeper", body: z.object({ n: z.number() }) } },
  async run({ sleep, step }) {
    const before = await step("before", async () => "done");
    await sleep("long", "30d");
    return { before };
  },
});
`;

const temporary = (what: string) => mkdtempSync(join(tmpdir(), `gh-runner-${what}-`));
const workflows = temporary("sleeper");
writeFileSync(join(workflows, "sleeper.ts"), SLEEPER);
const github = await startStandIn(0);
const [none, many] = [temporary("none"), temporary("many")];
const env = (folder: string) => ({ WORKFLOWS_DIR: workflows, DATA_DIR: folder, LOG_LEVEL: "warn" });

const filled = await fill(many);
await (await startBundle(github.url, { env: env(none) })).stop();
process.stdout.write("| | without | with 10,000 sleeping | more | aim |\n|---|---|---|---|---|\n");
for (const [how, nodeOptions] of [
  ["", []],
  [", with the image's options", IMAGE_OPTIONS],
] as const) {
  const without: Idle[] = [];
  const sleeping: Idle[] = [];
  for (let at = 0; at < STARTS; at++) {
    without.push(await measure(none, nodeOptions));
    sleeping.push(await measure(many, nodeOptions));
  }
  row(`private memory, idle${how}`, without, sleeping, ({ memory }) => memory, "MB", "5 MB");
  row(`CPU per second${how}`, without, sleeping, ({ cpu }) => cpu, "ms", "");
  row(`ready${how}`, without, sleeping, ({ ready }) => ready, "ms", "");
}
process.stdout.write(`\n${SLEEPING} runs began to sleep in ${(filled.ms / 1000).toFixed(1)} s.\n`);
await github.stop();
for (const folder of [workflows, none, many]) rmSync(folder, { recursive: true, force: true });

type Idle = { readonly memory: number; readonly cpu: number; readonly ready: number };

/** Starts all of them in one process, waits until each one sleeps, and stops it. */
async function fill(folder: string): Promise<{ ms: number }> {
  const service = await startBundle(github.url, { env: env(folder) });
  const started = performance.now();
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let next = 0;
  const one = async () => {
    while (next < SLEEPING) await start(service.url, agent, next++);
  };
  await Promise.all(Array.from({ length: 32 }, one));
  agent.destroy();
  while (asleep(folder) < SLEEPING) await wait(100);
  const ms = performance.now() - started;
  await service.stop();
  return { ms };
}

function start(url: string, agent: Agent, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/sleeper`, {
      method: "POST",
      agent,
      headers: { "content-type": "application/json", prefer: "respond-async" },
    });
    outgoing.on("error", reject).on("response", (incoming) => {
      incoming.resume().on("end", resolve);
      if (incoming.statusCode !== 202) reject(new Error(`answered ${incoming.statusCode}`));
    });
    outgoing.end(JSON.stringify({ n }));
  });
}

function asleep(folder: string): number {
  const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { readOnly: true, timeout: 5000 });
  try {
    return Number(db.prepare("SELECT count(*) AS n FROM runs WHERE status = 'waiting'").get()?.n);
  } finally {
    db.close();
  }
}

async function measure(folder: string, nodeOptions: readonly string[]): Promise<Idle> {
  const service = await startBundle(github.url, { nodeOptions, env: env(folder) });
  await wait(2000);
  const cpu = service.cpuMs();
  await wait(IDLE_MS);
  const facts = {
    memory: service.memory().privateDirty,
    cpu: (service.cpuMs() - cpu) / (IDLE_MS / 1000),
    ready: service.readyMs,
  };
  await service.stop();
  return facts;
}

function row(
  name: string,
  without: readonly Idle[],
  sleeping: readonly Idle[],
  value: (idle: Idle) => number,
  unit: string,
  aim: string,
): void {
  const [a, b] = [without, sleeping].map((all) => quantile(all.map(value), 0.5)) as [number, number];
  const shown = (of: number) => `${of.toFixed(1)} ${unit}`;
  process.stdout.write(`| ${name} | ${shown(a)} | ${shown(b)} | ${shown(b - a)} | ${aim} |\n`);
}
