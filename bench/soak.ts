import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Fault } from "../sandbox/faults.ts";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { chanceOf } from "../test/support/random.ts";
import { APPLICATIONS, IMAGE_OPTIONS, quantile, startBundle, TOKEN } from "./service.ts";
import { FLUX_KEY, OWN_TOKEN, oneRequest, type Tally, viewer, WEBHOOK_SECRET, writeWorkflows } from "./soak-traffic.ts";

/**
 * Mixed traffic for a long time, with GitHub at fault every minute: is memory flat, and is anything left open?
 * `node bench/soak.ts [--minutes 60] [--rate 8] [--viewers 5] [--seed 1] [--out samples.json]`; ends with 1 when not.
 */
const { values: given } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "8" },
    viewers: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const minutes = Number(given.minutes);
const ratePerSecond = Number(given.rate);
const { next: random } = chanceOf(Number(given.seed));
const write = (text: string) => process.stdout.write(`${text}\n`);

/** Ended runs are kept this long, the least that the setting takes: 14.4 minutes. */
const RETAIN_DAYS = "0.01";
/** GitHub is at fault in the first seconds of each minute, in turn. */
const FAULT_MS = 8_000;
const FAULTS: readonly (readonly [string, Fault])[] = [
  ["502", { kind: "status", status: 502, body: "<html>502 Bad Gateway</html>" }],
  ["secondary limit", { kind: "limit", secondary: true, retryAfterSeconds: 2 }],
  ["reset", { kind: "reset" }],
  ["slow", { kind: "delay", ms: 3000 }],
  ["cut off", { kind: "cut" }],
  ["answer lost", { kind: "reset", afterHandling: true }],
  ["silent", { kind: "hang" }],
];

const SETTLED_MS = 45_000;

type Sample = {
  readonly minute: number;
  /** MB after a collection of garbage. */
  readonly heap: number;
  readonly external: number;
  /** MB that the process alone has written, or has in memory. */
  readonly privateDirty: number;
  readonly resident: number;
  readonly descriptors: number;
  readonly resources: Readonly<Record<string, number>>;
  /** MB of the database with its log. */
  readonly database: number;
};

const folder = mkdtempSync(join(tmpdir(), "gh-runner-soak-"));
const dataDir = join(folder, "data");
const probeFile = join(folder, "probe.json");
writeWorkflows(join(folder, "workflows"));
const github = await standIn();
const service = await startBundle(github.url, {
  nodeOptions: [...IMAGE_OPTIONS, "--expose-gc", "--import", "./bench/probe.mjs"],
  env: {
    DATA_DIR: dataDir,
    PROBE_FILE: probeFile,
    WORKFLOWS_DIR: join(folder, "workflows"),
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
    FLUX_HMAC_KEY: FLUX_KEY,
    // Windows as at github.com, wide enough for this traffic.
    GITHUB_LIMITS: "points=20000/60s,writes=2000/60s",
    RETAIN_DAYS,
    LOG_LEVEL: "info",
  },
});

const tally: Tally = {};
const samples: Sample[] = [];
const faultsMet: Record<string, number> = {};
await load(5, new AbortController());
await settled();
const before = await sample(0);
report(before);

const ending = new AbortController();
const begun = performance.now();
const watching = watch();
await load(minutes * 60, ending);
ending.abort();
await watching;
await settled();
await whileHolding(before.descriptors);
const after = await sample(elapsed());
report(after);
const isFine = conclude();
await service.stop();
await github.close();
rmSync(folder, { recursive: true, force: true });
process.exitCode = isFine ? 0 : 1;

async function standIn(): Promise<StandInGitHub> {
  const server = await startGitHub({ record: false, latencyMs: 20 });
  for (const token of [TOKEN, OWN_TOKEN]) server.token(token);
  server.repository("acme/shop");
  const deployment = server.repository("acme/deployment");
  for (let at = 0; at < APPLICATIONS; at++) {
    for (const size of ["light", "heavy"]) {
      const text = `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\n`;
      deployment.put(`configs/pr/${size}/pr-${size}-${at}/values.yaml`, text);
    }
  }
  return server;
}

/** The mix at its rate for so many seconds, each request at a random time; and viewers of the page meanwhile. */
async function load(seconds: number, { signal }: AbortController): Promise<void> {
  const leaving = new AbortController();
  const viewers = Array.from({ length: Number(given.viewers) }, () => viewer(service.url, random, leaving.signal));
  const pending = new Set<Promise<void>>();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end && !signal.aborted) {
    const one = oneRequest(service.url, random, tally).finally(() => pending.delete(one));
    pending.add(one);
    await wait((-Math.log(1 - random()) * 1000) / ratePerSecond);
  }
  leaving.abort();
  await Promise.all([...pending, ...viewers]);
}

/** Faults and samples, minute by minute, until the load ends. */
async function watch(): Promise<void> {
  const { signal } = ending;
  for (let minute = 0; !signal.aborted; minute++) {
    const [name, fault] = FAULTS[minute % FAULTS.length] as (typeof FAULTS)[number];
    const handle = github.fault({ probability: 0.7, random }, fault);
    await wait(FAULT_MS, undefined, { signal }).catch(() => {});
    handle.remove();
    faultsMet[name] = (faultsMet[name] ?? 0) + handle.met;
    await wait(60_000 - FAULT_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const taken = await sample(elapsed());
    samples.push(taken);
    report(taken);
  }
}

/** Until nothing is under way any more: connections to GitHub that nobody needs are closed after 30 s. */
async function settled(): Promise<void> {
  await wait(SETTLED_MS);
}

/** At most as long as attempts that are still due go on by themselves, while more is open than so many descriptors. */
async function whileHolding(descriptors: number): Promise<void> {
  const end = performance.now() + 4 * SETTLED_MS;
  while (openDescriptors() > descriptors && performance.now() < end) await wait(1000);
}

function openDescriptors(): number {
  return readdirSync(`/proc/${service.pid}/fd`).length;
}

async function sample(minute: number): Promise<Sample> {
  rmSync(probeFile, { force: true });
  process.kill(service.pid, "SIGUSR2");
  const probe = await probed();
  const { privateDirty, resident } = service.memory();
  return {
    minute,
    ...probe,
    privateDirty,
    resident,
    descriptors: openDescriptors(),
    database: databaseBytes() / 2 ** 20,
  };
}

async function probed(): Promise<Pick<Sample, "heap" | "external" | "resources">> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      return JSON.parse(readFileSync(probeFile, "utf8"));
    } catch {
      await wait(20);
    }
  }
  throw new Error("the service did not answer the probe within 10 s");
}

function databaseBytes(): number {
  return readdirSync(dataDir).reduce((sum, name) => sum + statSync(join(dataDir, name)).size, 0);
}

function report({ minute, heap, privateDirty, resident, descriptors, database }: Sample): void {
  const texts = [heap, privateDirty, resident].map((each) => each.toFixed(1).padStart(6));
  write(
    `${minute.toFixed(1).padStart(5)} min  heap after collection, private, resident ${texts.join(" ")} MB  ` +
      `${descriptors} descriptors  database ${database.toFixed(1)} MB`,
  );
}

function conclude(): boolean {
  if (given.out) {
    writeFileSync(given.out, `${JSON.stringify({ before, samples, after, tally, faultsMet }, null, 1)}\n`);
  }
  write(`\n| kind of request | answers |\n|---|---|`);
  for (const [kind, counts] of Object.entries(tally)) {
    write(
      `| ${kind} | ${Object.entries(counts)
        .map(([status, count]) => `${count} × ${status}`)
        .join(", ")} |`,
    );
  }
  write(
    `\nRequests that GitHub failed: ${Object.entries(faultsMet)
      .map(([name, met]) => `${name} ${met}`)
      .join(", ")}`,
  );
  write(`Dispatched: ${github.counts.dispatches}, requests to GitHub: ${github.counts.requests}`);
  // What is kept grows until the first runs are forgotten; after that there is no reason to.
  if (samples.length < 6) write("\nToo short to tell whether memory is flat.");
  const steady = samples.filter(({ minute }) => minute > Math.min(16, minutes / 3));
  const grown = (of: (each: Sample) => number) => slopePerHour(steady.map((each) => [each.minute, of(each)]));
  const median = (of: (each: Sample) => number, from: number, to: number) =>
    quantile(steady.slice(steady.length * from, steady.length * to).map(of), 0.5);
  write(
    `\n| steady from minute ${steady[0]?.minute.toFixed(0)} | first third | last third | slope an hour |\n|---|---|---|---|`,
  );
  for (const [name, of] of [
    ["heap after collection", ({ heap }: Sample) => heap],
    ["private memory", ({ privateDirty }: Sample) => privateDirty],
    ["resident memory", ({ resident }: Sample) => resident],
    ["database", ({ database }: Sample) => database],
  ] as const) {
    const cells = [median(of, 0, 1 / 3), median(of, 2 / 3, 1), grown(of)];
    write(`| ${name} | ${cells.map((each) => `${each.toFixed(2)} MB`).join(" | ")} |`);
  }
  write(`\n| idle | before | after |\n|---|---|---|`);
  write(`| open file descriptors | ${before.descriptors} | ${after.descriptors} |`);
  write(`| what keeps the event loop alive | ${shown(before.resources)} | ${shown(after.resources)} |`);
  const leaked = after.descriptors > before.descriptors;
  const broken = Object.entries(tally).filter(([, counts]) => counts["0"]);
  for (const [kind] of broken) write(`Broken connections that should have been answered: ${kind}`);
  return !leaked && broken.length === 0;
}

function shown(resources: Sample["resources"]): string {
  return Object.entries(resources)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

/** Of a line through the points, by least squares: the first coordinate in minutes. */
function slopePerHour(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [minute, value]) => sum + (minute - x) * (value - y), 0);
  return (over / points.reduce((sum, [minute]) => sum + (minute - x) ** 2, 0)) * 60;
}

function elapsed(): number {
  return (performance.now() - begun) / 60_000;
}
