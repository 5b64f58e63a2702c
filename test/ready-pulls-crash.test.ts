import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { FaultMatch } from "../sandbox/faults.ts";
import { startGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { send, TOKEN } from "./support/service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const REPOSITORY = "Codertocat/Hello-World";
const BOT = "dependabot[bot]";
const [FIRST, HEAD] = ["1".repeat(40), "2".repeat(40)];
const OPERATOR = "0123456789abcdef0123456789abcdef";

const MESSAGE = `Bump lodash from 4.17.20 to 4.17.21

---
updated-dependencies:
- dependency-name: lodash
  dependency-version: 4.17.21
  dependency-type: direct:production
  update-type: version-update:semver-patch
...

Signed-off-by: dependabot[bot] <support@github.com>`;

/** GitHub with a pull request 2 of Dependabot, and the service as a process that can be killed. */
async function scene(t: TestContext, file: string) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN, { login: "merger" });
  const repository = github.repository(REPOSITORY);
  for (const sha of [FIRST, HEAD]) {
    repository.written.set(sha, { author: BOT, committer: "web-flow", isVerified: true, message: MESSAGE, parents: 1 });
  }
  const head = { ref: "dependabot/npm_and_yarn/lodash-4.17.21", sha: HEAD };
  const pull = repository.openPull({ number: 2, author: BOT, head, commits: [FIRST], files: ["package.json"] });
  const port = await fixedPort();
  const settings = {
    WORKFLOWS_DIR: workflowsFolder(t, { "ready.ts": file }),
    AUTH_TOKENS: `me:operator:${OPERATOR}`,
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
    LOG_LEVEL: "debug",
  };
  const facts = { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings };
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: `Bearer ${OPERATOR}` };
  const payload = payloadOf("pull_request", "opened") as { pull_request: { user: object } };
  const event = {
    ...payload,
    pull_request: { ...payload.pull_request, user: { ...payload.pull_request.user, login: BOT } },
  };
  let service = spawnService(t, facts);
  await listening(service, port);
  return {
    ...{ github, repository, pull },
    /** Delivers the event. The process is killed when GitHub has executed such a request and not answered. */
    async killedAt(match: FaultMatch) {
      const fault = github.fault({ ...match, times: 1 }, { kind: "hang", afterHandling: true });
      await deliver(url, "pull_request", event);
      await until("GitHub has carried it out", async () => fault.met === 1);
      await service.kill();
      github.clearFaults();
      service = spawnService(t, facts);
      await listening(service, port);
    },
    /** The only run, at its end. */
    async run() {
      const runs = async () => (await send(url, { path: "/api/runs", headers })).json.runs;
      await until("the run has ended", async () =>
        (await runs()).every(({ status }: { status: string }) => !/queued|running|waiting/.test(status)),
      );
      const [run, ...others] = await runs();
      assert.deepEqual(others, []);
      return run;
    },
    output: () => service.output(),
    requests: (method: string, path: RegExp) =>
      github.requests.filter((request) => request.method === method && path.test(request.path)).length,
  };
}

const MERGE = `import { autoMerge } from "gh-runner/workflows";
export default autoMerge({ approve: true, updateTypes: ["version-update:semver-patch"] });
`;

describe("autoMerge, when its process is killed", () => {
  it("has approved once", async (t) => {
    const { github, pull, killedAt, run } = await scene(t, MERGE);
    // The mutation in GitHub's schema.
    github.graphql({
      enablePullRequestAutoMerge(variables) {
        assert.deepEqual(variables, { id: "PR_2", head: HEAD, method: "MERGE" });
        pull.autoMerge = { method: "merge", by: "merger" };
        return { pullRequest: { number: 2 } };
      },
    });
    pull.mergeableState = "blocked";
    await killedAt({ method: "POST", path: /\/pulls\/2\/reviews$/ });
    const { status, outputs } = await run();
    assert.deepEqual([status, outputs.result], ["success", "auto-merge is on"]);
    assert.deepEqual(
      pull.reviews.map(({ state, commit, author }) => [state, commit, author]),
      [["APPROVED", HEAD, "merger"]],
    );
  });

  it("has switched auto-merge on once", async (t) => {
    const { github, pull, killedAt, run } = await scene(t, MERGE);
    let count = 0;
    github.graphql({
      enablePullRequestAutoMerge() {
        count++;
        pull.autoMerge = { method: "merge", by: "merger" };
        return { pullRequest: { number: 2 } };
      },
    });
    await killedAt({ method: "POST", path: /\/graphql$/ });
    assert.equal((await run()).outputs.result, "auto-merge was on");
    assert.deepEqual([count, pull.reviews.length], [1, 1]);
  });

  it("has merged once what GitHub does not merge automatically", async (t) => {
    const { github, pull, killedAt, run, requests } = await scene(t, MERGE);
    github.graphql({
      enablePullRequestAutoMerge: () => {
        throw Object.assign(new Error("Pull request Pull request is in clean status"), { name: "UNPROCESSABLE" });
      },
    });
    await killedAt({ method: "PUT", path: /\/merge$/ });
    assert.equal((await run()).outputs.result, "merged");
    assert.deepEqual([pull.merged, requests("PUT", /\/merge$/), pull.reviews.length], [true, 1, 1]);
  });
});

describe("labeler, when its process is killed", () => {
  it("does the rest, and logs each action once", async (t) => {
    const file = `import { labeler } from "gh-runner/workflows";\nexport default labeler({ syncLabels: true });\n`;
    const { repository, pull, killedAt, run, requests } = await scene(t, file);
    const old = ["one", "two", "three"].map((label) => `${label}:\n- head-branch: ^never\n`);
    repository.put(
      ".github/labeler.yml",
      `packages:\n- changed-files:\n  - any-glob-to-any-file: package.json\n${old.join("")}`,
    );
    pull.labels.push("one", "mine", "two", "three");
    await killedAt({ method: "DELETE", path: /\/labels\/two$/ });
    const { status, outputs } = await run();
    assert.deepEqual([status, outputs], ["success", { newLabels: ["packages"], allLabels: ["mine", "packages"] }]);
    assert.deepEqual(pull.labels, ["mine", "packages"]);
    assert.deepEqual([requests("POST", /\/labels$/), requests("DELETE", /\/labels\/one$/)], [1, 1]);
  });
});
