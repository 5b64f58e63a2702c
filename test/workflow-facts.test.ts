import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { ticksAfter } from "../src/http/triggers/schedule.ts";
import { lateOf } from "../src/model/workflow-facts.ts";
import { movedClock, until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { aRun, plain } from "./support/pages.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MOVED = "2026-11-24T12:00:00Z";

const scheduled = (name: string, cron: string, timeZone = "UTC", more = "") =>
  `export default { name: "${name}", on: { schedule: { cron: "${cron}", timeZone: "${timeZone}" } }, ${more} async run() {} };`;

const manual = (name: string, body: string) =>
  `export default { name: "${name}", on: { manual: true }, async run() { ${body} } };`;

async function service(
  t: TestContext,
  files: Record<string, string>,
  start = MOVED,
  settings: Record<string, string> = {},
) {
  const clock = movedClock(Date.parse(start));
  const WORKFLOWS_DIR = workflowsFolder(t, files);
  const all = { WORKFLOWS_DIR, RETAIN_DAYS: "3650", WORKFLOWS_STRICT: "false", ...settings };
  const started = await startService(t, { settings: all, options: { clock } });
  const { url } = started;
  const get = async (path: string) => (await send(url, { path })).text;
  const workflows = async () => JSON.parse(await get("/api/workflows"));
  return {
    ...started,
    clock,
    workflows,
    named: async (name: string) => (await workflows()).workflows.find((each: { name: string }) => each.name === name),
    text: async (path: string) => plain(await get(path)),
    post: (path: string) => send(url, { method: "POST", path, body: "{}" }),
  };
}

/** The part of a page about the next 24 hours. */
const nextHours = (text: string) => /The next 24 hours (.*?) (?:Runs|gh-runner) /.exec(text)?.[1] ?? "";

describe("a schedule is shown as it will run", () => {
  const ticks = (cron: string, timeZone: string, from: string, most = 100) =>
    ticksAfter({ cron, timeZone }, Date.parse(from), { until: Date.parse(from) + DAY, most }).map((tick) =>
      new Date(tick).toISOString().slice(5, 16),
    );

  it("in the night when the clocks are set back, with the hour that comes twice", () => {
    const hourly = ticks("0 * * * *", "Europe/Zagreb", "2026-10-24T22:30:00Z");
    assert.equal(hourly.length, 24, "24 hours pass, of which the clocks show 25");
    assert.deepEqual(hourly.slice(0, 4), ["10-24T23:00", "10-25T00:00", "10-25T01:00", "10-25T02:00"]);
    assert.deepEqual(ticks("0 3 * * *", "Europe/Zagreb", "2026-10-24T12:00:00Z"), ["10-25T02:00"]);
  });

  it("in the night when they are set forward, with the missing hour", () => {
    const hourly = ticks("0 * * * *", "Europe/Zagreb", "2026-03-28T22:30:00Z");
    assert.equal(hourly.length, 24);
    assert.equal(new Set(hourly).size, 24);
    assert.deepEqual(ticks("0 3 * * *", "Europe/Zagreb", "2026-03-28T12:00:00Z"), ["03-29T01:00"]);
    assert.equal(
      ticks("30 2 * * *", "Europe/Zagreb", "2026-03-28T12:00:00Z").length,
      1,
      "02:30 is not there, and still it runs",
    );
  });

  it("with a note on the page by how much the clocks change, and all times correct", async (t) => {
    const files = { "nightly.js": scheduled("nightly", "0 2,3,4 * * *", "Europe/Zagreb") };
    const back = await service(t, files, "2026-10-24T12:00:00Z");
    assert.match(
      nextHours(await back.text("/workflows/nightly")),
      /^The clocks of Europe\/Zagreb change in these 24 hours, from GMT\+2 to GMT\+1\. .* 10-25 02:00 UTC 03:00 GMT\+1 10-25 03:00 UTC 04:00 GMT\+1/,
    );
    const forward = await service(t, files, "2026-03-28T12:00:00Z");
    assert.match(
      nextHours(await forward.text("/workflows/nightly")),
      /from GMT\+1 to GMT\+2\. 03-29 01:00 UTC 03:00 GMT\+2 .*03-29 02:00 UTC 04:00 GMT\+2/,
    );
    const plainDay = await service(t, files);
    assert.doesNotMatch(await plainDay.text("/workflows/nightly"), /clocks/);
    assert.deepEqual((await plainDay.named("nightly")).schedule, {
      next: "2026-11-25T01:00:00.000Z",
      ticks: ["2026-11-25T01:00:00.000Z", "2026-11-25T02:00:00.000Z", "2026-11-25T03:00:00.000Z"],
      hasMore: false,
    });
  });

  it("for all workflows in order, frequent ones once, and none beyond 24 hours", async (t) => {
    const { text, named } = await service(t, {
      "minutely.js": scheduled("minutely", "* * * * *"),
      "nightly.js": scheduled("nightly", "0 3 * * *"),
      "evening.js": scheduled("evening", "30 18 * * *", "America/New_York"),
      "yearly.js": scheduled("yearly", "0 0 1 1 *"),
      "button.js": manual("button", ""),
    });
    assert.match(
      nextHours(await text("/workflows")),
      /^12:01:00 UTC minutely More than 24 times in these 24 hours\. This is the next\. \* \* \* \* \* UTC 23:30 UTC evening 18:30 GMT-5 30 18 \* \* \* America\/New_York 11-25 03:00 UTC nightly 0 3 \* \* \* UTC$/,
    );
    assert.match(await text("/workflows/yearly"), /Nothing in these 24 hours\. Next: 2027-01-01 00:00:00 UTC\./);
    assert.match(await text("/workflows/minutely"), /and more: only the first 24 are shown/);
    const { schedule } = await named("minutely");
    assert.deepEqual([schedule.ticks.length, schedule.hasMore], [24, true]);
    assert.equal((await named("button")).schedule, undefined);
    assert.doesNotMatch(await text("/workflows/button"), /The next 24 hours/);
  });

  it("with ticks of paused workflows, which are marked as late", async (t) => {
    const { text, named, clock, post } = await service(t, { "nightly.js": scheduled("nightly", "0 13 * * *") });
    await post("/api/workflows/nightly/pause");
    assert.match(nextHours(await text("/workflows")), /^13:00 UTC nightly Paused: the run will wait\./);
    clock.move(HOUR + 5000);
    await until("its tick is accepted", async () => (await named("nightly")).stats.recent.length === 1);
    assert.equal((await named("nightly")).schedule.late, undefined, "not within a minute");
    clock.move(HOUR);
    const { late } = (await named("nightly")).schedule;
    assert.equal(late.at.slice(0, 16), "2026-11-24T13:00");
    assert.match(late.run, /^[0-9a-f-]{36}$/);
    for (const path of ["/workflows", "/workflows/nightly"]) {
      assert.match(await text(path), /Paused\. Its run of 13:00 UTC waits until you resume the workflow\./);
    }
    await post("/api/workflows/nightly/resume");
    await until("its run has ended", async () => (await named("nightly")).stats.success === 1);
    assert.equal((await named("nightly")).schedule.late, undefined);
  });
});

describe("a tick is late", () => {
  const NOW = Date.parse(MOVED);
  const tick = NOW - 2 * 60_000;
  const queued = aRun({ id: "q", status: "queued", trigger: "schedule", startedAt: undefined, acceptedAt: tick });

  it("when it was due and not accepted within a minute", () => {
    assert.deepEqual(lateOf(tick, tick - DAY, [], NOW), { at: tick, run: undefined });
    assert.equal(lateOf(tick, tick, [], NOW), undefined);
    assert.equal(lateOf(NOW - 30_000, tick, [], NOW), undefined);
    assert.equal(lateOf(tick, undefined, [], NOW), undefined, "the schedule is new");
    assert.equal(lateOf(undefined, tick, [], NOW), undefined);
  });

  it("when its run has not begun a minute later, except for a retried run", () => {
    assert.deepEqual(lateOf(tick, tick, [queued], NOW), { at: tick, run: "q" });
    assert.equal(lateOf(tick, tick, [{ ...queued, startedAt: tick }], NOW), undefined);
    assert.equal(lateOf(tick, tick, [{ ...queued, trigger: "github" }], NOW), undefined);
    assert.equal(lateOf(tick, tick, [{ ...queued, acceptedAt: NOW - 1000 }], NOW), undefined);
    const older = { ...queued, id: "older", acceptedAt: tick - DAY };
    assert.deepEqual(
      lateOf(tick, tick, [queued, older], NOW),
      { at: tick - DAY, run: "older" },
      "the first one that waits",
    );
  });
});

describe("GET /api/workflows", () => {
  it("has the figures of each, its code version, and removed or broken ones", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const files = { "works.js": manual("works", ""), "fails.js": manual("fails", 'throw new Error("no")') };
    const first = await service(t, files, MOVED, { DATA_DIR });
    for (const name of ["works", "works", "fails"]) await first.post(`/api/workflows/${name}/runs`);
    await until("all have ended", async () =>
      (await first.workflows()).workflows.every(({ name, stats }: { name: string; stats: { ended: number } }) => {
        return stats.ended === ({ works: 2, fails: 1 }[name] ?? 0);
      }),
    );
    const works = await first.named("works");
    assert.match(works.code, /^[0-9a-f]{12}$/);
    const { recent, lastSuccess, ...stats } = works.stats;
    assert.deepEqual(stats, { ended: 2, success: 2, failure: 0, successRate: 1, p50: 0, p95: 0 });
    assert.deepEqual([recent.length, recent[0].status, lastSuccess.id], [2, "success", recent[0].id]);
    assert.equal((await first.named("environment-ready")).stats.successRate, undefined);
    const failed = (await first.named("fails")).stats;
    assert.deepEqual([failed.successRate, failed.lastFailure.id], [0, failed.recent[0].id]);
    assert.deepEqual((await first.workflows()).gone, []);
    await first.app.close();

    const second = await service(t, { "fails.js": "export default 5;" }, MOVED, { DATA_DIR });
    const { gone, workflows } = await second.workflows();
    assert.deepEqual(
      workflows.map(({ name }: { name: string }) => name),
      ["environment-ready"],
    );
    assert.deepEqual(
      gone.map(({ name, stats: { ended } }: { name: string; stats: { ended: number } }) => [name, ended]),
      [
        ["fails", 1],
        ["works", 2],
      ],
    );
    assert.match(await second.text("/workflows/fails"), /Broken: fails\.js has no working workflow now\./);
    assert.match(await second.text("/workflows/works"), /This workflow no longer exists\. Its runs are kept\./);
  });
});

describe("gh-runner workflow list", () => {
  it("shows the results of each, what is due when, what is late, and what is removed or broken", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const now = new Date().toISOString();
    const nightly = scheduled("nightly", "0 0 1 1 *");
    const first = await service(t, { "works.js": manual("works", ""), "nightly.js": nightly }, now, { DATA_DIR });
    await first.post("/api/workflows/works/runs");
    await until("it has ended", async () => (await first.named("works")).stats.ended === 1);
    const list = async (url: string) => command(["workflow", "list"], { GH_RUNNER_URL: url });
    const { stdout } = await list(first.url);
    assert.match(stdout, /^WORKFLOW +SUCCESS +P50 +P95 +SUCCEEDED +FAILED +NEXT +PAUSED$/m);
    assert.match(stdout, /^works +100% of 1 +\S+ +\S+ +\S+ ago$/m);
    assert.match(stdout, /^nightly +in \d+[dh]$/m);
    assert.match(stdout, /^environment-ready$/m);
    await first.app.close();
    const second = await service(t, { "bad.js": "export default 5;" }, now, { DATA_DIR });
    const later = await list(second.url);
    assert.match(later.stdout, /^works +100% of 1 .* removed, its runs are kept$/m);
    assert.match(later.stderr, /^bad\.js is broken: [^\n]+\n$/);
  });
});
