import { defineWorkflow } from "gh-runner";

/** Which label a change of which paths brings. */
const LABELS: Readonly<Record<string, RegExp>> = {
  documentation: /^docs\/|\.md$/,
  deployment: /^(charts|deploy)\//,
  dependencies: /(^|\/)(package-lock\.json|go\.sum)$/,
};

/** A pull request is opened or changed: labels it by what it touches, and assigns its author when nobody is. */
export default defineWorkflow({
  name: "label-pull-request",
  on: {
    github: {
      events: "pull_request",
      actions: ["opened", "reopened", "synchronize"],
      filter: ({ payload }) => payload.pull_request.user?.type !== "Bot",
    },
  },
  async run({ event: { payload }, github, step }) {
    const { number, pull_request: pull, repository } = payload;
    const where = { owner: repository.owner.login, repo: repository.name };

    const files = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", {
      ...where,
      pull_number: number,
      per_page: 100,
    });
    const has = pull.labels.map(({ name }) => name);
    const labels = Object.entries(LABELS)
      .filter(([label, paths]) => !has.includes(label) && files.data.some(({ filename }) => paths.test(filename)))
      .map(([label]) => label);
    if (labels.length > 0) {
      await step("label", async () => {
        const issue = { ...where, issue_number: number, labels };
        await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", issue);
      });
    }

    const isUnassigned = payload.action === "opened" && pull.assignees?.length === 0;
    const assignees = isUnassigned && pull.user ? [pull.user.login] : [];
    if (assignees.length > 0) {
      await step("assign", async () => {
        const issue = { ...where, issue_number: number, assignees };
        await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/assignees", issue);
      });
    }
    return { labels, assignees };
  },
});
