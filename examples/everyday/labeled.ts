import { defineWorkflow } from "gh-runner";

/** When an issue gets a label that ends its triage: removes obsolete labels, and asks for a missing example. */
export default defineWorkflow({
  name: "labeled",
  on: { github: { events: "issues", actions: ["labeled"] } },
  async run({ event: { payload }, github, repo, repository, issue, step }) {
    const label = payload.label?.name ?? "";
    const isWelcome = ["contribution welcome", "help wanted"].includes(label);
    const isTriaged =
      ["enhancement", "needs reproduction"].includes(label) || payload.label?.description?.includes("(priority)");
    const obsolete = isWelcome ? ["pending triage", "needs reproduction"] : isTriaged ? ["pending triage"] : [];
    for (const { name } of payload.issue.labels ?? []) {
      if (!obsolete.includes(name)) continue;
      await step(`without ${name}`, () =>
        github.rest.issues.removeLabel({ ...repo, issue_number: issue, name }, { allow: [404] }),
      );
    }
    if (label === "needs reproduction") {
      const body = `Hello @${payload.issue.user?.login}, please show a minimal example. Without one, this is closed in three days.`;
      await github.comment({ repository, number: issue, key: "reproduction", body });
    }
  },
});
