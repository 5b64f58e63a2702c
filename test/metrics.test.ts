import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { FollowedRun } from "../src/model/github.ts";
import type { Accepted, NewRun } from "../src/model/new-run.ts";
import type { Run, Trigger } from "../src/model/run.ts";
import { openMetrics } from "../src/observe/metrics.ts";
import { movedClock, until } from "./support/clock.ts";
import { promtool } from "./support/promtool.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const DISPATCHES = "POST /repos/{owner}/{repo}/dispatches";
const READ = "GET /repos/{owner}/{repo}/contents/{path}";
const workflow = "environment-ready";
const ASYNC = { prefer: "respond-async" };

/** The service with a clock to move, and a function that reads one of its series. */
async function watched(t: TestContext, settings: Record<string, string> = {}) {
  const clock = movedClock();
  const service = await startService(t, {
    settings,
    github: { now: clock.now, limits: { primaryPerHour: 5000 } },
    options: { clock, random: () => 0, githubPatienceMs: 0 },
  });
  const series = async () => seriesIn((await send(service.url, { path: "/metrics" })).text);
  return {
    ...service,
    clock,
    series,
    value: async (name: string, labels: Readonly<Record<string, string>> = {}) =>
      (await series()).get(key(name, labels)),
  };
}

const key = (name: string, labels: Readonly<Record<string, string>>) =>
  `${name} ${Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .sort()
    .join(" ")}`.trim();

/** Every sample of a text in Prometheus' format, by name and labels. */
function seriesIn(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", labels = "", value = ""] = /^([a-z]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === "") continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]);
    samples.set(key(name, Object.fromEntries(pairs)), Number(value));
  }
  return samples;
}

describe("GET /metrics", () => {
  it("counts how runs and attempts end, and times them", async (t) => {
    const { github, url, value } = await watched(t);
    deploy(github, "pr-1", "abc");
    assert.equal(await value("gh_runner_runs_total", { workflow, status: "failure" }), 0, "shown before it happens");
    for (const application of ["pr-1", "pr-1", "main", "pr-missing"]) await notify(url, { application });
    await until(
      "the last is counted",
      async () => (await value("gh_runner_runs_total", { workflow, status: "failure" })) === 1,
    );
    for (const [status, count] of [
      ["success", 2],
      ["skipped", 1],
      ["superseded", 0],
    ] as const) {
      assert.equal(await value("gh_runner_runs_total", { workflow, status }), count, status);
    }
    assert.equal(await value("gh_runner_run_duration_seconds_count", { workflow, status: "success" }), 2);
    assert.equal(await value("gh_runner_attempts_total", { workflow, outcome: "success" }), 2);
    assert.equal(await value("gh_runner_attempts_total", { workflow, outcome: "permanent" }), 1);
    assert.equal(await value("gh_runner_attempt_duration_seconds_count", { workflow }), 4);
    assert.equal(await value("gh_runner_events_total", { workflow, result: "accepted" }), 4);
    assert.equal(await value("gh_runner_attempts_running"), 0);
  });

  it("counts requests to GitHub by route and status, lost ones too, with their latency", async (t) => {
    const { github, url, value } = await watched(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const count = "gh_runner_github_request_duration_seconds_count";
    assert.equal(await value(count, { route: READ, status: "200" }), 1);
    assert.equal(await value(count, { route: READ, status: "404" }), 1);
    assert.equal(await value(count, { route: DISPATCHES, status: "204" }), 1);
    assert.ok(
      (await value("gh_runner_github_request_duration_seconds_sum", { route: DISPATCHES, status: "204" }))! > 0,
    );
    github.fault({ route: DISPATCHES, times: 1 }, { kind: "reset" });
    await notify(url, { application: "pr-1" });
    assert.equal(await value(count, { route: DISPATCHES, status: "none" }), 1);
    assert.equal(await value(count, { route: DISPATCHES, status: "204" }), 2);
  });

  it("shows runs that wait for another attempt, and for how long", async (t) => {
    const { github, url, clock, value } = await watched(t);
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    await notify(url, { application: "pr-1" });
    await notify(url, { application: "pr-1" }, ASYNC);
    assert.equal(await value("gh_runner_retries_total", { workflow, kind: "transient" }), 1);
    assert.equal(await value("gh_runner_events_total", { workflow, result: "joined" }), 1);
    assert.equal(await value("gh_runner_runs_queued", { reason: "retry" }), 1);
    assert.equal(await value("gh_runner_runs_queued", { reason: "turn" }), 0);
    clock.move(4000);
    assert.equal(await value("gh_runner_oldest_queued_run_age_seconds", { reason: "retry" }), 4);
    outage.remove();
    clock.move(1000);
    await until(
      "it has ended",
      async () => (await value("gh_runner_runs_total", { workflow, status: "success" })) === 1,
    );
    assert.equal(await value("gh_runner_runs_queued", { reason: "retry" }), 0);
    assert.equal(await value("gh_runner_oldest_queued_run_age_seconds", { reason: "retry" }), 0);
    assert.equal(await value("gh_runner_run_duration_seconds_sum", { workflow, status: "success" }), 5);
  });

  it("shows GitHub's quota and its pauses for the service's account, and none for tokens of requests", async (t) => {
    const { github, url, clock, value, series } = await watched(t);
    for (const name of ["pr-1", "pr-2"]) deploy(github, name, "abc");
    await notify(url, { application: "pr-1" });
    const account = "GITHUB_TOKEN";
    assert.ok((await value("gh_runner_github_quota_remaining", { account }))! > 0);
    assert.equal(await value("gh_runner_github_pause_remaining_seconds", { account }), 0);
    github.fault({ route: DISPATCHES, times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 600 });
    await notify(url, { application: "pr-1" });
    assert.equal(await value("gh_runner_runs_queued", { reason: "limit" }), 1);
    assert.equal(await value("gh_runner_github_paused_seconds_total", { account }), 0);
    clock.move(200_000);
    const remaining = (await value("gh_runner_github_pause_remaining_seconds", { account }))!;
    assert.ok(remaining >= 400 && remaining < 405, String(remaining));
    assert.equal(await value("gh_runner_github_paused_seconds_total", { account }), 200);
    clock.move(600_000);
    const paused = (await value("gh_runner_github_paused_seconds_total", { account }))!;
    assert.ok(paused >= 600 && paused < 605, String(paused));

    github.token("callers-token-0123456789", { login: "caller" });
    await notify(url, { application: "pr-2", github_token: "callers-token-0123456789" });
    const accounts = [...(await series()).keys()].flatMap((each) => /account=(.*)/.exec(each)?.[1] ?? []);
    assert.deepEqual(new Set(accounts), new Set([account]));
  });

  it("counts the runs that newer ones replaced", async (t) => {
    const { github, url, value } = await watched(t);
    deploy(github, "pr-1", "abc");
    const hang = github.fault({}, { kind: "hang" });
    for (let at = 0; at < 3; at++) await notify(url, { application: "pr-1" }, ASYNC);
    assert.equal(await value("gh_runner_runs_total", { workflow, status: "superseded" }), 1);
    assert.equal(await value("gh_runner_runs_queued", { reason: "turn" }), 1);
    assert.equal(await value("gh_runner_attempts_running"), 1);
    hang.remove();
  });

  it("shows the version, the readiness, and the delay of timers", async (t) => {
    const { series, value } = await watched(t);
    assert.equal(await value("gh_runner_ready"), 1);
    const names = [...(await series()).keys()];
    assert.ok(names.some((name) => /^gh_runner_build_info node=v\d\S+ version=\d/.test(name)));
    assert.ok((await value("gh_runner_event_loop_lag_seconds", { stat: "p99" }))! < 10);
    assert.ok((await value("process_resident_memory_bytes"))! > 1e7);
    assert.ok((await value("process_start_time_seconds"))! <= Date.now() / 1000);
  });

  it("is not ready, and shows no queue, while the store is away", async () => {
    const clock = movedClock();
    const metrics = openMetrics({ workflows: [], version: "1.2.3", clock });
    const away = () => Promise.reject(new Error("the disk is full"));
    metrics.read({
      gates: { all: () => new Map() },
      outage: async () => undefined,
      store: { paused: async () => [], waiting: away },
      checkReady: away,
      storeTrouble: () => undefined,
      brokenFiles: () => 0,
      outdatedFiles: () => 0,
      rejectedSecrets: () => 2,
    });
    const samples = seriesIn((await metrics.expose()).text);
    metrics.close();
    assert.equal(samples.get("gh_runner_ready"), 0);
    assert.ok(![...samples.keys()].some((name) => name.startsWith("gh_runner_runs_queued ")));
  });

  it("counts waiting runs apart from queued ones, and not as ended", async () => {
    const clock = movedClock();
    const metrics = openMetrics({ workflows: ["w"], version: "1.2.3", clock });
    const since = clock.now() - 86_400_000;
    metrics.read({
      gates: { all: () => new Map() },
      outage: async () => undefined,
      store: { waiting: async () => [{ reason: "wait", count: 7, since }], paused: async () => [] },
      checkReady: async () => {},
      storeTrouble: () => undefined,
      brokenFiles: () => 0,
      outdatedFiles: () => 0,
      rejectedSecrets: () => 2,
    });
    metrics.observer.settled?.({ workflow: "w", status: "waiting", retriesFrom: since } as Run);
    metrics.observer.settled?.({ workflow: "w", status: "cancelled", retriesFrom: since, endedAt: clock.now() } as Run);
    const samples = seriesIn((await metrics.expose()).text);
    metrics.close();
    assert.equal(samples.get("gh_runner_runs_waiting"), 7);
    assert.equal(samples.get("gh_runner_runs_queued reason=turn"), 0);
    assert.equal(samples.get("gh_runner_oldest_waiting_run_age_seconds"), 86_400);
    assert.ok(![...samples].some(([name, value]) => /queued_run_age_seconds|status=waiting/.test(name) && value > 0));
    assert.equal(samples.get("gh_runner_runs_total status=cancelled workflow=w"), 1);
  });

  it("shows when the last event came from outside, and how followed Actions runs ended", async () => {
    const clock = movedClock();
    const metrics = openMetrics({ workflows: ["w"], version: "1.2.3", clock });
    const accepted = (trigger: Trigger) =>
      metrics.observer.accepted?.({ workflow: "w", trigger } as NewRun, { joined: false } as Accepted);
    accepted("github");
    const at = clock.now() / 1000;
    clock.move(60_000);
    for (const trigger of ["schedule", "manual", "call"] as const) accepted(trigger);
    const [startedAt, endedAt] = ["2026-11-29T10:00:00Z", "2026-11-29T10:04:00Z"];
    metrics.observer.followed?.({ conclusion: "failure", startedAt, endedAt } as FollowedRun);
    for (let n = 0; n < 50; n++)
      metrics.observer.followed?.({ conclusion: `new ${n}`, startedAt, endedAt } as FollowedRun);
    const samples = seriesIn((await metrics.expose()).text);
    metrics.close();
    const heard = [...samples].filter(([name]) => name.startsWith("gh_runner_last_event_timestamp_seconds"));
    assert.deepEqual(heard, [["gh_runner_last_event_timestamp_seconds trigger=github", at]]);
    assert.equal(samples.get("gh_runner_followed_runs_total conclusion=failure"), 1);
    assert.equal(samples.get("gh_runner_followed_runs_total conclusion=success"), 0);
    assert.ok([...samples.keys()].filter((name) => name.startsWith("gh_runner_followed_runs_total")).length < 16);
    assert.equal(samples.get("gh_runner_followed_run_duration_seconds_sum"), 51 * 240);
  });

  it("needs one of AUTH_TOKENS if they are set", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: "scrape-token-0123456789" } });
    assert.equal((await send(url, { path: "/metrics" })).status, 401);
    const authorization = "Bearer scrape-token-0123456789";
    const answer = await send(url, { path: "/metrics", headers: { authorization } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert.ok(!answer.text.includes("scrape-token"));
  });

  it("gets no new series from any application name", async (t) => {
    const { github, url, series } = await watched(t);
    deploy(github, "pr-1", "abc");
    for (const application of ["pr-1", "main", "pr-missing"]) await notify(url, { application });
    const before = [...(await series()).keys()].sort();
    for (let at = 0; at < 50; at++) await notify(url, { application: `x"}\n${at}` });
    for (let at = 0; at < 20; at++) await notify(url, { application: `pr-${at}-"} 1\nup 0` });
    for (let at = 0; at < 20; at++) await notify(url, { application: `pr-gone-${at}` });
    assert.deepEqual([...(await series()).keys()].sort(), before);
  });

  it("limits the number of workflow and route names", async () => {
    const clock = movedClock();
    const names = Array.from({ length: 5000 }, (_, at) => `workflow-${at}`);
    const metrics = openMetrics({ workflows: names, version: "1.2.3", clock });
    for (const name of names) await metrics.observer.request?.(`GET /${name}`, async () => ({ status: 200 }));
    const samples = seriesIn((await metrics.expose()).text);
    metrics.close();
    assert.ok(samples.size < 3000, String(samples.size));
    assert.ok(samples.has("gh_runner_runs_total status=failure workflow=other"));
    assert.equal(samples.get("gh_runner_github_request_duration_seconds_count route=other status=200"), 4940);
  });

  it("passes the checks of promtool", async (t) => {
    const { github, url } = await watched(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const { text } = await send(url, { path: "/metrics" });
    const checked = promtool(t, ["check", "metrics"], text);
    if (checked) assert.deepEqual(checked, { code: 0, output: "" });
  });
});
