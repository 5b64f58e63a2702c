import type { Comment, Pull } from "../records.ts";
import type { Repository } from "../repository.ts";
import {
  all,
  type Call,
  failure,
  listed,
  loginOf,
  MADE,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";
import { repositoryJson } from "./repositories.ts";

/** Finds the pull request that the first parameter numbers; as an issue, it has labels, assignees and comments. */
function withPull(then: (repository: Repository, pull: Pull, call: Call, world: World) => Reply): RepositoryHandler {
  return (repository, call, world, [number]) => {
    const pull = repository.pulls.get(Number(number));
    return pull ? then(repository, pull, call, world) : notFound;
  };
}

export const listPulls: RepositoryHandler = (repository, call, world) => {
  const state = call.query.get("state") ?? "open";
  const head = call.query.get("head");
  const owner = repository.fullName.split("/")[0];
  const wanted = [...repository.pulls.values()]
    .filter((pull) => state === "all" || pull.state === state)
    .filter((pull) => head === null || head === `${owner}:${pull.head.ref}`)
    .reverse();
  return listed(wanted, call, world, (pull) => pullJson(repository, world, pull));
};

/**
 * The pull requests of a commit that are open or merged; closed ones are not among them.
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

/** One by itself has more than those of a list. */
export function pullDetail(repository: Repository, world: World, pull: Pull) {
  const counts = { commits: 1, additions: 1, deletions: 0, changed_files: pull.files.length };
  const merged_by = pull.merged ? userJson("octocat") : null;
  const merging = { merged: pull.merged ?? false, mergeable: true, mergeable_state: "clean", merged_by };
  const talk = { comments: 0, review_comments: 0, maintainer_can_modify: false };
  return { ...pullJson(repository, world, pull), ...counts, ...merging, ...talk };
}

export const listFiles = withPull(({ fullName }, pull, call, world) =>
  listed(pull.files, call, world, (filename) => {
    const path = encodeURI(filename);
    return {
      sha: "f".repeat(40),
      filename,
      status: "modified",
      additions: 1,
      deletions: 0,
      changes: 1,
      blob_url: `https://github.com/${fullName}/blob/${pull.head.sha}/${path}`,
      raw_url: `https://github.com/${fullName}/raw/${pull.head.sha}/${path}`,
      contents_url: `${world.base}/repos/${fullName}/contents/${path}?ref=${pull.head.sha}`,
    };
  }),
);

/** Adds labels; those that the repository does not have are made. */
export const addLabels = withPull((repository, pull, call, world) => {
  const labels = namesOf(call, "labels");
  if (!labels) return failure(422, `Invalid request.\n\n"labels" wasn't supplied.`);
  add(pull.labels, labels);
  return { status: 200, json: labelsJson(repository, world, pull) };
});

export const addAssignees = withPull((repository, pull, call, world) => {
  add(pull.assignees, namesOf(call, "assignees") ?? []);
  const { url, html, issue } = urlsOf(repository, world, pull);
  const json = {
    ...asIssue(repository, world, pull),
    url: issue,
    repository_url: url.replace(/\/pulls\/\d+$/, ""),
    labels_url: `${issue}/labels{/name}`,
    comments_url: `${issue}/comments`,
    events_url: `${issue}/events`,
    html_url: html,
    comments: 0,
    closed_at: null,
  };
  return { status: 201, json };
});

function namesOf(call: Call, field: string): string[] | undefined {
  const names = parseObject(call.body)?.[field];
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

function add(known: string[], more: readonly string[]): void {
  for (const each of more) if (!known.includes(each)) known.push(each);
}

/** The oldest first; `since` asks for those that were updated from then on. */
export const listComments = withPull((repository, { number }, call, world) => {
  const since = Date.parse(call.query.get("since") ?? timeOf(0));
  const ofPull = repository.comments.filter(({ pull }) => pull === number).filter((each) => changedAt(each) >= since);
  return listed(ofPull, call, world, (comment) => commentJson(repository, comment, world));
});

const changedAt = ({ createdAt, updatedAt }: Comment) => updatedAt ?? createdAt ?? Date.parse(MADE.created_at);

export const createComment = withPull((repository, { number }, call, world) => {
  const body = textOf(call);
  if (typeof body !== "string") return body;
  const author = loginOf(call, world);
  const id = 1 + Math.max(0, ...repository.comments.map((each) => each.id));
  const comment = { id, pull: number, author, body, createdAt: world.now() };
  repository.comments.push(comment);
  return { status: 201, json: commentJson(repository, comment, world) };
});

export const updateComment: RepositoryHandler = (repository, call, world, [id]) => {
  const comment = repository.comments.find((each) => each.id === Number(id));
  if (!comment) return notFound;
  const body = textOf(call);
  if (typeof body !== "string") return body;
  comment.body = body;
  comment.updatedAt = world.now();
  return { status: 200, json: commentJson(repository, comment, world) };
};

export const deleteComment: RepositoryHandler = (repository, _call, _world, [id]) => {
  const place = repository.comments.findIndex((each) => each.id === Number(id));
  if (place === -1) return notFound;
  repository.comments.splice(place, 1);
  return { status: 204 };
};

/** https://github.com/orgs/community/discussions/41331 */
const MAX_CHARACTERS = 65_536;

function textOf(call: Call): string | Reply {
  const body = parseObject(call.body)?.body;
  if (typeof body !== "string" || body.trim() === "") return failure(422, "Validation Failed: body can't be blank");
  if (body.length > MAX_CHARACTERS) return failure(422, `Body is too long (maximum is ${MAX_CHARACTERS} characters)`);
  return body;
}

function commentJson({ fullName }: Repository, comment: Comment, { base }: World) {
  const { id, pull, author, body, createdAt = Date.parse(MADE.created_at) } = comment;
  return {
    id,
    node_id: `IC_${id}`,
    url: `${base}/repos/${fullName}/issues/comments/${id}`,
    html_url: `https://github.com/${fullName}/pull/${pull}#issuecomment-${id}`,
    issue_url: `${base}/repos/${fullName}/issues/${pull}`,
    body,
    user: userJson(author),
    author_association: "MEMBER",
    created_at: timeOf(createdAt),
    updated_at: timeOf(changedAt(comment)),
  };
}

function labelsJson({ fullName }: Repository, { base }: World, { labels }: Pull) {
  const rest = { id: 1, node_id: "LA_1", description: "", color: "ededed", default: false };
  return labels.map((name) => {
    const url = `${base}/repos/${fullName}/labels/${encodeURIComponent(name)}`;
    return { ...rest, url, name };
  });
}

function urlsOf({ fullName }: Repository, { base }: World, { number }: Pull) {
  return {
    url: `${base}/repos/${fullName}/pulls/${number}`,
    issue: `${base}/repos/${fullName}/issues/${number}`,
    html: `https://github.com/${fullName}/pull/${number}`,
  };
}

/** What a pull request shares with an issue. */
function asIssue(repository: Repository, world: World, pull: Pull) {
  const [assignee] = pull.assignees;
  return {
    id: pull.number,
    node_id: `PR_${pull.number}`,
    number: pull.number,
    title: pull.title,
    state: pull.state,
    locked: false,
    user: userJson(pull.author),
    labels: labelsJson(repository, world, pull),
    assignee: assignee === undefined ? null : userJson(assignee),
    assignees: pull.assignees.map(userJson),
    milestone: null,
    author_association: "MEMBER",
    ...MADE,
  };
}

function pullJson(repository: Repository, world: World, pull: Pull) {
  const { fullName, defaultBranch } = repository;
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
  return {
    ...asIssue(repository, world, pull),
    url,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    ...Object.fromEntries(Object.entries(links).map(([name, href]) => [`${name}_url`, href])),
    _links: Object.fromEntries(Object.entries({ self: url, html, ...links }).map(([name, href]) => [name, { href }])),
    requested_reviewers: [],
    requested_teams: [],
    draft: pull.draft,
    head: branch(pull.head.ref, pull.head.sha),
    base: branch(defaultBranch, repository.commitOf(defaultBranch)),
    ...all(null, "body auto_merge merge_commit_sha"),
    closed_at: pull.state === "closed" ? "2026-01-02T00:00:00Z" : null,
    merged_at: pull.merged ? "2026-01-02T00:00:00Z" : null,
  };
}
