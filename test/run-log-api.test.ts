import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import type { Context, Json, Workflow } from "../src/index.ts";
import { until } from "./support/clock.ts";
import { command, startCommand } from "./support/command.ts";
import { postgresForTests } from "./support/postgres.ts";
import { type Service, send, startService } from "./support/service.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };

type Run = (context: Context<{ readonly body: Json }>) => Promise<unknown>;

/** A service with one workflow at `/work`, and a function that starts a run of it. */
async function serviceWith(
  t: TestContext,
  run: Run,
  settings: Record<string, string> = {},
  more: Partial<Workflow> = {},
) {
  const workflow: Workflow = { name: "work", on: { http: { path: "/work", body: ANYTHING } }, run, ...more };
  const service = await startService(t, {
    settings,
    options: { workflows: [{ workflow, file: "work.ts" }] },
  });
  const start = async (headers: Record<string, string> = {}) =>
    String((await send(service.url, { method: "POST", path: "/work", body: "{}", headers })).headers["x-run-id"]);
  return { service, start, later: () => start({ prefer: "respond-async" }) };
}

const logs = (service: Service, id: string, query = "", headers: Record<string, string> = {}) =>
  send(service.url, { path: `/api/runs/${id}/logs${query}`, headers });

const shell = (service: Service, ...args: string[]) =>
  command(["runs", "logs", ...args], { GH_RUNNER_URL: service.url });

const postgres = postgresForTests();

for (const [name, settingsOf] of [
  ["SQLite", () => ({})],
  ["PostgreSQL", () => ({ DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() })],
] as const) {
  describe(`GET /api/runs/{id}/logs, on ${name},`, () => {
    it("gives the lines of all attempts, page by page, and says how to continue", async (t) => {
      const { service, start } = await serviceWith(
        t,
        async ({ log }) => {
          log.info("found", { pull: 7 });
          console.log("printed");
          log.warn("careful");
          throw new Error("no");
        },
        settingsOf(),
      );
      const id = await start();
      const first = await logs(service, id, "?limit=1");
      const [line] = first.json.lines;
      assert.deepEqual(
        { ...line, at: "" },
        { attempt: 1, number: 1, at: "", level: "info", message: "found", facts: { pull: 7 } },
      );
      assert.match(line.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const rest = await logs(service, id, `?after=${first.json.next}`);
      const messages = rest.json.lines.map(({ level, message }: { level: string; message: string }) => [
        level,
        message,
      ]);
      assert.deepEqual(messages.slice(0, 2), [
        ["info", "printed"],
        ["warn", "careful"],
      ]);
      assert.match(messages.at(-1)[1], /^The workflow threw Error: no/);
      const end = await logs(service, id, `?after=${rest.json.next}`);
      assert.deepEqual(end.json, { lines: [], next: rest.json.next });
    });

    it("gives plain lines to clients that accept text, in which no line can be forged", async (t) => {
      const { service, start } = await serviceWith(
        t,
        async ({ log }) => {
          log.info("found", { pull: 7, title: "a b", labels: ["x"] });
          log.error("bad\n2026-01-01T00:00:00.000Z INFO  forged \u001b[2J\u202e", { error: new TypeError("broken") });
          return {};
        },
        settingsOf(),
      );
      const id = await start();
      const { text, headers } = await logs(service, id, "", { accept: "text/plain" });
      assert.equal(headers["content-type"], "text/plain; charset=utf-8");
      const [first = "", second = "", third = "", fourth = ""] = text.replaceAll(/\d{4}-.*?Z/g, "TIME").split("\n");
      assert.equal(first, 'TIME INFO  found pull=7 title="a b" labels=["x"]');
      assert.equal(second, "TIME ERROR bad");
      assert.equal(third, '    TIME INFO  forged \\u001b[2J\\u202e error="TypeError: broken"');
      assert.equal(fourth, "    TypeError: broken");
      assert.ok(
        text
          .trimEnd()
          .split("\n")
          .slice(3)
          .every((each) => each.startsWith("    ")),
      );
      const part = await logs(service, id, "?limit=1", { accept: "text/plain" });
      assert.equal(part.headers.link, `</api/runs/${id}/logs?after=1.1&limit=1>; rel="next"`);
    });

    it("has the lines of a running run", async (t) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { service, later } = await serviceWith(
        t,
        async ({ log }) => {
          log.info("begun");
          await promise;
          return {};
        },
        settingsOf(),
      );
      t.after(() => resolve());
      const id = await later();
      await until("the line is there", async () => (await logs(service, id)).json.lines.length === 1);
      assert.equal((await send(service.url, { path: `/api/runs/${id}` })).json.status, "running");
      resolve();
    });
  });
}

describe("GET /api/runs/{id}/logs", () => {
  it("rejects unknown parameters, and needs a token if the service does", async (t) => {
    const { service } = await serviceWith(t, async () => ({}));
    const unknown = await logs(service, "00000000-0000-4000-8000-000000000000");
    assert.deepEqual([unknown.status, /There is no run 0/.test(unknown.json.detail)], [404, true]);
    for (const [query, names] of [
      ["?after=x", /^after must be the `next` of an earlier answer\.$/],
      ["?limit=1001", /^limit must be a whole number from 1 to 1000/],
      ["?tail=3", /takes only after and limit/],
      ["?after=1.1&after=1.2", /must be given once/],
    ] as const) {
      const { status, json } = await logs(service, "00000000-0000-4000-8000-000000000000", query);
      assert.equal(status, 400, query);
      assert.match(json.detail, names);
    }
    const { service: guarded } = await serviceWith(t, async () => ({}), { AUTH_TOKENS: "a-token-of-16-characters" });
    assert.equal((await logs(guarded, "x")).status, 401);
  });
});

describe("gh-runner runs logs", () => {
  it("prints what was written, attempt by attempt, and only of one attempt with an option", async (t) => {
    const { service, start } = await serviceWith(t, async ({ log, attempt }) => {
      log.info(`this is attempt ${attempt}`, { attempt });
      return {};
    });
    const id = await start();
    await send(service.url, { method: "POST", path: `/api/runs/${id}/rerun` });
    await until("it has ended", async () => (await logs(service, id)).json.lines.length === 2);
    const { code, stdout, stderr } = await shell(service, id.slice(0, 8));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      /^\S+Z INFO {2}this is attempt 1 attempt=1\n--- attempt 2\n\S+Z INFO {2}this is attempt 2 attempt=2\n$/,
    );
    const second = await shell(service, id, "--attempt", "2");
    assert.match(second.stdout, /^\S+Z INFO {2}this is attempt 2 attempt=2\n$/);
    const json = await shell(service, id, "--json");
    const lines = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(lines, (await logs(service, id)).json.lines);
    const none = await shell(service, id, "--attempt", "3");
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    assert.match(none.stderr, /^Run \S+ has 2 attempts, and is success\.\n$/);
    const wrong = await shell(service, id, "--attempt", "x");
    assert.deepEqual(
      [wrong.code, wrong.stderr],
      [1, '--attempt takes the number of an attempt, such as 2, got "x".\n'],
    );
  });

  it("reports when there are no lines, and when there is no such run", async (t) => {
    const { service, start } = await serviceWith(t, async () => ({}));
    const id = await start();
    const nothing = await shell(service, id);
    assert.deepEqual([nothing.code, nothing.stdout], [0, ""]);
    assert.match(nothing.stderr, /^Run \S+ wrote no lines\. The run is success\. For more: gh-runner runs show \S+\n$/);
    for (const args of [
      ["00000000-0000-4000-8000-000000000000"],
      ["00000000-0000-4000-8000-000000000000", "--follow"],
    ]) {
      const unknown = await shell(service, ...args);
      assert.equal(unknown.code, 1);
      assert.match(unknown.stderr, /There is no run 0/);
    }
  });

  it("follows a run until it has ended, and its exit code shows the result", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { service, later } = await serviceWith(t, async ({ log }) => {
      log.info("begun \u001b[31m");
      await promise;
      log.info("going to fail");
      throw new Error("no");
    });
    const id = await later();
    const { child, ended } = startCommand(t, ["runs", "logs", id, "--follow"], { GH_RUNNER_URL: service.url });
    const end = ended();
    await once(child.stdout, "data");
    resolve();
    const { code, stdout } = await end;
    assert.equal(code, 1);
    const [first, second, third, ...rest] = stdout.trimEnd().split("\n");
    assert.match(first ?? "", /INFO {2}begun \\u001b\[31m$/);
    assert.match(second ?? "", /INFO {2}going to fail$/);
    assert.match(third ?? "", /ERROR The workflow threw Error: no/);
    assert.match(rest.at(-1) ?? "", /^--- failure: The workflow threw Error: no/);
  });

  it("continues across attempts, and into the run that replaces it", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { service, start, later } = await serviceWith(
      t,
      async ({ log, runId }) => {
        log.info(`run ${runId}`);
        await promise;
        return {};
      },
      {},
      { concurrency: () => "one" },
    );
    await later();
    const waits = await later();
    const { child, ended } = startCommand(t, ["runs", "logs", waits, "--follow"], { GH_RUNNER_URL: service.url });
    const end = ended();
    const [first] = await once(child.stdout, "data");
    assert.match(String(first), /^--- queued/);
    const newest = await later();
    await until(
      "it is superseded",
      async () => (await send(service.url, { path: `/api/runs/${waits}` })).json.status === "superseded",
    );
    resolve();
    const { code, stdout } = await end;
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.ok(lines.includes(`--- superseded: by ${newest}`), stdout);
    assert.match(lines.at(-2) ?? "", new RegExp(`INFO {2}run ${newest}$`));
    assert.equal(lines.at(-1), "--- success");
    assert.equal((await start()).length, 36);
  });

  it("continues while a run waits, and over its attempts", async (t) => {
    const { service, later } = await serviceWith(t, async ({ log, sleep, attempt }) => {
      log.info(`attempt ${attempt}`);
      await sleep("a moment", "1s");
      return {};
    });
    const { code, stdout } = await shell(service, await later(), "--follow");
    assert.equal(code, 0);
    const lines = stdout.replaceAll(/\S+Z/g, "TIME").trimEnd().split("\n");
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("--- waiting") && !line.startsWith("--- queued")),
      ["TIME INFO  attempt 1", "--- attempt 2", "TIME INFO  attempt 2", "--- success"],
    );
  });

  it("continues until the workflow's clean-up after a cancel has ended", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { service, later } = await serviceWith(
      t,
      async ({ log, sleep }) => {
        log.info("begun");
        await sleep("quiet", "2h");
      },
      {},
      {
        async cancelled({ log }) {
          log.info("cleaning up");
          await promise;
          log.info("cleaned up");
        },
      },
    );
    const id = await later();
    const statusOf = async () => (await send(service.url, { path: `/api/runs/${id}` })).json;
    await until("it waits", async () => (await statusOf()).status === "waiting");
    const { child, ended } = startCommand(t, ["runs", "logs", id, "--follow"], { GH_RUNNER_URL: service.url });
    const end = ended();
    await once(child.stdout, "data");
    await send(service.url, { method: "POST", path: `/api/runs/${id}/cancel` });
    await until("the clean-up is shown", async () => (await logs(service, id)).json.lines.length === 2);
    assert.deepEqual([(await statusOf()).status, (await statusOf()).cleaningUp], ["cancelled", true]);
    setTimeout(resolve, 1500);
    const { code, stdout } = await end;
    assert.equal(code, 1);
    assert.match(stdout, /--- attempt 2\n\S+Z INFO {2}cleaning up\n[\s\S]*\S+Z INFO {2}cleaned up\n/);
    assert.equal((await statusOf()).cleaningUp, undefined);
  });

  it("ends silently when its output is not read any more", async (t) => {
    const { service, start } = await serviceWith(t, async ({ log }) => {
      for (let n = 0; n < 150; n++) log.info("x".repeat(400));
      return {};
    });
    const id = await start();
    const { child } = startCommand(t, ["runs", "logs", id, "--follow"], { GH_RUNNER_URL: service.url });
    child.stdout.destroy();
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [code] = await once(child, "close");
    assert.deepEqual([code, said], [0, ""]);
  });

  it("ends with 0 at Ctrl-C", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    t.after(() => resolve());
    const { service, later } = await serviceWith(t, async ({ log }) => {
      log.info("begun");
      await promise;
      return {};
    });
    const id = await later();
    const { child, ended } = startCommand(t, ["runs", "logs", id, "--follow"], { GH_RUNNER_URL: service.url });
    const end = ended();
    await once(child.stdout, "data");
    child.kill("SIGINT");
    assert.equal((await end).code, 0);
    resolve();
  });
});

describe("gh-runner runs show", () => {
  const show = (service: Service, ...args: string[]) =>
    command(["runs", "show", ...args], { GH_RUNNER_URL: service.url });

  it("shows what a run waits for, which steps run, and how to read its log", async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    t.after(() => resolve());
    const { service, later } = await serviceWith(
      t,
      async ({ log, step, sleep, body }) => {
        log.info("begun");
        await step("slow", () => promise);
        await sleep("quiet", "2h");
        return body;
      },
      {},
      { concurrency: () => "one" },
    );
    const first = await later();
    await until("the step is shown", async () => {
      const { json } = await send(service.url, { path: `/api/runs/${first}` });
      return json.steps.length === 1;
    });
    const second = await later();
    const running = await show(service, first);
    assert.match(running.stdout, /^slow +step +1 +\S+ +under way$/m);
    assert.match(running.stdout, new RegExp(`^log +gh-runner runs logs ${first.slice(0, 8)}$`, "m"));
    const queued = await show(service, second);
    assert.match(queued.stdout, new RegExp(`^waits for +its turn: run ${first} of its group is running$`, "m"));
    assert.doesNotMatch(queued.stdout, /^log /m);
    resolve();
    await until(
      "it waits",
      async () => (await send(service.url, { path: `/api/runs/${first}` })).json.status === "waiting",
    );
    const waiting = await show(service, first);
    assert.match(waiting.stdout, /^waits for +.*sleeps for 2h \(quiet\)/m);
    assert.match(waiting.stdout, /^quiet +sleep +1 +\S+ +under way$/m);
    assert.match((await show(service, second)).stdout, /^waits for +its turn: run \S+ of its group is waiting$/m);
  });

  it("shows who paused the workflow of a queued run", async (t) => {
    const { service, later } = await serviceWith(t, async () => ({}));
    await command(["workflow", "pause", "work"], { GH_RUNNER_URL: service.url });
    const { stdout } = await show(service, await later());
    assert.match(stdout, /^waits for +work is paused by anonymous since \S+Z: gh-runner workflow resume work$/m);
  });

  it("shows a step as interrupted if its attempt was over before", async (t) => {
    const { service, later } = await serviceWith(
      t,
      async ({ step }) => step("hangs", () => new Promise(() => {})),
      {},
      { timeout: "1s", retry: false },
    );
    const id = await later();
    await until(
      "it has ended",
      async () => (await send(service.url, { path: `/api/runs/${id}` })).json.status === "failure",
    );
    assert.match((await show(service, id)).stdout, /^hangs +step +1 +\S+ +interrupted$/m);
    const [step] = (await send(service.url, { path: `/api/runs/${id}` })).json.steps;
    assert.deepEqual([step.interrupted, step.endedAt], [true, undefined]);
  });
});
