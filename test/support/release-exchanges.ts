import type { StandInGitHub } from "../../sandbox/github.ts";
import { at, type Case, ofWorkflow } from "./exchanges.ts";

const REPOSITORY = "/repos/{owner}/{repo}";
const RELEASE = `${REPOSITORY}/releases/{release_id}`;
const RUN = `${REPOSITORY}/actions/runs/{run_id}`;

export function prepareReleases(github: StandInGitHub): void {
  const shop = github.repository("acme/shop");
  const release = { name: null, body: null, draft: false, prerelease: false, author: "kim", createdAt: 0 };
  shop.releases.push({ ...release, id: 1, tag: "v1", target: "main" });
  shop.releases.push({ ...release, id: 2, tag: "v2", target: "main", draft: true });
  shop.addRun({ id: 12, status: "completed", conclusion: "failure" });
  shop.collaborators.set("kim", "maintain");
  const acme = github.organization("acme");
  acme.members.push("kim", "hubot");
  acme.publicMembers.push("kim");
  acme.teams.set("owners", ["kim"]);
}

const TAG = { tag: "v3", message: "Third", object: "0".repeat(40), type: "commit" };

export const RELEASE_CASES: readonly Case[] = [
  ...ofWorkflow(`GET ${REPOSITORY}/releases`, "releases", [{ status: 200, what: "a repository with releases" }]),
  ...ofWorkflow(`GET ${REPOSITORY}/releases/latest`, "releases/latest", [{ status: 200, what: "the latest" }]),
  ...ofWorkflow(`GET ${REPOSITORY}/releases/tags/{tag}`, "releases/tags/v1", [
    { status: 200, what: "a tag" },
    { status: 404, what: "a draft", path: "releases/tags/v2" },
  ]),
  ...ofWorkflow(`POST ${REPOSITORY}/releases`, "releases", [
    { status: 201, what: "a release", body: { tag_name: "v3", target_commitish: "main", body: "News", name: "3" } },
    { status: 422, what: "a tag that has one", body: { tag_name: "v1" } },
    { status: 422, what: "no such branch", body: { tag_name: "v4", target_commitish: "none" } },
  ]),
  ...ofWorkflow(`GET ${RELEASE}`, "releases/2", [{ status: 200, what: "a draft" }]),
  ...ofWorkflow(`PATCH ${RELEASE}`, "releases/2", [{ status: 200, what: "its publication", body: { draft: false } }]),
  ...ofWorkflow(`DELETE ${RELEASE}`, "releases/2", [{ status: 204, what: "a release" }]),
  ...ofWorkflow(`POST ${REPOSITORY}/git/tags`, "git/tags", [
    { status: 201, what: "a tag", body: TAG },
    { status: 422, what: "no such commit", body: { ...TAG, object: "1".repeat(40) } },
  ]),
  ...ofWorkflow(`GET ${REPOSITORY}/compare/{basehead}`, "compare/main...change-9?per_page=1", [
    { status: 200, what: "a branch that differs" },
    { status: 200, what: "a branch with itself", path: "compare/main...main" },
    { status: 404, what: "no such branch", path: "compare/main...none" },
  ]),
  ...ofWorkflow(`GET ${RUN}/attempts/{attempt_number}`, "actions/runs/6/attempts/1", [
    { status: 200, what: "a run" },
    { status: 404, what: "no such attempt", path: "actions/runs/6/attempts/9" },
  ]),
  ...ofWorkflow(`POST ${RUN}/rerun-failed-jobs`, "actions/runs/12/rerun-failed-jobs", [
    { status: 201, what: "a run that has failed" },
  ]),
  ...at(`GET ${REPOSITORY}/collaborators/{username}/permission`, [
    { status: 200, what: "a collaborator", path: "/repos/acme/shop/collaborators/kim/permission" },
    { status: 200, what: "a stranger", path: "/repos/acme/public/collaborators/mallory/permission" },
  ]),
  ...at(`GET ${REPOSITORY}/collaborators/{username}`, [
    { status: 204, what: "a collaborator", path: "/repos/acme/shop/collaborators/kim" },
    { status: 404, what: "a stranger", path: "/repos/acme/shop/collaborators/mallory" },
  ]),
  ...at("GET /orgs/{org}/members", [
    { status: 200, what: "an organisation", path: "/orgs/acme/members" },
    { status: 401, what: "a wrong token", path: "/orgs/acme/members", token: "wrong" },
  ]),
  ...at("GET /orgs/{org}/members/{username}", [
    { status: 204, what: "a member", path: "/orgs/acme/members/hubot" },
    { status: 404, what: "a stranger", path: "/orgs/acme/members/mallory" },
    { status: 404, what: "no such organisation", path: "/orgs/none/members/hubot" },
  ]),
  ...at("GET /orgs/{org}/public_members/{username}", [
    { status: 204, what: "a member", path: "/orgs/acme/public_members/kim" },
    { status: 404, what: "one whose membership is private", path: "/orgs/acme/public_members/hubot" },
  ]),
  ...at("GET /orgs/{org}/teams/{team_slug}/members", [
    { status: 200, what: "a team", path: "/orgs/acme/teams/owners/members" },
    { status: 404, what: "no such team", path: "/orgs/acme/teams/none/members" },
  ]),
  ...at("GET /orgs/{org}/teams/{team_slug}/memberships/{username}", [
    { status: 200, what: "a member", path: "/orgs/acme/teams/owners/memberships/kim" },
    { status: 404, what: "a stranger", path: "/orgs/acme/teams/owners/memberships/mallory" },
  ]),
  ...at("GET /users/{username}", [{ status: 200, what: "a user", path: "/users/kim" }]),
  ...at("GET /search/issues", [
    {
      status: 200,
      what: "issues of a label",
      path: '/search/issues?q=repo:acme/shop+is:issue+label:bug+-is:locked+created:>2025-01-01+"it+breaks"&per_page=1',
    },
    { status: 200, what: "pull requests, in an order", path: "/search/issues?q=org:acme+is:pr&sort=updated&order=asc" },
    { status: 422, what: "nothing to look for", path: "/search/issues?q=" },
    { status: 422, what: "what GitHub does not know", path: "/search/issues?q=is:odd" },
    { status: 401, what: "a wrong token", path: "/search/issues?q=a", token: "wrong" },
  ]),
  ...at("GET /search/commits", [{ status: 200, what: "a repository", path: "/search/commits?q=repo:acme/shop" }]),
];
