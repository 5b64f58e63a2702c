import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { movedClock, until } from "./support/clock.ts";
import { requestsRest, send, startService, TARGET, TOKEN } from "./support/service.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
const SECOND = 1000;
const LIST = "GET /repos/{owner}/{repo}/actions/runs";

const follower = defineWorkflow({
  name: "follower",
  on: { http: { path: "/follower", body: ANYTHING } },
  async run({ github, body }) {
    const { conclusion } = await github.follow({ repository: TARGET, runId: (body as { id: number }).id });
    return { conclusion };
  },
});

describe("a service that no webhook reaches", () => {
  it("ends a run soon after the Actions run that it follows, and sends no other requests", async (t) => {
    const clock = movedClock();
    const workflows = [{ workflow: follower as Workflow, file: "follower.ts" }];
    const service = await startService(t, { github: { now: clock.now }, options: { clock, workflows } });
    const { github, url, app, log } = service;
    const repository = github.repository(TARGET);
    repository.put(".github/workflows/tests.yml", "name: tests\non: workflow_dispatch\njobs: { test: {} }\n");
    const id = github.actions.start(repository, ".github/workflows/tests.yml");
    const listed = () => github.requests.filter(({ route }) => route === LIST).length;
    const pass = async (milliseconds: number) => {
      for (let left = milliseconds; left > 0; left -= 5 * SECOND) {
        clock.move(5 * SECOND);
        await requestsRest(service);
      }
    };
    const passUntil = (what: string, holds: () => boolean | Promise<boolean>) =>
      until(what, async () => {
        if (await holds()) return true;
        await pass(5 * SECOND);
        return false;
      });

    await pass(120 * SECOND);
    assert.deepEqual(github.requests, [], "no run waits");
    const headers = { "content-type": "application/json", prefer: "respond-async" };
    const answer = await send(url, { method: "POST", path: "/follower", body: JSON.stringify({ id }), headers });
    assert.equal(answer.status, 202);
    const run = async () => (await app.engine.store.get(answer.json.run))?.run;
    await until("it waits", async () => (await run())?.status === "waiting");
    const since = clock.now();
    await passUntil("it is looked for", () => listed() >= 5);
    const minutes = (clock.now() - since) / (60 * SECOND);
    assert.ok(listed() <= minutes + 3, `${listed()} lists in ${minutes} minutes`);

    github.actions.end(repository, id, "timed_out");
    const before = listed();
    await passUntil("it has ended", async () => (await run())?.status === "success");
    assert.deepEqual((await run())?.outputs, { conclusion: "timed_out" });
    assert.ok(clock.now() - since < 3_000_000, "the run itself has not checked");
    assert.ok(listed() > before);
    await pass(120 * SECOND);
    const after = listed();
    await pass(600 * SECOND);
    assert.equal(listed(), after);
    assert.deepEqual(
      log().filter(({ msg }) => /Actions/.test(String(msg))),
      [],
    );
  });

  it("requests no list without a service token: the run checks with its token, every five minutes", async (t) => {
    const clock = movedClock();
    const mine = { ...follower, githubToken: "SHOP_TOKEN" } as unknown as Workflow;
    const service = await startService(t, {
      settings: { GITHUB_TOKEN: "", SHOP_TOKEN: TOKEN },
      github: { now: clock.now },
      options: { clock, workflows: [{ workflow: mine, file: "follower.ts" }] },
    });
    const { github, url, app, log } = service;
    const repository = github.repository(TARGET);
    repository.put(".github/workflows/tests.yml", "name: tests\non: workflow_dispatch\njobs: { test: {} }\n");
    const id = github.actions.start(repository, ".github/workflows/tests.yml");
    const headers = { "content-type": "application/json", prefer: "respond-async" };
    const answer = await send(url, { method: "POST", path: "/follower", body: JSON.stringify({ id }), headers });
    const run = async () => (await app.engine.store.get(answer.json.run))?.run;
    await until("it waits", async () => (await run())?.status === "waiting");
    const passUntil = (what: string, holds: () => boolean | Promise<boolean>) =>
      until(what, async () => {
        if (await holds()) return true;
        clock.move(5 * SECOND);
        await requestsRest(service);
        return false;
      });
    const since = clock.now();
    await passUntil("it has looked for the second time", () => github.requests.length >= 2);
    github.actions.end(repository, id, "success");
    await passUntil("it has ended", async () => (await run())?.status === "success");
    assert.ok(clock.now() - since < 3_000_000, "the run itself has not checked");
    assert.ok(!github.requests.some(({ route }) => route === LIST));
    const told = log().filter(({ msg }) => /^the Actions runs of a repository cannot be listed/.test(String(msg)));
    assert.deepEqual(
      told.map(({ repository: name }) => name),
      [TARGET],
    );
  });
});
