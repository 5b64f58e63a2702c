import { defineWorkflow, type WebhookEvent, type WebhookName } from "../src/index.ts";
import type { ActionOf } from "../src/model/webhooks.ts";

/** Never run: `tsc` checks the types of each event, and that it reports events and filters that GitHub does not have. */

/** The actions of an event that do not narrow its payload to exactly that action. */
type NotNarrowed<Name extends WebhookName> = {
  [Action in ActionOf<Name>]: [WebhookEvent<Name, Action>["payload"]] extends [never]
    ? Action
    : WebhookEvent<Name, Action>["payload"] extends { readonly action: Action }
      ? never
      : Action;
}[ActionOf<Name>];

/** Every action of every event narrows its payload. */
const notNarrowed: readonly { [Name in WebhookName]: NotNarrowed<Name> }[WebhookName][] = [];
notNarrowed satisfies readonly never[];

export const labeled = defineWorkflow({
  name: "labeled",
  on: { github: { events: ["issues", "pull_request", "discussion"], actions: ["labeled"], labels: "bug" } },
  async run({ event }) {
    const label: string = event.payload.label.name;
    const action: "labeled" = event.payload.action;
    if (event.name === "issues") return event.payload.issue.number;
    // @ts-expect-error: no issue in the others
    event.payload.issue;
    return [label, action];
  },
});

export const unlabeled = defineWorkflow({
  name: "unlabeled",
  on: { github: { events: "issues", actions: ["labeled", "unlabeled"] } },
  async run({ event: { payload } }) {
    // @ts-expect-error: without it when the label itself was deleted
    payload.label.name;
    return payload.action === "labeled" ? payload.label.name : (payload.label?.name ?? null);
  },
});

export const entries = defineWorkflow({
  name: "entries",
  on: {
    github: [
      { events: "pull_request", actions: ["labeled"], branches: "main" },
      { events: "pull_request", actions: ["closed", "review_requested"] },
      { events: "issues", actions: ["milestoned"], filter: ({ payload }) => payload.milestone.number > 0 },
    ],
  },
  async run({ event }) {
    if (event.name === "issues") return event.payload.milestone.title;
    if (event.payload.action === "labeled") return event.payload.label.name;
    // @ts-expect-error: no entry is for this action
    event.payload.action === "opened";
    // @ts-expect-error: the others have no label
    event.payload.label;
    if (event.payload.action === "closed") return event.payload.pull_request.merged;
    return "requested_team" in event.payload ? event.payload.requested_team.name : null;
  },
});

/** Parts that older types lacked. */
export const newer = defineWorkflow({
  name: "newer",
  on: { github: { events: ["issues", "sub_issues", "discussion", "merge_group", "issue_dependencies"] } },
  async run({ event }) {
    switch (event.name) {
      case "issues":
        return [event.payload.issue.type?.name ?? null, event.payload.issue.sub_issues_summary?.total ?? 0];
      case "sub_issues":
        return [event.payload.parent_issue?.number ?? 0, event.payload.sub_issue?.number ?? 0];
      case "discussion":
        return (event.payload.discussion.labels ?? []).map(({ name }) => name);
      case "merge_group":
        return event.payload.merge_group.head_sha;
      default:
        return event.payload.action;
    }
  },
});

export const dispatched = defineWorkflow({
  name: "dispatched",
  on: { github: { events: "repository_dispatch", actions: ["deploy"] } },
  run: async ({ event }) => String(event.payload.client_payload?.ref),
});

export const filtered = defineWorkflow({
  name: "filtered",
  on: {
    github: [
      { events: ["push", "pull_request"], branches: ["main", "!x"], paths: "docs/**" },
      { events: "push", tags: ["v*"], branchesIgnore: "dependabot/**", pathsIgnore: ["**.md"] },
      { events: ["workflow_run", "merge_group"], branches: "main" },
      { events: ["issue_comment", "discussion_comment", "pull_request_review"], labels: ["bug"] },
    ],
  },
  async run({ event, changedFiles }) {
    const files: readonly string[] = await changedFiles();
    return [event.name, files.length];
  },
});

const run = async () => {};

// @ts-expect-error: issues has no such action
defineWorkflow({ name: "action", on: { github: { events: "issues", actions: ["synchronize"] } }, run });

// @ts-expect-error: GitHub has no such event
defineWorkflow({ name: "misspelt", on: { github: { events: "pull_requets" } }, run });

// @ts-expect-error: also wrong in a list
defineWorkflow({ name: "misspelt-in-a-list", on: { github: { events: ["push", "pull_requets"] } }, run });

// @ts-expect-error: use pull_request
defineWorkflow({ name: "target", on: { github: { events: "pull_request_target" } }, run });

// @ts-expect-error: use pull_request
defineWorkflow({ name: "targets", on: { github: { events: ["push", "pull_request_target"] } }, run });

// @ts-expect-error: use the trigger schedule
defineWorkflow({ name: "schedule", on: { github: { events: "schedule" } }, run });

// @ts-expect-error: use the trigger call
defineWorkflow({ name: "call", on: { github: [{ events: "push" }, { events: "workflow_call" }] }, run });

// @ts-expect-error: an issue has no branch
defineWorkflow({ name: "branches", on: { github: { events: "issues", branches: ["main"] } }, run });

// @ts-expect-error: also wrong as an excluded branch
defineWorkflow({ name: "branches-ignore", on: { github: { events: "issues", branchesIgnore: "main" } }, run });

// @ts-expect-error: an issue changes no files
defineWorkflow({ name: "paths", on: { github: { events: "issues", paths: ["docs/**"] } }, run });

// @ts-expect-error: also wrong beside an event that changes files
defineWorkflow({ name: "paths-of-two", on: { github: { events: ["push", "issues"], paths: ["docs/**"] } }, run });

// @ts-expect-error: a merge group has no filter for paths at GitHub
defineWorkflow({ name: "merge-group", on: { github: { events: "merge_group", pathsIgnore: "docs/**" } }, run });

// @ts-expect-error: a pull request has no tag
defineWorkflow({ name: "tags", on: { github: { events: "pull_request", tags: "v*" } }, run });

// @ts-expect-error: a push has no labels
defineWorkflow({ name: "labels", on: { github: { events: "push", labels: "bug" } }, run });

defineWorkflow({
  name: "tags-in-a-list",
  // @ts-expect-error: also in a list of entries
  on: { github: [{ events: "push" }, { events: "release", tags: "v*" }] },
  run,
});

// @ts-expect-error: patterns are text
defineWorkflow({ name: "regular", on: { github: { events: "push", branches: /main/ } }, run });

// @ts-expect-error: its name is branches
defineWorkflow({ name: "branch", on: { github: { events: "push", branch: "main" } }, run });
