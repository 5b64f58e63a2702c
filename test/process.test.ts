import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { DEPLOYMENT, deploy, notify, send, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function run(
  t: TestContext,
  args: readonly string[],
  settings: Record<string, string> = {},
  program: string = process.execPath,
) {
  const child = spawn(program, args, { cwd: ROOT, env: { PATH: process.env.PATH, ...settings } });
  t.after(() => void child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.stderr += text;
  });
  return { child, output, ended: ended(child) };
}

/** The process that a process started last, or one of those that it started. */
function youngestBelow(pid: number): number {
  const all = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const child = new RegExp(`^ *(\\d+) +${pid}$`, "m").exec(all)?.[1];
  return child === undefined ? pid : youngestBelow(Number(child));
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, "close");
  return code;
}

async function readyUrl(service: ReturnType<typeof run>): Promise<string> {
  for (;;) {
    const line = service.output.stdout.split("\n").find((each) => each.includes("gh-runner is ready"));
    if (line) return JSON.parse(line).url;
    if (service.child.exitCode !== null) throw new Error(`the service ended: ${service.output.stderr}`);
    await Promise.race([once(service.child.stdout, "data"), service.ended]);
  }
}

const settingsFor = (t: TestContext, github: { url: string }) => ({
  DATA_DIR: temporaryFolder(t),
  PORT: "0",
  HOST: "127.0.0.1",
  GITHUB_API_URL: github.url,
  GITHUB_TOKEN: TOKEN,
  DEPLOYMENT_REPO: DEPLOYMENT,
  TARGET_REPO: TARGET,
});

const STOPPING = "gh-runner is stopping: it accepts nothing more and finishes work in progress";

describe("the process", () => {
  for (const [what, program] of [
    ["from the sources", "src/main.ts"],
    ["as one bundled file", "dist/gh-runner.js"],
  ] as const) {
    it(`${what}: names the Node that it needs if this one is too old, and exits with 1`, async (t) => {
      const older = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })';
      const asOlder = `--import=data:text/javascript,${encodeURIComponent(older)}`;
      const { ended, output } = run(t, [asOlder, program, "serve"]);
      assert.equal(await ended, 1);
      const oldest = manifest.engines.node.replace(">=", "");
      const sentence = `gh-runner needs Node ${oldest} or newer; this is Node 20.20.2 (${process.execPath}).\n`;
      assert.deepEqual(output, { stdout: "", stderr: sentence });
    });
  }

  it("as one bundled file: imports nothing of Node by name, because an older Node would reject that before it runs", () => {
    const text = readFileSync(`${ROOT}dist/gh-runner.js`, "utf8");
    // Imports of the sources are minified. The one before them makes the `require` that loads them.
    assert.doesNotMatch(text, /\b(?:from|import)"node:/);
    assert.match(text, /^import \{ createRequire \} from "node:module";/m);
  });

  for (const [what, args] of [
    ["from the sources", ["src/main.ts", "serve"]],
    ["as one bundled file", ["dist/gh-runner.js", "serve"]],
  ] as const) {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      it(`${what}: ${signal} with ten requests in flight: ten answers, ten events, exit 0`, async (t) => {
        const github = await startGitHub({ latencyMs: 150 });
        t.after(() => github.close());
        github.token(TOKEN);
        github.repository(TARGET);
        for (let at = 0; at < 10; at++) deploy(github, `pr-${at}`, `commit-${at}`);
        const service = run(t, args, settingsFor(t, github));
        const url = await readyUrl(service);
        const answers = Array.from({ length: 10 }, (_, at) => notify(url, { application: `pr-${at}` }));
        while (github.requests.length < 20) await new Promise((resolve) => setImmediate(resolve));
        service.child.kill(signal);
        assert.deepEqual(new Set((await Promise.all(answers)).map(({ status }) => status)), new Set([200]));
        assert.equal(await service.ended, 0);
        assert.equal(github.dispatches.length, 10);
        await assert.rejects(send(url, { path: "/health" }), { code: "ECONNREFUSED" });
        const logged = service.output.stdout.trim().split("\n");
        const [first, last] = logged.slice(-12).filter((line) => / is stopping| has stopped/.test(line));
        assert.equal(JSON.parse(first ?? "").msg, STOPPING);
        assert.equal(JSON.parse(last ?? "").msg, "gh-runner has stopped");
        assert.equal(last, logged.at(-1));
      });
    }
  }

  for (const [what, args, code] of [
    ["npm start", ["start"], 0],
    // The shell of npx ends by the signal and does not forward it. The service notices that its parent is gone.
    ["npx", ["exec", "--offline", "--call", "node src/main.ts serve; exit $?"], null],
  ] as const) {
    it(`by ${what}: SIGTERM to npm, with requests in flight: they are answered, then port and folder are free`, async (t) => {
      const github = await startGitHub({ latencyMs: 300 });
      t.after(() => github.close());
      github.token(TOKEN);
      github.repository(TARGET);
      for (let at = 0; at < 5; at++) deploy(github, `pr-${at}`, `commit-${at}`);
      const settings = settingsFor(t, github);
      const ofNpm = { npm_config_cache: temporaryFolder(t), npm_config_update_notifier: "false" };
      const npm = run(t, args, { ...settings, ...ofNpm }, "npm");
      const url = await readyUrl(npm);
      const service = youngestBelow(npm.child.pid ?? 0);
      t.after(() => end(service));
      const answers = Array.from({ length: 5 }, (_, at) => notify(url, { application: `pr-${at}` }));
      while (github.requests.length < 10) await new Promise((resolve) => setImmediate(resolve));
      npm.child.kill("SIGTERM");
      assert.deepEqual(new Set((await Promise.all(answers)).map(({ status }) => status)), new Set([200]));
      // Its output is closed when the service has ended, too.
      assert.equal(await npm.ended, code);
      assert.equal(github.dispatches.length, 5);
      await assert.rejects(send(url, { path: "/health" }), { code: "ECONNREFUSED" });
      const next = run(t, ["src/main.ts", "serve"], { ...settings, PORT: new URL(url).port });
      assert.equal(await readyUrl(next), url);
    });
  }

  for (const [what, folder] of [
    ["below /proc", "/proc/nope/data"],
    ["below /sys", "/sys/nope"],
    ["below a device", "/dev/null/data"],
    ["that is a file", fileURLToPath(import.meta.url)],
  ] as const) {
    it(`does not start with a DATA_DIR ${what}, reports it, and exits with 1`, async (t) => {
      const files = { "w.ts": httpWorkflow("w", "return {};") };
      const more = { DATA_DIR: folder, WORKFLOWS_DIR: workflowsFolder(t, files), PORT: "0", HOST: "127.0.0.1" };
      const service = run(t, ["src/main.ts", "serve"], more);
      assert.equal(await service.ended, 1);
      assert.ok(service.output.stderr.startsWith(`Cannot create the folder ${folder} (`), service.output.stderr);
      assert.match(service.output.stderr, /\. Set DATA_DIR to a writable folder\.\n$/);
    });
  }

  it("starts with only the variables of the contract", async (t) => {
    const service = run(t, ["dist/gh-runner.js", "serve"], { PORT: "0", DATA_DIR: temporaryFolder(t) });
    const url = await readyUrl(service);
    assert.equal((await notify(url, { application: "main" })).status, 200);
    service.child.kill("SIGTERM");
    assert.equal(await service.ended, 0);
    assert.match(service.output.stdout, /GITHUB_TOKEN and GITHUB_APP_ID are not set/);
  });

  it("says what to do when settings cannot be used or the port is taken, and exits with 1", async (t) => {
    const wrong = run(t, ["dist/gh-runner.js", "serve"], { PORT: "x", TARGET_REPO: "y" });
    assert.equal(await wrong.ended, 1);
    assert.match(wrong.output.stderr, /^Cannot start\. Fix these settings .*\n {2}PORT: .*\n {2}TARGET_REPO: .*\n$/);

    const first = run(t, ["dist/gh-runner.js", "serve"], {
      PORT: "0",
      HOST: "127.0.0.1",
      DATA_DIR: temporaryFolder(t),
    });
    const { port } = new URL(await readyUrl(first));
    const second = run(t, ["dist/gh-runner.js", "serve"], {
      PORT: port,
      HOST: "127.0.0.1",
      DATA_DIR: temporaryFolder(t),
    });
    assert.equal(await second.ended, 1);
    assert.match(second.output.stderr, /^Cannot listen on 127\.0\.0\.1:\d+: it is in use\. .*PORT.*\n$/);
  });

  it("prints its version and its commands", async (t) => {
    const version = run(t, ["dist/gh-runner.js", "--version"]);
    assert.equal(await version.ended, 0);
    assert.match(version.output.stdout, /^\d+\.\d+\.\d+\n$/);
    const help = run(t, ["dist/gh-runner.js", "--help"]);
    assert.equal(await help.ended, 0);
    assert.match(help.output.stdout, /serve .*Start the service/);
    const unknown = run(t, ["dist/gh-runner.js", "sevre"]);
    assert.equal(await unknown.ended, 1);
    assert.match(unknown.output.stderr, /serve/);
  });
});
