import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wakeKeys, wakeKeysOf } from "../src/model/waits.ts";

const repository = { full_name: "Acme/Shop" };
const sha = "0123456789abcdef0123456789abcdef01234567";

describe("the keys by which an event finds the runs that wait for it", () => {
  for (const [wakeOn, name, payload] of [
    [{ workflowRun: { repository: "acme/shop", id: 7 } }, "workflow_run", { workflow_run: { id: 7 } }],
    [{ workflowRun: { repository: "ACME/shop" } }, "workflow_run", { workflow_run: { id: 8 } }],
    [{ workflowRun: { repository: "acme/shop", id: 7 } }, "workflow_job", { workflow_job: { run_id: 7 } }],
    [{ pullRequest: { repository: "acme/shop", number: 3 } }, "pull_request", { pull_request: { number: 3 } }],
    [{ pullRequest: { repository: "acme/shop", number: 3 } }, "pull_request_review", { pull_request: { number: 3 } }],
    [
      { pullRequest: { repository: "acme/shop", number: 3 } },
      "issue_comment",
      { issue: { number: 3, pull_request: { url: "" } } },
    ],
    [{ deployment: { repository: "acme/shop", id: 5 } }, "deployment", { deployment: { id: 5 } }],
    [{ deployment: { repository: "acme/shop", id: 5 } }, "deployment_status", { deployment: { id: 5 } }],
    [{ check: { repository: "acme/shop", sha } }, "check_run", { check_run: { head_sha: sha } }],
    [{ check: { repository: "acme/shop", sha } }, "check_suite", { check_suite: { head_sha: sha } }],
    [{ check: { repository: "acme/shop", sha: sha.toUpperCase() } }, "status", { sha }],
  ] as const) {
    it(`are the same for ${JSON.stringify(wakeOn)} and its event ${name}`, () => {
      const [expected] = wakeKeys(wakeOn);
      assert.ok(wakeKeysOf({ name, payload: { ...payload, repository } }).includes(expected ?? ""));
    });
  }

  it("are also in the name of a workflow run, without the punctuation around them", () => {
    const key = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    const long = "x".repeat(101);
    const display_title = `Tests (PR-7) of "${key.toUpperCase()}", a/b: ${long} \u2028 v1.2:x`;
    const keys = wakeKeysOf({ name: "workflow_run", payload: { workflow_run: { id: 7, display_title }, repository } });
    const words = ["7", "*", "tests", "pr-7", key, "a", "b", "v1.2:x"];
    for (const word of words) assert.ok(keys.includes(`workflow_run acme/shop ${word}`), word);
    assert.ok(!keys.some((each) => each.includes(long)));
    const many = { id: 7, display_title: Array.from({ length: 100 }, (_, at) => `word${at}`).join(" ") };
    assert.equal(wakeKeysOf({ name: "workflow_run", payload: { workflow_run: many, repository } }).length, 42);
    const none = { id: 7, display_title: null };
    assert.equal(wakeKeysOf({ name: "workflow_run", payload: { workflow_run: none, repository } }).length, 2);
  });

  it("differ for another repository, number, or an issue that is not a pull request", () => {
    const [expected = ""] = wakeKeys({ pullRequest: { repository: "acme/shop", number: 3 } });
    const elsewhere = { full_name: "acme/deployment" };
    for (const [name, payload] of [
      ["pull_request", { pull_request: { number: 4 }, repository }],
      ["pull_request", { pull_request: { number: 3 }, repository: elsewhere }],
      ["issue_comment", { issue: { number: 3 }, repository }],
      ["push", { repository }],
    ] as const) {
      assert.ok(!wakeKeysOf({ name, payload }).includes(expected), JSON.stringify(payload));
    }
  });

  it("cover several subjects if several are named", () => {
    const check = { check: { repository: "acme/shop", sha } };
    const pull = { pullRequest: { repository: "acme/shop", number: 3 } };
    assert.deepEqual(wakeKeys([check, pull, check]), [`check acme/shop ${sha}`, "pull_request acme/shop 3"]);
  });

  it("are not made from malformed deliveries", () => {
    for (const payload of [null, "text", {}, { repository: null }, { repository, workflow_run: null, status: [] }]) {
      for (const name of ["workflow_run", "workflow_job", "pull_request", "issue_comment", "deployment", "status"]) {
        assert.deepEqual(wakeKeysOf({ name, payload }), []);
      }
    }
  });

  it("are rejected if no event could ever match", () => {
    for (const [wakeOn, expected] of [
      [{ check: { repository: "acme/shop", sha: "0123456" } }, /sha: expected the full SHA of a commit, got 0123456/],
      [{ pullRequest: { repository: "shop", number: 3 } }, /repository: expected owner\/name, got shop/],
      [{ pullRequest: { repository: "acme/shop", number: 0 } }, /number: expected a GitHub number, got 0/],
      [{ pull: {} } as never, /expected workflowRun, pullRequest, deployment or check/],
    ] as const) {
      assert.throws(() => wakeKeys(wakeOn), expected);
    }
  });
});
