import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS, type Limits } from "../sandbox/limits.ts";
import { comparisonChart } from "./comparison-chart.ts";
import { type Comparison, comparisonTable, type Measured, writeTable } from "./comparison-table.ts";
import { anonymousMemory, CONTESTANTS, type Contestant, watchMemory } from "./contestants.ts";
import { dispatch, load, quantile, startStandIn, TOKEN } from "./service.ts";

/**
 * Everything that is compared, in one run of four to five minutes: prints a table, and writes it with a chart into the
 * documents. `REFERENCE_BIN=/path/to/the/go/service node bench/compare.ts` for a third column.
 */
const LATENCY_MS = 40;
const LATENCIES = 30;
const TURNS = 8;
const BURST = 500;
/**
 * How many times faster the clock of GitHub's limits goes for ours, which keeps to them for six minutes. The others meet
 * them in real time: they are done, one way or the other, before the limits end.
 */
const FASTER = 12;
const OUTAGE = { sent: 200, forMs: 10_000, fromMs: 2_500, toMs: 7_500 };
/** When ArgoCD tries again after a 5xx or no answer, s after the one before; then it gives up. */
const ARGOCD_RETRIES = [1, 2, 4];

const say = (text: string) => process.stderr.write(`${text}\n`);
const measured = new Map<string, Measured>(CONTESTANTS.map(({ name }) => [name, {} as Measured]));
const of = (name: string) => measured.get(name) as { -readonly [K in keyof Measured]: Measured[K] };

say("latency, CPU and idle memory, over TLS, in turns");
await inTurns();
for (const contestant of CONTESTANTS) {
  say(`${BURST} at once against GitHub's limits: ${contestant.name}`);
  await burst(contestant);
  for (const retries of [[], ARGOCD_RETRIES]) {
    say(`${OUTAGE.sent} around an outage, ${retries.length} retries by the caller: ${contestant.name}`);
    const lost = await outage(contestant, retries);
    of(contestant.name)[retries.length === 0 ? "lostInOutage" : "lostInOutageWithRetries"] = lost;
  }
}

const comparison: Comparison = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} cores (${cpus()[0]?.model.trim() || "unknown"}), Node ${process.versions.node}`,
  contestants: [...measured].map(([name, each]) => ({ name, ...each })),
};
writeFileSync("bench/comparison.json", `${JSON.stringify(comparison, null, 2)}\n`);
writeFileSync("docs/comparison.svg", comparisonChart(comparison));
for (const file of ["README.md", "bench/README.md"]) {
  writeFileSync(file, writeTable(readFileSync(file, "utf8"), comparison));
}
process.stdout.write(`${comparisonTable(comparison)}\n`);

async function inTurns(): Promise<void> {
  const slow = await startStandIn(LATENCY_MS, "http2");
  const fast = await startStandIn(0, "http2");
  const rivals = [];
  for (const contestant of CONTESTANTS) {
    const idle = await contestant.start(slow.url, slow.env);
    const busy = await contestant.start(fast.url, fast.env);
    rivals.push({
      contestant,
      name: contestant.name,
      idle,
      busy,
      latencies: { light: [] as number[], heavy: [] as number[] },
      cpu: 0,
    });
  }
  await wait(2000);
  for (const { name, idle } of rivals) of(name).idleMemory = anonymousMemory(idle.pid);
  for (const { idle, busy, contestant } of rivals) {
    await load(idle.url, "light", contestant.warmUp / 10, 2);
    await load(busy.url, "light", contestant.warmUp, 8);
  }
  for (let at = 0; at < LATENCIES; at++) {
    for (const { idle, latencies } of rivals) {
      latencies.light.push(await dispatch(idle.url, `pr-light-${at}`));
      latencies.heavy.push(await dispatch(idle.url, `pr-heavy-${at}`));
    }
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const rival of rivals) {
      const before = rival.busy.cpuMs();
      await load(rival.busy.url, turn % 2 ? "light" : "heavy", rival.contestant.eachTurn, 8);
      rival.cpu += rival.busy.cpuMs() - before;
    }
  }
  for (const { name, contestant, idle, busy, latencies, cpu } of rivals) {
    of(name).lightLatency = quantile(latencies.light, 0.5);
    of(name).heavyLatency = quantile(latencies.heavy, 0.5);
    of(name).cpu = cpu / (TURNS * contestant.eachTurn);
    await idle.stop();
    await busy.stop();
  }
  await slow.stop();
  await fast.stop();
}

async function burst(contestant: Contestant): Promise<void> {
  const scale = contestant.keepsEvents ? FASTER : 1;
  const windows = `points=900/${60 / scale}s,writes=80/${60 / scale}s,writes=500/${3600 / scale}s`;
  const { github, service, done } = await scene(contestant, { ...DOCUMENTED_LIMITS, scale }, windows, BURST);
  const memory = watchMemory(service.pid);
  await Promise.all(Array.from({ length: BURST }, (_, at) => notify(service.url, `pr-${at}`, [])));
  if (contestant.keepsEvents) await arrived(github, BURST, 90_000);
  of(contestant.name).lostInBurst = BURST - applications(github);
  of(contestant.name).burstMemory = memory();
  of(contestant.name).limitsMet = github.counts.limited;
  await done();
}

async function outage(contestant: Contestant, retries: readonly number[]): Promise<number> {
  const { github, service, done } = await scene(contestant, {}, "off", OUTAGE.sent);
  const down = setTimeout(() => {
    const fault = github.fault({}, { kind: "status", status: 502 });
    setTimeout(() => fault.remove(), OUTAGE.toMs - OUTAGE.fromMs);
  }, OUTAGE.fromMs);
  await Promise.all(
    Array.from({ length: OUTAGE.sent }, async (_, at) => {
      await wait((at * OUTAGE.forMs) / OUTAGE.sent);
      return notify(service.url, `pr-${at}`, retries);
    }),
  );
  clearTimeout(down);
  if (contestant.keepsEvents) await arrived(github, OUTAGE.sent, 30_000);
  const lost = OUTAGE.sent - applications(github);
  await done();
  return lost;
}

async function scene(contestant: Contestant, limits: Limits, setting: string, count: number) {
  const github = await startGitHub({ limits, latencyMs: LATENCY_MS });
  github.token(TOKEN);
  github.repository("acme/shop");
  const deployment = github.repository("acme/deployment");
  for (let at = 0; at < count; at++) {
    const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\n`;
    deployment.put(`configs/pr/light/pr-${at}/values.yaml`, values);
  }
  const service = await contestant.start(github.url, { GITHUB_LIMITS: setting });
  const done = async () => {
    await service.stop();
    await github.close();
  };
  return { github, service, done };
}

/** As ArgoCD sends it: again after a 5xx or no answer, so many seconds later. Resolves with the status in the end. */
async function notify(url: string, application: string, retries: readonly number[]): Promise<number> {
  for (const seconds of [0, ...retries]) {
    await wait(seconds * 1000);
    const status = await dispatch(url, application, { accepted: [200, 202] }).then(
      () => 200,
      () => 500,
    );
    if (status === 200) return status;
  }
  return 500;
}

/** Until all have arrived, or so many ms are over: for a service that has promised to send them itself. */
async function arrived(github: Pick<StandInGitHub, "dispatches">, count: number, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  while (applications(github) < count && Date.now() < end) await wait(100);
}

function applications({ dispatches }: Pick<StandInGitHub, "dispatches">): number {
  return new Set(dispatches.map(({ payload }) => payload.sourceName)).size;
}
