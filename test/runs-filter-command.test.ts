import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { command, startCommand } from "./support/command.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NASTY = "pr-\u001b[31m\u202e\nred";

const linesOf = (text: string) => text.trimEnd().split("\n").slice(1);

/** Three hours ago pr-old failed, half an hour ago pr-1 and pr-2, and pr-3 worked. */
async function scene(t: TestContext, settings: Record<string, string> = {}) {
  const began = Date.now() - 3 * HOUR;
  const clock = movedClock(began);
  const service = await startService(t, { settings, options: { clock, random: () => 0 } });
  const { url, github } = service;
  const started = async (application: string) => String((await notify(url, { application })).headers["x-run-id"]);
  const old = await started("pr-old");
  clock.move(2.5 * HOUR);
  const [one, two] = [await started("pr-1"), await started("pr-2")];
  deploy(github, "pr-3", "1234567890abcdef1234567890abcdef12345678");
  const good = await started("pr-3");
  const runs = (args: readonly string[], more: Record<string, string> = {}) =>
    command(["runs", ...args], { GH_RUNNER_URL: url, ...more });
  const listed = async (...args: string[]) => {
    const { code, stdout, stderr } = await runs(["list", ...args]);
    assert.equal(code, 0, stderr);
    return linesOf(stdout).map((line) => line.slice(0, 36));
  };
  return { ...service, clock, began, runs, listed, old, one, two, good };
}

/** The answer to a search that took too long. */
const CUT = JSON.stringify({ runs: [], next: "41" });

describe("gh-runner runs list with filters", () => {
  it("finds what the page's search finds: words, qualifiers and times", async (t) => {
    const { url, listed, runs, old, one, two, good } = await scene(t);
    assert.deepEqual(await listed("--since", "1h"), [good, two, one]);
    assert.deepEqual(await listed("--until", "1h"), [old]);
    assert.deepEqual(await listed("--text", "pr-1 status:failure"), [one]);
    assert.deepEqual(await listed("pr-1"), [one]);
    assert.deepEqual(await listed("since:1h", "status:failure", "--group", "pr-2"), [two]);
    assert.deepEqual(await listed("--status", "success", "--workflow", "environment-ready"), [good]);
    const { stdout } = await runs(["list", "--text", 'commit:1234567 "pr-3"', "--json"]);
    const query = encodeURIComponent('commit:1234567 "pr-3"');
    assert.equal(stdout, `${(await send(url, { path: `/api/runs?text=${query}` })).text}\n`);
  });

  it("reads times of day in this machine's zone", async (t) => {
    const { began, runs, old, one, two, good } = await scene(t);
    // An hour after the first run began, by the clocks of the two zones.
    const wall = (zone: string) =>
      new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })
        .format(began + HOUR)
        .replace(" ", "T");
    for (const TZ of ["Asia/Kolkata", "America/New_York", "UTC"]) {
      const since = await runs(["list", "--since", wall(TZ)], { TZ });
      assert.deepEqual(
        linesOf(since.stdout).map((line) => line.slice(0, 36)),
        [good, two, one],
        `${TZ} ${since.stderr}`,
      );
      const before = await runs(["list", `until:${wall(TZ)}`], { TZ });
      assert.deepEqual(
        linesOf(before.stdout).map((line) => line.slice(0, 36)),
        [old],
        TZ,
      );
    }
  });

  it("does not claim that there are more when a search is only incomplete", async (t) => {
    const { runs } = await scene(t);
    const service = createServer((_, answer) => answer.setHeader("content-type", "application/json").end(CUT)).listen(
      0,
      "127.0.0.1",
    );
    await once(service, "listening");
    t.after(() => service.close());
    const { port } = service.address() as AddressInfo;
    const { stderr, code } = await runs(["list", "lost packet"], { GH_RUNNER_URL: `http://127.0.0.1:${port}` });
    assert.deepEqual([stderr, code], ["The search has not looked at all runs yet: --cursor 41\n", 0]);
  });

  it("reports invalid filters before it sends them, and that nothing matches", async (t) => {
    const { runs } = await scene(t);
    const nowhere = { GH_RUNNER_URL: "http://127.0.0.1:1" };
    const wrong = await runs(["list", "status:failed"], nowhere);
    assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
    assert.match(wrong.stderr, /^status:failed: /);
    assert.match(
      (await runs(["list", "--since", "yesterday"], nowhere)).stderr,
      /^--since takes 30m, 2h or 3d ago, .*got "yesterday"\.\n$/,
    );
    const none = await runs(["list", "no-such-thing"]);
    assert.deepEqual([none.code, linesOf(none.stdout)], [0, []]);
    assert.equal(none.stderr, "No run matches. To find out why: gh-runner why no-such-thing\n");
    const quoted = await runs(["list", "it's $(not) there"]);
    assert.equal(quoted.stderr, "No run matches. To find out why: gh-runner why 'it'\\''s $(not) there'\n");
    assert.equal((await runs(["list", "--group", "none"])).stderr, "No run matches.\n");
    assert.equal((await runs(["list", NASTY])).stderr, "No run matches.\n");
    const reversed = await runs(["list", "--since", "2h", "--until", "3h"], nowhere);
    assert.equal(reversed.stderr, "--since must be before --until.\n");
    const help = await runs(["list", "--help"], nowhere);
    assert.match(help.stdout, /repo:acme\/shop +only runs whose event came from this repository/);
  });

  it("shows the title of a run instead of its group, without terminal control characters", async (t) => {
    const titled = httpWorkflow("titled", "return null;", `title: () => ${JSON.stringify(`Release ${NASTY}`)},`);
    const { url, runs } = await scene(t, { WORKFLOWS_DIR: workflowsFolder(t, { "titled.ts": titled }) });
    await send(url, { method: "POST", path: "/titled", headers: { "content-type": "application/json" }, body: "{}" });
    await notify(url, { application: NASTY });
    const { stdout } = await runs(["list"]);
    assert.match(stdout, /^RUN +STATUS +WORKFLOW +TITLE +ATTEMPTS +AGE +REASON\n/);
    assert.match(stdout, / titled +Release pr-/);
    for (const args of [
      ["list"],
      ["list", NASTY],
      ["list", "--text", `status:${NASTY}`],
      ["rerun", "--failed", "--group", NASTY],
    ]) {
      const { stdout: out, stderr } = await runs(args);
      assert.doesNotMatch(out + stderr, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    }
  });

  it("ends silently when its output is not read any more", async (t) => {
    const { url } = await scene(t);
    const { child, ended } = startCommand(t, ["runs", "list", "--follow"], { GH_RUNNER_URL: url });
    child.stdout.once("data", () => child.stdout.destroy());
    await notify(url, { application: "pr-9" });
    // The last one may meet the stopped service.
    const timer = setInterval(() => void notify(url, { application: "pr-9" }).catch(() => {}), 500);
    try {
      assert.deepEqual({ ...(await ended()), stdout: "" }, { code: 0, stdout: "", stderr: "" });
    } finally {
      clearInterval(timer);
    }
  });
});

describe("gh-runner runs rerun and cancel with filters", () => {
  it("re-run exactly the failed runs that are found", async (t) => {
    const { github, runs, one, two } = await scene(t);
    for (const name of ["pr-old", "pr-1", "pr-2"]) deploy(github, name, "abc");
    const found = await runs(["rerun", "--failed", "--since", "1h", "--text", "pr-2 repo:nothing"]);
    assert.match(found.stdout, /^0 re-run/m);
    const { stdout, code } = await runs(["rerun", "--failed", "--text", "since:1h pr-2", "--json"]);
    assert.equal(code, 0);
    assert.deepEqual(
      JSON.parse(stdout).rerun.map(({ id }: { id: string }) => id),
      [two],
    );
    await until("it is dispatched", () => github.dispatches.length === 2);
    // Without a time, a filter could match the runs of a month.
    const asked = await runs(["rerun", "--failed", "--group", "pr-1"]);
    assert.deepEqual([asked.code, asked.stderr], [1, "This re-runs 1 run: add --yes to do it.\n"]);
    const done = await runs(["rerun", "--failed", "--group", "pr-1", "--yes", "--json"]);
    assert.deepEqual(
      JSON.parse(done.stdout).rerun.map(({ id }: { id: string }) => id),
      [one],
    );
    const empty = await runs(["rerun", "--failed", "--text", '""', "--yes"]);
    assert.match(empty.stderr, /^Name the runs: /);
    const status = await runs(["rerun", "--failed", "--text", "pr-1 status:cancelled"]);
    assert.equal(status.stderr, "--text must not contain a status: --failed already selects it.\n");
  });

  it("cancel exactly the open runs that are found", async (t) => {
    const { github, url, runs } = await scene(t);
    const fault = github.fault({}, { kind: "status", status: 502 });
    t.after(() => fault.remove());
    for (const name of ["pr-7", "pr-8"]) await notify(url, { application: name });
    const open = async () =>
      (await send(url, { path: "/api/runs?status=queued" })).json.runs.map(({ group }: { group: string }) => group);
    assert.deepEqual(await open(), ["pr-8", "pr-7"]);
    const { stdout } = await runs(["cancel", "--text", "pr-8", "--since", "1d", "--yes"]);
    assert.match(stdout, /^1 cancelled, 0 not needed, 0 failed$/m);
    assert.deepEqual(await open(), ["pr-7"]);
    for (const args of [
      [],
      ["--until", "1h"],
      ["--text", ""],
      ["--text", "until:1h", "--yes"],
      ["some-id", "--text", "a"],
    ]) {
      const { code, stderr } = await runs(["cancel", ...args]);
      assert.deepEqual(
        [code, stderr],
        [1, "Name the runs: give the id of one run, or use --workflow, --group, --text or --since.\n"],
      );
    }
  });
});

describe("gh-runner runs logs --level", () => {
  it("prints lines of this level and above", async (t) => {
    const writes = 'log.debug("one"); log.info("two"); log.warn("three"); log.error("four"); return null;';
    const settings = { WORKFLOWS_DIR: workflowsFolder(t, { "writes.ts": httpWorkflow("writes", writes) }) };
    const { url, runs } = await scene(t, settings);
    const answer = await send(url, {
      method: "POST",
      path: "/writes",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    const id = String(answer.headers["x-run-id"]);
    const words = async (...args: string[]) => {
      const { stdout } = await runs(["logs", id, ...args]);
      return stdout.match(/one|two|three|four/g);
    };
    assert.deepEqual(await words(), ["one", "two", "three", "four"]);
    assert.deepEqual(await words("--level", "warn"), ["three", "four"]);
    assert.deepEqual(await words("--level", "error", "--json"), ["four"]);
    assert.match((await runs(["logs", id, "--level", "fatal"])).stderr, /debug, info, warn, error/);
  });
});
