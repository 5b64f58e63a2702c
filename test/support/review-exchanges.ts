import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const PULL = "/repos/{owner}/{repo}/pulls/{pull_number}";

export function prepareReviews(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  const sha = "d".repeat(40);
  shop.written.set(sha, {
    author: "dependabot[bot]",
    committer: "web-flow",
    isVerified: true,
    message: "Bump",
    parents: 1,
  });
  const commit = { author: "hubot", body: "Good.", commit: sha, submittedAt: 0 };
  shop.openPull({
    ...{ number: 30, author: "dependabot[bot]", commits: [sha], autoMerge: { method: "squash", by: "hubot" } },
    reviews: [
      { id: 1, state: "APPROVED", ...commit },
      { id: 2, state: "COMMENTED", ...commit },
    ],
  });
  shop.openPull({ number: 31, mergeableState: "blocked" });
}

const MISSING = { status: 404, what: "no such pull request" };

export const REVIEW_CASES: readonly Case[] = [
  ...ofWorkflow(`GET ${PULL}/commits`, "pulls/30/commits?per_page=1", [
    { status: 200, what: "the first of two" },
    { ...MISSING, path: "pulls/99/commits" },
  ]),
  ...ofWorkflow(`GET ${PULL}/reviews`, "pulls/30/reviews", [
    { status: 200, what: "all of them" },
    { ...MISSING, path: "pulls/99/reviews" },
  ]),
  ...ofWorkflow(`POST ${PULL}/reviews`, "pulls/30/reviews", [
    { status: 200, what: "an approval", body: { event: "APPROVE", body: "Good.", commit_id: "d".repeat(40) } },
    { status: 422, what: "changes without a word", body: { event: "REQUEST_CHANGES" } },
    { status: 422, what: "your pull request", path: "pulls/31/reviews", body: { event: "APPROVE" } },
  ]),
  ...ofWorkflow(`PUT ${PULL}/reviews/{review_id}/dismissals`, "pulls/30/reviews/1/dismissals", [
    { status: 200, what: "an approval", body: { message: "It has changed." } },
    { status: 422, what: "a comment", path: "pulls/30/reviews/2/dismissals", body: { message: "It has changed." } },
    {
      status: 404,
      what: "no such review",
      path: "pulls/30/reviews/9/dismissals",
      body: { message: "It has changed." },
    },
  ]),
  ...ofWorkflow(`PUT ${PULL}/merge`, "pulls/30/merge", [
    { status: 409, what: "another commit", body: { sha: "9".repeat(40) } },
    { status: 200, what: "what is there", body: { merge_method: "squash" } },
    { status: 405, what: "what is blocked", path: "pulls/31/merge" },
    { ...MISSING, path: "pulls/99/merge" },
  ]),
];
