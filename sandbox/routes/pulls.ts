import type { Pull } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { changedFileJson } from "./commits.ts";
import { asIssue } from "./issue-json.ts";
import {
  all,
  type Call,
  failure,
  listed,
  notFound,
  type Reply,
  type RepositoryHandler,
  teamJson,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";
import { repositoryJson } from "./repositories.ts";

/**
 * Finds the pull request with the number in the first parameter. It is also an issue, with labels, assignees and
 * comments.
 */
export function withPull(
  then: (repository: Repository, pull: Pull, call: Call, world: World, parameters: readonly string[]) => Reply,
): RepositoryHandler {
  return (repository, call, world, parameters) => {
    const pull = repository.pulls.get(Number(parameters[0]));
    return pull ? then(repository, pull, call, world, parameters) : notFound;
  };
}

export const listPulls: RepositoryHandler = (repository, call, world) => {
  const state = call.query.get("state") ?? "open";
  const head = call.query.get("head");
  const base = call.query.get("base");
  const owner = repository.fullName.split("/")[0];
  const wanted = [...repository.pulls.values()]
    .filter((pull) => state === "all" || pull.state === state)
    .filter((pull) => head === null || head === `${owner}:${pull.head.ref}`)
    .filter((pull) => base === null || base === (pull.base ?? repository.defaultBranch))
    .reverse();
  return listed(wanted, call, world, (pull) => pullJson(repository, world, pull));
};

/**
 * The open and merged pull requests of a commit, without closed ones.
 * @see https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
 */
export const listPullsOfCommit: RepositoryHandler = (repository, call, world, [sha = ""]) => {
  if (!repository.commitOf(sha)) return failure(422, `No commit found for SHA: ${sha}`);
  const found = [...repository.pulls.values()]
    .filter((pull) => pull.head.sha === sha || pull.commits?.includes(sha))
    .filter(({ state, merged }) => state === "open" || merged)
    .reverse();
  return listed(found, call, world, (pull) => pullJson(repository, world, pull));
};

export const showPull = withPull((repository, pull, _call, world) => ({
  status: 200,
  json: pullDetail(repository, world, pull),
}));

/** A single pull request has more fields than one in a list. */
export function pullDetail(repository: Repository, world: World, pull: Pull) {
  const counts = {
    commits: 1 + (pull.commits?.length ?? 0),
    additions: 1,
    deletions: 0,
    changed_files: pull.files.length,
  };
  const merged_by = pull.merged ? userJson("octocat") : null;
  const merging = {
    merged: pull.merged ?? false,
    mergeable: true,
    mergeable_state: pull.mergeableState ?? "clean",
    merged_by,
  };
  const talk = { comments: 0, review_comments: 0, maintainer_can_modify: false };
  return { ...pullJson(repository, world, pull), ...counts, ...merging, ...talk };
}

export const listFiles = withPull((repository, { files, head }, call, world) =>
  listed(files, call, world, (filename) => changedFileJson(repository, world, filename, head.sha)),
);

function urlsOf({ fullName }: Repository, { base }: World, { number }: Pull) {
  return {
    url: `${base}/repos/${fullName}/pulls/${number}`,
    issue: `${base}/repos/${fullName}/issues/${number}`,
    html: `https://github.com/${fullName}/pull/${number}`,
  };
}

export function pullJson(repository: Repository, world: World, pull: Pull) {
  const { fullName, defaultBranch } = repository;
  const { base = defaultBranch } = pull;
  const [owner = ""] = fullName.split("/");
  const { url, html, issue } = urlsOf(repository, world, pull);
  const comment = `${world.base}/repos/${fullName}/pulls/comments{/number}`;
  const statuses = `${world.base}/repos/${fullName}/statuses/${pull.head.sha}`;
  const links = {
    comments: `${issue}/comments`,
    review_comments: `${url}/comments`,
    review_comment: comment,
    commits: `${url}/commits`,
    statuses,
    issue,
  };
  const branch = (ref: string, sha: string | undefined) => ({
    label: `${owner}:${ref}`,
    ref,
    sha,
    user: userJson(owner),
    repo: repositoryJson(repository, world.base),
  });
  const closedAt = pull.state === "closed" ? timeOf(pull.closedAt ?? pull.updatedAt) : null;
  return {
    ...asIssue(repository, world, pull),
    url,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    ...Object.fromEntries(Object.entries(links).map(([name, href]) => [`${name}_url`, href])),
    _links: Object.fromEntries(Object.entries({ self: url, html, ...links }).map(([name, href]) => [name, { href }])),
    requested_reviewers: pull.reviewers.map(userJson),
    requested_teams: pull.teamReviewers.map(teamJson),
    draft: pull.draft,
    head: branch(pull.head.ref, pull.head.sha),
    base: branch(base, repository.commitOf(base)),
    auto_merge: pull.autoMerge ? autoMergeJson(pull.autoMerge) : null,
    ...all(null, "merge_commit_sha"),
    closed_at: closedAt,
    merged_at: pull.merged ? closedAt : null,
  };
}

function autoMergeJson({ method, by }: NonNullable<Pull["autoMerge"]>) {
  return { enabled_by: userJson(by), merge_method: method, commit_title: "", commit_message: "" };
}
