import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { GitHubTrigger } from "../src/model/github-trigger.ts";
import { webhookNameWarnings } from "../src/workflows/load/check-workflows.ts";
import { startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

describe("the names of GitHub's webhooks", () => {
  it("include every event and action that workflows have types for", () => {
    const types = readFileSync(new URL(import.meta.resolve("@octokit/openapi-webhooks-types/types.d.ts")), "utf8");
    const operations = types.slice(types.indexOf("export interface operations"));
    const typed = [...operations.matchAll(/^ {2}"?([a-z-]+)(?:\/([a-z-]+))?"?: \{$/gm)];
    assert.ok(typed.length > 250);
    for (const [, event = "", action = ""] of typed) {
      assert.deepEqual(on(event.replaceAll("-", "_"), action ? [action.replaceAll("-", "_")] : undefined), []);
    }
  });

  const on = (events: unknown, actions?: unknown) => webhookNameWarnings({ events, actions } as GitHubTrigger);

  it("are accepted unchanged", () => {
    assert.deepEqual(on("push"), []);
    assert.deepEqual(on(["issues", "pull_request"], ["opened", "synchronize"]), []);
    assert.deepEqual(on("pull_request", ["review_requested"]), []);
    assert.deepEqual(on("repository_dispatch", ["any text of the sender"]), []);
  });

  it("are reported when they are misspelt, with the nearest", () => {
    assert.deepEqual(on("pull_requst", ["openend"]), [
      'on.github.events: unknown event "pull_requst": did you mean "pull_request"?',
      'on.github.actions: unknown action "openend" of pull_request: did you mean "opened"?',
    ]);
    assert.deepEqual(on(["push", "Workflow-Run"]), [
      'on.github.events: unknown event "Workflow-Run": did you mean "workflow_run"?',
    ]);
  });

  it("are reported when nothing is near", () => {
    assert.deepEqual(on("zebra", ["opened"]), [
      'on.github.events: unknown event "zebra": ' +
        "see https://docs.github.com/en/webhooks/webhook-events-and-payloads",
    ]);
    assert.deepEqual(on("issue_comment", ["deploy"]), [
      'on.github.actions: unknown action "deploy" of issue_comment: use one of created, deleted, edited, pinned, unpinned',
    ]);
    assert.deepEqual(on("push", ["opened"]), [
      'on.github.actions: unknown action "opened" of push: this event has no actions',
    ]);
  });
});

describe("a service with misspelt names of webhooks", () => {
  it("starts, and warns with file, field and the nearest name", async (t) => {
    const folder = workflowsFolder(t, {
      "hook.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "hook", on: { github: { events: "pull_requst", actions: ["openend"] } }, async run() {} });`,
    });
    const { log } = await startService(t, {
      settings: { WORKFLOWS_DIR: folder, GITHUB_WEBHOOK_SECRET: "s".repeat(20) },
    });
    const warned = log().filter(({ level, msg }) => level === "warn" && String(msg).startsWith("hook.ts"));
    assert.deepEqual(
      warned.map(({ msg }) => msg),
      [
        'hook.ts: on.github.events: unknown event "pull_requst": did you mean "pull_request"?',
        'hook.ts: on.github.actions: unknown action "openend" of pull_request: did you mean "opened"?',
      ],
    );
  });
});
