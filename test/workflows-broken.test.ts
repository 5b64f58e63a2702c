import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const call = (url: string, path: string) => send(url, { method: "POST", path, body: "{}" });

/** A service that starts with the files that work. */
function lenient(t: TestContext, folder: string, settings: Record<string, string> = {}) {
  return startService(t, { settings: { WORKFLOWS_DIR: folder, WORKFLOWS_STRICT: "false", ...settings } });
}

const BROKEN = "a workflow's file is broken: the others run without it";

describe("with WORKFLOWS_STRICT=false", () => {
  it("a broken file does not affect others, and log and page name it with its error", async (t) => {
    const folder = workflowsFolder(t, {
      "a-sound.ts": httpWorkflow("sound", "return { n: 1 };"),
      "b-clash.ts": httpWorkflow("sound", "return { n: 2 };"),
      "ends.ts": 'import { exit } from "node:process";\nawait null;\nexit(3);',
      "env.ts": httpWorkflow("env", "return {};", 'env: ["NOT_SET_ANYWHERE"],'),
      "hook.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "hook", on: { github: { events: "push" } }, async run() {} });`,
      "misspelt.js": 'export default { name: "misspelt", on: { http: { path: "/m", body: {} } }, run() {} };',
      "syntax.ts": "const a = 1;\nexport default {",
      "throws.ts": "const settings: undefined = undefined;\nsettings.name;\nexport default {};",
    });
    const { url, log } = await lenient(t, folder);
    assert.deepEqual((await call(url, "/sound")).json, { status: "success", n: 1 });
    assert.equal((await call(url, "/env")).status, 404);
    const records = log().filter(({ msg }) => msg === BROKEN);
    assert.deepEqual(records.map(({ level, file }) => [level, file]).sort(), [
      ["warn", "b-clash.ts"],
      ["warn", "ends.ts"],
      ["warn", "env.ts"],
      ["warn", "hook.ts"],
      ["warn", "misspelt.js"],
      ["warn", "syntax.ts"],
      ["warn", "throws.ts"],
    ]);
    const page = (await send(url, {})).text;
    assert.match(page, /7 workflow files are broken/);
    for (const [file, problem] of [
      ["b-clash.ts", /name: the name sound is taken by a-sound\.ts: choose another/],
      ["ends.ts", /process\.exit is called outside of `run`: remove it \(ends\.ts:3:1\)/],
      ["env.ts", /env: NOT_SET_ANYWHERE is not set: set it, or NOT_SET_ANYWHERE_FILE/],
      ["hook.ts", /on\.github: GITHUB_WEBHOOK_SECRET is not set/],
      ["misspelt.js", /on\.http\.body: expected a schema/],
      ["syntax.ts", /SyntaxError: .*\(syntax\.ts:2\)/],
      ["throws.ts", /TypeError: .*\(throws\.ts:2:10\)/],
    ] as const) {
      assert.match(String(records.find((each) => each.file === file)?.problems), problem);
      assert.match(page, new RegExp(`<bdi>${file}</bdi>`));
    }
    const { workflows, broken } = (await send(url, { path: "/api/workflows" })).json;
    assert.deepEqual(
      workflows.map(({ name }: { name: string }) => name),
      ["environment-ready", "sound"],
    );
    assert.deepEqual(
      broken,
      records.map(({ file, problems }) => ({ file, problems })),
    );
  });

  it("the page has no banner when all files work", async (t) => {
    const folder = workflowsFolder(t, { "sound.ts": httpWorkflow("sound", "return {};") });
    const { url } = await lenient(t, folder);
    assert.doesNotMatch((await send(url, {})).text, /broken/);
    assert.deepEqual((await send(url, { path: "/api/workflows" })).json.broken, []);
  });

  it("a missing folder still prevents the start", async (t) => {
    await assert.rejects(lenient(t, "/nowhere/at/all"), /^Error: Cannot read the folder \/nowhere\/at\/all/);
  });
});

describe("of two files with the same name or path", () => {
  const W = httpWorkflow("w", 'return { file: "w.ts" };');
  const again = (name: string) => W.replace('name: "w"', `name: "${name}"`).replace('"w.ts"', '"dup.ts"');
  const by = async (url: string) => (await call(url, "/w")).json.file;

  it("the one that works stays at a reload, and the new one is the broken one", async (t) => {
    for (const [name, file] of [
      ["w", "dup.ts"],
      ["dup", "dup.ts"],
      ["w", "z.ts"],
      ["z", "z.ts"],
    ] as const) {
      const folder = workflowsFolder(t, { "w.ts": W });
      const { app, url } = await lenient(t, folder);
      writeFileSync(join(folder, file), again(name));
      for (let reloads = 0; reloads < 2; reloads++) {
        const { broken } = await app.reload();
        assert.deepEqual(
          broken.map((each) => each.file),
          [file],
        );
        const named = name === "w" ? ["name: the name w is taken by w.ts: choose another"] : [];
        assert.deepEqual(broken[0]?.problems, [...named, "on: the path /w is taken by w.ts: choose another"]);
        assert.equal(await by(url), "w.ts");
      }
      writeFileSync(join(folder, "w.ts"), W.replace('"w.ts"', '"w.ts, later"'));
      await app.reload();
      assert.equal(await by(url), "w.ts, later");
      rmSync(join(folder, "w.ts"));
      assert.deepEqual((await app.reload()).broken, []);
      assert.equal(await by(url), "dup.ts");
    }
  });

  it("the one that worked with it stays, even if the other one worked with another name", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": httpWorkflow("a", "return {};"), "w.ts": W });
    const { app, url } = await lenient(t, folder);
    writeFileSync(join(folder, "a.ts"), again("a"));
    const { broken } = await app.reload();
    assert.deepEqual(broken, [{ file: "a.ts", problems: ["on: the path /w is taken by w.ts: choose another"] }]);
    assert.equal(await by(url), "w.ts");
  });

  it("the one with the name of the workflow stays at a start, otherwise the first", async (t) => {
    const start = await lenient(t, workflowsFolder(t, { "dup.ts": again("w"), "w.ts": W, "z.ts": again("w") }));
    assert.equal(await by(start.url), "w.ts");
    const { broken } = (await send(start.url, { path: "/api/workflows" })).json;
    const problems = [
      "name: the name w is taken by w.ts: choose another",
      "on: the path /w is taken by w.ts: choose another",
    ];
    assert.deepEqual(broken, [
      { file: "dup.ts", problems },
      { file: "z.ts", problems },
    ]);
    const first = await lenient(t, workflowsFolder(t, { "dup.ts": again("w"), "other.ts": W }));
    assert.equal(await by(first.url), "dup.ts");
  });

  it("the same one is reported when nothing starts", async (t) => {
    for (const dup of [again("w"), 'export { default } from "./w.ts";']) {
      const folder = workflowsFolder(t, { "dup.ts": dup, "w.ts": W });
      await assert.rejects(
        lenient(t, folder, { WORKFLOWS_STRICT: "true" }),
        /^Error: Cannot start\..*\n {2}dup\.ts: name: the name w is taken by w\.ts: choose another\n {2}dup\.ts: on: the path \/w is taken by w\.ts: choose another$/,
      );
    }
  });
});

describe("the runs of a broken file", () => {
  const waits = (n: number) =>
    httpWorkflow(
      "waits",
      `if (attempt < ${n}) throw new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });
    return { attempt };`,
    );

  for (const how of ["a restart", "a reload"] as const) {
    it(`wait until it is fixed, and begin with ${how}`, async (t) => {
      const folder = workflowsFolder(t, { "waits.ts": waits(2) });
      const DATA_DIR = temporaryFolder(t);
      const clock = movedClock();
      const options = { clock };
      const start = () =>
        startService(t, { settings: { WORKFLOWS_DIR: folder, WORKFLOWS_STRICT: "false", DATA_DIR }, options });
      let { app, url } = await start();
      const id = (await call(url, "/waits")).headers["x-run-id"];
      const shown = async () => (await send(url, { path: `/api/runs/${id}` })).json;
      assert.equal((await shown()).status, "queued");
      await app.close();

      // A process keeps loaded modules, so a file with another name stands for the saved one.
      renameSync(join(folder, "waits.ts"), join(folder, "broken.ts"));
      writeFileSync(join(folder, "broken.ts"), "export default {");
      ({ app, url } = await start());
      clock.move(10_000);
      await until("the run is so", async () => (await shown()).status === "waiting");
      assert.equal(
        (await shown()).reason,
        "There is no workflow waits now, and these files are broken: broken.ts. The run starts when they are fixed.",
      );
      // A check does not leave a row.
      for (let times = 0; times < 5; times++) {
        const latest = (await shown()).attempts.at(-1).number;
        clock.move(5 * 60_000 + 1000);
        await until("it was looked at again", async () => (await shown()).attempts.at(-1).number > latest);
      }
      assert.ok((await shown()).attempts.length <= 4, "of those that wait the first and the latest stay");

      renameSync(join(folder, "broken.ts"), join(folder, "fixed.ts"));
      writeFileSync(join(folder, "fixed.ts"), waits(0));
      if (how === "a reload") await app.reload();
      else {
        await app.close();
        ({ app, url } = await start());
      }
      await until("the run is so", async () => (await shown()).status === "success");
    });
  }

  it("fail as before when no file is broken", async (t) => {
    const folder = workflowsFolder(t, { "gone.ts": waits(2), "other.ts": httpWorkflow("other", "return {};") });
    const DATA_DIR = temporaryFolder(t);
    const clock = movedClock();
    const settings = { WORKFLOWS_DIR: folder, WORKFLOWS_STRICT: "false", DATA_DIR };
    const first = await startService(t, { settings, options: { clock } });
    const id = (await call(first.url, "/waits")).headers["x-run-id"];
    await first.app.close();
    rmSync(join(folder, "gone.ts"));
    const { url } = await startService(t, { settings, options: { clock } });
    clock.move(10_000);
    const shown = async () => (await send(url, { path: `/api/runs/${id}` })).json;
    await until("the run is so", async () => (await shown()).status === "failure");
    assert.match((await shown()).reason, /^This service no longer has a workflow waits/);
  });
});

describe("a reload", () => {
  it("loads the new code of a file and its shared modules, and updates the routes", async (t) => {
    const folder = workflowsFolder(t, {
      "shared/deeper/text.ts": 'export const text: string = "old";',
      "shared/more.cjs": "module.exports = { number: 1 };",
      "shared/data.json": '{"datum":"old"}',
      "shared/all.ts": `import more from "./more.cjs";
import data from "./data.json" with { type: "json" };
export { text } from "./deeper/text.ts";
export const { number } = more;
export const { datum } = data;`,
      "one.ts": `import { datum, number, text } from "./shared/all.ts";\n${httpWorkflow("one", "return { text, number, datum };")}`,
      "two.ts": `import { text } from "./shared/deeper/text.ts";\n${httpWorkflow("two", "return { text };")}`,
      "gone.ts": httpWorkflow("gone", "return {};"),
    });
    const { app, url } = await lenient(t, folder);
    assert.deepEqual((await call(url, "/one")).json, { status: "success", text: "old", number: 1, datum: "old" });

    writeFileSync(join(folder, "shared/deeper/text.ts"), 'export const text: string = "new";');
    writeFileSync(join(folder, "shared/more.cjs"), "module.exports = { number: 2 };");
    writeFileSync(join(folder, "shared/data.json"), '{"datum":"new"}');
    writeFileSync(join(folder, "new.ts"), httpWorkflow("new", "return { attempt };"));
    rmSync(join(folder, "gone.ts"));
    const { workflows, broken } = await app.reload();
    assert.deepEqual(workflows.map(({ name }) => name).sort(), ["environment-ready", "new", "one", "two"]);
    assert.deepEqual(broken, []);
    assert.deepEqual((await call(url, "/one")).json, { status: "success", text: "new", number: 2, datum: "new" });
    assert.deepEqual((await call(url, "/two")).json, { status: "success", text: "new" });
    assert.equal((await call(url, "/new")).json.status, "success");
    assert.equal((await call(url, "/gone")).status, 404);
    assert.ok("/new" in (await send(url, { path: "/openapi.json" })).json.paths);
  });

  it("lets a run in flight end with the code that it began with", async (t) => {
    const gate = Object.assign(Promise.withResolvers<void>(), { isReached: false });
    Object.assign(globalThis, { gate });
    t.after(() => Reflect.deleteProperty(globalThis, "gate"));
    const slow = (text: string) =>
      httpWorkflow("slow", `if (body.n) { gate.isReached = true; await gate.promise; } return { text: "${text}" };`);
    const folder = workflowsFolder(t, { "slow.ts": slow("old") });
    const { app, url } = await lenient(t, folder);
    const before = send(url, { method: "POST", path: "/slow", body: '{"n":1}' });
    await until("it is under way", () => gate.isReached);
    writeFileSync(join(folder, "slow.ts"), slow("new"));
    await app.reload();
    assert.deepEqual((await send(url, { method: "POST", path: "/slow", body: '{"n":0}' })).json.text, "new");
    gate.resolve();
    assert.deepEqual((await before).json, { status: "success", text: "old" });
  });

  it("lets a waiting run continue with the new code", async (t) => {
    const sleeping = (text: string) => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "sleeps", on: { manual: true }, async run({ sleep, attempt }) {
  await sleep("a while", "1h"); return { text: "${text}", attempt }; } });`;
    const folder = workflowsFolder(t, { "sleeps.ts": sleeping("old") });
    const clock = movedClock();
    const settings = { WORKFLOWS_DIR: folder, WORKFLOWS_STRICT: "false" };
    const { app, url } = await startService(t, { settings, options: { clock } });
    const { id } = (await call(url, "/api/workflows/sleeps/runs")).json;
    const shown = async () => (await send(url, { path: `/api/runs/${id}` })).json;
    await until("it sleeps", async () => (await shown()).status === "waiting");
    writeFileSync(join(folder, "sleeps.ts"), sleeping("new"));
    await app.reload();
    clock.move(3_600_000);
    await until("it has ended", async () => (await shown()).status === "success");
    assert.deepEqual((await shown()).outputs, { text: "new", attempt: 2 });
  });

  it("during another reload loads the last state", async (t) => {
    const gate = Object.assign(Promise.withResolvers<void>(), { isReached: false });
    Object.assign(globalThis, { gate });
    t.after(() => Reflect.deleteProperty(globalThis, "gate"));
    const folder = workflowsFolder(t, { "first.ts": httpWorkflow("first", "return {};") });
    const { app, url } = await lenient(t, folder);
    const held = `${httpWorkflow("first", 'return { text: "one" };')}\ngate.isReached = true;\nawait gate.promise;`;
    writeFileSync(join(folder, "first.ts"), held);
    const one = app.reload();
    await until("the first is under way", () => gate.isReached);
    writeFileSync(join(folder, "first.ts"), httpWorkflow("first", 'return { text: "two" };'));
    const two = app.reload();
    gate.resolve();
    await Promise.all([one, two]);
    assert.equal((await call(url, "/first")).json.text, "two");
  });

  it("shows a file that broke, keeps the others, and recovers when it is fixed", async (t) => {
    const folder = workflowsFolder(t, {
      "first.ts": httpWorkflow("first", "return {};"),
      "second.ts": httpWorkflow("second", "return {};"),
    });
    const { app, url, log } = await lenient(t, folder);
    writeFileSync(join(folder, "second.ts"), "export default {\n  name: 'second'\n  on: {} };");
    const { broken } = await app.reload();
    const counted = async () =>
      /^gh_runner_workflow_files_broken (\d+)$/m.exec((await send(url, { path: "/metrics" })).text)?.[1];
    assert.equal(await counted(), "1");
    assert.match(broken[0]?.problems[0] ?? "", /^SyntaxError: .*\(second\.ts:3\)$/);
    assert.equal(log().filter(({ msg, file }) => msg === BROKEN && file === "second.ts").length, 1);
    assert.match((await send(url, {})).text, /1 workflow file is broken.*second\.ts/s);
    assert.equal((await call(url, "/first")).json.status, "success");
    assert.equal((await call(url, "/second")).status, 404);

    writeFileSync(join(folder, "second.ts"), httpWorkflow("second", "return { fixed: true };"));
    assert.deepEqual((await app.reload()).broken, []);
    assert.equal(await counted(), "0");
    assert.doesNotMatch((await send(url, {})).text, /broken/);
    assert.deepEqual((await call(url, "/second")).json, { status: "success", fixed: true });
  });

  it("updates open pages, and reports where a new version throws", async (t) => {
    const folder = workflowsFolder(t, { "first.ts": httpWorkflow("first", "return {};") });
    const { app, url } = await lenient(t, folder);
    const answer = await fetch(`${url}/live`);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const seen = (await reader.read()).value;
    writeFileSync(join(folder, "first.ts"), httpWorkflow("first", 'throw new Error("it is new");'));
    await app.reload();
    assert.notEqual((await reader.read()).value, seen);
    await reader.cancel();
    assert.match((await call(url, "/first")).json.detail, /^The workflow threw Error: it is new \(first\.ts:9\)/);
  });

  it("applies to schedules and webhooks", async (t) => {
    const on = (name: string, trigger: string) => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "${name}", on: ${trigger}, async run() {} });`;
    const folder = workflowsFolder(t, { "hook.ts": on("hook", '{ github: { events: "push" } }') });
    const secret = "hook-secret-of-the-test";
    const { app, url } = await lenient(t, folder, { GITHUB_WEBHOOK_SECRET: secret });
    const deliver = async (event: string) => {
      const { createHmac } = await import("node:crypto");
      const headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": `of-${event}`,
        "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update("{}").digest("hex")}`,
      };
      return (await send(url, { method: "POST", path: "/webhooks/github", headers, body: "{}" })).status;
    };
    assert.deepEqual([await deliver("push"), await deliver("release")], [202, 200]);
    writeFileSync(join(folder, "hook.ts"), on("hook", '{ github: { events: "release" } }'));
    writeFileSync(join(folder, "ticks.ts"), on("ticks", '{ schedule: { cron: "* * * * * *" } }'));
    await app.reload();
    assert.equal(await deliver("push"), 200);
    for (;;) {
      const { runs } = (await send(url, { path: "/api/runs?workflow=ticks" })).json;
      if (runs.length > 0) break;
    }
  });
});
