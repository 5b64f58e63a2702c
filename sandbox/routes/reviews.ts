import type { Pull, Review } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { closePull } from "../webhooks.ts";
import { commitJson } from "./commits.ts";
import { withPull } from "./pulls.ts";
import {
  failure,
  listed,
  loginOf,
  notFound,
  parseObject,
  type RepositoryRoute,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";

/** Oldest first. The head is the last one. */
const listCommits = withPull((repository, { commits = [], head }, call, world) =>
  listed([...commits, head.sha], call, world, (sha) => commitJson(repository, world.base, sha, sha)),
);

const listReviews = withPull((repository, pull, call, world) =>
  listed(pull.reviews, call, world, (review) => reviewJson(repository, world, pull, review)),
);

const STATES = { APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" } as const;

const createReview = withPull((repository, pull, call, world) => {
  const { event = "", body = "", commit_id = pull.head.sha } = parseObject(call.body) ?? {};
  const state = STATES[event as keyof typeof STATES] ?? "PENDING";
  const author = loginOf(call, world);
  if (author === pull.author && event === "APPROVE") {
    return failure(422, "Unprocessable Entity: Can not approve your own pull request");
  }
  if (state === "CHANGES_REQUESTED" && body === "") return failure(422, "Unprocessable Entity: body is missing");
  const [id, commit] = [pull.reviews.length + 1, String(commit_id)];
  const review: Review = { id, author, state, body: String(body), commit, submittedAt: world.now() };
  pull.reviews.push(review);
  const place = pull.reviewers.indexOf(author);
  if (place !== -1) pull.reviewers.splice(place, 1);
  return { status: 200, json: reviewJson(repository, world, pull, review) };
});

const dismissReview = withPull((repository, pull, call, world, [, id]) => {
  const review = pull.reviews.find((each) => each.id === Number(id));
  if (!review) return notFound;
  const { message } = parseObject(call.body) ?? {};
  if (typeof message !== "string" || message === "")
    return failure(422, `Invalid request.\n\n"message" wasn't supplied.`);
  if (review.state === "COMMENTED")
    return failure(422, "Unprocessable Entity: Can not dismiss a commented pull request review");
  review.state = "DISMISSED";
  return { status: 200, json: reviewJson(repository, world, pull, review) };
});

/** Merges the head. With `sha`, only if the head is that commit. */
const merge = withPull((repository, pull, call, world) => {
  const { sha = pull.head.sha } = parseObject(call.body) ?? {};
  const isMergeable = ["clean", "has_hooks", "unstable"].includes(pull.mergeableState ?? "clean");
  if (pull.state !== "open" || pull.draft || !isMergeable) return failure(405, "Pull Request is not mergeable");
  if (sha !== pull.head.sha) return failure(409, "Head branch was modified. Review and try the merge again.");
  closePull(world, repository, pull.number, true);
  return { status: 200, json: { sha: "e".repeat(40), merged: true, message: "Pull Request successfully merged" } };
});

export const reviewRoutes: readonly RepositoryRoute[] = [
  ["GET /pulls/{pull_number}/commits", "pull_requests=read", listCommits],
  ["GET /pulls/{pull_number}/reviews", "pull_requests=read", listReviews],
  ["POST /pulls/{pull_number}/reviews", "pull_requests=write", createReview],
  ["PUT /pulls/{pull_number}/reviews/{review_id}/dismissals", "pull_requests=write", dismissReview],
  ["PUT /pulls/{pull_number}/merge", "contents=write", merge],
];

function reviewJson({ fullName }: Repository, { base }: World, { number }: Pull, review: Review) {
  const { id, author, body, state, commit, submittedAt } = review;
  const html = `https://github.com/${fullName}/pull/${number}#pullrequestreview-${id}`;
  const pull = `${base}/repos/${fullName}/pulls/${number}`;
  return {
    ...{ id, node_id: `PRR_${id}`, user: userJson(author), body, state, commit_id: commit },
    ...{ html_url: html, pull_request_url: pull, author_association: "MEMBER", submitted_at: timeOf(submittedAt) },
    _links: { html: { href: html }, pull_request: { href: pull } },
  };
}
