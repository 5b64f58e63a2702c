import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import type { GitHub, Workflow } from "../src/index.ts";
import { movedClock, until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { CREDENTIALS, knowIdentities, READER, identityScene as scene } from "./support/identities.ts";
import { send, startService, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const read = (github: GitHub) => github.readFile(TARGET, "a.md");

describe("a workflow that names a GitHub App", () => {
  it("uses that App, while other workflows use the service's credential", async (t) => {
    const { start, askers } = await scene(t, read, { workflow: { githubApp: "RELEASE_APP" } });
    assert.equal((await start()).status, 200);
    assert.deepEqual(askers(), ["release[bot]"]);
  });

  it("can have more identities, each complete, and the service's", async (t) => {
    const { start, askers, github } = await scene(
      t,
      async (all) => {
        for (const name of ["bot", "reader", "service", "bot"]) await read(all.as(name));
        await read(all.as("bot").as("reader"));
        await read(all);
        await all.as("bot").dispatch(TARGET, "released", {}, { once: "tell" });
      },
      {
        workflow: {
          githubApp: "RELEASE_APP",
          identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
        },
      },
    );
    const answer = await start();
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(askers(), ["bot[bot]", "reader", "service", "bot[bot]", "reader", "release[bot]"]);
    assert.equal(github.dispatches.length, 1);
    assert.match(github.dispatches[0]?.token ?? "", /^ghs_/);
  });

  it("lists the identities when a name is unknown", async (t) => {
    const { start } = await scene(t, async (github) => github.as("bto"), {
      workflow: { identities: { bot: { githubApp: "BOT" } } },
    });
    const { status, json } = await start();
    assert.equal(status, 500);
    assert.equal(
      json.detail,
      'Asking GitHub as "bto" failed: w has no such identity. It has bot, service. Use one of these, or add it to the workflow\'s `identities`.',
    );
  });

  it("uses the token that an event brought instead, and its identities as always", async (t) => {
    const { start, askers, github } = await scene(
      t,
      async (all) => {
        await read(all);
        await read(all.as("bot"));
        await read(all.as("service"));
      },
      { workflow: { githubApp: "RELEASE_APP", identities: { bot: { githubApp: "BOT" } } } },
    );
    github.token("ghp_callersToken0123456789abcdefABCDEF01", { login: "caller" });
    const answer = await start({ github_token: "ghp_callersToken0123456789abcdefABCDEF01" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(askers(), ["caller", "bot[bot]", "service"]);
  });
});

describe("a dry run", () => {
  it("shows who would write what", async (t) => {
    const { github, settings } = await commandScene(t);
    const folder = workflowsFolder(t, {
      "w.ts": httpWorkflow(
        "w",
        `await github.dispatch("${TARGET}", "a", {}); await github.as("bot").dispatch("${TARGET}", "b", {});`,
        'identities: { bot: { githubApp: "BOT" } },',
      ),
    });
    const { code, stdout, stderr } = await command(["run", "w", "--dry-run"], { ...settings, WORKFLOWS_DIR: folder });
    assert.equal(code, 0, stderr);
    const shown = stdout.split("\n").filter((line) => /^(POST|authorization)/.test(line));
    const post = `POST ${github.url}/repos/${TARGET}/dispatches`;
    assert.deepEqual(shown, [post, "authorization: Bearer ***", post, "authorization: Bearer *** (as bot)"]);
    assert.deepEqual(github.dispatches, []);
  });
});

describe("the identities and permissions of a workflow", () => {
  const OPTIONS = `githubApp: "RELEASE_APP", permissions: { contents: "write", issues: "read" },
  identities: { bot: { githubApp: "BOT", permissions: {} }, reader: { githubToken: "READER_TOKEN" } },`;

  it("appear in gh-runner workflows, even if the variables are not set", async (t) => {
    const folder = workflowsFolder(t, {
      "a.ts": httpWorkflow("a", "return {};", OPTIONS),
      "b.ts": httpWorkflow("b", "return {};", 'permissions: { statuses: "write" },'),
      "c.ts": httpWorkflow("c", "return {};"),
    });
    const { code, stdout } = await command(["workflows"], { WORKFLOWS_DIR: folder });
    assert.equal(code, 0);
    const [, , ...lines] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trimEnd().replace(/ {2,}/g, "  "));
    assert.deepEqual(lines, [
      "a  http POST /a  a.ts",
      "  acts on GitHub as App RELEASE_APP (contents: write, issues: read)",
      "  acts on GitHub as bot: App BOT (metadata: read)",
      "  acts on GitHub as reader: token READER_TOKEN",
      "b  http POST /b  b.ts",
      "  acts on GitHub as the service (statuses: write)",
      "c  http POST /c  c.ts",
    ]);
    const [, first] = JSON.parse((await command(["workflows", "--json"], { WORKFLOWS_DIR: folder })).stdout);
    assert.deepEqual([first.githubApp, first.permissions], ["RELEASE_APP", { contents: "write", issues: "read" }]);
  });

  it("appear on the page and in the API by the names of their variables, without values", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": httpWorkflow("a", "return {};", OPTIONS) });
    const settings = { ...CREDENTIALS, WORKFLOWS_DIR: folder, DASHBOARD: "on" };
    const { url } = await startService(t, { settings });
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    const { githubApp, githubToken, identities, permissions } = workflows.find(({ name }: Workflow) => name === "a");
    assert.deepEqual(
      { githubApp, githubToken, identities, permissions },
      {
        githubApp: "RELEASE_APP",
        githubToken: undefined,
        identities: { bot: { githubApp: "BOT", permissions: {} }, reader: { githubToken: "READER_TOKEN" } },
        permissions: { contents: "write", issues: "read" },
      },
    );
    const page = (await send(url, { path: "/workflows" })).text;
    assert.ok(page.includes("Acts on GitHub as App RELEASE_APP (contents: write, issues: read)"));
    assert.ok(page.includes("Acts on GitHub as bot: App BOT (metadata: read)"));
    for (const secret of [READER, ...Object.values(CREDENTIALS).flatMap((each) => each.split("\n"))]) {
      if (secret.length > 12) assert.ok(!page.includes(secret) && !JSON.stringify(workflows).includes(secret));
    }
  });
});

describe("the secrets of identities", () => {
  it("are hidden in what is stored, answered and logged, in any place where a workflow puts them", async (t) => {
    const key = CREDENTIALS.BOT_PRIVATE_KEY;
    const { start, app, logLines } = await scene(t, async () => {}, {
      workflow: {
        env: ["READER_TOKEN", "BOT_PRIVATE_KEY"],
        identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
        async run({ env, log, step }) {
          log.info(`with ${env.READER_TOKEN}`, { key: env.BOT_PRIVATE_KEY });
          const kept = await step(`read ${env.READER_TOKEN}`, () => env.READER_TOKEN);
          return { kept, token: env.READER_TOKEN, key: env.BOT_PRIVATE_KEY };
        },
      },
    });
    const { json, text, headers } = await start();
    assert.deepEqual(json, { status: "success", kept: "***", token: "***", key: "***" });
    const detail = await app.engine.store.get(String(headers["x-run-id"]));
    const lines = await app.engine.store.lines(String(headers["x-run-id"]), { limit: 10 });
    const said = [text, JSON.stringify(detail), JSON.stringify(lines), ...logLines].join("");
    for (const secret of [READER, ...key.split("\n").slice(1, -2)]) assert.ok(!said.includes(secret));
  });
});

describe("a credential in a file", () => {
  it("is read again after a change, and the old one stays while the new one does not work", async (t) => {
    const folder = temporaryFolder(t);
    const [key, token] = [join(folder, "bot.pem"), join(folder, "reader")];
    writeFileSync(key, CREDENTIALS.BOT_PRIVATE_KEY);
    writeFileSync(token, READER);
    const clock = movedClock();
    const { start, askers, github, log, logLines } = await scene(
      t,
      async (all) => {
        await read(all.as("bot"));
        await read(all);
      },
      {
        workflow: { githubToken: "READER_TOKEN", identities: { bot: { githubApp: "BOT" } } },
        settings: { BOT_PRIVATE_KEY: "", BOT_PRIVATE_KEY_FILE: key, READER_TOKEN: "", READER_TOKEN_FILE: token },
        options: { clock },
        github: { now: clock.now },
      },
    );
    const saying = (what: RegExp) => log().filter(({ msg }) => what.test(String(msg)));
    const told = () => saying(/^a secret cannot be reloaded/);
    const readAgain = async (times: number) => {
      clock.move(5000);
      await until("they were read", () => saying(/^secrets were reloaded/).length === times);
    };
    assert.equal((await start()).status, 200);
    const renewed = "ghp_renewedToken0123456789abcdefABCDEF01";
    github.token(renewed, { login: "renewed" });
    writeFileSync(token, `${renewed}\n`);
    // GitHub accepts the key of the other App only for that App.
    writeFileSync(join(folder, "next.pem"), CREDENTIALS.RELEASE_APP_PRIVATE_KEY);
    renameSync(join(folder, "next.pem"), key);
    await readAgain(1);
    const { json } = await start();
    assert.match(json.detail, /BOT_PRIVATE_KEY is not a key of the App with BOT_ID/);
    writeFileSync(key, CREDENTIALS.BOT_PRIVATE_KEY);
    await readAgain(2);
    assert.equal((await start()).status, 200);
    writeFileSync(token, "");
    writeFileSync(key, "-----BEGIN RSA PRIVATE KEY-----\nMII");
    clock.move(5000);
    await until("they were read", () => told().length === 2);
    assert.equal((await start()).status, 200);
    clock.move(10_000);
    assert.equal((await start()).status, 200);
    const [bot, reader] = ["bot[bot]", "renewed"];
    assert.deepEqual(askers(), [bot, "reader", bot, reader, bot, reader, bot, reader]);
    assert.deepEqual(
      told()
        .map(({ name }) => name)
        .sort(),
      ["BOT_PRIVATE_KEY", "READER_TOKEN"],
    );
    const { text } = await start({ n: 1 });
    for (const secret of [READER, renewed, ...CREDENTIALS.BOT_PRIVATE_KEY.split("\n").slice(1, -2)]) {
      assert.ok(!logLines.join("").includes(secret) && !text.includes(secret));
    }
  });
});

/** A GitHub with the Apps and tokens, and the settings of a command. */
async function commandScene(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  knowIdentities(github);
  return { github, settings: { ...CREDENTIALS, GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, TARGET_REPO: TARGET } };
}
