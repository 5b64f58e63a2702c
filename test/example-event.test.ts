import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import { defineWorkflow } from "gh-runner";
import { exampleEvent, type StandInGitHub, testRun } from "gh-runner/testing";
import packed from "../sandbox/example-events.json" with { type: "json" };
import { describedWebhooks } from "../sandbox/webhook-descriptions.ts";
import { exampleEvents } from "../scripts/example-events.ts";

describe("exampleEvent", () => {
  it("gives an event of GitHub's, for the repository of the test kit", () => {
    const { name, delivery, payload } = exampleEvent("issues", "opened");
    assert.equal(name, "issues");
    assert.match(delivery, /^[0-9a-f-]{36}$/);
    assert.equal(payload.action, "opened");
    const { full_name, name: short, owner, url, html_url } = payload.repository;
    assert.deepEqual(
      [full_name, short, owner.login, url, html_url],
      ["acme/shop", "shop", "acme", "https://api.github.com/repos/acme/shop", "https://github.com/acme/shop"],
    );
    assert.equal(payload.issue.url, `https://api.github.com/repos/acme/shop/issues/${payload.issue.number}`);
    assert.ok(!JSON.stringify(payload).includes("Hello-World"), "nothing of the example's repository is left");
  });

  it("keeps fields that belong together consistent", () => {
    const { payload } = exampleEvent("pull_request", "opened", {
      number: 7,
      repository: "umbrella/lab",
      sender: "kim",
      pull_request: { title: "A change", labels: [], user: { login: "kim" } },
    });
    const { pull_request: pull, number, repository, sender } = payload;
    assert.deepEqual([number, pull.number, pull.title, pull.labels, pull.user?.login], [7, 7, "A change", [], "kim"]);
    assert.equal(pull.html_url, "https://github.com/umbrella/lab/pull/7");
    assert.equal(pull.comments_url, "https://api.github.com/repos/umbrella/lab/issues/7/comments");
    assert.deepEqual([pull.base.repo.full_name, pull.base.label], ["umbrella/lab", "umbrella:main"]);
    assert.deepEqual([repository.owner.login, repository.name], ["umbrella", "lab"]);
    assert.deepEqual([sender.login, sender.html_url], ["kim", "https://github.com/kim"]);
    const comment = exampleEvent("issue_comment", "created", { issue: { number: 12 }, comment: { body: "/retest" } });
    assert.equal(comment.payload.issue.html_url, "https://github.com/acme/shop/issues/12");
    assert.match(comment.payload.comment.html_url, /acme\/shop\/issues\/12#issuecomment-\d+$/);
  });

  it("completes users and labels from their names", () => {
    const { issue, label, sender } = exampleEvent("issues", "labeled", {
      label: { name: "good first issue" },
      issue: { labels: [{ name: "good first issue" }], assignees: [{ login: "kim" }], user: { login: "ada" } },
    }).payload;
    assert.equal(label?.url, "https://api.github.com/repos/acme/shop/labels/good%20first%20issue");
    assert.deepEqual(issue.labels?.[0], label);
    assert.deepEqual(
      [issue.assignees[0]?.html_url, issue.user?.html_url, issue.assignees[0]?.site_admin],
      ["https://github.com/kim", "https://github.com/ada", false],
    );
    assert.notEqual(sender.login, "kim");
    const { pull_request: pull } = exampleEvent("pull_request", "opened", { pull_request: { number: 9 } }).payload;
    assert.match(pull.html_url, /\/pull\/9$/);
  });

  it("does not change the examples", () => {
    exampleEvent("issues", "opened").payload.issue.title = "Changed";
    assert.notEqual(exampleEvent("issues", "opened").payload.issue.title, "Changed");
  });

  it("narrows the payload by the action", () => {
    const { label } = exampleEvent("issues", "labeled").payload;
    assert.ok(label?.name);
    assert.ok(exampleEvent("push", { ref: "refs/heads/release" }).payload.ref === "refs/heads/release");
    const { milestone, pull_request } = exampleEvent("pull_request", "milestoned").payload;
    assert.equal(pull_request.milestone?.title, milestone?.title);
    const dispatched = exampleEvent("repository_dispatch", "deployed", { client_payload: { n: 1 } });
    assert.deepEqual([dispatched.payload.action as string, dispatched.payload.client_payload], ["deployed", { n: 1 }]);
    assert.equal(exampleEvent("issues", "closed").payload.issue.state, "closed");
    const wrong = () => {
      // @ts-expect-error an issue that is opened brings no label
      exampleEvent("issues", "opened").payload.label;
      // @ts-expect-error a number is no title
      exampleEvent("issues", "opened", { issue: { title: 7 } });
      // @ts-expect-error an issue has no such field
      exampleEvent("issues", "opened", { issue: { tittle: "a" } });
    };
    assert.ok(wrong);
  });

  it("pushes a commit to an existing branch", () => {
    const { ref, before, after, created, deleted, commits, head_commit } = exampleEvent("push").payload;
    assert.deepEqual([ref, created, deleted, /^0+$/.test(before)], ["refs/heads/main", false, false, false]);
    assert.deepEqual([commits.map(({ id }) => id), head_commit?.id], [[after], after]);
    const docs = exampleEvent("push", { commits: [{ modified: ["docs/a.md"] }] }).payload.commits[0];
    assert.deepEqual([docs?.id, docs?.modified], [after, ["docs/a.md"]]);
  });

  it("lists what exists if there is no example", () => {
    assert.throws(
      () => exampleEvent("issues", "open" as never),
      /no example of issues, open. Its actions are assigned, closed, /,
    );
    assert.throws(
      () => exampleEvent("issue" as never, "opened" as never),
      /no example of issue, opened. Events are branch_/,
    );
    assert.throws(() => exampleEvent("push", "opened" as never), /It has no actions/);
    assert.throws(
      () => exampleEvent("pull_request_target" as never, "opened" as never),
      /not a webhook: use pull_request:/,
    );
  });

  it("has every event and action, each as in GitHub's description, and is up to date", { timeout: 900_000 }, () => {
    const made = exampleEvents();
    assert.deepEqual(JSON.parse(brotliDecompressSync(Buffer.from(packed.brotli, "base64")).toString()), made);
    const { all, validate } = describedWebhooks();
    const names = all.map(({ event, action }) => (action === undefined ? event : `${event}.${action}`));
    assert.deepEqual(new Set(Object.keys(made)), new Set(names));
    for (const { event, action } of all) {
      const { payload } = exampleEvent(event as never, ...([action ?? {}, { number: 7 }] as never[])) as never as {
        payload: { action?: string };
      };
      assert.deepEqual(validate(event, payload), [], `${event} ${action}`);
    }
    const kilobytes = readFileSync(new URL("../sandbox/example-events.json", import.meta.url)).byteLength / 1000;
    assert.ok(kilobytes < 45, `docs/testing.md says 40 kB, and it has ${kilobytes}`);
  });
});

describe("testRun with an event", () => {
  it("has the subject of the event in the stand-in", async () => {
    const greet = defineWorkflow({
      name: "greet",
      on: { github: { events: "pull_request", actions: ["opened"] } },
      async run({ github, repo, pull, sha, event }) {
        const { data } = await github.rest.pulls.get({ ...repo, pull_number: pull });
        await github.rest.issues.addLabels({ ...repo, issue_number: pull, labels: ["new"] });
        await github.status({ repository: "acme/shop", sha, context: "greeting", state: "success", description: "" });
        return { title: data.title, same: data.head.sha === event.payload.pull_request.head.sha };
      },
    });
    const event = exampleEvent("pull_request", "opened", {
      number: 7,
      pull_request: { title: "A change", labels: [] },
    });
    const { run, github } = await testRun(greet, { event });
    assert.deepEqual([run.status, run.outputs], ["success", { title: "A change", same: true }]);
    assert.deepEqual(github.repository("acme/shop").pulls.get(7)?.labels, ["new"]);
  });

  it("keeps what prepare has made", async () => {
    const titles = defineWorkflow({
      name: "titles",
      on: { github: { events: "issue_comment" } },
      async run({ github, repo, issue, event }) {
        const { data } = await github.rest.issues.get({ ...repo, issue_number: issue });
        const comment = await github.rest.issues.getComment({ ...repo, comment_id: event.payload.comment.id });
        return [data.title, comment.data.body ?? ""];
      },
    });
    const event = exampleEvent("issue_comment", "created", { number: 7, comment: { body: "/retest" } });
    const open = (github: StandInGitHub) => void github.repository("acme/shop").openIssue({ number: 7, title: "Mine" });
    const outputs = async (prepare?: typeof open) =>
      (await testRun(titles, { event }, prepare ? { prepare } : {})).run.outputs;
    assert.deepEqual(await outputs(open), ["Mine", "/retest"]);
    assert.deepEqual(await outputs(), [event.payload.issue.title, "/retest"]);
  });
});
