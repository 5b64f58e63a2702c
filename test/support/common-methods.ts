import type { RestRoutes } from "../../src/model/rest-routes.ts";

type Method = { [Scope in keyof RestRoutes]: `${Scope}.${keyof RestRoutes[Scope] & string}` }[keyof RestRoutes];

/** One of Octokit's methods: how many files call it, and how a small workflow calls it. */
export type CommonMethod = {
  readonly method: Method;
  readonly files: number;
  /** Calls below a repository also get `owner` and `repo`. */
  readonly parameters: Readonly<Record<string, unknown>>;
};

const SHA = "c".repeat(40);

/**
 * What 153 workflow files of 24 public repositories call: with actions/github-script, gh and curl, and through 50 actions. A
 * file counts once per method. These are all 58 methods found, except those that make an App's token (the service does that)
 * and GraphQL (13 files use it).
 */
export const COMMON_METHODS: readonly CommonMethod[] = [
  { method: "issues.createComment", files: 52, parameters: { issue_number: 7, body: "Thank you!" } },
  { method: "issues.addLabels", files: 38, parameters: { issue_number: 7, labels: ["bug"] } },
  { method: "pulls.get", files: 34, parameters: { pull_number: 8 } },
  { method: "issues.removeLabel", files: 26, parameters: { issue_number: 7, name: "bug" } },
  { method: "issues.update", files: 24, parameters: { issue_number: 7, state: "closed", state_reason: "not_planned" } },
  { method: "issues.listComments", files: 22, parameters: { issue_number: 7, per_page: 100 } },
  { method: "issues.listForRepo", files: 18, parameters: { state: "open", labels: "stale", sort: "updated", page: 1 } },
  { method: "issues.listEvents", files: 14, parameters: { issue_number: 7 } },
  { method: "pulls.listCommits", files: 13, parameters: { pull_number: 8 } },
  { method: "pulls.update", files: 12, parameters: { pull_number: 8, title: "fix: it works" } },
  { method: "repos.getContent", files: 10, parameters: { path: ".github/labeler.yml", ref: "main" } },
  { method: "issues.lock", files: 8, parameters: { issue_number: 7, lock_reason: "resolved" } },
  { method: "actions.createWorkflowDispatch", files: 7, parameters: { workflow_id: "tests.yml", ref: "main" } },
  { method: "pulls.listFiles", files: 7, parameters: { pull_number: 8, per_page: 100 } },
  { method: "issues.get", files: 6, parameters: { issue_number: 7 } },
  { method: "issues.setLabels", files: 6, parameters: { issue_number: 7, labels: ["triaged"] } },
  { method: "pulls.create", files: 6, parameters: { title: "Backport", head: "backport", base: "main", body: "Of 8" } },
  { method: "reactions.createForIssueComment", files: 6, parameters: { comment_id: 1, content: "+1" } },
  { method: "repos.createCommitStatus", files: 6, parameters: { sha: SHA, state: "success", context: "title" } },
  {
    method: "search.issuesAndPullRequests",
    files: 6,
    parameters: { q: "repo:acme/shop is:issue is:closed -is:locked" },
  },
  { method: "pulls.createReview", files: 5, parameters: { pull_number: 8, event: "APPROVE" } },
  { method: "orgs.checkMembershipForUser", files: 4, parameters: { org: "acme", username: "kim" } },
  { method: "pulls.merge", files: 4, parameters: { pull_number: 8, merge_method: "squash" } },
  { method: "repos.getCollaboratorPermissionLevel", files: 4, parameters: { username: "kim" } },
  { method: "pulls.list", files: 3, parameters: { state: "open", head: "acme:change-8", sort: "created" } },
  { method: "repos.createRelease", files: 3, parameters: { tag_name: "v2", name: "2.0", draft: true, body: "News" } },
  { method: "repos.getReleaseByTag", files: 3, parameters: { tag: "v1" } },
  { method: "users.getByUsername", files: 3, parameters: { username: "kim" } },
  { method: "issues.create", files: 2, parameters: { title: "Release 2.0", body: "- [ ] tests", labels: ["release"] } },
  { method: "issues.listLabelsOnIssue", files: 2, parameters: { issue_number: 7 } },
  { method: "issues.listMilestones", files: 2, parameters: { state: "open", sort: "due_on" } },
  { method: "issues.updateComment", files: 2, parameters: { comment_id: 1, body: "Updated" } },
  { method: "repos.getLatestRelease", files: 2, parameters: {} },
  { method: "repos.listReleases", files: 2, parameters: { per_page: 10 } },
  { method: "repos.updateRelease", files: 2, parameters: { release_id: 1, body: "More news" } },
  { method: "actions.cancelWorkflowRun", files: 1, parameters: { run_id: 5 } },
  { method: "actions.getWorkflow", files: 1, parameters: { workflow_id: "tests.yml" } },
  { method: "actions.getWorkflowRun", files: 1, parameters: { run_id: 5 } },
  { method: "actions.getWorkflowRunAttempt", files: 1, parameters: { run_id: 5, attempt_number: 1 } },
  { method: "actions.listRepoWorkflows", files: 1, parameters: {} },
  {
    method: "actions.listWorkflowRuns",
    files: 1,
    parameters: { workflow_id: "tests.yml", branch: "main", status: "success" },
  },
  { method: "actions.reRunWorkflowFailedJobs", files: 1, parameters: { run_id: 6 } },
  { method: "git.createRef", files: 1, parameters: { ref: "refs/heads/next", sha: SHA } },
  { method: "git.createTag", files: 1, parameters: { tag: "v3", message: "Third", object: SHA, type: "commit" } },
  { method: "issues.createLabel", files: 1, parameters: { name: "size/XL", color: "b60205", description: "Large" } },
  { method: "issues.createMilestone", files: 1, parameters: { title: "2.0", due_on: "2027-01-31T00:00:00Z" } },
  { method: "issues.getComment", files: 1, parameters: { comment_id: 1 } },
  { method: "issues.getLabel", files: 1, parameters: { name: "stale" } },
  { method: "issues.listLabelsForRepo", files: 1, parameters: { per_page: 100 } },
  { method: "issues.updateLabel", files: 1, parameters: { name: "size/XL", color: "d93f0b" } },
  { method: "issues.updateMilestone", files: 1, parameters: { milestone_number: 1, state: "closed" } },
  { method: "orgs.checkPublicMembershipForUser", files: 1, parameters: { org: "acme", username: "kim" } },
  { method: "pulls.listReviews", files: 1, parameters: { pull_number: 8 } },
  {
    method: "pulls.requestReviewers",
    files: 1,
    parameters: { pull_number: 8, reviewers: ["hubot"], team_reviewers: ["owners"] },
  },
  { method: "reactions.deleteForIssueComment", files: 1, parameters: { comment_id: 1, reaction_id: 1 } },
  { method: "repos.getCommit", files: 1, parameters: { ref: "main" } },
  { method: "search.commits", files: 1, parameters: { q: "repo:acme/shop hash:5b7c" } },
  { method: "teams.listMembersInOrg", files: 1, parameters: { org: "acme", team_slug: "owners" } },
];
