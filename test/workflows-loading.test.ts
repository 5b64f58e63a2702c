import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { allRoutes } from "../scripts/role-matrix.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { temporaryFolder } from "./support/folder.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** Paths of triggers: of the built-in workflow, and of one with Flux. */
const TRIGGERED = ["/dispatch", "/flux"];

const post = (url: string, path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  send(url, { method: "POST", path, body: JSON.stringify(body), headers });

describe("a folder of workflows", () => {
  it("has one workflow per file, in TypeScript and JavaScript, without other files in the folder", async (t) => {
    const folder = workflowsFolder(t, {
      "typed.ts": httpWorkflow("typed", "const n: number = body.n ?? 0; return { n };"),
      "module.mts": httpWorkflow("module", "return { attempt };"),
      "plain.js": httpWorkflow("plain", "return skip('nothing to do');"),
      "shared/text.ts": "export const text: string = 'shared';",
      "sharing.ts": `import { text } from "./shared/text.ts";\n${httpWorkflow("sharing", "return { text };")}`,
      "typed.test.ts": "throw new Error('a test is no workflow');",
      "types.d.ts": "export type X = 1;",
      "README.md": "# not a workflow",
    });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    assert.deepEqual((await post(url, "/typed", { n: 7 })).json, { status: "success", n: 7 });
    assert.deepEqual((await post(url, "/module")).json, { status: "success", attempt: 1 });
    assert.deepEqual((await post(url, "/plain")).json, { status: "skipped", reason: "nothing to do" });
    assert.deepEqual((await post(url, "/sharing")).json, { status: "success", text: "shared" });
    assert.match((await post(url, "/typed", { n: "7" })).json.detail, /^n /);
    assert.equal((await post(url, "/dispatch", { application: "x" })).json.status, "skipped");
  });

  it("may be behind a symbolic link, as git-sync leaves it", async (t) => {
    const folder = workflowsFolder(t, {
      "shared/text.ts": "export const text: string = 'shared';",
      "linked.ts": `import { text } from "./shared/text.ts";\n${httpWorkflow("linked", "if (body.n) throw new Error('here'); return { text };")}`,
    });
    const link = join(temporaryFolder(t), "current");
    symlinkSync(folder, link);
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: link } });
    assert.deepEqual((await post(url, "/linked")).json, { status: "success", text: "shared" });
    assert.match((await post(url, "/linked", { n: 1 })).json.detail, /Error: here \(linked\.ts:10\)/);
  });

  it("shows its workflows in /openapi.json", async (t) => {
    const folder = workflowsFolder(t, { "typed.ts": httpWorkflow("typed", "return {};") });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    const { paths, components } = (await send(url, { path: "/openapi.json" })).json;
    assert.equal(paths["/typed"].post.operationId, "typed");
    assert.deepEqual(components.schemas["typed-body"].properties.n, { type: "number" });
  });

  it("gives workflows the failure classes of the service: a transient one is retried", async (t) => {
    const folder = workflowsFolder(t, {
      "blinks.ts": httpWorkflow(
        "blinks",
        'throw new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });',
      ),
    });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    const answer = await post(url, "/blinks");
    assert.equal(answer.status, 500);
    assert.match(
      answer.json.detail,
      /^Trying failed: it blinked\. Wait\. The event is stored as run .* retried automatically/,
    );
  });

  it("shapes the answer with the workflow's function, and accepts only the workflow's token", async (t) => {
    const folder = workflowsFolder(t, {
      "shaped.ts": `
import { defineWorkflow } from "gh-runner";
import { z } from "zod";
export default defineWorkflow({
  name: "shaped",
  on: { http: { path: "/shaped", body: z.object({}), token: "SHAPED_TOKEN",
    answer: (ended) => ({ status: 201, body: [ended.status] }) } },
  async run() {},
});`,
    });
    const { url } = await startService(t, {
      settings: { WORKFLOWS_DIR: folder, SHAPED_TOKEN: "its-own-token", AUTH_TOKENS: "of-the-service" },
    });
    const shaped = await post(url, "/shaped", {}, { authorization: "Bearer its-own-token" });
    assert.deepEqual([shaped.status, shaped.text], [201, '["success"]']);
    assert.equal((await post(url, "/shaped", {}, { authorization: "Bearer of-the-service" })).status, 401);
    assert.equal((await post(url, "/shaped")).status, 401);
  });

  it("calls a default export that is a function, with the settings for environment-ready", async (t) => {
    const folder = workflowsFolder(t, {
      "made.ts": `
import { defineWorkflow } from "gh-runner";
import type { EnvironmentReadyOptions } from "gh-runner/workflows";
import { z } from "zod";
export default (settings: EnvironmentReadyOptions) => defineWorkflow({
  name: "made",
  on: { http: { path: "/made", body: z.any() } },
  async run() { return JSON.parse(JSON.stringify(settings)); },
});`,
    });
    const { url } = await startService(t, {
      settings: { WORKFLOWS_DIR: folder, VALUES_PATHS: "a/{application}.yaml", FOLLOW: "status" },
    });
    const { valuesPaths, tagKey, follow, ...others } = (await post(url, "/made")).json;
    assert.deepEqual(
      [valuesPaths, tagKey, follow.reports],
      [["a/{application}.yaml"], "global.config.DEPLOYMENT_TAG", ["status"]],
    );
    assert.deepEqual(
      Object.keys(others).filter((name) => /dir|token|url/i.test(name)),
      [],
    );
  });

  it("provides declared variables, and keeps them out of the log", async (t) => {
    const folder = workflowsFolder(t, {
      "secretive.ts": httpWorkflow(
        "secretive",
        "log.info('it is ' + env.MY_SECRET, { nested: [env.MY_SECRET] }); return { length: env.MY_SECRET.length, other: Object.keys(env) };",
        'env: ["MY_SECRET"],',
      ),
    });
    const { url, logLines } = await startService(t, {
      settings: { WORKFLOWS_DIR: folder, MY_SECRET: "hush-hush-hush", OTHER: "not declared" },
    });
    assert.deepEqual((await post(url, "/secretive")).json, { status: "success", length: 14, other: ["MY_SECRET"] });
    assert.ok(logLines.some((line) => line.includes("it is ***")));
    assert.ok(!logLines.some((line) => line.includes("hush-hush")));
  });

  it("skips repeats with `dedupe`, and names the earlier run", async (t) => {
    const folder = workflowsFolder(t, {
      "once.ts": httpWorkflow("once", "return {};", 'dedupe: { key: ({ body }) => String(body.n), within: "10m" },'),
    });
    const { url } = await startService(t, { settings: { WORKFLOWS_DIR: folder } });
    const first = await post(url, "/once", { n: 1 });
    const second = await post(url, "/once", { n: 1 });
    assert.equal(first.json.status, "success");
    assert.equal(second.json.reason, `run ${first.headers["x-run-id"]} has done the same within 10m (key 1)`);
    assert.equal((await post(url, "/once", { n: 2 })).json.status, "success");
  });
});

describe("a service with invalid workflows", () => {
  async function startError(t: Parameters<typeof temporaryFolder>[0], folder: string, settings = {}): Promise<string> {
    const config = readConfig({
      PORT: "0",
      HOST: "127.0.0.1",
      DATA_DIR: temporaryFolder(t),
      WORKFLOWS_DIR: folder,
      ...settings,
    });
    const started = startApp(config, { logTo: { write: () => {} } });
    const error = await started.then(
      async (app) => {
        await app.close();
        throw new assert.AssertionError({ message: "it started" });
      },
      (cause: Error) => cause,
    );
    return error.message;
  }

  it("does not start, and names every file, field and remedy together", async (t) => {
    const folder = workflowsFolder(t, {
      "a-clash.ts": httpWorkflow("same", "return {};"),
      "b-clash.ts": httpWorkflow("same", "return {};"),
      "cron.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "cron", on: { schedule: { cron: "61 * * * *" } }, async run() {} });`,
      "dispatch.ts": httpWorkflow("environment-ready", "return {};").replace('"/environment-ready"', '"/dispatch"'),
      "env.ts": httpWorkflow("env", "return {};", 'env: ["NOT_SET_ANYWHERE"],'),
      "hook.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "hook", on: { github: { events: "push" } }, async run() {} });`,
      "made.ts": `export default (settings: { name?: string }) => ({ name: settings.name!.trim() });`,
      "made-class.ts": `export default class Made {}`,
      "made-exit.ts": `export default () => { process.exit(3); };`,
      "made-late.ts": `export default async ({ sleep }: { sleep(): Promise<void> }) => await sleep();`,
      "made-nothing.ts": `export default () => {};`,
      "missing.ts": `import "./nowhere.ts";`,
      "misspelt.js": `export default { name: "misspelt", on: { http: { path: "previews", body: {} } }, concurency: "x",
  timeout: 5, retry: true, run() {} };`,
      "none.js": "export const workflow = {};",
      "number.js": "export default 5;",
      "reserved.ts": httpWorkflow("api", "return {};").replace('"/api"', '"/api/mine"'),
      "syntax.ts": "export default {",
      "throws.ts": `const settings: undefined = undefined;\nsettings.name;\nexport default {};`,
      "ready.ts": `import { labeler } from "gh-runner/workflows";\n\nexport default labeler({ synclabels: true });`,
      "two.ts": `export default { name: "two", on: { manual: undefined }, run() {} };`,
      "zone.ts": `export default { name: "zone", on: { schedule: { cron: "0 3 * * *", timeZone: "Mars/Olympus" } }, run() {} };`,
    });
    const message = await startError(t, folder);
    assert.match(message, /^Cannot start\. Fix these workflows \(docs\/workflows\.md\):\n/);
    const lines = message.split("\n").slice(1);
    for (const [file, expected] of [
      ["b-clash.ts", /name: the name same is taken by a-clash\.ts: choose another/],
      ["b-clash.ts", /on: the path \/same is taken by a-clash\.ts/],
      ["cron.ts", /on\.schedule: "61 \* \* \* \*" cannot be used \(.*minute: 61\): write five fields/],
      ["dispatch.ts", /name: the name environment-ready is taken by a built-in workflow/],
      ["dispatch.ts", /on: the path \/dispatch is taken by a built-in workflow/],
      ["env.ts", /env: NOT_SET_ANYWHERE is not set: set it, or NOT_SET_ANYWHERE_FILE/],
      ["hook.ts", /on\.github: GITHUB_WEBHOOK_SECRET is not set: set it/],
      ["made.ts", /TypeError: Cannot read properties of undefined \(reading 'trim'\) \(made\.ts:1:\d+\)/],
      ["made-class.ts", /default export: expected a workflow, got a class: write "export default defineWorkflow/],
      ["made-exit.ts", /Error: process\.exit is called outside of `run`: remove it \(made-exit\.ts:1:\d+\)/],
      [
        "made-late.ts",
        /default export: expected a workflow, got a function that returns a promise: write "export default /,
      ],
      [
        "made-nothing.ts",
        /default export: expected a workflow, got a function that returns nothing: write "export default/,
      ],
      ["missing.ts", /Cannot find module .*nowhere\.ts/],
      ["misspelt.js", /there is no field concurency: did you mean concurrency\?/],
      ["misspelt.js", /on\.http\.path: expected a path such as "\/previews", got "previews"/],
      ["misspelt.js", /on\.http\.body: expected a schema, such as z\.object/],
      ["misspelt.js", /timeout: expected a length of time such as "90s", "5m" or "2h", got 5/],
      ["misspelt.js", /retry: expected false or undefined, got true/],
      ["none.js", /no default export: write "export default defineWorkflow/],
      ["number.js", /default export: expected a workflow, got 5: write/],
      ["reserved.ts", /on\.http\.path: \/api\/mine is reserved by the service: choose another/],
      ["syntax.ts", /SyntaxError/],
      ["ready.ts", /Error: labeler\(\): synclabels is not known: did you mean syncLabels\? \(ready\.ts:3:16\)/],
      ["throws.ts", /TypeError: Cannot read properties of undefined \(reading 'name'\) \(throws\.ts:2:10\)/],
      [
        "two.ts",
        /on: expected one or more triggers, got none: write some of http, flux, github, schedule, manual, call$/,
      ],
      ["zone.ts", /on\.schedule: .*Mars\/Olympus.* a time zone such as "Europe\/Zagreb"/],
    ] as const) {
      assert.ok(
        lines.some((line) => line.startsWith(`  ${file}: `) && expected.test(line)),
        `${file} ${expected}\n${message}`,
      );
    }
    assert.equal(lines.length, 26, message);
  });

  it("does not start with the path of a route that the service has", async (t) => {
    const routes = (await allRoutes()).filter(({ method, path }) => method === "POST" && !TRIGGERED.includes(path));
    assert.ok(routes.some(({ path }) => path.startsWith("/callbacks/")));
    const files = routes.map(({ path }, i): [string, string] => [
      `w${i}.ts`,
      `export default { name: "w${i}", on: { http: { path: "${path.replace(/:\w+/g, "x")}" } }, run() {} };`,
    ]);
    const message = await startError(t, workflowsFolder(t, Object.fromEntries(files)));
    for (const [i, { path }] of routes.entries()) {
      assert.match(message, new RegExp(`^  w${i}\\.ts: on\\.http\\.path: \\S+ is reserved by the service`, "m"), path);
    }
  });

  it("does not start with triggers and options of a wrong shape, and prints the right form", async (t) => {
    const workflow = (name: string, on: string, options = "") =>
      `export default { name: "${name}", on: ${on}, ${options} run() {} };`;
    const problems: Record<string, [text: string, ...expected: RegExp[]]> = {
      "entries.ts": [
        workflow("entries", '{ github: [{ events: "push" }, { event: "push" }, { events: [], actions: "opened" }] }'),
        /on\.github\.1\.events: expected \["pull_request"\], got nothing$/,
        /on\.github\.1: there is no field event: did you mean events\?$/,
        /on\.github\.2\.events: expected \["pull_request"\], got \[\]$/,
        /on\.github\.2\.actions: expected \["opened", "reopened"\], got "opened"$/,
      ],
      "no-entries.ts": [
        workflow("no-entries", "{ github: [] }"),
        /on\.github: expected a list of entries such as \{ events/,
      ],
      "text.ts": [
        workflow("text", '{ github: "push" }'),
        /on\.github: expected \{ events: .* or a list of these, got "push"$/,
      ],
      "manual.ts": [
        workflow("manual", '{ manual: { inputs: {}, describe: "x", description: 5 } }'),
        /on\.manual\.inputs: expected a schema, such as z\.object\(\{ ref: z\.string\(\) \}\), got \{\}$/,
        /on\.manual\.description: expected text, .*, got 5$/,
        /on\.manual: there is no field describe: use one of inputs, description$/,
      ],
      "off.ts": [workflow("off", "{ manual: false }"), /on\.manual: expected true or \{ inputs: .*\}, got false$/],
      "paths.ts": [
        workflow("paths", '{ flux: { path: "/paths" }, http: { path: "/paths", body: { safeParse() {} } } }'),
        /on: the path \/paths is taken by another trigger of it: choose another$/,
      ],
      "both.ts": [
        workflow(
          "both",
          "{ manual: true }",
          'concurrency: { group: "a", cancelRunning: true, queue: "all" }, debounce: "1s",',
        ),
        /concurrency: cancelRunning and the queue "all" contradict each other: /,
        /debounce: cannot be used with the queue "all": /,
      ],
      "group.ts": [
        workflow("group", "{ manual: true }", 'concurrency: { queue: "max", cancelrunning: 1 },'),
        /concurrency\.group: expected text or a function, got nothing$/,
        /concurrency\.queue: expected "latest" or "all", got "max"$/,
        /concurrency: there is no field cancelrunning: did you mean cancelRunning\?$/,
      ],
      "number.ts": [
        workflow("number", "{ manual: true }", "concurrency: 5, cancelled: true,"),
        /concurrency: expected text, a function, or \{ group, cancelRunning, queue \}, got 5$/,
        /cancelled: expected a function, got true$/,
      ],
      "rate.ts": [
        workflow("rate", "{ manual: true }", 'throttle: { limit: 0, per: "1 minute" }, debounce: 30,'),
        /throttle\.limit: expected 1 or more, got 0$/,
        /throttle\.per: expected a length of time such as .*got "1 minute"/,
        /debounce: expected a length of time such as .*got 30/,
      ],
      "half.ts": [
        workflow("half", "{ manual: true }", "throttle: { limit: 2.5 },"),
        /throttle\.limit: expected a whole number, got 2\.5$/,
        /throttle\.per: expected a length of time/,
      ],
    };
    const files = Object.fromEntries(Object.entries(problems).map(([file, [text]]) => [file, text]));
    const message = await startError(t, workflowsFolder(t, files), { GITHUB_WEBHOOK_SECRET: "x" });
    const lines = message.split("\n").slice(1);
    for (const [file, [, ...expected]] of Object.entries(problems)) {
      const its = lines.filter((line) => line.startsWith(`  ${file}: `));
      for (const each of expected)
        assert.ok(
          its.some((line) => each.test(line)),
          `${file} ${each}\n${message}`,
        );
      assert.equal(its.length, expected.length, `${file}\n${message}`);
    }
  });

  it("does not start without the folder", async (t) => {
    const message = await startError(t, join(temporaryFolder(t), "nowhere"));
    assert.match(message, /^Cannot read the folder .*nowhere.*Set WORKFLOWS_DIR to the folder of your workflows\.$/);
  });
});
