import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../src/model/clock.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { quantile } from "./service.ts";

/** How long the pages take with 100,000 runs in the store, from request to the last byte, and how large they are. */
const RUNS = 100_000;
const SAMPLES = 60;
const write = (text: string) => process.stdout.write(`${text}\n`);

const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
const now = Date.now();
await openSqliteStore(folder, systemClock).close();
fill(join(folder, "gh-runner.sqlite"));
const settings = { PORT: "0", HOST: "127.0.0.1", DATA_DIR: folder, GITHUB_API_URL: "http://127.0.0.1:9" };
const app = await startApp(readConfig({ ...settings, GITHUB_TOKEN: "bench-token-0123456789", LOG_LEVEL: "silent" }));
const { runs } = (await (await fetch(`${app.url}/api/runs?status=failure&limit=1`)).json()) as {
  runs: [{ id: string }];
};

write(`With ${RUNS.toLocaleString("en")} runs:\n\n| page | p50 | p95 | size |\n|---|---|---|---|`);
for (const [name, path] of [
  ["the newest runs", "/"],
  ["failures", "/?status=failure"],
  ["successes of a workflow", "/?status=success&workflow=environment-ready"],
  ["a text that is found", "/?text=pr-123"],
  ["a text that is nowhere", "/?text=nowhere-at-all"],
  ["a text in failures that is nowhere", "/?status=failure&text=nowhere-at-all"],
  ["half-way through", `/?before=${RUNS / 2}`],
  ["one run", `/runs/${runs[0].id}`],
] as const) {
  const times: number[] = [];
  let bytes = 0;
  for (let at = 0; at < SAMPLES; at++) {
    const started = performance.now();
    bytes = (await (await fetch(app.url + path)).arrayBuffer()).byteLength;
    times.push(performance.now() - started);
  }
  const milliseconds = (share: number) => `${quantile(times, share).toFixed(1)} ms`;
  write(`| ${name} | ${milliseconds(0.5)} | ${milliseconds(0.95)} | ${(bytes / 1000).toFixed(1)} KB |`);
}
await app.close();
rmSync(folder, { recursive: true });

/** Ended runs over the last 30 days, one in twenty failed, skipped or superseded, with long names and reasons. */
function fill(file: string): void {
  const db = new DatabaseSync(file);
  const [from, each] = [now - 30 * 86_400_000, Math.floor((30 * 86_400_000) / RUNS)];
  db.exec("PRAGMA synchronous = OFF; BEGIN");
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RUNS})
    INSERT INTO runs (id, workflow, grp, input, own_token, status, accepted_at, retries_from, started_at, ended_at, attempts, outputs, reason)
    SELECT lower(hex(randomblob(16))), 'environment-ready', 'pr-' || (i % 5000), '{"application":"pr-' || (i % 5000) || '"}', 0,
      iif(i % 20 = 0, iif(i % 60 = 0, 'failure', iif(i % 40 = 0, 'skipped', 'superseded')), 'success'),
      ${from} + i * ${each}, 1, ${from} + i * ${each}, ${from} + i * ${each} + abs(random() % 3000), 1,
      iif(i % 20 = 0, NULL, '{"commitHash":"' || lower(hex(randomblob(20))) || '"}'),
      iif(i % 20 = 0, 'Looking up an application failed: ' || printf('%.*c', 400, 'x'), NULL) FROM n`);
  db.exec(`INSERT INTO attempts (run, number, started_at, ended_at, outcome, github_request_id)
    SELECT seq, 1, started_at, ended_at, 'success', 'ABCD:1234' FROM runs;
    INSERT INTO ended_by_hour SELECT ended_at / 3600000, sum(status = 'success'), sum(status = 'failure'), sum(status = 'skipped')
    FROM runs GROUP BY 1; COMMIT`);
  db.close();
}
