import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Fault } from "../sandbox/faults.ts";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { chanceOf } from "../test/support/random.ts";
import { writeBetween } from "./documents.ts";
import { APPLICATIONS, IMAGE_ENV, IMAGE_OPTIONS, startBundle, TOKEN } from "./service.ts";
import { FLUX_KEY, OWN_TOKEN, oneRequest, type Tally, viewer, WEBHOOK_SECRET, writeWorkflows } from "./soak-traffic.ts";
import { type Sample, soakTable, soakVerdict } from "./soak-verdict.ts";

/**
 * Mixed traffic for a long time, with faults of GitHub every minute. Does memory stay flat, and is anything left open?
 * `node bench/soak.ts [--minutes 60] [--rate 40] [--viewers 5] [--seed 1] [--out samples.json] [--write]` prints a
 * verdict. It ends with 1 if anything grows, stays open, or was not answered. `--write` puts the result into
 * bench/README.md.
 */
const { values: given } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "40" },
    viewers: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const minutes = Number(given.minutes);
const ratePerSecond = Number(given.rate);
const { next: random } = chanceOf(Number(given.seed));
const write = (text: string) => process.stdout.write(`${text}\n`);

const README = "bench/README.md";
/** Ended runs are kept this long, the minimum of the setting: 14.4 minutes. */
const RETAIN_DAYS = "0.01";
/** GitHub fails in the first seconds of each minute. The faults follow each other. */
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

/** The stand-in keeps unused connections for 60 s. Attempts that are still due continue automatically. */
const SETTLED_MS = 75_000;
const SETTLED_AT_MOST_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), "gh-runner-soak-"));
const dataDir = join(folder, "data");
const probeFile = join(folder, "probe.json");
writeWorkflows(join(folder, "workflows"));
const github = await standIn();
const service = await startBundle(github.url, {
  nodeOptions: [...IMAGE_OPTIONS, "--expose-gc", "--import", "./bench/probe.mjs"],
  env: {
    ...IMAGE_ENV,
    DATA_DIR: dataDir,
    PROBE_FILE: probeFile,
    WORKFLOWS_DIR: join(folder, "workflows"),
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
    FLUX_HMAC_KEY: FLUX_KEY,
    // Windows as at github.com, wide enough for this traffic and for requests delayed by a minute's faults.
    GITHUB_LIMITS: `points=${1000 * ratePerSecond}/60s,writes=${100 * ratePerSecond}/60s`,
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

/** Sends the mix at its rate for this many seconds, each request at a random time, with viewers of the page. */
async function load(seconds: number, { signal }: AbortController): Promise<void> {
  const leaving = new AbortController();
  const viewers = Array.from({ length: Number(given.viewers) }, () => viewer(service.url, random, leaving.signal));
  const pending = new Set<Promise<void>>();
  const end = performance.now() + seconds * 1000;
  let next = performance.now();
  while (next < end && !signal.aborted) {
    const one = oneRequest(service.url, random, tally).finally(() => pending.delete(one));
    pending.add(one);
    next += (-Math.log(1 - random()) * 1000) / ratePerSecond;
    await wait(Math.max(0, next - performance.now()));
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

/**
 * Waits until nothing is in progress: until the number of descriptors has stopped falling, or until the maximum time.
 */
async function settled(): Promise<void> {
  const end = performance.now() + SETTLED_AT_MOST_MS;
  let fewest = openDescriptors();
  for (let since = performance.now(); performance.now() < Math.min(since + SETTLED_MS, end); await wait(500)) {
    const open = openDescriptors();
    if (open < fewest) since = performance.now();
    fewest = Math.min(fewest, open);
  }
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
    dispatches: github.counts.dispatches,
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
  const sizes = readdirSync(dataDir).map((name) => statSync(join(dataDir, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
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
    const answers = Object.entries(counts).map(([status, count]) => `${count} × ${status}`);
    write(`| ${kind} | ${answers.join(", ")} |`);
  }
  const met = Object.entries(faultsMet).map(([name, count]) => `${name} ${count}`);
  write(`\nRequests that GitHub failed: ${met.join(", ")}`);
  const { text, isFine } = soakVerdict({ before, samples, after }, minutes);
  const broken = Object.entries(tally).filter(([, counts]) => counts["0"]);
  for (const [kind, counts] of broken) write(`Connections that broke without an answer: ${counts["0"]} × ${kind}`);
  const result = [
    `\`npm run soak -- --minutes ${minutes} --rate ${ratePerSecond}\`, ${new Date().toISOString().slice(0, 10)}, ` +
      `${cpus().length} cores (${cpus()[0]?.model.trim() || "unknown"}), Node ${process.versions.node}, with ` +
      `\`${IMAGE_OPTIONS.join(" ")}\`:`,
    soakTable(before, samples, after),
    `${sumOf(Object.values(tally).map((counts) => sumOf(Object.values(counts))))} requests, ` +
      `${sumOf(broken.map(([, counts]) => counts["0"] ?? 0))} of which broke without an answer; ` +
      `${github.counts.dispatches} dispatches; ${github.counts.requests} requests to GitHub, of which ` +
      `${sumOf(Object.values(faultsMet))} failed on purpose.`,
    text,
  ].join("\n\n");
  write(`\n${result}`);
  if (given.write) writeFileSync(README, writeBetween(readFileSync(README, "utf8"), "soak", result));
  return isFine && broken.length === 0;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function elapsed(): number {
  return (performance.now() - begun) / 60_000;
}
