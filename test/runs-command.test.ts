import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { runsTable } from "../src/cli/runs-print.ts";
import { shortDuration, table } from "../src/cli/terminal.ts";
import { movedClock, until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const AUTH_TOKEN = "a-token-for-the-commands";

const runs = (url: string, args: readonly string[], settings: Record<string, string> = {}) =>
  command(["runs", ...args], { GH_RUNNER_URL: url, ...settings });

const linesOf = (text: string) => text.trimEnd().split("\n");
const failing = async (url: string, application: string, body = {}) =>
  String((await notify(url, { application, ...body })).headers["x-run-id"]);

/** A server that answers everything with this, and the requests that it got. */
async function startOther(t: TestContext, status: number, text: string, headers: Record<string, string> = {}) {
  const asked: { url: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
    response.writeHead(status, headers).end(text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe("gh-runner previews", () => {
  it("prints the newest preview of each application, all of one, and the JSON of the API for scripts", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "9fceb02d0ae598e95dc970b74767f19372d61af8");
    await notify(url, { application: "pr-1" });
    const failed = await failing(url, "pr-2");
    await notify(url, { application: "pr-1" });
    const previews = (...args: string[]) => command(["previews", ...args], { GH_RUNNER_URL: url });
    const all = await previews();
    const [heading = "", first = "", second = "", ...more] = linesOf(all.stdout);
    assert.deepEqual([all.code, all.stderr, more], [0, "", []]);
    assert.match(heading, /^APPLICATION +RESULT +COMMIT +PULL +RUN +AGE +REASON$/);
    assert.match(first, /^pr-1 +dispatched +9fceb02 +[0-9a-f-]{36} +\d+m?s$/);
    assert.match(second, new RegExp(`^pr-2 +nothing started +${failed} +\\d+m?s +Looking up pr-2 `));
    assert.equal(linesOf((await previews("pr-1")).stdout).length, 3);
    assert.equal(linesOf((await previews("--result", "nothing_started")).stdout).length, 2);
    const json = await previews("--json", "--limit", "1");
    assert.equal(json.stdout, `${(await send(url, { path: "/api/previews?limit=1" })).text}\n`);
    assert.match((await previews("--limit", "1")).stderr, /^There are more: --cursor \d+\n$/);
    const wrong = await previews("--limit", "x");
    assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
  });
});

describe("gh-runner runs list", () => {
  it("prints aligned columns for people and the JSON of the API for scripts", async (t) => {
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const failed = await failing(url, "pr-22222");
    const { code, stdout, stderr } = await runs(url, ["list"]);
    assert.deepEqual([code, stderr], [0, ""]);
    const [heading = "", first = "", second = "", ...more] = linesOf(stdout);
    assert.deepEqual(more, []);
    assert.match(heading, /^RUN +STATUS +WORKFLOW +GROUP +ATTEMPTS +AGE +REASON$/);
    assert.match(
      first,
      new RegExp(`^${failed} +failure +environment-ready +pr-22222 +1 +\\d+m?s +Looking up pr-22222 `),
    );
    for (const column of ["STATUS", "WORKFLOW", "GROUP", "ATTEMPTS", "AGE"]) {
      const start = heading.indexOf(column);
      for (const line of [first, second]) assert.match(line.slice(start - 1, start + 1), /^ \S$/, column);
    }
    const json = await runs(url, ["list", "--json"]);
    assert.equal(json.stdout, `${(await send(url, { path: "/api/runs" })).text}\n`);
  });

  it("passes on its filters, and says how to continue at the end of the list", async (t) => {
    const { url } = await startService(t);
    const failed = await failing(url, "pr-1");
    await notify(url, { application: "main" });
    await notify(url, { application: "main" });
    const one = await runs(url, ["list", "--status", "failure", "--workflow", "environment-ready", "--group", "pr-1"]);
    assert.equal(linesOf(one.stdout).length, 2);
    assert.ok(one.stdout.includes(failed));
    assert.equal(linesOf((await runs(url, ["list", "--group", "other"])).stdout).length, 1);

    const page = await runs(url, ["list", "--limit", "2"]);
    assert.equal(linesOf(page.stdout).length, 3);
    const [, cursor = ""] = /^There are more: --cursor (\d+)\n$/.exec(page.stderr) ?? [];
    const rest = await runs(url, ["list", "--cursor", cursor, "--json"]);
    assert.deepEqual(
      JSON.parse(rest.stdout).runs.map(({ id }: { id: string }) => id),
      [failed],
    );
  });

  it("reports that there is no workflow of that name, also when it follows", async (t) => {
    const { url } = await startService(t);
    for (const args of [
      ["list", "--workflow", "nope"],
      ["list", "--workflow", "nope", "--follow"],
    ]) {
      const { code, stdout, stderr } = await runs(url, args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.equal(stderr, 'There is no workflow "nope", and it has no runs. Workflows: environment-ready.\n');
    }
  });

  it("names the values that an option may have", async (t) => {
    const { url } = await startService(t);
    const status = await runs(url, ["list", "--status", "done"]);
    assert.equal(status.code, 1);
    assert.match(status.stderr, /queued, running, waiting, success, skipped, failure, cancelled, superseded/);
    const limit = await runs(url, ["list", "--limit", "1000"]);
    assert.deepEqual(limit, { code: 1, stdout: "", stderr: "limit must be a whole number from 1 to 100.\n" });
  });
});

describe("gh-runner runs show", () => {
  it("prints a run with its attempts, or prints the API's JSON", async (t) => {
    const { url } = await startService(t);
    const id = await failing(url, "pr-1");
    const { code, stdout } = await runs(url, ["show", id]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^run +${id}$`, "m"));
    assert.match(stdout, /^status +failure$/m);
    assert.match(stdout, /^input +\{"application":"pr-1"\}$/m);
    assert.match(
      stdout,
      /^ATTEMPT +OUTCOME +STARTED +TOOK +CODE +GITHUB REQUEST +REASON\n1 +failure +\d{4}-\S+ +\S+ +[\da-f]{12} .*Looking up/m,
    );
    const json = await runs(url, ["show", id, "--json"]);
    assert.equal(json.stdout, `${(await send(url, { path: `/api/runs/${id}` })).text}\n`);
  });

  it("prints what each attempt has changed at GitHub", async (t) => {
    const { url, github } = await startService(t);
    deploy(github, "pr-1", "v1");
    const id = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    assert.match(
      (await runs(url, ["show", id])).stdout,
      /^SENT +ATTEMPT +METHOD +PATH +STATUS +AS +BODY\n\d{4}-\S+ +1 +POST +\/repos\/acme\/shop\/dispatches +204 +\{"event_type":"environment_ready"/m,
    );
  });
});

describe("the beginning of a run's id", () => {
  it("is enough, for example the part that the page shows", async (t) => {
    const { url, github } = await startService(t);
    const id = await failing(url, "pr-1");
    const short = id.slice(0, 8);
    assert.match((await runs(url, ["show", short])).stdout, new RegExp(`^run +${id}$`, "m"));
    assert.equal(JSON.parse((await runs(url, ["show", short.toUpperCase(), "--json"])).stdout).id, id);
    assert.equal((await runs(url, ["show", short, "--follow", "--json"])).code, 1);
    deploy(github, "pr-1", "abc");
    assert.equal((await runs(url, ["rerun", short])).stdout, `${id} is queued\n`);
  });

  it("lists the matching runs, or reports that there is none", async (t) => {
    const { url } = await startService(t);
    // The first digit has sixteen values.
    const all = await Promise.all(Array.from({ length: 17 }, (_, at) => failing(url, `main-${at}`)));
    const digits = all.map((id) => id[0] ?? "");
    const shared = digits.find((digit, at) => digits.indexOf(digit) !== at) ?? assert.fail();
    const meant = all.filter((id) => id.startsWith(shared));
    for (const args of [
      ["show", shared],
      ["show", shared, "--follow"],
      ["rerun", shared],
    ]) {
      const { code, stdout, stderr } = await runs(url, args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(
        stderr,
        new RegExp(`^Several runs have ids that begin with ${shared}\\. Give more characters: [^\n]+\\.\n$`),
      );
      for (const id of meant.slice(0, 5)) assert.ok(stderr.includes(id) || meant.length > 5, stderr);
    }
    const unused = "0123456789abcdef".split("").find((digit) => !digits.includes(digit));
    const none = unused ?? "00000000-0000";
    assert.match(
      (await runs(url, ["show", none])).stderr,
      new RegExp(
        `^No run has an id that begins with ${none}\\. gh-runner runs list shows the runs\\. .*RETAIN_DAYS\\.\n$`,
      ),
    );
  });
});

describe("gh-runner runs rerun", () => {
  it("queues a run again", async (t) => {
    const { github, url } = await startService(t);
    const id = await failing(url, "pr-1");
    deploy(github, "pr-1", "abc");
    const { code, stdout, stderr } = await runs(url, ["rerun", id]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${id} is queued\n`, stderr: "" });
    await until("it is dispatched", () => github.dispatches.length === 1);
    const json = JSON.parse((await runs(url, ["rerun", id, "--json"])).stdout);
    assert.deepEqual([json.id, json.status], [id, "queued"]);
  });

  it("--failed --since re-runs every failed run of that time and no other, and continues after rejected ones", async (t) => {
    const clock = movedClock(Date.now() - 3 * 3_600_000);
    const { github, url } = await startService(t, { options: { clock, random: () => 0 } });
    const old = await failing(url, "pr-old");
    clock.move(2 * 3_600_000);
    const recent = await failing(url, "pr-1");
    const ownToken = await failing(url, "pr-2", { github_token: TOKEN });
    const another = await failing(url, "pr-3");
    await notify(url, { application: "main" });
    for (const application of ["pr-old", "pr-1", "pr-2", "pr-3"]) deploy(github, application, "abc");

    const { code, stdout, stderr } = await runs(url, ["rerun", "--failed", "--since", "2h"]);
    assert.equal(code, 1, stdout);
    assert.match(stderr, /^1 run was rejected and needs your action before a re-run: see REASON of each\.$/m);
    assert.match(stdout, new RegExp(`^${recent} +queued +environment-ready +pr-1$`, "m"));
    assert.match(stdout, new RegExp(`^${another} +queued +environment-ready +pr-3$`, "m"));
    assert.match(stdout, new RegExp(`^${ownToken} +rejected +environment-ready +pr-2 +The run brought its token`, "m"));
    assert.match(stdout, /^2 re-run, 0 not needed, 1 rejected, 0 failed$/m);
    assert.ok(!stdout.includes(old));
    await until("both are dispatched", () => github.dispatches.length === 2);

    const onlyRefused = await runs(url, ["rerun", "--failed", "--since", "2h", "--json"]);
    assert.equal(onlyRefused.code, 1);
    const told = JSON.parse(onlyRefused.stdout);
    assert.deepEqual(told.rerun, []);
    assert.deepEqual(told.failed, []);
    assert.deepEqual(
      told.rejected.map(({ id }: { id: string }) => id),
      [ownToken],
    );
    assert.match(told.rejected[0].reason, /brought its token/);
  });

  it("--failed --since does not re-run what a newer run of its group does, and succeeds", async (t) => {
    const { github, url } = await startService(t, { options: { serverLimits: { drainMs: 50 } } });
    const older = await failing(url, "pr-1");
    const newer = await failing(url, "pr-1");
    const hang = github.fault({}, { kind: "hang" });
    t.after(() => hang.remove());
    const { code, stdout, stderr } = await runs(url, ["rerun", "--failed", "--since", "2h"]);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.match(stdout, new RegExp(`^${newer} +queued +environment-ready +pr-1$`, "m"));
    assert.match(
      stdout,
      new RegExp(`^${older} +not needed +environment-ready +pr-1 +Another run of the same group`, "m"),
    );
    assert.match(stdout, /^1 re-run, 1 not needed, 0 rejected, 0 failed$/m);
    const json = await runs(url, ["rerun", "--failed", "--since", "2h", "--json"]);
    assert.equal(json.code, 0);
    const told = JSON.parse(json.stdout);
    assert.deepEqual([told.rerun, told.rejected, told.failed], [[], [], []]);
    assert.deepEqual(
      told.notNeeded.map(({ id }: { id: string }) => id),
      [older],
    );
  });

  it("--failed --since sends no older commit after a newer one that was dispatched since, and succeeds", async (t) => {
    const { github, url } = await startService(t);
    const older = await failing(url, "pr-1");
    deploy(github, "pr-1", "new");
    const newer = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    assert.equal(github.dispatches.length, 1);
    const { code, stdout, stderr } = await runs(url, ["rerun", "--failed", "--since", "2h"]);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.match(
      stdout,
      new RegExp(`^${older} +not needed +environment-ready +pr-1 +Its group has a newer run: ${newer}`, "m"),
    );
    assert.match(stdout, /^0 re-run, 1 not needed, 0 rejected, 0 failed$/m);
    assert.equal(github.dispatches.length, 1);
  });

  it("re-runs one run although its group has a newer one only with --even-if-older", async (t) => {
    const { github, url } = await startService(t);
    const older = await failing(url, "pr-1");
    deploy(github, "pr-1", "new");
    const newer = String((await notify(url, { application: "pr-1" })).headers["x-run-id"]);
    const without = await runs(url, ["rerun", older]);
    assert.equal(without.code, 1);
    assert.match(without.stderr, new RegExp(`newer run: ${newer} \\(success\\).*--even-if-older`));
    assert.equal(github.dispatches.length, 1);
    const withIt = await runs(url, ["rerun", older, "--even-if-older"]);
    assert.deepEqual(withIt, { code: 0, stdout: `${older} is queued\n`, stderr: "" });
    await until("it is dispatched", () => github.dispatches.length === 2);
    const all = await runs(url, ["rerun", "--failed", "--since", "2h", "--even-if-older"]);
    assert.deepEqual([all.code, all.stderr], [1, "--even-if-older is for one run: give its id.\n"]);
  });

  it("--failed --since fails when an older run of the group blocks it", async (t) => {
    const { github, url } = await startService(t, { options: { serverLimits: { drainMs: 50 } } });
    const older = await failing(url, "pr-1");
    const newer = await failing(url, "pr-1");
    const hang = github.fault({}, { kind: "hang" });
    t.after(() => hang.remove());
    assert.equal((await runs(url, ["rerun", older, "--even-if-older"])).code, 0);
    const { code, stdout } = await runs(url, ["rerun", "--failed", "--since", "2h"]);
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^${newer} +rejected +environment-ready +pr-1 +Another run .*: ${older}`, "m"));
  });

  it("--failed --since handles all pages, and succeeds when nothing failed", async (t) => {
    const { url } = await startService(t);
    const none = await runs(url, ["rerun", "--failed", "--since", "1d"]);
    assert.deepEqual(none, { code: 0, stdout: "0 re-run, 0 not needed, 0 rejected, 0 failed\n", stderr: "" });
    const applications = Array.from({ length: 130 }, (_, at) => `pr-${at}`);
    await Promise.all(applications.map((application) => notify(url, { application })));
    const all = await runs(url, ["rerun", "--failed", "--since", "1d", "--json"]);
    assert.equal(all.code, 0);
    assert.equal(new Set(JSON.parse(all.stdout).rerun.map(({ id }: { id: string }) => id)).size, 130);
  });

  it("fails when it gets neither or both, and names the durations that it understands", async (t) => {
    const { url } = await startService(t);
    for (const args of [[], ["--failed"], ["--since", "2h"], ["some-id", "--failed", "--since", "2h"]]) {
      const { code, stderr } = await runs(url, ["rerun", ...args]);
      assert.equal(code, 1);
      assert.match(stderr, /^Name the runs: .*--failed --since 2h\.\n$/);
    }
    const { code, stderr } = await runs(url, ["rerun", "--failed", "--since", "yesterday"]);
    assert.equal(code, 1);
    assert.match(stderr, /^--since takes 30m, 2h or 3d ago, .*, got "yesterday"\.\n$/);
  });
});

describe("the commands that talk to a service", () => {
  it("take their token from the environment or a file, and report when it is missing or wrong", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: AUTH_TOKEN } });
    const file = join(temporaryFolder(t), "token");
    writeFileSync(file, `${AUTH_TOKEN}\n`);
    for (const settings of [{ GH_RUNNER_TOKEN: AUTH_TOKEN }, { GH_RUNNER_TOKEN_FILE: file }]) {
      assert.equal((await runs(`${url}/`, ["list"], settings)).code, 0);
    }
    const without = await runs(url, ["list"]);
    assert.equal(without.code, 1);
    assert.match(without.stderr, /^gh-runner at http:\S+ asks for a token: set GH_RUNNER_TOKEN or .*_FILE .*\n$/);
    const wrong = await runs(url, ["list"], { GH_RUNNER_TOKEN: "another-token" });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^gh-runner at http:\S+ does not accept this token: .*\n$/);
    assert.ok(!wrong.stderr.includes("another-token"));
  });

  it("print in one line what went wrong, with exit code 1", async (t) => {
    const { url } = await startService(t);
    const unknown = "00000000-0000-4000-8000-000000000000";
    for (const [to, args, settings, line] of [
      [
        "http://127.0.0.1:1",
        ["list"],
        {},
        /^Cannot reach gh-runner at http:\/\/127\.0\.0\.1:1 \(\w.*\)\. Check that it runs/,
      ],
      ["http://nowhere.invalid", ["show", "x"], {}, /^Cannot reach gh-runner at http:\/\/nowhere\.invalid \(E\w+\)/],
      [url, ["show", unknown], {}, new RegExp(`^There is no run ${unknown}\\. gh-runner runs list shows `)],
      [url, ["rerun", unknown], {}, new RegExp(`^There is no run ${unknown}\\. gh-runner runs list shows `)],
      [url, ["show", "../runs"], {}, /^"\.\.\/runs" is not the id of a run/],
      [
        "ftp://x",
        ["list"],
        {},
        /^Cannot call the service\. Fix .*: GH_RUNNER_URL: expected a URL such as http:\/\/localhost:9555/,
      ],
      [
        url,
        ["list"],
        { GH_RUNNER_TOKEN_FILE: "/nowhere" },
        /^Cannot call the service\. Fix .*: GH_RUNNER_TOKEN: GH_RUNNER_TOKEN_FILE names a file that does not exist/,
      ],
    ] as const) {
      const { code, stdout, stderr } = await runs(to, args, settings);
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, line);
      assert.equal(linesOf(stderr).length, 1, stderr);
    }
  });

  it("report on standard error that a list is empty", async (t) => {
    const { url } = await startService(t);
    for (const [args, said] of [
      [["runs", "list"], "There are no runs yet."],
      [["previews"], "There are no such previews."],
      [["events"], "There are no such events and no such rejected requests."],
      [["audit-log"], "There are no such records."],
    ] as const) {
      const { code, stdout, stderr } = await command(args, { GH_RUNNER_URL: url });
      assert.deepEqual([code, linesOf(stdout).length, stderr], [0, 1, `${said}\n`]);
    }
  });

  it("recognise another service, and send it no token", async (t) => {
    const elsewhere = await startOther(t, 200, `{"runs":[]}`);
    for (const other of [
      await startOther(t, 200, "<html>"),
      await startOther(t, 200, `{"runs":[{"id":1}]}`),
      await startOther(t, 502, "Bad Gateway"),
      await startOther(t, 302, "", { location: `${elsewhere.url}/api/runs` }),
    ]) {
      const { code, stderr } = await runs(other.url, ["list"], { GH_RUNNER_TOKEN: AUTH_TOKEN });
      assert.equal(code, 1);
      assert.match(stderr, /^http:\S+ answered \d+, but it is not gh-runner: check GH_RUNNER_URL\.\n$/);
      assert.equal(other.asked[0]?.authorization, `Bearer ${AUTH_TOKEN}`);
    }
    assert.deepEqual(elsewhere.asked, []);
  });

  it("print no terminal control characters of names and reasons", async (t) => {
    const { url } = await startService(t);
    await notify(url, { application: "x\u001b]0;gone\u0007\u009b2J\n\u202ey" });
    const { stdout } = await runs(url, ["list"]);
    assert.equal(linesOf(stdout).length, 2);
    assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(stdout));
  });
});

describe("a name of 60,000 characters", () => {
  it("does not widen a table, and is complete only in the JSON", async (t) => {
    const { url } = await startService(t);
    const name = `main-${"x".repeat(60_000)}`;
    const run = await failing(url, name);
    await failing(url, "main");
    const list = await runs(url, ["list"]);
    assert.ok(list.stdout.length < 1000, `${list.stdout.length} characters`);
    assert.match(list.stdout, / main-x{50,100}… +1 /);
    const show = await runs(url, ["show", run]);
    assert.ok(show.stdout.length < 6000, `${show.stdout.length} characters`);
    assert.match(show.stdout, /^group +main-x{50,100}…$/m);
    assert.equal(JSON.parse((await runs(url, ["show", run, "--json"])).stdout).group, name);
  });
});

describe("a table", () => {
  it("is cut to the terminal's width, and not without a terminal", () => {
    const rows = [
      ["1", "a long reason"],
      ["22", "ok"],
    ];
    assert.equal(table(["ID", "REASON"], rows, 10), "ID  REASON\n1   a lon…\n22  ok\n");
    assert.equal(table(["ID", "REASON"], rows, undefined), "ID  REASON\n1   a long reason\n22  ok\n");
  });
});

describe("the table of runs", () => {
  const run = {
    ...{ id: "0f0e0d0c-1111-4222-8333-444455556666", workflow: "deploy", status: "failure" as const, ownToken: false },
    ...{ acceptedAt: "2026-11-29T03:00:00.000Z", attemptCount: 2, reason: "the file is missing" },
  };
  const now = Date.parse("2026-11-29T03:05:00Z");
  const linesAt = (width: number | undefined, more = {}) =>
    runsTable([{ ...run, group: "pr-1", ...more }], now, width)
      .trimEnd()
      .split("\n");

  it("has room for the reason on a narrow terminal", () => {
    assert.equal(linesAt(undefined)[1], `${run.id}  failure  deploy    pr-1   2         5m   the file is missing`);
    assert.equal(linesAt(120)[1], "0f0e0d0c  failure  deploy    pr-1   2         5m   the file is missing");
    assert.equal(linesAt(60)[1], "0f0e0d0c  failure  deploy    pr-1   5m   the file is missing");
    for (const width of [1, 20, 40, 79]) {
      for (const line of linesAt(width, { title: "語".repeat(50), reason: "x".repeat(500) }))
        assert.ok([...line].length <= width);
    }
  });
});

describe("a duration", () => {
  it("is shown in its largest readable unit", () => {
    const shown = [-5, 450, 59_999, 60_000, 3_599_999, 47 * 3_600_000, 49 * 3_600_000].map(shortDuration);
    assert.deepEqual(shown, ["0ms", "450ms", "59s", "1m", "59m", "47h", "2d"]);
  });
});
