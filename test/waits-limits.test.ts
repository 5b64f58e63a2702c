import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as z from "zod";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { ENFORCED, WINDOWS } from "./support/limits.ts";
import { eventually } from "./support/process.ts";
import { send, startService, TARGET } from "./support/service.ts";
import { deliver, WEBHOOK_SECRET } from "./support/webhooks.ts";

const RUNS = 1000;
/** Each run reads once; every tenth also writes. */
const WRITES_EVERY = 10;

describe(`${RUNS} runs that one event wakes together`, () => {
  it("obey GitHub's limits, and each of them ends once", { timeout: 600_000 }, async (t) => {
    let merged = false;
    const waiter = defineWorkflow({
      name: "waiter",
      on: { http: { path: "/waiter", body: z.object({ n: z.number() }) } },
      async run({ body: { n }, github, step, waitUntil }) {
        const wakeOn = { pullRequest: { repository: TARGET, number: 1 } };
        const look = async () => (merged ? ((await github.readFile(TARGET, "files/1", {})) ?? "none") : undefined);
        const file = await waitUntil("merged", look, { every: "6h", wakeOn });
        if (n % WRITES_EVERY === 0) await step("tell", () => github.dispatch(TARGET, "merged", { n }));
        return { file };
      },
    });
    const { github, url } = await startService(t, {
      settings: { GITHUB_LIMITS: WINDOWS, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, LOG_LEVEL: "warn" },
      github: { limits: ENFORCED, latencyMs: 5 },
      options: { workflows: [{ workflow: waiter as unknown as Workflow, file: "waiter.ts" }], githubPatienceMs: 1000 },
    });
    github.repository(TARGET).put("files/1", "one");
    const headers = { prefer: "respond-async" };
    for (let first = 0; first < RUNS; first += 100) {
      const begin = (n: number) => send(url, { method: "POST", path: "/waiter", headers, body: JSON.stringify({ n }) });
      const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => begin(first + at)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
    }
    const withStatus = async (status: string) => {
      let cursor: string | undefined;
      let count = 0;
      do {
        const page = `/api/runs?status=${status}&limit=100${cursor ? `&cursor=${cursor}` : ""}`;
        const { runs, next } = (await send(url, { path: page })).json;
        count += runs.length;
        cursor = next ?? undefined;
      } while (cursor);
      return count;
    };
    await eventually("all wait", 60_000, async () => (await withStatus("waiting")) === RUNS);
    assert.equal(github.counts.requests, 0);

    merged = true;
    const woken = performance.now();
    const closed = { action: "closed", pull_request: { number: 1 }, repository: { full_name: TARGET } };
    const delivered = await deliver(url, "pull_request", closed);
    assert.ok(delivered.status < 300, delivered.text);
    await eventually("all have ended", 60_000, async () => (await withStatus("success")) === RUNS);

    const { limited, whilePaused, maxInFlight, requests } = github.counts;
    t.diagnostic(`${requests} requests in ${Math.round(performance.now() - woken)} ms, ${maxInFlight} in flight`);
    assert.deepEqual([limited, whilePaused], [0, 0]);
    assert.ok(maxInFlight <= 50, `${maxInFlight} in flight`);
    const told = github.dispatches.map(({ payload }) => payload.n);
    assert.deepEqual([told.length, new Set(told).size], [RUNS / WRITES_EVERY, RUNS / WRITES_EVERY]);
    // One read and, for some, one write. A run that waits for the limit has not read uselessly.
    assert.ok(requests <= RUNS * 1.15, `${requests} requests`);
  });
});
