import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { command, startCommand } from "./support/command.ts";
import { BARE_ENVIRONMENT } from "./support/environment.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually } from "./support/process.ts";
import { send } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const SOON_MS = 60_000;

/** `gh-runner dev` on this folder, with its output so far. */
async function startDev(t: TestContext, folder: string, settings: Record<string, string> = {}) {
  const { child } = startCommand(t, ["dev", folder], { PORT: "0", ...settings });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  const says = (text: string | RegExp) =>
    eventually(`it says ${text}: ${output}`, SOON_MS, () =>
      typeof text === "string" ? output.includes(text) : text.test(output),
    );
  await says("Ctrl-C ends it.");
  const url = /gh-runner dev: (http:\/\/127\.0\.0\.1:\d+)\//.exec(output)?.[1] ?? "";
  /** Runs the command that is printed below a workflow's name, or below another text. */
  const follow = async (after: string) => {
    await eventually(`a command stands below ${after}`, SOON_MS, () => /curl .*\n/.test(output.split(after)[1] ?? ""));
    const line = output.slice(output.indexOf(after)).match(/curl .*/)?.[0] ?? "";
    return JSON.parse((await shell(`${line} -s`)).replace(/^$/, "null"));
  };
  const page = async () => (await fetch(`${url}/`)).text();
  return { child, ended, url, says, follow, page, output: () => output };
}

async function shell(line: string): Promise<string> {
  const child = spawn("bash", ["-c", line], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (each: string) => {
    text += each;
  });
  await once(child, "close");
  return text;
}

/** As editors save: into a temporary file that is renamed. */
function save(folder: string, file: string, text: string): void {
  writeFileSync(join(folder, `.${file}.swp`), text);
  renameSync(join(folder, `.${file}.swp`), join(folder, file));
}

describe("gh-runner dev", () => {
  it("runs what gh-runner init wrote, loads it again when it is saved, and lives with a broken file", async (t) => {
    const folder = temporaryFolder(t);
    assert.equal((await command(["init", "announce-preview"], { WORKFLOWS_DIR: folder })).code, 0);
    writeFileSync(join(folder, "other.ts"), httpWorkflow("other", "return {};"));
    const dev = await startDev(t, folder);
    assert.deepEqual(await dev.follow("announce-preview (announce-preview.ts)"), {
      status: "success",
      application: "pr-1234",
    });
    await dev.says(/GitHub got POST \/repos\/acme\/shop\/dispatches .*"preview_ready".* and answered 204/);
    assert.equal((await dev.follow("environment-ready (built in)")).status, "success");

    const file = join(folder, "announce-preview.ts");
    const text = readFileSync(file, "utf8");
    save(folder, "announce-preview.ts", text.replace('"preview_ready"', '"saved_event"'));
    await dev.says("Reloaded: announce-preview.ts");
    assert.equal((await dev.follow("announce-preview (announce-preview.ts)")).status, "success");
    await dev.says(/GitHub got .*"saved_event"/);

    writeFileSync(file, text.replace("export default", "export default default"));
    await dev.says(
      /Broken: announce-preview\.ts\. The other workflows run\.\n {2}SyntaxError: .*\(announce-preview\.ts:5\)/,
    );
    assert.match(await dev.page(), /1 workflow file is broken.*announce-preview\.ts.*SyntaxError/s);
    assert.match(dev.output(), /"level":"warn",[^\n]*"file":"announce-preview.ts","problems":\["SyntaxError/);
    assert.equal((await dev.follow("other (other.ts)")).status, "success");

    writeFileSync(file, text);
    await dev.says("All files are valid again.");
    assert.doesNotMatch(await dev.page(), /is broken/);
    assert.equal((await dev.follow("announce-preview (announce-preview.ts)")).status, "success");

    dev.child.kill("SIGINT");
    assert.equal(await dev.ended, 0);
    assert.equal(readFileSync(join(folder, ".gh-runner/.gitignore"), "utf8"), "*\n");
  });

  it("has a command for every trigger, and gives unset variables a made-up value", async (t) => {
    const on = (name: string, trigger: string, more = "") => `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({ name: "${name}", on: ${trigger}, ${more}
  async run({ env, github, event, body }) { return { env, ...body, at: event?.scheduledAt, name: event?.name }; } });`;
    const folder = workflowsFolder(t, {
      "ticks.ts": on("ticks", '{ schedule: { cron: "0 3 1 1 *" } }'),
      "hook.ts": on("hook", '{ github: { events: ["pull_request"], actions: ["opened"] } }', 'env: ["SLACK_URL"],'),
      "flux.ts": on("flux", '{ flux: { path: "/flux", key: "FLUX_KEY" } }'),
      "hand.ts": on(
        "hand",
        "{ manual: { inputs: z.object({ ref: z.string(), dry: z.boolean() }) } }",
        "repository: 'acme/shop',",
      ),
      "given.ts": on(
        "given",
        `{ http: { path: "/given", token: "GIVEN_TOKEN", body: z.object({ pr: z.int().min(5), kind: z.enum(["a", "b"]),
          url: z.url(), commit: z.string(), repo: z.string().regex(/^\\w+\\/\\w+$/), deep: z.object({ on: z.boolean() }), left: z.string().optional(), list: z.array(z.string()) }) } }`,
      ),
    });
    // The service's secrets and addresses are not used here.
    const dev = await startDev(t, folder, {
      AUTH_TOKENS: "of-the-real-service",
      GITHUB_TOKEN: "github_pat_of_the_real_service",
      GITHUB_WEBHOOK_SECRET: "of-the-real-webhook",
      DATABASE_URL: "postgres://127.0.0.1:1/real",
      NOTIFY_URL: "http://127.0.0.1:1/real",
      DASHBOARD: "off",
    });
    const runOf = async (answer: { id?: string; run?: string; runs?: { run: string }[] }) => {
      const id = answer.id ?? answer.run ?? answer.runs?.[0]?.run;
      let run = { status: "", outputs: {} as Record<string, unknown> };
      await eventually("the run ends", SOON_MS, async () => {
        run = (await (await fetch(`${dev.url}/api/runs/${id}`)).json()) as typeof run;
        return run.status === "success";
      });
      return run.outputs;
    };
    assert.ok(!Number.isNaN(Date.parse(String((await runOf(await dev.follow("ticks (ticks.ts)"))).at))));
    const hooked = await runOf(await dev.follow("hook (hook.ts)"));
    assert.deepEqual(hooked, { env: { SLACK_URL: "***" }, name: "pull_request" });
    assert.notDeepEqual(await dev.follow("hook (hook.ts)"), await dev.follow("hook (hook.ts)"));
    assert.equal((await runOf(await dev.follow("flux (flux.ts)"))).commit, "5b7c9e1f".repeat(5));
    assert.equal((await runOf(await dev.follow("hand (hand.ts)"))).name, undefined);
    const given = await dev.follow("given (given.ts)");
    assert.deepEqual(given, {
      ...{ status: "success", env: {}, pr: 5, kind: "a", url: "https://example.com/", deep: { on: true }, list: [] },
      ...{ commit: "5b7c9e1f".repeat(5), repo: "acme/shop" },
    });
    for (const name of ["SLACK_URL", "FLUX_KEY", "GIVEN_TOKEN"])
      assert.match(dev.output(), new RegExp(`Warning: ${name} is`));
    for (const [host, status] of [
      ["evil.example", 421],
      ["localhost", 200],
    ] as const) {
      assert.equal((await send(dev.url, { headers: { host: `${host}:${new URL(dev.url).port}` } })).status, status);
    }
    assert.doesNotMatch(dev.output(), /of-the-real|of_the_real/);
  });

  it("has the Apps and tokens that a workflow names, made up if they are not set", async (t) => {
    const folder = workflowsFolder(t, {
      "w.ts": httpWorkflow(
        "w",
        `const files = [];
         for (const each of [github, github.as("bot"), github.as("reader"), github.as("service")]) {
           files.push(typeof (await each.request("GET /repos/{owner}/{repo}", { owner: "any", repo: "one" })).data.id);
         }
         await github.as("bot").comment({ repository: "any/one", number: 7, key: "k", body: "Hello." });
         return { files };`,
        `githubApp: "RELEASE_APP", identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
         permissions: { issues: "write", contents: "read" },`,
      ),
    });
    const { says, follow } = await startDev(t, folder);
    await says("RELEASE_APP_PRIVATE_KEY is not set");
    const { status, files } = await follow("w.ts");
    assert.deepEqual([status, files], ["success", ["number", "number", "number", "number"]]);
  });

  it("starts every example by the commands that it prints", async (t) => {
    const folder = temporaryFolder(t);
    const examples = fileURLToPath(new URL("../examples/", import.meta.url));
    for (const file of globSync("*/*.ts", { cwd: examples, exclude: ["**/*.test.ts"] })) {
      copyFileSync(join(examples, file), join(folder, basename(file)));
    }
    const dev = await startDev(t, folder, { CLEAN_UP: "delete", PREVIEW_URL: "http://127.0.0.1:1/{application}" });
    const commands = dev.output().match(/curl .*/g) ?? [];
    assert.ok(commands.length >= 8, dev.output());
    const wait = ' -s -H "prefer: respond-async" -o /dev/null -w "%{http_code}"';
    // One is for comments that begin with its command, which no example comment has.
    const answered = (line: string) => (/\/ecosystem\/github\/issue_comment$/.test(line) ? "200" : "202");
    for (const line of commands) assert.equal(await shell(line + wait), answered(line), line);
    assert.doesNotMatch(dev.output(), /^Broken/m);

    const signing = /curl .*(http:\/\/127\.0\.0\.1:\d+)\/ecosystem\/github/.exec(dev.output())?.[1] ?? "";
    const opened = await fetch(signing);
    assert.equal(opened.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.match(await opened.text(), new RegExp(`The page is at ${dev.url}/\\.`));
  });

  it("keeps its runs over a restart, and takes the next port when one is in use", async (t) => {
    const folder = workflowsFolder(t, { "other.ts": httpWorkflow("other", "return {};") });
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const first = await startDev(t, folder, { PORT: String(port) });
    assert.match(first.output(), new RegExp(`^Port ${port} is in use, so gh-runner uses another one`));
    assert.ok(Number(new URL(first.url).port) > port);
    await first.follow("other (other.ts)");
    const beside = await command(["dev", folder], { PORT: "0" });
    const told = `gh-runner dev already runs in ${folder}: use that one, or stop it.\n`;
    assert.deepEqual([beside.code, beside.stdout, beside.stderr], [1, "", told]);
    first.child.kill("SIGTERM");
    assert.equal(await first.ended, 0);

    const second = await startDev(t, folder);
    const { runs } = (await (await fetch(`${second.url}/api/runs`)).json()) as { runs: { workflow: string }[] };
    assert.deepEqual(
      runs.map(({ workflow }) => workflow),
      ["other"],
    );
  });

  it("follows added, removed and shared files, and ignores tests and its data folder", async (t) => {
    const folder = workflowsFolder(t, {
      "shared/deep/text.ts": 'export const text = "old";',
      "one.ts": `import { text } from "./shared/deep/text.ts";\n${httpWorkflow("one", "return { text };")}`,
    });
    const dev = await startDev(t, folder);
    save(join(folder, "shared/deep"), "text.ts", 'export const text = "new";');
    await dev.says("Reloaded: shared/deep/text.ts");
    assert.equal((await dev.follow("one (one.ts)")).text, "new");

    writeFileSync(join(folder, "one.test.ts"), "throw new Error('not loaded');");
    mkdirSync(join(folder, "node_modules"));
    writeFileSync(join(folder, "node_modules/x.js"), "");
    writeFileSync(join(folder, "two.ts"), httpWorkflow("two", "return {};"));
    await dev.says("Reloaded: two.ts\n");
    assert.equal((await dev.follow("two (two.ts)")).status, "success");
    copyFileSync(join(folder, "two.ts"), join(folder, "dup.ts"));
    await dev.says(/dup\.ts.*the name two is taken by two\.ts: choose another/s);
    assert.equal((await dev.follow("two (two.ts)")).status, "success");
    rmSync(join(folder, "dup.ts"));
    rmSync(join(folder, "two.ts"));
    await dev.says("two is gone");
    assert.equal((await fetch(`${dev.url}/two`, { method: "POST", body: "{}" })).status, 404);
  });

  const withoutScript =
    !existsSync("/usr/bin/script") && "there is no script, which makes a terminal: install util-linux";
  it("opens the page at a terminal, unless an option says not to", { skip: withoutScript }, async (t) => {
    const folder = workflowsFolder(t, { "other.ts": httpWorkflow("other", "return {};") });
    const bin = temporaryFolder(t);
    writeFileSync(join(bin, "xdg-open"), `#!/bin/sh\necho "$1" > ${bin}/opened\n`);
    chmodSync(join(bin, "xdg-open"), 0o755);
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
    async function opened(options: string, environment: Record<string, string>): Promise<string> {
      rmSync(join(bin, "opened"), { force: true });
      const line = `exec ${process.execPath} ${main} dev ${folder} ${options}`;
      const child = spawn("script", ["-qefc", line, "/dev/null"], {
        env: { ...BARE_ENVIRONMENT, PATH: `${bin}:${process.env.PATH}`, PORT: "0", ...environment },
      });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
      const ended = once(child, "close");
      await eventually(`it starts: ${output}`, SOON_MS, () => output.includes("Ctrl-C ends it."));
      const isThere = () => existsSync(join(bin, "opened")) && readFileSync(join(bin, "opened"), "utf8") !== "";
      if (options === "" && !environment.CI) await eventually("the page is opened", SOON_MS, isThere);
      // Ctrl-C as a terminal sends it: an orderly end. The page would have been opened before.
      child.stdin.write("\u0003");
      await ended;
      return isThere() ? readFileSync(join(bin, "opened"), "utf8").trim() : "";
    }
    assert.match(await opened("", {}), /^http:\/\/127\.0\.0\.1:\d+\/$/);
    assert.equal(await opened("--no-open", {}), "");
    assert.equal(await opened("", { CI: "true" }), "");
  });

  it("says what to do when there is no folder", async () => {
    const { code, stderr } = await command(["dev", "/nowhere"]);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "There is no folder /nowhere: create a first workflow with gh-runner init, or name another folder.\n",
    );
  });
});
