import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type { WebhookEvent, WebhookName } from "gh-runner";
import { type StandInGitHub, testRun } from "gh-runner/testing";
import caches from "./caches.ts";
import dependabot from "./dependabot.ts";
import ecosystem from "./ecosystem.ts";
import labelPaths from "./label-paths.ts";
import labeled from "./labeled.ts";
import lock from "./lock.ts";
import milestone from "./milestone.ts";
import packageLabel from "./package-label.ts";
import project from "./project.ts";
import pullRequestRules from "./pull-request-rules.ts";
import stale from "./stale.ts";
import tag from "./tag.ts";
import title from "./title.ts";
import website from "./website.ts";

/** An event of acme/shop, with the part of its payload that a workflow reads. */
function event<Name extends WebhookName>(name: Name, payload: object): WebhookEvent<Name> {
  return { name, delivery: "1", payload: { repository: { full_name: "acme/shop" }, ...payload } } as never;
}

const pull = (facts: object) => ({ pull_request: { number: 7, labels: [], base: { ref: "main" }, ...facts } });
const sentTo = ({ sent }: { sent: readonly { method: string; path: string; body: unknown }[] }) =>
  sent.map(({ method, path, body }) => [`${method} ${path.replace("/repos/acme/shop/", "")}`, body]);

const requestsOf = (tested: Parameters<typeof sentTo>[0]) => sentTo(tested).map(([request]) => request);

const LONG_AGO = Date.UTC(2020, 0, 1);

describe("everyday workflows", () => {
  it("milestone: adds a merged pull request to the next release", async () => {
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

  it("labeled: removes obsolete labels, and asks for an example", async () => {
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
      const head = { ref: "faster", sha: "a".repeat(40) };
      const of = pull({ base: { ref: "master" }, head, ...facts, labels });
      const { run, github } = await testRun(
        pullRequestRules,
        { event: event("pull_request", { action: "edited", ...of }) },
        { prepare: (github) => void github.repository("acme/shop").openPull({ number: 7, head }) },
      );
      const [check] = github.repository("acme/shop").checks;
      assert.equal(check?.conclusion, status);
      assert.equal(run.status, status, run.reason ?? "");
      assert.ok((run.reason ?? "").includes(says), run.reason ?? "");
    });
  }

  it("tag: tags the head of develop, and rejects an invalid version", async () => {
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

  it("website: sends the address of the change", async () => {
    const push = (ref: string, file: string) => {
      const commits = [{ id: "a".repeat(40), distinct: true, added: [], removed: [], modified: [file] }];
      const [before, after] = ["c".repeat(40), "a".repeat(40)];
      return event("push", {
        ref,
        before,
        after,
        created: false,
        deleted: false,
        forced: false,
        commits,
        compare: "https://compare",
      });
    };
    const prepare = (github: StandInGitHub) => void github.repository("acme/website");
    const sent = await testRun(website, { event: push("refs/heads/3.x", "docs/a.md") }, { prepare });
    assert.deepEqual(sent.dispatches, [
      { repo: "acme/website", eventType: "docs-updated", payload: { url: "https://compare" } },
    ]);
  });

  it("project: adds a pull request, and sets the field of the one plugin that it changes", async () => {
    const asked: unknown[] = [];
    const nodes = [
      { id: "F1", name: "Plugin" },
      { id: "F2", name: "Theme" },
    ];
    const { run } = await testRun(
      project,
      { event: event("pull_request", { action: "opened", ...pull({ node_id: "PR_7" }) }) },
      {
        prepare: (github) =>
          void github.repository("acme/shop").openPull({
            number: 7,
            files: ["plugins/git/a.zsh", "plugins/git/b.zsh", "themes/x.theme", "themes/y.theme"],
          }),
        answers: {
          "POST /graphql": ({ body: { query, variables } }) => {
            asked.push(variables);
            if (query.startsWith("query"))
              return { data: { organization: { projectV2: { id: "P1", fields: { nodes } } } } };
            return { data: query.includes("add:") ? { add: { item: { id: "I1" } } } : { set: null } };
          },
        },
      },
    );
    assert.equal(run.status, "success", run.reason ?? "");
    assert.deepEqual(asked, [
      { org: "acme", number: 1 },
      { project: "P1", content: "PR_7" },
      { project: "P1", item: "I1", field: "F1", text: "git" },
    ]);
  });

  describe("ecosystem", () => {
    const head = { ref: "faster", sha: "d".repeat(40) };
    const commanded = event("issue_comment", {
      action: "created",
      issue: { number: 7, pull_request: {} },
      comment: { id: 5, body: "/ecosystem-ci run vue", created_at: "2026-02-02T00:00:00Z" },
      sender: { login: "octocat" },
    });
    /** @param pushedAt when the pull request last changed. */
    async function scene(t: TestContext, { triage = true, pushedAt = "2026-02-01T00:00:00Z", found = 200 } = {}) {
      const packages = createServer((_request, response) => void response.writeHead(found).end()).listen(
        0,
        "127.0.0.1",
      );
      await once(packages, "listening");
      t.after(() => packages.close());
      const { port } = packages.address() as AddressInfo;
      return testRun(
        ecosystem,
        { event: commanded },
        {
          env: { PACKAGES_URL: `http://127.0.0.1:${port}/acme` },
          prepare(github) {
            github.repository("acme/shop").openPull({ number: 7, head });
            github.repository("acme/ecosystem-ci");
          },
          answers: {
            "GET /repos/{owner}/{repo}/collaborators/{username}/permission": {
              body: { user: { permissions: { triage } } },
            },
            "GET /repos/{owner}/{repo}/commits/{ref}": {
              body: { sha: head.sha, commit: { committer: { date: pushedAt } } },
            },
            "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": ({ body }) => ({
              body: { id: 9, content: body.content },
            }),
            "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": ({ count }) => ({
              body: { workflow_runs: count < 3 ? [] : [{ status: "completed", conclusion: "success" }] },
            }),
            "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}": { status: 204 },
            "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": { status: 204 },
          },
        },
      );
    }
    const REACT = "POST issues/comments/5/reactions";
    const START = "POST /repos/acme/ecosystem-ci/actions/workflows/from-pull-request.yml/dispatches";

    it("starts the suite for the head of the pull request", async (t) => {
      const tested = await scene(t);
      assert.equal(tested.run.status, "success", tested.run.reason ?? "");
      assert.deepEqual(requestsOf(tested), [REACT, START]);
      assert.deepEqual((tested.sent[1]?.body as { inputs?: object } | undefined)?.inputs, {
        prNumber: "7",
        branchName: "faster",
        repo: "acme/shop",
        commit: head.sha,
        suite: "vue",
      });
    });

    it("releases a preview first if there is none", async (t) => {
      await using tested = await scene(t, { found: 404 });
      assert.equal(tested.run.status, "waiting");
      await tested.advance("1m");
      assert.equal(tested.run.status, "success", tested.run.reason ?? "");
      const released = ["POST issues/7/labels", "DELETE issues/comments/5/reactions/9"];
      assert.deepEqual(requestsOf(tested), [REACT, REACT, ...released, START]);
    });

    it("does nothing for an unauthorized person, or if the pull request has changed since", async (t) => {
      const stranger = await scene(t, { triage: false });
      assert.deepEqual([stranger.run.reason, requestsOf(stranger)], ["octocat may not start it", [REACT]]);
      const changed = await scene(t, { pushedAt: "2026-02-03T00:00:00Z" });
      assert.deepEqual([changed.run.status, requestsOf(changed)], ["failure", [REACT, "POST issues/7/comments"]]);
    });
  });

  it("stale: marks an inactive pull request, and ignores issues", async () => {
    await using tested = await testRun(
      stale,
      { inputs: { dryRun: false } },
      {
        prepare(github) {
          const shop = github.repository("acme/shop");
          shop.openIssue({ number: 2, updatedAt: LONG_AGO });
          shop.openPull({ number: 3, updatedAt: LONG_AGO });
        },
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    assert.deepEqual(requestsOf(tested), ["POST issues/3/comments", "PATCH issues/3"]);
    assert.deepEqual(tested.github.repository("acme/shop").issue(3)?.labels, ["kind/stale"]);
  });

  it("lock: locks an issue that was closed long ago", async () => {
    const closed = { number: 3, state: "closed", updatedAt: LONG_AGO, closedAt: LONG_AGO } as const;
    await using tested = await testRun(
      lock,
      { inputs: { dryRun: false } },
      {
        prepare: (github) => void github.repository("acme/shop").openIssue(closed),
        answers: {
          "GET /search/issues": ({ query: { q } }) => ({
            body: { items: q?.includes("is:issue") ? [{ number: 3, updated_at: "2020-01-01T00:00:00Z" }] : [] },
          }),
          "POST /graphql": { data: { search: { nodes: [], pageInfo: { hasNextPage: false } } } },
        },
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    assert.deepEqual(requestsOf(tested), ["POST issues/3/comments", "PUT issues/3/lock"]);
  });

  it("label-paths: labels by the repository's labeler.yml, and removes what no longer matches", async () => {
    const tested = await testRun(
      labelPaths,
      { event: event("pull_request", { action: "synchronize", ...pull({ labels: [{ name: "core" }] }) }) },
      {
        prepare(github) {
          const shop = github.repository("acme/shop");
          const rule = (label: string, glob: string) =>
            `${label}:\n- changed-files:\n  - any-glob-to-any-file: ${glob}\n`;
          shop.put(".github/labeler.yml", rule("docs", "docs/**") + rule("core", "lib/**"));
          shop.openPull({ number: 7, files: ["docs/a.md"], labels: ["core"] });
        },
      },
    );
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    assert.deepEqual(tested.github.repository("acme/shop").pulls.get(7)?.labels, ["docs"]);
  });

  for (const [text, conclusion] of [
    ["feat(vite): support a thing", "success"],
    ["feat(vue): support a thing", "failure"],
    ["fix(docs): The thing", "failure"],
  ] as const) {
    it(`title: "${text}" is a ${conclusion}`, async () => {
      const head = { ref: "faster", sha: "a".repeat(40) };
      const { github } = await testRun(
        title,
        { event: event("pull_request", { action: "edited", ...pull({ title: text, head }) }) },
        { prepare: (github) => void github.repository("acme/shop").openPull({ number: 7, title: text, head }) },
      );
      assert.equal(github.repository("acme/shop").statuses.at(-1)?.state, conclusion);
    });
  }

  it("dependabot: approves a minor update and turns on auto-merge, and ignores a major one", async () => {
    const sha = "a".repeat(40);
    const of = pull({ user: { login: "dependabot[bot]" }, head: { ref: "dependabot/npm_and_yarn/zod-4.1.0", sha } });
    const update = (type: string) =>
      testRun(
        dependabot,
        { event: event("pull_request", { action: "opened", ...of }) },
        {
          answers: {
            "GET /repos/{owner}/{repo}/pulls/{pull_number}": {
              body: {
                ...of.pull_request,
                node_id: "PR_7",
                state: "open",
                merged: false,
                draft: false,
                auto_merge: null,
              },
            },
            "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits": {
              body: [
                {
                  ...{ sha, author: { login: "dependabot[bot]" }, committer: { login: "web-flow" }, parents: [{}] },
                  commit: {
                    message: `Bump zod\n\n---\nupdated-dependencies:\n- dependency-name: zod\n  update-type: version-update:semver-${type}\n...\n`,
                    verification: { verified: true },
                  },
                },
              ],
            },
            "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": { body: [] },
            "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews": { status: 200, body: {} },
            "POST /graphql": { data: { enablePullRequestAutoMerge: {} } },
          },
        },
      );
    const minor = await update("minor");
    assert.equal(minor.run.status, "success", minor.run.reason ?? "");
    assert.deepEqual(requestsOf(minor), ["POST pulls/7/reviews", "POST /graphql"]);
    const major = await update("major");
    assert.deepEqual([major.run.status, major.sent], ["skipped", []]);
  });
});
