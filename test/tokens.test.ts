import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Client } from "pg";
import { routeLabel } from "../src/github/route-label.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { readConfig } from "../src/service/config/config.ts";
import { movedClock, until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { eventually } from "./support/process.ts";
import { startReceiver } from "./support/receiver.ts";
import { deploy, notify, type Service, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const CALLER = "caller-Token/with+odd=chars~1234567890";
const WEBHOOK_SECRET = 'what "GitHub" signs with';
const FLUX_KEY = "the key of Flux's secret";
const COLLECTOR_KEY = "collector-key-0123456789";
/** Tokens that the service does not know. */
const STRANGERS = [`github_pat_${"b2".repeat(30)}`, `ghs_${"c3".repeat(18)}`];
/** Has no token shape. Only its field shows that it is one. */
const CALLERS_TOKEN = "0123456789abcdef0123456789abcdef01234567";

const KNOWN = [TOKEN, CALLER, WEBHOOK_SECRET, FLUX_KEY, COLLECTOR_KEY, ...STRANGERS];

/** Its spellings in a text, in JSON, and in JSON inside JSON. */
const spellingsOf = (secret: string) => {
  const escaped = JSON.stringify(secret).slice(1, -1);
  return [secret, escaped, JSON.stringify(escaped).slice(1, -1), encodeURIComponent(secret), html(secret)];
};
const html = (text: string) => text.replaceAll('"', "&quot;").replaceAll("'", "&#39;");

function assertHoldsNone(text: string, where: string): void {
  for (const secret of [...KNOWN, CALLERS_TOKEN]) {
    for (const spelling of spellingsOf(secret)) {
      const at = text.indexOf(spelling);
      assert.equal(at, -1, `${where}: …${text.slice(Math.max(0, at - 100), at + 100)}…`);
    }
  }
}

/** Everything that a workflow can report or store, each with every token in it. */
const LEAKS = `import { defineWorkflow, skip, TransientFailure } from "gh-runner";
import * as z from "zod";
const TOKENS = ${JSON.stringify(KNOWN)};
const all = TOKENS.join(" ");
const deep = TOKENS.reduce((inner, token) => ({ ["x" + token]: [token, { a: { b: { c: { d: { e: inner } } } } }] }), {});
export default defineWorkflow({
  name: "leaks",
  on: { http: { path: "/leaks", body: z.object({ how: z.string() }) } },
  concurrency: () => "group " + all,
  dedupe: { key: () => all, within: "1h" },
  retry: false,
  labels: () => ({ all }),
  async run({ body: { how }, step, log }) {
    log.info(all, deep);
    if (how === "outputs") return deep;
    if (how === "text") return all;
    if (how === "skip") return skip(all);
    if (how === "step") return { same: await step("a " + all, () => deep) };
    if (how === "failing step") return step("b " + all, () => { throw new Error(all); });
    if (how === "transient") throw new TransientFailure({ tried: all, happened: all, remedy: all });
    throw new Error(all);
  },
});`;

const HOWS = ["outputs", "text", "skip", "step", "failing step", "transient", "error"];

const FILES = {
  "leaks.ts": LEAKS,
  "reads.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "reads",
  env: ["CHAT_URL", "STAGE"],
  on: { http: { path: "/reads", body: z.object({}) } },
  async run({ env }) { return { chat: "to " + env.CHAT_URL, stage: env.STAGE + "-7" }; },
});`,
  "takes.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "takes",
  on: { http: { path: "/takes", body: z.looseObject({}) } },
  concurrency: ({ body }) => body.group,
  async run({ body }) { return body; },
});`,
  "pushed.ts": `import { defineWorkflow, TransientFailure } from "gh-runner";
export default defineWorkflow({
  name: "pushed",
  on: { github: { events: "push" } },
  concurrency: ({ event }) => event.payload.ref,
  async run({ event, attempt }) {
    const { ref, commits } = event.payload;
    if (attempt === 1) throw new TransientFailure({ tried: "it", happened: commits[0].message, remedy: "Wait." });
    return { ref, commits };
  },
});`,
  "deployed.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "deployed",
  on: { flux: { path: "/flux" } },
  concurrency: ({ body }) => body.involvedObject.name,
  async run({ body }) { return body; },
});`,
};

const bearer = { authorization: `Bearer ${CALLER}` };

const post = (url: string, path: string, body: unknown, headers: Record<string, string> = bearer) =>
  send(url, { method: "POST", path, body: JSON.stringify(body), headers });

function push(url: string, payload: unknown, delivery: string = randomUUID()) {
  const text = JSON.stringify(payload);
  return post(url, "/webhooks/github", payload, {
    "x-github-event": "push",
    "x-github-delivery": delivery,
    "x-hub-signature-256": `sha256=${createHmac("sha256", WEBHOOK_SECRET).update(text).digest("hex")}`,
  });
}

function tell(url: string, event: unknown) {
  const text = JSON.stringify(event);
  return post(url, "/flux", event, {
    "x-signature": `sha256=${createHmac("sha256", FLUX_KEY).update(text).digest("hex")}`,
  });
}

const fluxEvent = (token: string, n: number) => ({
  involvedObject: { kind: "Kustomization", namespace: "flux", name: `pr-${token}`, uid: `u${n}` },
  timestamp: "2026-11-24T12:00:00Z",
  message: `url is https://x:${token}@example.com`,
  reason: "ReconciliationSucceeded",
  metadata: { "kustomize.toolkit.fluxcd.io/revision": `main/${token}`, [`x/${token}`]: "y" },
});

/** A service whose notices, traces and answers are all recorded. */
async function startTold(t: TestContext, settings: Record<string, string>, options = {}) {
  const [collector, chat] = [await startReceiver(t), await startReceiver(t)];
  const service = await startService(t, {
    settings: {
      AUTH_TOKENS: CALLER,
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      FLUX_HMAC_KEY: FLUX_KEY,
      WORKFLOWS_DIR: workflowsFolder(t, FILES),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${COLLECTOR_KEY}`,
      NOTIFY_URL: `${chat.url}/hook`,
      CHAT_URL: "https://chat.example/hooks/0123",
      STAGE: "preview",
      LOG_LEVEL: "trace",
      ...settings,
    },
    options,
  });
  service.github.token(CALLERS_TOKEN);
  return { ...service, collector, chat };
}

const runsOf = async (url: string): Promise<{ id: string; workflow: string; status: string; group?: string }[]> =>
  (await send(url, { path: "/api/runs?limit=100", headers: bearer })).json.runs;

async function ended(url: string): Promise<void> {
  await until("all runs have ended or wait", async () =>
    (await runsOf(url)).every(({ status }) => status !== "running"),
  );
}

/** Sends every token in every way, and returns the answers. */
async function bringAll({ url, github }: Service): Promise<string[]> {
  const answers: string[] = [];
  const keep = async (answer: ReturnType<typeof send>, status?: number) => {
    const { text, headers, status: answered } = await answer;
    if (status !== undefined) assert.equal(answered, status, text);
    answers.push(text + JSON.stringify(headers));
    return text;
  };
  const rejected = async (body: Record<string, unknown>, field: string) => {
    const text = await keep(notify(url, body, bearer), 400);
    assert.ok(text.includes(`body.${field} contains a token`), text);
    assert.ok(text.includes("github_token in the body") && text.includes("GITHUB_TOKEN"), text);
  };
  deploy(github, "pr-1", "abc");
  for (const secret of [...KNOWN, CALLERS_TOKEN]) {
    const asField = { github_token: secret };
    // A rejected `github_token` does not count as one. The service's secrets and tokens of strangers are hidden without it.
    const brought = secret === CALLERS_TOKEN ? asField : {};
    const name = `pr-${secret.replace(/[\\/]/g, "")}`;
    if (name.includes(secret)) await rejected({ application: name, ...brought }, "application");
    await rejected({ application: secret, ...brought }, "application");
    await rejected({ application: "pr-1", revision: `heads/${secret}`, ...brought }, "revision");
    await keep(notify(url, { application: secret, revision: "\n", ...asField }, bearer), 400);
    await keep(notify(url, { application: `$${secret}`, ...asField }, bearer), 400);
    await keep(notify(url, { application: "pr-1", ...asField }, bearer));
  }
  // GitHub repeats the caller's token.
  for (const fault of [
    { kind: "status", status: 403, body: JSON.stringify({ message: `no access with ${CALLERS_TOKEN}` }) },
    { kind: "status", status: 422, headers: { "x-github-request-id": `id-${CALLERS_TOKEN}` }, body: "{}" },
  ] as const) {
    github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, fault);
    await keep(notify(url, { application: "pr-1", github_token: CALLERS_TOKEN }, bearer), 500);
    github.clearFaults();
  }
  // A tag that is a token.
  for (const [at, secret] of [TOKEN, ...STRANGERS].entries()) {
    deploy(github, `pr-tag-${at}`, secret);
    const text = await keep(notify(url, { application: `pr-tag-${at}` }, bearer), 200);
    assert.deepEqual(JSON.parse(text), { status: "success", commitHash: "***", sourceName: `pr-tag-${at}` });
  }
  for (const secret of KNOWN) {
    for (const [body, place] of [
      [{ github_token: secret }, "body.github_token"],
      [{ a: [{ b: `x ${secret}` }] }, "body.a.0.b"],
      [{ list: { [`n${"_"}${secret}`]: 1 } }, "body.list.n_***"],
      [{ text: `{"inside":${JSON.stringify(secret)}}` }, "body.text"],
      [{ text: `line\n${secret}` }, "body.text"],
    ] as const) {
      const text = await keep(post(url, "/takes", body), 400);
      assert.ok(text.includes(`${place} contains a token, and gh-runner stores what starts a run`), text);
      assert.match(text, /`env`, `githubToken` and `githubApp`/);
    }
  }
  for (const how of HOWS) await keep(post(url, "/leaks", { how }));
  for (const [n, secret] of KNOWN.entries()) {
    const payload = {
      ref: `refs/heads/${secret}`,
      commits: [{ message: `fix\n${secret}`, [secret]: { deep: JSON.stringify({ secret }) } }],
    };
    await keep(push(url, payload), 202);
    await keep(push(url, payload, `delivery ${secret}`), 202);
    await keep(tell(url, fluxEvent(secret, n)), 202);
  }
  await ended(url);
  for (const path of ["/api/runs?limit=100", "/", "/?status=failure", "/events", "/metrics", "/openapi.json"]) {
    await keep(send(url, { path, headers: bearer }), 200);
  }
  for (const { id } of await runsOf(url)) {
    await keep(send(url, { path: `/api/runs/${id}`, headers: bearer }), 200);
    await keep(send(url, { path: `/runs/${id}`, headers: bearer }), 200);
  }
  const live = await fetch(`${url}/live`, { headers: bearer });
  const reader = live.body!.getReader();
  answers.push(new TextDecoder().decode((await reader.read()).value));
  await reader.cancel();
  return answers;
}

/** What people see at a terminal. */
async function commands({ url }: Service, settings: Record<string, string>): Promise<string[]> {
  const of = async (args: readonly string[], more: Record<string, string>) => {
    const { code, stdout, stderr } = await command(args, more);
    assert.equal(code, 0, stderr);
    return stdout + stderr;
  };
  const client = { GH_RUNNER_URL: url, GH_RUNNER_TOKEN: CALLER };
  const some = (await runsOf(url)).filter(
    ({ workflow }, at, all) => at === all.findIndex((one) => one.workflow === workflow),
  );
  return [
    await of(["runs", "list"], client),
    ...(await Promise.all(some.map(({ id }) => of(["runs", "show", id], client)))),
    await of(["export"], settings),
  ];
}

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((file) =>
    // The compiled files there contain the source of the workflow above.
    file.isFile() && !file.parentPath.includes("compiled") ? [join(file.parentPath, file.name)] : [],
  );

async function assertSaysNone(
  service: Awaited<ReturnType<typeof startTold>>,
  said: { answers: string[]; printed: string[] },
): Promise<void> {
  const { app, collector, chat, logLines } = service;
  await until("a notice came", () => chat.received.length > 0);
  await app.close();
  await eventually("traces came", 60_000, () => collector.received.length > 0);
  const bodies = (all: typeof chat.received) => all.map(({ body }) => body);
  for (const [where, texts] of Object.entries({
    ...said,
    log: [...logLines],
    traces: bodies(collector.received),
    notices: bodies(chat.received),
  })) {
    assert.ok(texts.join("").includes(where === "traces" ? "leaks" : "***"), `${where}: nothing was to be seen there`);
    for (const text of texts) assertHoldsNone(text, where);
  }
}

describe("a token is never written down", () => {
  const postgres = postgresForTests();

  it("in no file of DATA_DIR, answer, page, command, log, trace or notice", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const service = await startTold(t, { DATA_DIR });
    const answers = await bringAll(service);
    const printed = await commands(service, { DATA_DIR });
    const files = filesOf(DATA_DIR);
    assert.ok(files.some((file) => file.endsWith("-wal")));
    for (const file of files) assertHoldsNone(readFileSync(file, "latin1"), file);
    await assertSaysNone(service, { answers, printed });
    const database = readFileSync(join(DATA_DIR, "gh-runner.sqlite"), "latin1");
    assert.ok(database.includes("refs/heads/***"), "nothing was stored, so nothing was tested");
    for (const file of filesOf(DATA_DIR)) assertHoldsNone(readFileSync(file, "latin1"), file);
  });

  it("in no table of PostgreSQL", async (t) => {
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
    const service = await startTold(t, settings);
    const answers = await bringAll(service);
    const printed = await commands(service, settings);
    await assertSaysNone(service, { answers, printed });
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    t.after(() => client.end());
    const tables = await client.query(
      "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname LIKE $1 || '%'",
      [settings.DATABASE_SCHEMA],
    );
    assert.ok(tables.rows.length >= 8, `${tables.rows.length} tables`);
    let stored = "";
    const password = decodeURIComponent(new URL(postgres.url).password);
    for (const { name } of tables.rows) {
      const { rows } = await client.query(`SELECT to_json(t)::text AS row FROM ${name} AS t`);
      for (const { row } of rows) {
        stored += row;
        assertHoldsNone(row, name);
        assert.ok(!row.includes(password), name);
      }
    }
    assert.ok(stored.includes("refs/heads/***"));
  });

  it("after a rejection, which stores no run, only the rejection", async (t) => {
    const { url } = await startService(t);
    for (const body of [{ application: `pr-${TOKEN}` }, { application: `pr_${TOKEN}` }, { application: TOKEN }]) {
      assert.equal((await notify(url, body)).status, 400);
    }
    assert.equal((await notify(url, { application: `pr-${CALLERS_TOKEN}`, github_token: CALLERS_TOKEN })).status, 400);
    assert.deepEqual((await send(url, { path: "/api/runs" })).json.runs, []);
    const { text } = await send(url, { path: "/events" });
    assert.match(text, /body\.application contains a token/);
    assert.match(text, /pr-\*\*\*/);
  });

  it("so an event of GitHub is the same without it for every attempt", async (t) => {
    const clock = movedClock();
    const { url } = await startTold(t, {}, { clock, random: () => 0 });
    const payload = { ref: "refs/heads/main", commits: [{ message: `fix\n${CALLER}` }] };
    const { json } = await push(url, payload);
    await until("the first attempt has failed", async () => (await runsOf(url))[0]?.status === "queued");
    const run = async () => (await send(url, { path: `/api/runs/${json.runs[0].run}`, headers: bearer })).json;
    assert.match((await run()).reason, /fix \*\*\*/);
    clock.move(5000);
    await until("the second has ended", async () => (await run()).status === "success");
    const { input, outputs } = await run();
    assert.deepEqual(outputs.commits, [{ message: "fix\n***" }]);
    assert.deepEqual(input.payload.commits, outputs.commits);
  });

  it("so events that differ only by a token are always separate", async (t) => {
    const { url } = await startTold(t, {});
    for (const token of STRANGERS) {
      await tell(url, fluxEvent(token, 1));
      await ended(url);
    }
    assert.equal((await runsOf(url)).length, 2);
  });

  it("so a step returns its stored form, in its first attempt too", async (t) => {
    const { url } = await startTold(t, {});
    await post(url, "/leaks", { how: "step" });
    const [run] = await runsOf(url);
    const { steps, outputs, group } = (await send(url, { path: `/api/runs/${run?.id}`, headers: bearer })).json;
    assert.equal(group, `group ${KNOWN.map(() => "***").join(" ")}`);
    assert.equal(steps[0].name, `a ${KNOWN.map(() => "***").join(" ")}`);
    assert.deepEqual(outputs.same, steps[0].result);
    assert.equal(outputs.same["x***"][0], "***");
  });

  it("so an answer contains no value of a variable, but may share words with one", async (t) => {
    const { url } = await startTold(t, {});
    const { json } = await post(url, "/reads", {});
    assert.deepEqual(json, { status: "success", chat: "to ***", stage: "preview-7" });
  });

  it("so a key with a token in it recognises no repeats", async (t) => {
    const { url } = await startTold(t, {});
    for (let times = 0; times < 2; times++) {
      assert.equal((await post(url, "/leaks", { how: "text" })).json.status, "success");
    }
  });
});

describe("a route that a workflow wrote", () => {
  it("never puts a token or a name into metrics, traces, the log or a reason", async (t) => {
    const collector = await startReceiver(t);
    const secret = "correct-horse-battery-staple";
    const { url, app, logLines } = await startService(t, {
      settings: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        ROUTE_KEY: secret,
        WORKFLOWS_DIR: workflowsFolder(t, {
          "asks.ts": httpWorkflow(
            "asks",
            `const of = (part) => github.request("GET /repos/acme/shop/" + part + "?key=" + part, {}, { allow: [404] });
             for (const part of [${JSON.stringify(TOKEN)}, env.ROUTE_KEY, "{" + env.ROUTE_KEY + "}", "a/b#c"]) await of(part);
             await github.request("POST /x/" + env.ROUTE_KEY);`,
            'env: ["ROUTE_KEY"],',
          ),
        }),
      },
    });
    const { json } = await post(url, "/asks", {}, {});
    assert.match(json.detail, /Requesting POST \/x\/\*\*\* failed/);
    const { text: metrics } = await send(url, { path: "/metrics" });
    const run = await send(url, { path: "/api/runs" });
    await app.close();
    const spans = collector.received.map(({ body }) => body).join();
    for (const [where, said] of Object.entries({
      metrics,
      spans,
      run: run.text,
      log: logLines.join(),
      json: json.detail,
    })) {
      for (const hidden of [TOKEN, secret]) assert.ok(!said.includes(hidden), `${where}: ${said.slice(0, 3000)}`);
    }
    assert.match(metrics, /github_request_duration_seconds_count\{route="GET \/repos\/\*\/\*\/\*",status="404"\} 3/);
    assert.match(spans, /"GET \/repos\/\*\/\*\/\*"/);
  });

  it("keeps all words of GitHub's API", () => {
    const names = new URL("../sandbox/github-openapi/names.json", import.meta.url);
    const { paths } = JSON.parse(readFileSync(names, "utf8")) as { paths: readonly string[] };
    for (const path of paths) assert.equal(routeLabel(`GET ${path}`), `GET ${path}`);
    assert.equal(
      routeLabel("GET /repos/{owner}/{repo}/contents/{+path}"),
      "GET /repos/{owner}/{repo}/contents/{+path}",
    );
    assert.equal(routeLabel("no route"), "* /*");
  });
});

describe("what is a token", () => {
  it("is every setting that is a secret", () => {
    const secrets = {
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      FLUX_HMAC_KEY: FLUX_KEY,
      AUTH_TOKENS: `${CALLER},another-caller-0123`,
      GITHUB_TOKEN: TOKEN,
      DATABASE_PASSWORD: "of the database, 0123",
      HTTPS_PROXY: "http://user:proxy-password-0123@proxy.example:3128",
      NOTIFY_URL: "https://hooks.example/services/T0/B0/path-password-0123?key=query-password-0123",
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${COLLECTOR_KEY}`,
      OIDC_CLIENT_SECRET: "oidc-client-secret-0123",
      GITHUB_CLIENT_SECRET: "github-client-secret-0123",
    };
    const beside = {
      ...{ OIDC_ISSUER: "https://id.example", OIDC_CLIENT_ID: "gh-runner", GITHUB_CLIENT_ID: "Iv23abc" },
      ...{ SIGN_IN_ROLES: "*=viewer,github:acme=viewer", PUBLIC_URL: "https://ci.example" },
      DATABASE_URL: "postgres://u:url%20password-0123@db.example/x",
    };
    const { tokenIn } = knownSecrets(readConfig({ ...secrets, ...beside }).secrets);
    for (const held of [
      ...[WEBHOOK_SECRET, FLUX_KEY, CALLER, "another-caller-0123", TOKEN, "of the database, 0123", COLLECTOR_KEY],
      ...[
        "proxy-password-0123",
        secrets.OIDC_CLIENT_SECRET,
        secrets.GITHUB_CLIENT_SECRET,
        secrets.NOTIFY_URL,
        "path-password-0123",
        "query-password-0123",
        "url password-0123",
        "url%20password-0123",
      ],
    ]) {
      assert.equal(tokenIn({ a: { b: `x${held}y` } }), "a.b", held);
    }
    const shown = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    const [service = ""] = shown.split("## Commands that call a running service");
    const names = [...service.matchAll(/^\| `(\w+)`, `\1_FILE`/gm)].map(([, name = ""]) => name);
    // AUTH_OIDC is not secret, and may be a file.
    const others = ["HTTP_PROXY", "DATABASE_URL", "GITHUB_APP_PRIVATE_KEY", "AUTH_OIDC"];
    assert.deepEqual(names.toSorted(), [...Object.keys(secrets), ...others].toSorted());
  });

  it("is a private key in its usual spellings, and any text that looks like a token of GitHub", () => {
    const { withoutTokens } = knownSecrets([]);
    const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----";
    for (const [given, left] of [
      [`a ${pem} b`, "a *** b"],
      [`a ${pem.replaceAll("\n", "\\n")} b`, "a *** b"],
      [`a ${btoa(pem)} b`, "a *** b"],
      [`a ${pem.slice(0, 40)}`, "a ***"],
      [`pr_${TOKEN}`, "pr_***"],
      [`pr${STRANGERS[1]}`, "pr***"],
      [`https://x-access-token:${STRANGERS[1]}@github.com/a/b`, "https://x-access-token:***@github.com/a/b"],
    ]) {
      assert.deepEqual(withoutTokens({ given }), { given: left });
    }
    for (const text of [
      "laughs_and_other_things_of_summer",
      "ghp_short",
      "a private key",
      "basic internationalization",
    ]) {
      assert.equal(withoutTokens(text), text);
    }
  });

  it("is not a normal word, even a secret one, and not a variable of a workflow, which may be the name of a repository", () => {
    const { hide, withoutTokens, scrub } = knownSecrets(["postgres"]);
    hide("acme/shop-of-all-shops");
    const payload = { ref: "upgrade-postgres", repository: "acme/shop-of-all-shops" };
    assert.equal(withoutTokens(payload), payload);
    assert.equal(scrub(Object.values(payload).join()), "upgrade-***,***");
  });

  it("is hidden completely, even if it contains a shorter one", () => {
    const { withoutTokens } = knownSecrets(["part-of-it-0123", "part-of-it-0123-and-more"]);
    assert.equal(withoutTokens("a part-of-it-0123-and-more"), "a ***");
  });
});
