import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { readConfig } from "../src/service/config/config.ts";
import { openBrowser } from "../test/support/browser.ts";
import { fillStore, type Moved } from "../test/support/past.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "../test/support/webhooks.ts";
import { pastRuns, REPOSITORIES, searches, WORKFLOW_FILES } from "./page-history.ts";
import { type MeasuredService, quantile, startBundle } from "./service.ts";

/**
 * How long the pages take, and how large they are, with 100,000 runs over 1,000 days and 5,000 events that started
 * none, on both stores. It measures plain requests, from the request to the last byte, and Chromium, until the page can
 * be used.
 */
const { values: flags } = parseArgs({
  options: { runs: { type: "string", default: "100000" }, store: { type: "string", default: "both" } },
});
const RUNS = Number(flags.runs);
const DAYS = 1000;
const EVENTS = 5000;
const SAMPLES = 60;
const BROWSER_SAMPLES = 20;
const TOKEN = "bench-token-0123456789";

const write = (text: string): void => void process.stdout.write(`${text}\n`);
const now = Date.now();
const browser = await openBrowser();
const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
mkdirSync(join(folder, "workflows"));
for (const [name, text] of Object.entries(WORKFLOW_FILES)) writeFileSync(join(folder, "workflows", name), text);

if (flags.store !== "postgres") await measure("SQLite", { DATA_DIR: join(folder, "data") });
if (flags.store !== "sqlite") {
  const server = await startPostgres({ flags: ["-c", "fsync=on"] });
  await measure("PostgreSQL", { DATABASE_URL: server.url, DATA_DIR: join(folder, "none") });
  await server.stop();
}
await browser.close();
rmSync(folder, { recursive: true });

async function measure(store: string, place: Record<string, string>): Promise<void> {
  const filling = performance.now();
  mkdirSync(place.DATA_DIR ?? "", { recursive: true });
  const kept: Kept[] = [];
  await fillStore(readConfig({ ...place, GITHUB_TOKEN: TOKEN }).store, keeping(kept));
  write(`\n${store}: filled with ${RUNS.toLocaleString("en")} runs in ${seconds(filling)} s.`);
  const service = await startBundle("http://127.0.0.1:9", {
    program: ["src/main.ts", "serve"],
    env: {
      ...{ ...place, WORKFLOWS_DIR: join(folder, "workflows"), GITHUB_TOKEN: TOKEN, LOG_LEVEL: "warn" },
      ...{ RETAIN_DAYS: "3650", GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET },
    },
  });
  try {
    await sendEvents(service.url);
    await untilIndexed(
      service,
      kept.find(({ commit }) => commit),
    );
    await table(service, kept);
  } finally {
    await service.stop();
  }
}

type Kept = { readonly id: string; readonly commit?: string; readonly lines: number };

/** Remembers some of what it passes on: the oldest, the newest, and runs with a long log. */
function* keeping(kept: Kept[]): Generator<Moved> {
  let nth = 0;
  for (const moved of pastRuns({ count: RUNS, days: DAYS, now })) {
    const { id, outputs, lines } = moved as { id: string; outputs?: Record<string, string>; lines: readonly unknown[] };
    const commit = outputs?.commitHash ?? outputs?.deployed;
    if (nth++ % 97 === 0 || lines.length > 100) {
      kept.push({ id, lines: lines.length, ...(commit !== undefined && { commit }) });
    }
    yield moved;
  }
}

/** Webhooks without a workflow, and rejected requests. */
async function sendEvents(url: string): Promise<void> {
  const started = performance.now();
  const closed = payloadOf("pull_request", "closed");
  const one = async (nth: number) => {
    if (nth % 20 === 0) {
      const body = JSON.stringify({ app: `pr-${nth}` });
      return (await fetch(`${url}/dispatch`, { method: "POST", body })).arrayBuffer();
    }
    const repository = { ...(closed.repository as object), full_name: REPOSITORIES[nth % REPOSITORIES.length] };
    return deliver(url, "pull_request", { ...closed, number: nth, repository });
  };
  for (let nth = 0; nth < EVENTS; nth += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, at) => one(nth + at)));
  }
  write(`${EVENTS.toLocaleString("en")} events that start no run were taken in ${seconds(started)} s.`);
}

/** Waits until a search finds the oldest run by its commit. */
async function untilIndexed({ url }: MeasuredService, oldest: Kept | undefined): Promise<void> {
  const started = performance.now();
  while (performance.now() - started < 900_000) {
    const found = await (await fetch(`${url}/?text=${oldest?.commit}`)).text();
    if (found.includes(`/runs/${oldest?.id}`)) return write(`All are found after ${seconds(started)} s.`);
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  write("The oldest run is not found after 15 minutes.");
}

async function table({ url }: MeasuredService, kept: readonly Kept[]): Promise<void> {
  const longest = kept.find(({ lines }) => lines > 100);
  const looked = searches(kept).map((text) => `/?text=${encodeURIComponent(text)}`);
  const again = (path: string) => Array.from({ length: SAMPLES }, () => path);
  const pages: readonly (readonly [string, readonly string[]])[] = [
    ["100 searches", looked],
    ["the newest runs", again("/")],
    ["failures", again("/?status=failure")],
    ["failures of a workflow", again("/?status=failure&workflow=deploy")],
    ["runs of 30 days", again("/?since=30d")],
    ["half-way through", again(`/?before=${Math.floor(RUNS / 2)}`)],
    ["a run", kept.slice(0, SAMPLES).map(({ id }) => `/runs/${id}`)],
    ["a run with a long log", again(`/runs/${longest?.id}`)],
    ["workflows", again("/workflows")],
    ["a workflow", again("/workflows/deploy")],
    ["events that started no run", again("/events")],
    ["a search among them", again("/events?text=shop-4")],
    ["previews", again("/previews")],
    ["a preview", again("/previews?text=pr-1234")],
    ["why nothing happened", again("/api/why?text=pr-99999")],
  ];
  write("\n| page | p50 | p95 | in Chromium, p50 | p95 | largest |\n|---|---|---|---|---|---|");
  const page = await browser.newPage();
  const slow: [string, number][] = [];
  for (const [name, paths] of pages) {
    const [times, sizes]: [number[], number[]] = [[], []];
    let status = 0;
    for (const path of paths) {
      const started = performance.now();
      const response = await fetch(url + path);
      sizes.push((await response.arrayBuffer()).byteLength);
      times.push(performance.now() - started);
      slow.push([path, times.at(-1) ?? 0]);
      status = Math.max(status, response.status);
    }
    const shown = status < 400 && !name.startsWith("why") ? await inBrowser(page, url, paths) : [];
    const all = [times, shown].flatMap((each) => [0.5, 0.95].map((share) => millisecondsText(each, share)));
    write(
      `| ${name} | ${all.join(" | ")} | ${status < 400 ? `${(Math.max(...sizes) / 1000).toFixed(1)} kB` : status} |`,
    );
  }
  await page.close();
  slow.sort(([, a], [, b]) => b - a);
  write(
    `\nSlowest: ${slow
      .slice(0, 8)
      .map(([path, took]) => `${took.toFixed(0)} ms ${decodeURIComponent(path)}`)
      .join("; ")}`,
  );
}

/** From the start of the navigation until the page can be used. */
async function inBrowser(page: Page, url: string, paths: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  const step = Math.max(1, Math.floor(paths.length / BROWSER_SAMPLES));
  for (let at = 0; at < paths.length; at += step) {
    await page.goto(url + paths[at], { waitUntil: "domcontentloaded" });
    times.push(await page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"));
  }
  return times;
}

function millisecondsText(times: number[], share: number): string {
  return times.length === 0 ? "–" : `${quantile(times, share).toFixed(1)} ms`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
