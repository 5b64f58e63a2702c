import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { TokenGrant } from "../sandbox/credentials.ts";
import { startGitHub } from "../sandbox/github.ts";
import type { Check } from "../src/model/check.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { CREDENTIALS, knowIdentities, READER } from "./support/identities.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const LISTENS = "on:\n  repository_dispatch:\n    types: [environment_ready]\n";

/** What doctor reports about one workflow with these options. */
async function diagnosis(
  t: TestContext,
  options: string,
  {
    granted = { contents: "write", issues: "write" },
    reader = {},
    settings = {},
  }: {
    granted?: Readonly<Record<string, "read" | "write">>;
    reader?: TokenGrant & { readonly token?: string };
    settings?: Record<string, string>;
  } = {},
): Promise<readonly Check[]> {
  const github = await startGitHub();
  t.after(() => github.close());
  deploy(github, "pr-1", "abc");
  github.repository(TARGET).put(".github/workflows/preview.yml", LISTENS);
  knowIdentities(github, granted);
  const { token = READER, ...grant } = reader;
  github.token(token, { login: "reader", ...grant });
  const checks = await checkSettings({
    ...CREDENTIALS,
    READER_TOKEN: token,
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: TOKEN,
    DEPLOYMENT_REPO: DEPLOYMENT,
    TARGET_REPO: TARGET,
    WORKFLOWS_DIR: workflowsFolder(t, { "release.ts": httpWorkflow("release", "return {};", options) }),
    ...settings,
  });
  const said = JSON.stringify(checks);
  for (const secret of [TOKEN, token, ...CREDENTIALS.BOT_PRIVATE_KEY.split("\n").slice(1, -2)]) {
    assert.ok(!said.includes(secret));
  }
  const written = github.requests.filter(({ method, path }) => method !== "GET" && !path.endsWith("/access_tokens"));
  assert.deepEqual(written, [], "nothing is sent to a repository");
  return checks.filter(({ check }) => check.startsWith("workflow "));
}

const inRepository = 'repository: "acme/shop",';

describe("gh-runner doctor, of the credentials that workflows name", () => {
  it("says what each may do, where the workflow does not narrow it", async (t) => {
    const options = `${inRepository} githubApp: "RELEASE_APP",
      identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },`;
    assert.deepEqual(await diagnosis(t, options), [
      {
        check: "workflow release",
        status: "ok",
        message: `App RELEASE_APP is the App release, and may do all that it was granted on ${TARGET}: contents: write, issues: write`,
        remedy: null,
      },
      {
        check: "workflow release as bot",
        status: "ok",
        message: `App BOT is the App bot, and may do all that it was granted on ${TARGET}: contents: write, issues: write`,
        remedy: null,
      },
      {
        check: "workflow release as reader",
        status: "ok",
        message: `token READER_TOKEN is reader's, classic, with the scope repo, and sees ${TARGET}`,
        remedy: null,
      },
    ]);
  });

  it("compares the permissions of a workflow with what the installation was granted", async (t) => {
    const options = `${inRepository} githubApp: "RELEASE_APP", permissions: { issues: "read", deployments: "write", contents: "write" },
      identities: { bot: { githubApp: "BOT", permissions: { issues: "read" } } },`;
    const granted = { contents: "read", issues: "write" } as const;
    assert.deepEqual(await diagnosis(t, options, { granted }), [
      {
        check: "workflow release",
        status: "problem",
        message: `App RELEASE_APP is the App release, and was not granted deployments: "write", contents: "write" on ${TARGET}, which the workflow's permissions name`,
        remedy:
          'Give the App deployments: "write", contents: "write" in its settings, then accept it in the settings of acme; or remove it from the workflow\'s `permissions`.',
      },
      {
        check: "workflow release as bot",
        status: "ok",
        message: `App BOT is the App bot, and was granted issues: read on ${TARGET}`,
        remedy: null,
      },
    ]);
  });

  it("compares them with the scopes of a classic token", async (t) => {
    const options = `${inRepository} githubToken: "READER_TOKEN",
      permissions: { contents: "write", workflows: "write", members: "read", checks: "write" },`;
    assert.deepEqual(await diagnosis(t, options), [
      {
        check: "workflow release",
        status: "problem",
        message:
          "token READER_TOKEN is reader's, classic, with the scope repo, which does not include workflows: write, members: read, checks: write",
        remedy: "Give the token the scopes workflow, read:org. No scope is known for checks: write: use a GitHub App.",
      },
    ]);
    const [enough] = await diagnosis(t, options.replace(', checks: "write"', ""), {
      reader: { scopes: ["repo", "workflow", "admin:org"] },
    });
    assert.equal(enough?.status, "ok");
    assert.match(enough?.message ?? "", /which includes contents: write, workflows: write, members: read$/);
  });

  it("says that GitHub does not tell what a fine-grained token may do, and what to look at", async (t) => {
    const options = `${inRepository} githubToken: "READER_TOKEN", permissions: { issues: "write", contents: "read" },`;
    const [check] = await diagnosis(t, options, { reader: { token: "github_pat_0123456789abcdefghij0123" } });
    assert.deepEqual(check, {
      check: "workflow release",
      status: "warning",
      message: "token READER_TOKEN is reader's, fine-grained: GitHub does not show its permissions",
      remedy: `Check that the token's settings list ${TARGET} with issues: write, contents: read.`,
    });
  });

  it("compares the permissions of a workflow that asks as the service", async (t) => {
    const [check] = await diagnosis(t, `${inRepository} permissions: { issues: "write" },`);
    assert.match(
      check?.message ?? "",
      /^GITHUB_TOKEN is service's, classic, with the scope repo, which includes issues: write$/,
    );
    const { BOT_ID: GITHUB_APP_ID, BOT_PRIVATE_KEY: GITHUB_APP_PRIVATE_KEY } = CREDENTIALS;
    const settings = { GITHUB_TOKEN: "", GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY };
    const [ofApp] = await diagnosis(t, `${inRepository} permissions: { pages: "write" },`, { settings });
    assert.equal(ofApp?.status, "problem");
    assert.match(ofApp?.message ?? "", /^the service's App is the App bot, and was not granted pages: "write"/);
  });

  it("names a credential that does not work by its variable", async (t) => {
    const revoked = { READER_TOKEN: "ghp_revokedToken0123456789abcdefABCD" };
    const [token] = await diagnosis(t, `${inRepository} githubToken: "READER_TOKEN",`, { settings: revoked });
    assert.equal(token?.status, "problem");
    assert.match(token?.message ?? "", /^token READER_TOKEN: token is not valid: GitHub answered 401/);
    assert.equal(token?.remedy, "Set READER_TOKEN to a valid token.");
    const [app] = await diagnosis(t, `${inRepository} githubApp: "BOT",`, {
      settings: { BOT_PRIVATE_KEY: CREDENTIALS.RELEASE_APP_PRIVATE_KEY },
    });
    assert.equal(app?.status, "problem");
    assert.match(app?.message ?? "", /^App BOT: app asking \S+ which App this is failed: GitHub answered 401/);
    assert.match(app?.remedy ?? "", /^BOT_PRIVATE_KEY is not a key of the App with BOT_ID/);
  });

  it("is not sure of a repository that the workflow does not name", async (t) => {
    const [check] = await diagnosis(t, 'githubApp: "BOT", permissions: { pages: "write" },');
    assert.equal(check?.status, "warning");
    assert.match(check?.remedy ?? "", /Or name the workflow's `repository`, if it is not acme\/shop\.$/);
  });

  it("finds that an App may not write what its workflow reports", async (t) => {
    const lacks = `App BOT is the App bot, and was not granted checks: "write" on ${TARGET}, which \`report\` needs`;
    const reports = 'report: { as: "check", commit: () => undefined },';
    const [check] = await diagnosis(t, `${inRepository} githubApp: "BOT", ${reports}`);
    assert.deepEqual([check?.status, check?.message], ["problem", lacks]);
    assert.match(check?.remedy ?? "", /^Give the App checks: "write" in its settings, then accept it in .* of acme\.$/);
    const granted = { checks: "write" } as const;
    const [enough] = await diagnosis(t, `${inRepository} githubApp: "BOT", ${reports}`, { granted });
    assert.equal(enough?.status, "ok");
    const status = `${inRepository} githubToken: "READER_TOKEN", ${reports.replace("check", "status")}`;
    const [ofToken] = await diagnosis(t, status, { reader: { token: "github_pat_0123456789abcdefghij0123" } });
    assert.equal(ofToken?.remedy, `Check that the token's settings list ${TARGET} with statuses: write.`);
  });

  it("does not apply the workflow's permissions to a token among the identities", async (t) => {
    const options = `${inRepository} githubApp: "BOT", permissions: { checks: "write" },
      identities: { reader: { githubToken: "READER_TOKEN" } },`;
    const [, reader] = await diagnosis(t, options, { granted: { checks: "write" } });
    assert.deepEqual([reader?.check, reader?.status], ["workflow release as reader", "ok"]);
    const withPermissions = options.replace(
      '"READER_TOKEN" }',
      '"READER_TOKEN", permissions: { workflows: "write" } }',
    );
    const [, writer] = await diagnosis(t, withPermissions, { granted: { checks: "write" } });
    assert.match(writer?.message ?? "", /which does not include workflows: write$/);
  });

  it("is not sure about the repositories of an identity", async (t) => {
    const options = `${inRepository} identities: { notes: { githubToken: "READER_TOKEN" } },`;
    const [notes] = await diagnosis(t, options, { reader: { repositories: ["acme/notes"] } });
    assert.equal(notes?.status, "warning");
    assert.match(notes?.remedy ?? "", / Nothing to do if the workflow uses notes only for other repositories\.$/);
  });

  it("names the files and variables that prevent the start of the service", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    const folder = workflowsFolder(t, {
      "a.ts": httpWorkflow("a", "return {};", 'githubApp: "NONE",'),
      "b.ts": httpWorkflow("b", "return {};"),
    });
    const checks = await checkSettings({ GITHUB_API_URL: github.url, WORKFLOWS_DIR: folder });
    const [broken, sound] = checks.filter(({ check }) => check === "workflows");
    assert.equal(broken?.status, "problem");
    assert.match(broken?.message ?? "", /^a\.ts: githubApp: NONE_ID is not set: .*; NONE_PRIVATE_KEY is not set: /);
    assert.deepEqual([sound?.status, sound?.message], ["ok", "1 file of WORKFLOWS_DIR can be used"]);
    const [nowhere] = (await checkSettings({ GITHUB_API_URL: github.url, WORKFLOWS_DIR: "/nowhere" })).filter(
      ({ check }) => check === "workflows",
    );
    assert.match(nowhere?.message ?? "", /^Cannot read the folder \/nowhere/);
  });
});
