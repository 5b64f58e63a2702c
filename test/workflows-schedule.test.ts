import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const HOUR = 3_600_000;

const NIGHTLY = (cron: string, timeZone = "UTC") => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "nightly",
  on: { schedule: { cron: "${cron}", timeZone: "${timeZone}" } },
  async run({ event }) { return { at: event.scheduledAt }; },
});`;

/** A service with a separate clock, which can be stopped and started again on the same data. */
function machine(t: TestContext, start: string, cron: string, timeZone?: string) {
  const clock = movedClock(Date.parse(start));
  const settings = {
    DATA_DIR: temporaryFolder(t),
    RETAIN_DAYS: "3650",
    WORKFLOWS_DIR: workflowsFolder(t, { "nightly.ts": NIGHTLY(cron, timeZone) }),
  };
  const boot = () => startService(t, { settings, options: { clock } });
  return { clock, boot };
}

async function ticksOf(url: string): Promise<string[]> {
  const { runs } = (await send(url, { path: "/api/runs?limit=100" })).json;
  const ticks: string[] = [];
  for (const { id } of runs) ticks.unshift((await send(url, { path: `/api/runs/${id}` })).json.input.scheduledAt);
  return ticks;
}

/** Moves the clock in steps, so that everything due in between has its turn. */
async function pass(clock: ReturnType<typeof movedClock>, hours: number, stepHours = 0.5): Promise<void> {
  for (let passed = 0; passed < hours; passed += stepHours) {
    clock.move(stepHours * HOUR);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

const hasTicks = (url: string, count: number) => async () => (await ticksOf(url)).length === count;

describe("a schedule", () => {
  it("makes one run per tick, and none before", async (t) => {
    const { clock, boot } = machine(t, "2026-11-24T12:00:00Z", "0 3 * * *");
    const { url } = await boot();
    await pass(clock, 14);
    assert.deepEqual(await ticksOf(url), []);
    await pass(clock, 48);
    await until("both nights have run", hasTicks(url, 2));
    assert.deepEqual(await ticksOf(url), ["2026-11-25T03:00:00.000Z", "2026-11-26T03:00:00.000Z"]);
  });

  it("that was missed while the service was down runs once after it, for the last tick, and not again", async (t) => {
    const { clock, boot } = machine(t, "2026-11-24T12:00:00Z", "0 3 * * *");
    const before = await boot();
    await pass(clock, 1);
    await before.app.close();
    clock.move(5 * 24 * HOUR);
    const after = await boot();
    await until("the missed tick has run", hasTicks(after.url, 1));
    assert.deepEqual(await ticksOf(after.url), ["2026-11-29T03:00:00.000Z"]);
    await after.app.close();
    const third = await boot();
    await pass(clock, 1);
    assert.equal((await ticksOf(third.url)).length, 1);
    await pass(clock, 24);
    await until("the next tick has run", hasTicks(third.url, 2));
    assert.equal((await ticksOf(third.url))[1], "2026-11-30T03:00:00.000Z");
  });

  it("does not run for the time before it existed", async (t) => {
    const { clock, boot } = machine(t, "2026-11-24T12:00:00Z", "0 3 * * *");
    const { url } = await boot();
    await pass(clock, 1);
    assert.deepEqual(await ticksOf(url), []);
  });

  it("runs once in the night with its hour twice, and once in the night without it", async (t) => {
    const autumn = machine(t, "2026-10-24T12:00:00Z", "30 2 * * *", "Europe/Zagreb");
    const october = await autumn.boot();
    await pass(autumn.clock, 48);
    await until("two nights have run", hasTicks(october.url, 2));
    assert.deepEqual(await ticksOf(october.url), ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);

    const spring = machine(t, "2026-03-28T12:00:00Z", "30 2 * * *", "Europe/Zagreb");
    const march = await spring.boot();
    await pass(spring.clock, 48);
    await until("two nights have run", hasTicks(march.url, 2));
    assert.deepEqual(await ticksOf(march.url), ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
  });

  it("that was missed in the night of the change also runs once", async (t) => {
    const { clock, boot } = machine(t, "2026-10-24T12:00:00Z", "30 2 * * *", "Europe/Zagreb");
    const before = await boot();
    await pass(clock, 1);
    await before.app.close();
    clock.move(24 * HOUR);
    const { url } = await boot();
    await until("it has run", hasTicks(url, 1));
    await pass(clock, 2);
    assert.deepEqual(await ticksOf(url), ["2026-10-25T00:30:00.000Z"]);
  });
});
