import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { identityScene, READER } from "./support/identities.ts";
import { DEPLOYMENT, deploy, notify, send, startService, TARGET, TOKEN } from "./support/service.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const METRIC = "gh_runner_github_token_expires_timestamp_seconds";

/** The service with a token that expires after this time, after its first dispatch. */
async function withTokenFor(t: TestContext, milliseconds: number | undefined, { ask = true } = {}) {
  const clock = movedClock();
  const service = await startService(t, {
    github: { now: clock.now },
    options: { clock, random: () => 0 },
    settings: { RETAIN_DAYS: "365" },
  });
  const { github, url, log } = service;
  if (milliseconds !== undefined) github.token(TOKEN, { expiresAt: clock.now() + milliseconds });
  deploy(github, "pr-1", "abc");
  if (ask) assert.equal((await notify(url, { application: "pr-1" })).status, 200);
  return {
    ...service,
    clock,
    warnings: () => log().filter(({ msg }) => String(msg).startsWith("the token in")),
    metric: async () =>
      (await send(url, { path: "/metrics" })).text.split("\n").filter((line) => line.startsWith(METRIC)),
    page: async () => (await send(url, { path: "/" })).text,
  };
}

describe("a GitHub token that expires", () => {
  it("is shown as a metric from GitHub's answers, without the token", async (t) => {
    const { clock, metric } = await withTokenFor(t, 30 * DAY);
    assert.deepEqual(await metric(), [`${METRIC}{account="GITHUB_TOKEN"} ${(clock.now() + 30 * DAY) / 1000}`]);
  });

  it("is shown on the page, and causes a warning there in its last two weeks", async (t) => {
    const { clock, page } = await withTokenFor(t, 30 * DAY);
    assert.match(
      await page(),
      /The token in GITHUB_TOKEN ends\s<time datetime="2026-12-24T12:00:00\.000Z"[^>]*>in 30 days<\/time>\.<\/p>/,
    );
    clock.move(17 * DAY);
    assert.match(
      await page(),
      /<strong>The token in GITHUB_TOKEN ends\s.*in 13 days.*<\/strong> Create a new token and replace this one/,
    );
    clock.move(14 * DAY);
    assert.match(await page(), /<strong>The token in GITHUB_TOKEN ended\s/);
  });

  it("causes one line per day in the log in its last week, with or without requests", async (t) => {
    const { clock, warnings, logLines } = await withTokenFor(t, 30 * DAY);
    clock.move(23 * DAY - 1);
    assert.equal(warnings().length, 0);
    clock.move(1);
    assert.equal(warnings().length, 1);
    clock.move(12 * HOUR);
    assert.equal(warnings().length, 1);
    clock.move(20 * DAY);
    assert.deepEqual(
      warnings().map(({ msg, level, account, expires }) => [
        level,
        account,
        expires,
        /expires in ([^:]+):/.exec(String(msg))?.[1],
      ]),
      ["7 days", "6 days", "5 days", "4 days", "3 days", "2 days", "1 day"].map((left) => [
        "warn",
        "GITHUB_TOKEN",
        "2026-12-24T12:00:00.000Z",
        left,
      ]),
    );
    assert.ok(!logLines.join("").includes(TOKEN));
  });

  it("causes a warning immediately when the service first learns about it in its last week, and again when GitHub reports another expiry", async (t) => {
    const { clock, github, url, warnings } = await withTokenFor(t, 90_000_000);
    assert.equal(warnings().length, 1);
    github.token(TOKEN, { expiresAt: clock.now() + 60 * DAY });
    await notify(url, { application: "pr-1" });
    clock.move(50 * DAY);
    assert.equal(warnings().length, 1);
    clock.move(3 * DAY);
    assert.equal(warnings().length, 2);
  });

  it("is ignored when a caller sends it, and unknown before the first request to GitHub", async (t) => {
    const { clock, github, url, metric, page, warnings } = await withTokenFor(t, undefined);
    const callersToken = "ghp_ofACaller0123456789abcdefABCDEF01";
    github.token(callersToken, { expiresAt: clock.now() + DAY, repositories: [DEPLOYMENT, TARGET] });
    assert.equal((await notify(url, { application: "pr-1", github_token: callersToken })).status, 200);
    await until("its run has ended", () => github.dispatches.length === 2);
    clock.move(DAY);
    assert.deepEqual(await metric(), []);
    assert.doesNotMatch(await page(), /The token in /);
    assert.equal(warnings().length, 0);
  });

  it("causes a warning with its variable if a workflow names it", async (t) => {
    const clock = movedClock();
    const workflow = { githubToken: "READER_TOKEN" };
    const { start, github, log, url } = await identityScene(t, (all) => all.readFile(TARGET, "a.md"), {
      workflow,
      options: { clock },
      github: { now: clock.now },
      settings: { DASHBOARD: "on" },
    });
    github.token(READER, { expiresAt: clock.now() + 3 * DAY });
    assert.equal((await start()).status, 200);
    clock.move(HOUR);
    const warned = log().filter(({ msg }) => String(msg).startsWith("the token in"));
    assert.deepEqual(
      warned.map(({ msg, account }) => [msg, account]),
      [["the token in READER_TOKEN expires in 3 days: create a new one and replace it", "READER_TOKEN"]],
    );
    assert.match((await send(url, { path: "/" })).text, /<strong>The token in READER_TOKEN ends\s/);
  });
});
