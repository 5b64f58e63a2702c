import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StandInGitHub } from "../sandbox/github.ts";
import { testRun } from "../sandbox/testing.ts";
import type { WebhookEvent } from "../src/index.ts";
import { pullRequestTitle } from "../src/workflows/index.ts";
import { problemOf, type TitleRules, titleOf } from "../src/workflows/ready/title-rules.ts";
import { payloadOf } from "./support/example.ts";

const REPOSITORY = "Codertocat/Hello-World";
const payload = payloadOf("pull_request", ({ action }) => action === "opened");
const opened = { name: "pull_request", delivery: "1", payload } as WebhookEvent<"pull_request">;
const SHA = payload.pull_request.head.sha;

type Repository = ReturnType<StandInGitHub["repository"]>;
type Pull = Partial<Parameters<Repository["openPull"]>[0]>;
type Options = Parameters<typeof pullRequestTitle>[0];

function check(
  title: string,
  options: Options = {},
  pull: Pull = {},
  commits: readonly (readonly [message: string, parents: number])[] = [],
) {
  return testRun(
    pullRequestTitle(options),
    { event: opened },
    {
      prepare(github) {
        const repository = github.repository(REPOSITORY);
        repository.openPull({ number: 2, title, head: { ref: "topic", sha: SHA }, ...pull });
        repository.addCommit(SHA);
        // Only Apps may create checks.
        github.token("token-of-the-test-kit", { app: 7 });
      },
      answers: {
        "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits": {
          pages: [
            commits.map(([message, parents]) => ({
              commit: { message },
              parents: Array.from({ length: parents }, () => ({})),
            })),
          ],
        },
      },
    },
  );
}

const statusesOf = ({ github }: Awaited<ReturnType<typeof check>>) =>
  github.repository(REPOSITORY).statuses.map(({ context, state, description }) => ({ context, state, description }));

describe("pullRequestTitle", () => {
  it("accepts a title of Conventional Commits, and returns its parts", async () => {
    const run = await check("feat(ui)!: Add a button");
    assert.deepEqual(run.run.outputs, { type: "feat", scope: "ui", subject: "Add a button" });
    assert.deepEqual(statusesOf(run).at(-1), {
      context: "pull-request-title",
      state: "success",
      description: "feat(ui)",
    });
  });

  it("fails for another title, and the status shows the reason", async () => {
    const run = await check("Add a button");
    assert.equal(run.run.status, "failure");
    assert.equal(run.run.reason, "The title has no type: Add a button");
    assert.deepEqual(statusesOf(run).at(-1), {
      context: "pull-request-title",
      state: "failure",
      description: "The title has no type",
    });
  });

  it("checks the current title, not the title of the event", async () => {
    assert.equal((await check("fix: Later")).run.status, "success");
  });

  it("does not check a pull request with an ignored label", async () => {
    const { run } = await check("no type", { ignoreLabels: ["bot"] }, { labels: ["bot"] });
    assert.deepEqual([run.status, run.reason], ["skipped", "the pull request has the label bot"]);
  });

  it("accepts lists in the form of the action's file, and uses the messages of the file", async () => {
    const options = {
      types: "\n  fix\n  JIRA-\\d+\n",
      scopes: "core\nui\n",
      headerPattern: "^([\\w-]*)(?:\\(([\\w$.\\-*/ ]*)\\))?: (.*)$",
      headerPatternCorrespondence: "type, scope, subject",
      subjectPattern: "^(?![A-Z]).+$",
      subjectPatternError: 'The subject "{subject}"\nbegins with a capital.\n',
    };
    assert.equal((await check("JIRA-12(ui): a", options)).run.status, "success");
    assert.match((await check("feat: a", options)).run.reason ?? "", /^Unknown type "feat"/);
    assert.match((await check("fix(x): a", options)).run.reason ?? "", /^Unknown scope "x"/);
    const wrong = await check("fix: A", options);
    assert.equal(statusesOf(wrong).at(-1)?.description, 'The subject "A" begins with a capital.');
    assert.equal(
      (await check("no type", { ...options, ignoreLabels: "bot\nother" }, { labels: ["other"] })).run.status,
      "skipped",
    );
  });

  it("checks the message of a single commit, without merges, if configured", async () => {
    const options = { validateSingleCommit: true };
    const outcome = async (commits: Parameters<typeof check>[3], more: Options = {}) =>
      (await check("fix: a", { ...options, ...more }, {}, commits)).run.reason ?? "passes";
    const merged = ["Merge main", 2] as const;
    assert.equal(
      await outcome([["no type", 1], merged]),
      "The only commit's message does not follow the rules for titles: fix: a",
    );
    assert.equal(
      await outcome([
        ["no type", 1],
        ["more", 1],
      ]),
      "passes",
    );
    assert.equal(await outcome([["fix: b\n\nBody", 1]]), "passes");
    const same = { validateSingleCommitMatchesPrTitle: true };
    assert.equal(await outcome([["fix: b", 1]], same), "The only commit's message is not the title: fix: a");
    assert.equal(await outcome([["fix: a\n\nBody", 1]], same), "passes");
  });

  it("shows the error as a check with the name of a rule", async () => {
    const run = await check("foo: a", { report: { as: "check", name: "Validate PR title" } });
    const [shown] = run.github.repository(REPOSITORY).checks;
    assert.deepEqual(
      [shown?.name, shown?.conclusion, shown?.output?.title],
      ["Validate PR title", "failure", 'Unknown type "foo"'],
    );
    assert.match(shown?.output?.summary ?? "", /`foo: a` has the type "foo"\.\n\nTypes:\n\n- feat: a new feature/);
  });

  it("accepts the commit of a merge queue", async () => {
    const queued = payloadOf("merge_group", ({ action }) => action === "checks_requested");
    const run = await testRun(
      pullRequestTitle(),
      {
        event: { name: "merge_group", delivery: "1", payload: queued } as WebhookEvent<"merge_group">,
      },
      { prepare: (github) => github.repository(queued.repository.full_name).addCommit(queued.merge_group.head_sha) },
    );
    assert.equal(run.run.status, "success");
    const [status] = run.github.repository(queued.repository.full_name).statuses;
    assert.deepEqual([status?.sha, status?.state], [queued.merge_group.head_sha, "success"]);
  });

  it("keeps a status pending while the title has [WIP]", async () => {
    const run = await check("[WIP] something", { wip: true });
    assert.equal(run.run.status, "skipped");
    const ofWip = statusesOf(run).filter(({ context }) => context === "action-semantic-pull-request");
    assert.deepEqual(
      ofWip.map(({ state }) => state),
      ["pending"],
    );
    const ready = statusesOf(await check("fix: something", { wip: true }));
    assert.ok(ready.some(({ context, state }) => context === "action-semantic-pull-request" && state === "success"));
    assert.equal((await check("[WIP] something")).run.status, "failure");
  });
});

describe("a title", () => {
  const problem = (title: string, rules: TitleRules = {}) => problemOf(title, rules)?.title;

  it("is parsed as conventional-commits-parser does it", () => {
    const parts = (title: string, rules: TitleRules = {}) => Object.values(titleOf(title, rules));
    assert.deepEqual(parts("fix: a"), ["fix", null, "a"]);
    assert.deepEqual(parts("fix(core, e2e)!: a: b"), ["fix", "core, e2e", "a: b"]);
    assert.deepEqual(parts("fix(a)(b): c"), ["fix", "a)(b", "c"]);
    assert.deepEqual(parts("fix: "), ["fix", null, null]);
    assert.deepEqual(parts("fix:"), [null, null, null]);
    assert.deepEqual(parts(": a"), [null, null, "a"]);
    assert.deepEqual(parts("\n\nfix: a\n\nbody"), ["fix", null, "a"]);
    assert.deepEqual(parts("gpg: signed\nfix: a"), ["fix", null, "a"]);
    const jira = { headerPattern: "^([A-Z]+-\\d+) (.*)$", headerPatternCorrespondence: ["type", "subject"] };
    assert.deepEqual(parts("SHOP-12 Fix it", jira), ["SHOP-12", null, "Fix it"]);
    assert.deepEqual(parts("SHOP-12 Fix it", { headerPattern: /^(?<type>[A-Z]+-\d+) (?<subject>.*)$/ }), [
      "SHOP-12",
      null,
      "Fix it",
    ]);
    assert.deepEqual(
      parts("fix!: a", jira),
      ["fix", "a", null].map((each, at) => (at === 1 ? null : at === 2 ? null : each)),
    );
  });

  it("has a known type, and a subject", () => {
    assert.equal(problem("fix: a"), undefined);
    assert.equal(problem("fix:a"), "The title has no type");
    assert.equal(problem("fix: "), "The title has no subject");
    assert.equal(problem("foo: a"), 'Unknown type "foo"');
    assert.match(problemOf("foo: a", {})?.summary ?? "", /- feat: a new feature\n- fix: a bug fix/);
    const headerPattern = /^([\w-]*)(?:\(([\w$.\-*/ ]*)\))?: (.*)$/;
    assert.equal(problem("JIRA-123(core): Bar", { types: ["JIRA-\\d+"], headerPattern }), undefined);
    assert.equal(problem("JIRA-123A: Bar", { types: [/JIRA-\d+/], headerPattern }), 'Unknown type "JIRA-123A"');
    assert.equal(problem("featx: a", { types: ["feat|fix"] }), 'Unknown type "featx"');
  });

  it("has allowed scopes", () => {
    assert.equal(problem("fix: a", { scopes: ["core"] }), undefined);
    assert.equal(problem("fix: a", { requireScope: true }), "The title has no scope");
    assert.equal(problem("fix(core,e2e): a", { scopes: ["core", "e2e"] }), undefined);
    assert.equal(problem("fix(core,x,y): a", { scopes: ["core"] }), 'Unknown scopes "x, y"');
    assert.equal(problem("fix(CORE): a", { scopes: ["[A-Z]+"] }), undefined);
    assert.equal(problem("fix(release): a", { disallowScopes: ["release"] }), 'Disallowed scope "release"');
    assert.equal(
      problem("fix(e2e,release): a", { scopes: ["release"], disallowScopes: ["release"] }),
      'Unknown scope "e2e"',
    );
  });

  it("has a subject that matches completely, or fails with the message of the workflow", () => {
    assert.equal(problem("fix: a", { subjectPattern: "^(?![A-Z]).+$" }), undefined);
    assert.equal(problem("fix: Abc", { subjectPattern: /[A-Z]/ }), "The subject does not match its pattern");
    const subjectPatternError = '"{subject}" of "{title}" begins with a capital.\nMore.';
    const rules = { subjectPattern: /^(?![A-Z]).+$/, subjectPatternError };
    assert.equal(problem("fix: A $& b", rules), '"A $& b" of "fix: A $& b" begins with a capital. More.');
  });
});

describe("the options of amannn/action-semantic-pull-request", () => {
  const taken = (options: object) => pullRequestTitle(options as never);

  it("are accepted by their names", () => {
    for (const options of [
      { types: ["fix", /JIRA-\d+/], scopes: ["core"], requireScope: true, disallowScopes: ["release"] },
      { subjectPattern: "^a", subjectPatternError: "no", headerPattern: /x/, headerPatternCorrespondence: ["type"] },
      { ignoreLabels: ["bot"], wip: true, validateSingleCommit: true, validateSingleCommitMatchesPrTitle: true },
      { report: "check", name: "title", githubApp: "BOT", permissions: { pull_requests: "read" } },
      { report: { as: "status", name: "Validate PR title" } },
    ]) {
      assert.equal(typeof taken(options).run, "function");
    }
  });

  it("count as missing when they are empty, as in the action's file", async () => {
    const { run } = await check("feat(ui): Add a button", {
      types: "",
      scopes: "",
      disallowScopes: "",
      ignoreLabels: "",
    });
    assert.equal(run.status, "success");
  });

  it("are rejected with the reason, or with the nearest name", () => {
    assert.throws(
      () => taken({ githubBaseUrl: "https://x" }),
      /githubBaseUrl is not supported: GITHUB_API_URL of the service/,
    );
    assert.throws(() => taken({ scope: ["a"] }), /scope is not known: did you mean scopes\?/);
    assert.throws(() => taken({ types: ["("] }), /types must be a list of words or regular expressions/);
    assert.throws(() => taken({ subjectPattern: "(" }), /subjectPattern must be a regular expression/);
    // @ts-expect-error the service has GitHub's address
    assert.throws(() => pullRequestTitle({ githubBaseUrl: "https://x" }));
  });
});
