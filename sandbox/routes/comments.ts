import type { Comment } from "../records.ts";
import type { Repository } from "../repository.ts";
import { pageOf } from "./paging.ts";
import { type Call, failure, notFound, parseObject, type Reply, type World } from "./reply.ts";
import { userJson } from "./users.ts";

export function listComments(repository: Repository, call: Call, world: World, [number]: readonly string[]): Reply {
  if (!repository.pulls.has(Number(number))) return notFound;
  const all = repository.comments.filter(({ pull }) => pull === Number(number));
  const { items, headers } = pageOf(all, call, world);
  return { status: 200, headers, json: items.map((comment) => commentJson(repository, comment, world)) };
}

export function createComment(repository: Repository, call: Call, world: World, [number]: readonly string[]): Reply {
  if (!repository.pulls.has(Number(number))) return notFound;
  const body = textOf(call);
  if (typeof body !== "string") return body;
  const author = world.credentials.grantOf(call.token)?.login ?? "octocat";
  const comment = { id: 1 + repository.comments.length, pull: Number(number), author, body };
  repository.comments.push(comment);
  return { status: 201, json: commentJson(repository, comment, world) };
}

export function updateComment(repository: Repository, call: Call, world: World, [id]: readonly string[]): Reply {
  const comment = repository.comments.find((each) => each.id === Number(id));
  if (!comment) return notFound;
  const body = textOf(call);
  if (typeof body !== "string") return body;
  comment.body = body;
  return { status: 200, json: commentJson(repository, comment, world) };
}

/** https://github.com/orgs/community/discussions/41331 */
const MAX_CHARACTERS = 65_536;

function textOf(call: Call): string | Reply {
  const body = parseObject(call.body)?.body;
  if (typeof body !== "string" || body.trim() === "") return failure(422, "Validation Failed: body can't be blank");
  if (body.length > MAX_CHARACTERS) return failure(422, `Body is too long (maximum is ${MAX_CHARACTERS} characters)`);
  return body;
}

function commentJson({ fullName }: Repository, { id, pull, author, body }: Comment, { base }: World) {
  return {
    id,
    node_id: `IC_${id}`,
    url: `${base}/repos/${fullName}/issues/comments/${id}`,
    html_url: `https://github.com/${fullName}/pull/${pull}#issuecomment-${id}`,
    issue_url: `${base}/repos/${fullName}/issues/${pull}`,
    body,
    user: userJson(author),
    author_association: "MEMBER",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  };
}
