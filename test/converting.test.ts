import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "./support/clock.ts";
import { documentOf } from "./support/documents.ts";
import { payloadOf, startExample } from "./support/example.ts";
import { send, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { text, blocks } = documentOf("docs/converting.md");
const files = (language: string) =>
  Object.fromEntries(
    blocks.filter((block) => block.language === language).map((block) => [block.file ?? "", block.text]),
  );
const workflows = files("ts");

/** The service with one workflow of the document, and a stand-in for Slack. */
async function scene(t: TestContext, name: string) {
  const heard: string[] = [];
  const slack = createServer(async (request, answer) => {
    for await (const chunk of request) heard.push(String(chunk));
    answer.end("ok");
  }).listen(0, "127.0.0.1");
  await once(slack, "listening");
  t.after(() => void slack.close());
  const SLACK_URL = `http://127.0.0.1:${(slack.address() as AddressInfo).port}/hook`;
  const settings = {
    WORKFLOWS_DIR: workflowsFolder(t, { [name]: workflows[name] ?? "" }),
    SLACK_URL,
    SMOKE_TOKEN: TOKEN,
    RELEASE_TOKEN: TOKEN,
    PUBLIC_URL: "https://ci.example",
  };
  const example = await startExample(t, "label-pull-request", { settings });
  const shop = example.github.repository("acme/shop");
  const inputs = "{ version: {}, suite: {}, commit: {} }";
  for (const file of ["smoke-tests", "api", "web", "build"])
    shop.put(`.github/workflows/${file}.yml`, `on: { workflow_dispatch: { inputs: ${inputs} } }\n`);
  shop.put("a.txt", "a", "pr-7");
  return { ...example, shop, heard };
}

describe("docs/converting.md", () => {
  it("has a YAML file beside each of its workflows", () => {
    const originals = files("yaml");
    assert.deepEqual(
      Object.keys(originals).map((name) => name.replace(".yml", ".ts")),
      Object.keys(workflows),
    );
  });

  it("has workflows without type errors", { timeout: 240_000 }, async (t) => {
    const folder = mkdtempSync(join(ROOT, "test", ".converting-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, workflow] of Object.entries(workflows)) writeFileSync(join(folder, name), workflow);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] }));
    const tsc = spawn(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder]);
    let output = "";
    tsc.stdout.on("data", (said) => {
      output += said;
    });
    const [code] = await once(tsc, "close");
    assert.equal(code, 0, output);
  });

  it("shows nothing in its table that is not in these workflows", () => {
    const table = /\n(\| Actions [\s\S]*?)\n\n/.exec(text)?.[1] ?? "";
    const rows = table
      .split("\n")
      .slice(2)
      .flatMap((row) => [...(row.split("|").at(-2) ?? "").matchAll(/`(.+?)`/g)]);
    assert.ok(rows.length > 15);
    const squeezed = (code: string) => code.replaceAll(/\s/g, "").replaceAll(/,(?=[}\])])/g, "");
    const all = squeezed(Object.values(workflows).join("\n"));
    const shown = (code: string) =>
      new RegExp(
        code
          .split("…")
          .map((part) => RegExp.escape(squeezed(part)))
          .join(".*?"),
      );
    const absent = rows.map(([, code = ""]) => code).filter((code) => !shown(code).test(all));
    for (const [, code = ""] of rows) {
      const count = (brackets: RegExp) => code.match(brackets)?.length ?? 0;
      assert.equal(count(/[({[]/g), count(/[)}\]]/g), `${code} breaks off`);
    }
    // Terms of the reference, which other tests check.
    const identities = ['permissions: { issues: "write" }', 'githubApp: "BOT"', 'github.as("bot")'];
    assert.deepEqual(absent, [
      ...["try", "catch", "finally", "waitUntil"],
      ...identities,
      ...["retry: false", "runId", "attempt"],
    ]);
  });

  it("has a smoke workflow that does what its original did", async (t) => {
    const { argocd, heard, github } = await scene(t, "smoke.ts");
    const { json } = await argocd("/smoke", { application: "pr-7" });
    assert.match(json.tests, /^https:\/\/github\.com\/acme\/shop\/actions\/runs\/\d+$/);
    const started = github.requests.find(({ route }) => route.endsWith("/{workflow_id}/dispatches"));
    assert.deepEqual(JSON.parse(started?.body ?? "").inputs, { commit: json.commit, suite: "quick" });
    assert.deepEqual(heard, ['{"text":"Testing pr-7"}']);
    assert.equal((await argocd("/smoke", { application: "production" })).json.status, "skipped");
    assert.equal((await argocd("/smoke", { application: "pr-7", suite: "half" })).status, 400);
  });

  it("has a smoke workflow that can be started by hand", async (t) => {
    const { url, lastRun, github } = await scene(t, "smoke.ts");
    const headers = { authorization: "Bearer argocd-token", "content-type": "application/json" };
    const body = JSON.stringify({ inputs: { application: "pr-7", suite: "full" } });
    const started = await send(url, { method: "POST", path: "/api/workflows/smoke/runs", headers, body });
    assert.equal(started.status, 202, started.text);
    assert.equal((await lastRun()).trigger, "manual");
    const smoke = github.requests.find(({ route }) => route.endsWith("/{workflow_id}/dispatches"));
    assert.equal(JSON.parse(smoke?.body ?? "").inputs.suite, "full");
  });

  it("has a title check for changes of the pull request and for comments", async (t) => {
    const { webhook, lastRun, github } = await scene(t, "title.ts");
    const edited = payloadOf("pull_request", ({ action }) => action === "opened");
    const hello = github.repository("Codertocat/Hello-World");
    const pull = hello.openPull({ number: edited.number, title: "Update the README" });
    hello.addCommit(pull.head.sha);
    await webhook("pull_request", edited);
    assert.deepEqual((await lastRun()).outputs, { state: "failure" });
    pull.title = "docs: update the README";
    const comment = payloadOf("issue_comment", ({ action }) => action === "created");
    const commentOn = (body: string) => ({
      ...comment,
      issue: { ...comment.issue, number: edited.number, pull_request: { url: "https://api.github.com" } },
      comment: { ...comment.comment, body },
    });
    assert.equal((await webhook("issue_comment", commentOn("Thanks"))).json.status, "ignored");
    await webhook("issue_comment", commentOn("/recheck, please"));
    assert.deepEqual((await lastRun()).outputs, { state: "success" });
    assert.deepEqual(
      hello.statuses.map(({ context, state }) => [context, state]),
      [
        ["title", "failure"],
        ["title", "success"],
      ],
    );
  });

  it("has a release that waits for its build and for a person, and then publishes", async (t) => {
    const { url, webhook, runs, lastRun, clock, github, shop } = await scene(t, "release.ts");
    const status = async () => (await runs()).at(-1)?.status;
    const headers = { authorization: "Bearer argocd-token", "content-type": "application/json" };
    const started = await send(url, {
      method: "POST",
      path: "/api/workflows/release/runs",
      headers,
      body: JSON.stringify({ inputs: { version: "v1.2.3" } }),
    });
    assert.equal(started.status, 202, started.text);
    await until("it waits for the build", async () => (await status()) === "waiting");
    const [build] = shop.runs.values();
    assert.deepEqual([build?.path, build?.inputs], [".github/workflows/build.yml", { version: "v1.2.3" }]);

    Object.assign(build!, { status: "completed", conclusion: "success" });
    await webhook("workflow_run", { workflow_run: { id: build!.id }, repository: { full_name: "acme/shop" } });
    await until("a person is asked", () => github.dispatches.length === 1);
    const { pathname } = new URL(String(github.dispatches[0]?.payload.url));
    await until("it waits for the answer", async () => (await status()) === "waiting");
    const answer = { method: "POST", path: pathname, headers: { "content-type": "application/json" } };
    assert.equal((await send(url, { ...answer, body: '{"approved":"perhaps"}' })).status, 400);
    const approved = await send(url, { ...answer, body: '{"approved":true,"by":"mona"}' });
    assert.ok(approved.status < 300, approved.text);
    await until("it sleeps", async () => /mirrors/.test((await runs()).at(-1)?.reason));
    assert.equal(github.dispatches.length, 1);
    clock.move(30_000);
    await until("it has published", async () => (await status()) === "success");
    assert.deepEqual((await lastRun()).outputs, { version: "v1.2.3", by: "mona" });
    assert.deepEqual(
      github.dispatches.map(({ eventType }) => eventType),
      ["approve", "publish"],
    );
  });

  it("has releases that come one after the other, and are withdrawn when they are cancelled", async (t) => {
    const { url, runs, github } = await scene(t, "release.ts");
    const headers = { authorization: "Bearer argocd-token", "content-type": "application/json" };
    const post = (path: string, body = "") => send(url, { method: "POST", path, headers, body });
    for (const version of ["v1", "v2"]) {
      await post("/api/workflows/release/runs", JSON.stringify({ inputs: { version } }));
    }
    const statuses = async () => (await runs()).map(({ status }: { status: string }) => status);
    await until("the first one waits", async () => (await statuses())[0] === "waiting");
    assert.deepEqual(await statuses(), ["waiting", "queued"]);
    const [first] = await runs();
    assert.equal((await post(`/api/runs/${first.id}/cancel`)).json.status, "cancelled");
    await until("the second one waits", async () => (await statuses())[1] === "waiting");
    assert.deepEqual(
      github.dispatches.map(({ eventType, payload }) => [eventType, payload.version]),
      [["withdraw", "v1"]],
    );
  });

  it("has a welcome for those who come for the first time", async (t) => {
    const { webhook, lastRun, github } = await scene(t, "welcome.ts");
    const opened = payloadOf("pull_request", ({ action }) => action === "opened");
    const hello = github.repository("Codertocat/Hello-World");
    hello.openPull({ number: opened.number, files: ["docs/a.md", "src/a.ts"] });
    hello.openPull({ number: opened.number + 1, files: ["src/a.ts"] });
    const by = (association: string, ref = "main", number = opened.number) => {
      const base = { ...opened.pull_request.base, ref };
      const pull = { ...opened.pull_request, number, author_association: association, base };
      return { ...opened, number, pull_request: pull };
    };
    await webhook("pull_request", by("OWNER"));
    assert.equal((await lastRun()).status, "skipped");
    assert.equal((await webhook("pull_request", by("FIRST_TIME_CONTRIBUTOR", "next"))).json.status, "ignored");
    await webhook("pull_request", by("FIRST_TIME_CONTRIBUTOR", "main", opened.number + 1));
    assert.match((await lastRun()).reason, /^none of the changed files \(1\) matches the paths docs/);
    await webhook("pull_request", by("FIRST_TIME_CONTRIBUTOR"));
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual(
      hello.comments.map(({ body }) => body),
      ["Welcome!"],
    );
  });

  it("has a nightly that starts both, then reports", async (t) => {
    const { clock, lastRun, runs, github } = await scene(t, "nightly.ts");
    await until("the schedule is set", () => clock.next() !== undefined);
    clock.move(24 * 3_600_000);
    await until("the night's run is there", async () => (await runs()).length > 0);
    assert.match((await lastRun()).outputs.web, /actions\/runs/);
    assert.deepEqual(
      github.dispatches.map(({ eventType, payload }) => [eventType, payload.scheduledAt]),
      [["nightly", "2026-11-25T02:00:00.000Z"]],
    );
  });
});
