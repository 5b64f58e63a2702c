import { defineWorkflow } from "gh-runner";

/** Adds a merged pull request to the milestone of the next release. */
export default defineWorkflow({
  name: "milestone",
  on: {
    github: {
      events: "pull_request",
      actions: ["closed"],
      filter: ({ payload }) => payload.pull_request.merged === true,
    },
  },
  async run({ github, repo, issue }) {
    const { data: milestones } = await github.rest.issues.listMilestones({ ...repo, state: "open" });
    const next = milestones.find(({ title }) => title === "next release");
    if (next) await github.rest.issues.update({ ...repo, issue_number: issue, milestone: next.number });
  },
});
