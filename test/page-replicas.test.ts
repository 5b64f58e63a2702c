import assert from "node:assert/strict";
import { beforeEach, it } from "node:test";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const postgres = postgresForTests();

const SHARED = globalThis as unknown as { pageReplicas: { go?: () => void } };

const FILE = `// @ts-nocheck
import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "slow",
  on: { manual: true },
  async run({ log, step, signal }) {
    log.info("the first line");
    await step("work", () => new Promise((resolve, reject) => {
      globalThis.pageReplicas.go = resolve;
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    }));
    log.warn("the second line");
    await step("more", () => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))));
  },
});`;

beforeEach(() => {
  SHARED.pageReplicas = {};
});

it("a page at one replica shows steps and lines of another replica, and cancels and pauses there", async (t) => {
  const settings = {
    DATABASE_URL: postgres.url,
    DATABASE_SCHEMA: postgres.schema(),
    WORKFLOWS_DIR: workflowsFolder(t, { "slow.ts": FILE }),
  };
  const here = await startService(t, { settings });
  const there = await startService(t, { settings });
  const started = await send(here.url, { method: "POST", path: "/workflows/slow/start" });
  const path = String(started.headers.location);
  assert.match(path, /^\/runs\//);
  await until("it works", () => SHARED.pageReplicas.go !== undefined);

  const live = await fetch(`${there.url}/live`);
  const reader = live.body!.getReader();
  t.after(() => reader.cancel().catch(() => {}));
  const news = async () => new TextDecoder().decode((await reader.read()).value);
  const page = async () => (await send(there.url, { path })).text;
  await until("the first line is shown there", async () => (await page()).includes("the first line"));
  await news();

  SHARED.pageReplicas.go?.();
  await until("it hears of the second line, and shows it", async () => {
    await news();
    return (await page()).includes("the second line");
  });

  const cancelled = await send(there.url, { method: "POST", path: `${path}/cancel` });
  assert.deepEqual([cancelled.status, cancelled.headers.location], [303, path]);
  await until("it is cancelled", async () => /pill is-cancelled/.test(await page()));
  assert.match(await page(), /Cancelled by <bdi>anonymous<\/bdi>/);

  await send(there.url, { method: "POST", path: "/workflows/slow/pause" });
  assert.match((await send(here.url, { path: "/" })).text, /<bdi>slow<\/bdi> is paused/);
  const waiting = await send(here.url, { method: "POST", path: "/workflows/slow/start" });
  assert.match(
    (await send(here.url, { path: String(waiting.headers.location) })).text,
    /Why it waits: the workflow is/,
  );
});
