import type { Reaction } from "../issues.ts";
import type { Repository } from "../repository.ts";
import {
  type Call,
  failure,
  ISSUES_READ,
  ISSUES_WRITE,
  listed,
  loginOf,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";

const CONTENTS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

type On = Reaction["on"];
type WithSubject = (repository: Repository, on: On, call: Call, world: World, id: number) => Reply;

/** The object with the number in the first parameter: an issue, a pull request, or a comment. */
const about =
  (kind: "issue" | "comment") =>
  (then: WithSubject): RepositoryHandler =>
  (repository, call, world, [number, id]) => {
    const has =
      kind === "issue"
        ? repository.issue(Number(number))
        : repository.comments.find((each) => each.id === Number(number));
    const on = (kind === "issue" ? { issue: Number(number) } : { comment: Number(number) }) as On;
    return has ? then(repository, on, call, world, Number(id)) : notFound;
  };

const isOn = (on: On) => (reaction: Reaction) => JSON.stringify(reaction.on) === JSON.stringify(on);

const list: WithSubject = (repository, on, call, world) => {
  const content = call.query.get("content");
  const found = repository.reactions.filter(isOn(on)).filter((each) => content === null || each.content === content);
  return listed(found, call, world, reactionJson);
};

/** A user can react once with each. The second time GitHub answers 200 with the first reaction. */
const create: WithSubject = (repository, on, call, world) => {
  const content = String(parseObject(call.body)?.content);
  if (!CONTENTS.includes(content)) return failure(422, "Validation Failed");
  const author = loginOf(call, world);
  const known = repository.reactions.find(
    (each) => isOn(on)(each) && each.content === content && each.author === author,
  );
  if (known) return { status: 200, json: reactionJson(known) };
  const id = 1 + Math.max(0, ...repository.reactions.map((each) => each.id));
  const reaction = { id, on, content, author, createdAt: world.now() };
  repository.reactions.push(reaction);
  return { status: 201, json: reactionJson(reaction) };
};

const remove: WithSubject = ({ reactions }, on, _call, _world, id) => {
  const place = reactions.findIndex((each) => each.id === id && isOn(on)(each));
  if (place === -1) return notFound;
  reactions.splice(place, 1);
  return { status: 204 };
};

export const reactionRoutes: readonly RepositoryRoute[] = [
  ["GET /issues/{issue_number}/reactions", ISSUES_READ, about("issue")(list)],
  ["POST /issues/{issue_number}/reactions", ISSUES_WRITE, about("issue")(create)],
  ["DELETE /issues/{issue_number}/reactions/{reaction_id}", ISSUES_WRITE, about("issue")(remove)],
  ["GET /issues/comments/{comment_id}/reactions", ISSUES_READ, about("comment")(list)],
  ["POST /issues/comments/{comment_id}/reactions", ISSUES_WRITE, about("comment")(create)],
  ["DELETE /issues/comments/{comment_id}/reactions/{reaction_id}", ISSUES_WRITE, about("comment")(remove)],
];

const reactionJson = ({ id, content, author, createdAt }: Reaction) => ({
  ...{ id, node_id: `REA_${id}`, content },
  user: userJson(author),
  created_at: timeOf(createdAt),
});
