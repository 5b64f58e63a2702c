import { defineWorkflow } from "gh-runner";

/** Labels, and the paths that they stand for. */
const LABELS: Readonly<Record<string, RegExp>> = {
  documentation: /^docs\/|\.md$/,
  deployment: /^(charts|deploy)\//,
  dependencies: /(^|\/)(package-lock\.json|go\.sum)$/,
};

/** Labels a new or changed pull request by its paths, and assigns its author if it has no assignee. */
export default defineWorkflow({
  name: "label-pull-request",
  on: {
    github: {
      events: "pull_request",
      actions: ["opened", "reopened", "synchronize"],
      filter: ({ payload }) => payload.pull_request.user?.type !== "Bot",
    },
  },
  async run({ event: { payload }, changedFiles, github, issue, repo, step }) {
    const { pull_request: pull } = payload;
    const files = await changedFiles();
    const has = pull.labels.map(({ name }) => name);
    const labels = Object.entries(LABELS)
      .filter(([label, paths]) => !has.includes(label) && files.some((path) => paths.test(path)))
      .map(([label]) => label);
    if (labels.length > 0) {
      await step("label", async () => {
        await github.rest.issues.addLabels({ ...repo, issue_number: issue, labels });
      });
    }

    const isUnassigned = payload.action === "opened" && pull.assignees?.length === 0;
    const assignees = isUnassigned && pull.user ? [pull.user.login] : [];
    if (assignees.length > 0) {
      await step("assign", async () => {
        await github.rest.issues.addAssignees({ ...repo, issue_number: issue, assignees });
      });
    }
    return { labels, assignees };
  },
});
