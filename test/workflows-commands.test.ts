import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { textOfRecord } from "../src/cli/run-here.ts";
import { BARE_ENVIRONMENT } from "./support/environment.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort } from "./support/process.ts";
import { startReceiver } from "./support/receiver.ts";
import { release } from "./support/release.ts";
import { TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const RELEASE = fileURLToPath(new URL(`../${release()}`, import.meta.url));

async function command(args: readonly string[], env: Record<string, string> = {}, cwd = process.cwd()) {
  const child = spawn(process.execPath, [args[0] === "init" ? MAIN : RELEASE, ...args], {
    cwd,
    env: { ...BARE_ENVIRONMENT, ...env },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text) => {
      output[name] += text;
    });
  }
  const [code] = await once(child, "close");
  return { code: code as number, ...output };
}

const FILES = {
  "deploy.ts": httpWorkflow(
    "deploy",
    `const text = await github.readFile("acme/shop", "a.txt");
    const made = await step("comment", () => github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
      { owner: "acme", repo: "shop", issue_number: 7, body: "hello" }));
    await github.dispatch("acme/shop", "go", { n: body.n ?? 0 });
    return { text, url: made.data.html_url ?? null, comment: made.data.id ?? null, env: env.SOME_NAME };`,
    'env: ["SOME_NAME"],',
  ),
  "nightly.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "nightly", on: { schedule: { cron: "0 3 * * *" } },
  async run({ event }) { return { at: event.scheduledAt.length }; } });`,
  "label.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "label", on: { github: { events: "pull_request", actions: ["opened"] } },
  async run({ event }) { return { number: event.payload.number }; } });`,
};

const SEVERAL = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "several",
  on: {
    http: { path: "/several", body: z.object({ n: z.number() }) },
    github: [{ events: ["push", "workflow_run"] }, { events: "pull_request", actions: ["opened"] },
      { events: "push", branches: ["main", "!x"], pathsIgnore: "docs/**" }],
    manual: { inputs: z.object({ ref: z.string(), times: z.int().default(1) }) },
  },
  async run({ trigger, inputs }) { return trigger === "manual" ? { trigger, ...inputs } : { trigger }; },
});`;

async function scene(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository("acme/shop").put("a.txt", "from GitHub");
  const env = {
    WORKFLOWS_DIR: workflowsFolder(t, FILES),
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: TOKEN,
    SOME_NAME: "some value",
    LOG_LEVEL: "silent",
  };
  return { github, env };
}

describe("gh-runner workflows", () => {
  it("lists what is loaded with trigger and file, even if variables are not set", async (t) => {
    const { env } = await scene(t);
    const { code, stdout } = await command(["workflows"], { WORKFLOWS_DIR: env.WORKFLOWS_DIR });
    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(/ {2,}/)),
      [
        ["WORKFLOW", "TRIGGER", "FILE"],
        ["environment-ready", "http POST /dispatch", "built in"],
        ["deploy", "http POST /deploy", "deploy.ts"],
        ["label", "github pull_request (opened)", "label.ts"],
        ["nightly", "schedule 0 3 * * * UTC", "nightly.ts"],
      ],
    );
    const json = await command(["workflows", "--json"], { WORKFLOWS_DIR: env.WORKFLOWS_DIR });
    assert.equal(JSON.parse(json.stdout).length, 4);
    assert.equal(json.stderr, "");
  });

  it("lists all triggers of a workflow below each other", async (t) => {
    const { env } = await scene(t);
    const WORKFLOWS_DIR = workflowsFolder(t, { "several.ts": SEVERAL });
    const { stdout } = await command(["workflows"], { ...env, WORKFLOWS_DIR });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .slice(2)
      .map((line) => line.split(/ {2,}/).filter(Boolean));
    assert.deepEqual(lines, [
      ["several", "http POST /several", "several.ts"],
      ["github push, workflow_run"],
      ["github pull_request (opened)"],
      ["github push (branches: main, !x; pathsIgnore: docs/**)"],
      ["manual"],
    ]);
    const [, json] = JSON.parse((await command(["workflows", "--json"], { ...env, WORKFLOWS_DIR })).stdout);
    assert.deepEqual(json.triggers, [
      "http POST /several",
      "github push, workflow_run",
      "github pull_request (opened)",
      "github push (branches: main, !x; pathsIgnore: docs/**)",
      "manual",
    ]);
    assert.equal(json.trigger, json.triggers.join("; "));
  });

  it("warns about names that GitHub does not know, beside the list", async (t) => {
    const { env } = await scene(t);
    writeFileSync(join(env.WORKFLOWS_DIR, "label.ts"), FILES["label.ts"].replace('"opened"', '"openend"'));
    const { code, stdout, stderr } = await command(["workflows", "--json"], { WORKFLOWS_DIR: env.WORKFLOWS_DIR });
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).length, 4);
    assert.equal(
      stderr,
      'warning: label.ts: on.github.actions: unknown action "openend" of pull_request: did you mean "opened"?\n',
    );
  });

  it("fails with the reason when a file ends the process during loading", async (t) => {
    const folder = workflowsFolder(t, { "ends.ts": "process.exit(0);" });
    const { code, stderr } = await command(["workflows"], { WORKFLOWS_DIR: folder });
    assert.match(
      stderr,
      /^ {2}ends\.ts: Error: process\.exit is called outside of `run`: remove it \(ends\.ts:1:9\)$/m,
    );
    assert.equal(code, 1);
  });

  it("ends with 1 and names what is wrong", async (t) => {
    const folder = workflowsFolder(t, { "bad.ts": "export default 5;" });
    const { code, stderr } = await command(["workflows"], { WORKFLOWS_DIR: folder });
    assert.equal(code, 1);
    assert.match(stderr, /bad\.ts: default export: expected a workflow, got 5/);
  });
});

describe("gh-runner run", () => {
  it("shows the log on a terminal as lines of text, without what the result repeats", () => {
    const record = { level: "warn", time: "2026-11-30T07:00:00.000Z", run: "1", workflow: "w", attempt: 1 };
    assert.equal(
      textOfRecord(JSON.stringify({ ...record, pull: 7, msg: "careful" })),
      "2026-11-30T07:00:00.000Z WARN  careful pull=7\n",
    );
    const end = { ...record, duration_ms: 5, outcome: "failure", reason: "No.", stack: "Error: No.\n    at w.ts:1" };
    assert.equal(
      textOfRecord(JSON.stringify({ ...end, msg: "run failed" })),
      "2026-11-30T07:00:00.000Z WARN  run failed\n    Error: No.\n        at w.ts:1\n",
    );
    assert.equal(textOfRecord(JSON.stringify({ ...end, level: "info", outcome: "success", msg: "run succeeded" })), "");
    const limit = {
      ...record,
      level: "info",
      outcome: "failure",
      reason: "Wait.",
      next_attempt: "2026-11-30T08:00:00.000Z",
    };
    assert.equal(
      textOfRecord(JSON.stringify({ ...limit, msg: "run waits for a GitHub rate limit" })),
      "2026-11-30T07:00:00.000Z INFO  run waits for a GitHub rate limit outcome=failure reason=Wait. next_attempt=2026-11-30T08:00:00.000Z\n",
    );
  });

  it("and gh-runner workflows report that WORKFLOWS_DIR is not set", async () => {
    const unknown = await command(["run", "mine"]);
    assert.match(unknown.stderr, / WORKFLOWS_DIR is not set: set it to the folder of your workflows\.\n$/);
    const { code, stderr } = await command(["workflows"]);
    assert.deepEqual([code, stderr], [0, "WORKFLOWS_DIR is not set, so the list has only the built-in workflows.\n"]);
  });

  it("names the broken files of other workflows, and how to run without them", async (t) => {
    const { env } = await scene(t);
    const WORKFLOWS_DIR = workflowsFolder(t, { ...FILES, "bad.ts": "export default 5;" });
    const { code, stderr } = await command(["run", "nightly"], { ...env, WORKFLOWS_DIR });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Cannot start\..*\n {2}bad\.ts: .*\nTo run another workflow .* set WORKFLOWS_STRICT=false\.\n$/,
    );
    const lenient = await command(["run", "nightly"], { ...env, WORKFLOWS_DIR, WORKFLOWS_STRICT: "false" });
    assert.equal(lenient.code, 0, lenient.stderr);
  });

  it("prints what a workflow waits for, and that the service would continue", async (t) => {
    const { env } = await scene(t);
    const waits = httpWorkflow("waits", 'await step("first", () => 1); await sleep("quiet period", "2h"); return {};');
    const WORKFLOWS_DIR = workflowsFolder(t, { "waits.ts": waits });
    const { code, stdout } = await command(["run", "waits"], { ...env, WORKFLOWS_DIR });
    assert.deepEqual(stdout.trim().split("\n"), [
      "step first: done",
      "sleep quiet period: under way",
      "waiting (the service would continue after the wait): The run sleeps for 2h (quiet period).",
    ]);
    assert.equal(code, 0);
  });

  it("executes a workflow as the given trigger starts it", async (t) => {
    const { env } = await scene(t);
    const WORKFLOWS_DIR = workflowsFolder(t, { "several.ts": SEVERAL });
    const run = (...args: string[]) => command(["run", "several", ...args], { ...env, WORKFLOWS_DIR });
    for (const [args, said] of [
      [[], "several has the triggers http, github, manual: name one of them with --trigger.\n"],
      [["--trigger", "flux"], "several has no trigger flux. Name one of its triggers: http, github, manual.\n"],
    ] as const) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 1);
      assert.equal(stderr, said);
    }
    const manual = await run("--trigger", "manual", "--input", '{"ref":"main"}');
    assert.match(manual.stdout, /success: \{"trigger":"manual","ref":"main","times":1\}/, manual.stderr);
    const http = await run("--trigger", "http", "--input", '{"n":1}');
    assert.match(http.stdout, /success: \{"trigger":"http"\}/);
    const wrong = await run("--trigger", "manual", "--input", '{"ref":1}');
    assert.match(wrong.stderr, /^--input is invalid: ref [^\n]*\n$/);
  });

  it("executes a workflow, with real reads and writes that are only printed in a dry run", async (t) => {
    const { github, env } = await scene(t);
    const { code, stdout, stderr } = await command(["run", "deploy", "--dry-run", "--input", '{"n":3}'], env);
    assert.equal(code, 0, stderr);
    const lines = stdout.trim().split("\n");
    assert.deepEqual(
      lines.filter((line) => /^(POST|authorization|\{)/.test(line)),
      [
        `POST ${github.url}/repos/acme/shop/issues/7/comments`,
        "authorization: Bearer ***",
        '{"body":"hello"}',
        `POST ${github.url}/repos/acme/shop/dispatches`,
        "authorization: Bearer ***",
        '{"event_type":"go","client_payload":{"n":3}}',
      ],
    );
    assert.deepEqual(lines.slice(-2), [
      "step comment: done",
      'success: {"text":"from GitHub","url":null,"comment":0,"env":"some value"}',
    ]);
    assert.deepEqual(new Set(github.requests.map(({ method }) => method)), new Set(["GET"]));
  });

  it("sends what the workflow writes without --dry-run, and ends with 1 when it fails", async (t) => {
    const { github, env } = await scene(t);
    const { code, stdout } = await command(["run", "deploy"], env);
    assert.equal(code, 1);
    assert.match(stdout, /^step comment: .*404.*\nfailure: Requesting POST \/repos\/acme\/shop\/issues\/7/);
    assert.equal(github.requests.at(-1)?.method, "POST");
  });

  it("runs until the end of the workflow's waits, and no longer", async (t) => {
    const { env } = await scene(t);
    const port = await fixedPort();
    const folder = workflowsFolder(t, {
      "wait.ts": httpWorkflow("wait", `await waitFor("http://127.0.0.1:${port}/", { timeout: "1500ms" });`),
    });
    const { code, stdout, stderr } = await command(["run", "wait"], { ...env, WORKFLOWS_DIR: folder });
    assert.equal(code, 1, stderr);
    assert.match(
      stdout,
      /^failure \(the service would retry it\): Waiting 1500ms for http:\/\/127\.0\.0\.1:\d+\/ failed: /m,
    );
  });

  it("leaves nothing behind when it is interrupted", async (t) => {
    const { env } = await scene(t);
    const TMPDIR = temporaryFolder(t);
    const WORKFLOWS_DIR = workflowsFolder(t, {
      "hang.ts": httpWorkflow(
        "hang",
        'console.log("begun"); await new Promise((resolve) => setTimeout(resolve, 60_000));',
      ),
    });
    const child = spawn(process.execPath, [RELEASE, "run", "hang"], {
      cwd: TMPDIR,
      env: { PATH: process.env.PATH, ...env, LOG_LEVEL: "info", TMPDIR, WORKFLOWS_DIR },
    });
    t.after(() => void child.kill("SIGKILL"));
    await Promise.race([once(child.stderr, "data"), once(child.stdout, "data")]);
    child.kill("SIGINT");
    await once(child, "close");
    assert.deepEqual(readdirSync(TMPDIR), []);
  });

  it("does not use the database of a service or its NOTIFY_URL", async (t) => {
    const { env } = await scene(t);
    const receiver = await startReceiver(t);
    const closed = await fixedPort();
    const service = {
      DATABASE_URL: `postgres://gh-runner@127.0.0.1:${closed}/gh-runner`,
      NOTIFY_URL: receiver.url,
    };
    const { code, stdout, stderr } = await command(["run", "deploy"], { ...env, ...service });
    assert.match(stdout, /^failure: Requesting POST/m, stderr);
    assert.equal(code, 1);
    assert.deepEqual(receiver.received, []);
  });

  it("accepts the event of a schedule and of a webhook", async (t) => {
    const { env } = await scene(t);
    assert.match((await command(["run", "nightly"], env)).stdout, /success: \{"at":24\}/);
    const event = JSON.stringify({ name: "pull_request", payload: { number: 9 } });
    assert.match((await command(["run", "label", "--input", event], env)).stdout, /success: \{"number":9\}/);
  });

  for (const [what, args, expected] of [
    [
      "an unknown workflow",
      ["run", "none"],
      /There is no workflow none\. The workflows are: environment-ready, deploy/,
    ],
    ["input that is no JSON", ["run", "deploy", "--input", "{"], /--input must be a JSON object/],
    ["input that the schema rejects", ["run", "deploy", "--input", '{"n":"x"}'], /--input is invalid: n /],
    ["no event", ["run", "label"], /--input must be an event/],
  ] as const) {
    it(`rejects ${what} in one line`, async (t) => {
      const { env } = await scene(t);
      const { code, stderr } = await command(args, env);
      assert.equal(code, 1);
      assert.match(stderr, expected);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    });
  }

  it("rejects an invalid event of Flux in one line", async (t) => {
    const flux = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "deployed", on: { flux: { path: "/deployed" } }, async run() {} });`;
    const { env } = await scene(t);
    const { code, stderr } = await command(["run", "deployed"], {
      ...env,
      WORKFLOWS_DIR: workflowsFolder(t, { "deployed.ts": flux }),
    });
    assert.equal(code, 1);
    assert.match(stderr, /^The body is not an event of Flux's notification-controller: involvedObject [^\n]*\n$/);
  });
});

describe("gh-runner init", () => {
  it("writes a workflow, its test and ArgoCD's part, and they work", async (t) => {
    const folder = join(temporaryFolder(t), "workflows");
    const made = await command(["init", "tell-shop"], { WORKFLOWS_DIR: folder });
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual(readdirSync(folder).sort(), ["tell-shop.argocd.yaml", "tell-shop.test.ts", "tell-shop.ts"]);
    const input = ["--dry-run", "--input", '{"application":"pr-1234"}'];
    const run = await command(["run", "tell-shop", ...input], { WORKFLOWS_DIR: folder, LOG_LEVEL: "silent" });
    assert.match(run.stdout, /^POST https:\/\/api\.github\.com\/repos\/acme\/shop\/dispatches$/m);
    assert.match(run.stdout, /^\{"event_type":"preview_ready","client_payload":\{"application":"pr-1234"\}\}$/m);
    assert.equal(run.code, 0);
  });

  it("writes a test that passes unchanged", async (t) => {
    const folder = join(fileURLToPath(new URL("..", import.meta.url)), "test", `.init-${process.pid}`);
    t.after(async () => (await import("node:fs")).rmSync(folder, { recursive: true, force: true }));
    assert.equal((await command(["init"], { WORKFLOWS_DIR: folder })).code, 0);
    const child = spawn(process.execPath, ["--test", join(folder, "announce-preview.test.ts")], {
      env: { PATH: process.env.PATH },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 0, output);
    assert.match(output, /pass 2/);
  });

  it("rejects a name with which the service would not start", async (t) => {
    const folder = join(temporaryFolder(t), "workflows");
    for (const [name, why] of [
      [
        "environment-ready",
        /^Nothing was written: .*environment-ready is taken by a built-in workflow\. Choose another name\./,
      ],
      [
        "dispatch",
        /^Nothing was written: .*the path \/dispatch is taken by a built-in workflow\. Choose another name\./,
      ],
      ["health", /^Nothing was written: .*\/health is reserved by the service\. Choose another name\./],
      ["a".repeat(101), /^Nothing was written: expected letters/],
      ["Mine", /use lower-case letters/],
    ] as const) {
      const { code, stderr } = await command(["init", name], { WORKFLOWS_DIR: folder });
      assert.equal(code, 1, name);
      assert.match(stderr, why);
      assert.equal(existsSync(folder), false);
    }
  });

  it("overwrites nothing", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "mine.ts"), "precious");
    const { code, stderr } = await command(["init", "mine"], { WORKFLOWS_DIR: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^Nothing was written: .*mine\.ts already exists\. Choose another name, or delete it\.\n$/);
    assert.deepEqual(readdirSync(folder), ["mine.ts"]);
    assert.equal(readFileSync(join(folder, "mine.ts"), "utf8"), "precious");
  });
});
