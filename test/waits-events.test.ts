import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import * as z from "zod";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { eventually } from "./support/process.ts";
import { type Service, send, startService, TARGET } from "./support/service.ts";

const SECRET = "of the webhook";
const postgres = postgresForTests();

/** How a scene's workflow looks at its pull request: what a test does right after it was read. */
type Scene = {
  readonly services: readonly Service[];
  /** Called with the number of a pull request whose state was just read, before the check returns. */
  afterReading: (number: number) => Promise<void> | void;
  start(number: number, options?: { every?: string; state?: "open" | "closed" }): Promise<string>;
  /** Delivers that the pull request was closed, to one of the services. */
  deliver(number: number, at?: number): Promise<void>;
  close(number: number): void;
  statusOf(run: string): Promise<string>;
};

async function scene(t: TestContext, replicas: 1 | 3): Promise<Scene> {
  const merged = defineWorkflow({
    name: "merged",
    on: { http: { path: "/merged", body: z.object({ number: z.number(), every: z.string() }) } },
    async run({ body: { number, every }, github, step, waitUntil }) {
      const state = await waitUntil(
        "closed",
        async () => {
          const { data } = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
            owner: "acme",
            repo: "shop",
            pull_number: number,
          });
          await it.afterReading(number);
          return data.state === "closed" ? data.state : undefined;
        },
        { every: every as "1h", timeout: "2d", wakeOn: { pullRequest: { repository: TARGET, number } } },
      );
      await step("tell", () => github.dispatch(TARGET, "closed", { number }));
      return { state };
    },
  });
  const workflows = [{ workflow: merged as unknown as Workflow, file: "merged.ts" }];
  const shared = replicas === 1 ? {} : { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
  const settings = { ...shared, GITHUB_WEBHOOK_SECRET: SECRET, GITHUB_LIMITS: "off" };
  const first = await startService(t, { settings, options: { workflows } });
  const services = [first];
  while (services.length < replicas) {
    const one = { ...settings, GITHUB_API_URL: first.github.url };
    services.push(await startService(t, { settings: one, options: { workflows } }));
  }
  const shop = first.github.repository(TARGET);
  let turn = 0;
  const next = () => services[turn++ % services.length]!;
  const it: Scene = {
    services,
    afterReading: () => {},
    async start(number, { every = "1h", state = "open" } = {}) {
      shop.openPull({ number, state });
      const headers = { prefer: "respond-async" };
      const body = JSON.stringify({ number, every });
      const answer = await send(next().url, { method: "POST", path: "/merged", headers, body });
      assert.equal(answer.status, 202, answer.text);
      return answer.json.run;
    },
    async deliver(number, at) {
      const payload = { action: "closed", number, pull_request: { number }, repository: { full_name: TARGET } };
      const body = JSON.stringify(payload);
      const signature = createHmac("sha256", SECRET).update(body).digest("hex");
      const headers = {
        "content-type": "application/json",
        "x-github-event": "pull_request",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${signature}`,
      };
      const to = at === undefined ? next() : services[at % services.length]!;
      const { status, text } = await send(to.url, { method: "POST", path: "/webhooks/github", headers, body });
      assert.ok(status < 300, text);
    },
    close(number) {
      shop.pulls.get(number)!.state = "closed";
    },
    statusOf: async (run) => (await send(next().url, { path: `/api/runs/${run}` })).json.status,
  };
  return it;
}

const has = (scene: Scene, run: string, status: string) =>
  until(`the run is ${status}`, async () => (await scene.statusOf(run)) === status);

/** It has ended well, and has told once. */
async function toldOnce(scene: Scene, run: string, number: number): Promise<void> {
  await eventually("the run has succeeded", 20_000, async () => (await scene.statusOf(run)) === "success");
  const told = scene.services[0]!.github.dispatches.filter(({ payload }) => payload.number === number);
  assert.equal(told.length, 1);
}

for (const [where, replicas] of [
  ["one process", 1],
  ["three replicas", 3],
] as const) {
  describe(`a run that waits for an event, on ${where}`, () => {
    it("ends with one result, although the event came before it waited", async (t) => {
      const all = await scene(t, replicas);
      await all.deliver(1);
      const run = await all.start(1, { state: "closed" });
      await toldOnce(all, run, 1);
    });

    it("is woken while it waits, at any replica", async (t) => {
      const all = await scene(t, replicas);
      for (const at of [0, 1, 2].slice(0, replicas)) {
        const run = await all.start(10 + at);
        await has(all, run, "waiting");
        all.close(10 + at);
        await all.deliver(10 + at, at);
        await toldOnce(all, run, 10 + at);
      }
    });

    it("looks again when the event came while it looked", async (t) => {
      const all = await scene(t, replicas);
      let reads = 0;
      all.afterReading = async (number) => {
        if (++reads > 1) return;
        all.close(number);
        await all.deliver(number);
      };
      const run = await all.start(2);
      await toldOnce(all, run, 2);
      assert.equal(reads, 2);
    });

    it("ends once when the event comes twice, to two replicas at once, and again after its end", async (t) => {
      const all = await scene(t, replicas);
      const run = await all.start(3);
      await has(all, run, "waiting");
      all.close(3);
      await Promise.all([all.deliver(3, 0), all.deliver(3, 1)]);
      await toldOnce(all, run, 3);
      await all.deliver(3);
      await toldOnce(all, run, 3);
    });

    it("goes on without the event, after an interval", async (t) => {
      const all = await scene(t, replicas);
      const run = await all.start(4, { every: "1s" });
      await has(all, run, "waiting");
      all.close(4);
      await toldOnce(all, run, 4);
    });

    it("sleeps on when an event is about something else", async (t) => {
      const all = await scene(t, replicas);
      let reads = 0;
      all.afterReading = () => void reads++;
      const run = await all.start(5);
      await has(all, run, "waiting");
      await all.deliver(6);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual([await all.statusOf(run), reads], ["waiting", 1]);
    });
  });
}
