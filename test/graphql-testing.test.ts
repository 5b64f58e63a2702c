import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TestOptions, testRun } from "../sandbox/testing.ts";
import { type Context, defineWorkflow } from "../src/index.ts";

type Viewer = { viewer: { login: string } };
type Run = (context: Pick<Context, "github" | "repo" | "log">) => Promise<unknown>;

/** Runs this in the test kit. Resolves with how it ended. */
async function ran(run: Run, options: TestOptions = {}) {
  const workflow = defineWorkflow({
    name: "asks",
    on: { manual: true },
    retry: false,
    run: (context) => run(context) as never,
  });
  const tested = await testRun(workflow, { inputs: {} }, options);
  const { status, outputs, reason } = tested.run;
  return { tested, outputs: status === "success" ? outputs : reason, sent: tested.sent };
}

const PULL = `query Pull($owner: String!, $repo: String!, $number: Int!) {
  repository(owner: $owner, name: $repo) {
    pullRequest(number: $number) { ...Facts commits(last: 2) { nodes { commit { id: oid } } totalCount } }
  }
}
fragment Facts on PullRequest { id isDraft writer: author { login ... on User { name } } }`;

const AUTO_MERGE = `mutation($id: ID!) {
  enablePullRequestAutoMerge(input: { pullRequestId: $id, mergeMethod: SQUASH }) { pullRequest { number } }
}`;
const MINIMIZE = `mutation($id: ID!) {
  minimizeComment(input: { subjectId: $id, classifier: OUTDATED }) { minimizedComment { isMinimized } }
}`;
const ADD = `mutation($project: ID!, $content: ID!) {
  addProjectV2ItemById(input: { projectId: $project, contentId: $content }) { item { id } }
}`;

describe("GraphQL in the test kit", () => {
  it("knows the user, and answers fields as the test says, with what a query picks of them", async () => {
    const pull = {
      ...{ id: "PR_7", number: 7, isDraft: false, author: { login: "octocat" }, title: "not asked for" },
      commits: { nodes: [{ commit: { oid: "a" } }, { commit: { oid: "b" } }] },
    };
    const { outputs, sent } = await ran(
      async ({ github, repo }) => ({
        ...(await github.graphql<object>("{ viewer { login } }")),
        ...(await github.graphql<object>(PULL, { ...repo, number: 7 })),
      }),
      {
        prepare: (github) =>
          github.graphql({ repository: ({ owner, repo }) => ({ pullRequest: { ...pull, of: [owner, repo] } }) }),
      },
    );
    assert.deepEqual(outputs, {
      viewer: { login: "octocat" },
      repository: {
        pullRequest: {
          ...{ id: "PR_7", isDraft: false, writer: { login: "octocat", name: null } },
          commits: { nodes: [{ commit: { id: "a" } }, { commit: { id: "b" } }], totalCount: null },
        },
      },
    });
    // Queries are reads.
    assert.deepEqual(sent, []);
  });

  it("carries out mutations, and shows them among what was sent", async () => {
    const { outputs, sent } = await ran(
      async ({ github }) => [
        await github.graphql(AUTO_MERGE, { id: "PR_7" }),
        await github.graphql(MINIMIZE, { id: "IC_1" }),
        await github.graphql(ADD, { project: "PVT_1", content: "I_1" }),
      ],
      {
        prepare: (github) =>
          github.graphql({
            enablePullRequestAutoMerge: ({ id }) => ({ pullRequest: { number: Number(id.slice(3)) } }),
            minimizeComment: { minimizedComment: { isMinimized: true } },
            addProjectV2ItemById: { item: { id: "PVTI_1" } },
          }),
      },
    );
    assert.deepEqual(outputs, [
      { enablePullRequestAutoMerge: { pullRequest: { number: 7 } } },
      { minimizeComment: { minimizedComment: { isMinimized: true } } },
      { addProjectV2ItemById: { item: { id: "PVTI_1" } } },
    ]);
    assert.deepEqual(
      sent.map(({ path, body }) => [path, (body as { variables: object }).variables]),
      [
        ["/graphql", { id: "PR_7" }],
        ["/graphql", { id: "IC_1" }],
        ["/graphql", { project: "PVT_1", content: "I_1" }],
      ],
    );
  });

  it("fails a field with an error", async () => {
    const clean = Object.assign(new Error("Pull request is in clean status"), { name: "UNPROCESSABLE" });
    const options: TestOptions = { prepare: (github) => github.graphql({ enablePullRequestAutoMerge: () => clean }) };
    const { outputs } = await ran(({ github }) => github.graphql(AUTO_MERGE, { id: "PR_7" }), options);
    assert.match(
      String(outputs),
      /answered UNPROCESSABLE "Pull request is in clean status" at enablePullRequestAutoMerge/,
    );
    const allowed = await ran(
      ({ github }) => github.graphql(AUTO_MERGE, { id: "PR_7" }, { allow: ["UNPROCESSABLE"] }),
      options,
    );
    assert.deepEqual(allowed.outputs, { enablePullRequestAutoMerge: null });
  });

  it("reports what it has no answer for", async () => {
    const { outputs } = await ran(({ github }) => github.graphql(MINIMIZE, { id: "IC_1" }));
    assert.match(
      String(outputs),
      /has no answer for minimizeComment: give it one with github\.graphql\(\{ minimizeComment: … \}\)/,
    );
  });

  it("finds what GitHub's schema does not allow, even if the test answers everything", async () => {
    const wrong: readonly [string, object, RegExp][] = [
      ["{ viewer { lgin } }", {}, /undefinedField "Field 'lgin' doesn't exist on type 'User'"/],
      ["query($n: Int!) { viewer { gists(frst: $n) { totalCount } } }", { n: 1 }, /Unknown argument "frst"/],
      [
        "query($n: Int!) { viewer { gists(first: $n) { totalCount } } }",
        { n: "1" },
        /Int cannot represent non-integer/,
      ],
      [
        "query($n: Int!) { viewer { gists(first: $n) { totalCount } } }",
        {},
        /"\$n" of required type "Int!" was not provided/,
      ],
      ["mutation { addStar { starrable { id } } }", {}, /argument "input" of type "AddStarInput!" is required/],
      ["{ viewer { login }", {}, /Syntax Error/],
      ["query A { viewer { login } } query B { viewer { login } }", {}, /An operation name is required/],
    ];
    for (const [query, variables, pattern] of wrong) {
      for (const answers of [undefined, { "POST /graphql": { data: { viewer: { login: "octocat" } } } }]) {
        const { outputs } = await ran(
          ({ github }) => github.graphql(query, variables as never),
          answers ? { answers } : {},
        );
        assert.match(String(outputs), pattern);
      }
    }
  });

  it("uses the token of the event's repository", async () => {
    const workflow = defineWorkflow({
      name: "asks",
      githubApp: "BOT",
      on: { github: { events: "issues" } },
      run: ({ github }) => github.graphql<{ viewer: { login: string } }>("{ viewer { login } }"),
    });
    const payload = {
      action: "opened",
      repository: { full_name: "globex/web", name: "web", owner: { login: "globex" } },
    };
    const { run, github } = await testRun(
      workflow,
      { event: { name: "issues", delivery: "1", payload: payload as never } },
      { prepare: (github) => void github.repository("globex/web") },
    );
    assert.equal(run.status, "success", String(run.reason));
    assert.ok(github.requests.some(({ path }) => path === "/repos/globex/web/installation"));
  });

  it("makes a run wait until GitHub's limit ends, and continue then", async () => {
    const workflow = defineWorkflow({
      name: "waits",
      on: { manual: true },
      async run({ github, step }) {
        const id = await step("find", async () => (await github.graphql<Viewer>("{ viewer { login } }")).viewer.login);
        await github.graphql(AUTO_MERGE, { id });
        return (await github.request("GET /repos/{owner}/{repo}", { owner: "acme", repo: "shop" })).data.full_name;
      },
    });
    const tested = await testRun(
      workflow,
      { inputs: {} },
      {
        prepare(github) {
          github.graphql({ enablePullRequestAutoMerge: { pullRequest: { number: 7 } } });
          const resetAt = Math.floor(Date.now() / 1000) + 1800;
          github.fault({ route: "POST /graphql", after: 1, times: 1 }, { kind: "limit", resetAt });
        },
      },
    );
    assert.equal(tested.run.status, "queued");
    assert.match(String(tested.run.reason), /mutation enablePullRequestAutoMerge failed: GitHub answered RATE_LIMITED/);
    assert.equal((await tested.advance("10m")).run.status, "queued");
    const { run, steps, sent } = await tested.advance("1h");
    assert.deepEqual([run.status, run.outputs, run.attempts], ["success", "acme/shop", 2]);
    assert.equal(steps.length, 1);
    assert.equal(sent.length, 2);
    assert.equal(tested.github.counts.whilePaused, 0);
  });

  it("sends no more at the same time than GitHub allows, and loses none", async () => {
    const { outputs, tested } = await ran(
      async ({ github }) => {
        const all = Array.from({ length: 150 }, () => github.graphql<Viewer>("{ viewer { login } }"));
        return new Set((await Promise.all(all)).map(({ viewer }) => viewer.login)).size;
      },
      { prepare: (github) => github.limits({ concurrent: 50, graphqlPerHour: 5000, graphqlPointsPerMinute: 2000 }) },
    );
    assert.equal(outputs, 1, String(outputs));
    assert.deepEqual([tested.github.counts.limited, tested.github.counts.requests], [0, 150]);
  });

  it("keeps a call that was not awaited, and its failure counts", async () => {
    const { outputs, tested } = await ran(async ({ github }) => {
      void github.graphql(MINIMIZE, { id: "IC_1" }).catch(() => {});
      void github.graphql(MINIMIZE, { id: "IC_2" });
    });
    assert.equal(tested.run.status, "failure");
    assert.match(String(outputs), /mutation minimizeComment failed/);
    assert.equal(tested.sent.length, 2);
  });
});
