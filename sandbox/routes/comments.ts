import type { Comment } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { withIssue } from "./issues.ts";
import {
  type Call,
  failure,
  ISSUES_READ,
  ISSUES_WRITE,
  listed,
  loginOf,
  MADE,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";

/** Oldest first. `since` selects those that were updated from then on. */
const listComments = withIssue((repository, { number }, call, world) => {
  const since = Date.parse(call.query.get("since") ?? timeOf(0));
  const found = repository.comments.filter(({ issue }) => issue === number).filter((each) => changedAt(each) >= since);
  return listed(found, call, world, (comment) => commentJson(repository, comment, world));
});

const changedAt = ({ createdAt, updatedAt }: Comment) => updatedAt ?? createdAt ?? Date.parse(MADE.created_at);

const createComment = withIssue((repository, issue, call, world) => {
  const body = textOf(call);
  if (typeof body !== "string") return body;
  const author = loginOf(call, world);
  const id = 1 + Math.max(0, ...repository.comments.map((each) => each.id));
  const comment = { id, issue: issue.number, author, body, createdAt: world.now() };
  repository.comments.push(comment);
  issue.updatedAt = world.now();
  return { status: 201, json: commentJson(repository, comment, world) };
});

function withComment(
  then: (repository: Repository, comment: Comment, call: Call, world: World) => Reply,
): RepositoryHandler {
  return (repository, call, world, [id]) => {
    const comment = repository.comments.find((each) => each.id === Number(id));
    return comment ? then(repository, comment, call, world) : notFound;
  };
}

const showComment = withComment((repository, comment, _call, world) => ({
  status: 200,
  json: commentJson(repository, comment, world),
}));

const updateComment = withComment((repository, comment, call, world) => {
  const body = textOf(call);
  if (typeof body !== "string") return body;
  comment.body = body;
  comment.updatedAt = world.now();
  return { status: 200, json: commentJson(repository, comment, world) };
});

const deleteComment = withComment((repository, comment) => {
  repository.comments.splice(repository.comments.indexOf(comment), 1);
  return { status: 204 };
});

export const commentRoutes: readonly RepositoryRoute[] = [
  ["GET /issues/{issue_number}/comments", ISSUES_READ, listComments],
  ["POST /issues/{issue_number}/comments", ISSUES_WRITE, createComment],
  ["GET /issues/comments/{comment_id}", ISSUES_READ, showComment],
  ["PATCH /issues/comments/{comment_id}", ISSUES_WRITE, updateComment],
  ["DELETE /issues/comments/{comment_id}", ISSUES_WRITE, deleteComment],
];

/** https://github.com/orgs/community/discussions/41331 */
const MAX_CHARACTERS = 65_536;

function textOf(call: Call): string | Reply {
  const body = parseObject(call.body)?.body;
  if (typeof body !== "string" || body.trim() === "") return failure(422, "Validation Failed: body can't be blank");
  if (body.length > MAX_CHARACTERS) return failure(422, `Body is too long (maximum is ${MAX_CHARACTERS} characters)`);
  return body;
}

function commentJson({ fullName, pulls }: Repository, comment: Comment, { base }: World) {
  const { id, issue, author, body, createdAt = Date.parse(MADE.created_at) } = comment;
  const kind = pulls.has(issue) ? "pull" : "issues";
  return {
    id,
    node_id: `IC_${id}`,
    url: `${base}/repos/${fullName}/issues/comments/${id}`,
    html_url: `https://github.com/${fullName}/${kind}/${issue}#issuecomment-${id}`,
    issue_url: `${base}/repos/${fullName}/issues/${issue}`,
    body,
    user: userJson(author),
    author_association: "MEMBER",
    created_at: timeOf(createdAt),
    updated_at: timeOf(changedAt(comment)),
  };
}
