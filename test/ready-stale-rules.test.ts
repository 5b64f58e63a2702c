import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type StaleOptions, staleRules } from "../src/workflows/ready/stale-options.ts";
import { type Evidence, type Standing, standingOf, verdictOn } from "../src/workflows/ready/stale-rules.ts";
import { nextPage, type Thread, timeOf } from "../src/workflows/ready/threads.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-11-29T01:37:00Z");
const daysAgo = (days: number) => NOW - days * DAY;

const issue = (facts: Partial<Thread> = {}): Thread => ({
  ...{ number: 7, isPull: false, isOpen: true, isLocked: false, isDraft: false },
  ...{ createdAt: daysAgo(100), updatedAt: daysAgo(61), closedAt: undefined, labels: [], assignees: [] },
  ...{ milestone: undefined, type: undefined, url: "https://github.com/acme/shop/issues/7" },
  ...facts,
});
const pull = (facts: Partial<Thread> = {}) => issue({ isPull: true, ...facts });

const rulesFor = (thread: Thread, options: StaleOptions) => staleRules(options)[thread.isPull ? "pull" : "issue"];
const standing = (options: StaleOptions, thread: Thread) => standingOf(thread, rulesFor(thread, options), NOW);

/** Options, a thread, and its state. */
const CASES: readonly (readonly [string, StaleOptions, Thread, Standing["is"]])[] = [
  ["60 days by default", {}, issue(), "due"],
  ["exactly 60 days are not more than 60", {}, issue({ updatedAt: daysAgo(60) }), "fresh"],
  ["daysBeforeStale", { daysBeforeStale: 62 }, issue(), "fresh"],
  ["daysBeforeStale in fractions", { daysBeforeStale: 0.5 }, issue({ updatedAt: daysAgo(0.6) }), "due"],
  ["daysBeforeStale: -1", { daysBeforeStale: -1 }, issue(), "fresh"],
  ["daysBeforeStale: -1, labelled by hand", { daysBeforeStale: -1 }, issue({ labels: ["stale"] }), "stale"],
  ["daysBeforeIssueStale of an issue", { daysBeforeIssueStale: 90 }, issue(), "fresh"],
  ["daysBeforeIssueStale of a pull request", { daysBeforeIssueStale: 90 }, pull(), "due"],
  ["daysBeforePrStale of a pull request", { daysBeforePrStale: -1 }, pull(), "fresh"],
  ["the stale label, in any case", {}, issue({ labels: ["STALE"] }), "stale"],
  ["staleIssueLabel", { staleIssueLabel: "old" }, issue({ labels: ["Stale"] }), "due"],
  ["stalePrLabel", { stalePrLabel: "old" }, pull({ labels: ["old"] }), "stale"],
  ["what is closed", {}, issue({ isOpen: false }), "exempt"],
  ["what is locked", {}, issue({ isLocked: true }), "exempt"],
  ["includeOnlyAssigned without assignee", { includeOnlyAssigned: true }, issue(), "exempt"],
  ["includeOnlyAssigned with assignee", { includeOnlyAssigned: true }, issue({ assignees: ["hubot"] }), "due"],
  ["onlyIssueTypes", { onlyIssueTypes: "bug, question" }, issue({ type: "Bug" }), "due"],
  ["onlyIssueTypes, another type", { onlyIssueTypes: ["Bug"] }, issue({ type: "Task" }), "exempt"],
  ["onlyIssueTypes, no type", { onlyIssueTypes: ["Bug"] }, issue(), "exempt"],
  ["onlyIssueTypes, a pull request", { onlyIssueTypes: ["Bug"] }, pull(), "due"],
  ["onlyLabels, all of them", { onlyLabels: "a,b" }, issue({ labels: ["b", "A"] }), "due"],
  ["onlyLabels, one of them", { onlyLabels: "a,b" }, issue({ labels: ["a"] }), "exempt"],
  ["onlyIssueLabels instead of onlyLabels", { onlyLabels: "a", onlyIssueLabels: "b" }, issue({ labels: ["b"] }), "due"],
  ["onlyPrLabels: another kind", { onlyPrLabels: "not-a-real-label" }, issue(), "due"],
  ["onlyPrLabels", { onlyPrLabels: "not-a-real-label" }, pull(), "exempt"],
  ["anyOfLabels, one of them", { anyOfLabels: ["a", "b"] }, issue({ labels: ["b"] }), "due"],
  ["anyOfLabels, none of them", { anyOfLabels: ["a", "b"] }, issue({ labels: ["c"] }), "exempt"],
  ["anyOfPrLabels instead of anyOfLabels", { anyOfLabels: "a", anyOfPrLabels: "b" }, pull({ labels: ["a"] }), "exempt"],
  ["exemptIssueLabels", { exemptIssueLabels: "pinned,Sécurité" }, issue({ labels: ["securite"] }), "exempt"],
  ["exemptIssueLabels of a pull request", { exemptIssueLabels: "pinned" }, pull({ labels: ["pinned"] }), "due"],
  ["exemptPrLabels before the stale label", { exemptPrLabels: "wip" }, pull({ labels: ["Stale", "wip"] }), "exempt"],
  ["exemptMilestones", { exemptMilestones: "1.0" }, issue({ milestone: "1.0" }), "exempt"],
  ["another milestone", { exemptMilestones: "1.0" }, issue({ milestone: "2.0" }), "due"],
  [
    "exemptIssueMilestones first",
    { exemptMilestones: "1.0", exemptIssueMilestones: "2.0" },
    issue({ milestone: "1.0" }),
    "due",
  ],
  ["exemptAllMilestones", { exemptAllMilestones: true }, issue({ milestone: "9" }), "exempt"],
  [
    "exemptAllPrMilestones: false first",
    { exemptAllMilestones: true, exemptAllPrMilestones: false },
    pull({ milestone: "9" }),
    "due",
  ],
  ["exemptAssignees", { exemptAssignees: "Marco,polo" }, issue({ assignees: ["hubot", "marco"] }), "exempt"],
  [
    "exemptPrAssignees first",
    { exemptAssignees: "marco", exemptPrAssignees: "polo" },
    pull({ assignees: ["marco"] }),
    "due",
  ],
  ["exemptAllAssignees", { exemptAllAssignees: true }, issue({ assignees: ["hubot"] }), "exempt"],
  [
    "exemptAllIssueAssignees: false first",
    { exemptAllAssignees: true, exemptAllIssueAssignees: false },
    issue({ assignees: ["x"] }),
    "due",
  ],
  ["exemptDraftPr", { exemptDraftPr: true }, pull({ isDraft: true }), "exempt"],
  ["a draft otherwise", {}, pull({ isDraft: true }), "due"],
  ["startDate", { startDate: "2026-11-01" }, issue(), "exempt"],
  ["startDate as RFC 2822", { startDate: "Mon, 01 Jun 2026 00:00:00 GMT" }, issue(), "due"],
  ["ignoreUpdates", { ignoreUpdates: true }, issue({ updatedAt: NOW }), "due"],
  [
    "ignoreIssueUpdates: false first",
    { ignoreUpdates: true, ignoreIssueUpdates: false },
    issue({ updatedAt: NOW }),
    "fresh",
  ],
  ["ignorePrUpdates", { ignorePrUpdates: true }, pull({ updatedAt: NOW }), "due"],
];

describe("the state of an issue", () => {
  for (const [what, options, thread, is] of CASES) {
    it(`${what}: ${is}`, () => assert.equal(standing(options, thread).is, is, standing(options, thread).why));
  }

  it("removes the close label from open issues, if they are processed at all", () => {
    const options = { closeIssueLabel: "abandoned", exemptIssueLabels: "pinned" };
    assert.equal(standing(options, issue({ labels: ["Abandoned"] })).takeOff, "Abandoned");
    assert.equal(standing(options, issue({ labels: ["abandoned", "pinned"] })).takeOff, "abandoned");
    assert.equal(standing(options, issue({ labels: ["abandoned"], isOpen: false })).takeOff, undefined);
    assert.equal(standing({ ...options, onlyLabels: "a" }, issue({ labels: ["abandoned"] })).takeOff, undefined);
    assert.equal(standing({ closeIssueLabel: "Stale" }, issue({ labels: ["stale"] })).takeOff, undefined);
  });
});

const MESSAGE = "Is it of interest?";
const labeled = (days: number, label = "Stale") => ({ event: "labeled", at: daysAgo(days), label });
const comment = (days: number, facts: Partial<Evidence["comments"][number]> = {}) => ({
  ...{ at: daysAgo(days), isByPerson: true, body: "It is." },
  ...facts,
});
const verdict = (options: StaleOptions, thread: Thread, evidence: Partial<Evidence> = {}) => {
  const rules = rulesFor(thread, { staleIssueMessage: MESSAGE, ...options });
  return verdictOn(thread, rules, { events: [labeled(8)], comments: [], isClosing: false, ...evidence }, NOW).is;
};
/** Stale for eight days, without activity since then. */
const silent = issue({ labels: ["Stale"], updatedAt: daysAgo(8) });
const updated = (days: number) => ({ ...silent, updatedAt: daysAgo(days) });

describe("a stale issue", () => {
  it("is closed after 7 days of silence", () => {
    assert.equal(verdict({}, silent), "close");
    assert.equal(verdict({ daysBeforeClose: 9 }, silent), "wait");
    assert.equal(verdict({ daysBeforeClose: -1 }, silent), "wait");
    assert.equal(verdict({ daysBeforeIssueClose: -1 }, silent), "wait");
    assert.equal(verdict({ daysBeforePrClose: -1 }, silent), "close");
    assert.equal(verdict({}, { ...silent, updatedAt: daysAgo(7) }, { events: [labeled(7)] }), "wait");
  });

  it("is not stale any more after a person's comment", () => {
    const comments = [comment(3)];
    assert.equal(verdict({}, updated(3), { comments }), "unstale");
    assert.equal(verdict({ removeStaleWhenUpdated: false, daysBeforeClose: 1 }, updated(3), { comments }), "wait");
    assert.equal(verdict({ removeIssueStaleWhenUpdated: false }, updated(3), { comments }), "wait");
    assert.equal(verdict({ removePrStaleWhenUpdated: false }, updated(3), { comments }), "unstale");
    // It is never closed then, as in the action.
    assert.equal(
      verdict({ removeStaleWhenUpdated: false }, updated(30), { events: [labeled(31)], comments: [comment(30)] }),
      "wait",
    );
  });

  it("is still stale after comments of bots, messages of the action that was used before, and comments with a key", () => {
    for (const facts of [
      { isByPerson: false },
      { body: `${MESSAGE.toUpperCase()}\r\n` },
      { body: `<!-- gh-runner: stale/1 -->\n${MESSAGE}` },
    ]) {
      assert.equal(verdict({}, updated(3), { comments: [comment(3, facts)] }), "wait");
      assert.equal(verdict({ daysBeforeClose: 2 }, updated(3), { comments: [comment(3, facts)] }), "close");
    }
  });

  it("is not stale any more after a change without an event, such as a push or an edit", () => {
    assert.equal(verdict({}, updated(3)), "unstale");
    assert.equal(verdict({}, updated(2), { comments: [comment(3, { isByPerson: false })] }), "unstale");
    assert.equal(verdict({ removeStaleWhenUpdated: false, daysBeforeClose: 2 }, updated(3)), "close");
  });

  it("is not stale any more after another event, and still is after only its label", () => {
    assert.equal(
      verdict({}, updated(3), { events: [labeled(8), { event: "assigned", at: daysAgo(3), label: undefined }] }),
      "unstale",
    );
    assert.equal(verdict({}, updated(3), { events: [labeled(8), labeled(3, "bug")] }), "unstale");
    assert.equal(verdict({}, updated(3), { events: [labeled(8), labeled(3, "stale")] }), "wait");
    const together = [labeled(8), { event: "unlabeled", at: daysAgo(8) + 1000, label: "needs-triage" }];
    assert.equal(verdict({}, silent, { events: together }), "close");
  });

  it("counts from its last update if GitHub has no label event", () => {
    assert.equal(verdict({}, silent, { events: [] }), "close");
    assert.equal(verdict({}, updated(3), { events: [] }), "wait");
  });

  it("is closed if this run has announced it and was interrupted, unless a person has answered", () => {
    const said = comment(0, { body: "<!-- gh-runner: close/1 -->\nClosed." });
    assert.equal(verdict({}, updated(0), { comments: [said], isClosing: true }), "close");
    assert.equal(verdict({}, updated(0), { comments: [said, comment(0)], isClosing: true }), "unstale");
  });
});

describe("the headers of an answer", () => {
  it("give the time at GitHub, or a failure: without it nothing would ever be stale", () => {
    assert.equal(timeOf({ date: "Sun, 29 Nov 2026 01:37:00 GMT" }), NOW);
    assert.throws(() => timeOf({}), /header date of its answer is missing/);
  });

  it("give the next page, by number and cursor", () => {
    const link =
      '<https://api.github.com/repositories/1/issues?per_page=100&after=Y3Vyc29y&page=2>; rel="next", <https://x>; rel="last"';
    assert.deepEqual(nextPage({ link }), { page: "2", after: "Y3Vyc29y" });
    assert.deepEqual(nextPage({ link: '<https://ghe/api/v3/repositories/1/issues?page=3>; rel="next"' }), {
      page: "3",
    });
    assert.equal(nextPage({ link: '<https://x?page=1>; rel="prev"' }), undefined);
    assert.equal(nextPage({}), undefined);
  });
});

describe("for any issue", () => {
  const names = fc.subarray(["a", "b", "Stale", "pinned", "abandoned"]);
  const threads = fc.record({
    number: fc.nat(),
    isPull: fc.boolean(),
    isOpen: fc.boolean(),
    isLocked: fc.boolean(),
    isDraft: fc.boolean(),
    createdAt: fc.integer({ min: daysAgo(200), max: NOW }),
    updatedAt: fc.integer({ min: daysAgo(200), max: NOW }),
    closedAt: fc.constant(undefined),
    labels: names,
    assignees: fc.subarray(["marco", "polo"]),
    milestone: fc.constantFrom(undefined, "1.0"),
    type: fc.constantFrom(undefined, "Bug"),
    url: fc.constant(""),
  });
  const options: fc.Arbitrary<StaleOptions> = fc.record(
    {
      daysBeforeStale: fc.integer({ min: -1, max: 100 }),
      daysBeforeClose: fc.integer({ min: -1, max: 30 }),
      exemptIssueLabels: names,
      exemptPrLabels: names,
      onlyLabels: fc.subarray(["a", "b"], { maxLength: 1 }),
      anyOfLabels: names,
      exemptAllMilestones: fc.boolean(),
      exemptAllAssignees: fc.boolean(),
      exemptDraftPr: fc.boolean(),
      ignoreUpdates: fc.boolean(),
      removeStaleWhenUpdated: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it("an issue never gets less stale with time", () => {
    fc.assert(
      fc.property(threads, options, fc.nat({ max: 300 }), (thread, given, days) => {
        const rules = rulesFor(thread, given);
        const [now, later] = [standingOf(thread, rules, NOW), standingOf(thread, rules, NOW + days * DAY)];
        assert.ok(now.is === later.is || (now.is === "fresh" && later.is === "due"), `${now.is} → ${later.is}`);
      }),
    );
  });

  it("closed and locked issues, and those with an exempt label, are skipped", () => {
    fc.assert(
      fc.property(threads, options, (thread, given) => {
        const { is } = standing(given, thread);
        const exempt = given[thread.isPull ? "exemptPrLabels" : "exemptIssueLabels"] ?? [];
        const isExempt = thread.labels.some((label) => exempt.includes(label));
        if (!thread.isOpen || thread.isLocked || isExempt) assert.equal(is, "exempt");
        if (is === "due") assert.ok(!thread.labels.includes("Stale"));
        if (is === "stale") assert.ok(thread.labels.includes("Stale"));
      }),
    );
  });

  it("an issue is not closed after a person's comment, or an update within the time", () => {
    const comments = fc.array(
      fc.record({ at: fc.integer({ min: daysAgo(60), max: NOW }), isByPerson: fc.boolean(), body: fc.constant("x") }),
      { maxLength: 3 },
    );
    const events = fc.array(
      fc.record({
        event: fc.constantFrom("labeled", "assigned"),
        at: fc.integer({ min: daysAgo(60), max: NOW }),
        label: fc.constantFrom("Stale", "a"),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(threads, options, comments, events, (thread, given, written, happened) => {
        const { is } = verdictOn(
          thread,
          rulesFor(thread, given),
          { events: happened, comments: written, isClosing: false },
          NOW,
        );
        const days = given.daysBeforeClose ?? 7;
        if (is !== "close") return;
        assert.ok(days >= 0 && NOW - thread.updatedAt > days * DAY);
        assert.ok(written.every(({ isByPerson }) => !isByPerson));
      }),
    );
  });
});
