import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { DEPLOYMENT, deploy, notify, type Service, send, startService, TOKEN } from "./support/service.ts";

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Clocked = Service & { clock: MovedClock };

async function startClocked(
  t: Parameters<typeof startService>[0],
  { settings = {}, ...rest }: Parameters<typeof startService>[1] = {},
): Promise<Clocked> {
  const clock = movedClock();
  const service = await startService(t, { ...rest, settings, options: { clock, random: () => 0, ...rest.options } });
  return { ...service, clock };
}

/** Log records of ended attempts. */
const attemptsIn = (service: Service) => service.log().filter(({ attempt }) => attempt !== undefined);

/** How many events it has accepted. Their callers wait. */
async function taken({ url }: Service): Promise<number> {
  const { text } = await send(url, { path: "/metrics" });
  return [...text.matchAll(/^gh_runner_events_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

/** Moves the clock and waits until the due attempts have ended. */
async function moveTo(service: Clocked, milliseconds: number, attempts: number): Promise<void> {
  service.clock.move(milliseconds);
  await until(`${attempts} attempts have ended`, () => attemptsIn(service).length >= attempts);
}

describe("a run that fails for passing reasons", () => {
  it("is retried after 5 s, 30 s, 2 min, 10 min, 30 min, then hourly, until GitHub is back", async (t) => {
    const service = await startClocked(t);
    const { github, url, clock } = service;
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    const first = await notify(url, { application: "pr-1" });
    assert.equal(first.status, 500);
    assert.match(first.json.detail, /502.*stored as run .*retried automatically, next at 2026-11-24T12:00:05/);

    let attempts = 1;
    for (const delay of [5000, 30_000, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, HOUR]) {
      clock.move(delay - 1);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(attemptsIn(service).length, attempts, `nothing happens before ${delay} ms have passed`);
      await moveTo(service, 1, ++attempts);
    }
    outage.remove();
    await moveTo(service, HOUR, ++attempts);
    assert.equal(attemptsIn(service).at(-1)?.outcome, "success");
    assert.equal(attemptsIn(service).at(-1)?.run, first.headers["x-run-id"]);
    assert.equal(github.dispatches.length, 1);
  });

  it("ends as a failure after RETRY_HOURS", async (t) => {
    const service = await startClocked(t, { settings: { RETRY_HOURS: "1" } });
    deploy(service.github, "pr-1", "abc");
    service.github.fault({}, { kind: "reset" });
    await notify(service.url, { application: "pr-1" });
    let attempts = 1;
    for (const delay of [5000, 30_000, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE]) await moveTo(service, delay, ++attempts);
    assert.match(String(attemptsIn(service).at(-1)?.reason), /connection closed|reset/);
    assert.equal(service.log().at(-1)?.msg, "run failed");
    assert.equal(service.clock.next() !== undefined, true);
    service.clock.move(5 * HOUR);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(attemptsIn(service).length, attempts);
  });

  it("is joined by its caller's retries, so that they do not multiply dispatches", async (t) => {
    const service = await startClocked(t);
    const { github, url } = service;
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 503 });
    const first = await notify(url, { application: "pr-1" });
    assert.equal(first.status, 500);
    // ArgoCD retries after 1, 3 and 7 s: its third request finds the run in its next attempt.
    const retries = [1, 2, 3].map(() => notify(url, { application: "pr-1" }));
    await until("the retries wait", async () => (await taken(service)) === 4);
    outage.remove();
    await moveTo(service, 5000, 2);
    for (const answer of await Promise.all(retries)) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["x-run-id"], first.headers["x-run-id"]);
    }
    assert.equal(github.dispatches.length, 1);
  });

  it("survives an outage that spans a restart", async (t) => {
    const folder = temporaryFolder(t);
    const before = await startClocked(t, { settings: { DATA_DIR: folder } });
    deploy(before.github, "pr-1", "abc");
    before.github.fault({}, { kind: "status", status: 502 });
    const { headers } = await notify(before.url, { application: "pr-1" });
    await before.app.close();

    const after = await startClocked(t, { settings: { DATA_DIR: folder } });
    deploy(after.github, "pr-1", "abc");
    await moveTo(after, 5000, 1);
    assert.deepEqual(
      attemptsIn(after).map(({ run, attempt, outcome }) => ({ run, attempt, outcome })),
      [{ run: headers["x-run-id"], attempt: 2, outcome: "success" }],
    );
    assert.equal(after.github.dispatches.length, 1);
  });
});

describe("a concurrency group", () => {
  it("turns ten events that come while GitHub is slow into two dispatches, the last with the newest commit", async (t) => {
    const service = await startService(t);
    const { github, url } = service;
    const place = "configs/pr/light/pr-1/values.yaml";
    const put = (tag: string) => github.repository(DEPLOYMENT).put(place, `global: {config: {DEPLOYMENT_TAG: ${tag}}}`);
    put("commit-0");
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ route: DISPATCH, times: 1 }, { kind: "hold", until: promise });
    const answers = [notify(url, { application: "pr-1" })];
    await until("the first is on its way", () => github.requests.some(({ method }) => method === "POST"));
    for (let at = 1; at < 10; at++) {
      put(`commit-${at}`);
      answers.push(notify(url, { application: "pr-1", revision: at % 2 ? null : "main" }));
    }
    await until("all were taken", async () => (await taken(service)) === 10);
    resolve();
    const told = await Promise.all(answers);
    assert.deepEqual(
      told.map(({ status, json }) => [status, json.commitHash]),
      [[200, "commit-0"], ...Array(9).fill([200, "commit-9"])],
    );
    assert.deepEqual(
      github.dispatches.map(({ payload }) => payload.commitHash),
      ["commit-0", "commit-9"],
    );
  });

  it("does not delay other applications", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    deploy(github, "pr-2", "def");
    github.fault({ path: /pr-1/ }, { kind: "hang" });
    void notify(url, { application: "pr-1" }).catch(() => {});
    await until("the first hangs", () => github.requests.length >= 2);
    assert.equal((await notify(url, { application: "pr-2" })).status, 200);
  });
});

describe("waiting for the outcome", () => {
  it("is not asked for with Prefer: respond-async", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ method: "GET" }, { kind: "hold", until: promise });
    const answer = await notify(url, { application: "pr-1" }, { prefer: "respond-async" });
    assert.equal(answer.status, 202);
    assert.equal(answer.headers["content-type"], "application/json");
    const run = String(answer.headers["x-run-id"]);
    assert.equal(answer.headers.location, `/api/runs/${run}`);
    assert.equal(answer.text, `{"status":"queued","run":"${run}"}`);
    assert.equal(github.dispatches.length, 0);
    resolve();
    await until("the event is sent", () => github.dispatches.length === 1);
  });

  it("ends after WAIT_SECONDS with 202, and the run continues", async (t) => {
    const service = await startClocked(t);
    const { github, url, clock } = service;
    deploy(github, "pr-1", "abc");
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ route: DISPATCH, times: 1 }, { kind: "hold", until: promise });
    const answer = notify(url, { application: "pr-1" });
    await until("the event is sent", () => github.dispatches.length === 1);
    clock.move(10_000);
    assert.equal((await answer).status, 202);
    resolve();
    await until("the run has ended", () => attemptsIn(service).length === 1);
  });

  it("continues over a limit that ends in time", async (t) => {
    const service = await startClocked(t);
    deploy(service.github, "pr-1", "abc");
    service.github.fault({ route: DISPATCH, times: 1 }, { kind: "limit", retryAfterSeconds: 2, secondary: true });
    const answer = notify(service.url, { application: "pr-1" });
    await until("the limit is met", () => attemptsIn(service).length === 1);
    await moveTo(service, 2001, 2);
    assert.equal((await answer).status, 200);
  });
});

describe("a run with the caller's token", () => {
  const CALLERS_TOKEN = "token-of-the-caller-0123456789";

  it("is attempted once, and a failure says that it is not retried", async (t) => {
    const service = await startClocked(t);
    service.github.token(CALLERS_TOKEN);
    deploy(service.github, "pr-1", "abc");
    service.github.fault({ route: DISPATCH }, { kind: "status", status: 502 });
    const answer = await notify(service.url, { application: "pr-1", github_token: CALLERS_TOKEN });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /502.*not retried: .*brought its token.*Send it again/);
    service.clock.move(24 * HOUR);
    assert.equal(attemptsIn(service).length, 1);
  });

  it("goes immediately, while another run of its application is busy", async (t) => {
    const { github, url } = await startService(t);
    github.token(CALLERS_TOKEN);
    deploy(github, "pr-1", "abc");
    github.fault({ route: DISPATCH, times: 1 }, { kind: "hang" });
    void notify(url, { application: "pr-1" }).catch(() => {});
    await until("the first hangs", () => github.requests.some(({ method }) => method === "POST"));
    assert.equal((await notify(url, { application: "pr-1", github_token: CALLERS_TOKEN })).status, 200);
  });

  it("leaves no trace of the token in the database", async (t) => {
    const folder = temporaryFolder(t);
    const { github, url, app } = await startService(t, { settings: { DATA_DIR: folder } });
    github.token(CALLERS_TOKEN);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1", github_token: CALLERS_TOKEN });
    github.fault(
      { route: DISPATCH },
      { kind: "status", status: 403, body: `{"message":"no access with ${CALLERS_TOKEN}"}` },
    );
    await notify(url, { application: "pr-1", github_token: CALLERS_TOKEN });
    await app.close();
    const db = new DatabaseSync(`${folder}/gh-runner.sqlite`, { readOnly: true });
    t.after(() => db.close());
    const everything = ["runs", "attempts", "steps"].map((table) =>
      JSON.stringify(db.prepare(`SELECT * FROM ${table}`).all()),
    );
    assert.match(everything.join(), /no access with \*\*\*/);
    assert.ok(!everything.join().includes(CALLERS_TOKEN));
    assert.ok(!everything.join().includes(TOKEN));
  });
});

describe("repeats", () => {
  it("are all dispatched by default, as the contract says", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    for (let at = 0; at < 3; at++) assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal(github.dispatches.length, 3);
  });

  it("are skipped within DEDUPE_SECONDS, with the reason and the earlier run named", async (t) => {
    const service = await startClocked(t, { settings: { DEDUPE_SECONDS: "60" } });
    const { github, url, clock } = service;
    deploy(github, "pr-1", "abc");
    deploy(github, "pr-2", "abc");
    const first = await notify(url, { application: "pr-1" });
    const repeat = await notify(url, { application: "pr-1" });
    assert.equal(repeat.status, 200);
    assert.equal(repeat.json.status, "skipped");
    assert.ok(repeat.json.reason.includes(first.headers["x-run-id"]), repeat.json.reason);
    assert.equal((await notify(url, { application: "pr-2" })).json.status, "success");
    deploy(github, "pr-1", "def");
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "def");
    clock.move(61_000);
    assert.equal((await notify(url, { application: "pr-1" })).json.status, "success");
    assert.equal(github.dispatches.length, 4);
  });

  it("of a run that failed are not repeats", async (t) => {
    const { github, url } = await startService(t, { settings: { DEDUPE_SECONDS: "60" } });
    deploy(github, "pr-1", "abc");
    github.fault({ route: DISPATCH, times: 1 }, { kind: "status", status: 422 });
    assert.equal((await notify(url, { application: "pr-1" })).status, 500);
    assert.equal((await notify(url, { application: "pr-1" })).json.status, "success");
  });
});
