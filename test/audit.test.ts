import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AUDIT_ACTIONS } from "../src/model/audit.ts";
import { command } from "./support/command.ts";
import { send, startService } from "./support/service.ts";

const ALICE = "of-alice-0123456789abcdef";
const VIEWER = "of-prometheus-0123456789ab";
const WRONG = "of-mallory-0123456789abcdef";
const AUTH_TOKENS = `alice:operator:${ALICE},prometheus:viewer:${VIEWER}`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function logOf(url: string, query = "") {
  const { status, json } = await send(url, { path: `/api/audit${query}`, headers: bearer(ALICE) });
  assert.equal(status, 200);
  return json.records as { [key: string]: unknown }[];
}

const form = (body: string) => ({
  "content-type": "application/x-www-form-urlencoded",
  "content-length": `${body.length}`,
});

describe("the audit log of a service", () => {
  it("has the actions that docs/audit.md lists, and no others", () => {
    const text = readFileSync(new URL("../docs/audit.md", import.meta.url), "utf8");
    const [, table = ""] = /## What is recorded\n([\s\S]*?)\n\nEach record/.exec(text) ?? [];
    const listed = [...table.matchAll(/^\|([^|]+)\|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([\w-]+)`/g)].map(([, action]) => action),
    );
    assert.deepEqual(listed.sort(), [...AUDIT_ACTIONS].sort());
  });

  it("has rejected requests: who, in which role, from where, which route; and no token", async (t) => {
    const { url, logLines } = await startService(t, { settings: { AUTH_TOKENS } });
    await send(url, { method: "POST", path: "/api/pause", body: "", headers: bearer(VIEWER) });
    for (let times = 0; times < 3; times++) await send(url, { path: "/api/runs", headers: bearer(WRONG) });
    await send(url, { path: "/metrics" });
    await send(url, {
      method: "POST",
      path: "/api/pause",
      body: "",
      headers: { ...bearer(ALICE), "sec-fetch-site": "cross-site" },
    });
    await send(url, { method: "POST", path: "/sign-in", body: `token=${WRONG}`, headers: form(`token=${WRONG}`) });
    const records = await logOf(url, "?outcome=rejected");
    const short = (all: typeof records) =>
      all.map(({ actor, role, via, action, details }) => [actor, role, via, action, `${details}`.slice(0, 24)]);
    assert.deepEqual(
      short(records).toSorted((a, b) => `${a}`.localeCompare(`${b}`)),
      [
        ["token prometheus", "viewer", "bearer", "request", "POST /api/pause: 403 tok"],
        ["unknown", undefined, "bearer", "request", "GET /api/runs: 401"],
        ["unknown", undefined, "none", "request", "GET /metrics: 401"],
        ["unknown", undefined, "sign_in_form", "sign-in", "POST /sign-in: 403"],
        ["unknown", undefined, undefined, "request", "POST /api/pause: 403 A p"],
      ].toSorted((a, b) => `${a}`.localeCompare(`${b}`)),
    );
    const wrong = records.filter(({ details }) => details === "GET /api/runs: 401");
    assert.equal(
      wrong.reduce((sum, { times }) => sum + (times as number), 0),
      3,
    );
    assert.ok(records.every(({ address }) => address === "127.0.0.1"));
    const all = JSON.stringify([records, logLines]);
    for (const token of [ALICE, VIEWER, WRONG]) assert.ok(!all.includes(token));
  });

  it("has who signed in and out, on a page that says whether the chain is whole", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS } });
    const body = `token=${ALICE}`;
    const { headers } = await send(url, { method: "POST", path: "/sign-in", body, headers: form(body) });
    const cookie = `${headers["set-cookie"]}`.split(";")[0] ?? "";
    const page = await send(url, { path: "/audit?verify=yes", headers: { cookie } });
    assert.match(page.text, /The chain is complete\./);
    assert.match(page.text, /token alice<\/bdi>: sign-in|token alice: sign-in/);
    await send(url, {
      method: "POST",
      path: "/sign-out",
      body: "everywhere=yes",
      headers: { cookie, ...form("everywhere=yes") },
    });
    assert.deepEqual(
      (await logOf(url)).map(({ actor, action, via, outcome }) => [actor, action, via, outcome]),
      [
        ["token alice", "sign-out-everywhere", "sign_in_form", "done"],
        ["token alice", "sign-in", "sign_in_form", "done"],
      ],
    );
  });

  it("says on its page why a page was rejected, and has only the filters of its form", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS } });
    const page = async (query: string) => (await send(url, { path: `/audit${query}`, headers: bearer(ALICE) })).text;
    assert.match(await page(""), /Nothing is recorded yet\./);
    assert.equal((await send(url, { path: "/audit", headers: bearer(VIEWER) })).status, 403);
    assert.match(await page(""), /GET \/audit: 403 token prometheus is a viewer; this needs an operator\./);
    assert.match(await page("?action=nonsense&outcome=none"), /token prometheus/);
    assert.match(await page("?outcome=done"), /No record matches\. <a href="\/audit">Show all records<\/a>/);
  });

  it("is only for operators of all workflows", async (t) => {
    const limited = "of-bob-0123456789abcdef0123";
    const { url } = await startService(t, {
      settings: { AUTH_TOKENS: `${AUTH_TOKENS},bob:operator@environment-ready:${limited}` },
    });
    for (const path of ["/api/audit", "/api/audit/verification", "/audit"])
      for (const [token, expected] of [
        [ALICE, 200],
        [VIEWER, 403],
        [limited, 403],
      ] as const)
        assert.equal((await send(url, { path, headers: bearer(token) })).status, expected, path);
    assert.equal((await send(url, { path: "/api/audit?actions=paused", headers: bearer(ALICE) })).status, 400);
  });

  it("is listed and verified by the command line", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS } });
    await send(url, { method: "POST", path: "/api/pause", body: "", headers: bearer(ALICE) });
    const environment = { GH_RUNNER_URL: url, GH_RUNNER_TOKEN: ALICE };
    const listed = await command(["audit-log", "--action", "paused"], environment);
    assert.match(listed.stdout, /token alice\s+operator\s+127\.0\.0\.1\s+paused\s+done\s+\*/, listed.stderr);
    const verified = await command(["audit-log", "--verify"], environment);
    assert.match(verified.stdout, /1 records? (was|were) checked.*\nThe chain is complete\.\n/s, verified.stderr);
    assert.equal(verified.code, 0);
  });
});

describe("a request that is rejected with another answer than 401, 403 or 429", () => {
  const BOB = "of-bob-0123456789abcdef0123";
  const settings = { AUTH_TOKENS: `${AUTH_TOKENS},bob:operator@other:${BOB}` };
  const rejected = async (url: string) =>
    (await logOf(url, "?outcome=rejected")).map(({ actor, run, details }) => [actor, run, `${details}`.slice(0, 40)]);

  it("is recorded if it is for a run of another workflow", async (t) => {
    const { url } = await startService(t, { settings });
    const body = JSON.stringify({ application: "pr-1", revision: "a".repeat(40) });
    const headers = { ...bearer(ALICE), "content-type": "application/json", prefer: "respond-async" };
    const { headers: answered } = await send(url, { method: "POST", path: "/dispatch", body, headers });
    const run = `${answered["x-run-id"]}`;
    const hidden = [
      ["POST", `/api/runs/${run}/cancel`],
      ["GET", `/api/runs/${run}/logs`],
      ["POST", `/runs/${run}/rerun`],
      ["GET", `/runs/${run}/log.txt`],
    ] as const;
    for (const [method, path] of hidden)
      assert.equal((await send(url, { method, path, headers: bearer(BOB) })).status, 404, path);
    const unknown = "/api/runs/00000000-0000-4000-8000-000000000000";
    assert.equal((await send(url, { path: unknown, headers: bearer(BOB) })).status, 404);
    assert.deepEqual(
      (await rejected(url)).toSorted(),
      hidden.map(([method, path]) => ["token bob", run, `${method} ${path}: 404`.slice(0, 40)]).toSorted(),
    );
  });

  it("is recorded if an action leads to the sign-in page, not if a look at a page does", async (t) => {
    const { url } = await startService(t, { settings });
    await send(url, { path: "/" });
    const pause = { method: "POST", path: "/workflows/environment-ready/pause", body: "" };
    assert.equal((await send(url, pause)).headers.location, "/sign-in?next=%2Fworkflows");
    assert.deepEqual(await rejected(url), [
      ["unknown", undefined, "POST /workflows/environment-ready/pause: 303".slice(0, 40)],
    ]);
  });

  it("is recorded without the secret if the secret of a callback is wrong", async (t) => {
    const { url } = await startService(t, { settings });
    for (const path of ["/callbacks/guessed-secret-1", "/callbacks/guessed-secret-2/form"])
      assert.equal((await send(url, { method: "POST", path, body: "" })).status, 404);
    assert.deepEqual((await rejected(url)).toSorted(), [
      ["unknown", undefined, "POST /callbacks/…/form: 404"],
      ["unknown", undefined, "POST /callbacks/…: 404 There is no such ".slice(0, 40)],
    ]);
  });
});
