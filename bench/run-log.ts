import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quantile, startBundle, startStandIn } from "./service.ts";

/**
 * The cost of a run whose workflow writes ten lines, compared with a run that writes none: CPU of the service, and
 * latency.
 */
const LINES = 10;
const RUNS = 1000;
const ROUNDS = 3;
const IN_PARALLEL = [1, 32];

const folder = mkdtempSync(join(tmpdir(), "gh-runner-log-"));
for (const lines of [0, LINES]) writeFileSync(join(folder, `lines-${lines}.ts`), workflow(lines));
const github = await startStandIn(0);
// Nothing reads the lines of the service's log.
const service = await startBundle(github.url, { env: { WORKFLOWS_DIR: folder, ...env() } });
await send(`/lines-${LINES}`, 300, 32);

process.stdout.write(`| runs at a time | without lines | with ${LINES} lines | ratio |\n|---|---|---|---|\n`);
for (const inParallel of IN_PARALLEL) {
  const all = { none: [] as Cost[], some: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round++) {
    all.none.push(await costOf("/lines-0", inParallel));
    all.some.push(await costOf(`/lines-${LINES}`, inParallel));
  }
  const [none, some] = [median(all.none), median(all.some)];
  const shown = ({ cpu, p50 }: Cost) => `${cpu.toFixed(2)} ms CPU, ${p50.toFixed(1)} ms`;
  const ratio = `${(some.cpu / none.cpu).toFixed(2)}, ${(some.p50 / none.p50).toFixed(2)}`;
  process.stdout.write(`| ${inParallel} | ${shown(none)} | ${shown(some)} | ${ratio} |\n`);
}
await service.stop();
await github.stop();
rmSync(folder, { recursive: true, force: true });

type Cost = { readonly cpu: number; readonly p50: number };

function median(costs: readonly Cost[]): Cost {
  const of = (name: keyof Cost) =>
    quantile(
      costs.map((cost) => cost[name]),
      0.5,
    );
  return { cpu: of("cpu"), p50: of("p50") };
}

async function costOf(path: string, inParallel: number): Promise<Cost> {
  const before = service.cpuMs();
  const latencies = await send(path, RUNS, inParallel);
  return { cpu: (service.cpuMs() - before) / RUNS, p50: quantile(latencies, 0.5) };
}

/** Resolves with the latency of each run until its end, ms. */
async function send(path: string, count: number, inParallel: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: inParallel });
  const latencies: number[] = [];
  let next = 0;
  const sendSome = async () => {
    while (next++ < count) {
      const started = performance.now();
      const outgoing = request(service.url + path, { method: "POST", agent, headers: { "content-length": 2 } });
      outgoing.end("{}");
      const [incoming] = await once(outgoing, "response");
      incoming.resume();
      await once(incoming, "end");
      if (incoming.statusCode !== 200) throw new Error(`${path} was answered ${incoming.statusCode}`);
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: inParallel }, sendSome));
  agent.destroy();
  return latencies;
}

/** Passes on these settings: the same on PostgreSQL, or without the lines of the service's log. */
function env(): Record<string, string> {
  const given = ["DATABASE_URL", "LOG_LEVEL"].map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function workflow(lines: number): string {
  return `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "lines-${lines}",
  on: { http: { path: "/lines-${lines}", body: z.object({}) } },
  async run({ log }) {
    for (let n = 0; n < ${lines}; n++) log.info("looked at a pull request", { repository: "acme/shop", number: n });
    return {};
  },
});
`;
}
