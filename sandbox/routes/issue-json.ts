import type { Issue, Label, Pull } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { milestoneJson } from "./milestones.ts";
import { timeOf, userJson, type World } from "./reply.ts";

export function issueJson(repository: Repository, world: World, issue: Issue | Pull) {
  const { number } = issue;
  const repo = `${world.base}/repos/${repository.fullName}`;
  const url = `${repo}/issues/${number}`;
  const isPull = repository.pulls.has(number);
  const html = `https://github.com/${repository.fullName}/${isPull ? "pull" : "issues"}/${number}`;
  const merged_at = "merged" in issue && issue.merged ? timeOf(issue.closedAt ?? issue.updatedAt) : null;
  return {
    ...asIssue(repository, world, issue),
    url,
    repository_url: repo,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    timeline_url: `${url}/timeline`,
    html_url: html,
    comments: repository.comments.filter((comment) => comment.issue === number).length,
    state_reason: issue.stateReason,
    closed_at: issue.closedAt === null ? null : timeOf(issue.closedAt),
    closed_by: issue.closedBy === null ? null : userJson(issue.closedBy),
    ...("draft" in issue ? { draft: issue.draft } : {}),
    ...(isPull
      ? {
          pull_request: {
            url: `${repo}/pulls/${number}`,
            html_url: html,
            diff_url: `${html}.diff`,
            patch_url: `${html}.patch`,
            merged_at,
          },
        }
      : { type: issue.type === null ? null : { id: 1, node_id: "IT_1", name: issue.type, description: null } }),
  };
}

/** The fields that a pull request shares with an issue. */
export function asIssue(repository: Repository, world: World, issue: Issue) {
  const [assignee] = issue.assignees;
  const milestone = repository.milestones.get(issue.milestone ?? 0);
  return {
    id: issue.number,
    node_id: `${repository.pulls.has(issue.number) ? "PR" : "I"}_${issue.number}`,
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    locked: issue.locked,
    active_lock_reason: issue.lockReason,
    user: userJson(issue.author),
    labels: issue.labels.map((name) => labelJson(repository, world, repository.label(name))),
    assignee: assignee === undefined ? null : userJson(assignee),
    assignees: issue.assignees.map(userJson),
    milestone: milestone ? milestoneJson(repository, world, milestone) : null,
    author_association: issue.authorAssociation,
    created_at: timeOf(issue.createdAt),
    updated_at: timeOf(issue.updatedAt),
  };
}

export function labelJson({ fullName }: Repository, { base }: World, { id, name, color, description }: Label) {
  const url = `${base}/repos/${fullName}/labels/${encodeURIComponent(name)}`;
  return { id, node_id: `LA_${id}`, url, name, color, description, default: false };
}
