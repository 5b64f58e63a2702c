import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const REVIEWERS = `${REPOSITORY}/pulls/{pull_number}/requested_reviewers`;
const ISSUE = `${REPOSITORY}/issues/{issue_number}/reactions`;
const COMMENT = `${REPOSITORY}/issues/comments/{comment_id}/reactions`;

export function prepareReactions(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  shop.openPull({ number: 40, author: "kim", reviewers: ["octocat"], teamReviewers: ["reviewers"] });
  shop.comments.push({ id: 40, issue: 40, author: "kim", body: "/retest" });
  const reaction = { content: "heart", author: "kim", createdAt: 0 };
  shop.reactions.push({ id: 1, on: { issue: 40 }, ...reaction }, { id: 2, on: { comment: 40 }, ...reaction });
}

const EYES = { content: "eyes" };

export const REACTION_CASES: readonly Case[] = [
  ...ofWorkflow(`GET ${REVIEWERS}`, "pulls/40/requested_reviewers", [
    { status: 200, what: "a pull request with reviewers" },
    { status: 404, what: "no such pull request", path: "pulls/99/requested_reviewers" },
  ]),
  ...ofWorkflow(`POST ${REVIEWERS}`, "pulls/40/requested_reviewers", [
    { status: 201, what: "people and a team", body: { reviewers: ["hubot"], team_reviewers: ["owners"] } },
    { status: 422, what: "the author", body: { reviewers: ["kim"] } },
  ]),
  ...ofWorkflow(`DELETE ${REVIEWERS}`, "pulls/40/requested_reviewers", [
    { status: 200, what: "a person", body: { reviewers: ["hubot"] } },
  ]),
  ...ofWorkflow(`GET ${ISSUE}`, "issues/40/reactions?content=heart", [{ status: 200, what: "a pull request" }]),
  ...ofWorkflow(`POST ${ISSUE}`, "issues/40/reactions", [
    { status: 201, what: "a reaction", body: EYES },
    { status: 200, what: "one that is there", body: EYES },
  ]),
  ...ofWorkflow(`DELETE ${ISSUE}/{reaction_id}`, "issues/40/reactions/1", [{ status: 204, what: "a reaction" }]),
  ...ofWorkflow(`GET ${COMMENT}`, "issues/comments/40/reactions", [{ status: 200, what: "a comment" }]),
  ...ofWorkflow(`POST ${COMMENT}`, "issues/comments/40/reactions", [{ status: 201, what: "a reaction", body: EYES }]),
  ...ofWorkflow(`DELETE ${COMMENT}/{reaction_id}`, "issues/comments/40/reactions/2", [
    { status: 204, what: "a reaction" },
    { status: 404, what: "no such reaction", path: "issues/comments/40/reactions/9" },
  ]),
];
