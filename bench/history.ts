import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/model/clock.ts";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type Filled, filledPostgres, filledSqlite } from "./history-rows.ts";
import { IMAGE_OPTIONS, quantile, startBundle } from "./service.ts";

/**
 * The cost of ten million ended runs on both stores: start, pages and searches, events, retention, and disk. `--folder`
 * and `--url` use databases of an earlier run. The bench only adds to them.
 */
const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "10000000" },
    /** This many of the newest runs are in the search index. All by default. */
    indexed: { type: "string" },
    store: { type: "string", default: "both" },
    folder: { type: "string" },
    url: { type: "string" },
    parts: { type: "string", default: "starts,pages,events,index,searches,retention,sizes" },
  },
});
const RUNS = Number(flags.runs);
const INDEXED = Number(flags.indexed ?? flags.runs);
const DAYS = 100;
const SAMPLES = 40;
const SEARCHED = 11;
const STARTS = 5;
const DAY_MS = 86_400_000;
const SCHEMA = "history";
/** As the worker does. */
const FORGET_BATCH = 50;
const INDEX_BATCH = 1000;
const INDEXED_BY_SERVICE = 10_000;
const now = Date.now();
const history = { count: RUNS, days: DAYS, now };
const write = (text: string): void => void process.stdout.write(`${text}\n`);
const temporary = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));

const PAGES: readonly (readonly [string, string])[] = [
  ["the newest runs", "/"],
  ["failures", "/?status=failure"],
  ["failures of a workflow", "/?status=failure&workflow=environment-ready"],
  ["superseded runs", "/?status=superseded"],
  ["runs of a rare workflow", "/?workflow=release"],
  ["its failures, of which there are none", "/?workflow=release&status=failure"],
  ["an application that stays, a run in twenty", "/api/runs?group=pr-staging"],
  ["its failures", "/api/runs?group=pr-staging&status=failure"],
  ["runs of 30 days", "/?since=30d"],
  ["runs of one day, a month ago", "/?since=31d&until=30d"],
  ["half-way through", `/?before=${Math.floor(RUNS / 2)}`],
  ["the last page", "/?before=60"],
  ["by the beginning of an id", "/api/runs?text=3c322b26"],
  ["workflows", "/workflows"],
  ["a workflow", "/workflows/environment-ready"],
  ["previews", "/previews"],
  ["a preview", `/previews?text=pr-${1000 + Math.floor(RUNS / 50) - 10}`],
  ["audit log", "/audit"],
  ["outage", "/api/outage"],
  ["why nothing happened", "/api/why?text=pr-99999999"],
  ["metrics", "/metrics"],
];

const SEARCHES: readonly (readonly [string, string])[] = [
  ["a word that one run has", `feature/${Math.floor((RUNS - INDEXED / 2) / 10) * 10 + 7}`],
  [
    "a commit's beginning",
    createHash("sha256")
      .update(String(RUNS - 4))
      .digest("hex")
      .slice(0, 12),
  ],
  ["two words that many have and none has both", "pr-staging dev-7"],
  ["a recent application", `pr-${1000 + Math.floor(RUNS / 50) - 10}`],
  ["an application that stays", "pr-staging"],
  ["an old application", `pr-${1000 + Math.floor((RUNS - INDEXED) / 50) + 10}`],
  ["none", "pr-99999999"],
  ["a commit that is none", "0123456789abcdef0123456789abcdef01234567"],
  ["the beginning of one that is none", "abcdef0"],
  ["two letters that are in many", "pr"],
  ["a word of failures", "values.yaml"],
  ["two words", "staging values.yaml"],
  ["repo:", "repo:acme/shop-3"],
  ["by: of failures", "by:dev-7 status:failure"],
  ["event: and pull:", "event:pull_request.opened pull:1234"],
  ["workflow: status: since:", "workflow:labeler status:failure since:7d"],
  ["digits that many have, together in none", "0000000"],
  ["a sentence that is nowhere", "the basket of billing"],
];

if (flags.store !== "postgres") {
  const folder = flags.folder ?? join(temporary, "data");
  mkdirSync(folder, { recursive: true });
  const open = async (): Promise<RunStore> => openSqliteStore(folder, systemClock);
  await (await open()).close();
  await measure("SQLite", { DATA_DIR: folder }, open, filledSqlite(folder));
}
if (flags.store !== "sqlite") {
  const server = flags.url === undefined ? await startPostgres({ flags: ["-c", "fsync=on"] }) : undefined;
  const url = flags.url ?? server?.url ?? "";
  const open = () => openPostgresStore({ url, schema: SCHEMA, clock: systemClock, onError: () => {} });
  await (await open()).close();
  const env = { DATABASE_URL: url, DATABASE_SCHEMA: SCHEMA, DATA_DIR: join(temporary, "none") };
  await measure("PostgreSQL", env, open, filledPostgres(url, SCHEMA));
  await server?.stop();
}
rmSync(temporary, { recursive: true });

async function measure(
  name: string,
  env: Record<string, string>,
  open: () => Promise<RunStore>,
  filled: Filled,
): Promise<void> {
  write(`\n## ${name}\n`);
  if ((await filled.count()) === 0) {
    const started = performance.now();
    await filled.fill(history, (done) => done % 1_000_000 === 0 && write(`${done.toLocaleString("en")} runs`));
    write(`Filled in ${seconds(started)} s.`);
  }
  const parts: Record<string, () => Promise<void>> = {
    starts: () => starts(env),
    pages: () => pages(env),
    events: () => events(open),
    index: () => index(env, filled),
    searches: () => searches(env),
    retention: () => retention(open, filled),
    sizes: () => sizes(filled),
  };
  for (const part of flags.parts.split(",")) await parts[part]?.();
}

/** With the image's options. */
async function starts(env: Record<string, string>): Promise<void> {
  const found = { readyMs: [] as number[], readyCpuMs: [] as number[], memory: [] as number[] };
  for (let at = 0; at < STARTS; at++) {
    const service = await started(env, IMAGE_OPTIONS);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    found.readyMs.push(service.readyMs);
    found.readyCpuMs.push(service.readyCpuMs);
    found.memory.push(service.memory().privateDirty);
    await service.stop();
  }
  write("| start | median | least | most |\n|---|---|---|---|");
  const row = (what: string, values: readonly number[], unit: string) =>
    write(`| ${what} | ${[0.5, 0, 1].map((share) => `${quantile(values, share).toFixed(1)} ${unit}`).join(" | ")} |`);
  row("ready", found.readyMs, "ms");
  row("CPU to ready", found.readyCpuMs, "ms");
  row("private memory, idle", found.memory, "MB");
}

function started(env: Record<string, string>, nodeOptions: readonly string[] = []) {
  return startBundle("http://127.0.0.1:9", {
    nodeOptions,
    env: { LOG_LEVEL: "warn", RETAIN_DAYS: "3650", ...env },
  });
}

async function pages(env: Record<string, string>): Promise<void> {
  const service = await started(env);
  write("\n| page | p50 | p95 | first |\n|---|---|---|---|");
  const { runs } = (await (await fetch(`${service.url}/api/runs?limit=1`)).json()) as { runs: { id: string }[] };
  for (const [name, path] of [...PAGES, ["the newest run", `/runs/${runs[0]?.id}`]] as const) {
    await timedPage(service.url, name, path, SAMPLES);
  }
  await service.stop();
}

async function timedPage(url: string, name: string, path: string, samples: number): Promise<void> {
  write(`| ${name} | ${await timed(url, path, samples)} |`);
}

/** Cells of a table: median, 95th percentile, and the first, which may read from the disk. */
async function timed(url: string, path: string, samples: number): Promise<string> {
  const times: number[] = [];
  let status = 0;
  for (let at = 0; at < samples; at++) {
    const began = performance.now();
    const response = await fetch(url + path);
    await response.arrayBuffer();
    times.push(performance.now() - began);
    status = response.status;
  }
  const [first = 0, ...others] = times;
  const cells = [quantile(others, 0.5), quantile(others, 0.95), first].map((each) => `${each.toFixed(1)} ms`);
  return `${cells.join(" | ")}${status === 200 ? "" : ` (${status})`}`;
}

function lease() {
  return { owner: "bench", now: Date.now(), leaseMs: 600_000, take: false };
}

function newRun(application: string) {
  return {
    ...{ id: randomUUID(), workflow: "environment-ready", group: application, input: { application } },
    ...{ ownToken: false, trigger: "http" as const, actor: "token argocd" },
  };
}

/** The cost of an event, one after the other. */
async function events(open: () => Promise<RunStore>): Promise<void> {
  const store = await open();
  const times: [string, number[]][] = [
    ["accept", []],
    ["claim", []],
    ["settle", []],
    ["health", []],
  ];
  const timed = async <T>(at: number, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    times[at]?.[1].push(performance.now() - began);
    return result;
  };
  for (let nth = 0; nth < 10 * SAMPLES; nth++) {
    await timed(0, () => store.accept(newRun(`pr-new-${nth}`), lease()));
    const [claim] = await timed(1, () => store.claim({ ...lease(), limit: 1 }));
    if (!claim) throw new Error("the run that was accepted is not claimed");
    const at = Date.now();
    const attempt = { number: 1, startedAt: at, endedAt: at, outcome: "success" } as const;
    const settlement = {
      status: "success",
      outputs: { commitHash: "9fceb02d", sourceName: `pr-new-${nth}` },
      dedupeKey: undefined,
    } as const;
    await timed(2, () =>
      store.settle(claim, { reason: undefined, kind: undefined, githubRequestId: undefined, ...attempt }, settlement),
    );
    await timed(3, () => store.check());
  }
  await store.close();
  write("\n| event | p50 | p99 |\n|---|---|---|");
  for (const [name, each] of times)
    write(`| ${name} | ${quantile(each, 0.5).toFixed(2)} ms | ${quantile(each, 0.99).toFixed(2)} ms |`);
}

/** Indexes all but the oldest in large transactions. The service indexes the rest, as after an upgrade. */
async function index(env: Record<string, string>, filled: Filled): Promise<void> {
  const began = performance.now();
  const often = (done: number) => done % 500_000 === 0 && write(`${done.toLocaleString("en")} runs in the index`);
  const filling = await filled.fillIndex(INDEXED, INDEXED_BY_SERVICE, often);
  if (filling > 0) write(`\nFilled the index with ${filling.toLocaleString("en")} runs in ${seconds(began)} s.`);
  const queued = await filled.queueForSearch(INDEXED);
  if (queued === 0) return;
  const before = sum(await filled.sizes());
  const service = await started(env);
  const [since, cpu] = [performance.now(), service.cpuMs()];
  while ((await filled.queued()) > 0) await new Promise((resolve) => setTimeout(resolve, 100));
  const took = performance.now() - since;
  const cpuUs = ((service.cpuMs() - cpu) * 1000) / queued;
  await service.stop();
  const grown = (sum(await filled.sizes()) - before) / queued;
  write(
    `\nThe service indexed ${queued.toLocaleString("en")} runs, ${((queued * 1000) / took).toFixed(0)} per second, with ${cpuUs.toFixed(0)} µs of CPU and ${grown.toFixed(0)} bytes each.`,
  );
}

/** Also measures /health during the searches, which shows delays of the event loop. */
async function searches(env: Record<string, string>): Promise<void> {
  const service = await started(env);
  write("\n| search | p50 | p95 | first | /health at the same time, p50 | longest |\n|---|---|---|---|---|---|");
  const idle = (samples: number) => new Promise<void>((resolve) => setTimeout(resolve, samples * 20));
  const row = async (name: string, work: () => Promise<string>) => {
    const health = watchedHealth(service.url);
    const cells = await work();
    const times = await health.times();
    write(`| ${name} | ${cells} | ${quantile(times, 0.5).toFixed(1)} ms | ${Math.max(...times).toFixed(1)} ms |`);
  };
  await row("nothing", () => idle(SEARCHED).then(() => " | | "));
  for (const [name, text] of SEARCHES) {
    const path = `/?text=${encodeURIComponent(text)}`;
    await row(`${name}: \`${text}\``, () => timed(service.url, path, SEARCHED));
  }
  const deep = `/?text=pr-staging&before=${RUNS - Math.floor(INDEXED * 0.9)}`;
  await row("a deep page of what many have", () => timed(service.url, deep, SEARCHED));
  const why = `/api/why?text=pr-${1000 + Math.floor(RUNS / 50) - 10}`;
  await row("why nothing newer happened", () => timed(service.url, why, SEARCHED));
  await row("failures", () => timed(service.url, "/?status=failure", SEARCHED));
  await service.stop();
}

function watchedHealth(url: string): { times(): Promise<readonly number[]> } {
  const times: number[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const began = performance.now();
      await (await fetch(`${url}/health`)).arrayBuffer();
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return {
    async times() {
      isOver = true;
      await watching;
      return times;
    },
  };
}

/** Deletes the runs of a day while events come. */
async function retention(open: () => Promise<RunStore>, filled: Filled): Promise<void> {
  const before = sum(await filled.sizes());
  const store = await open();
  const oldest = await filled.oldest();
  const [deletes, accepts]: [number[], number[]] = [[], []];
  let deleted = 0;
  const began = performance.now();
  for (let some = FORGET_BATCH, nth = 0; some === FORGET_BATCH; nth++) {
    const since = performance.now();
    some = await store.forget(oldest + DAY_MS, FORGET_BATCH);
    deletes.push(performance.now() - since);
    deleted += some;
    if (nth % 10 > 0) continue;
    const accepting = performance.now();
    await store.accept(newRun(`pr-meanwhile-${nth}`), lease());
    accepts.push(performance.now() - accepting);
  }
  const text = (values: readonly number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(2)} ms, p99 ${quantile(values, 0.99).toFixed(2)} ms`;
  write(
    `\nDeleted a day, ${deleted.toLocaleString("en")} runs, in ${seconds(began)} s: ${FORGET_BATCH} at a time ${text(deletes)}; accepting an event at the same time ${text(accepts)}.`,
  );
  for (let indexed: number | "busy" = 1; indexed !== 0; ) indexed = await store.index(INDEX_BATCH);
  await store.close();
  write(
    `The files have grown by ${((sum(await filled.sizes()) - before) / 1e6).toFixed(1)} MB; ${await filled.free()}.`,
  );
}

async function sizes(filled: Filled): Promise<void> {
  const count = await filled.count();
  const all = await filled.sizes();
  write("\n| what | MB | bytes per run |\n|---|---|---|");
  const row = (name: string, bytes: number) =>
    write(`| ${name} | ${(bytes / 1e6).toFixed(0)} | ${(bytes / count).toFixed(0)} |`);
  for (const [name, bytes] of [...all].sort(([, a], [, b]) => b - a).slice(0, 14)) row(name, bytes);
  row("all", sum(all));
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((all, each) => all + each, 0);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
