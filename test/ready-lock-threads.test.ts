import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type LockThreadsOptions, lockThreads } from "../src/workflows/index.ts";
import { type Discussion, withDiscussions } from "./support/discussions.ts";
import { DAY_MS, readyService } from "./support/ready.ts";

const LOCK = "PUT /repos/{owner}/{repo}/issues/{issue_number}/lock";

async function service(t: TestContext, options: LockThreadsOptions = {}) {
  const ready = await readyService(t, lockThreads(options));
  const discussions = await withDiscussions(ready);
  const ago = (days: number) => ready.clock.now() - days * DAY_MS;
  return {
    ...ready,
    discussions,
    ago,
    /** Without activity since it was closed this many days ago. */
    closedIssue(number: number, days: number, labels: string[] = []) {
      const times = { createdAt: ago(days + 10), updatedAt: ago(days), closedAt: ago(days) };
      return ready.shop.openIssue({ number, state: "closed", labels, ...times });
    },
    closedPull(number: number, days: number) {
      const times = { createdAt: ago(days + 10), updatedAt: ago(days), closedAt: ago(days) };
      return ready.shop.openPull({ number, state: "closed", ...times });
    },
    closedDiscussion(number: number, days: number, labels: string[] = []): Discussion {
      const times = { createdAt: ago(days + 10), updatedAt: ago(days), closedAt: ago(days) };
      const made: Discussion = { number, closed: true, locked: false, ...times, labels, comments: [] };
      discussions.set(number, made);
      return made;
    },
  };
}

const NONE = { issues: [], prs: [], discussions: [] };

describe("lockThreads", () => {
  it("locks closed threads without activity for a year, of all three kinds", async (t) => {
    const ready = await service(t);
    ready.closedIssue(1, 366);
    ready.closedIssue(2, 364);
    ready.closedPull(3, 400);
    const discussion = ready.closedDiscussion(4, 500);
    const { run } = await ready.run();
    assert.deepEqual(run.outputs, { issues: ["acme/shop#1"], prs: ["acme/shop#3"], discussions: ["acme/shop#4"] });
    assert.deepEqual(
      [1, 2, 3].map((number) => ready.issue(number).locked),
      [true, false, true],
    );
    assert.deepEqual([ready.issue(1).lockReason, discussion.locked, discussion.comments], ["resolved", true, []]);
    assert.deepEqual(
      ready.writes().filter((write) => !write.includes("graphql")),
      ["PUT issues/1/lock", "PUT issues/3/lock"],
    );
    const search = ready.github.requests.find(({ route }) => route === "GET /search/issues");
    const asked = new URLSearchParams(search?.query).get("q") ?? "";
    assert.match(asked, /^repo:acme\/shop updated:<=\S+Z is:closed is:unlocked is:issue$/);
    const said = ready.log().find(({ msg }) => msg === "locked acme/shop#3");
    assert.equal(said?.url, "https://github.com/acme/shop/pull/3");
    assert.deepEqual((await ready.run()).run.outputs, NONE);
  });

  it("comments and labels before it locks, once", async (t) => {
    const options = {
      issueComment: "Locked.",
      addIssueLabels: "outdated",
      removeIssueLabels: "bug, other",
      issueLockReason: "",
    } as const;
    const discussion = {
      discussionComment: "Locked.",
      addDiscussionLabels: "outdated",
      removeDiscussionLabels: "question",
    };
    const ready = await service(t, { ...options, ...discussion });
    ready.closedIssue(1, 400, ["bug", "help"]);
    const talk = ready.closedDiscussion(2, 400, ["question", "help"]);
    const { run } = await ready.run();
    assert.deepEqual(ready.bodies(1), [`<!-- gh-runner: lock/${run.id} -->\nLocked.`]);
    assert.deepEqual([ready.issue(1).labels, ready.issue(1).lockReason], [["help", "outdated"], null]);
    const [comment] = talk.comments;
    assert.deepEqual([comment?.body, talk.labels, talk.locked], [ready.bodies(1)[0], ["help", "outdated"], true]);
  });

  it("handles only the kinds of processOnly, and logs its output if configured", async (t) => {
    const ready = await service(t, { processOnly: "issues, prs", logOutput: true });
    ready.closedDiscussion(1, 400);
    ready.closedPull(2, 400);
    const { run } = await ready.run();
    assert.deepEqual(run.outputs, { ...NONE, prs: ["acme/shop#2"] });
    assert.ok(!ready.writes().includes("POST /graphql"));
    assert.deepEqual(ready.log().find(({ msg }) => msg === "output")?.prs, ["acme/shop#2"]);
  });

  it("searches with the options, and reads nothing else", async (t) => {
    const ready = await service(t, {
      includeAnyIssueLabels: ["help wanted", "bug"],
      excludeAnyIssueLabels: "pinned",
      excludeIssueClosedBefore: "2019-01-01",
    });
    ready.closedIssue(1, 400, ["help wanted"]);
    ready.closedIssue(2, 400, ["Bug"]);
    ready.closedIssue(3, 400, ["other"]);
    ready.closedIssue(4, 400, ["bug", "pinned"]);
    Object.assign(ready.closedIssue(5, 400, ["bug"]), { closedAt: Date.parse("2018-06-01") });
    const { run } = await ready.run();
    assert.deepEqual((run.outputs as unknown as typeof NONE).issues.toSorted(), ["acme/shop#1", "acme/shop#2"]);
    const reads = ready.github.requests.filter(({ method, path }) => method === "GET" && /issues\/\d+$/.test(path));
    assert.deepEqual(reads.map(({ path }) => path.slice(-1)).sort(), ["1", "2"]);
  });

  it("locks more than the 1,000 that a search shows", async (t) => {
    const ready = await service(t, { processOnly: "issues" });
    for (let number = 1; number <= 1030; number++) ready.closedIssue(number, 366 + (number % 500));
    const { run, steps } = await ready.run();
    assert.equal((run.outputs as unknown as typeof NONE).issues.length, 1030);
    assert.equal([...ready.shop.issues.values()].filter(({ locked }) => locked).length, 1030);
    assert.ok(steps.length < 80, `${steps.length} steps`);
  });

  it("writes nothing in a dry run, and reports what it would lock", async (t) => {
    const ready = await service(t, {
      issueComment: "Locked.",
      discussionComment: "Locked.",
      addDiscussionLabels: "outdated",
    });
    ready.closedIssue(1, 400);
    ready.closedDiscussion(2, 400);
    const { run } = await ready.run({ dryRun: true });
    assert.deepEqual(run.outputs, { dryRun: true, issues: ["acme/shop#1"], prs: [], discussions: ["acme/shop#2"] });
    assert.deepEqual([ready.issue(1).locked, ready.bodies(1), ready.discussions.get(2)?.comments], [false, [], []]);
    assert.ok(ready.messages().includes("dry run: locked acme/shop#2"));
  });

  it("skips threads that were commented on, reopened or deleted after the search", async (t) => {
    const ready = await service(t);
    for (const number of [1, 2, 3, 4]) ready.closedIssue(number, 400 + number);
    const talk = ready.closedDiscussion(5, 400);
    ready.github.fault({ route: "GET /repos/{owner}/{repo}/issues/{issue_number}", times: 1 }, () => {
      ready.comment(1, "Still there.");
      Object.assign(ready.issue(2), { state: "open", updatedAt: ready.clock.now() });
      ready.shop.issues.delete(3);
      talk.comments.push({ body: "Me too.", at: ready.clock.now(), by: "User" });
      talk.updatedAt = ready.clock.now();
      return { kind: "delay", ms: 0 };
    });
    const { run } = await ready.run();
    assert.deepEqual(run.outputs, { ...NONE, issues: ["acme/shop#4"] });
  });

  for (const [what, options, route] of [
    [
      "the comment and the labels",
      { issueComment: "Locked.", addIssueLabels: "outdated" },
      "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
    ],
    ["the comment and the lock", { issueComment: "Locked." }, LOCK],
    ["the labels and the lock", { addIssueLabels: "outdated" }, LOCK],
  ] as const) {
    it(`finishes a lock that was interrupted between ${what}, and has commented once`, async (t) => {
      const ready = await service(t, options);
      for (const number of [1, 2, 3]) ready.closedIssue(number, 400 + number);
      ready.github.fault({ route, after: 1, times: 1 }, { kind: "limit", retryAfterSeconds: 3600 });
      const { run, attempts } = await ready.run();
      assert.deepEqual([run.status, attempts.length > 1], ["success", true]);
      for (const number of [1, 2, 3]) {
        const { locked, labels } = ready.issue(number);
        const expected = [true, "addIssueLabels" in options ? ["outdated"] : [], "issueComment" in options ? 1 : 0];
        assert.deepEqual([locked, labels, ready.bodies(number).length], expected, `issue ${number}`);
      }
    });
  }

  it("finishes the lock of a discussion that was interrupted, and has commented once", async (t) => {
    const ready = await service(t, { discussionComment: "Locked.", processOnly: ["discussions"] });
    const talk = ready.closedDiscussion(1, 400);
    // Search, read, comment; then the lock.
    ready.github.fault({ route: "POST /graphql", after: 3, times: 1 }, { kind: "reset", afterHandling: false });
    ready.github.fault({ route: "POST /graphql", after: 2, times: 1 }, { kind: "reset", afterHandling: true });
    const { run } = await ready.run();
    assert.equal(run.status, "success");
    assert.deepEqual([talk.locked, talk.comments.length], [true, 1]);
  });

  it("skips an issue that became a discussion, and threads that cannot be locked, and does the rest", async (t) => {
    const ready = await service(t, { issueComment: "Locked." });
    for (const number of [1, 2, 3]) ready.closedIssue(number, 400 + number);
    const moved = JSON.stringify({ message: "Issue cannot be modified because it was converted to a discussion" });
    const headers = { "content-type": "application/json" };
    ready.github.fault(
      { method: "POST", path: /issues\/1\/comments/ },
      { kind: "status", status: 403, body: moved, headers },
    );
    ready.github.fault(
      { method: "PUT", path: /issues\/2\/lock/ },
      { kind: "status", status: 422, body: "{}", headers },
    );
    const { run } = await ready.run();
    assert.match(run.reason ?? "", /^Locking threads failed: 1 of 2 failed/);
    assert.equal(ready.issue(3).locked, true);
  });
});
