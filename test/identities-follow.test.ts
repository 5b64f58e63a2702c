import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { CREDENTIALS, knowIdentities } from "./support/identities.ts";
import { DEPLOYMENT, requestsRest, send, TARGET, TOKEN } from "./support/service.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
const SECOND = 1000;
const LIST = "GET /repos/{owner}/{repo}/actions/runs";
const SHOW = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";

const follower = defineWorkflow({
  name: "follower",
  on: { http: { path: "/follower", body: ANYTHING } },
  identities: { bot: { githubApp: "BOT" } },
  async run({ github }) {
    const bot = github.as("bot");
    const started = await bot.runWorkflow(TARGET, "tests.yml", { ref: "main", once: "start" });
    const { conclusion } = await bot.follow(started);
    return { conclusion };
  },
});

describe("a run that follows an Actions run as an identity of its workflow", () => {
  it("continues as that identity after a restart, even if the service may not read the repository", async (t) => {
    const clock = movedClock();
    const github = await startGitHub({ now: clock.now });
    t.after(() => github.close());
    github.token(TOKEN, { repositories: [DEPLOYMENT], login: "service" });
    github.repository(DEPLOYMENT);
    const repository = github.repository(TARGET);
    knowIdentities(github, { actions: "write", contents: "write" });
    repository.put(".github/workflows/tests.yml", "name: tests\non: workflow_dispatch\njobs: { test: {} }\n");

    const config = readConfig({
      ...{ PORT: "0", HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t), LOG_LEVEL: "silent" },
      ...{ GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, DEPLOYMENT_REPO: DEPLOYMENT, TARGET_REPO: TARGET },
      ...CREDENTIALS,
    });
    const workflows = [{ workflow: follower as Workflow, file: "follower.ts" }];
    const start = () => startApp(config, { clock, workflows });
    let app = await start();
    t.after(() => app.close());
    const headers = { "content-type": "application/json", prefer: "respond-async" };
    const answer = await send(app.url, { method: "POST", path: "/follower", body: "{}", headers });
    const run = async () => (await app.engine.store.get(answer.json.run))?.run;
    const passUntil = (what: string, holds: () => boolean | Promise<boolean>) =>
      until(what, async () => {
        if (await holds()) return true;
        clock.move(5 * SECOND);
        await requestsRest({ github, app });
        return false;
      });
    const lookedBy = (route: string) =>
      new Set(github.requests.filter((request) => request.route === route).map(({ login }) => login));
    await passUntil("it waits for the end", async () => /until Actions run \d+ /.test((await run())?.reason ?? ""));
    await passUntil("the watch has tried", () => lookedBy(LIST).has("service"));

    await app.close();
    app = await start();
    const since = clock.now();
    github.requests.length = 0;
    const id = [...repository.runs.keys()].at(-1) as number;
    github.actions.end(repository, id, "success");
    await passUntil("it has ended", async () => (await run())?.endedAt !== undefined);
    const ended = await run();
    assert.deepEqual([ended?.status, ended?.outputs], ["success", { conclusion: "success" }]);
    assert.ok(clock.now() - since <= 600 * SECOND, "it checks on its schedule, every 5 minutes");
    assert.deepEqual([...lookedBy(SHOW)], ["bot[bot]"]);
    assert.equal(
      github.requests.filter(({ method, route }) => method === "POST" && /dispatches/.test(route)).length,
      0,
    );
  });
});

describe("the limits at GitHub", () => {
  it("are separate for each identity, and shared by workflows that name the same variable", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    knowIdentities(github);
    const workflow = (name: string) =>
      defineWorkflow({
        name,
        on: { http: { path: `/${name}`, body: ANYTHING } },
        githubApp: "RELEASE_APP",
        identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
        async run({ github }) {
          for (const each of [github, github.as("bot"), github.as("reader"), github.as("service")]) {
            await each.readFile(TARGET, "a.md");
          }
        },
      }) as Workflow;
    const config = readConfig({
      ...{ PORT: "0", HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t), LOG_LEVEL: "silent" },
      ...{ GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, TARGET_REPO: TARGET, GITHUB_LIMITS: "on", ...CREDENTIALS },
    });
    const workflows = ["one", "other"].map((name) => ({ workflow: workflow(name), file: `${name}.ts` }));
    const app = await startApp(config, { workflows });
    t.after(() => app.close());
    for (const path of ["/one", "/other"]) {
      const { status, text } = await send(app.url, { method: "POST", path, body: "{}" });
      assert.equal(status, 200, text);
    }
    const metrics = (await send(app.url, { path: "/metrics" })).text;
    const accounts = [
      ...new Set([...metrics.matchAll(/account="([^"]+)"/g)].map(([, account = ""]) => account)),
    ].sort();
    const [tokens, apps] = [
      ["GITHUB_TOKEN", "READER_TOKEN"],
      ["app 7", "app Iv1.release"],
    ];
    assert.deepEqual(accounts, [...tokens, ...apps, "installation 42", "installation 43"]);
  });
});
