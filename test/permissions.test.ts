import assert from "node:assert/strict";
import { describe, it } from "node:test";
import description from "../sandbox/github-openapi/api.github.com.json" with { type: "json" };
import type { GitHub, Permissions, Workflow } from "../src/index.ts";
import { permissionProblems } from "../src/model/permissions.ts";
import { CREDENTIALS, identityScene } from "./support/identities.ts";
import { TARGET } from "./support/service.ts";

const ISSUE_TOKEN = "POST /app/installations/{installation_id}/access_tokens";
const [owner, repo] = TARGET.split("/") as [string, string];

/** A run of a workflow with the App RELEASE_APP, these permissions, and these requests. */
async function runWith(
  t: Parameters<typeof identityScene>[0],
  run: (github: GitHub) => Promise<unknown>,
  permissions: Permissions | undefined,
  more: Parameters<typeof identityScene>[2] = {},
) {
  const workflow: Partial<Workflow> = {
    githubApp: "RELEASE_APP",
    ...(permissions && { permissions }),
    ...more.workflow,
  };
  const scene = await identityScene(t, run, { ...more, workflow });
  /** The permissions that each token was requested with. */
  const asked = () =>
    scene.github.requests.filter(({ route }) => route === ISSUE_TOKEN).map(({ body }) => JSON.parse(body).permissions);
  return { ...scene, asked };
}

const listIssues = (github: GitHub) => github.request("GET /repos/{owner}/{repo}/pulls", { owner, repo });

describe("the permissions of a workflow", () => {
  it("apply to its App's tokens for requests with unknown needs", async (t) => {
    const { start, asked } = await runWith(t, listIssues, { pull_requests: "read" });
    const answer = await start();
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asked(), [{ metadata: "read", pull_requests: "read" }]);
  });

  it("are reduced to what a method needs, if that is known", async (t) => {
    const { start, asked } = await runWith(
      t,
      async (github) => {
        await github.readFile(TARGET, "a.md");
        await github.comment({ repository: TARGET, number: 1, key: "a", body: "A." });
      },
      { contents: "write", issues: "write" },
    );
    await start();
    assert.deepEqual(asked(), [{ contents: "read" }, { metadata: "read", contents: "write", issues: "write" }]);
  });

  it("are requested together if a method needs several: a workflow file needs another one", async (t) => {
    const write = (path: string) => (github: GitHub) =>
      github.writeFile(TARGET, path, "on: push\n", { message: "Add tests" });
    const permissions = { contents: "write", workflows: "write" } as const;
    const { start, asked } = await runWith(t, write(".github/workflows/a.yml"), permissions, { granted: permissions });
    const answer = await start();
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asked(), [permissions]);
    const { start: again } = await runWith(t, write(".github/workflows/a.yml"), { contents: "write" });
    assert.match((await again()).json.detail, /`permissions` lack workflows: "write", which this request needs\./);
    const other = await runWith(t, write("a.yml"), { contents: "write" });
    assert.equal((await other.start()).status, 200);
  });

  it("that are empty still let its tokens read metadata, and nothing else", async (t) => {
    const { start, asked } = await runWith(t, listIssues, {});
    const { status } = await start();
    assert.deepEqual([status, asked()], [500, [{ metadata: "read" }]]);
  });

  it("that are missing give its tokens everything that the App may do", async (t) => {
    const { start, asked } = await runWith(t, listIssues, undefined);
    assert.equal((await start()).status, 200);
    assert.deepEqual(asked(), [undefined]);
  });

  it("share a token between requests, in any order, but not with other permissions", async (t) => {
    const run = async (github: GitHub) => {
      await listIssues(github);
      await listIssues(github.as("same"));
      await listIssues(github.as("other"));
    };
    const { start, asked } = await runWith(
      t,
      run,
      { pull_requests: "read", issues: "read" },
      {
        workflow: {
          identities: {
            same: { githubApp: "RELEASE_APP", permissions: { issues: "read", pull_requests: "read" } },
            other: { githubApp: "RELEASE_APP", permissions: { pull_requests: "read" } },
          },
        },
      },
    );
    assert.equal((await start()).status, 200);
    assert.equal(asked().length, 2);
  });

  it("also apply to its identities without permissions, and to the service's App", async (t) => {
    const run = async (github: GitHub) => {
      await listIssues(github.as("bot"));
      await listIssues(github.as("service"));
    };
    const { start, asked } = await runWith(
      t,
      run,
      { pull_requests: "read" },
      {
        workflow: { identities: { bot: { githubApp: "BOT" } } },
        settings: {
          GITHUB_TOKEN: "",
          GITHUB_APP_ID: CREDENTIALS.BOT_ID,
          GITHUB_APP_PRIVATE_KEY: CREDENTIALS.BOT_PRIVATE_KEY,
        },
      },
    );
    const answer = await start();
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asked(), [
      { metadata: "read", pull_requests: "read" },
      { metadata: "read", pull_requests: "read" },
    ]);
  });

  it("that a built-in method lacks are named before anything is sent", async (t) => {
    for (const [run, says] of [
      [
        (github: GitHub) => github.dispatch(TARGET, "built", {}),
        `Dispatching built to ${TARGET} failed: the workflow's \`permissions\` lack contents: "write", which this request needs. Add contents: "write" to them, or remove the call.`,
      ],
      [
        (github: GitHub) => github.comment({ repository: TARGET, number: 1, key: "a", body: "A." }),
        /lack pull_requests: "write" or issues: "write", which this request needs/,
      ],
    ] as const) {
      const { start, github } = await runWith(t, run, { contents: "read", issues: "read" });
      const { status, json } = await start();
      assert.equal(status, 500);
      if (typeof says === "string") assert.equal(json.detail, says);
      else assert.match(json.detail, says);
      assert.deepEqual(github.requests, []);
    }
  });

  it("that a request lacks are named when GitHub rejects it, with what GitHub would accept", async (t) => {
    const { start } = await runWith(t, listIssues, { contents: "read" });
    const { status, json } = await start();
    assert.equal(status, 500);
    assert.match(
      json.detail,
      /answered 403 "Resource not accessible by integration" \(request id \S+, needs pull_requests=read\)\. The workflow's `permissions` lack pull_requests: "read": add it\.$/,
    );
  });

  it("that the installation has not granted are named, with what to grant", async (t) => {
    const { start } = await runWith(
      t,
      listIssues,
      { contents: "write", deployments: "write", pull_requests: "write" },
      { granted: { contents: "read", pull_requests: "write" } },
    );
    const { status, json } = await start();
    assert.equal(status, 500);
    assert.equal(
      json.detail,
      `Getting a token of the GitHub App's installation 43 for ${TARGET} failed: GitHub answered 422 "The permissions requested are not granted to this installation." (request id 0002:5EED). ` +
        'Give the GitHub App contents: "write", deployments: "write" in its settings, then accept it in the settings of acme; or remove it from the workflow\'s `permissions`.',
    );
  });

  it("do not narrow a personal token or the token of an event", async (t) => {
    const { start, github } = await runWith(
      t,
      (all) => all.dispatch(TARGET, "built", {}),
      { issues: "read" },
      { workflow: { githubToken: "READER_TOKEN", githubApp: undefined } as never },
    );
    assert.equal((await start()).status, 200);
    assert.equal(github.dispatches.length, 1);
  });
});

describe("the names of permissions", () => {
  it("and their levels are those of GitHub's description", () => {
    const properties = Object.entries(description.components.schemas["app-permissions"].properties);
    assert.ok(properties.length > 40);
    for (const [name, { enum: levels }] of properties) {
      for (const level of levels) assert.deepEqual(permissionProblems({ [name]: level }), [], name);
      const [[, problem] = ["", ""]] = permissionProblems({ [name]: "owner" });
      assert.equal(problem, `expected ${levels.map((each) => `"${each}"`).join(" or ")}, got "owner"`);
    }
  });

  it("that are wrong cause a message with the right one", () => {
    const given = { "pull-requests": "write", isues: "write", workflows: "read", contents: "none", nonsense: 1 };
    const unknown = "no permission of GitHub's API has this name: ";
    assert.deepEqual(permissionProblems(given), [
      ["pull-requests", `${unknown}did you mean pull_requests?`],
      ["isues", `${unknown}did you mean issues?`],
      ["workflows", 'expected "write", got "read"'],
      ["contents", 'expected "read" or "write", got "none": leave it out for no access'],
      [
        "nonsense",
        `${unknown}see https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app`,
      ],
    ]);
  });
});
