import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../src/model/clock.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { quantile, startBundle, startStandIn } from "./service.ts";

/** Events accepted per second, and the cost of the store with 10, 1,000 and 1,000,000 ended runs in it. */
const EVENTS = 4000;
const SAMPLES = 300;
const write = (text: string) => process.stdout.write(`${text}\n`);
const lease = { owner: "bench", now: Date.now(), leaseMs: 60_000, take: false };
const newRun = (at: number) => ({
  id: randomUUID(),
  workflow: "environment-ready",
  group: `pr-${at}`,
  input: { application: `pr-${at}` },
  ownToken: false,
});

write(
  "| finished runs | accept, p50 | claim one, p50 | first page, p50 | failed runs, p50 | file |\n|---|---|---|---|---|---|",
);
for (const history of [10, 1000, 1_000_000]) {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
  await openSqliteStore(folder, systemClock).close();
  fill(join(folder, "gh-runner.sqlite"), history);
  const store = openSqliteStore(folder, systemClock);
  const timed = async (work: (at: number) => Promise<unknown>) => {
    const times: number[] = [];
    for (let at = 0; at < SAMPLES; at++) {
      const started = performance.now();
      await work(at);
      times.push(performance.now() - started);
    }
    return `${quantile(times, 0.5).toFixed(2)} ms`;
  };
  const cells = [
    await timed((at) => store.accept(newRun(at), lease)),
    await timed(() => store.claim({ ...lease, limit: 1 })),
    await timed(() => store.list({}, { limit: 20 })),
    await timed(() => store.list({ status: "failure" }, { limit: 20 })),
  ];
  const megabytes = statSync(join(folder, "gh-runner.sqlite")).size / 1e6;
  write(`| ${history.toLocaleString("en")} | ${cells.join(" | ")} | ${megabytes.toFixed(1)} MB |`);
  await store.close();
  rmSync(folder, { recursive: true });
}

const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
const store = openSqliteStore(folder, systemClock);
const started = performance.now();
for (let at = 0; at < EVENTS; at += 50) {
  await Promise.all(Array.from({ length: 50 }, (_, offset) => store.accept(newRun(at + offset), lease)));
}
const perSecond = (EVENTS / (performance.now() - started)) * 1000;
await store.close();
rmSync(folder, { recursive: true });

const github = await startStandIn(0);
const service = await startBundle(github.url, { env: { LOG_LEVEL: "warn" } });
const begun = performance.now();
let next = 0;
await Promise.all(Array.from({ length: 64 }, sendAll));
const overHttp = (EVENTS / (performance.now() - begun)) * 1000;
await service.stop();
await github.stop();

write("\n| accepted per second, each flushed to disk | measured | aim |\n|---|---|---|");
write(`| the store alone, 50 at a time | ${perSecond.toFixed(0)} | 2,000 |`);
write(`| over HTTP with Prefer: respond-async, while the runs are skipped | ${overHttp.toFixed(0)} | 2,000 |`);

async function sendAll(): Promise<void> {
  while (next++ < EVENTS) {
    const body = `{"application":"main-${next}"}`;
    const headers = { "content-length": body.length, prefer: "respond-async" };
    const outgoing = request(`${service.url}/dispatch`, { method: "POST", agent: false, headers });
    outgoing.end(body);
    const [incoming] = await once(outgoing, "response");
    incoming.resume();
    await once(incoming, "end");
    if (incoming.statusCode !== 202) throw new Error(`answered ${incoming.statusCode}`);
  }
}

/** Writes ended runs directly, one in a hundred a failure, each with an attempt. */
function fill(file: string, count: number): void {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA synchronous = OFF; BEGIN");
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, started_at, ended_at, attempts, outputs)
    SELECT lower(hex(randomblob(16))), 'environment-ready', 'pr-' || (i % 5000), NULL, '{"application":"pr-' || (i % 5000) || '"}', 0,
      iif(i % 100 = 0, 'failure', 'success'), 1, 1, 1, ${lease.now}, 1, '{"commitHash":"0123456789012345678901234567890123456789"}' FROM n`);
  db.exec(
    "INSERT INTO attempts (run, number, started_at, ended_at, outcome, github_request_id) SELECT seq, 1, 1, 2, 'success', 'ABCD:1234' FROM runs; COMMIT",
  );
  db.close();
}
