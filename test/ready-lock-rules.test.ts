import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Kind, type LockThreadsOptions, lockRules } from "../src/workflows/ready/lock-options.ts";
import { isUntouched, type Lockable, searchQuery, whyNot } from "../src/workflows/ready/lock-rules.ts";

const NOW = Date.parse("2026-11-29T02:17:00Z");
const at = (date: string) => Date.parse(date);
const thread = (facts: Partial<Lockable> = {}): Lockable => ({
  ...{ isOpen: false, isLocked: false, labels: [] },
  ...{ createdAt: at("2019-05-01"), updatedAt: at("2020-01-01"), closedAt: at("2019-12-01") },
  ...facts,
});

const CASES: readonly (readonly [string, LockThreadsOptions, Lockable, boolean])[] = [
  ["closed, and silent for a year", {}, thread(), true],
  ["open", {}, thread({ isOpen: true }), false],
  ["locked", {}, thread({ isLocked: true }), false],
  ["active within the year", {}, thread({ updatedAt: NOW - 364 * 86_400_000 }), false],
  ["issueInactiveDays", { issueInactiveDays: 90 }, thread({ updatedAt: NOW - 91 * 86_400_000 }), true],
  ["issueInactiveDays: 0", { issueInactiveDays: 0 }, thread({ updatedAt: NOW - 1 }), true],
  ["excludeIssueCreatedBefore", { excludeIssueCreatedBefore: "2019-06-01" }, thread(), false],
  ["excludeIssueCreatedBefore, on that day", { excludeIssueCreatedBefore: "2019-05-01" }, thread(), false],
  ["excludeIssueCreatedBefore, later", { excludeIssueCreatedBefore: "2019-04-01" }, thread(), true],
  ["excludeIssueCreatedAfter", { excludeIssueCreatedAfter: "2019-04-01" }, thread(), false],
  ["excludeIssueCreatedAfter, earlier", { excludeIssueCreatedAfter: "2019-06-01T00:00:00Z" }, thread(), true],
  [
    "both, between them",
    { excludeIssueCreatedBefore: "2019-05-01", excludeIssueCreatedAfter: "2019-06-01" },
    thread(),
    true,
  ],
  [
    "both, outside",
    { excludeIssueCreatedBefore: "2019-05-02", excludeIssueCreatedAfter: "2019-06-01" },
    thread(),
    false,
  ],
  ["excludeIssueCreatedBetween", { excludeIssueCreatedBetween: "2019-01-01/2019-12-31" }, thread(), false],
  [
    "…Between goes before …Before",
    { excludeIssueCreatedBetween: ["2018-01-01", "2018-12-31"], excludeIssueCreatedBefore: "2026-01-01" },
    thread(),
    true,
  ],
  ["excludeIssueClosedBefore", { excludeIssueClosedBefore: "2020-01-01" }, thread(), false],
  ["excludeIssueClosedAfter", { excludeIssueClosedAfter: "2020-01-01" }, thread(), true],
  ["excludeIssueClosedBetween", { excludeIssueClosedBetween: "2019-11-30/2019-12-02" }, thread(), false],
  ["includeAnyIssueLabels", { includeAnyIssueLabels: "a, b" }, thread({ labels: ["B"] }), true],
  ["includeAnyIssueLabels, none", { includeAnyIssueLabels: "a, b" }, thread({ labels: ["c"] }), false],
  ["includeAllIssueLabels", { includeAllIssueLabels: "a, b" }, thread({ labels: ["a", "b", "c"] }), true],
  ["includeAllIssueLabels, one", { includeAllIssueLabels: "a, b" }, thread({ labels: ["a"] }), false],
  [
    "includeAll… goes before includeAny…",
    { includeAllIssueLabels: "a", includeAnyIssueLabels: "b" },
    thread({ labels: ["a"] }),
    true,
  ],
  [
    "excludeAnyIssueLabels",
    { excludeAnyIssueLabels: "'help wanted', upstream" },
    thread({ labels: ["help wanted"] }),
    false,
  ],
  [
    "options of another kind",
    { excludePrCreatedBefore: "2026-01-01", excludeAnyDiscussionLabels: "a" },
    thread({ labels: ["a"] }),
    true,
  ],
];

describe("the decision to lock a thread", () => {
  for (const [what, options, given, isLocked] of CASES) {
    it(`${what}: ${isLocked ? "yes" : "no"}`, () => {
      const why = whyNot(given, lockRules(options, "issue"), NOW);
      assert.equal(why === undefined, isLocked, why ?? "it is locked");
    });
  }
});

describe("the search query", () => {
  const query = (options: LockThreadsOptions, kind: Kind = "issue") =>
    searchQuery("acme/shop", kind, lockRules(options, kind), at("2025-11-29T02:17:00.123Z")).replace(
      "repo:acme/shop updated:<=2025-11-29T02:17:00Z is:closed is:unlocked",
      "…",
    );

  it("narrows down with the options", () => {
    assert.equal(query({}), "… is:issue");
    assert.equal(query({}, "pr"), "… is:pr");
    assert.equal(query({}, "discussion"), "…");
    assert.equal(query({ includeAnyIssueLabels: ["a", 'b "c"'] }), '… label:"a","b \\"c\\"" is:issue');
    assert.equal(query({ includeAllIssueLabels: "a,b", includeAnyIssueLabels: "c" }), '… label:"a" label:"b" is:issue');
    assert.equal(query({ excludeAnyPrLabels: "wip, help wanted" }, "pr"), '… -label:"wip","help wanted" is:pr');
    assert.equal(
      query({
        excludeIssueCreatedBetween: "2018-01-01/2019-12-31T23:59:59.999Z",
        excludeIssueClosedBefore: "2018-01-01",
      }),
      "… -created:2018-01-01T00:00:00Z..2019-12-31T23:59:59Z closed:>2018-01-01T00:00:00Z is:issue",
    );
    assert.equal(
      query(
        { excludeDiscussionCreatedBefore: "2018-01-01", excludeDiscussionCreatedAfter: "2020-01-01" },
        "discussion",
      ),
      "… created:2018-01-01T00:00:00Z..2020-01-01T00:00:00Z",
    );
  });
});

describe("the check that a thread is unchanged", () => {
  const isSame = (
    updatedAt: number,
    options: LockThreadsOptions,
    facts: { bodies?: string[]; hasOwn?: boolean; labels?: string[] },
  ) => {
    const comments = (facts.bodies ?? []).map((body) => ({ at: 20, isByPerson: true, body }));
    const given = { updatedAt, labels: facts.labels ?? [] };
    return isUntouched(given, 10, { comments, hasOwn: facts.hasOwn ?? false }, lockRules(options, "issue"));
  };

  it("holds when nothing, or only this run, has changed it", () => {
    const itsComment = "<!-- gh-runner: lock/1 -->\nLocked.";
    assert.ok(isSame(10, {}, {}));
    assert.ok(!isSame(20, {}, {}));
    assert.ok(isSame(20, { issueComment: "Locked." }, { bodies: [itsComment], hasOwn: true }));
    assert.ok(!isSame(20, { issueComment: "Locked." }, { bodies: [itsComment, "Wait!"], hasOwn: true }));
    assert.ok(!isSame(20, { issueComment: "Locked." }, {}));
    assert.ok(isSame(20, { addIssueLabels: "old" }, { labels: ["old"] }));
    assert.ok(!isSame(20, { addIssueLabels: "old" }, { labels: ["new"] }));
  });
});
