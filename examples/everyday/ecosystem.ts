import { defineWorkflow, fail } from "gh-runner";

/** The comment `/ecosystem-ci run [suite]` of an authorized person: tests dependent projects with the pull request. */
export default defineWorkflow({
  name: "ecosystem",
  on: {
    github: {
      events: "issue_comment",
      actions: ["created"],
      filter: ({ payload }) => !!payload.issue.pull_request && payload.comment.body.startsWith("/ecosystem-ci run"),
    },
  },
  /** Such as `https://packages.example.com/acme`. */
  env: ["PACKAGES_URL"],
  identities: { ecosystem: { githubApp: "ECOSYSTEM_APP" } },
  async run({ event: { payload }, env, github, repo, issue, step, fetch, waitUntil }) {
    const { comment, sender } = payload;
    const onComment = { ...repo, comment_id: comment.id };
    const react = (content: "rocket" | "+1" | "-1") =>
      step(content, async () => (await github.rest.reactions.createForIssueComment({ ...onComment, content })).data.id);

    const user = { ...repo, username: sender.login };
    const { data: access } = await github.rest.repos.getCollaboratorPermissionLevel(user);
    await react(access.user?.permissions?.triage ? "+1" : "-1");
    if (!access.user?.permissions?.triage) return fail(`${sender.login} may not start it`);

    const { data: pull } = await github.rest.pulls.get({ ...repo, pull_number: issue });
    const { data: head } = await github.rest.repos.getCommit({ ...repo, ref: pull.head.sha });
    if (new Date(head.commit.committer?.date ?? 0) > new Date(comment.created_at)) {
      const body = "The pull request was changed after the command. Look at the changes, then run it again.";
      await step("warn", () => github.rest.issues.createComment({ ...repo, issue_number: issue, body }));
      return fail(body);
    }
    if ((await fetch(`${env.PACKAGES_URL}@${head.sha}`)).status === 404) {
      const reaction_id = await react("rocket");
      const label = { ...repo, issue_number: issue, labels: ["trigger: preview"] };
      await step("preview", () => github.as("ecosystem").rest.issues.addLabels(label));
      const released = async () => {
        const query = { ...repo, workflow_id: "preview-release.yml", head_sha: head.sha };
        const [run] = (await github.rest.actions.listWorkflowRuns(query)).data.workflow_runs;
        return run?.status === "completed" && run.conclusion !== "skipped" ? run.conclusion : undefined;
      };
      const conclusion = await waitUntil("preview release", released, { every: "10s", timeout: "10m" });
      if (conclusion !== "success") return fail(`the preview release ended as ${conclusion}`);
      await step("released", () => github.rest.reactions.deleteForIssueComment({ ...onComment, reaction_id }));
    }
    const suite = /^\/ecosystem-ci run(.*)/.exec(comment.body)?.[1]?.trim() || "-";
    const source = { branchName: pull.head.ref, repo: pull.head.repo?.full_name ?? "", commit: head.sha };
    const start = { ref: "main", inputs: { prNumber: String(issue), ...source, suite } };
    await github.as("ecosystem").runWorkflow("acme/ecosystem-ci", "from-pull-request.yml", start);
  },
});
