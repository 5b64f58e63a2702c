import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { startReceiver } from "./support/receiver.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const PATH = "/services/T000/B000/webhook-secret-0123456789";
const MINUTE = 60_000;

const postgres = postgresForTests();

async function watched(t: TestContext, dataDir = temporaryFolder(t), settings = {}) {
  const receiver = await startReceiver(t);
  const clock = movedClock();
  const service = await startService(t, {
    settings: { NOTIFY_URL: receiver.url + PATH, DATA_DIR: dataDir, ...settings },
    options: { clock, random: () => 0 },
  });
  const notices = () => receiver.received.map(({ body }) => JSON.parse(body));
  return { ...service, receiver, clock, notices, dataDir };
}

describe("NOTIFY_URL", () => {
  it("gets a notice when a run fails permanently, and when its group recovers", async (t) => {
    const { github, url, receiver, clock, notices } = await watched(t);
    const failed = await notify(url, { application: "pr-1" });
    await until("the failure is notified", () => notices().length === 1);
    const [{ text, ...facts }] = notices();
    assert.match(
      text,
      /^environment-ready for pr-1 failed: Looking up pr-1 in acme\/deployment failed: .*\(run [\w-]+\)$/,
    );
    assert.equal(receiver.received[0]?.path, PATH);
    assert.equal(receiver.received[0]?.headers["content-type"], "application/json");
    assert.deepEqual(
      { ...facts, reason: undefined, endedAt: undefined },
      {
        event: "failure",
        workflow: "environment-ready",
        group: "pr-1",
        run: failed.headers["x-run-id"],
        attempts: 1,
        heldBack: 0,
        reason: undefined,
        endedAt: undefined,
      },
    );
    clock.move(11 * MINUTE);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    await until("the recovery is notified", () => notices().length === 2);
    assert.match(notices()[1].text, /^environment-ready for pr-1 succeeded again\. /);
    clock.move(11 * MINUTE);
    await notify(url, { application: "pr-1" });
    await notify(url, { application: "main" });
    clock.move(11 * MINUTE);
    assert.equal(notices().length, 2, "a success that follows a success is no news");
  });

  it("gets one notice per workflow in ten minutes; the next reports how many were held back", async (t) => {
    const { url, clock, notices } = await watched(t);
    for (let at = 0; at < 6; at++) await notify(url, { application: `pr-${at}` });
    await until("one is notified", () => notices().length === 1);
    clock.move(9 * MINUTE);
    assert.equal(notices().length, 1);
    clock.move(2 * MINUTE);
    await until("the next is notified", () => notices().length === 2);
    assert.match(notices()[1].text, /for pr-5 failed: .*\n4 more held back\.$/);
    assert.equal(notices()[1].heldBack, 4);
    clock.move(30 * MINUTE);
    assert.equal(notices().length, 2);
    const metrics = (await send(url, { path: "/metrics" })).text;
    assert.match(metrics, /gh_runner_notices_total\{result="sent"\} 2\n/);
    assert.match(metrics, /gh_runner_notices_total\{result="held_back"\} 5\n/);
  });

  it("gets no notice about a run that is retried", async (t) => {
    const { github, url, clock, notices } = await watched(t);
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
    outage.remove();
    clock.move(5000);
    await until("it is dispatched", () => github.dispatches.length === 1);
    clock.move(11 * MINUTE);
    assert.deepEqual(notices(), []);
  });

  it("gets a notice about the recovery of a group that failed before a restart, by a re-run too", async (t) => {
    const before = await watched(t);
    const failed = await notify(before.url, { application: "pr-1" });
    await until("the failure is notified", () => before.notices().length === 1);
    await before.app.close();
    const after = await watched(t, before.dataDir);
    deploy(after.github, "pr-1", "abc");
    await send(after.url, { method: "POST", path: `/api/runs/${failed.headers["x-run-id"]}/rerun` });
    await until("the recovery is notified", () => after.notices().length === 1);
    assert.equal(after.notices()[0].event, "recovery");
  });

  it("gets one notice about a recovery from any replica, and none about an old failure", async (t) => {
    const url = postgres.url;
    const DATABASE_SCHEMA = postgres.schema();
    const replica = () => watched(t, undefined, { DATABASE_URL: url, DATABASE_SCHEMA });
    const [one, two] = [await replica(), await replica()];
    deploy(one.github, "pr-1", "abc");
    deploy(two.github, "pr-1", "abc");
    one.github.fault({ times: 1 }, { kind: "status", status: 401 });
    const told = () => [...one.notices(), ...two.notices()].map(({ event }) => event);
    await notify(one.url, { application: "pr-1" });
    await until("the failure is notified", () => told().length === 1);
    for (const { clock } of [one, two]) clock.move(11 * MINUTE);
    await notify(two.url, { application: "pr-1" });
    await until("the recovery is notified", () => told().length === 2);
    assert.deepEqual(told(), ["failure", "recovery"]);
    for (const { clock } of [one, two]) clock.move(7 * 24 * 60 * MINUTE);
    for (const each of [one, two]) await notify(each.url, { application: "pr-1" });
    for (const { clock } of [one, two]) clock.move(11 * MINUTE);
    await Promise.all([one.app.close(), two.app.close()]);
    assert.deepEqual(told(), ["failure", "recovery"]);
  });

  it("that fails is tried three times, logged once without its path, and disturbs no run", async (t) => {
    const { github, url, receiver, clock, log, logLines } = await watched(t);
    receiver.status = 503;
    await notify(url, { application: "pr-1" });
    for (const tries of [1, 2, 3]) {
      await until(`it is tried ${tries} times`, () => {
        clock.move(1000);
        return receiver.received.length === tries;
      });
    }
    clock.move(11 * MINUTE);
    await notify(url, { application: "pr-2" });
    await until("the next has failed, too", () => {
      clock.move(1000);
      return receiver.received.length === 6;
    });
    deploy(github, "pr-3", "abc");
    assert.equal((await notify(url, { application: "pr-3" })).status, 200);
    const said = () => log().filter(({ receiver }) => receiver === "NOTIFY_URL");
    assert.deepEqual(
      said().map(({ reason }) => reason),
      ["answered 503"],
    );
    receiver.status = 200;
    clock.move(11 * MINUTE);
    await notify(url, { application: "pr-4" });
    await until("it is said that they arrive again", () => said().length === 2);
    assert.ok(!logLines.join("").includes("webhook-secret"));
  });

  it("is not retried after a rejection, and its redirects are not followed", async (t) => {
    const { url, receiver, clock, log } = await watched(t);
    receiver.status = 404;
    await notify(url, { application: "pr-1" });
    await until("it is said", () => log().some(({ reason }) => reason === "answered 404"));
    clock.move(MINUTE);
    assert.equal(receiver.received.length, 1);
  });

  it("gets no name that would mention a channel, and no token", async (t) => {
    const { url, notices } = await watched(t);
    const token = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
    await notify(url, { application: "pr-<!channel>&\u2028x", github_token: token });
    await until("the failure is notified", () => notices().length === 1);
    assert.match(notices()[0].text, /for pr-&lt;!channel&gt;&amp;\\u2028x failed/);
    assert.ok(!JSON.stringify(notices()).includes(token));
  });
});
