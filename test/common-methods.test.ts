import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { EDITIONS, judgeOf } from "../sandbox/openapi.ts";
import { ROUTE_NAMES } from "../sandbox/routes/routes.ts";
import type { AnyRequest, FollowCall } from "../src/model/rest.ts";
import { COMMON_METHODS } from "./support/common-methods.ts";
import { clientOf } from "./support/scripted-github.ts";

/** A repository as small workflows find it. */
async function scene(t: TestContext, enterprise: string | undefined): Promise<StandInGitHub> {
  const edition = enterprise === undefined ? {} : { enterprise, basePath: "/api/v3" };
  const github = await startGitHub({ now: () => Date.UTC(2026, 10, 29), ...edition });
  t.after(github.close);
  github.token("token", { login: "bot" });
  const shop = github.repository("acme/shop");
  shop.put(".github/labeler.yml", "docs: docs/**\n");
  shop.put(".github/workflows/tests.yml", "name: Tests\non: workflow_dispatch\n");
  shop.put("a.txt", "a", "backport");
  shop.addCommit("c".repeat(40));
  shop.label("stale");
  shop.milestones.set(1, { number: 1, title: "1.0", description: null, state: "open", dueOn: null });
  shop.openIssue({ number: 7, labels: ["stale"], author: "kim", milestone: 1 });
  shop.openPull({ number: 8, author: "kim", files: ["docs/a.md"], commits: ["d".repeat(40)] });
  shop.comments.push({ id: 1, issue: 7, author: "kim", body: "/retest" });
  const release = {
    target: "main",
    name: null,
    body: null,
    draft: false,
    prerelease: false,
    author: "kim",
    createdAt: 0,
  };
  shop.releases.push({ id: 1, tag: "v1", ...release });
  shop.collaborators.set("kim", "admin");
  shop.addRun({ id: 5, status: "in_progress", path: ".github/workflows/tests.yml" });
  shop.addRun({ id: 6, status: "completed", conclusion: "failure" });
  const acme = github.organization("acme");
  acme.members.push("kim");
  acme.publicMembers.push("kim");
  acme.teams.set("owners", ["kim"]);
  return github;
}

describe("the methods that small workflows use most", () => {
  for (const edition of EDITIONS) {
    it(`send and get what ${edition} has in GitHub's description, all of them one after the other`, async (t) => {
      const enterprise = edition === "api.github.com" ? undefined : `${edition.slice("ghes-".length)}.0`;
      const github = await scene(t, enterprise);
      const client = clientOf(t, github.url);
      const call: FollowCall = (_what, work) => work();
      const { rest } = client.octokitNames(client.github.request as AnyRequest, call);
      const { validateRequest, validateExchange } = judgeOf(edition);
      for (const { method, parameters } of COMMON_METHODS) {
        const [scope = "", name = ""] = method.split(".");
        const methods = rest[scope as "issues"] as unknown as Record<string, (given: object) => Promise<Answer>>;
        const isOfRepository = !/^(?:search|orgs|teams|users)\./.test(method);
        const answer = await methods[name]!({ ...(isOfRepository && { owner: "acme", repo: "shop" }), ...parameters });
        const { route, query, body } = github.requests.at(-1)!;
        const requestBody = body === "" ? undefined : JSON.parse(body);
        assert.ok(ROUTE_NAMES.includes(route), `${method} asked ${route}`);
        assert.deepEqual(validateRequest({ route, query, requestBody }), [], method);
        const { status, data, headers } = answer;
        const contentType = headers["content-type"];
        // An empty answer has no data.
        const responseBody = status === 204 ? undefined : data;
        assert.deepEqual(validateExchange({ route, status, contentType, requestBody, responseBody }), [], method);
      }
    });
  }

  it("are 45 and more, the most used first", () => {
    assert.ok(COMMON_METHODS.length >= 45);
    const counts = COMMON_METHODS.map(({ files }) => files);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => b - a),
    );
    assert.equal(new Set(COMMON_METHODS.map(({ method }) => method)).size, COMMON_METHODS.length);
  });

  it("work together: one reads what another writes", async (t) => {
    const github = await scene(t, undefined);
    const client = clientOf(t, github.url);
    const { rest } = client.octokitNames(client.github.request as AnyRequest, (_what, work) => work());
    const repo = { owner: "acme", repo: "shop" };
    const issue = { ...repo, issue_number: 7 };
    await rest.issues.addLabels({ ...issue, labels: ["bug", "size/S"] });
    await rest.issues.removeLabel({ ...issue, name: "stale" });
    await rest.issues.lock({ ...issue, lock_reason: "resolved" });
    await rest.issues.update({ ...issue, state: "closed", assignees: ["kim"] });
    const { data: shown } = await rest.issues.get(issue);
    const names = shown.labels.map((label) => (typeof label === "string" ? label : label.name));
    assert.deepEqual(
      [names, shown.state, shown.locked, shown.closed_by?.login],
      [["bug", "size/S"], "closed", true, "bot"],
    );
    const { data: events } = await rest.issues.listEvents(issue);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["labeled", "labeled", "unlabeled", "locked", "closed"],
    );
    const count = async (q: string) => (await rest.search.issuesAndPullRequests({ q })).data.total_count;
    assert.deepEqual(
      [
        await count("repo:acme/shop is:issue is:closed is:locked label:bug assignee:kim"),
        await count("repo:acme/shop is:issue -is:locked"),
        await count("repo:acme/shop updated:<2026-11-28"),
        await count("repo:acme/none is:issue"),
      ],
      [1, 0, 1, 0],
    );
    const labels = await rest.issues.listLabelsForRepo(repo);
    assert.deepEqual(
      labels.data.map(({ name }) => name),
      ["stale", "bug", "size/S"],
    );
    await rest.pulls.requestReviewers({ ...repo, pull_number: 8, reviewers: ["bot"] });
    await rest.pulls.createReview({ ...repo, pull_number: 8, event: "APPROVE" });
    const { data: reviews } = await rest.pulls.listReviews({ ...repo, pull_number: 8 });
    const { data: pull } = await rest.pulls.get({ ...repo, pull_number: 8 });
    assert.deepEqual([reviews[0]?.state, pull.requested_reviewers], ["APPROVED", []]);
    await rest.repos.createRelease({ ...repo, tag_name: "v2", target_commitish: "main" });
    assert.equal((await rest.repos.getLatestRelease(repo)).data.tag_name, "v2");
    const { data: commit } = await rest.repos.getCommit({ ...repo, ref: "v2" });
    assert.equal(commit.sha, github.repository("acme/shop").commitOf("main"));
  });
});

type Answer = {
  readonly status: number;
  readonly data: unknown;
  readonly headers: { readonly "content-type"?: string };
};
