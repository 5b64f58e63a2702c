import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { openWebhook } from "../src/observe/webhook.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startReceiver } from "./support/receiver.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const MINUTE = 60_000;
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} } as never;
const SECRET = "webhook-secret-0123456789";

const FAILS = `if (body.n === 0) return null; throw new Error("broken <!channel> [click](https://evil.test) *x*");`;

type Options = { readonly settings?: Record<string, string>; readonly bodies?: Record<string, string> };

/** The service with workflows that have these options. Their posts are identified by the last part of the path. */
async function watched(t: TestContext, notify: Record<string, string>, { settings = {}, bodies = {} }: Options = {}) {
  const receiver = await startReceiver(t);
  const clock = movedClock();
  const to = (name: string) => `${receiver.url}/hooks/${SECRET}/${name}`;
  const files = Object.entries(notify).map(([name, option]) => [
    `${name}.ts`,
    httpWorkflow(name, bodies[name] ?? FAILS, `concurrency: () => "all", retry: false, notify: ${option},`),
  ]);
  const service = await startService(t, {
    settings: {
      WORKFLOWS_DIR: workflowsFolder(t, Object.fromEntries(files)),
      NOTIFY_URL: to("usual"),
      SLACK_A: to("a"),
      SLACK_B: to("b"),
      ...settings,
    },
    options: { clock, random: () => 0 },
  });
  const all = () => receiver.received.map(({ path, body }) => ({ to: path.split("/").at(-1), ...JSON.parse(body) }));
  return {
    ...service,
    receiver,
    clock,
    all,
    /** Which receivers got notices of these events. */
    went: () =>
      all()
        .map(({ to, event }) => `${to} ${event}`)
        .sort(),
    start: (workflow: string, n = 1) =>
      send(service.url, {
        method: "POST",
        path: `/${workflow}`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ n }),
      }),
  };
}

describe("notify of a workflow", () => {
  it("names the receivers of its notices instead of NOTIFY_URL, or none", async (t) => {
    const { start, went, all, clock } = await watched(t, {
      one: '"SLACK_A"',
      two: '["SLACK_A", { to: "SLACK_B", on: ["success", "failure"] }]',
      none: "false",
      usual: "undefined",
    });
    for (const name of ["none", "one", "two", "usual"]) await start(name);
    await until("all are notified", () => all().length === 4);
    assert.deepEqual(went(), ["a failure", "a failure", "b failure", "usual failure"]);
    clock.move(11 * MINUTE);
    for (const name of ["none", "one", "two", "usual"]) await start(name, 0);
    await until("all are notified again", () => all().length === 8);
    assert.deepEqual(
      went().filter((each) => !each.endsWith("failure")),
      ["a recovery", "a recovery", "b success", "usual recovery"],
    );
  });

  it("has a link to the run with PUBLIC_URL, in JSON as a separate field", async (t) => {
    const { start, all, receiver } = await watched(
      t,
      { one: "undefined" },
      { settings: { PUBLIC_URL: "https://ci.example/runner" } },
    );
    const run = (await start("one")).headers["x-run-id"];
    await until("it is notified", () => all().length === 1);
    assert.equal(all()[0].url, `https://ci.example/runner/runs/${run}`);
    // What receivers got before links existed, byte for byte.
    assert.match(
      receiver.received[0]?.body ?? "",
      /^\{"text":"one for all failed: .*","event":"failure","workflow":"one","group":"all","run":"[\w-]+","attempts":1,"reason":".*","endedAt":"[\dTZ:.-]+","heldBack":0,"url":/,
    );
  });

  it("shows for a failure when the workflow last worked, and what has changed since", async (t) => {
    const { start, all, clock } = await watched(
      t,
      { one: '[{ to: "SLACK_A", as: "json" }, { to: "SLACK_B", as: "slack" }]' },
      { settings: { PUBLIC_URL: "https://ci.example" } },
    );
    const worked = (await start("one", 0)).headers["x-run-id"];
    clock.move(90 * MINUTE);
    await start("one");
    await until("both are notified", () => all().length === 2);
    const { lastSuccess, changes } = all().find(({ to }) => to === "a");
    const url = `https://ci.example/runs/${worked}`;
    assert.deepEqual([lastSuccess.run, lastSuccess.url], [worked, url]);
    assert.deepEqual(changes, [{ what: "body.n", from: "0", to: "1" }]);
    const { text } = all().find(({ to }) => to === "b");
    assert.match(
      text,
      /\nThe last success was at [\d-]+ [\d:]+ UTC, 1 h 30 min before\. Since then: body\.n changed from 0 to 1\.\n/,
    );
    assert.ok(text.endsWith(`<${url}|Open the last success>`), text);
  });

  it("uses the format of each receiver, and texts of others stay text", async (t) => {
    const { start, all } = await watched(
      t,
      { one: '[{ to: "SLACK_A", as: "slack" }, { to: "SLACK_B", as: "teams" }]' },
      { settings: { PUBLIC_URL: "https://ci.example" } },
    );
    const run = (await start("one")).headers["x-run-id"];
    await until("both are notified", () => all().length === 2);
    const slack = all().find(({ to }) => to === "a");
    const url = `https://ci.example/runs/${run}`;
    const link = `<${url}|Open the run>`;
    const why = "The workflow threw Error: broken &lt;!channel&gt; [click](https://evil.test) *x*";
    assert.ok(slack.text.startsWith(`one for all failed\n${why}`), slack.text);
    assert.ok(slack.text.endsWith(link));
    const sections = slack.blocks.map(({ text }: { text: { text: string; verbatim: boolean } }) => text);
    assert.deepEqual(
      sections.map(({ text }: { text: string }) => text.replace(/(?<=\*x\*).*/, "")),
      ["*one for all failed*", why, link],
    );
    // Otherwise Slack makes links of all addresses and names that it finds.
    assert.ok(sections.every(({ verbatim }: { verbatim: boolean }) => verbatim));
    const [{ contentType, content }] = all().find(({ to }) => to === "b").attachments;
    assert.equal(contentType, "application/vnd.microsoft.card.adaptive");
    assert.deepEqual([content.type, content.version], ["AdaptiveCard", "1.4"]);
    // A TextBlock would read Markdown.
    assert.ok(content.body.every(({ type }: { type: string }) => type === "RichTextBlock"));
    assert.match(JSON.stringify(content.body), /broken <!channel> \[click\]/);
    assert.deepEqual(content.actions, [{ type: "Action.OpenUrl", title: "Open the run", url }]);
  });

  it("sends one notice in ten minutes per receiver and workflow, and failures are not held back for successes", async (t) => {
    const { start, all, clock } = await watched(t, {
      one: '["SLACK_A", { to: "SLACK_B", on: ["failure", "success"] }]',
      two: '"SLACK_A"',
    });
    await start("one", 0);
    await until("the success is notified", () => all().length === 1);
    await start("one");
    await until("the failure is notified", () => all().length === 3);
    await start("two");
    await until("that of the other workflow is notified", () => all().length === 4);
    await start("one");
    await start("one");
    clock.move(MINUTE);
    assert.equal(all().length, 4);
    clock.move(10 * MINUTE);
    await until("the held ones are notified, one per receiver", () => all().length === 6);
    assert.deepEqual(
      all()
        .slice(4)
        .map(({ to, heldBack }) => `${to} ${heldBack}`)
        .sort(),
      ["a 1", "b 1"],
    );
  });

  it("sends one notice when a run begins to wait, not at each check", async (t) => {
    const waits = `
      await waitUntil("approval of the release", async () => undefined, { every: "1m", timeout: "2d" });`;
    const { start, all, clock, url } = await watched(
      t,
      { asks: '{ to: "SLACK_A", on: ["waiting"] }' },
      { bodies: { asks: waits }, settings: { PUBLIC_URL: "https://ci.example" } },
    );
    const run = (await start("asks")).headers["x-run-id"];
    await until("it is notified", () => all().length === 1);
    const [{ event, text, endedAt, url: link }] = all();
    assert.deepEqual([event, endedAt, link], ["waiting", undefined, `https://ci.example/runs/${run}`]);
    assert.match(text, /^asks for all waits: .*approval of the release/);
    const looks = async () => (await send(url, { path: `/api/runs/${run}` })).json.attempts.at(-1).number;
    for (const looked of [2, 3, 4]) {
      await until("it looks again", async () => {
        clock.move(MINUTE);
        return (await looks()) >= looked;
      });
    }
    clock.move(11 * MINUTE);
    assert.equal(all().length, 1);
  });

  it("is loaded again with the file", async (t) => {
    const { start, all, app } = await watched(t, { one: '"SLACK_A"' });
    await start("one");
    await until("it is notified", () => all().length === 1);
    await app.reload();
    assert.deepEqual(app.loaded.broken, []);
    assert.equal(all()[0].to, "a");
  });
});

describe("a receiver that hangs or is gone", () => {
  it("delays no other receiver and no run, is logged without its address, and a stop does not wait for it", async (t) => {
    const sockets = new Set<{ destroy(): void }>();
    const hanging = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
    await once(hanging, "listening");
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      hanging.close();
    });
    const { port } = hanging.address() as { port: number };
    const { start, went, all, app, logLines, log, receiver, clock } = await watched(
      t,
      { one: '["HANGS", "SLACK_A", "GONE"]' },
      {
        settings: {
          HANGS: `http://127.0.0.1:${port}/${SECRET}`,
          GONE: `http://127.0.0.1:1/${SECRET}?code=${SECRET}`,
        },
      },
    );
    await start("one");
    await until("the working one is notified", () => all().length === 1);
    assert.deepEqual(went(), ["a failure"]);
    await until("the one that is gone is reported", () => {
      clock.move(1000);
      return log().some(({ receiver: name }) => name === "GONE");
    });
    await until("the hanging one is asked", () => sockets.size > 0);
    receiver.status = 500;
    const before = performance.now();
    await app.close();
    assert.ok(performance.now() - before < 8000, `${performance.now() - before} ms`);
    assert.ok(!logLines.join("").includes(SECRET));
  });
});

describe("a receiver that hangs for long", () => {
  it("keeps at most a hundred notices, and a stop with all of them ends in time", async (t) => {
    const hanging = createServer(() => {}).listen(0, "127.0.0.1");
    await once(hanging, "listening");
    t.after(() => void hanging.close());
    const clock = movedClock();
    const counts = { sent: 0, failed: 0 };
    const { port } = hanging.address() as { port: number };
    const webhook = openWebhook(
      { name: "HANGS", url: `http://127.0.0.1:${port}/` },
      { fetch, log: silent, clock, noticed: (result) => void counts[result]++ },
    );
    let made = 0;
    for (let nth = 0; nth < 150; nth++) {
      webhook.post(async () => {
        made++;
        return {};
      });
    }
    await until("the first is being sent", () => made === 1);
    assert.deepEqual(counts, { sent: 0, failed: 50 });
    const before = performance.now();
    await webhook.close();
    assert.ok(performance.now() - before < 8000, `${performance.now() - before} ms`);
    assert.deepEqual([made, counts], [1, { sent: 0, failed: 150 }]);
  });
});

describe("notify of a workflow that is wrong", () => {
  async function problems(t: TestContext, option: string, settings: Record<string, string> = {}): Promise<string> {
    const { app } = await watched(t, { one: option }, { settings: { WORKFLOWS_STRICT: "false", ...settings } });
    return app.loaded.broken.flatMap((each) => each.problems).join("\n");
  }

  it("is rejected with what to write, and an address is not repeated", async (t) => {
    assert.equal(await problems(t, '"NOT_THERE"'), "notify: NOT_THERE is not set: set it, or NOT_THERE_FILE");
    assert.match(
      await problems(t, '"NO_URL"', { NO_URL: SECRET }),
      /^notify: NO_URL: expected a URL that begins with https:\/\/$/,
    );
    const address = `https://hooks.slack.com/services/${SECRET}`;
    const shown = await problems(t, `["SLACK_A", ${JSON.stringify(address)}]`);
    assert.match(shown, /^notify\.1: expected the name of a variable that holds the address, not the address itself$/);
    assert.match(
      await problems(t, '{ to: "SLACK_A", on: ["failed"] }'),
      /^notify\.on\.0: expected one of "failure", .*got "failed"/,
    );
    assert.match(
      await problems(t, '{ to: "SLACK_A", As: "slack" }'),
      /^notify: there is no field As: did you mean as\?$/,
    );
    assert.match(await problems(t, "true"), /^notify: expected "SLACK_DEPLOYS", .*or false, got true$/);
    assert.match(await problems(t, "[]"), /^notify: .*write false for no notices$/);
  });
});

describe("doctor", () => {
  const workflow = httpWorkflow("one", "return null;", 'notify: { to: "TEAMS_OPS", as: "teams" },');

  async function checked(t: TestContext, settings: Record<string, string>, notify: boolean) {
    const github = await startGitHub();
    t.after(() => github.close());
    const environment = {
      GITHUB_API_URL: github.url,
      DATA_DIR: temporaryFolder(t),
      WORKFLOWS_DIR: workflowsFolder(t, { "one.ts": workflow }),
      ...settings,
    };
    return (await checkSettings(environment, { notify })).filter(({ check }) => check === "notices");
  }

  it("warns when notices have no link, and sends nothing without --notify", async (t) => {
    const receiver = await startReceiver(t);
    const TEAMS_OPS = `${receiver.url}/${SECRET}`;
    const [only, ...more] = await checked(t, { TEAMS_OPS }, false);
    assert.deepEqual([only?.status, more], ["warning", []]);
    assert.match(only?.message ?? "", /PUBLIC_URL is not set: notices have no link to their runs/);
    assert.deepEqual(await checked(t, { TEAMS_OPS, PUBLIC_URL: "https://ci.example" }, false), []);
    assert.deepEqual(receiver.received, []);
  });

  it("sends a test notice to every receiver with --notify, and names the ones that do not take it", async (t) => {
    const receiver = await startReceiver(t);
    const settings = {
      PUBLIC_URL: "https://ci.example",
      TEAMS_OPS: `${receiver.url}/${SECRET}/teams`,
      NOTIFY_URL: `${receiver.url}/${SECRET}/usual`,
      NOTIFY_FORMAT: "slack",
    };
    const found = await checked(t, settings, true);
    assert.deepEqual(
      found.map(({ status, message }) => `${status}: ${message}`),
      ["ok: NOTIFY_URL accepted a test notice (slack)", "ok: TEAMS_OPS accepted a test notice (teams)"],
    );
    assert.deepEqual(receiver.received.map(({ path }) => path.split("/").at(-1)).sort(), ["teams", "usual"]);
    receiver.status = 404;
    const rejected = await checked(t, settings, true);
    assert.deepEqual(
      rejected.map(({ status }) => status),
      ["problem", "problem"],
    );
    assert.match(rejected[1]?.message ?? "", /a test notice to TEAMS_OPS \(teams\) was not accepted: answered 404/);
    assert.ok(!JSON.stringify(rejected).includes(SECRET));
  });
});
