import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WebhookEvent, WebhookName } from "gh-runner";
import { type StandInGitHub, testRun } from "gh-runner/testing";
import caches from "./caches.ts";
import labeled from "./labeled.ts";
import milestone from "./milestone.ts";
import packageLabel from "./package-label.ts";
import pullRequestRules from "./pull-request-rules.ts";
import tag from "./tag.ts";

/** An event of acme/shop, with as much of its payload as a workflow looks at. */
function event<Name extends WebhookName>(name: Name, payload: object): WebhookEvent<Name> {
  return { name, delivery: "1", payload: { repository: { full_name: "acme/shop" }, ...payload } } as never;
}

const pull = (facts: object) => ({ pull_request: { number: 7, labels: [], base: { ref: "main" }, ...facts } });
const sentTo = ({ sent }: { sent: readonly { method: string; path: string; body: unknown }[] }) =>
  sent.map(({ method, path, body }) => [`${method} ${path.replace("/repos/acme/shop/", "")}`, body]);

describe("everyday workflows", () => {
  it("milestone: puts what is merged into the next release", async () => {
    const tested = await testRun(
      milestone,
      { event: event("pull_request", { action: "closed", ...pull({ merged: true }) }) },
      {
        prepare(github) {
          const shop = github.repository("acme/shop");
          shop.openPull({ number: 7 });
          for (const [number, title] of [
            [1, "later"],
            [2, "next release"],
          ] as const) {
            shop.milestones.set(number, { number, title, description: null, state: "open", dueOn: null });
          }
        },
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    assert.deepEqual(sentTo(tested), [["PATCH issues/7", { milestone: 2 }]]);
  });

  it("caches: deletes those of a closed pull request, on every page", async () => {
    const tested = await testRun(
      caches,
      { event: event("pull_request", { action: "closed", ...pull({}) }) },
      {
        answers: {
          "GET /repos/{owner}/{repo}/actions/caches": {
            body: {
              total_count: 2,
              actions_caches: [
                { id: 1, key: "npm" },
                { id: 2, key: "go" },
              ],
            },
          },
          "DELETE /repos/{owner}/{repo}/actions/caches/{cache_id}": { status: 204 },
        },
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    assert.deepEqual(
      sentTo(tested).map(([request]) => request),
      ["DELETE actions/caches/1", "DELETE actions/caches/2"],
    );
    assert.deepEqual(
      tested.log.map(({ message }) => message),
      ["deleted npm", "deleted go"],
    );
  });

  it("package-label: reads the issue's form", async () => {
    const opened = (body: string) => event("issues", { action: "opened", issue: { number: 3, body } });
    const prepare = (github: StandInGitHub) => void github.repository("acme/shop").openIssue({ number: 3 });
    const form = "### Which package are you using?\n\n@acme/vue\n\n### Version\n\n1";
    const tested = await testRun(packageLabel, { event: opened(form) }, { prepare });
    assert.deepEqual(sentTo(tested), [["POST issues/3/labels", { labels: ["Package: Vue"] }]]);
    const other = await testRun(packageLabel, { event: opened("It does not work.") }, { prepare });
    assert.deepEqual([other.run.status, other.sent], ["skipped", []]);
  });

  it("labeled: takes what is obsolete away, and asks for an example", async () => {
    const labels = [{ name: "pending triage" }, { name: "needs reproduction" }];
    const issue = { number: 3, labels, user: { login: "octocat" } };
    const tested = await testRun(
      labeled,
      { event: event("issues", { action: "labeled", issue, label: { name: "needs reproduction" } }) },
      {
        prepare: (github) =>
          void github.repository("acme/shop").openIssue({ number: 3, labels: labels.map(({ name }) => name) }),
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    const [removed, asked] = sentTo(tested);
    assert.deepEqual(removed, ["DELETE issues/3/labels/pending%20triage", undefined]);
    assert.equal(asked?.[0], "POST issues/3/comments");
    assert.match(JSON.stringify(asked?.[1]), /Hello @octocat/);
  });

  const CHANGELOG = "```markdown changelog\nContainers start faster\n```";
  for (const [facts, status, says] of [
    [{ title: "Faster", body: "" }, "success", ""],
    [{ title: "[27.1 backport] Faster", body: "", base: { ref: "27.x" } }, "success", ""],
    [{ title: "Faster", body: "", base: { ref: "27.x" } }, "failure", "does not name the branch 27.x"],
    [{ title: "Faster", body: CHANGELOG }, "failure", "no impact/ label"],
    [
      { title: "Faster", body: "", labels: ["impact/cli", "area/cli", "kind/perf"] },
      "failure",
      "changelog section is empty",
    ],
    [{ title: "Faster", body: CHANGELOG, labels: ["impact/cli", "kind/perf"] }, "failure", "needs an area/ label"],
    [{ title: "Faster", body: CHANGELOG, labels: ["impact/cli", "area/cli", "kind/perf"] }, "success", ""],
  ] as const) {
    it(`pull-request-rules: ${JSON.stringify(facts)} is a ${status} ${says}`, async () => {
      const labels = ("labels" in facts ? facts.labels : []).map((name) => ({ name }));
      const of = pull({ base: { ref: "master" }, head: { sha: "a".repeat(40) }, ...facts, labels });
      const { run } = await testRun(pullRequestRules, { event: event("pull_request", { action: "edited", ...of }) });
      assert.equal(run.status, status, run.reason ?? "");
      assert.ok((run.reason ?? "").includes(says), run.reason ?? "");
    });
  }

  it("tag: tags the head of develop, and rejects what is no version", async () => {
    const sha = "b".repeat(40);
    const refs = {
      "GET /repos/{owner}/{repo}/git/ref/{ref}": {
        body: { ref: "refs/heads/develop", object: { sha, type: "commit" } },
      },
      "POST /repos/{owner}/{repo}/git/refs": { status: 201, body: {} },
    };
    const tested = await testRun(tag, { inputs: { version: "v1.2.3" } }, { answers: refs });
    assert.deepEqual(sentTo(tested), [["POST git/refs", { ref: "refs/tags/pkg/v1.2.3", sha }]]);
    await assert.rejects(testRun(tag, { inputs: { version: "1.2" } }), /must be a version/);
  });
});
