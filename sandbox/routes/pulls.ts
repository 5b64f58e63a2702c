import type { Pull } from "../records.ts";
import type { Repository } from "../repository.ts";
import { labelJson } from "./issues.ts";
import { pageOf } from "./paging.ts";
import { type Call, notFound, type Reply, type World } from "./reply.ts";
import { repositoryJson } from "./repositories.ts";
import { userJson } from "./users.ts";

export function listPulls(repository: Repository, call: Call, world: World): Reply {
  const state = call.query.get("state") ?? "open";
  const head = call.query.get("head");
  const owner = repository.fullName.split("/")[0];
  const all = [...repository.pulls.values()]
    .filter((pull) => state === "all" || pull.state === state)
    .filter((pull) => head === null || head === `${owner}:${pull.head.ref}`)
    .reverse();
  const { items, headers } = pageOf(all, call, world);
  return { status: 200, headers, json: items.map((pull) => pullJson(repository, world.base, pull)) };
}

export function showPull(repository: Repository, _call: Call, { base }: World, [number]: readonly string[]): Reply {
  const pull = repository.pulls.get(Number(number));
  if (!pull) return notFound;
  const counts = { commits: 1, additions: 1, deletions: 0, changed_files: pull.files.length };
  const merging = { merged: false, mergeable: true, mergeable_state: "clean", merged_by: null };
  const talk = { comments: 0, review_comments: 0, maintainer_can_modify: false };
  return { status: 200, json: { ...pullJson(repository, base, pull), ...counts, ...merging, ...talk } };
}

export function listFiles(repository: Repository, call: Call, world: World, [number]: readonly string[]): Reply {
  const pull = repository.pulls.get(Number(number));
  if (!pull) return notFound;
  const { items, headers } = pageOf(pull.files, call, world);
  const { fullName } = repository;
  const files = items.map((filename) => ({
    sha: "f".repeat(40),
    filename,
    status: "modified",
    additions: 1,
    deletions: 0,
    changes: 1,
    blob_url: `https://github.com/${fullName}/blob/${pull.head.sha}/${encodeURI(filename)}`,
    raw_url: `https://github.com/${fullName}/raw/${pull.head.sha}/${encodeURI(filename)}`,
    contents_url: `${world.base}/repos/${fullName}/contents/${encodeURI(filename)}?ref=${pull.head.sha}`,
  }));
  return { status: 200, headers, json: files };
}

function pullJson(repository: Repository, base: string, pull: Pull) {
  const { fullName } = repository;
  const [owner = ""] = fullName.split("/");
  const url = `${base}/repos/${fullName}/pulls/${pull.number}`;
  const issue = `${base}/repos/${fullName}/issues/${pull.number}`;
  const html = `https://github.com/${fullName}/pull/${pull.number}`;
  const statuses = `${base}/repos/${fullName}/statuses/${pull.head.sha}`;
  const branch = (ref: string, sha: string | undefined) => ({
    label: `${owner}:${ref}`,
    ref,
    sha,
    user: userJson(owner),
    repo: repositoryJson(repository, base),
  });
  return {
    id: pull.number,
    node_id: `PR_${pull.number}`,
    number: pull.number,
    url,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    issue_url: issue,
    comments_url: `${issue}/comments`,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${base}/repos/${fullName}/pulls/comments{/number}`,
    statuses_url: statuses,
    state: pull.state,
    locked: false,
    title: pull.title,
    body: null,
    user: userJson(pull.author),
    labels: pull.labels.map((name) => labelJson(repository, base, name)),
    assignee: pull.assignees[0] === undefined ? null : userJson(pull.assignees[0]),
    assignees: pull.assignees.map(userJson),
    requested_reviewers: [],
    requested_teams: [],
    milestone: null,
    draft: pull.draft,
    head: branch(pull.head.ref, pull.head.sha),
    base: branch(repository.defaultBranch, repository.commitOf(repository.defaultBranch)),
    _links: Object.fromEntries(
      Object.entries({
        self: url,
        html,
        issue,
        comments: `${issue}/comments`,
        review_comments: `${url}/comments`,
        review_comment: `${base}/repos/${fullName}/pulls/comments{/number}`,
        commits: `${url}/commits`,
        statuses,
      }).map(([name, href]) => [name, { href }]),
    ),
    author_association: "MEMBER",
    auto_merge: null,
    merge_commit_sha: null,
    merged_at: null,
    closed_at: pull.state === "closed" ? "2026-01-02T00:00:00Z" : null,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  };
}
