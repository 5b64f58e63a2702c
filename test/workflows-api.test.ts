import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const DEPLOY = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "deploy",
  repository: "acme/shop",
  on: {
    manual: {
      inputs: z.object({
        ref: z.string().min(2),
        replicas: z.int().min(1).default(2),
        when: z.coerce.date().transform((date) => date.getUTCFullYear()).optional(),
      }),
      description: "Deploys a ref.",
    },
    http: { path: "/deploy", body: z.object({}) },
    github: [{ events: "push" }, { events: ["pull_request"], actions: ["closed"] }],
    schedule: { cron: "0 3 1 1 *", timeZone: "Europe/Zagreb" },
    flux: { path: "/deploy/flux" },
  },
  concurrency: ({ trigger, inputs }) => (trigger === "manual" ? inputs.ref : undefined),
  async run({ trigger, inputs }) {
    if (inputs?.ref === "fails") throw new Error("it failed");
    return { trigger, inputs };
  },
});`;

const BUTTON = `export default { name: "button", on: { manual: true }, async run({ inputs }) { return { inputs }; } };`;

const OPAQUE = `export default { name: "opaque", on: { manual: { inputs: { safeParse: (data) => ({ success: true, data }) } } },
  async run({ inputs }) { return inputs; } };`;

const FILES = {
  "deploy.ts": DEPLOY,
  "button.js": BUTTON,
  "opaque.js": OPAQUE,
  "plain.ts": httpWorkflow("plain", "return {};"),
};

async function service(t: TestContext, settings: Record<string, string> = {}, files: Record<string, string> = FILES) {
  const WORKFLOWS_DIR = workflowsFolder(t, files);
  const started = await startService(t, { settings: { WORKFLOWS_DIR, GITHUB_WEBHOOK_SECRET: "secret", ...settings } });
  const { url } = started;
  return {
    ...started,
    start: (name: string, body: unknown, headers: Record<string, string> = {}) =>
      send(url, {
        method: "POST",
        path: `/api/workflows/${name}/runs`,
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers,
      }),
    async ended(id: string) {
      const get = async () => (await send(url, { path: `/api/runs/${id}` })).json;
      await until("the run has ended", async () => !["queued", "running"].includes((await get()).status));
      return get();
    },
    runs: async () => (await send(url, { path: "/api/runs" })).json.runs,
  };
}

describe("POST /api/workflows/{name}/runs", () => {
  it("starts a run with the inputs in the schema's form, and returns the stored run", async (t) => {
    const { start, ended, log } = await service(t);
    const answer = await start("deploy", { inputs: { ref: "main", when: "2026-11-28" } });
    assert.equal(answer.status, 202);
    const { id } = answer.json;
    assert.equal(answer.headers.location, `/api/runs/${id}`);
    assert.equal(answer.headers["x-run-id"], id);
    assert.deepEqual([answer.json.workflow, answer.json.group, answer.json.trigger], ["deploy", "main", "manual"]);
    const run = await ended(id);
    assert.equal(run.status, "success");
    assert.deepEqual(run.input, { ref: "main", replicas: 2, when: 2026 });
    assert.deepEqual(run.outputs, { trigger: "manual", inputs: { ref: "main", replicas: 2, when: 2026 } });
    assert.equal(run.actor, "anonymous");
    assert.deepEqual(
      run.actions.map(({ action, actor }: Record<string, string>) => [action, actor]),
      [["started", "anonymous"]],
    );
    const logged = log().filter(({ msg }) => msg === "run started by hand");
    assert.deepEqual(
      logged.map(({ run, workflow, group, actor }) => ({ run, workflow, group, actor })),
      [{ run: id, workflow: "deploy", group: "main", actor: "anonymous" }],
    );
  });

  it("accepts an empty body for a workflow without inputs", async (t) => {
    const { start, ended, runs } = await service(t);
    for (const body of ["", {}, { inputs: {} }]) {
      const answer = await start("button", body);
      assert.equal(answer.status, 202, answer.text);
      assert.deepEqual((await ended(answer.json.id)).outputs, { inputs: {} });
    }
    const answer = await start("button", { inputs: { ref: "main", force: true } });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.json.problems, [
      "ref is not accepted: this workflow has no inputs",
      "force is not accepted: this workflow has no inputs",
    ]);
    assert.equal((await runs()).length, 3);
  });

  it("names every problem of the inputs, and stores nothing", async (t) => {
    const { start, runs } = await service(t);
    const answer = await start("deploy", { inputs: { ref: "x", replicas: 0 } });
    assert.equal(answer.status, 400);
    assert.match(answer.json.detail, /^ref .*; replicas .*\.$/);
    assert.equal(answer.json.problems.length, 2);
    for (const [body, detail] of [
      [{ input: { ref: "main" } }, /^The body takes only inputs\.$/],
      [{ inputs: [] }, /^inputs must be an object\.$/],
      ["[]", /not an object\. Send a JSON object such as \{"inputs":\{"ref":"main"\}\}\.$/],
      ["{", /^The body is not valid JSON/],
      [
        { inputs: { ref: TOKEN } },
        /^ref contains a token, and gh-runner stores what starts a run: pass tokens to deploy/,
      ],
    ] as const) {
      const wrong = await start("deploy", body);
      assert.equal(wrong.status, 400, wrong.text);
      assert.match(wrong.json.detail, detail);
      assert.ok(!wrong.text.includes(TOKEN));
    }
    assert.deepEqual(await runs(), []);
  });

  it("reports a fault of the schema, and stores nothing", async (t) => {
    const schema = (name: string, inputs: string) =>
      `import * as z from "zod";\nexport default { name: "${name}", on: { manual: { inputs: ${inputs} } }, run() {} };`;
    const { start, runs, log } = await service(
      t,
      {},
      {
        "async.js": schema("async", "z.object({}).refine(async () => true)"),
        "nothing.js": schema("nothing", "z.any().transform(() => undefined)"),
        "large.js": schema("large", "z.any().transform(() => 5n)"),
      },
    );
    for (const [name, detail] of [
      [
        "async",
        /^inputs cannot be read, because the workflow's schema threw an error \(.*Promise.*\): fix it in the workflow\.$/,
      ],
      ["nothing", /^inputs become something that is not JSON in the workflow's schema: fix it in the workflow\.$/],
      [
        "large",
        /^inputs cannot be read, because the workflow's schema threw an error \(.*BigInt\): fix it in the workflow\.$/,
      ],
    ] as const) {
      const answer = await start(name, {});
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.json.detail, detail);
    }
    assert.deepEqual(await runs(), []);
    assert.ok(!log().some(({ level }) => level === "error"));
  });

  it("lists the workflows that can be started, if this one cannot", async (t) => {
    const { start } = await service(t);
    const unknown = await start("deplyo", {});
    assert.equal(unknown.status, 404);
    assert.equal(
      unknown.json.detail,
      'There is no workflow "deplyo" to start. Did you mean deploy? You can start: button, deploy, opaque.',
    );
    const other = await start("plain", {});
    assert.equal(other.status, 409);
    assert.equal(
      other.json.detail,
      "plain cannot be started by hand: add `manual: true` to its `on`. You can start: button, deploy, opaque.",
    );
    const alone = await service(t, {}, {});
    assert.match((await alone.start("x", {})).json.detail, /No workflow of this service can be started by hand\.$/);
  });

  it("needs a token, and rejects pages of other sites", async (t) => {
    const { start, url } = await service(t, { AUTH_TOKENS: "the-token-of-the-test" });
    assert.equal((await start("button", {})).status, 401);
    assert.equal((await send(url, { path: "/api/workflows" })).status, 401);
    const headers = { authorization: "Bearer the-token-of-the-test" };
    assert.equal((await start("button", {}, { ...headers, "sec-fetch-site": "cross-site" })).status, 403);
    assert.equal((await start("button", "x".repeat(70_000), headers)).status, 413);
    assert.equal((await start("button", {}, headers)).status, 202);
    assert.equal((await send(url, { path: "/api/workflows/button/runs" })).status, 405);
  });
});

describe("GET /api/workflows", () => {
  it("lists the triggers of each workflow, and describes the inputs as JSON Schema", async (t) => {
    const { url } = await service(t);
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    const named = (name: string) => workflows.find((each: { name: string }) => each.name === name);
    assert.deepEqual(
      workflows.map(({ name, file }: { name: string; file: string }) => [name, file]),
      [
        ["environment-ready", "built in"],
        ["button", "button.js"],
        ["deploy", "deploy.ts"],
        ["opaque", "opaque.js"],
        ["plain", "plain.ts"],
      ],
    );
    assert.deepEqual(named("plain").triggers, [{ trigger: "http", path: "/plain" }]);
    assert.deepEqual(named("opaque").triggers, [{ trigger: "manual" }]);
    assert.deepEqual(named("button").triggers, [
      { trigger: "manual", inputs: { type: "object", properties: {}, additionalProperties: false } },
    ]);
    const [http, flux, push, pull, schedule, manual, ...more] = named("deploy").triggers;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [http, flux, push, pull, schedule],
      [
        { trigger: "http", path: "/deploy" },
        { trigger: "flux", path: "/deploy/flux" },
        { trigger: "github", events: ["push"] },
        { trigger: "github", events: ["pull_request"], actions: ["closed"] },
        { trigger: "schedule", cron: "0 3 1 1 *", timeZone: "Europe/Zagreb" },
      ],
    );
    assert.equal(named("deploy").repository, "acme/shop");
    assert.equal(manual.description, "Deploys a ref.");
    assert.deepEqual(manual.inputs.required, ["ref"]);
    assert.deepEqual(manual.inputs.properties.ref, { type: "string", minLength: 2 });
    assert.equal(manual.inputs.properties.replicas.default, 2);
  });
});

describe("gh-runner start", () => {
  it("starts a run, and follows it when asked to", async (t) => {
    const { url } = await service(t, { AUTH_TOKENS: "the-token-of-the-test" });
    const start = (...args: string[]) =>
      command(["start", ...args], { GH_RUNNER_URL: url, GH_RUNNER_TOKEN: "the-token-of-the-test" });
    const plain = await start("deploy", "--input", '{"ref":"main"}');
    assert.equal(plain.code, 0, plain.stderr);
    assert.match(plain.stdout, /^[0-9a-f-]{36} is (queued|running|success)\n$/);
    const json = await start("deploy", "--input", '{"ref":"main"}', "--json");
    assert.equal(JSON.parse(json.stdout).workflow, "deploy");
    const followed = await start("deploy", "--input", '{"ref":"main"}', "--follow");
    assert.equal(followed.code, 0);
    assert.match(followed.stdout, /^[0-9a-f-]{36}\n[\s\S]* {2}success/);
    const failed = await start("deploy", "--input", '{"ref":"fails"}', "--follow");
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, / {2}failure {2}[^\n]*it failed/);
  });

  it("prints one line per problem", async (t) => {
    const { url } = await service(t);
    const start = (...args: string[]) => command(["start", ...args], { GH_RUNNER_URL: url });
    const wrong = await start("deploy", "--input", '{"ref":"x","replicas":"many"}');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^ref [^\n]*\nreplicas [^\n]*\n$/);
    assert.match(
      (await start("deploy", "--input", "[]")).stderr,
      /^--input must be a JSON object, such as '\{"ref":"main"\}'\.\n$/,
    );
    assert.match(
      (await start("nope")).stderr,
      /^There is no workflow "nope" to start\. You can start: button, deploy, opaque\.\n$/,
    );
  });
});
