import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testRun } from "gh-runner/testing";
import type { StandInGitHub } from "../sandbox/github.ts";
import { previewClosed } from "../src/workflows/preview-closed.ts";

const HEAD = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const OLDER = "a".repeat(40);
const OTHERS = "b".repeat(40);

const closed = {
  name: "pull_request",
  delivery: "1",
  payload: { action: "closed", number: 7, repository: { full_name: "acme/shop" } },
};

/** Deployments as `FOLLOW=deployment` creates them, and as others do. */
function deployed(github: StandInGitHub, sha: string, environment: string, payload: unknown, state = "success") {
  const shop = github.repository("acme/shop");
  shop.addCommit(sha);
  const id = 100 + shop.deployments.length;
  shop.deployments.unshift({
    ...{ id, sha, ref: sha, environment, description: null, task: "deploy", payload },
    ...{ isTransient: false, isProduction: false, createdAt: Date.UTC(2026, 10, 1) },
    statuses: [{ id: 1, state, description: "", environmentUrl: "", logUrl: "", createdAt: Date.UTC(2026, 10, 1) }],
  });
}

/** The stand-in does not list the commits of a pull request. */
const COMMITS = "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits";
const answers = { [COMMITS]: { body: [{ sha: OLDER }, { sha: HEAD }] } };

const key = (environment: string) => ({ gh_runner_key: `gh-runner/preview/${environment}` });

describe("a pull request that is closed", () => {
  it("makes the deployments of its environments inactive, those of earlier commits too, and no others", async () => {
    const { run, github } = await testRun(previewClosed({ targetRepo: "acme/shop" }), { event: closed } as never, {
      answers,
      prepare(github) {
        const shop = github.repository("acme/shop");
        shop.openPull({ number: 7, state: "closed", head: { ref: "faster", sha: HEAD }, commits: [OLDER] });
        deployed(github, OLDER, "pr-7", key("pr-7"), "failure");
        deployed(github, HEAD, "pr-7", key("pr-7"));
        deployed(github, OTHERS, "pr-8", key("pr-8"));
        deployed(github, HEAD, "production", {});
        deployed(github, HEAD, "staging", { gh_runner_key: "somebody-elses" });
      },
    });
    assert.deepEqual([run.status, run.outputs], ["success", { inactive: ["pr-7"] }], run.reason ?? "");
    const states = github
      .repository("acme/shop")
      .deployments.map(({ environment, sha, statuses }) => [environment, sha[0], statuses[0]?.state]);
    assert.deepEqual(states.reverse(), [
      ["pr-7", "a", "inactive"],
      ["pr-7", "5", "inactive"],
      ["pr-8", "b", "success"],
      ["production", "5", "success"],
      ["staging", "5", "success"],
    ]);
  });

  it("that was never deployed is skipped", async () => {
    const { run, sent } = await testRun(previewClosed({ targetRepo: "acme/shop" }), { event: closed } as never, {
      answers,
      prepare: (github) =>
        void github
          .repository("acme/shop")
          .openPull({ number: 7, state: "closed", head: { ref: "faster", sha: HEAD } }),
    });
    assert.deepEqual(
      [run.status, run.reason, sent],
      ["skipped", "pull request #7 has no deployment of this service", []],
    );
  });

  it("of another repository is ignored", () => {
    const { github } = previewClosed({ targetRepo: "Acme/Shop" }).on as {
      github: { filter: (event: object) => boolean };
    };
    assert.equal(github.filter(closed), true);
    assert.equal(github.filter({ payload: { repository: { full_name: "acme/handbook" } } }), false);
  });
});
