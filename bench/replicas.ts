import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { startPostgres } from "../test/support/postgres.ts";
import { slowNetwork } from "../test/support/slow-network.ts";
import {
  cpuOfChildren,
  dispatch,
  type MeasuredService,
  quantile,
  startBundle,
  startStandIn,
  TOKEN,
} from "./service.ts";

/**
 * One, two and four replicas on PostgreSQL, compared with one on SQLite and with four that share nothing. The latter
 * show the cost of spreading the load over four processes. Then one replica over a network, and its latency.
 * `bench/history.ts` measures a long history. PostgreSQL writes to disk as in production. GitHub has no limits.
 *
 * `node bench/replicas.ts [--before FOLDER] [--part replicas | network | latency]`: `--before` also measures the build
 * of another checkout. The two take turns.
 */
const { before, part } = parseArgs({ options: { before: { type: "string" }, part: { type: "string" } } }).values;
const isAsked = (name: string) => part === undefined || part === name;
const ROOTS = [
  ...(before === undefined ? [] : [{ name: ", before", schema: "before", root: resolve(before) }]),
  { name: "", schema: "now", root: resolve(".") },
];

/** Per process, so that its code is compiled as after a while in production. */
const WARM_UP = 400;
const COUNT = 250;
const TURNS = 5;
const IN_PARALLEL = 64;
const LATENCY_MS = 40;
const NETWORK_MS = 1;
const write = (text: string) => process.stdout.write(`${text}\n`);

const server = await startPostgres({
  flags: ["-c", "fsync=on", "-c", "max_connections=300", "-c", "shared_preload_libraries=pg_stat_statements"],
});
const counting = new pg.Client({ connectionString: server.url });
await counting.connect();
await counting.query("CREATE EXTENSION pg_stat_statements");
const QUIET = { LOG_LEVEL: "warn" };
const onPostgres = (schema: string, url = server.url) => ({ ...QUIET, DATABASE_URL: url, DATABASE_SCHEMA: schema });

async function startReplicas(
  gitHubUrl: string,
  count: number,
  env: Record<string, string>,
  root = resolve("."),
): Promise<MeasuredService[]> {
  const program = [join(root, "dist/gh-runner.js"), "serve"];
  const services: MeasuredService[] = [];
  for (let at = 0; at < count; at++) services.push(await startBundle(gitHubUrl, { env, program }));
  return services;
}

async function load(services: readonly MeasuredService[], count: number, inParallel = IN_PARALLEL): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) {
      const nth = next++;
      await dispatch(services[nth % services.length]!.url, `pr-light-${nth % 400}`);
    }
  };
  await Promise.all(Array.from({ length: inParallel }, one));
}

/** A median with its spread. */
function shown(values: readonly number[], digits: number): string {
  const [low, mid, high] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(digits));
  return `${mid} (${low}–${high})`;
}

const github = await startStandIn(0);
if (isAsked("replicas")) {
  const columns = [
    { name: "SQLite", services: await startReplicas(github.url, 1, QUIET) },
    { name: "4 that share nothing", services: await startReplicas(github.url, 4, QUIET) },
  ];
  for (const count of [1, 2, 4]) {
    for (const { name, schema, root } of ROOTS) {
      const services = await startReplicas(github.url, count, onPostgres(`${schema}_${count}`), root);
      columns.push({ name: `${count === 1 ? "PostgreSQL, 1 replica" : `${count} replicas`}${name}`, services });
    }
  }
  for (const { services } of columns) await load(services, WARM_UP * services.length);
  const cells = columns.map(() => ({
    rates: [] as number[],
    cpu: [] as number[],
    database: [] as number[],
    idle: [] as number[],
    transactions: [] as number[],
    statements: [] as number[],
  }));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [at, { services }] of columns.entries()) {
      const { rates, cpu, database, idle, transactions, statements } = cells[at]!;
      await counting.query("SELECT pg_stat_statements_reset()");
      const used = () => services.reduce((sum, service) => sum + service.cpuMs(), 0);
      const [ours, its, rest, started] = [used(), cpuOfDatabase(), idleMs(), performance.now()];
      await load(services, COUNT);
      const wall = performance.now() - started;
      rates.push((COUNT / wall) * 1000);
      idle.push(((idleMs() - rest) / wall / availableParallelism()) * 100);
      cpu.push((used() - ours) / COUNT);
      database.push((cpuOfDatabase() - its) / COUNT);
      const { rows } = await counting.query(
        `SELECT coalesce(sum(calls) FILTER (WHERE query = 'COMMIT'), 0)::integer AS transactions, sum(calls)::integer AS statements
         FROM pg_stat_statements`,
      );
      transactions.push(rows[0].transactions / COUNT);
      statements.push(rows[0].statements / COUNT);
    }
  }
  const row = (name: string, values: readonly string[]) => write(`| ${name} | ${values.join(" | ")} |`);
  row(
    `${IN_PARALLEL} at a time, light`,
    columns.map(({ name }) => name),
  );
  row(
    "---",
    columns.map(() => "---"),
  );
  row(
    "dispatched per second",
    cells.map(({ rates }) => shown(rates, 0)),
  );
  row(
    "CPU of the services, per dispatch, ms",
    cells.map(({ cpu }) => shown(cpu, 2)),
  );
  row(
    "CPU of the database, per dispatch, ms",
    cells.map(({ database }) => shown(database, 2)),
  );
  row(
    "transactions per dispatch",
    cells.map(({ transactions }) => shown(transactions, 2)),
  );
  row(
    "statements per dispatch",
    cells.map(({ statements }) => shown(statements, 1)),
  );
  row(
    "the machine is idle, %",
    cells.map(({ idle }) => shown(idle, 0)),
  );
  const memories = columns.map(({ services }) => services[0]!.memory().privateDirty.toFixed(1));
  row("private memory of the first, MB", memories);
  for (const { services } of columns) for (const service of services) await service.stop();
}

if (isAsked("network")) {
  const network = await slowNetwork(server.url, NETWORK_MS);
  const places = [
    { name: "beside it", url: server.url },
    { name: `${NETWORK_MS} ms away`, url: network.url },
  ];
  const rows = [];
  for (const place of places) {
    for (const { name, schema, root } of ROOTS) {
      const env = onPostgres(`net_${schema}_${places.indexOf(place)}`, place.url);
      const services = await startReplicas(github.url, 1, env, root);
      rows.push({ name: `${place.name}${name}`, services, rates: [] as number[], alone: [] as number[] });
    }
  }
  for (const { services } of rows) await load(services, WARM_UP);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const { services, rates, alone } of rows) {
      const started = performance.now();
      await load(services, COUNT);
      rates.push((COUNT / (performance.now() - started)) * 1000);
      const times: number[] = [];
      for (let at = 0; at < 40; at++) times.push(await dispatch(services[0]!.url, `pr-light-${at}`));
      alone.push(quantile(times, 0.5));
    }
  }
  write(`\n| PostgreSQL | dispatched per second, ${IN_PARALLEL} at a time | one at a time, p50, ms |\n|---|---|---|`);
  for (const { name, rates, alone } of rows) write(`| ${name} | ${shown(rates, 0)} | ${shown(alone, 1)} |`);
  for (const { services } of rows) for (const service of services) await service.stop();
  network.close();
}
await github.stop();

if (isAsked("latency")) await latency();
await counting.end();
await server.stop();

/** Of every process of this server, in ms. Of ended processes in hundredths of a second. */
function cpuOfDatabase(): number {
  const main = readFileSync(join(server.folder, "data/postmaster.pid"), "utf8").split("\n")[0] as string;
  const children = readFileSync(`/proc/${main}/task/${main}/children`, "utf8").trim().split(" ");
  const spent = [main, ...children].map((pid) => {
    const file = `/proc/${pid}/schedstat`;
    // It may have ended.
    return existsSync(file) ? Number(readFileSync(file, "utf8").split(" ")[0]) / 1e6 : 0;
  });
  return spent.reduce((sum, each) => sum + each, cpuOfChildren(Number(main)));
}

/** Of all processors, in hundredths of a second: https://man7.org/linux/man-pages/man5/proc_stat.5.html */
function idleMs(): number {
  return Number(readFileSync("/proc/stat", "utf8").split(/\s+/)[4]) * 10;
}

async function latency(): Promise<void> {
  const slow = await startStandIn(LATENCY_MS);
  const lite = await startBundle(slow.url, { env: QUIET });
  const [one] = (await startReplicas(slow.url, 1, onPostgres("latency"))) as [MeasuredService];
  const keepAlive = new Agent({ keepAlive: true });
  const trips: number[] = [];
  const rows = [
    { name: "SQLite", service: lite, values: [] as number[] },
    { name: "PostgreSQL", service: one, values: [] as number[] },
  ];
  // They take turns, so that other work on the machine affects all of them equally.
  for (let at = 0; at < 200; at++) {
    for (const { service, values } of rows) values.push(await dispatch(service.url, `pr-light-${at}`));
    trips.push((await roundTrip(keepAlive, slow.url)) + (await roundTrip(keepAlive, slow.url)));
  }
  keepAlive.destroy();
  write(
    `\n| latency at ${LATENCY_MS} ms per GitHub request | p50 | p99 | p50 beyond two round trips | aim |\n|---|---|---|---|---|`,
  );
  const base = quantile(trips, 0.5);
  for (const { name, values } of rows) {
    const [p50, p99] = [quantile(values, 0.5), quantile(values, 0.99)];
    write(
      `| ${name} | ${p50.toFixed(1)} ms | ${p99.toFixed(1)} ms | ${(p50 - base).toFixed(1)} ms | ${name === "SQLite" ? "4" : "10"} ms |`,
    );
  }
  await lite.stop();
  await one.stop();
  await slow.stop();
}

async function roundTrip(agent: Agent, url: string): Promise<number> {
  const started = performance.now();
  const headers = { authorization: `Bearer ${TOKEN}`, "user-agent": "bench" };
  const outgoing = request(`${url}/repos/acme/shop`, { agent, headers });
  outgoing.end();
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  return performance.now() - started;
}
