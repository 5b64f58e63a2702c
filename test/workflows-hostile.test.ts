import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { send, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** What workflows may do to a service, and the reason in their run. */
const HOSTILE: Readonly<Record<string, { body: string; options?: string; reason: RegExp; steps?: readonly string[] }>> =
  {
    throws: {
      body: 'throw new TypeError("what now");',
      reason: /^The workflow threw TypeError: what now \(throws\.ts:9\)$/,
    },
    "throws-with-causes": {
      body: `const cause = new TypeError("no price: abc", { cause: new RangeError("no number") });
        throw new Error("the list cannot be read", { cause });`,
      reason:
        /list cannot be read \(throws-with-causes\.ts:10\), caused by TypeError: no price: abc, caused by RangeError: no number$/,
    },
    "throws-causes-in-a-circle": {
      body: 'const one: any = new Error("one"); one.cause = new Error("two", { cause: one }); throw one;',
      reason: /threw Error: one .*, caused by Error: two, caused by Error: one, caused by Error: two$/,
    },
    "throws-what-was-tried-twice": {
      body: `const cause = new AggregateError([new Error("connect ECONNREFUSED ::1:9"), new Error("and 127.0.0.1:9")]);
        throw new TypeError("fetch failed", { cause });`,
      reason: /threw TypeError: fetch failed .*, caused by Error: connect ECONNREFUSED ::1:9$/,
    },
    "throws-nothing": { body: "throw undefined;", reason: /threw undefined/ },
    "throws-the-unshowable": {
      body: "throw Object.defineProperty(new Error(), 'message', { get() { throw new Error('ha'); } });",
      reason: /threw a value that cannot be shown/,
    },
    hangs: {
      body: "await new Promise(() => {});",
      options: 'timeout: "200ms", retry: false,',
      reason: /took longer than .*200ms.*raise `timeout`.*retry: false/,
    },
    exits: { body: "process.exit(0);", reason: /called process\.exit, which would end the service/ },
    "exits-and-catches": {
      body: "try { process.exit(1); } catch {} return { fine: true };",
      reason: /called process\.exit/,
    },
    "exits-by-import": {
      body: 'const { exit } = await import("node:process"); exit(3);',
      reason: /called process\.exit/,
    },
    "exits-in-a-timer": {
      body: "setTimeout(() => process.exit(1), 5); await new Promise(() => {});",
      reason: /called process\.exit/,
    },
    "really-exits": { body: "process.reallyExit(1);", reason: /called process\.reallyExit/ },
    aborts: { body: "process.abort();", reason: /called process\.abort/ },
    "kills-itself": { body: 'process.kill(process.pid, "SIGKILL");', reason: /called process\.kill/ },
    "returns-a-cycle": {
      body: "const a: any = {}; a.a = a; return a;",
      reason: /returned a value that cannot be stored as JSON: .*circular/i,
    },
    "returns-a-bigint": {
      body: "return { n: 1n } as never;",
      reason: /returned a value that cannot be stored as JSON/,
    },
    "returns-a-flood": {
      body: 'return { text: "x".repeat(70_000) };',
      reason: /returned a value that cannot be stored as JSON: it has 70011 characters, and the limit is 65536/,
    },
    "keeps-a-flood": {
      body: 'await step("all", async () => "x".repeat(1_000_001)); return {};',
      reason: /Storing the result of the step all failed: it cannot be stored as JSON: it has 1000003 characters/,
    },
    "forgets-a-step-and-waits": {
      body: 'void step("send", async () => { await new Promise(setImmediate); throw new Error("not sent"); }); await sleep("long", "1h");',
      reason: /threw Error: not sent \(forgets-a-step-and-waits\.ts:\d+\) \(step send, which was not awaited\)$/,
    },
    "throws-an-object": {
      body: 'throw { message: "no class", code: 5 };',
      reason: /^The workflow threw \{"message":"no class","code":5\}$/,
    },
    "throws-a-flood": {
      body: 'throw new Error("x".repeat(1_000_000));',
      reason: /^The workflow threw Error: x{2900,2999}…x{900,} \(throws-a-flood\.ts:9\)$/,
    },
    "leaks-an-interval": {
      body: "setInterval(() => {}, 1); return {};",
      reason: /left 1 interval running \(setInterval\)\. The service stopped it/,
    },
    "forgets-a-promise": {
      body: 'void Promise.reject(new Error("unhandled")); await new Promise(() => {});',
      reason: /threw Error: unhandled \(forgets-a-promise\.ts:9\) \(in code that the workflow does not await/,
    },
    "forgets-a-call": {
      body: 'void github.request("GET /repos/acme/none" as never); return { fine: true };',
      reason: /404.* \(github\.request GET \/repos\/acme\/none, which was not awaited\)$/,
    },
    "forgets-a-call-that-fails-meanwhile": {
      body: 'void github.request("GET /repos/acme/none" as never); await new Promise(() => {});',
      reason: /404.* \(github\.request GET \/repos\/acme\/none, which was not awaited\)$/,
    },
    "forgets-what-follows-on-a-call": {
      body: `void github.request("GET /repos/acme/shop" as never).then(() => { throw new Error("unhandled"); });
    return { fine: true };`,
      reason:
        /threw Error: unhandled \(forgets-what-follows-on-a-call\.ts:9\) \(in code that the workflow does not await/,
    },
    "throws-while-a-call-is-under-way": {
      body: 'void github.request("GET /repos/acme/none" as never); throw new Error("first");',
      reason: /^The workflow threw Error: first \(throws-while-a-call-is-under-way\.ts:9\)$/,
    },
    "throws-in-a-timer": {
      body: 'setTimeout(() => { throw new RangeError("later"); }, 5); await new Promise(() => {});',
      reason: /threw RangeError: later \(throws-in-a-timer\.ts:9\) \(in code/,
    },
    "throws-in-a-timer-while-a-step-is-under-way": {
      body: `setTimeout(() => { throw new RangeError("too late"); }, 5);
    await step("slow", () => new Promise((resolve) => void setTimeout(resolve, 100)));
    await step("never", () => 1);`,
      reason: /threw RangeError: too late .*\(in code/,
      steps: ["slow"],
    },
    "emits-an-error": {
      body: `const { EventEmitter } = await import("node:events");
    const emitter = new EventEmitter();
    setImmediate(() => emitter.emit("error", new Error("socket gone")));
    await new Promise(() => {});`,
      reason: /threw Error: socket gone \(emits-an-error\.ts:11\) \(in code/,
    },
  };

/** What ends with success, although it should not be done. */
const CARELESS: Readonly<Record<string, string>> = {
  "floods-the-log": 'for (let n = 0; n < 20000; n++) { log.info("flood " + n); console.log("flood", n); } return {};',
  "throws-after-its-end": 'setTimeout(() => { throw new Error("too late"); }, 20); return {};',
  "rejects-after-its-end": 'setTimeout(() => { void Promise.reject(new Error("too late")); }, 20); return {};',
  "steps-after-its-end": `setTimeout(() => { void step("late", async () => { await github.dispatch("acme/shop", "late", {}); }); }, 20);
    setTimeout(() => { void github.dispatch("acme/shop", "late", {}); }, 20); return {};`,
  "logs-a-cycle": "const a: any = {}; a.a = a; log.info('cycle', a); console.log(a); return {};",
};

async function startProcess(t: TestContext, command: readonly string[] | undefined) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository("acme/shop");
  const files = Object.fromEntries([
    ...Object.entries(HOSTILE).map(([name, { body, options }]) => [`${name}.ts`, httpWorkflow(name, body, options)]),
    ...Object.entries(CARELESS).map(([name, body]) => [`${name}.ts`, httpWorkflow(name, body)]),
    ["good.ts", httpWorkflow("good", 'await step("one", async () => 1); return { good: true };')],
  ]);
  const port = await fixedPort();
  const service = spawnService(t, {
    port,
    dataDir: temporaryFolder(t),
    githubUrl: github.url,
    settings: { WORKFLOWS_DIR: workflowsFolder(t, files), LOG_LEVEL: "info" },
    ...(command ? { command } : {}),
  });
  await listening(service, port);
  return { service, url: `http://127.0.0.1:${port}`, github };
}

const start = (url: string, name: string) => send(url, { method: "POST", path: `/${name}`, body: "{}" });

for (const [how, command] of [
  ["as sources", undefined],
  ["as the bundle", ["dist/gh-runner.js", "serve"]],
] as const) {
  describe(`a service, run ${how},`, () => {
    it("survives anything that its workflows do: the run fails with a reason, the others continue", async (t) => {
      const { service, url, github } = await startProcess(t, command);
      const hostile = await Promise.all(
        Object.entries(HOSTILE).map(async ([name, { reason, steps }]) => {
          const answer = await start(url, name);
          assert.equal(answer.status, 500, `${name}: ${answer.text}`);
          assert.match(answer.json.detail, reason, name);
          const run = (await send(url, { path: `/api/runs/${answer.headers["x-run-id"]}` })).json;
          assert.equal(run.status, "failure", name);
          const done = run.steps.filter(({ error }: { error?: string }) => error === undefined);
          if (steps)
            assert.deepEqual(
              done.map((step: { name: string }) => step.name),
              steps,
            );
          return (await start(url, "good")).json;
        }),
      );
      for (const good of hostile) assert.deepEqual(good, { status: "success", good: true });
      for (const name of Object.keys(CARELESS)) assert.equal((await start(url, name)).json.status, "success", name);
      await until("what was left behind has been noticed", () => {
        const late = service.output().split("code of an ended run threw").length - 1;
        return late >= 4;
      });
      assert.equal((await send(url, { path: "/ready" })).status, 200);
      const { components } = (await send(url, { path: "/openapi.json" })).json;
      assert.deepEqual(components.schemas["good-body"].properties.n, { type: "number" });
      assert.equal(github.dispatches.length, 0);
      const flood = service
        .output()
        .split("\n")
        .filter((line) => line.includes('"flood ')).length;
      assert.ok(flood > 0 && flood <= 200, String(flood));
      assert.match(service.output(), /"dropped":39800.*the workflow logged more than 200 lines/);
      assert.equal(service.child.exitCode, null);
      service.stop();
      assert.equal(await service.ended, 0);
    });
  });
}

describe("an exception in a workflow", () => {
  const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
  const key = "-----BEGIN A KEY-----\nmine, on lines\n-----END A KEY-----";
  const files = {
    "merged-pr.ts": httpWorkflow(
      "merged-pr",
      `const found = await step("look", () => lookUp({}));
    return { found };`,
    ).replace("\n", '\nimport { lookUp } from "./lib/look-up.ts";\n'),
    "lib/look-up.ts": `export function lookUp(given: any): string {
  const deep = (levels: number): string => (levels > 0 ? deep(levels - 1) : given.pull.title);
  try {
    return deep(30);
  } catch (cause) {
    throw new Error("no title, ${secret}", { cause });
  }
}
`,
    "keys.ts": httpWorkflow(
      "keys",
      "throw new Error('it is ' + env.SOME_KEY + '\\n    at fake (x.ts:1:1)');",
      'env: ["SOME_KEY"],',
    ),
    "lists.ts": httpWorkflow("lists", 'await github.request("GET /repos/acme/none" as never); return {};'),
  };

  for (const [how, command] of [
    ["as sources", undefined],
    ["as the bundle", ["dist/gh-runner.js", "serve"]],
  ] as const) {
    it(`names its place in the reason, and its stack in the log, the API and on the page, run ${how}`, async (t) => {
      const github = await startGitHub();
      t.after(() => github.close());
      github.token(TOKEN);
      github.repository("acme/shop");
      // Kubernetes mounts a ConfigMap like this.
      const mount = workflowsFolder(
        t,
        Object.fromEntries(Object.entries(files).map(([name, text]) => [`..2026_11_28/${name}`, text])),
      );
      symlinkSync("..2026_11_28", join(mount, "..data"));
      for (const name of ["merged-pr.ts", "keys.ts", "lists.ts", "lib"])
        symlinkSync(join("..data", name), join(mount, name));
      const [port, dataDir] = [await fixedPort(), temporaryFolder(t)];
      const service = spawnService(t, {
        port,
        dataDir,
        githubUrl: github.url,
        settings: { WORKFLOWS_DIR: mount, LOG_LEVEL: "info", SOME_KEY: key },
        ...(command ? { command } : {}),
      });
      await listening(service, port);
      const url = `http://127.0.0.1:${port}`;
      const answer = await start(url, "merged-pr");
      assert.equal(
        answer.json.detail,
        "The workflow threw Error: no title, *** (merged-pr.ts:10), " +
          "caused by TypeError: Cannot read properties of undefined (reading 'title')",
      );
      const id = answer.headers["x-run-id"];
      const [{ stack }] = (await send(url, { path: `/api/runs/${id}` })).json.attempts;
      const lines: string[] = stack.split("\n");
      assert.equal(lines[0], "Error: no title, ***");
      assert.match(lines[1] ?? "", /^ {4}at merged-pr\.ts:10:\d+$/);
      assert.ok(lines.includes("    at lookUp (lib/look-up.ts:6:11)"), stack);
      const cause = lines.indexOf("Caused by TypeError: Cannot read properties of undefined (reading 'title')");
      assert.ok(cause > 0, stack);
      assert.match(lines[cause + 1] ?? "", /^ {4}at merged-pr\.ts:10:\d+$/, "although it is far down");
      assert.match(stack.slice(stack.indexOf("Caused by")), /\n {4}at deep \(lib\/look-up\.ts:2:\d+\)\n/);
      const record = service
        .output()
        .split("\n")
        .find((line) => line.includes("run failed"));
      assert.equal(JSON.parse(record ?? "{}").stack, stack);
      const page = await send(url, { path: `/runs/${id}`, headers: { accept: "text/html" } });
      assert.match(page.text, /<pre class="stack"[^>]*><code>Error: no title, \*\*\*\n {4}at merged-pr\.ts:10:/);

      const log = await send(url, { path: `/runs/${id}/log`, headers: { accept: "text/html" } });
      assert.match(log.text, /at lookUp \(lib\/look-up\.ts:6:11\)\n/);
      assert.match(log.text, / {4}… \d+ more frames/, "the frames of gh-runner bury nothing");
      assert.doesNotMatch(log.text, /at .*(?:node:internal|\(\/)/);
      assert.match((await send(url, { path: `/runs/${id}/log.txt` })).text, /at .*\(\/|at .*file:/);

      const leaky = await start(url, "keys");
      const { attempts } = (await send(url, { path: `/api/runs/${leaky.headers["x-run-id"]}` })).json;
      assert.match(attempts[0].stack, /^Error: it is \*\*\* at fake \(x\.ts:1:1\)\n {4}at .*\(keys\.ts:9:\d+\)\n/);

      // A message that explains the error also names the place.
      const { headers } = await start(url, "lists");
      const failed = (await send(url, { path: `/api/runs/${headers["x-run-id"]}` })).json;
      assert.match(failed.reason, /404/);
      assert.match(failed.attempts[0].stack, /\n {4}at .*\(lists\.ts:9:\d+\)/);
      for (const text of [service.output(), page.text, stack]) assert.ok(!text.includes(secret.slice(0, 12)));
      service.stop();
      await service.ended;
    });
  }
});

describe("a service with your workflows", () => {
  it("still ends after an uncaught error outside any run", async (t) => {
    const folder = workflowsFolder(t, {
      "good.ts": `${httpWorkflow("good", "return {};")}\nif (process.env.BOOM) setTimeout(() => { throw new Error("boom"); }, 300);`,
    });
    const github = await startGitHub();
    t.after(() => github.close());
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: temporaryFolder(t),
      githubUrl: github.url,
      settings: { WORKFLOWS_DIR: folder, BOOM: "1" },
    });
    assert.equal(await service.ended, 1);
    assert.match(service.output(), /Error: boom/);
  });
});
