import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GitHubTrigger, WebhookEvent } from "gh-runner";
import { isFor, isForOthers, whyNoEntry } from "../src/model/github-trigger.ts";

const AFTER = "a".repeat(40);
const event = (name: string, payload: object) => ({ name, delivery: "1", payload }) as unknown as WebhookEvent;
const entry = (given: object) => given as GitHubTrigger;
const pull = (more: object = {}, labels: readonly string[] = []) =>
  event("pull_request", {
    action: "closed",
    pull_request: { base: { ref: "next" }, labels: labels.map((name) => ({ name })) },
    ...more,
  });
const push = (ref: string, files: readonly string[] = []) =>
  event("push", { ref, after: AFTER, commits: [{ id: AFTER, added: files, removed: [], modified: [] }] });

describe("why a workflow does not handle an event", () => {
  const pulls = { events: "pull_request" };
  const files = ["src/a.ts", "src/b.ts", "c", "d", "e", "f"];
  const rows: [entries: object[], event: WebhookEvent, reason: string | undefined][] = [
    [[{ events: "push" }, { events: ["issues", "push"] }], pull(), "is for push and issues, not for pull_request"],
    [[{ ...pulls, actions: ["opened", "reopened"] }], pull(), "wants opened or reopened, this is closed"],
    [[{ ...pulls, actions: ["opened"] }], pull({ action: undefined }), "wants opened, this has no action"],
    [[{ ...pulls, branches: "main" }], pull(), "wants the branch main, this goes into next"],
    [[{ ...pulls, branchesIgnore: ["n*", "m"] }], pull(), "ignores the branches n* and m, this goes into next"],
    [
      [{ events: "push", branches: ["main", "v*"] }],
      push("refs/heads/a/b"),
      "wants the branch main or v*, this is a/b",
    ],
    [[{ events: "push", branches: "main" }], push("refs/tags/v1"), "wants branches alone, this is the tag v1"],
    [[{ events: "push", tags: "v*" }], push("refs/heads/v1"), "wants tags alone, this is the branch v1"],
    [[{ events: "push", tags: "v*" }], push("refs/tags/w1"), "wants the tag v*, this is w1"],
    [
      [{ events: "workflow_run", branches: "main" }],
      event("workflow_run", { workflow_run: { head_branch: "x" } }),
      "wants the branch main, this ran on x",
    ],
    [[{ ...pulls, labels: "ready" }], pull(), "wants the label ready, this has none"],
    [[{ ...pulls, labels: ["ready"] }], pull({}, ["bug", "wip"]), "wants the label ready, this has bug and wip"],
    [
      [{ ...pulls, labels: "ready" }],
      pull({ action: "labeled", label: { name: "bug" } }, ["ready"]),
      "wants the label ready, this has bug",
    ],
    [
      [{ events: "push", paths: "docs/**" }],
      push("refs/heads/main", files),
      "wants changes of docs/**, this changed src/a.ts, src/b.ts, c, d and 2 more",
    ],
    [
      [{ events: "push", pathsIgnore: ["src/**"] }],
      push("refs/heads/main", files.slice(0, 2)),
      "ignores changes of src/**, this changed src/a.ts and src/b.ts",
    ],
    [[{ ...pulls, filter: () => false }], pull(), "its filter returned false"],
    [[{ events: "push" }, { ...pulls, actions: ["opened"] }], pull(), "wants opened, this is closed"],
    [
      [
        { ...pulls, actions: ["opened"] },
        { ...pulls, labels: "ready" },
      ],
      pull(),
      "wants opened, this is closed; wants the label ready, this has none",
    ],
    [[{ ...pulls, actions: ["opened"] }, pulls], pull(), undefined],
    [[{ events: "push", paths: "docs/**" }], push("refs/tags/v1", files), undefined],
  ];
  for (const [entries, given, reason] of rows) {
    it(reason ?? `is empty for ${JSON.stringify(entries)}`, () => {
      assert.equal(whyNoEntry(entries.map(entry), given), reason);
      const wanted = entries.some((each) => isFor(entry(each), given));
      assert.equal(wanted, reason === undefined);
    });
  }

  it("distinguishes workflows for other events from those that nearly matched", () => {
    assert.equal(isForOthers(whyNoEntry([entry({ events: "push" })], pull()) ?? ""), true);
    assert.equal(isForOthers(whyNoEntry([entry({ ...pulls, actions: ["opened"] })], pull()) ?? ""), false);
  });

  it("names a few of many patterns", () => {
    const branches = Array.from({ length: 500 }, (_, at) => `release/${at}`);
    const reason = whyNoEntry([entry({ ...pulls, branches })], pull());
    assert.equal(
      reason,
      "wants the branch release/0, release/1, release/2, release/3 or 496 more, this goes into next",
    );
  });
});
