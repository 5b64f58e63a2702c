import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS } from "../sandbox/limits.ts";
import { type AccountState, limitBanner, strip } from "../src/dashboard/strip.ts";
import { checkPauses } from "../src/github/checks/limits.ts";
import { type LimitLog, type LimitNews, NOTHING_KEPT } from "../src/model/limits.ts";
import type { Activity } from "../src/model/overview.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { failed, limited, MUTATION, QUERY, REPO, SHOP, serviceGitHub, TOKEN } from "./support/graphql.ts";
import { postgresForTests } from "./support/postgres.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOT_TWICE = { retry: false } as const;

/** The service's GitHub in front of a stand-in, both on one clock. */
async function scene(
  t: TestContext,
  options: GitHubOptions = {},
  settings: Record<string, string> = {},
  log?: LimitLog,
  clock = movedClock(),
) {
  const server = await startGitHub({ now: clock.now, ...options });
  t.after(() => server.close());
  server.token(TOKEN);
  server.repository("acme/shop");
  server.graphql({ repository: { id: "R_1" }, addStar: { starrable: { id: "R_1" } } });
  const given = { GITHUB_API_URL: server.url, GITHUB_TOKEN: TOKEN, ...settings };
  const service = await serviceGitHub(t, given, { clock, ...(log && { log }) });
  const { github } = service;
  return {
    ...service,
    ...{ clock, server, given },
    query: () => github.graphql(QUERY, SHOP),
    mutate: () => github.graphql(MUTATION, {}, NOT_TWICE),
    read: () => github.request("GET /repos/{owner}/{repo}", REPO),
    write: () => github.request("POST /repos/{owner}/{repo}/dispatches", { ...REPO, event_type: "go" }),
  };
}

/** GitHub's headers when the hour's points are used up. */
const spent = (reset: number) => ({
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": "0",
  "x-ratelimit-reset": String(reset),
  "x-ratelimit-resource": "graphql",
});

describe("GraphQL's hourly points", () => {
  it("that are used up delay only GraphQL until the reset", async (t) => {
    const { query, read, write, mutate, clock, server, pauses } = await scene(t, { limits: { graphqlPerHour: 3 } });
    const reset = clock.now() + HOUR;
    for (let each = 0; each < 3; each++) await query();
    // The third answer reports that nothing is left.
    await assert.rejects(query(), limited(reset, /for GraphQL, GitHub's rate limit is reached/));
    await assert.rejects(mutate(), limited(reset));
    assert.equal(server.requests.length, 3);
    assert.deepEqual(pauses, [{ account: "GITHUB_TOKEN graphql", until: reset }]);
    await read();
    await write();
    clock.move(HOUR);
    await query();
    assert.deepEqual([server.counts.limited, server.counts.whilePaused], [0, 0]);
  });

  it("that others have used up are a limit inside a 200", async (t) => {
    const { query, mutate, read, clock, server, given } = await scene(t, { limits: { graphqlPerHour: 2 } });
    const other = await serviceGitHub(t, given, { clock });
    const reset = clock.now() + HOUR;
    for (let each = 0; each < 2; each++) await other.github.graphql(QUERY, SHOP);
    await assert.rejects(query(), limited(reset, /RATE_LIMITED "API rate limit exceeded for user ID 1\."/));
    assert.equal(server.counts.limited, 1);
    await assert.rejects(mutate(), limited(reset));
    assert.equal(server.requests.length, 3);
    await read();
    clock.move(HOUR);
    await query();
  });

  it("are recognised with each type and header that GitHub uses, otherwise for a minute", async (t) => {
    const words = [{ type: "RATE_LIMITED", message: "API rate limit exceeded" }];
    const newer = [{ type: "RATE_LIMIT", code: "graphql_rate_limit", message: "API rate limit already exceeded" }];
    const answers = (reset: number) =>
      [
        [{ status: 200, body: { errors: words }, headers: spent(reset / 1000) }, reset],
        [{ status: 200, body: { data: null, errors: newer }, headers: spent(reset / 1000) }, reset],
        [{ status: 429, body: { message: "API rate limit exceeded" }, headers: spent(reset / 1000) }, reset],
        [{ status: 403, body: { message: "API rate limit exceeded" }, headers: spent(reset / 1000) }, reset],
        [{ status: 200, body: { errors: words }, headers: {} }, undefined],
        [{ status: 200, body: { errors: words }, headers: { "retry-after": "7" } }, 7 * SECOND],
      ] as const;
    for (let each = 0; each < 6; each++) {
      const { query, read, clock, server, pauses } = await scene(t, { enterprise: "3.19.0", basePath: "/api/v3" });
      const [{ status, body, headers }, end = MINUTE] = answers(clock.now() + 10 * MINUTE)[each]!;
      const fault = {
        kind: "status",
        status,
        body: JSON.stringify(body),
        headers: { ...JSON_TYPE, ...headers },
      } as const;
      server.fault({ route: "POST /graphql", times: 1 }, fault);
      await assert.rejects(query(), limited(end > HOUR ? end : clock.now() + end));
      await assert.rejects(query(), failed("limit", /for GraphQL/));
      assert.deepEqual(
        pauses.map(({ account }) => account),
        ["GITHUB_TOKEN graphql"],
      );
      await read();
      clock.move(10 * MINUTE);
      await query();
    }
  });

  it("are not those of REST", async (t) => {
    const { query, mutate, read, write, clock, server, github } = await scene(t, { limits: { primaryPerHour: 1 } });
    const reset = clock.now() + HOUR;
    await read();
    await assert.rejects(read(), limited(reset, /asked for a pause/));
    for (let each = 0; each < 3; each++) await query();
    await mutate();
    await assert.rejects(write(), limited(reset));
    // A secondary limit applies to everything, and does not end with the first answer that REST has to wait for.
    server.fault({ route: "POST /graphql", times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 30 });
    await assert.rejects(query(), limited(clock.now() + 30 * SECOND));
    await assert.rejects(query(), limited(clock.now() + 30 * SECOND));
    clock.move(30 * SECOND);
    await query();
    await assert.rejects(read(), limited(reset));
    clock.move(HOUR);
    await github.request("GET /rate_limit", {}, { allow: [404] });
    await read();
    assert.equal(server.counts.limited, 0);
  });

  it("are also separate from REST when another process found them used up", async (t) => {
    let hear: (news: LimitNews) => void = () => {};
    const log: LimitLog = {
      ...NOTHING_KEPT,
      hear(listener) {
        hear = listener;
        return () => {};
      },
    };
    const { query, read, clock, server } = await scene(t, {}, {}, log);
    const tell = (account: string, strikes: number, seconds: number) => {
      const end = clock.now() + seconds * SECOND;
      hear({ account: `${new URL(server.url).host} ${account}`, pause: { until: end, strikes }, isOver: false });
      return end;
    };
    const quota = tell("GITHUB_TOKEN", 0, 60);
    await assert.rejects(read(), limited(quota));
    await query();
    const secondary = tell("GITHUB_TOKEN", 1, 90);
    await assert.rejects(query(), limited(secondary));
    clock.move(90 * SECOND);
    const graphql = tell("GITHUB_TOKEN graphql", 0, 60);
    await read();
    await assert.rejects(query(), limited(graphql));
  });
});

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

describe("a secondary limit of GraphQL", () => {
  const fault = (status: number, body: object) =>
    ({ kind: "status", status, headers: { ...JSON_TYPE, "retry-after": "30" }, body: JSON.stringify(body) }) as const;
  const message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
  const forms = [
    ["403", fault(403, { message })],
    ["429", fault(429, { message })],
    ["inside a 200", fault(200, { errors: [{ message }] })],
    ["inside a 200 with data", fault(200, { data: null, errors: [{ type: "RATE_LIMITED", message }] })],
  ] as const;
  for (const [form, met] of forms) {
    it(`pauses the whole account: ${form}`, async (t) => {
      const { query, mutate, read, clock, server, pauses } = await scene(t);
      server.fault({ route: "POST /graphql", times: 1 }, met);
      const end = clock.now() + 30 * SECOND;
      await assert.rejects(mutate(), limited(end, /secondary rate limit/));
      await assert.rejects(read(), limited(end));
      await assert.rejects(query(), limited(end));
      assert.equal(server.requests.length, 1);
      assert.deepEqual(pauses, [{ account: "GITHUB_TOKEN", until: end }]);
      clock.move(30 * SECOND);
      await query();
      await read();
    });
  }

  it("of REST pauses GraphQL, too", async (t) => {
    const { query, read, clock, server } = await scene(t);
    server.fault(
      { route: "GET /repos/{owner}/{repo}", times: 1 },
      { kind: "limit", secondary: true, retryAfterSeconds: 30 },
    );
    await assert.rejects(read(), limited(clock.now() + 30 * SECOND));
    await assert.rejects(query(), limited(clock.now() + 30 * SECOND));
    assert.equal(server.requests.length, 1);
  });
});

describe("the points that GraphQL may use in a minute", () => {
  it("are 5 for a mutation and 1 for a query, and none of them is one of REST", async (t) => {
    const windows = { GITHUB_LIMITS: "graphql=11/60s,points=2/60s" };
    const { query, mutate, read, clock, server } = await scene(t, {}, windows);
    await mutate();
    await mutate();
    await query();
    const end = clock.now() + MINUTE;
    await assert.rejects(query(), limited(end, /for GraphQL, the limit of 11 points in 60 s is used up/));
    await read();
    await read();
    await assert.rejects(read(), limited(end, /limit of 2 points in 60 s/));
    assert.equal(server.requests.length, 5);
    clock.move(MINUTE);
    await query();
  });

  it("are what GitHub documents", async (t) => {
    const limits = { ...DOCUMENTED_LIMITS, primaryPerHour: 5000, graphqlPerHour: 5000 };
    const { query, clock, server } = await scene(t, { limits, record: false });
    for (let each = 0; each < 2000; each++) await query();
    await assert.rejects(query(), limited(clock.now() + MINUTE, /2000 points in 60 s/));
    clock.move(MINUTE);
    await query();
    assert.deepEqual([server.counts.requests, server.counts.limited], [2001, 0]);
  });

  it("leave mutations among the account's writes", async (t) => {
    const { query, mutate, write, clock, server } = await scene(t, {}, { GITHUB_LIMITS: "writes=2/60s" });
    await write();
    await mutate();
    await query();
    const end = clock.now() + MINUTE;
    await assert.rejects(mutate(), limited(end, /for GraphQL|limit of 2 writes in 60 s/));
    await assert.rejects(write(), failed("limit", /writes|promised/));
    await query();
    assert.equal(server.requests.length, 4);
    clock.move(MINUTE);
    await mutate();
  });

  it("are not counted where GitHub has no limits", async (t) => {
    const off = { enterprise: "3.19.0", basePath: "/api/v3" };
    const { mutate, server } = await scene(t, { ...off, record: false }, { GITHUB_LIMITS: "auto" });
    // 5 points each: more than github.com allows in a minute, and more writes.
    for (let each = 0; each < 401; each++) await mutate();
    assert.equal(server.counts.requests, 401);
  });

  it("are spelled out like the others", () => {
    const { limits } = readConfig({ GITHUB_LIMITS: "graphql=2000/60s, points=900/60s" }).github;
    assert.deepEqual(limits, [
      { unit: "graphql", most: 2000, ms: MINUTE },
      { unit: "points", most: 900, ms: MINUTE },
    ]);
  });
});

describe("doctor", () => {
  it("finds that GraphQL is paused", () => {
    const { github } = readConfig({ GITHUB_API_URL: "https://api.github.com", GITHUB_TOKEN: TOKEN });
    const pause = { until: 2 * HOUR, strikes: 1 };
    const stored = ["GITHUB_TOKEN graphql", "token 12 graphql", "GITHUB_TOKEN other"].map((account) => ({
      account: `api.github.com ${account}`,
      ...pause,
    }));
    const found = checkPauses(github, stored, HOUR);
    assert.equal(found.length, 1);
    assert.match(JSON.stringify(found), /sends no GraphQL as GITHUB_TOKEN until/);
  });
});

describe("the page", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  const account = { account: "GITHUB_TOKEN", resource: "account", tokenExpiresAt: undefined } as const;
  const graphql = { ...account, account: "GITHUB_TOKEN graphql", resource: "graphql" } as const;
  const quota = (limit: number, remaining: number) => ({ limit, remaining, resetsAt: now + HOUR });
  const shown = (what: unknown) =>
    String(what)
      .replaceAll(/<[^>]+>|\s+/g, " ")
      .replaceAll(/ +/g, " ");

  it("shows the resource with the least left", () => {
    const activity: Activity = {
      ...{
        hours: [],
        durations: undefined,
        queued: 0,
        running: 0,
        waiting: 0,
        nextDueAt: undefined,
        limited: undefined,
      },
      ...{ finished: { thisMonth: 0, ever: 0 }, rejected: 0 },
    };
    const left = (rest: number, points: number) => {
      const accounts = [
        { ...account, pausedUntil: undefined, quota: quota(5000, rest) },
        { ...graphql, pausedUntil: undefined, quota: quota(5000, points) },
      ];
      return /([\d,]+ of [\d,]+ (?:requests|GraphQL points) left)/.exec(
        shown(strip(activity, { paused: [], accounts, now })),
      )?.[1];
    };
    assert.match(left(100, 200) ?? "", /^100 of 5,000 requests left$/);
    assert.match(left(200, 100) ?? "", /^100 of 5,000 GraphQL points left$/);
  });

  it("shows what GitHub limits, and until when", () => {
    const limit = (...accounts: AccountState[]) =>
      shown(limitBanner({ limited: undefined } as Activity, accounts, now));
    const pause = (state: typeof account | typeof graphql, minutes: number) => ({
      ...{ ...state, quota: undefined, pausedUntil: now + minutes * MINUTE },
    });
    assert.equal(limit(), "");
    assert.match(limit(pause(graphql, 30)), /GitHub is limiting this service’s GraphQL requests until 12:30/);
    assert.match(limit(pause(graphql, 30), pause(account, 5)), /GitHub is limiting this service until 12:05/);
  });
});

describe("the used points of GraphQL", () => {
  it("are known after a restart", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(temporaryFolder(t), clock);
    t.after(() => store.close());
    const settings = { GITHUB_LIMITS: "graphql=10/60s" };
    const { given, mutate, gates, server } = await scene(t, { now: clock.now }, settings, store.limits, clock);
    await mutate();
    await mutate();
    gates.close();
    await until("it is stored", async () => {
      const known = await store.limits.recall(0);
      return known.some(({ account, spent }) => account.endsWith("GITHUB_TOKEN graphql") && spent.length === 2);
    });
    const after = await serviceGitHub(t, given, { clock, log: store.limits });
    await assert.rejects(after.github.graphql(MUTATION), failed("limit", /10 points in 60 s/));
    clock.move(MINUTE);
    const reset = clock.now() + 10 * MINUTE;
    server.fault({ route: "POST /graphql", times: 1 }, { kind: "limit", resetAt: reset / 1000 });
    await assert.rejects(after.github.graphql(QUERY, SHOP), limited(reset));
    await until("the pause is stored", async () => (await store.limits.recall(0)).some(({ pause }) => pause));
    after.gates.close();
    const last = await serviceGitHub(t, given, { clock, log: store.limits });
    await assert.rejects(last.github.graphql(QUERY, SHOP), limited(reset));
    await last.github.request("GET /repos/{owner}/{repo}", REPO);
  });
});

const postgres = postgresForTests();

describe("the points of GraphQL", () => {
  it("are those of all replicas together", async (t) => {
    const clock = movedClock();
    const schema = postgres.schema();
    const open = () => openPostgresStore({ url: postgres.url, schema, clock, onError: () => {} });
    const stores = [await open(), await open()] as const;
    t.after(() => Promise.all(stores.map((store) => store.close())));
    const settings = { GITHUB_LIMITS: "graphql=10/60s" };
    const { given, query, mutate, read, server } = await scene(t, {}, settings, stores[0].limits, clock);
    const other = await serviceGitHub(t, given, { clock, log: stores[1].limits });
    await mutate();
    await other.github.graphql(QUERY, SHOP);
    for (let each = 0; each < 4; each++) await query();
    await assert.rejects(other.github.graphql(QUERY, SHOP), failed("limit", /10 points in 60 s/));
    await assert.rejects(query(), failed("limit", /10 points in 60 s/));
    await read();
    clock.move(MINUTE);
    const reset = clock.now() + 10 * MINUTE;
    server.fault({ route: "POST /graphql", times: 1 }, { kind: "limit", resetAt: reset / 1000 });
    await assert.rejects(query(), limited(reset));
    await until("the other one knows", () => other.gates.of("GITHUB_TOKEN graphql").state().pausedUntil === reset);
    await assert.rejects(other.github.graphql(QUERY, SHOP), limited(reset));
    await other.github.request("GET /repos/{owner}/{repo}", REPO);
  });
});
