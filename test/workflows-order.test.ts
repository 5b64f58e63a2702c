import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** Each run of `deploy` lasts until the clock has moved by a minute, and is in the group of its ref. */
const workflow = (options: string) => `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "deploy",
  on: { manual: { inputs: z.object({ ref: z.string(), n: z.int() }) } },
  ${options}
  async run({ inputs, sleep }) {
    await sleep("a minute", "1m");
    return { n: inputs.n };
  },
});`;

async function service(t: TestContext, options: string) {
  const clock = movedClock();
  const settings = { WORKFLOWS_DIR: workflowsFolder(t, { "deploy.ts": workflow(options) }) };
  const started = await startService(t, { settings, options: { clock } });
  const { url, github } = started;
  const get = async (id: string) => (await send(url, { path: `/api/runs/${id}` })).json;
  return {
    clock,
    get,
    github,
    async start(n: number, ref = "main"): Promise<string> {
      const body = JSON.stringify({ inputs: { ref, n } });
      const answer = await send(url, { method: "POST", path: "/api/workflows/deploy/runs", body });
      assert.equal(answer.status, 202, answer.text);
      return answer.json.id;
    },
    is: (id: string, status: string) => until(`${id} is ${status}`, async () => (await get(id)).status === status),
    /** Moves the clock in steps, so that everything that is due in between has its turn. */
    async pass(seconds: number): Promise<void> {
      for (let left = seconds; left > 0; left--) {
        clock.move(1000);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe("the option concurrency", () => {
  it("with cancelRunning ends the waiting run of the group, cleans up after it once, and begins the newer run", async (t) => {
    const { start, is, get, github, pass } = await service(
      t,
      `concurrency: { group: ({ inputs }) => inputs.ref, cancelRunning: true },
  async cancelled({ inputs, github }) { await github.dispatch("acme/shop", "cancelled", { n: inputs.n }); },`,
    );
    const first = await start(1);
    await is(first, "waiting");
    const aside = await start(2, "other");
    await is(aside, "waiting");
    const second = await start(3);
    await is(first, "cancelled");
    await is(second, "waiting");
    await until("it was cleaned up after", () => github.dispatches.length > 0);
    await pass(61);
    await is(second, "success");
    await is(aside, "success");
    assert.deepEqual(
      github.dispatches.map(({ eventType, payload }) => [eventType, payload]),
      [["cancelled", { n: 1 }]],
    );
    const { supersededBy, reason, startedAt } = await get(first);
    assert.equal(supersededBy, second);
    assert.equal(reason, `Cancelled: run ${second.slice(0, 8)} of the same group replaced it.`);
    assert.ok(startedAt);
  });

  it("with queue all runs every event, in their order, without exception", async (t) => {
    const { start, is, get, pass } = await service(
      t,
      `concurrency: { group: ({ inputs }) => inputs.ref, queue: "all" },`,
    );
    const ids = [await start(1), await start(2), await start(3), await start(4)];
    for (const [at, id] of ids.entries()) {
      await is(id, "waiting");
      for (const later of ids.slice(at + 1)) assert.equal((await get(later)).status, "queued");
      await pass(61);
      await is(id, "success");
    }
  });

  it("without either replaces the queued run", async (t) => {
    const { start, is, pass } = await service(t, "concurrency: ({ inputs }) => inputs.ref,");
    const [first, second, third] = [await start(1), await start(2), await start(3)];
    await is(second as string, "superseded");
    await is(first as string, "waiting");
    await pass(61);
    await is(third as string, "waiting");
  });
});

describe("the option throttle", () => {
  it("lets the allowed number of runs begin per time, and the others later", async (t) => {
    const { start, get, is, pass } = await service(t, 'throttle: { limit: 2, per: "10m" },');
    const ids = [await start(1), await start(2), await start(3), await start(4), await start(5)];
    for (const id of ids.slice(0, 2)) await is(id, "waiting");
    await pass(120);
    for (const id of ids.slice(0, 2)) await is(id, "success");
    for (const id of ids.slice(2)) {
      const { status, reason } = await get(id);
      assert.deepEqual(
        [status, reason],
        ["queued", "Delayed by `throttle`: up to 2 of these runs start within 600 s."],
      );
    }
    await pass(490);
    for (const id of ids.slice(2, 4)) await is(id, "waiting");
    assert.equal((await get(ids[4] as string)).status, "queued");
    await pass(610);
    await is(ids[4] as string, "waiting");
  });
});

describe("the option debounce", () => {
  it("begins one run after a quiet time of its group, with the newest event", async (t) => {
    const { start, is, get, pass } = await service(t, 'concurrency: ({ inputs }) => inputs.ref, debounce: "30s",');
    const first = await start(1);
    await pass(20);
    const aside = await start(9, "other");
    const second = await start(2);
    await is(first, "superseded");
    await pass(20);
    const { status, reason } = await get(second);
    assert.deepEqual(
      [status, reason],
      ["queued", "Delayed by `debounce`: the run starts when no newer event has arrived for 30 s."],
    );
    await pass(11);
    await is(second, "waiting");
    await is(aside, "waiting");
  });
});
