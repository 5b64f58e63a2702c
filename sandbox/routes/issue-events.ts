import type { IssueEvent } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { withIssue } from "./issues.ts";
import { listed, type RepositoryRoute, timeOf, userJson, type World } from "./reply.ts";

/** Oldest first. */
const listEvents = withIssue((repository, { number }, call, world) => {
  const its = repository.events.filter(({ issue }) => issue === number);
  return listed(its, call, world, (event) => eventJson(repository, world, event));
});

function eventJson(repository: Repository, { base }: World, { id, event, actor, createdAt, ...about }: IssueEvent) {
  const { label, assignee } = about;
  return {
    id,
    node_id: `E_${id}`,
    url: `${base}/repos/${repository.fullName}/issues/events/${id}`,
    actor: userJson(actor),
    event,
    commit_id: null,
    commit_url: null,
    created_at: timeOf(createdAt),
    performed_via_github_app: null,
    ...(event === "closed" || event === "reopened" ? { state_reason: null } : {}),
    ...(event === "locked" ? { lock_reason: null } : {}),
    ...(label === undefined ? {} : { label: { name: label, color: repository.label(label).color } }),
    ...(assignee === undefined ? {} : { assignee: userJson(assignee), assigner: userJson(actor) }),
  };
}

export const issueEventRoutes: readonly RepositoryRoute[] = [
  ["GET /issues/{issue_number}/events", "issues=read; pull_requests=read", listEvents],
];
