import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "./support/clock.ts";
import { ENFORCED, MINUTE_MS, WINDOWS } from "./support/limits.ts";
import { postgresForTests } from "./support/postgres.ts";
import { eventually } from "./support/process.ts";
import { deploy, notify, type Service, startService } from "./support/service.ts";

const BURST = 300;

/** The 300th write may leave after three windows of 80. */
const LEAST_MS = Math.floor((BURST - 1) / 80) * MINUTE_MS;

const postgres = postgresForTests();

describe("a burst of 300 deployments at three replicas", () => {
  it("arrives completely and once, and hits no limit", { timeout: 400_000 }, async (t) => {
    const shared = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
    const settings = { ...shared, GITHUB_LIMITS: WINDOWS, WAIT_SECONDS: "1", LOG_LEVEL: "info" };
    const options = { githubPatienceMs: 1000 };
    const first = await startService(t, { settings, options, github: { limits: ENFORCED } });
    const { github } = first;
    const others: Service[] = [];
    for (let at = 0; at < 2; at++) {
      others.push(await startService(t, { settings: { ...settings, GITHUB_API_URL: github.url }, options }));
    }
    const three = [first, ...others];
    for (let at = 0; at < BURST; at++) deploy(github, `pr-${at}`, `commit-${at}`, at % 2 ? "heavy" : "light");
    const answers = await Promise.all(
      Array.from({ length: BURST }, (_, at) => notify(three[at % 3]!.url, { application: `pr-${at}` })),
    );
    assert.ok(answers.every(({ status }) => status === 200 || status === 202));
    await eventually("all have arrived", 300_000, () => github.dispatches.length >= BURST);
    const succeeded = () => three.flatMap(({ log }) => log()).filter(({ msg }) => msg === "run succeeded").length;
    await until("all outcomes are stored", () => succeeded() >= BURST);
    const names = github.dispatches.map(({ payload }) => payload.sourceName);
    assert.deepEqual([new Set(names).size, names.length], [BURST, BURST]);
    assert.deepEqual([github.counts.limited, github.counts.whilePaused], [0, 0]);
    assert.ok(github.counts.maxInFlight <= 100, `${github.counts.maxInFlight} in flight`);
    const tookMs = github.dispatches.at(-1)!.at - github.dispatches[0]!.at;
    const waits = three
      .flatMap(({ log }) => log())
      .filter(({ msg }) => msg === "run waits for a GitHub rate limit").length;
    // test/shared-limits.test.ts checks how near that is to the minimum. In five seconds, three processes and a database on one
    // machine have too much to do for such a promise.
    t.diagnostic(
      `${tookMs} ms where the limits allow ${LEAST_MS} ms, ${github.counts.requests} requests, ${waits} waits`,
    );
  });
});
