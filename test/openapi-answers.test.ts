import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { EDITIONS, type Exchange, judgeOf } from "../sandbox/openapi.ts";
import { ROUTE_NAMES } from "../sandbox/routes/routes.ts";
import { CHANGE_CASES, prepareChanges } from "./support/change-exchanges.ts";
import { at, type Case, ofWorkflow } from "./support/exchanges.ts";
import { ISSUE_CASES, prepareIssues } from "./support/issue-exchanges.ts";
import { prepareReactions, REACTION_CASES } from "./support/reaction-exchanges.ts";
import { prepareReleases, RELEASE_CASES } from "./support/release-exchanges.ts";
import { prepareReports, REPORT_CASES } from "./support/report-exchanges.ts";
import { prepareReviews, REVIEW_CASES } from "./support/review-exchanges.ts";
import { prepareRuns, RUN_CASES } from "./support/run-exchanges.ts";
import { send } from "./support/service.ts";

const REPOSITORY = "GET /repos/{owner}/{repo}";
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const COMMIT = "GET /repos/{owner}/{repo}/commits/{ref}";
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const START = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
const INSTALLATION = "GET /repos/{owner}/{repo}/installation";
const ACCESS_TOKEN = "POST /app/installations/{installation_id}/access_tokens";
const APP = "GET /app";
const INSTALLATIONS = "GET /app/installations";
const USER = "GET /user";
const WORKFLOWS = "GET /repos/{owner}/{repo}/actions/workflows";
const RATE_LIMIT = "GET /rate_limit";
const BRANCHES = "GET /repos/{owner}/{repo}/branches";
const BRANCH = "GET /repos/{owner}/{repo}/branches/{branch}";
const REFS = "GET /repos/{owner}/{repo}/git/matching-refs/{ref}";
const DELETE_REF = "DELETE /repos/{owner}/{repo}/git/refs/{ref}";
const PULLS = "GET /repos/{owner}/{repo}/pulls";
const PULL = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
const FILES = "GET /repos/{owner}/{repo}/pulls/{pull_number}/files";
const DEPLOYMENTS = "GET /repos/{owner}/{repo}/deployments";
const DEPLOY = "POST /repos/{owner}/{repo}/deployments";
const DEPLOYMENT_STATUSES = "GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
const DEPLOYMENT_STATUS = "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
const STATUS = "POST /repos/{owner}/{repo}/statuses/{sha}";

const HOOKS = "GET /repos/{owner}/{repo}/hooks";
const DELIVERIES = `${HOOKS}/{hook_id}/deliveries`;
const DELIVERY = `${DELIVERIES}/{delivery_id}`;
const ORG_HOOKS = "GET /orgs/{org}/hooks";
const ORG_DELIVERIES = `${ORG_HOOKS}/{hook_id}/deliveries`;
const ORG_DELIVERY = `${ORG_DELIVERIES}/{delivery_id}`;
const AGAIN = "POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts";
const ORG_AGAIN = "POST /orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}/attempts";
const APP_AGAIN = "POST /app/hook/deliveries/{delivery_id}/attempts";
const APP_HOOK = "GET /app/hook/config";
const APP_DELIVERIES = "GET /app/hook/deliveries";
const APP_DELIVERY = `${APP_DELIVERIES}/{delivery_id}`;

/** Answers that GitHub gives on any route, although its description lists them only for a few. Nothing else may deviate. */
const NOT_LISTED: Readonly<Record<number, string>> = {
  301: "reads of a renamed repository: docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api",
  307: "writes to a renamed repository: the same page",
  400: "'Problems parsing JSON', an unknown version of the API: docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api",
  401: "docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit, 'Bad credentials'",
  403: "a missing permission: docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api",
  404: "what the token cannot see: the same page",
  422: "a request that cannot be: 'Validation failed' on the same page",
};

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

function appJwt(): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iss: 7, iat: now - 60, exp: now + 540 })}`;
  return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
}

/** One object of every kind that the cases below use. */
async function startScene(options: GitHubOptions): Promise<StandInGitHub> {
  const github = await startGitHub(options);
  github.token("all");
  github.token("metadata", { permissions: { metadata: "read" } });
  github.token("elsewhere", { repositories: ["acme/other"] });
  github.token("sso", { sso: "https://github.com/orgs/acme/sso?authorization_request=1" });
  const shop = github.repository("acme/shop");
  shop.put("a/values.yaml", "tag: 1\n");
  shop.put("a/large.bin", "x".repeat(1_100_000));
  shop.put(".github/workflows/tests.yml", "on: { workflow_dispatch: { inputs: { pr: {} } } }\n");
  shop.put(".github/workflows/push.yml", "on: push\n");
  shop.addCommit("0".repeat(40));
  github.repository("acme/public").isPrivate = false;
  github.repository("acme/before").rename("acme/after");
  github.repository("acme/old").archived = true;
  github.repository("acme/still").actionsDisabled = true;
  shop.put("a.txt", "a", "change-7");
  shop.openPull({ number: 7, labels: ["docs"], assignees: ["octocat"], files: ["docs/a.md"] });
  shop.openPull({ number: 8, state: "closed" });
  shop.put(".github/workflows/tests.yaml", "name: Tests\non: repository_dispatch\n");
  prepareRuns(github);
  for (const owner of ["acme/shop", "acme", "app"]) {
    const hook = github.hook(owner, "http://127.0.0.1:9/webhooks/github");
    for (const status of [202, 502]) hook.note("push", { ref: "refs/heads/main" }, { status });
    hook.note("pull_request", { action: "opened" }, { status: 500, isRedelivery: true, answer: "sorry" });
  }
  prepareReports(github);
  prepareIssues(github);
  prepareReactions(github);
  prepareReleases(github);
  prepareReviews(github);
  prepareChanges(github);
  github.app({
    id: 7,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    installations: [
      { id: 70, owner: "acme" },
      { id: 71, owner: "umbrella", suspended: true },
    ],
  });
  return github;
}

const event = { event_type: "environment-ready", client_payload: { application: "pr-1" } };

const start = { ref: "main" };

/** The stand-in counts deliveries from here, over all webhooks. */
const FIRST_DELIVERY = 2n ** 53n + 1n;
const SHOP_WORKFLOWS = "/repos/acme/shop/actions/workflows";

const CASES: Case[] = [
  ...at(REPOSITORY, [
    { status: 200, what: "a private repository", path: "/repos/acme/shop" },
    { status: 200, what: "a public repository", path: "/repos/acme/public" },
    { status: 200, what: "a repository by its id", path: "/repositories/1000" },
    { status: 301, what: "a renamed repository", path: "/repos/acme/before" },
    {
      status: 400,
      what: "an unknown version of the API",
      path: "/repos/acme/shop",
      headers: { "x-github-api-version": "2021-01-01" },
    },
    { status: 401, what: "a wrong token", path: "/repos/acme/shop", token: "wrong" },
    { status: 403, what: "a token without single sign-on", path: "/repos/acme/shop", token: "sso" },
    { status: 404, what: "no such repository", path: "/repos/acme/none" },
    { status: 404, what: "an invisible repository", path: "/repos/acme/shop", token: "elsewhere" },
  ]),
  ...at(CONTENTS, [
    { status: 200, what: "a file", path: "/repos/acme/shop/contents/a/values.yaml" },
    { status: 200, what: "a directory", path: "/repos/acme/shop/contents/a" },
    { status: 200, what: "a file over 1 MB", path: "/repos/acme/shop/contents/a/large.bin" },
    {
      status: 200,
      what: "a raw file",
      path: "/repos/acme/shop/contents/a%2Fvalues.yaml",
      accept: "application/vnd.github.raw+json",
    },
    { status: 301, what: "a renamed repository", path: "/repos/acme/before/contents/a" },
    { status: 401, what: "a wrong token", path: "/repos/acme/shop/contents/a", token: "wrong" },
    { status: 403, what: "a missing permission", path: "/repos/acme/shop/contents/a", token: "metadata" },
    { status: 404, what: "no such file", path: "/repos/acme/shop/contents/b" },
    { status: 404, what: "no such ref", path: "/repos/acme/shop/contents/a?ref=none" },
  ]),
  ...at(COMMIT, [
    { status: 200, what: "a branch", path: "/repos/acme/shop/commits/main" },
    { status: 200, what: "a commit", path: `/repos/acme/shop/commits/${"0".repeat(40)}` },
    { status: 301, what: "a renamed repository", path: "/repos/acme/before/commits/main" },
    { status: 401, what: "a wrong token", path: "/repos/acme/shop/commits/main", token: "wrong" },
    { status: 403, what: "a missing permission", path: "/repos/acme/shop/commits/main", token: "metadata" },
    { status: 404, what: "no such repository", path: "/repos/acme/none/commits/main" },
    { status: 422, what: "no such commit", path: `/repos/acme/shop/commits/${"1".repeat(40)}` },
  ]),
  ...at(DISPATCH, [
    { status: 204, what: "an event", path: "/repos/acme/shop/dispatches", body: event },
    { status: 307, what: "a renamed repository", path: "/repos/acme/before/dispatches", body: event },
    { status: 400, what: "no JSON", path: "/repos/acme/shop/dispatches", body: "{" },
    { status: 401, what: "a wrong token", path: "/repos/acme/shop/dispatches", body: event, token: "wrong" },
    { status: 403, what: "a missing permission", path: "/repos/acme/shop/dispatches", body: event, token: "metadata" },
    { status: 403, what: "an archived repository", path: "/repos/acme/old/dispatches", body: event },
    { status: 404, what: "no such repository", path: "/repos/acme/none/dispatches", body: event },
    { status: 422, what: "a repository without Actions", path: "/repos/acme/still/dispatches", body: event },
    { status: 422, what: "no event type", path: "/repos/acme/shop/dispatches", body: {} },
  ]),
  ...at(START, [
    { status: 204, what: "a workflow", path: `${SHOP_WORKFLOWS}/tests.yml/dispatches`, body: { ref: "main" } },
    { status: 401, what: "a wrong token", path: `${SHOP_WORKFLOWS}/tests.yml/dispatches`, body: start, token: "wrong" },
    {
      status: 403,
      what: "a missing permission",
      path: `${SHOP_WORKFLOWS}/tests.yml/dispatches`,
      body: start,
      token: "metadata",
    },
    { status: 404, what: "no such workflow", path: `${SHOP_WORKFLOWS}/none.yml/dispatches`, body: start },
    { status: 422, what: "no such ref", path: `${SHOP_WORKFLOWS}/tests.yml/dispatches`, body: { ref: "none" } },
    { status: 422, what: "a workflow without the trigger", path: `${SHOP_WORKFLOWS}/push.yml/dispatches`, body: start },
  ]),
  ...ofWorkflow(BRANCHES, "branches?per_page=1", [{ status: 200, what: "a repository with branches" }]),
  ...ofWorkflow(BRANCH, "branches/change-7", [
    { status: 200, what: "a branch" },
    { status: 404, what: "no such branch", path: "branches/none" },
  ]),
  ...ofWorkflow(REFS, "git/matching-refs/heads/change", [
    { status: 200, what: "branches" },
    { status: 200, what: "nothing that matches", path: "git/matching-refs/heads/none" },
  ]),
  ...RUN_CASES,
  ...REPORT_CASES,
  ...ISSUE_CASES,
  ...REACTION_CASES,
  ...RELEASE_CASES,
  ...REVIEW_CASES,
  ...CHANGE_CASES,
  ...ofWorkflow(DELETE_REF, "git/refs/heads/change-7", [
    { status: 204, what: "a branch" },
    { status: 422, what: "no such branch", path: "git/refs/heads/none" },
  ]),
  ...ofWorkflow(PULLS, "pulls?state=all", [{ status: 200, what: "open and closed ones" }]),
  ...ofWorkflow(PULL, "pulls/7", [
    { status: 200, what: "a pull request" },
    { status: 404, what: "no such pull request", path: "pulls/9" },
  ]),
  ...ofWorkflow(FILES, "pulls/7/files", [{ status: 200, what: "a pull request" }]),
  ...ofWorkflow(DEPLOY, "deployments", [
    {
      status: 201,
      what: "a commit",
      body: { ref: "0".repeat(40), environment: "pr-7", auto_merge: false, required_contexts: [] },
    },
    { status: 422, what: "no such commit", body: { ref: "none" } },
  ]),
  ...ofWorkflow(DEPLOYMENT_STATUS, "deployments/1/statuses", [
    { status: 201, what: "a state", body: { state: "success", environment_url: "https://pr-7.example.com" } },
    { status: 422, what: "a description that is too long", body: { state: "success", description: "x".repeat(141) } },
  ]),
  ...ofWorkflow(DEPLOYMENTS, "deployments?environment=pr-7", [{ status: 200, what: "an environment" }]),
  ...ofWorkflow(DEPLOYMENT_STATUSES, "deployments/1/statuses", [
    { status: 200, what: "a deployment" },
    { status: 404, what: "no such deployment", path: "deployments/9/statuses" },
  ]),
  ...ofWorkflow(STATUS, `statuses/${"0".repeat(40)}`, [
    { status: 201, what: "a state", body: { state: "pending", context: "tests", description: "They run." } },
    { status: 422, what: "no such commit", path: `statuses/${"1".repeat(40)}`, body: { state: "pending" } },
  ]),
  ...ofWorkflow(HOOKS, "hooks?per_page=100", [{ status: 200, what: "a repository with a webhook" }]),
  ...ofWorkflow(DELIVERIES, "hooks/500/deliveries?per_page=2", [
    { status: 200, what: "a webhook" },
    { status: 404, what: "no such webhook", path: "hooks/9/deliveries" },
    { status: 422, what: "no such page", path: "hooks/500/deliveries?cursor=v1_9" },
  ]),
  ...ofWorkflow(DELIVERY, `hooks/500/deliveries/${FIRST_DELIVERY}`, [
    { status: 200, what: "a delivery" },
    { status: 404, what: "no such delivery", path: "hooks/500/deliveries/9" },
  ]),
  ...ofWorkflow(AGAIN, `hooks/500/deliveries/${FIRST_DELIVERY}/attempts`, [
    { status: 202, what: "a delivery" },
    { status: 404, what: "no such delivery", path: "hooks/500/deliveries/9/attempts" },
  ]),
  ...at(ORG_AGAIN, [
    {
      status: 202,
      what: "a delivery",
      path: `/orgs/acme/hooks/501/deliveries/${FIRST_DELIVERY + 3n}/attempts`,
    },
  ]),
  ...at(APP_AGAIN, [
    {
      status: 202,
      what: "a delivery",
      path: `/app/hook/deliveries/${FIRST_DELIVERY + 6n}/attempts`,
      token: "app",
    },
  ]),
  ...at(ORG_HOOKS, [
    { status: 200, what: "an organisation with a webhook", path: "/orgs/acme/hooks" },
    { status: 401, what: "a wrong token", path: "/orgs/acme/hooks", token: "wrong" },
    { status: 404, what: "a missing permission", path: "/orgs/acme/hooks", token: "metadata" },
  ]),
  ...at(ORG_DELIVERIES, [
    { status: 200, what: "a webhook", path: "/orgs/acme/hooks/501/deliveries" },
    { status: 404, what: "no such webhook", path: "/orgs/acme/hooks/9/deliveries" },
  ]),
  ...at(ORG_DELIVERY, [
    { status: 200, what: "a delivery", path: `/orgs/acme/hooks/501/deliveries/${FIRST_DELIVERY + 3n}` },
  ]),
  ...at(APP_HOOK, [
    { status: 200, what: "an App", path: "/app/hook/config", token: "app" },
    { status: 401, what: "a token instead of a JWT", path: "/app/hook/config" },
  ]),
  ...at(APP_DELIVERIES, [
    { status: 200, what: "an App", path: "/app/hook/deliveries?per_page=2", token: "app" },
    { status: 401, what: "a token instead of a JWT", path: "/app/hook/deliveries" },
  ]),
  ...at(APP_DELIVERY, [
    { status: 200, what: "a delivery", path: `/app/hook/deliveries/${FIRST_DELIVERY + 6n}`, token: "app" },
    { status: 401, what: "a token instead of a JWT", path: `/app/hook/deliveries/${FIRST_DELIVERY + 6n}` },
    { status: 404, what: "no such delivery", path: "/app/hook/deliveries/9", token: "app" },
  ]),
  ...at(INSTALLATION, [
    { status: 200, what: "an installation", path: "/repos/acme/shop/installation", token: "app" },
    { status: 301, what: "a renamed repository", path: "/repos/acme/before/installation", token: "app" },
    { status: 401, what: "a token instead of a JWT", path: "/repos/acme/shop/installation" },
    { status: 404, what: "no installation", path: "/repos/initech/shop/installation", token: "app" },
  ]),
  ...at(ACCESS_TOKEN, [
    { status: 201, what: "a token", path: "/app/installations/70/access_tokens", token: "app" },
    {
      status: 201,
      what: "a narrowed token",
      path: "/app/installations/70/access_tokens",
      token: "app",
      body: { repositories: ["shop"], permissions: { contents: "read" } },
    },
    { status: 400, what: "no JSON", path: "/app/installations/70/access_tokens", token: "app", body: "{" },
    { status: 401, what: "a token instead of a JWT", path: "/app/installations/70/access_tokens" },
    { status: 403, what: "a suspended installation", path: "/app/installations/71/access_tokens", token: "app" },
    { status: 404, what: "no installation", path: "/app/installations/72/access_tokens", token: "app" },
    {
      status: 422,
      what: "an unknown repository",
      path: "/app/installations/70/access_tokens",
      token: "app",
      body: { repositories: ["none"] },
    },
  ]),
  ...at(APP, [
    { status: 200, what: "an App", path: "/app", token: "app" },
    { status: 401, what: "a token instead of a JWT", path: "/app" },
  ]),
  ...at(INSTALLATIONS, [
    { status: 200, what: "an App", path: "/app/installations?per_page=1", token: "app" },
    { status: 401, what: "a token instead of a JWT", path: "/app/installations" },
  ]),
  ...at(WORKFLOWS, [
    { status: 200, what: "a repository with a workflow", path: "/repos/acme/shop/actions/workflows?per_page=100" },
    { status: 200, what: "a repository without Actions", path: "/repos/acme/still/actions/workflows" },
    { status: 301, what: "a renamed repository", path: "/repos/acme/before/actions/workflows" },
    { status: 401, what: "a wrong token", path: "/repos/acme/shop/actions/workflows", token: "wrong" },
    { status: 403, what: "a missing permission", path: "/repos/acme/shop/actions/workflows", token: "metadata" },
    { status: 404, what: "no such repository", path: "/repos/acme/none/actions/workflows" },
  ]),
  ...at(RATE_LIMIT, [{ status: 401, what: "a wrong token", path: "/rate_limit", token: "wrong" }]),
  ...at(USER, [
    { status: 200, what: "a user", path: "/user" },
    { status: 401, what: "a wrong token", path: "/user", token: "wrong" },
  ]),
];

const GITHUB_COM_CASES = [
  ...at(RATE_LIMIT, [{ status: 200, what: "a token", path: "/rate_limit" }]),
  ...at(START, [
    {
      status: 200,
      what: "a workflow, and its run is asked for",
      path: `${SHOP_WORKFLOWS}/tests.yml/dispatches`,
      body: { ref: "main", inputs: { pr: 7 }, return_run_details: true },
    },
  ]),
];
/** Until its administrator switches limits on. */
const ENTERPRISE_CASES = at(RATE_LIMIT, [{ status: 404, what: "a server without limits", path: "/rate_limit" }]);

for (const edition of EDITIONS)
  describe(`every answer of the stand-in matches GitHub's description for ${edition}`, () => {
    const isEnterprise = edition !== "api.github.com";
    const basePath = isEnterprise ? "/api/v3" : "";
    const cases = isEnterprise ? [...CASES, ...ENTERPRISE_CASES] : [...CASES, ...GITHUB_COM_CASES];
    const { validateExchange } = judgeOf(edition);
    const unlisted = new Set<number>();
    let github: StandInGitHub;
    before(async () => {
      const enterprise = { enterprise: `${edition.slice("ghes-".length)}.0`, basePath };
      github = await startScene(isEnterprise ? enterprise : { limits: { primaryPerHour: 5000 } });
    });
    after(() => github.close());

    async function exchange({
      route,
      path,
      token = "all",
      body,
      accept = "*/*",
      headers = {},
    }: Case): Promise<Exchange> {
      const answer = await send(github.url, {
        method: route.split(" ")[0] as string,
        path: basePath + path,
        headers: {
          authorization: `Bearer ${token === "app" ? appJwt() : token}`,
          "user-agent": "test",
          accept,
          ...headers,
        },
        body: typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body),
      });
      assert.equal(github.requests.at(-1)?.route, route);
      const contentType = answer.headers["content-type"]?.toString();
      const isJson = contentType?.startsWith("application/json");
      return {
        route,
        status: answer.status,
        contentType,
        // A rejected body may not match the description. The answer must.
        requestBody: route === DISPATCH && answer.status >= 400 ? event : typeof body === "string" ? undefined : body,
        responseBody: answer.text === "" ? undefined : isJson ? answer.json : answer.text,
      };
    }

    for (const each of cases) {
      it(`${each.route}: ${each.status} for ${each.what}`, async () => {
        const seen = await exchange(each);
        assert.equal(seen.status, each.status);
        const problems = validateExchange(seen);
        const isUnlisted = problems[0] === `${each.route}: status ${each.status} is not documented`;
        if (!(isUnlisted && each.status in NOT_LISTED)) return assert.deepEqual(problems, []);

        assert.equal(problems.length, 1);
        unlisted.add(each.status);
        const asOtherErrors = { ...seen, route: REPOSITORY, status: 404, requestBody: undefined };
        assert.deepEqual(validateExchange(asOtherErrors), []);
        assert.equal(typeof (seen.responseBody as { message: unknown }).message, "string");
      });
    }

    it(`${CONTENTS}: 304 for a file that has not changed`, async () => {
      const path = "/repos/acme/shop/contents/a/values.yaml";
      const headers = { authorization: "Bearer all", "user-agent": "test" };
      const first = await send(github.url, { path: basePath + path, headers });
      const again = await exchange({
        ...{ route: CONTENTS, status: 304, what: "", path },
        headers: { "if-none-match": String(first.headers.etag) },
      });
      assert.equal(again.status, 304);
      assert.deepEqual(validateExchange(again), []);
    });

    it("are tested for every route, at least once with success", () => {
      const succeeding = cases.filter(({ status }) => status < 300 || status === 302).map(({ route }) => route);
      assert.deepEqual(
        new Set(succeeding),
        new Set(isEnterprise ? ROUTE_NAMES.filter((route) => route !== RATE_LIMIT) : ROUTE_NAMES),
      );
    });

    it("has no unused deviations", () => {
      assert.deepEqual([...unlisted].sort(), Object.keys(NOT_LISTED).map(Number));
    });
  });
