import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { privateAuthority } from "../sandbox/certificates.ts";
import type { TokenGrant } from "../sandbox/credentials.ts";
import type { Fault } from "../sandbox/faults.ts";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import type { Repository } from "../sandbox/repository.ts";
import type { GitHubOfAttempt } from "../src/github/client.ts";
import { noAnswer } from "../src/github/failures.ts";
import type { GitHub } from "../src/model/github.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { deployment, event } from "./support/deployment.ts";
import { temporaryFolder } from "./support/folder.ts";
import { identityScene } from "./support/identities.ts";
import { type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";
import { DEPLOYMENT, deploy, notify, send, startService, TARGET, TOKEN } from "./support/service.ts";

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const ISSUE_TOKEN = "POST /app/installations/{installation_id}/access_tokens";
const FINE_GRAINED = "github_pat_0123456789abcdefABCDEF";

const document = readFileSync(new URL("../docs/troubleshooting.md", import.meta.url), "utf8");

/** The documented messages under each heading. `…` stands for the parts that vary. */
const documented = new Map(
  document
    .split(/^### /m)
    .slice(1)
    .map((section) => [
      section.split("\n", 1)[0] ?? "",
      [...section.matchAll(/^```text\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => block.trim().split("\n")),
    ]),
);

/** Starts the scene and resolves with the message that the user gets. */
type Case = (t: TestContext) => Promise<string>;

type Scene = Parameters<typeof startService>[1] & {
  /** Causes the failure. */
  readonly when?: (github: StandInGitHub) => void;
  readonly tag?: string;
  readonly body?: Record<string, string>;
};

/**
 * One notification. Resolves with the reason in the log, which must equal the one in the history and, unless the run waits for a
 * limit, in the answer.
 */
function told({ when = () => {}, tag = "abc", body = {}, ...service }: Scene): Case {
  return async (t) => {
    const { github, url, log, logLines } = await startService(t, service);
    deploy(github, "pr-1", tag);
    when(github);
    const answer = await notify(url, { application: "pr-1", ...body });
    const reason = String(log().findLast(({ reason }) => reason !== undefined)?.reason);
    const shown = (await send(url, { path: `/api/runs/${answer.headers["x-run-id"]}` })).json;
    assert.ok(shown.reason.startsWith(reason), shown.reason);
    if (answer.status !== 202) assert.ok(answer.json.detail.startsWith(reason), answer.text);
    for (const secret of [TOKEN, FINE_GRAINED, "ghs_"]) assert.ok(!logLines.join("").includes(secret));
    assert.match(reason, /^[^\p{Cc}\p{Cf}]{20,3100}$/u);
    return reason;
  };
}

const values = (file: string | Uint8Array) => (github: StandInGitHub) =>
  github.repository(DEPLOYMENT).put("configs/pr/light/pr-1/values.yaml", file);

/** A fault with GitHub's words. */
function answered(route: string, status: number, body: string | object, headers: Record<string, string> = {}): Case {
  const fault: Fault = {
    kind: "status",
    status,
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: typeof body === "string" ? { "content-type": "text/html; charset=utf-8", ...headers } : headers,
  };
  return told({ github: { basePath: "/api/v3" }, when: (github) => void github.fault({ route }, fault) });
}

const said = (route: string, status: number, message: string) => answered(route, status, { message });

/** The reason of a failed run of a workflow with these credentials. */
function asWorkflow(
  workflow: Partial<Workflow>,
  run: (github: GitHub) => Promise<unknown>,
  settings: Record<string, string> = {},
  when: (github: StandInGitHub) => void = () => {},
): Case {
  return async (t) => {
    const { start, github } = await identityScene(t, run, { workflow, settings });
    when(github);
    // The rest of the text is about the run.
    return (await start()).json.detail.replace(/ The event is stored as run .*$/, "");
  };
}

const AUTO_MERGE = 'mutation { enablePullRequestAutoMerge(input: { pullRequestId: "PR_1" }) { pullRequest { id } } }';
const [owner = "", repo = ""] = TARGET.split("/");
const listPulls = (github: GitHub) => github.request("GET /repos/{owner}/{repo}/pulls", { owner, repo });

const coverage = (github: GitHub) => github.artifact(TARGET, 9, "coverage");

/** The Actions run 9, with the given artifacts. */
const ofRun =
  (
    prepare: (
      add: (name: string, files: Record<string, string | Uint8Array>) => ReturnType<Repository["addArtifact"]>,
    ) => void,
  ) =>
  (github: StandInGitHub) => {
    const shop = github.repository(TARGET);
    shop.addRun({ id: 9 });
    prepare((name, files) => shop.addArtifact(9, name, files));
  };

/** A GraphQL request that GitHub answers with these errors. */
function graphQL(
  errors: readonly object[],
  query = "{ viewer { login email } }",
  { variables = {}, workflow = {} }: { variables?: object; workflow?: Partial<Workflow> } = {},
): Case {
  const answer = (github: StandInGitHub) => github.answers({ "POST /graphql": { errors: errors as never } });
  return asWorkflow(
    workflow,
    (github) => github.graphql(query, variables as never),
    {},
    errors.length > 0 ? answer : undefined,
  );
}

/** The service has a fine-grained token with this grant. */
function granted(grant: TokenGrant, scene: Scene = {}): Case {
  return told({
    settings: { GITHUB_TOKEN: FINE_GRAINED },
    ...scene,
    when: (github) => github.token(FINE_GRAINED, grant),
  });
}

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const installation = { id: 42, owner: "acme", suspended: false };

/** A GitHub App with this state at GitHub. */
function withApp(when: (github: StandInGitHub) => void, settings: Record<string, string> = {}): Case {
  const app = { GITHUB_TOKEN: "", GITHUB_APP_ID: "7", GITHUB_APP_PRIVATE_KEY: privateKey };
  return told({ settings: { ...app, ...settings }, when });
}

const installed = (github: StandInGitHub, ...installations: Parameters<StandInGitHub["app"]>[0]["installations"]) =>
  github.app({ id: 7, publicKey, installations });

/** The service with a GitHub at another address, or none. */
const at = (GITHUB_API_URL: string): Case => told({ settings: { GITHUB_API_URL } });

function refusedAtStart(settings: Record<string, string>): Case {
  return async () => {
    try {
      readConfig(settings);
    } catch (error) {
      return (error as Error).message.split("\n").at(-1)?.trim() ?? "";
    }
    throw new Error("it starts");
  };
}

/** A port on which a server answers while the test runs. */
async function serverOf(t: TestContext, status: number): Promise<number> {
  const server = createServer((_, answer) => answer.writeHead(status).end());
  server.on("connect", (_, socket) => socket.end(`HTTP/1.1 ${status} Rejected\r\n\r\n`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A proxy that rejects the tunnel to GitHub. */
function tunnelRefused(status: number, credentials = ""): Case {
  return async (t) => {
    const proxy = `http://${credentials}127.0.0.1:${await serverOf(t, status)}`;
    return told({ settings: { GITHUB_API_URL: "https://api.github.com", HTTPS_PROXY: proxy } })(t);
  };
}

/** An error as Node's TLS creates it: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function connectionFailed(message: string, code: string): Case {
  const attempted = {
    tried: "reading a.yaml in acme/deployment",
    repository: DEPLOYMENT,
    permission: "Contents: read",
  };
  const error = Object.assign(new Error(message), { code });
  return async () => noAnswer(attempted, "https://ghe.example/api/v3", error).message;
}

const SHA = "0123456789abcdef0123456789abcdef01234567";
const AN_HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();

/** The client's message about this answer. */
function asked(answer: Scripted, ask: (client: GitHubOfAttempt) => Promise<unknown>): Case {
  return async (t) => {
    const headers = { "x-github-request-id": "AB12" };
    const isRead = ({ method, path }: Received) => method === "GET" && path.endsWith("/check-runs");
    const client = await scriptedGitHub(t, (request) =>
      isRead(request) || typeof answer === "string" ? { json: { check_runs: [] } } : { ...answer, headers },
    );
    return ask(client).then(
      () => "it does not fail",
      (error) => error.message,
    );
  };
}

const ON_PUSH = { name: "on-push", on: { github: { events: "push" } }, run: async () => {} } as const;

/** Why a service with a workflow for webhooks cannot read which of them it has missed. */
function webhooksOf(prepare: (github: StandInGitHub) => void, settings: Record<string, string> = {}): Case {
  return async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(FINE_GRAINED);
    github.repository(TARGET);
    prepare(github);
    const { log, url } = await startService(t, {
      settings: {
        ...{ GITHUB_API_URL: github.url, GITHUB_TOKEN: FINE_GRAINED, GITHUB_WEBHOOK_SECRET: "s".repeat(20) },
        ...settings,
      },
      options: { workflows: [{ workflow: ON_PUSH as Workflow, file: "on-push.ts" }] },
    });
    const told = () => log().find(({ msg }) => msg === "missed webhook deliveries cannot be read");
    while (!told()) await send(url, { path: "/ready" });
    return String(told()?.reason);
  };
}

const LIMITED = { clock: movedClock(), random: () => 0 };

/** The headings of docs/troubleshooting.md. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  "The token is wrong, expired or revoked": [
    told({ settings: { GITHUB_TOKEN: "ghp_wrong0123456789abcdef" } }),
    told({ when: (github) => github.token(TOKEN, { expiresAt: Date.now() - 1 }) }),
    told({ when: (github) => github.revoke(TOKEN) }),
  ],
  "Single sign-on": [
    told({
      when: (github) => github.token(TOKEN, { sso: "https://github.com/orgs/acme/sso?authorization_request=A1" }),
    }),
  ],
  "A missing permission": [granted({ permissions: { contents: "read" } })],
  "The repository is hidden or does not exist": [
    granted({ repositories: [TARGET] }, { body: { application: "pr-2" } }),
    granted({ repositories: [DEPLOYMENT] }),
    told({ settings: { TARGET_REPO: "acme/typo" } }),
    // A classic token without the scope.
    told({
      when: (github) => {
        github.repository(DEPLOYMENT).isPrivate = false;
        github.token(TOKEN, { scopes: ["public_repo"] });
      },
    }),
  ],
  // https://github.com/openSUSE/open-build-service/issues/18402, https://github.com/refined-github/refined-github/issues/6951
  "The token of a workflow is wrong": [
    asWorkflow({ githubToken: "READER_TOKEN" }, listPulls, { READER_TOKEN: "ghp_revokedToken0123456789abcdefABCD" }),
  ],
  "The organisation does not accept this token": [
    said(
      CONTENTS,
      403,
      "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's lifetime is greater than 366 days. Please adjust your token's lifetime at the following URL: https://github.com/settings/personal-access-tokens/1",
    ),
    said(
      CONTENTS,
      403,
      "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal access token with fine-grained permissions.",
    ),
  ],
  // https://github.com/aquasecurity/trivy/issues/10567
  "An IP allow list": [
    said(
      CONTENTS,
      403,
      "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
    ),
  ],
  // As users report it. GitHub does not document it.
  "The user is suspended": [said(CONTENTS, 403, "Sorry. Your account was suspended.")],
  "The log of a webhook cannot be read": [
    webhooksOf((github) => github.token(FINE_GRAINED, { permissions: { contents: "write", metadata: "read" } })),
    webhooksOf((github) => github.token(FINE_GRAINED, { scopes: ["repo"] }), { GITHUB_WEBHOOK_OF: "acme" }),
    webhooksOf(() => {}),
    webhooksOf((github) => {
      for (const host of ["one", "other"]) github.hook(TARGET, `https://${host}.example.com/webhooks/github`);
    }),
  ],
  "The App is not installed": [
    withApp((github) => installed(github)),
    // Uninstalled after it was found.
    withApp((github) => {
      installed(github, installation);
      github.fault({ route: ISSUE_TOKEN }, { kind: "status", status: 404 });
    }),
  ],
  "The App's installation lacks the repository, or it was renamed": [
    withApp((github) => {
      installed(github, installation);
      github.repository(DEPLOYMENT).rename("acme/other");
    }),
  ],
  "The repository has another owner": [
    withApp((github) => {
      installed(github, { id: 43, owner: "globex" });
      github.repository(TARGET).rename("globex/shop");
    }),
  ],
  "The App lacks a permission": [
    withApp((github) => installed(github, { ...installation, permissions: { contents: "read" } })),
    // A token of another App, given directly to the service: the texts of the stand-in and of GitHub.
    said(DISPATCH, 403, "Resource not accessible by integration"),
  ],
  "A workflow's permissions lack something": [
    asWorkflow({ githubApp: "RELEASE_APP", permissions: {} }, (github) => github.dispatch(TARGET, "built", {})),
    asWorkflow({ githubApp: "RELEASE_APP", permissions: { contents: "read" } }, listPulls),
    asWorkflow({ githubApp: "RELEASE_APP", permissions: { deployments: "write" } }, listPulls),
  ],
  "A workflow has no such identity": [
    asWorkflow({ identities: { bot: { githubApp: "BOT" } } }, async (github) => github.as("bto")),
  ],
  "The App's installation is suspended": [withApp((github) => installed(github, { ...installation, suspended: true }))],
  "The App's key or id is wrong": [
    withApp((github) => installed(github, installation), {
      GITHUB_APP_PRIVATE_KEY: generateKeyPairSync("rsa", { modulusLength: 2048 })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
    }),
    // As users report it. GitHub does not document it.
    withApp(
      (github) =>
        void github.fault(
          { route: "GET /repos/{owner}/{repo}/installation" },
          { kind: "status", status: 404, body: '{"message":"Integration not found"}' },
        ),
    ),
  ],
  // https://github.com/tibdex/github-app-token/issues/102
  "The clock is wrong": [
    withApp(
      (github) =>
        void github.fault(
          { route: "GET /repos/{owner}/{repo}/installation" },
          {
            kind: "status",
            status: 401,
            body: JSON.stringify({
              message:
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            }),
          },
        ),
    ),
  ],
  "The repository is archived": [
    told({
      when: (github) => {
        github.repository(TARGET).archived = true;
      },
    }),
  ],
  // The stand-in's text was seen on workflow dispatches. GitHub documents nothing for this event.
  "Actions is disabled": [
    told({
      when: (github) => {
        github.repository(TARGET).actionsDisabled = true;
      },
    }),
  ],
  // https://github.com/github/rest-api-description/issues/3314, https://github.com/caarlos0/fork-cleaner/issues/99
  "GitHub has blocked the repository": [
    said(DISPATCH, 451, "Repository access blocked"),
    said(DISPATCH, 403, "Repository access blocked"),
  ],
  // https://docs.github.com/en/migrations: "Repository has been locked for migration." is what users report.
  "The repository is being migrated": [said(DISPATCH, 403, "Repository has been locked for migration.")],
  "The repository is locked": [said(DISPATCH, 423, "Locked")],
  "A conflict": [said(DISPATCH, 409, "Conflict")],
  "The event is too large": [
    // https://github.com/mvasigh/dispatch-action/issues/23
    said(DISPATCH, 422, "client_payload is too large."),
  ],
  "The event type is too long": [
    refusedAtStart({ EVENT_TYPE: "x".repeat(101) }),
    // https://github.com/github/docs/issues/16469
    said(DISPATCH, 422, "Invalid request.\n\nOnly 100 characters are allowed; 101 were supplied."),
  ],
  "GitHub finds the request invalid": [said(DISPATCH, 422, "Invalid request.")],
  "The commit of a status does not exist": [
    asked({ status: 422, json: { message: `No commit found for SHA: ${SHA}` } }, ({ github }) =>
      github.status({ repository: TARGET, sha: SHA, context: "gh-runner/preview", state: "pending" }),
    ),
  ],
  "A check needs a GitHub App": [
    asked({ status: 403, json: { message: "You must authenticate via a GitHub App." } }, ({ github }) =>
      github.check({
        repository: TARGET,
        sha: SHA,
        name: "preview",
        key: "1",
        status: "queued",
        title: "",
        summary: "",
      }),
    ),
  ],
  // https://docs.github.com/en/graphql/overview/resource-limitations, https://github.com/cli/cli/issues/5951
  "A GraphQL request fails": [
    graphQL(
      [
        {
          type: "NOT_FOUND",
          path: ["repository", "pullRequest"],
          message: "Could not resolve to a PullRequest with the number of 9.",
        },
      ],
      'query Pull { repository(owner: "acme", name: "shop") { pullRequest(number: 9) { id } } }',
    ),
    graphQL([], "{ viewer { lgin } }"),
    graphQL([
      {
        type: "INSUFFICIENT_SCOPES",
        path: ["viewer", "email"],
        message:
          "Your token has not been granted the required scopes to execute this query. The 'email' field requires one of the following scopes: ['user:email'].",
      },
    ]),
    graphQL(
      [{ type: "FORBIDDEN", path: ["enablePullRequestAutoMerge"], message: "Resource not accessible by integration" }],
      AUTO_MERGE,
    ),
    graphQL(
      [{ type: "FORBIDDEN", path: ["enablePullRequestAutoMerge"], message: "Resource not accessible by integration" }],
      AUTO_MERGE,
      { workflow: { githubApp: "RELEASE_APP", permissions: { contents: "read" } } },
    ),
    graphQL(
      [
        {
          type: "UNPROCESSABLE",
          path: ["enablePullRequestAutoMerge"],
          message: "Pull request Pull request is in clean status",
        },
      ],
      AUTO_MERGE,
    ),
    graphQL([
      {
        type: "MAX_NODE_LIMIT_EXCEEDED",
        message: "This query requests up to 1,000,000 possible nodes which exceeds the maximum limit of 500,000.",
      },
      { type: "MAX_NODE_LIMIT_EXCEEDED", message: "More" },
    ]),
    graphQL([
      {
        type: "EXCESSIVE_PAGINATION",
        message: "Requesting 101 records exceeds the `first` limit of 100 records.",
      },
    ]),
    graphQL([
      {
        message: "Something went wrong while executing your query. Please include `AB12` when reporting this issue.",
      },
    ]),
    graphQL([], undefined, { variables: { headers: { "graphql-features": "sub_issues" } } }),
    asWorkflow(
      {},
      (github) => github.graphql("{ viewer { login } }"),
      {},
      (github) =>
        void github.fault(
          { route: "POST /graphql" },
          { kind: "status", status: 200, headers: { "content-type": "application/json" }, body: '{"data":{' },
        ),
    ),
  ],
  "It is not clear which Actions run the event started": [
    asked(
      { json: { workflow_runs: [1, 2].map((id) => ({ id, created_at: AN_HOUR_AGO, html_url: `https://${id}` })) } },
      ({ actions }) => actions.find({ repository: TARGET, event: "repository_dispatch", since: AN_HOUR_AGO }),
    ),
  ],
  "An artifact cannot be read": [
    asWorkflow(
      {},
      coverage,
      {},
      ofRun(() => {}),
    ),
    asWorkflow(
      {},
      coverage,
      {},
      ofRun((add) => void add("results", {})),
    ),
    asWorkflow(
      {},
      coverage,
      {},
      ofRun((add) => void Object.assign(add("coverage", {}), { expired: true })),
    ),
    asWorkflow(
      {},
      coverage,
      {},
      ofRun((add) => void add("coverage", { a: Buffer.alloc(51_000_000) })),
    ),
    asWorkflow({}, coverage, {}, (github) => {
      ofRun((add) => void add("coverage", {}))(github);
      github.fault({ path: /^\/downloads\// }, { kind: "status", status: 503 });
    }),
  ],
  "A list cannot be read to its end": [
    asWorkflow(
      {},
      (github) => github.paginate("GET /repos/{owner}/{repo}/labels", { owner, repo }),
      {},
      (github) => {
        const link = '<https://ghe.acme.example/api/v3/repositories/7/labels?page=2>; rel="next"';
        github.answers({ "GET /repos/{owner}/{repo}/labels": { headers: { link }, body: [] } });
      },
    ),
    asWorkflow({}, (github) => github.paginate("GET /repos/{owner}/{repo}" as never, { owner, repo })),
  ],
  "Octokit has no such name": [
    asWorkflow({}, (github) => (github.rest.issues as unknown as { addLabel(): Promise<void> }).addLabel()),
  ],
  "A branch accepts no commit": [
    asWorkflow(
      {},
      (github) => github.writeFile(TARGET, "VERSION", "2", { message: "Version 2" }),
      {},
      (github) => {
        const body = JSON.stringify({ message: "Repository rule violations found" });
        const headers = { "content-type": "application/json" };
        github.fault({ method: "PUT" }, { kind: "status", status: 409, body, headers });
      },
    ),
  ],
  "There is no values file": [told({ body: { application: "pr-2" } })],
  "The path is not a file": [
    told({
      when: (github) => github.repository(DEPLOYMENT).put("configs/pr/light/pr-2/values.yaml/oops", "x"),
      body: { application: "pr-2" },
    }),
  ],
  "There is no such revision": [told({ body: { revision: "gone" } })],
  "The tag is missing": [
    told({ when: values("global: {}") }),
    told({ when: values("global: {config: {DEPLOYMENT_TAG: ~}}") }),
  ],
  "The file is not valid YAML": [
    told({ when: values("global:\n  config:\n    DEPLOYMENT_TAG: [a\n    b\n") }),
    told({ when: values(Buffer.from("global: {config: {DEPLOYMENT_TAG: \u00fc}}", "latin1")) }),
  ],
  "It is a pointer or a link, not the file": [
    told({ when: values("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n") }),
    told({ when: values("../values.yaml") }),
  ],
  "The tag is not a git revision": [
    told({ tag: "ENC[AES256_GCM,data:Tr7o,iv:1,tag:k,type:str]" }),
    told({ tag: "'{{ .Values.tag }}'" }),
    told({ tag: '"0badc0de\\n"' }),
    told({ tag: "not a hash" }),
    told({ tag: "x".repeat(256) }),
  ],
  "There is no such commit": [told({ settings: { VERIFY_COMMIT: "true" }, tag: "0badc0de" })],
  "A GitHub rate limit": [
    told({
      options: LIMITED,
      when: (github) =>
        void github.fault({ route: CONTENTS }, { kind: "limit", secondary: true, retryAfterSeconds: 60 }),
    }),
    told({
      options: LIMITED,
      when: (github) => void github.fault({ route: CONTENTS }, { kind: "limit", resetAt: Date.now() / 1000 + 600 }),
    }),
    async (t) => {
      const settings = { GITHUB_LIMITS: "writes=1/3600s" };
      const { github, url, log } = await startService(t, { settings, options: { clock: movedClock() } });
      deploy(github, "pr-1", "abc");
      assert.equal((await notify(url, { application: "pr-1" })).status, 200);
      assert.equal((await notify(url, { application: "pr-1" })).status, 202);
      return String(log().at(-1)?.reason);
    },
  ],
  "GitHub fails": [
    answered(CONTENTS, 502, "<html><head><title>Unicorn! &middot; GitHub</title></head></html>"),
    said(DISPATCH, 503, "Service unavailable"),
  ],
  "GitHub fails most requests": [loggedOfOutage(0), loggedOfOutage(1), loggedOfOutage(2)],
  "No connection": [
    at("http://127.0.0.1:9"),
    told({ when: (github) => void github.fault({ route: CONTENTS }, { kind: "reset" }) }),
    told({
      options: { githubTimeoutMs: 100 },
      when: (github) => void github.fault({ route: CONTENTS }, { kind: "hang" }),
    }),
    told({ when: (github) => void github.fault({ route: CONTENTS }, { kind: "cut" }) }),
  ],
  "The certificate is not trusted": [told({ github: { tls: privateAuthority().issue("127.0.0.1") } })],
  "The certificate is not valid today": [connectionFailed("certificate has expired", "CERT_HAS_EXPIRED")],
  "The certificate is another host's": [
    connectionFailed("Hostname/IP does not match certificate's altnames", "ERR_TLS_CERT_ALTNAME_INVALID"),
  ],
  "The host does not speak TLS": [async (t) => at(`https://127.0.0.1:${await serverOf(t, 200)}`)(t)],
  "The proxy rejects the connection": [
    tunnelRefused(407),
    tunnelRefused(407, "user:of-no-value@"),
    tunnelRefused(403),
    answered(CONTENTS, 407, "<html><title>Proxy Authentication Required</title>"),
  ],
  "A page instead of an answer": [
    answered(CONTENTS, 200, "<html><title>Welcome to the guest network</title>"),
    answered(CONTENTS, 404, "<html><title>Blocked by policy</title>"),
    answered(DISPATCH, 403, "<html><title>Blocked by policy</title>"),
  ],
  "A compressed answer": [answered(CONTENTS, 200, { any: "thing" }, { "content-encoding": "gzip" })],
  "An answer without its length": [
    async (t) => {
      const server = createServer(({ socket }) => void socket.end("HTTP/1.0 200 OK\r\n\r\nglobal:")).listen(
        0,
        "127.0.0.1",
      );
      await once(server, "listening");
      t.after(() => server.close());
      return at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)(t);
    },
  ],
  "The request cannot be made": [
    connectionFailed("invalid x-a header", "UND_ERR_INVALID_ARG"),
    connectionFailed("invalid authorization header", "UND_ERR_INVALID_ARG"),
  ],
  "GitHub Enterprise Server without /api/v3": [
    async (t) => {
      const enterprise = await startService(t, { github: { enterprise: "3.19.0", basePath: "/api/v3" } });
      return at(new URL(enterprise.github.url).origin)(t);
    },
    told({
      when: (github) =>
        void github.fault(
          { route: CONTENTS },
          { kind: "status", status: 302, body: "", headers: { location: "/login?return_to=secret" } },
        ),
    }),
  ],
  "A redirect to another host": [
    answered(
      DISPATCH,
      307,
      { message: "Moved" },
      { location: "https://elsewhere.example/repositories/1/dispatches?a=b" },
    ),
  ],
  // https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent
  "The User-Agent is missing": [
    said(
      CONTENTS,
      403,
      "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
    ),
  ],
  "Something else answers": [answered(DISPATCH, 200, {}), answered(DISPATCH, 418, { message: "teapot" })],
  "GITHUB_API_URL is not the address of an API": [
    refusedAtStart({ GITHUB_API_URL: "https://github.com" }),
    refusedAtStart({ GITHUB_API_URL: "https://www.github.com/" }),
    refusedAtStart({ GITHUB_API_URL: "https://acme.ghe.com" }),
    refusedAtStart({ GITHUB_API_URL: "https://api.github.com/api/v3" }),
  ],
  "A setting in quotation marks": [
    refusedAtStart({ GITHUB_TOKEN: `"${TOKEN}"` }),
    refusedAtStart({ AUTH_TOKENS: "one,'two'" }),
    refusedAtStart({ OTEL_EXPORTER_OTLP_HEADERS: 'x-key="k"' }),
  ],
  "An unknown role": [refusedAtStart({ AUTH_TOKENS: "one-token,argocd:admin:a-token" })],
  "A percent sign in DATABASE_URL": [refusedAtStart({ DATABASE_URL: "postgres://u:100%@db/x" })],
  "A slash, a question mark or a # in DATABASE_URL": ["a/b", "1?2", "1#2"].map((password) =>
    refusedAtStart({ DATABASE_URL: `postgres://u:${password}@db/x` }),
  ),
  "The file of a secret does not exist": [refusedAtStart({ GITHUB_TOKEN_FILE: TOKEN })],
  "The run ended the process": [twiceAlone],
  "The re-run is not needed": [olderRerun],
  "The files of the database are gone": [
    filesGone((file) => rmSync(file)),
    filesGone((file) => {
      copyFileSync(file, `${file}.copy`);
      renameSync(`${file}.copy`, file);
    }),
  ],
};

/** The nth log record about an outage. */
function loggedOfOutage(nth: number): Case {
  return async (t) => {
    const all = await deployment(t, 1);
    const outage = all.fails();
    await event(all, 1, "pr-1");
    await all.pass(90_000);
    outage.remove();
    await all.pass(5 * 60_000);
    await until("all is logged", () => all.logged().length === 3);
    return String(all.logged()[nth]?.msg);
  };
}

async function twiceAlone(t: TestContext): Promise<string> {
  const folder = temporaryFolder(t);
  const clock = movedClock();
  const lease = { owner: "one", now: clock.now(), leaseMs: 60_000, take: false };
  for (let time = 0; time < 2; time++) {
    const store = openSqliteStore(folder, clock);
    if (time === 0) await store.accept({ id: "a", workflow: "w", group: undefined, input: {}, ownToken: false }, lease);
    assert.equal((await store.claim({ ...lease, limit: 1 })).length, 1);
    await store.close();
  }
  const store = openSqliteStore(folder, clock);
  t.after(() => store.close());
  return (await store.get("a"))?.run.reason ?? "";
}

async function olderRerun(t: TestContext): Promise<string> {
  const { github, url } = await startService(t);
  const older = (await notify(url, { application: "pr-1" })).headers["x-run-id"];
  deploy(github, "pr-1", "abc");
  await notify(url, { application: "pr-1" });
  return (await send(url, { method: "POST", path: `/api/runs/${older}/rerun` })).json.detail;
}

function filesGone(remove: (file: string) => void): Case {
  return async (t) => {
    const folder = temporaryFolder(t);
    const { url } = await startService(t, { settings: { DATA_DIR: folder } });
    remove(join(folder, "gh-runner.sqlite"));
    return (await send(url, { path: "/ready" })).json.detail;
  };
}

describe("docs/troubleshooting.md", () => {
  it("lists exactly what is tested here", () => {
    assert.deepEqual([...documented.keys()], Object.keys(CASES));
  });

  for (const [heading, cases] of Object.entries(CASES)) {
    it(`shows the messages for: ${heading}`, async (t) => {
      const lines = documented.get(heading) ?? [];
      const met = new Set<string>();
      for (const produce of cases) {
        const message = await produce(t);
        const line = lines.find((each) => matches(each, message));
        assert.ok(line, `not documented under "${heading}":\n${message}`);
        met.add(line);
      }
      assert.deepEqual([...met].sort(), [...lines].sort(), "documented, but no case of this test produces it");
    });
  }
});

function matches(line: string, message: string): boolean {
  const pattern = line.split("…").map(RegExp.escape).join(".+?");
  return new RegExp(`^${pattern}$`, "u").test(message);
}

describe("a message", () => {
  it("is one short line for any answer of GitHub or a proxy", async (t) => {
    const page = `<html>\u0000\u001b[31m\u202e${"x".repeat(4_900_000)}`;
    const message = await answered(CONTENTS, 404, page, { location: `/${"y".repeat(8000)}` })(t);
    assert.ok(message.length < 1000, `${message.length} characters`);
    assert.match(message, /check GITHUB_API_URL and any proxy/);
  });

  // The search for a title in one such page took 476 ms; now 5 ms. A hundred of them would not finish in time.
  it("is found without delay in a page that repeats the beginning of a title", { timeout: 60_000 }, async (t) => {
    const body = "<title".repeat(20_000);
    const { github, url } = await startService(t);
    github.fault({ route: CONTENTS }, { kind: "status", status: 400, body, headers: { "content-type": "text/plain" } });
    for (let at = 0; at < 80; at++) {
      const { json } = await notify(url, { application: `pr-${at}` });
      assert.match(json.detail, /GitHub answered 400 "(<title){40}/);
    }
  });

  it("never shows a long tag in full", async (t) => {
    const message = await told({ tag: `"${"z".repeat(60_000)}\\e[31m\\n"` })(t);
    assert.ok(message.length < 1000, `${message.length} characters`);
    assert.match(message, /the value is a text of 6000\d characters, with an invisible character/);
  });
});
