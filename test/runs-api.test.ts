import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as z from "zod";
import { openAccess } from "../src/access/identify.ts";
import { httpApp } from "../src/http/routes.ts";
import { defineWorkflow, type Workflow } from "../src/index.ts";
import { systemClock } from "../src/model/clock.ts";
import { unchanging } from "../src/model/renewable.ts";
import { RUN_STATUSES } from "../src/model/run.ts";
import { StoreUnavailable } from "../src/model/store.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { environmentReady } from "../src/workflows/environment-ready.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { writePreview } from "./support/previews.ts";
import { deploy, type HttpAnswer, notify, type Service, send, startService, TOKEN } from "./support/service.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NONE = unchanging([]);
const ASYNC = { prefer: "respond-async" };
const UNKNOWN_ID = "00000000-0000-4000-8000-000000000000";

const get = (url: string, path: string, headers = {}) => send(url, { path, headers });
const rerun = (url: string, id: string, query = "") =>
  send(url, { method: "POST", path: `/api/runs/${id}/rerun${query}` });
const idOf = (answer: HttpAnswer) => String(answer.headers["x-run-id"]);
const idsIn = (answer: HttpAnswer): string[] => answer.json.runs.map(({ id }: { id: string }) => id);

async function ended(url: string, id: string) {
  let run: HttpAnswer["json"];
  await until(`run ${id} has ended`, async () => {
    run = (await get(url, `/api/runs/${id}`)).json;
    return run.endedAt !== undefined;
  });
  return run;
}

/** One run for each way in which a run can end, newest last. */
async function startWithHistory(t: TestContext) {
  const service = await startService(t, { options: { serverLimits: { drainMs: 50 } } });
  const { github, url } = service;
  deploy(github, "pr-good", "abc");
  const success = idOf(await notify(url, { application: "pr-good" }));
  const skipped = idOf(await notify(url, { application: "main" }));
  const failure = idOf(await notify(url, { application: "pr-none" }));
  const hang = github.fault({}, { kind: "hang" });
  const slow = idOf(await notify(url, { application: "pr-good", revision: "a" }, ASYNC));
  const superseded = idOf(await notify(url, { application: "pr-good", revision: "b" }, ASYNC));
  const waiting = idOf(await notify(url, { application: "pr-good", revision: "c" }, ASYNC));
  return { service, url, hang, success, skipped, failure, slow, superseded, waiting };
}

describe("GET /api/runs", () => {
  it("lists runs, newest first, with their times as text, without their input and without absent values", async (t) => {
    const { url, success, skipped, failure, slow, superseded, waiting } = await startWithHistory(t);
    const answer = await get(url, "/api/runs");
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers["content-type"]), /^application\/json/);
    assert.deepEqual(idsIn(answer), [waiting, superseded, slow, failure, skipped, success]);
    assert.deepEqual(Object.keys(answer.json), ["runs"]);

    const byId = Object.fromEntries(answer.json.runs.map((run: { id: string }) => [run.id, run]));
    const { acceptedAt, startedAt, endedAt, ...rest } = byId[success];
    for (const time of [acceptedAt, startedAt, endedAt]) assert.match(time, TIME);
    assert.deepEqual(rest, {
      id: success,
      workflow: "environment-ready",
      group: "pr-good",
      trigger: "http",
      actor: "anonymous",
      status: "success",
      ownToken: false,
      attemptCount: 1,
      outputs: { commitHash: "abc", sourceName: "pr-good" },
    });
    assert.equal(byId[skipped].reason, "application name doesn't start with 'pr-'");
    assert.deepEqual([byId[failure].http, byId[failure].kind], [404, "permanent"]);
    assert.deepEqual([byId[slow].status, byId[slow].endedAt], ["running", undefined]);
    assert.match(byId[waiting].dueAt, TIME);
    assert.equal(byId[superseded].supersededBy, waiting);
    assert.deepEqual((await get(url, `/api/runs/${success}`)).json.input, { application: "pr-good" });
  });

  it("filters by status, workflow and concurrency group, also by all together", async (t) => {
    const { url, success, skipped, failure, slow, superseded, waiting } = await startWithHistory(t);
    for (const [query, expected] of [
      ["status=failure", [failure]],
      ["status=queued", [waiting]],
      ["status=superseded", [superseded]],
      ["group=pr-good", [waiting, superseded, slow, success]],
      ["group=main", [skipped]],
      ["workflow=environment-ready&limit=1", [waiting]],
      ["status=success&workflow=environment-ready&group=pr-good", [success]],
      ["status=failure&group=pr-good", []],
      ["text=PR-GOOD", [waiting, superseded, slow, success]],
      ["text=PR-GOOD+status:success", [success]],
      ["text=good&status=superseded", [superseded]],
      ["text=by:anonymous+pr-none", [failure]],
      ["text=trigger:schedule", []],
      ["since=1h&status=failure", [failure]],
      ["until=1h", []],
      ["text=since:1h&group=main", [skipped]],
    ] as const) {
      assert.deepEqual(idsIn(await get(url, `/api/runs?${query}`)), expected, query);
    }
  });

  it("gives every run exactly once over its pages, while newer ones arrive", async (t) => {
    const { url } = await startService(t);
    const before: string[] = [];
    for (let at = 0; at < 7; at++) before.unshift(idOf(await notify(url, { application: `main-${at}` })));
    const seen: string[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: HttpAnswer = await get(url, `/api/runs?limit=3${next && `&cursor=${next}`}`);
      seen.push(...idsIn(page));
      next = page.json.next;
      await notify(url, { application: "later" });
    }
    assert.deepEqual(seen, before);
  });

  it("shows 20 runs by default", async (t) => {
    const { url } = await startService(t);
    await Promise.all(Array.from({ length: 21 }, (_, at) => notify(url, { application: `main-${at}` })));
    const page = (await get(url, "/api/runs")).json;
    assert.equal(page.runs.length, 20);
    assert.ok(page.next);
  });

  it("finds runs by the beginning of their id", async (t) => {
    const { url, failure } = await startWithHistory(t);
    assert.deepEqual(idsIn(await get(url, `/api/runs?id=${failure.slice(0, 8)}`)), [failure]);
    assert.deepEqual(idsIn(await get(url, `/api/runs?id=${failure.toUpperCase()}`)), [failure]);
  });

  it("reports that there is no workflow of that name, unless runs of it are left", async (t) => {
    const { url } = await startWithHistory(t);
    const answer = await get(url, "/api/runs?workflow=nope&status=failure");
    assert.equal(answer.status, 404);
    assert.equal(answer.json.detail, 'There is no workflow "nope", and it has no runs. Workflows: environment-ready.');
    assert.deepEqual((await get(url, "/api/runs?workflow=environment-ready&group=none")).json, { runs: [] });
  });

  it("lists the runs of a workflow that was removed", async (t) => {
    const dataDir = temporaryFolder(t);
    const gone = defineWorkflow({
      name: "gone",
      on: { http: { path: "/gone", body: z.object({}) } },
      run: async () => ({}),
    });
    const before = await startService(t, {
      settings: { DATA_DIR: dataDir },
      options: { workflows: [{ workflow: gone, file: "gone.ts" }] },
    });
    await send(before.url, { method: "POST", path: "/gone", body: "{}", headers: { "content-length": "2" } });
    await before.app.close();
    const { url } = await startService(t, { settings: { DATA_DIR: dataDir } });
    assert.equal((await get(url, "/api/runs?workflow=gone")).json.runs.length, 1);
    assert.deepEqual((await get(url, "/api/runs?workflow=gone&status=failure")).json, { runs: [] });
  });

  it("rejects unknown query values, and names the known ones", async (t) => {
    const { url } = await startService(t);
    for (const [query, detail] of [
      ["status=done", `status must be one of ${RUN_STATUSES.join(", ")}.`],
      ["status=", `status must be one of ${RUN_STATUSES.join(", ")}.`],
      ["status=failure&status=success", `status must be one of ${RUN_STATUSES.join(", ")}.`],
      ["group=a&group=b", "group must be given once."],
      ["limit=0", "limit must be a whole number from 1 to 100."],
      ["limit=101", "limit must be a whole number from 1 to 100."],
      ["limit=many", "limit must be a whole number from 1 to 100."],
      ["limit=1.5", "limit must be a whole number from 1 to 100."],
      ["limit=", "limit must be a whole number from 1 to 100."],
      ["cursor=abc", "cursor must be the `next` of an earlier answer."],
      ["id=pr-1", "id must be the beginning of a run's id."],
      ["id=3f2a1c9e7b", "id must be the beginning of a run's id."],
      ["id=", "id must be the beginning of a run's id."],
      ["state=failure", "The query takes only id, status, workflow, group, text, since, until, limit and cursor."],
      ["text=status:failed", "status:failed: did you mean status:failure?"],
      ["text=status:success&status=failure", "status is given twice, as a parameter and in text. Give it once."],
      ["since=yesterday", "since must be a length of time such as 2h, or a time such as 2026-11-24T12:00:00Z."],
    ] as const) {
      const answer = await get(url, `/api/runs?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.json.detail, detail, query);
    }
  });
});

describe("GET /api/runs/{id}", () => {
  it("returns a run's attempts, and the runs that it replaced", async (t) => {
    const { url, failure, superseded, waiting } = await startWithHistory(t);
    const failed = (await get(url, `/api/runs/${failure}`)).json;
    assert.equal(failed.status, "failure");
    assert.equal(failed.attempts.length, 1);
    const [{ startedAt, endedAt, githubRequestId, code, ...attempt }] = failed.attempts;
    assert.match(code, /^[0-9a-f]{12}$/);
    for (const time of [startedAt, endedAt]) assert.match(time, TIME);
    assert.equal(typeof githubRequestId, "string");
    assert.deepEqual(attempt, { number: 1, outcome: "failure", reason: failed.reason, kind: "permanent" });
    assert.deepEqual(failed.steps, []);
    assert.deepEqual(failed.superseded, []);

    assert.deepEqual((await get(url, `/api/runs/${waiting}`)).json.superseded, [superseded]);
  });

  it("answers 404 for a missing run", async (t) => {
    const { url } = await startService(t);
    for (const id of [UNKNOWN_ID, "x", "%00", "%2e%2e%2f"]) {
      const answer = await get(url, `/api/runs/${id}`);
      assert.equal(answer.status, 404, id);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.match(answer.json.detail, /^There is no run .*GET \/api\/runs lists all runs/);
    }
  });
});

describe("POST /api/runs/{id}/rerun", () => {
  it("queues a failed run again, which then succeeds as the same run", async (t) => {
    const { github, url } = await startService(t);
    const id = idOf(await notify(url, { application: "pr-1" }));
    assert.equal((await get(url, `/api/runs/${id}`)).json.status, "failure");
    deploy(github, "pr-1", "abc");
    const answer = await rerun(url, id);
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.location, `/api/runs/${id}`);
    assert.equal(answer.json.id, id);
    assert.equal(answer.json.status, "queued");
    assert.match(answer.json.dueAt, TIME);
    for (const gone of ["reason", "http", "kind", "endedAt"]) assert.ok(!(gone in answer.json), gone);

    const run = await ended(url, id);
    assert.equal(run.status, "success");
    assert.equal(run.attemptCount, 2);
    assert.deepEqual(
      run.attempts.map(({ number, outcome }: { number: number; outcome: string }) => [number, outcome]),
      [
        [1, "failure"],
        [2, "success"],
      ],
    );
    assert.equal(github.dispatches.length, 1);
  });

  it("answers 404 for a missing run, and 409 with the reason for one that cannot be re-run", async (t) => {
    const { url, slow, failure } = await startWithHistory(t);
    assert.equal((await rerun(url, UNKNOWN_ID)).status, 404);
    const running = await rerun(url, slow);
    assert.equal(running.status, 409);
    assert.equal(running.headers["content-type"], "application/problem+json");
    assert.match(running.json.detail, /still running/);
    const ownToken = idOf(await notify(url, { application: "main", github_token: TOKEN }));
    assert.match((await rerun(url, ownToken)).json.detail, /brought its token, which is not stored/);
    assert.equal((await rerun(url, failure)).status, 202);
  });

  it("answers 409 with the newer run of the group, unless evenIfOlder is set", async (t) => {
    const { github, url } = await startService(t);
    const older = idOf(await notify(url, { application: "pr-1" }));
    deploy(github, "pr-1", "new");
    const newer = idOf(await notify(url, { application: "pr-1" }));
    const answer = await rerun(url, older);
    assert.deepEqual([answer.status, answer.json.notNeeded], [409, true]);
    assert.match(answer.json.detail, new RegExp(`newer run: ${newer} \\(success\\).*add \\?evenIfOlder=true`));
    assert.equal((await rerun(url, older, "?evenIfOlder=false")).status, 409);
    const wrong = await rerun(url, older, "?evenIfOlder=1");
    assert.deepEqual([wrong.status, wrong.json.detail], [400, "evenIfOlder must be true or false."]);
    const misspelt = await rerun(url, older, "?evenifolder=true");
    assert.deepEqual([misspelt.status, misspelt.json.detail], [400, "The query takes only evenIfOlder and from."]);
    assert.equal(github.dispatches.length, 1);
    assert.equal((await rerun(url, older, "?evenIfOlder=true")).status, 202);
    await ended(url, older);
    assert.equal(github.dispatches.length, 2);
  });
});

describe("the runs API and /openapi.json", () => {
  it("are closed to callers without one of AUTH_TOKENS", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: "first-token,second-token" } });
    const id = idOf(await notify(url, { application: "main" }, { authorization: "Bearer first-token" }));
    const basic = `Basic ${Buffer.from("argocd:second-token").toString("base64")}`;
    for (const [method, path, status] of [
      ["GET", "/api/runs", 200],
      ["GET", `/api/runs/${id}`, 200],
      ["POST", `/api/runs/${id}/rerun`, 202],
      ["GET", "/api/previews", 200],
      ["GET", "/openapi.json", 200],
    ] as const) {
      for (const headers of [{}, { authorization: "Bearer wrong" }]) {
        const answer = await send(url, { method, path, headers });
        assert.equal(answer.status, 401, path);
        assert.equal(answer.headers["content-type"], "application/problem+json");
      }
      assert.equal((await send(url, { method, path, headers: { authorization: basic } })).status, status, path);
    }
  });

  it("answer other methods with 405 and the one to use", async (t) => {
    const { url } = await startService(t);
    for (const [path, method, allow] of [
      ["/api/runs", "POST", "GET, HEAD"],
      ["/api/runs/x", "DELETE", "GET, HEAD"],
      ["/api/runs/x/rerun", "GET", "POST"],
      ["/openapi.json", "PUT", "GET, HEAD"],
      ["/ready", "POST", "GET, HEAD"],
      ["/metrics", "POST", "GET, HEAD"],
    ] as const) {
      const answer = await send(url, { method, path });
      assert.equal(answer.status, 405, path);
      assert.equal(answer.headers.allow, allow);
      assert.match(answer.json.detail, new RegExp(`${method} is not allowed here. Send ${allow.split(",")[0]}`));
    }
  });

  it("answer 503 with Retry-After while the store is unavailable", async () => {
    const away = async () => {
      throw new StoreUnavailable("the disk is full");
    };
    const app = appWith([], {
      runs: { list: away, get: away, lines: away, rerun: away, rerunWith: away, cancel: away },
      previews: away,
    });
    for (const [method, path] of [
      ["GET", "/api/runs"],
      ["GET", "/api/runs/x"],
      ["GET", "/api/previews"],
      ["GET", "/api/runs/x/logs"],
      ["POST", "/api/runs/x/rerun"],
      ["POST", "/api/runs/x/cancel"],
    ] as const) {
      const answer = await app.request(path, { method });
      assert.equal(answer.status, 503, path);
      assert.equal(answer.headers.get("retry-after"), "1");
    }
  });
});

function appWith(workflows: readonly Workflow[], engine: Partial<Parameters<typeof httpApp>[1]> = {}) {
  const never = async () => assert.fail("is not called");
  const runs = { list: never, get: never, lines: never, rerun: never, rerunWith: never, cancel: never };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  return httpApp(
    workflows,
    {
      accept: never,
      previews: never,
      answers: { why: never, events: never },
      fileOf: new Map(),
      facts: { all: never, one: never },
      broken: [],
      outdated: [],
      startByHand: never,
      wake: never,
      answerCallback: never,
      bulk: { rerunAll: never, cancelAll: never },
      audit: { list: never, verify: never, flush: never },
      pauses: { paused: async () => [], pause: never, resume: never },
      runs,
      checkReady: async () => {},
      storeTrouble: () => undefined,
      outage: never,
      metrics: never,
      ...engine,
    },
    { access: openAccess([]), webhookSecrets: NONE, fluxKeys: NONE, secretsOf: () => NONE, hasServiceToken: true },
    {
      ...{ failedAuthentication() {}, rejected() {}, noRun() {}, log, secrets: knownSecrets([]) },
      audit: { rejected() {} },
      events: { heard() {}, ignored() {} },
    },
    { version: "1.2.3", publicUrl: undefined, clock: systemClock },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: the tests walk through the document freely
type Document = any;

const documentOf = async (service: Pick<Service, "url">): Promise<Document> =>
  (await get(service.url, "/openapi.json")).json;

function at(document: Document, reference: string): unknown {
  assert.match(reference, /^#\//);
  return reference
    .slice(2)
    .split("/")
    .reduce((node: Document, key) => node?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}

/** Every object in the document. */
function* nodesOf(node: unknown): Generator<Record<string, unknown>> {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) yield node as Record<string, unknown>;
  for (const child of Object.values(node)) yield* nodesOf(child);
}

/** How a real answer deviates from the document. Empty when it matches. */
function deviations(document: Document, route: string, answer: HttpAnswer): string[] {
  const [method = "", path = ""] = route.split(" ");
  const documented = document.paths[path]?.[method.toLowerCase()]?.responses[answer.status];
  if (!documented) return [`${route}: ${answer.status} is not documented`];
  const mediaType = String(answer.headers["content-type"]).split(";")[0] ?? "";
  const media = documented.content?.[mediaType];
  if (!media) return [`${route}: ${answer.status} as ${mediaType} is not documented`];
  const missing = Object.keys(documented.headers ?? {}).filter((name) => !(name.toLowerCase() in answer.headers));
  const validate = validatorOf(withoutMore(document), media.schema);
  const wrong = validate(answer.json) ? [] : (validate.errors ?? []).map((each) => `${route}: ${JSON.stringify(each)}`);
  return [...missing.map((name) => `${route}: ${answer.status} without ${name}`), ...wrong];
}

/** The same document, with explicit additional properties for open objects. */
function withoutMore(document: Document): Document {
  const strict = structuredClone(document);
  for (const node of nodesOf(strict.components.schemas)) {
    if (node.type === "object" && node.properties) node.additionalProperties ??= false;
  }
  return strict;
}

function validatorOf(document: Document, schema: object) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { "date-time": TIME } });
  ajv.addSchema({ $id: "api:", components: document.components });
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll(`"$ref":"#/`, `"$ref":"api:#/`));
  return ajv.compile(absolute);
}

it("GET /ready, which needs no token, checks the database once for all concurrent requests", async () => {
  const looks: ((trouble?: Error) => void)[] = [];
  const checkReady = () =>
    new Promise<void>((resolve, reject) => looks.push((trouble) => (trouble ? reject(trouble) : resolve())));
  const app = appWith([], { checkReady });
  const ask = () => Promise.all(Array.from({ length: 100 }, async () => (await app.request("/ready")).status));
  for (const [look, [trouble, status]] of [
    [new Error("the disk is full"), 503] as const,
    [undefined, 200] as const,
  ].entries()) {
    const asked = ask();
    await until("it is looked", () => looks.length > look);
    looks[look]?.(trouble);
    assert.deepEqual(new Set(await asked), new Set([status]));
    assert.equal(looks.length, look + 1);
  }
});

describe("/openapi.json", () => {
  it("is an OpenAPI 3.1 document in which every reference resolves and every operation is complete", async (t) => {
    const service = await startService(t, { settings: { AUTH_TOKENS: "a-long-token" } });
    const answer = await get(service.url, "/openapi.json", { authorization: "Bearer a-long-token" });
    assert.equal(answer.headers["content-type"], "application/json");
    const document: Document = answer.json;
    assert.match(document.openapi, /^3\.1\.\d$/);
    assert.ok(document.info.title && document.info.version);
    assert.deepEqual(Object.keys(document.components.securitySchemes), ["bearer", "basic"]);

    const references = [...nodesOf(document)].flatMap(({ $ref }) => (typeof $ref === "string" ? [$ref] : []));
    assert.ok(references.length > 20);
    for (const reference of references) assert.equal(typeof at(document, reference), "object", reference);
    for (const name of Object.keys(document.components.schemas)) assert.match(name, /^[\w.-]+$/);
    for (const schema of Object.values<object>(document.components.schemas)) validatorOf(document, schema);

    const operationIds = new Set<string>();
    for (const [path, methods] of Object.entries<Document>(document.paths)) {
      for (const [method, operation] of Object.entries<Document>(methods)) {
        const what = `${method} ${path}`;
        assert.ok(operation.summary, what);
        assert.ok(!operationIds.has(operation.operationId), what);
        operationIds.add(operation.operationId);
        const inPath = (operation.parameters ?? []).filter((each: Document) => each.in === "path");
        assert.deepEqual(
          inPath.map((each: Document) => [`{${each.name}}`, each.required]),
          [...path.matchAll(/\{\w+\}/g)].map(([name]) => [name, true]),
          what,
        );
        const isOpen = ["/health", "/ready", "/callbacks/{secret}"].includes(path);
        assert.deepEqual(operation.security, isOpen ? [] : [{ bearer: [] }, { basic: [] }], what);
        assert.equal("401" in operation.responses, !isOpen, what);
        for (const response of Object.values<Document>(operation.responses)) {
          assert.ok(response.description, what);
          for (const { schema } of Object.values<Document>(response.content)) validatorOf(document, schema);
        }
      }
    }
  });

  it("has every route that the service answers, and no other", async () => {
    const app = appWith([workflowAtDispatch(), plainWorkflow()]);
    const document: Document = await (await app.request("/openapi.json")).json();
    const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const answered = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    assert.deepEqual(documented.sort(), [...new Set(answered)].sort());
  });

  it("describes a workflow's body by its schema, and any other schema as an object", async () => {
    const app = appWith([workflowAtDispatch(), plainWorkflow()]);
    const document: Document = await (await app.request("/openapi.json")).json();
    const bodyAt = (path: string) => document.paths[path].post.requestBody.content["application/json"].schema;
    assert.deepEqual(bodyAt("/plain"), { type: "object" });

    const validate = validatorOf(document, bodyAt("/dispatch"));
    for (const good of [
      { application: "pr-1" },
      { application: "pr-1", revision: null, github_token: null },
      { application: "pr-1", revision: "main", github_token: "t", more: 1 },
    ]) {
      assert.ok(validate(good), JSON.stringify(validate.errors));
    }
    for (const bad of [
      {},
      { application: 1 },
      { application: "pr-1", revision: 2 },
      { application: "", github_token: 3 },
    ]) {
      assert.ok(!validate(bad), JSON.stringify(bad));
    }
  });

  it("requires no token when the service does not", async (t) => {
    const document = await documentOf(await startService(t));
    assert.equal(document.paths["/dispatch"].post.security, undefined);
    assert.ok(!("401" in document.paths["/api/runs"].get.responses));
  });

  it("names the values that a query may have", async (t) => {
    const document = await documentOf(await startService(t));
    const parameters = document.paths["/api/runs"].get.parameters;
    const named = Object.fromEntries(parameters.map((each: Document) => [each.name, each.schema]));
    assert.deepEqual(Object.keys(named), [
      "id",
      "status",
      "workflow",
      "group",
      "text",
      "since",
      "until",
      "limit",
      "cursor",
    ]);
    assert.deepEqual(named.status.enum, RUN_STATUSES);
    assert.deepEqual(named.limit, { default: 20, type: "integer", minimum: 1, maximum: 100 });
    assert.ok(parameters.every((each: Document) => each.in === "query" && each.description));
  });

  it("matches what the service really answers", async (t) => {
    const { service, url, failure, slow, waiting, hang } = await startWithHistory(t);
    const document = await documentOf(service);
    const dispatch = (body: unknown, headers = {}) => notify(url, body, headers);
    const answers: [string, Promise<HttpAnswer>, number][] = [
      ["POST /dispatch", dispatch({ application: "main" }), 200],
      ["POST /dispatch", dispatch({ application: "main" }, ASYNC), 202],
      ["POST /dispatch", dispatch("{"), 400],
      ["POST /dispatch", dispatch({ application: "x".repeat(70_000) }), 413],
      ["GET /api/runs", get(url, "/api/runs"), 200],
      ["GET /api/runs", get(url, "/api/runs?limit=2"), 200],
      ["GET /api/runs", get(url, "/api/runs?limit=x"), 400],
      ["GET /api/runs", get(url, "/api/runs?workflow=nope"), 404],
      ["GET /api/runs/{id}", get(url, `/api/runs/${failure}`), 200],
      ["GET /api/runs/{id}", get(url, `/api/runs/${waiting}`), 200],
      ["GET /api/runs/{id}", get(url, `/api/runs/${UNKNOWN_ID}`), 404],
      ["POST /api/runs/{id}/rerun", rerun(url, UNKNOWN_ID), 404],
      ["POST /api/runs/{id}/rerun", rerun(url, slow), 409],
      ["GET /api/previews", get(url, "/api/previews"), 200],
      ["GET /api/previews", get(url, "/api/previews?result=none"), 400],
      ["GET /openapi.json", get(url, "/openapi.json"), 200],
      ["GET /health", get(url, "/health"), 200],
      ["GET /ready", get(url, "/ready"), 200],
    ];
    for (const [route, answer, status] of answers) {
      assert.equal((await answer).status, status, route);
      assert.deepEqual(deviations(document, route, await answer), []);
    }
    hang.remove();
    for (const [application, status] of [
      ["pr-none", 404],
      ["pr-odd", 500],
    ] as const) {
      if (status === 500) deploy(service.github, application, "");
      const answer = await dispatch({ application });
      assert.equal(answer.status, status);
      assert.deepEqual(deviations(document, "POST /dispatch", answer), []);
    }
    for (const [query, status] of [
      ["", 409],
      ["?evenIfOlder=yes", 400],
      ["?evenIfOlder=true", 202],
    ] as const) {
      const again = await rerun(url, failure, query);
      assert.equal(again.status, status);
      assert.deepEqual(deviations(document, "POST /api/runs/{id}/rerun", again), []);
    }
  });

  it("matches previews in any state", async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const store = openSqliteStore(DATA_DIR, systemClock);
    const ends = ["passed", "failed", "running", "appearing", "no run", "closed", undefined] as const;
    const from = Date.now() - ends.length * 600_000;
    for (const [nth, tests] of ends.entries()) {
      const story = { application: `pr-${nth}`, at: from + nth * 600_000 };
      await writePreview(store, tests === undefined ? story : { ...story, tests });
    }
    await store.close();
    const service = await startService(t, { settings: { DATA_DIR } });
    const document = await documentOf(service);
    const answer = await get(service.url, "/api/previews?limit=7");
    assert.deepEqual(deviations(document, "GET /api/previews", answer), []);
    assert.deepEqual(
      answer.json.previews.map(({ result }: { result: string }) => result),
      ["dispatched", "cancelled", "nothing_started", "running", "running", "failed", "passed"],
    );
    const { application, stages, jobs, receivedAt } = answer.json.previews.at(-1);
    assert.equal(application, "pr-0");
    for (const time of [receivedAt, stages[6].at, jobs[0].endedAt]) assert.match(time, TIME);
    assert.deepEqual(stages[1], { name: "read", at: stages[1].at, seconds: 0.6 });

    const pages: string[] = [];
    let next = "";
    do {
      const page = (await get(service.url, `/api/previews?limit=3${next}`)).json;
      pages.push(...page.previews.map((preview: { application: string }) => preview.application));
      next = page.next === undefined ? "" : `&cursor=${page.next}`;
    } while (next !== "");
    assert.deepEqual(pages, ["pr-6", "pr-5", "pr-4", "pr-3", "pr-2", "pr-1", "pr-0"]);
    for (const wrong of ["result=none", "limit=0", "cursor=x", "app=pr-1", "text=a&text=b"]) {
      assert.equal((await get(service.url, `/api/previews?${wrong}`)).status, 400, wrong);
    }
  });
});

function workflowAtDispatch(): Workflow {
  return environmentReady({
    deploymentRepo: "acme/deployment",
    targetRepo: "acme/shop",
    deploymentRef: undefined,
    valuesPaths: ["{application}/values.yaml"],
    tagKey: "tag",
    eventType: "environment_ready",
    applicationPrefix: "pr-",
    verifyCommit: false,
    dedupeSeconds: 0,
  }) as Workflow;
}

function plainWorkflow(): Workflow {
  return defineWorkflow({
    name: "plain",
    on: { http: { path: "/plain", body: { safeParse: () => ({ success: true, data: {} }) } } },
    run: async () => null,
  }) as Workflow;
}
