import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { ENFORCED, MINUTE_MS, WINDOWS } from "./support/limits.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, deploy, notify, type Service, startService, TARGET, TOKEN } from "./support/service.ts";

const BURST = 500;
const PATIENT = { timeout: 400_000 };

/** The 500th write may leave after six windows of 80. */
const LEAST_MS = Math.floor((BURST - 1) / 80) * MINUTE_MS;

/** Sends the burst and waits until every run has ended. Resolves with how long GitHub took to get it all, ms. */
async function burst(t: TestContext, settings: Record<string, string>): Promise<Service & { tookMs: number }> {
  const service = await startService(t, {
    settings: { WAIT_SECONDS: "1", LOG_LEVEL: "info", ...settings },
    github: { limits: ENFORCED },
    options: { githubPatienceMs: 1000 },
  });
  const { github, url, log } = service;
  for (let at = 0; at < BURST; at++) deploy(github, `pr-${at}`, `commit-${at}`, at % 2 ? "heavy" : "light");
  const answers = await Promise.all(
    Array.from({ length: BURST }, (_, at) => notify(url, { application: `pr-${at}` }).then(({ status }) => status)),
  );
  assert.deepEqual(new Set(answers), new Set([200, 202]));
  await eventually("all have arrived", 300_000, () => github.dispatches.length >= BURST);
  await until("all outcomes are stored", () => log().filter(({ msg }) => msg === "run succeeded").length >= BURST);
  const names = github.dispatches.map(({ payload }) => `${payload.sourceName} ${payload.commitHash}`);
  assert.deepEqual(new Set(names).size, BURST, "not everything arrived");
  assert.equal(names.length, BURST, "something arrived twice");
  return { ...service, tookMs: github.dispatches.at(-1)!.at - github.dispatches[0]!.at };
}

describe("a burst of 500 deployments against GitHub's limits", () => {
  it("arrives completely and once, and hits no limit", PATIENT, async (t) => {
    const { github, tookMs, log } = await burst(t, { GITHUB_LIMITS: WINDOWS });
    assert.deepEqual([github.counts.limited, github.counts.whilePaused], [0, 0]);
    assert.ok(github.counts.maxInFlight <= 50, `${github.counts.maxInFlight} in flight`);
    t.diagnostic(`${tookMs} ms where the limits allow ${LEAST_MS} ms, ${github.counts.requests} requests`);
    const waits = log().filter(({ msg }) => msg === "run waits for a GitHub rate limit").length;
    // On a busy machine a few wait twice.
    assert.ok(waits <= 1.1 * BURST, `${waits} waits for ${BURST} runs`);
    // Reads led to writes immediately: nothing was read twice.
    assert.ok(github.counts.requests <= 3.2 * BURST, `${github.counts.requests} requests`);
  });

  it(
    "arrives completely and once with only GitHub's pauses as limits, and nothing is sent during a pause",
    PATIENT,
    async (t) => {
      const { github } = await burst(t, { GITHUB_LIMITS: "off" });
      assert.ok(github.counts.limited > 0, "no limit was met");
      t.diagnostic(`${github.counts.limited} limits, ${github.counts.whilePaused} requests were under way`);
      // In flight when GitHub sent its rejection. On a busy machine the client reads that a moment later.
      assert.ok(github.counts.lateness < 2500, `sent ${github.counts.lateness} ms after GitHub asked for a pause`);
    },
  );
});

describe("a service that is killed", () => {
  it("restores the requests of the hour and GitHub's pause", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(DEPLOYMENT);
    github.repository(TARGET);
    for (let at = 0; at < 4; at++) deploy(github, `pr-${at}`, `commit-${at}`);
    const port = await fixedPort();
    const start = async (settings: Record<string, string>, dataDir: string) => {
      const service = spawnService(t, { port, dataDir, githubUrl: github.url, settings });
      await listening(service, port);
      return service;
    };
    const statusOf = async (application: string) => (await dispatchTo(port, { application }))?.status;

    const [spending, silence] = [temporaryFolder(t), temporaryFolder(t)];
    const windows = { GITHUB_LIMITS: "writes=2/3600s", WAIT_SECONDS: "1" };
    const first = await start({ ...windows, WAIT_SECONDS: "60" }, spending);
    assert.deepEqual([await statusOf("pr-0"), await statusOf("pr-1")], [200, 200]);
    await first.kill();
    const second = await start(windows, spending);
    assert.equal(await statusOf("pr-2"), 202);
    await second.kill();
    assert.equal(github.dispatches.length, 2);

    const third = await start({ WAIT_SECONDS: "1" }, silence);
    github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    assert.equal(await statusOf("pr-2"), 202);
    await third.kill();
    const sofar = github.counts.requests;
    const fourth = await start({ WAIT_SECONDS: "1" }, silence);
    assert.equal(await statusOf("pr-3"), 202);
    await fourth.kill();
    assert.equal(github.counts.requests, sofar);
  });
});
