import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { AskedRequest } from "../sandbox/answers.ts";
import { type TestOptions, testRun } from "../sandbox/testing.ts";
import type { WebhookEvent } from "../src/index.ts";
import { type AutoMergeOptions, autoMerge } from "../src/workflows/index.ts";
import { payloadOf } from "./support/example.ts";

const HEAD = "a".repeat(40);
const BOT = "dependabot[bot]";

const payload = payloadOf("pull_request", ({ action }) => action === "opened");
const opened = {
  name: "pull_request",
  delivery: "1",
  payload: {
    ...payload,
    pull_request: { ...payload.pull_request, user: { ...payload.pull_request.user, login: BOT } },
  },
} as WebhookEvent<"pull_request">;

const message = (updates: readonly (readonly [name: string, type: string])[] = [["lodash", "patch"]]) =>
  [
    "Bump lodash from 4.17.20 to 4.17.21",
    "",
    "Bumps lodash from 4.17.20 to 4.17.21.",
    "",
    "---",
    "updated-dependencies:",
    ...updates.flatMap(([name, type]) => [
      `- dependency-name: ${name}`,
      "  dependency-type: direct:production",
      `  update-type: version-update:semver-${type}`,
    ]),
    "...",
    "",
    "Signed-off-by: dependabot[bot] <support@github.com>",
  ].join("\n");

type Commit = { sha?: string; author?: string; committer?: string; verified?: boolean; message?: string };

/** What GitHub has about pull request 2, and what happened to it. */
type Scene = {
  commits: Commit[];
  head: string;
  state: "open" | "closed";
  merged: boolean;
  isAutoMerged: boolean;
  mergeable: string;
  reviews: { id: number; state: string; commit_id: string; body: string }[];
  /** Errors that GitHub gives for a mutation, by the name of its field. */
  errors: Record<string, string>;
  mutations: string[];
  /** Of PUT merge. */
  merging: { status: number; message?: string };
};

function scene(changes: Partial<Scene> = {}): Scene {
  return {
    ...{ commits: [{}], head: HEAD, state: "open", merged: false, isAutoMerged: false, mergeable: "blocked" },
    ...{ reviews: [], errors: {}, mutations: [], merging: { status: 200 } },
    ...changes,
  };
}

const PULL = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
const COMMITS = `${PULL}/commits` as const;
const REVIEWS = "/repos/{owner}/{repo}/pulls/{pull_number}/reviews";
const MERGE = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge";

function answersOf(
  given: Scene,
  draft = false,
  labels: readonly string[] = [],
  author = BOT,
): NonNullable<TestOptions["answers"]> {
  const pull = () => ({
    ...{
      number: 2,
      node_id: "PR_2",
      state: given.state,
      merged: given.merged,
      draft,
      title: "Bump",
      body: "Maintainer changes",
    },
    ...{ user: { login: author }, labels: labels.map((name) => ({ name })) },
    head: { ref: "dependabot/npm_and_yarn/web/lodash-4.17.21", sha: given.head },
    ...{ base: { ref: "main" }, auto_merge: given.isAutoMerged ? { merge_method: "merge" } : null },
    mergeable_state: given.mergeable,
  });
  return {
    [PULL]: () => ({ body: pull() }),
    [COMMITS]: () => ({
      pages: [
        given.commits.map(
          ({ sha = given.head, author: by = author, committer = "web-flow", verified = true, ...its }) => ({
            ...{ sha, author: { login: by }, committer: { login: committer }, parents: [{}] },
            commit: { message: its.message ?? message(), verification: { verified } },
          }),
        ),
      ],
    }),
    [`GET ${REVIEWS}`]: () => ({ pages: [given.reviews] }),
    [`POST ${REVIEWS}`]: ({ body }: AskedRequest) => {
      given.reviews.push({
        id: given.reviews.length + 1,
        state: "APPROVED",
        commit_id: body.commit_id,
        body: body.body,
      });
      return { status: 200, body: {} };
    },
    [`PUT ${REVIEWS}/{review_id}/dismissals`]: ({ parameters }: AskedRequest) => {
      const review = given.reviews.find(({ id }) => id === parameters.review_id);
      if (review) review.state = "DISMISSED";
      return { body: {} };
    },
    [MERGE]: () => {
      const { status, message: said = "" } = given.merging;
      if (status === 200) Object.assign(given, { state: "closed", merged: true });
      return { status, body: { message: said } };
    },
    "POST /graphql": ({ body: { query } }: AskedRequest<"POST /graphql">) => {
      const field =
        /\b(enablePullRequestAutoMerge|disablePullRequestAutoMerge|enqueuePullRequest)\b/.exec(query)?.[1] ?? "";
      given.mutations.push(field);
      const message = given.errors[field];
      if (message !== undefined)
        return { data: { [field]: null }, errors: [{ type: "UNPROCESSABLE", message, path: [field] }] };
      if (field !== "enqueuePullRequest") given.isAutoMerged = field.startsWith("enable");
      return { data: { [field]: {} } };
    },
  };
}

async function merge(given: Scene, options: AutoMergeOptions = {}, event = opened) {
  return testRun(autoMerge(options), { event }, { answers: answersOf(given) });
}

const reasonOf = async (given: Scene, options: AutoMergeOptions = {}) => {
  const { run } = await merge(given, options);
  return run.status === "skipped" ? run.reason : run.status;
};

describe("autoMerge", () => {
  it("switches auto-merge on for the commit that it checked", async () => {
    const given = scene();
    const run = await merge(given, { mergeMethod: "squash" });
    const outputs = {
      result: "auto-merge is on",
      dependencyNames: ["lodash"],
      updateType: "version-update:semver-patch",
    };
    assert.deepEqual([run.run.status, run.run.outputs], ["success", outputs]);
    const [sent] = run.sent.map(({ body }) => body as { variables: object });
    assert.deepEqual(sent?.variables, { id: "PR_2", head: HEAD, method: "SQUASH" });
    assert.deepEqual(
      run.log.map((line) => line.message),
      ["auto-merge of #2 is on (squash)"],
    );
  });

  it("changes nothing if auto-merge is already on", async () => {
    const given = scene({ isAutoMerged: true });
    assert.deepEqual((await merge(given)).run.outputs, {
      ...{ result: "auto-merge was on", dependencyNames: ["lodash"] },
      updateType: "version-update:semver-patch",
    });
    assert.deepEqual(given.mutations, []);
  });

  it("approves the commit first if configured, and once", async () => {
    const given = scene();
    await merge(given, { approve: true });
    assert.deepEqual(
      given.reviews.map(({ commit_id }) => commit_id),
      [HEAD],
    );
    await merge(given, { approve: true });
    assert.equal(given.reviews.length, 1);
    given.head = "b".repeat(40);
    await merge(given, { approve: true });
    assert.deepEqual(
      given.reviews.map(({ commit_id }) => commit_id),
      [HEAD, given.head],
    );
  });

  it("merges immediately if possible, which GitHub's auto-merge does not", async () => {
    const given = scene({ errors: { enablePullRequestAutoMerge: "Pull request Pull request is in clean status" } });
    const run = await merge(given, { mergeMethod: "rebase" });
    assert.equal((run.run.outputs as { result: string }).result, "merged");
    assert.deepEqual(run.sent.at(-1)?.body, { sha: HEAD, merge_method: "rebase" });
  });

  it("waits for the checks if the repository does not allow auto-merge, or requires nothing", async () => {
    for (const message of [
      "Auto merge is not allowed for this repository",
      "Pull request is in unstable status",
      "Pull request Protected branch rules not configured for this branch",
    ]) {
      const given = scene({ mergeable: "unstable", errors: { enablePullRequestAutoMerge: message } });
      const run = await merge(given);
      assert.equal(run.run.status, "waiting", message);
      const later = await run.advance("10m");
      assert.equal(later.run.status, "waiting");
      given.mergeable = "clean";
      const done = await later.advance("10m");
      assert.deepEqual([done.run.status, given.merged], ["success", true]);
      assert.equal(given.mutations.length, 1);
    }
  });

  it("merges the commit that it checked without GitHub's auto-merge, if configured", async () => {
    const given = scene();
    const run = await merge(given, { useAutoMerge: false });
    assert.equal(run.run.status, "waiting");
    given.mergeable = "clean";
    const done = await run.advance("10m");
    assert.deepEqual([done.run.status, done.sent.at(-1)?.body], ["success", { sha: HEAD, merge_method: "merge" }]);
    const ready = await merge(scene({ mergeable: "clean" }), { useAutoMerge: false });
    assert.deepEqual([ready.run.status, given.mutations], ["success", []]);
  });

  it("checks immediately when GitHub reports that the checks have ended", async () => {
    const given = scene();
    const run = await merge(given, { useAutoMerge: false });
    given.mergeable = "clean";
    const payload = { action: "completed", repository: opened.payload.repository, check_suite: { head_sha: HEAD } };
    const done = await run.event({ name: "check_suite", payload });
    assert.deepEqual([done.run.status, given.merged], ["success", true]);
  });

  it("does not merge a commit that comes while it waits", async () => {
    const errors = { enablePullRequestAutoMerge: "Auto merge is not allowed for this repository" };
    const given = scene({ errors });
    const run = await merge(given);
    Object.assign(given, { head: "b".repeat(40), mergeable: "clean" });
    const { run: done } = await run.advance("10m");
    assert.deepEqual(
      [done.status, done.reason, given.merged],
      ["skipped", "another commit has since been pushed, bbbbbbb", false],
    );
  });

  it("waits again when GitHub still does not merge, and uses a merge queue", async () => {
    const errors = { enablePullRequestAutoMerge: "Pull request is in clean status" };
    const given = scene({
      errors,
      mergeable: "blocked",
      merging: { status: 405, message: "Pull Request is not mergeable" },
    });
    const run = await merge(given);
    assert.equal(run.run.status, "waiting");
    Object.assign(given, { mergeable: "clean", merging: { status: 200 } });
    assert.equal((await run.advance("10m")).run.status, "success");

    const queued = scene({
      errors,
      merging: { status: 405, message: "Changes must be made through the merge queue" },
    });
    const { outputs } = (await merge(queued)).run;
    assert.equal((outputs as { result: string }).result, "in the merge queue");
    assert.deepEqual(queued.mutations, ["enablePullRequestAutoMerge", "enqueuePullRequest"]);
  });

  it("merges once when the answer to the merge is lost", async (t: TestContext) => {
    const given = scene({ errors: { enablePullRequestAutoMerge: "Pull request is in clean status" } });
    const run = await testRun(
      autoMerge({ approve: true }),
      { event: opened },
      {
        answers: answersOf(given),
        prepare: (github) => void github.fault({ method: "PUT", times: 1 }, { kind: "cut" }),
      },
    );
    t.diagnostic(String(run.run.reason));
    assert.equal(run.run.status, "queued");
    Object.assign(given, { state: "closed", merged: true });
    const done = await run.advance("1m");
    assert.deepEqual([done.run.status, (done.run.outputs as { result: string }).result], ["success", "merged"]);
    assert.equal(done.sent.filter(({ method }) => method === "PUT").length, 1);
    assert.equal(given.reviews.length, 1);
  });
});

describe("autoMerge trusts", () => {
  const foreign = "b".repeat(40);

  it("only Dependabot by default", async () => {
    const filterOf = (options?: AutoMergeOptions) =>
      (autoMerge(options).on.github as { filter(event: unknown): boolean }).filter;
    const by = (login: string) => ({ payload: { pull_request: { user: { login } } } });
    assert.deepEqual(
      [filterOf()(by(BOT)), filterOf()(by("octocat")), filterOf({ authors: ["octocat"] })(by("octocat"))],
      [true, false, true],
    );
    assert.equal(filterOf({ filter: () => false })(by(BOT)), false);
    const { run } = await merge(scene(), { authors: ["octocat"] });
    assert.deepEqual([run.status, run.reason], ["skipped", `the pull request is by ${BOT}`]);
  });

  it("another configured author, whose commits have no dependency metadata", async () => {
    const given = () => scene({ commits: [{ committer: "octocat", message: "Regenerate" }] });
    const answers = answersOf(given(), false, [], "octocat");
    const { run } = await testRun(autoMerge({ authors: ["octocat"] }), { event: opened }, { answers });
    assert.deepEqual(
      [run.status, run.outputs],
      ["success", { result: "auto-merge is on", dependencyNames: [], updateType: null }],
    );
    const rules = { authors: ["octocat"], dependencyNames: ["*"] };
    const asked = await testRun(
      autoMerge(rules),
      { event: opened },
      { answers: answersOf(given(), false, [], "octocat") },
    );
    assert.equal(asked.run.reason, "it says nothing about dependencies");
  });

  it("only commits that are Dependabot's, verified, and committed by GitHub", async () => {
    assert.equal(
      await reasonOf(scene({ commits: [{}, { sha: foreign, author: "mallory" }] })),
      `commit bbbbbbb is by mallory, not by ${BOT}`,
    );
    assert.equal(await reasonOf(scene({ commits: [{ verified: false }] })), "commit aaaaaaa is not verified");
    // Signed with a key of mallory, who wrote Dependabot into it as the author.
    assert.equal(
      await reasonOf(scene({ commits: [{ committer: "mallory" }] })),
      "commit aaaaaaa was committed by mallory",
    );
    assert.equal(
      await reasonOf(scene({ commits: Array.from({ length: 250 }, () => ({})) })),
      "GitHub lists no more than 250 commits",
    );
    assert.equal(
      await reasonOf(scene({ commits: [{ verified: false, committer: "ci" }] }), { skipCommitVerification: true }),
      "success",
    );
    assert.equal(await reasonOf(scene({ commits: [{ author: "mallory" }] }), { skipVerification: true }), "success");
  });

  it("no commit that a person pushes later: auto-merge is switched off, and its approval dismissed", async () => {
    const given = scene();
    await merge(given, { approve: true });
    assert.ok(given.isAutoMerged);
    given.commits.push({ sha: foreign, author: "octocat" });
    given.head = foreign;
    given.commits[0] = { sha: HEAD };
    const run = await merge(given, { approve: true }, {
      ...opened,
      payload: { ...opened.payload, action: "synchronize" },
    } as never);
    assert.deepEqual([run.run.status, given.isAutoMerged], ["skipped", false]);
    assert.deepEqual(
      given.reviews.map(({ state }) => state),
      ["DISMISSED"],
    );
    const why = `commit bbbbbbb is by octocat, not by ${BOT}`;
    assert.deepEqual(
      run.log.map((line) => line.message),
      [`auto-merge of #2 is switched off: ${why}`, `the approval of #2 is dismissed: ${why}`],
    );
    assert.deepEqual(given.mutations, ["enablePullRequestAutoMerge", "disablePullRequestAutoMerge"]);
  });

  it("no commit that is pushed while it checks", async () => {
    const { run } = await merge(scene({ commits: [{ sha: foreign }] }));
    assert.deepEqual([run.status, run.kind], ["queued", "transient"]);
  });
});

describe("autoMerge leaves alone", () => {
  it("what is closed, merged, a draft, or lacks the label", async () => {
    assert.equal(await reasonOf(scene({ state: "closed" })), "the pull request is closed");
    assert.equal(await reasonOf(scene({ state: "closed", merged: true })), "the pull request is merged");
    const draft = await testRun(autoMerge(), { event: opened }, { answers: answersOf(scene(), true) });
    assert.equal(draft.run.reason, "the pull request is a draft");
    assert.equal(await reasonOf(scene(), { labels: ["automerge"] }), "it has none of automerge");
    const labeled = await testRun(
      autoMerge({ labels: ["automerge"] }),
      { event: opened },
      { answers: answersOf(scene(), false, ["automerge"]) },
    );
    assert.equal(labeled.run.status, "success");
  });

  it("updates that its rules do not name", async () => {
    const patch = { updateTypes: ["version-update:semver-patch"] } as const;
    const rules = async (updates: Parameters<typeof message>[0], options: AutoMergeOptions) =>
      reasonOf(scene({ commits: [{ message: message(updates) }] }), options);
    assert.equal(await rules([["lodash", "patch"]], patch), "success");
    assert.equal(
      await rules(
        [
          ["lodash", "patch"],
          ["react", "major"],
        ],
        patch,
      ),
      "react: version-update:semver-major is not among updateTypes",
    );
    assert.equal(await rules([["lodash", "patch"]], { dependencyNames: ["lo*", "react"] }), "success");
    assert.equal(
      await rules([["xlodash", "patch"]], { dependencyNames: ["lodash"] }),
      "xlodash is not among dependencyNames",
    );
    assert.equal(
      await rules(undefined, { dependencyTypes: ["direct:development"] }),
      "lodash: direct:production is not among dependencyTypes",
    );
    assert.equal(
      await rules(undefined, { packageEcosystems: ["github_actions"] }),
      "npm_and_yarn is not among packageEcosystems",
    );
    assert.equal(await rules(undefined, { dependencyGroups: ["tools"] }), "no group is not among dependencyGroups");
  });

  it("what `when` rejects, which gets the data of dependabot/fetch-metadata", async () => {
    let seen: unknown;
    const when: AutoMergeOptions["when"] = (metadata, { number }) => {
      seen = { ...metadata, number };
      return false;
    };
    assert.equal(await reasonOf(scene(), { when }), "`when` returned false");
    assert.equal(await reasonOf(scene(), { when: async () => false }), "`when` returned false");
    assert.equal(await reasonOf(scene(), { when: async () => true }), "success");
    assert.deepEqual(seen, {
      dependencyNames: ["lodash"],
      dependencyType: "direct:production",
      updateType: "version-update:semver-patch",
      updatedDependencies: [
        {
          dependencyName: "lodash",
          dependencyType: "direct:production",
          updateType: "version-update:semver-patch",
          previousVersion: "4.17.20",
          newVersion: "4.17.21",
        },
      ],
      directory: "/web",
      packageEcosystem: "npm_and_yarn",
      targetBranch: "main",
      previousVersion: "4.17.20",
      newVersion: "4.17.21",
      alertState: "",
      ghsaId: "",
      cvss: 0,
      compatibilityScore: 0,
      maintainerChanges: true,
      dependencyGroup: "",
      number: 2,
    });
  });

  it("a commit without metadata", async () => {
    assert.equal(await reasonOf(scene({ commits: [{ message: "Bump" }] })), "Dependabot's commit has no metadata");
  });
});
