import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { progress } from "../src/cli/terminal.ts";
import { movedClock } from "./support/clock.ts";
import { BARE_ENVIRONMENT } from "./support/environment.ts";
import { eventually } from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, notify, startService } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ASYNC = { prefer: "respond-async" };

/** Runs `gh-runner runs …` as a separate process. */
function following(t: TestContext, url: string, args: readonly string[]) {
  const child = spawn(process.execPath, [release(), "runs", ...args], {
    cwd: ROOT,
    env: { ...BARE_ENVIRONMENT, GH_RUNNER_URL: url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  const says = (pattern: RegExp) => eventually(`it says ${pattern}`, 60_000, () => pattern.test(output.stdout));
  return { child, output, ended, says };
}

describe("gh-runner runs list --follow", () => {
  it("shows existing runs, then each new run and its outcome, until Ctrl-C", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "main" });
    const { child, output, ended, says } = following(t, url, ["list", "--follow"]);
    await says(/ skipped {2}environment-ready {2}main {2}attempt 1 {2}application name/);
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({}, { kind: "hold", until: promise });
    await notify(url, { application: "pr-1" }, ASYNC);
    await says(/ running {2}environment-ready {2}pr-1 {2}attempt 1\n/);
    resolve();
    await says(/ success {2}environment-ready {2}pr-1 {2}attempt 1\n/);
    child.kill("SIGINT");
    assert.equal(await ended, 0);
    assert.equal(output.stderr, "", "no progress in a pipe");
    assert.equal(output.stdout.trimEnd().split("\n").length, 3);
  });

  it("prints a line of JSON per run with --json, and applies its filter", async (t) => {
    const { url } = await startService(t);
    await notify(url, { application: "main" });
    const { child, output, ended, says } = following(t, url, ["list", "--follow", "--json", "--status", "failure"]);
    await notify(url, { application: "pr-missing" });
    await says(/\n/);
    child.kill("SIGINT");
    assert.equal(await ended, 0);
    const lines = output.stdout.trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).group),
      ["pr-missing"],
    );
  });

  it("fails immediately when there is no service", async (t) => {
    const { output, ended } = following(t, "http://127.0.0.1:1", ["list", "--follow"]);
    assert.equal(await ended, 1);
    assert.match(output.stderr, /^Cannot reach gh-runner /);
  });
});

describe("gh-runner runs show --follow", () => {
  it("prints each attempt until the run has ended, and exits with 0 on success", async (t) => {
    const clock = movedClock();
    const { github, url } = await startService(t, { options: { clock, random: () => 0 } });
    deploy(github, "pr-1", "abc");
    const outage = github.fault({}, { kind: "status", status: 502 });
    const { headers } = await notify(url, { application: "pr-1" });
    const { output, ended, says } = following(t, url, ["show", String(headers["x-run-id"]), "--follow"]);
    await says(/attempt 1 failure {2}.* 502/);
    await says(/ queued {2}due /);
    outage.remove();
    clock.move(5000);
    assert.equal(await ended, 0);
    assert.match(output.stdout, /attempt 2 success\n.* success\n$/);
    assert.equal(output.stderr, "");
  });

  it("exits with 1 when the run failed, and prints the JSON of the API with --json", async (t) => {
    const { url } = await startService(t);
    const { headers } = await notify(url, { application: "pr-missing" });
    const { output, ended } = following(t, url, ["show", String(headers["x-run-id"]), "--follow", "--json"]);
    assert.equal(await ended, 1);
    assert.equal(JSON.parse(output.stdout).status, "failure");
  });

  it("continues with the run that replaced it", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ times: 2 }, { kind: "hold", until: promise });
    const ids = [];
    for (let at = 0; at < 3; at++) {
      ids.push(String((await notify(url, { application: "pr-1", revision: `r${at}` }, ASYNC)).headers["x-run-id"]));
    }
    const { output, ended, says } = following(t, url, ["show", ids[1] ?? "", "--follow"]);
    await says(new RegExp(`superseded {2}by ${ids[2]}\n`));
    resolve();
    await ended;
    assert.match(output.stdout, /attempt 1 /);
  });
});

describe("the progress of a long wait", () => {
  it("replaces itself on a terminal, within its width, and prints nothing in a pipe", () => {
    const written: string[] = [];
    const stream = (isTTY: boolean) =>
      ({ isTTY, columns: 10, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
    progress(stream(false)).show("a long text");
    assert.deepEqual(written, []);
    progress(stream(true)).show("a long text");
    assert.deepEqual(written, ["\r\u001b[2K", "a long te"]);
  });
});
