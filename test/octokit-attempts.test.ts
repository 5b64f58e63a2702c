import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, type GitHub } from "gh-runner";
import { type TestOptions, testRun } from "gh-runner/testing";
import type { UnsentWrite } from "../src/model/network.ts";
import { openedGitHub } from "./support/opened-github.ts";
import { scriptedGitHub } from "./support/scripted-github.ts";

const repo = { owner: "acme", repo: "shop" };
const LABELS = "GET /repos/{owner}/{repo}/labels";
const labels = Array.from({ length: 250 }, (_, at) => ({ name: `label-${at}` }));

/** A run that does this work. */
function run(work: (given: { github: GitHub; step: never }) => Promise<unknown>, options: TestOptions = {}) {
  const workflow = defineWorkflow({ name: "names", on: { manual: true }, run: work as never });
  return testRun(workflow, { inputs: {} }, options);
}

describe("Octokit's names in an attempt", () => {
  it("are requests of the run like others", async () => {
    const { run: ended, sent } = await run(
      async ({ github: { rest, paginate } }) => {
        await rest.issues.addLabels({ ...repo, issue_number: 7, labels: ["bug"] });
        return (await paginate(rest.issues.listLabelsForRepo, { ...repo })).length;
      },
      {
        prepare: (github) => github.repository("acme/shop").openIssue({ number: 7 }),
        answers: { [LABELS]: { pages: [labels] } },
      },
    );
    assert.equal(ended.outputs, 250);
    assert.deepEqual(sent, [{ method: "POST", path: "/repos/acme/shop/issues/7/labels", body: { labels: ["bug"] } }]);
  });

  it("are awaited at the end if the workflow did not, also the first one, which loads their table", async () => {
    const {
      run: ended,
      sent,
      log,
    } = await run(
      async ({ github }) => void github.rest.issues.addLabels({ ...repo, issue_number: 7, labels: ["bug"] }),
      { prepare: (github) => github.repository("acme/shop").openIssue({ number: 7 }) },
    );
    assert.equal(ended.status, "success");
    assert.equal(sent.length, 1);
    assert.match(JSON.stringify(log), /github\.rest\.issues\.addLabels/);
  });

  it("fail the run when they were not awaited", async () => {
    const { run: ended } = await run(async ({ github }) => void github.rest.issues.get({ ...repo, issue_number: 7 }));
    assert.equal(ended.status, "failure");
    assert.match(ended.reason ?? "", /issues\/7 failed: GitHub answered 404/);
    const { run: misspelt } = await run(
      async ({ github }) => void (github.rest.issues as never as { gett(): void }).gett(),
    );
    assert.match(misspelt.reason ?? "", /Did you mean github\.rest\.issues\.get\?/);
  });

  it("read no further page after the attempt", async () => {
    let pages: Promise<unknown> = Promise.resolve();
    let requests = 0;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const workflow = defineWorkflow({
      name: "late",
      on: { manual: true },
      timeout: "1s",
      retry: false,
      async run({ github }) {
        const read = async () => {
          for await (const _ of github.paginate.iterator(LABELS, { ...repo, per_page: 1 })) await over;
        };
        pages = read();
        await pages;
      },
    });
    const answers = { [LABELS]: () => ({ pages: [labels], headers: { "x-count": String(++requests) } }) };
    const { run: ended } = await testRun(workflow, { inputs: {} }, { answers });
    assert.equal(ended.status, "failure");
    end();
    await assert.rejects(pages, /the attempt is over/);
    assert.equal(requests, 1);
  });

  it("are remembered as a step, so that a later attempt does not read a list again", async () => {
    let requests = 0;
    const workflow = defineWorkflow({
      name: "remembers",
      on: { manual: true },
      async run({ github, step, attempt }) {
        const names = await step("labels", () =>
          github.paginate(LABELS, { ...repo }, ({ data }) => data.map(({ name }) => name)),
        );
        if (attempt === 1) await github.rest.issues.get({ ...repo, issue_number: 1 });
        return names.length;
      },
    });
    const tested = await testRun(
      workflow,
      { inputs: {} },
      {
        answers: {
          [LABELS]: () => ({ pages: [labels], headers: { "x-count": String(++requests) } }),
          "GET /repos/{owner}/{repo}/issues/{issue_number}": { status: 503 },
        },
      },
    );
    assert.equal((await tested.advance("1m")).run.outputs, 250);
    assert.equal(requests, 3);
  });

  it("follow a repository that was renamed", async () => {
    const { run: ended, github } = await run(
      async ({ github: { paginate } }) =>
        (await paginate("GET /repos/{owner}/{repo}/issues", { ...repo, per_page: 2 })).length,
      {
        prepare(github) {
          const shop = github.repository("acme/shop");
          for (let at = 0; at < 5; at++) shop.openIssue();
          shop.rename("acme/store");
        },
      },
    );
    assert.equal(ended.outputs, 5);
    assert.ok(github.requests.length <= 6);
  });

  it("read in a dry run, and show what they would write", async (t) => {
    const { apiUrl, requests } = await scriptedGitHub(t, () => ({ json: [{ name: "bug" }] }));
    const opened = await openedGitHub(t, { GITHUB_API_URL: apiUrl, GITHUB_TOKEN: "token" });
    const shown: string[] = [];
    const attempt = opened.attempt({
      ...{ as: () => ({}), identity: undefined, token: "token", name: "test" },
      dryRun: ({ method, url }: UnsentWrite) => shown.push(`${method} ${new URL(url).pathname}`),
    } as never);
    const { rest, paginate } = attempt.octokitNames(attempt.github.request as never, (_, work) => work());
    assert.deepEqual(await paginate(rest.issues.listLabelsForRepo, { ...repo }), [{ name: "bug" }]);
    await rest.issues.addLabels({ ...repo, issue_number: 7, labels: ["bug"] });
    assert.deepEqual(
      requests.map(({ method }) => method),
      ["GET"],
    );
    assert.deepEqual(shown, ["POST /repos/acme/shop/issues/7/labels"]);
  });
});
