import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:http";
import pg from "pg";
import type { Claim } from "../src/model/claim.ts";
import { systemClock } from "../src/model/clock.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { dispatch, type MeasuredService, quantile, startBundle, startStandIn, TOKEN } from "./service.ts";

/**
 * One, two and four replicas on PostgreSQL beside one on SQLite: dispatches a second against a GitHub without limits, CPU,
 * latency; then what the store costs with a long history. PostgreSQL writes to disk as it does in production.
 */
const WARM_UP = 300;
const COUNT = 250;
const TURNS = 8;
const AT_ONCE = 64;
const LATENCY_MS = 40;
const write = (text: string) => process.stdout.write(`${text}\n`);

const server = await startPostgres({ flags: ["-c", "fsync=on"] });
const onPostgres = (schema: string) => ({ DATABASE_URL: server.url, DATABASE_SCHEMA: schema, LOG_LEVEL: "warn" });

async function startReplicas(
  gitHubUrl: string,
  count: number,
  env: Record<string, string>,
): Promise<MeasuredService[]> {
  const services: MeasuredService[] = [];
  for (let at = 0; at < count; at++) services.push(await startBundle(gitHubUrl, { env }));
  return services;
}

async function load(services: readonly MeasuredService[], count: number): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) {
      const nth = next++;
      await dispatch(services[nth % services.length]!.url, `pr-light-${nth % 400}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

const github = await startStandIn(0);
const columns = [
  { name: "SQLite", services: await startReplicas(github.url, 1, { LOG_LEVEL: "warn" }) },
  { name: "PostgreSQL, 1 replica", services: await startReplicas(github.url, 1, onPostgres("one")) },
  { name: "2 replicas", services: await startReplicas(github.url, 2, onPostgres("two")) },
  { name: "4 replicas", services: await startReplicas(github.url, 4, onPostgres("four")) },
];
for (const { services } of columns) await load(services, WARM_UP);
const cells = columns.map(() => ({ cpu: 0, wall: 0 }));
for (let turn = 0; turn < TURNS; turn++) {
  for (const [at, { services }] of columns.entries()) {
    const cell = cells[at]!;
    const used = () => services.reduce((sum, service) => sum + service.cpuMs(), 0);
    const before = used();
    const started = performance.now();
    await load(services, COUNT);
    cell.wall += performance.now() - started;
    cell.cpu += used() - before;
  }
}
const all = COUNT * TURNS;
write(`| ${AT_ONCE} at once, light | ${columns.map(({ name }) => name).join(" | ")} |`);
write(`|---|${columns.map(() => "---|").join("")}`);
write(`| dispatched a second | ${cells.map(({ wall }) => `${((all / wall) * 1000).toFixed(0)}`).join(" | ")} |`);
write(`| CPU of the services, a dispatch | ${cells.map(({ cpu }) => `${(cpu / all).toFixed(2)} ms`).join(" | ")} |`);
const memories = columns.map(({ services }) => services[0]!.memory().privateDirty.toFixed(1));
write(`| private memory of the first | ${memories.map((each) => `${each} MB`).join(" | ")} |`);
for (const { services } of columns) for (const service of services) await service.stop();
await github.stop();

const slow = await startStandIn(LATENCY_MS);
const lite = await startBundle(slow.url, { env: { LOG_LEVEL: "warn" } });
const [one] = (await startReplicas(slow.url, 1, onPostgres("one"))) as [MeasuredService];
const keepAlive = new Agent({ keepAlive: true });
const trips: number[] = [];
const rows = [
  { name: "SQLite", service: lite, values: [] as number[] },
  { name: "PostgreSQL", service: one, values: [] as number[] },
];
// Taken in turns, so that what else the machine does meets all alike.
for (let at = 0; at < 200; at++) {
  for (const { service, values } of rows) values.push(await dispatch(service.url, `pr-light-${at}`));
  trips.push((await roundTrip()) + (await roundTrip()));
}
keepAlive.destroy();
write(
  `\n| latency at ${LATENCY_MS} ms a GitHub request | p50 | p99 | p50 beyond two round trips | aim |\n|---|---|---|---|---|`,
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

write("\n| finished runs | accept, p50 | claim, p50 | settle, p50 | first page | failed runs | activity | size |");
write("|---|---|---|---|---|---|---|---|");
const SAMPLES = 200;
for (const history of [10, 1000, 1_000_000]) {
  const schema = `history_${history}`;
  const options = { url: server.url, schema, clock: systemClock, onError: () => {} };
  const store = await openPostgresStore(options);
  await fill(schema, history);
  const timed = async (work: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let at = 0; at < SAMPLES; at++) {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    }
    return `${quantile(times, 0.5).toFixed(2)} ms`;
  };
  const lease = () => ({ owner: "bench", now: Date.now(), leaseMs: 600_000, take: false });
  let nth = 0;
  const accepting = () => {
    const application = `pr-${nth++}`;
    const event = { workflow: "environment-ready", group: application, input: { application }, ownToken: false };
    return store.accept({ id: randomUUID(), ...event }, lease());
  };
  const accept = await timed(accepting);
  const claims: Claim[] = [];
  const claim = await timed(async () => claims.push(...(await store.claim({ ...lease(), limit: 1 }))));
  const settle = await timed(async () => {
    const next = claims.pop()!;
    const now = Date.now();
    const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
    const attempt = { number: 1, startedAt: now, endedAt: now, outcome: "success", ...nothing } as const;
    await store.settle(next, attempt, { status: "success", outputs: { ok: true }, dedupeKey: undefined });
  });
  const page = await timed(() => store.list({}, { limit: 20 }));
  const failed = await timed(() => store.list({ status: "failure" }, { limit: 20 }));
  const activity = await timed(() => store.overview.activity(Date.now()));
  const size = await sizeOf(schema);
  write(
    `| ${history.toLocaleString("en")} | ${[accept, claim, settle, page, failed, activity].join(" | ")} | ${size} MB |`,
  );
  await store.close();
}
await server.stop();

/** Runs that ended, one a second until now, each with an attempt; every hundredth failed. */
async function fill(schema: string, count: number): Promise<void> {
  await ask(
    `INSERT INTO ${schema}.runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at,
       started_at, ended_at, attempts, outputs, reason)
     SELECT gen_random_uuid(), 'environment-ready', 'pr-' || n % 5000, 'environment-ready' || chr(10) || 'pr-' || n % 5000,
       '{"application":"pr-' || n % 5000 || '"}', 0, CASE WHEN n % 100 = 0 THEN 'failure' ELSE 'success' END,
       at, at, at, at + 5, at + 90, 1, '{"commitHash":"9fceb02d0ae598e95dc970b74767f19372d61af8"}', NULL
     FROM generate_series(1, ${count}) AS n, LATERAL (SELECT ${Date.now()} - (${count} - n) * 1000::bigint AS at) AS time`,
  );
  await ask(
    `INSERT INTO ${schema}.attempts SELECT seq, 1, started_at, ended_at, status, NULL, NULL, NULL FROM ${schema}.runs`,
  );
  await ask(`ANALYZE ${schema}.runs, ${schema}.attempts`);
}

async function sizeOf(schema: string): Promise<string> {
  const [row] = await ask(
    `SELECT sum(pg_total_relation_size(oid))::text AS bytes FROM pg_class WHERE relnamespace = '${schema}'::regnamespace
     AND relkind = 'r'`,
  );
  return (Number(row?.bytes) / 1e6).toFixed(1);
}

async function ask(sql: string): Promise<{ bytes: string }[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows: found } = await client.query(sql);
  await client.end();
  return found;
}

async function roundTrip(): Promise<number> {
  const started = performance.now();
  const headers = { authorization: `Bearer ${TOKEN}`, "user-agent": "bench" };
  const outgoing = request(`${slow.url}/repos/acme/shop`, { agent: keepAlive, headers });
  outgoing.end();
  const [incoming] = await once(outgoing, "response");
  incoming.resume();
  await once(incoming, "end");
  return performance.now() - started;
}
