import type { StandInGitHub } from "../../sandbox/github.ts";
import { type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const ISSUES = `${REPOSITORY}/issues`;
const ISSUE = `${ISSUES}/{issue_number}`;
const COMMENT = `${ISSUES}/comments/{comment_id}`;
const LABEL = `${REPOSITORY}/labels/{name}`;
const MILESTONE = `${REPOSITORY}/milestones/{milestone_number}`;

export function prepareIssues(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  shop.milestones.set(1, { number: 1, title: "1.0", description: null, state: "open", dueOn: "2026-12-24T00:00:00Z" });
  shop.label("bug", { color: "d73a4a", description: "Something is broken" });
  shop.label("old");
  shop.openIssue({ number: 20, title: "It breaks", labels: ["bug"], assignees: ["hubot"], milestone: 1, type: "Bug" });
  shop.openIssue({ number: 21, state: "closed", stateReason: "completed", closedAt: 0, closedBy: "hubot" });
  shop.comments.push({ id: 20, issue: 20, author: "octocat", body: "Since when?" });
}

const GIVEN = { title: "It breaks again", body: "Here.", labels: ["bug"], assignees: ["hubot"], milestone: 1 };
const MISSING = { status: 404, what: "no such issue" };
const NO_LABEL = { status: 404, what: "no such label" };

export const ISSUE_CASES: readonly Case[] = [
  ...ofWorkflow(`GET ${ISSUES}`, "issues?state=all&labels=bug&assignee=hubot&milestone=1&since=2026-01-01T00:00:00Z", [
    { status: 200, what: "those with all that is asked for" },
    { status: 200, what: "all of them, a page", path: "issues?state=all&sort=comments&direction=asc&per_page=2" },
  ]),
  ...ofWorkflow(`POST ${ISSUES}`, "issues", [
    { status: 201, what: "an issue", body: GIVEN },
    { status: 422, what: "no such milestone", body: { title: "It breaks", milestone: 9 } },
  ]),
  ...ofWorkflow(`GET ${ISSUE}`, "issues/20", [
    { status: 200, what: "an issue" },
    { status: 200, what: "one that is closed", path: "issues/21" },
    { status: 200, what: "a pull request", path: "issues/7" },
    { ...MISSING, path: "issues/99" },
  ]),
  ...ofWorkflow(`PATCH ${ISSUE}`, "issues/20", [
    { status: 200, what: "its end", body: { state: "closed", state_reason: "not_planned" } },
    { status: 200, what: "that it is open again", body: { state: "open", ...GIVEN } },
    { status: 422, what: "no such state", body: { state: "open", milestone: 9 } },
    { ...MISSING, path: "issues/99", body: GIVEN },
  ]),
  ...ofWorkflow(`POST ${ISSUE}/assignees`, "issues/20/assignees", [
    { status: 201, what: "a user", body: { assignees: ["octocat"] } },
  ]),
  ...ofWorkflow(`DELETE ${ISSUE}/assignees`, "issues/20/assignees", [
    { status: 200, what: "a user", body: { assignees: ["octocat"] } },
  ]),
  ...ofWorkflow(`PUT ${ISSUE}/lock`, "issues/20/lock", [
    { status: 204, what: "a reason", body: { lock_reason: "resolved" } },
    { status: 204, what: "no reason" },
    { ...MISSING, path: "issues/99/lock" },
  ]),
  ...ofWorkflow(`DELETE ${ISSUE}/lock`, "issues/20/lock", [{ status: 204, what: "an issue" }]),
  ...ofWorkflow(`GET ${ISSUE}/events`, "issues/20/events?per_page=100", [
    { status: 200, what: "what has happened" },
    { ...MISSING, path: "issues/99/events" },
  ]),
  ...ofWorkflow(`GET ${ISSUE}/labels`, "issues/20/labels", [{ status: 200, what: "an issue" }]),
  ...ofWorkflow(`POST ${ISSUE}/labels`, "issues/20/labels", [
    { status: 200, what: "labels", body: { labels: ["size/S", "bug"] } },
  ]),
  ...ofWorkflow(`PUT ${ISSUE}/labels`, "issues/20/labels", [
    { status: 200, what: "labels", body: { labels: ["size/S"] } },
  ]),
  ...ofWorkflow(`DELETE ${ISSUE}/labels/{name}`, "issues/20/labels/size%2FS", [
    { status: 200, what: "a label" },
    { ...NO_LABEL, path: "issues/20/labels/none" },
  ]),
  ...ofWorkflow(`DELETE ${ISSUE}/labels`, "issues/20/labels", [{ status: 204, what: "an issue" }]),
  ...ofWorkflow(`GET ${REPOSITORY}/labels`, "labels?per_page=1", [{ status: 200, what: "a repository with labels" }]),
  ...ofWorkflow(`POST ${REPOSITORY}/labels`, "labels", [
    { status: 201, what: "a label", body: { name: "size/XL", color: "ff0000", description: "Large" } },
    { status: 422, what: "one that is there", body: { name: "Bug" } },
    { status: 422, what: "a colour that is none", body: { name: "size/XS", color: "red" } },
  ]),
  ...ofWorkflow(`GET ${LABEL}`, "labels/bug", [
    { status: 200, what: "a label" },
    { ...NO_LABEL, path: "labels/none" },
  ]),
  ...ofWorkflow(`PATCH ${LABEL}`, "labels/old", [
    { status: 200, what: "another name", body: { new_name: "older", color: "00ff00" } },
  ]),
  ...ofWorkflow(`DELETE ${LABEL}`, "labels/older", [{ status: 204, what: "a label" }]),
  ...ofWorkflow(`GET ${ISSUE}/comments`, "issues/20/comments", [
    { status: 200, what: "an issue" },
    { status: 200, what: "a pull request", path: "issues/7/comments" },
    { ...MISSING, path: "issues/99/comments" },
  ]),
  ...ofWorkflow(`POST ${ISSUE}/comments`, "issues/20/comments", [
    { status: 201, what: "a comment", body: { body: "hello" } },
    { status: 422, what: "an empty comment", body: { body: "" } },
  ]),
  ...ofWorkflow(`GET ${COMMENT}`, "issues/comments/20", [
    { status: 200, what: "a comment" },
    { status: 404, what: "no such comment", path: "issues/comments/99" },
  ]),
  ...ofWorkflow(`PATCH ${COMMENT}`, "issues/comments/20", [
    { status: 200, what: "a comment", body: { body: "hello again" } },
    { status: 422, what: "an empty comment", body: { body: "" } },
  ]),
  ...ofWorkflow(`DELETE ${COMMENT}`, "issues/comments/20", [{ status: 204, what: "a comment" }]),
  ...ofWorkflow(`GET ${REPOSITORY}/milestones`, "milestones?state=all&direction=desc", [
    { status: 200, what: "a repository with milestones" },
  ]),
  ...ofWorkflow(`POST ${REPOSITORY}/milestones`, "milestones", [
    { status: 201, what: "a milestone", body: { title: "2.0", due_on: "2027-01-01T00:00:00Z" } },
    { status: 422, what: "a title that is taken", body: { title: "1.0" } },
  ]),
  ...ofWorkflow(`GET ${MILESTONE}`, "milestones/1", [
    { status: 200, what: "a milestone" },
    { status: 404, what: "no such milestone", path: "milestones/9" },
  ]),
  ...ofWorkflow(`PATCH ${MILESTONE}`, "milestones/1", [{ status: 200, what: "its end", body: { state: "closed" } }]),
];
