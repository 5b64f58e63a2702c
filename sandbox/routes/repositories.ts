import type { Repository } from "../repository.ts";
import { mayDo } from "./access.ts";
import type { Call, Reply, World } from "./reply.ts";
import { userJson } from "./users.ts";

export function showRepository(repository: Repository, { token }: Call, { base, credentials }: World): Reply {
  const grant = credentials.grantOf(token) ?? {};
  const permissions = {
    admin: false,
    push: mayDo(grant, repository, "contents=write"),
    pull: !repository.isPrivate || mayDo(grant, repository, "contents=read"),
  };
  return { status: 200, json: { ...repositoryJson(repository, base), permissions } };
}

export function repositoryJson({ id, fullName, isPrivate, archived, defaultBranch }: Repository, base: string) {
  const [owner = "", name = ""] = fullName.split("/");
  const url = `${base}/repos/${fullName}`;
  const links = Object.fromEntries(REPOSITORY_LINKS.map((link) => [`${link}_url`, `${url}/${link}`]));
  return {
    id,
    node_id: `R_${id}`,
    name,
    full_name: fullName,
    private: isPrivate,
    owner: userJson(owner),
    html_url: `https://github.com/${fullName}`,
    description: null,
    fork: false,
    url,
    ...links,
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    clone_url: `https://github.com/${fullName}.git`,
    svn_url: `https://github.com/${fullName}`,
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    forks_count: 0,
    stargazers_count: 0,
    watchers_count: 0,
    size: 1,
    default_branch: defaultBranch,
    open_issues_count: 0,
    topics: [],
    has_issues: true,
    has_projects: true,
    has_wiki: false,
    has_pages: false,
    has_downloads: true,
    has_discussions: false,
    archived,
    disabled: false,
    visibility: isPrivate ? "private" : "public",
    pushed_at: "2026-01-01T00:00:00Z",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    subscribers_count: 0,
    network_count: 0,
    forks: 0,
    open_issues: 0,
    watchers: 0,
  };
}

const REPOSITORY_LINKS = [
  "archive",
  "assignees",
  "blobs",
  "branches",
  "collaborators",
  "comments",
  "commits",
  "compare",
  "contents",
  "contributors",
  "deployments",
  "downloads",
  "events",
  "forks",
  "git_commits",
  "git_refs",
  "git_tags",
  "hooks",
  "issue_comment",
  "issue_events",
  "issues",
  "keys",
  "labels",
  "languages",
  "merges",
  "milestones",
  "notifications",
  "pulls",
  "releases",
  "stargazers",
  "statuses",
  "subscribers",
  "subscription",
  "tags",
  "teams",
  "trees",
];
