import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { showsKey, workflowFile } from "../src/github/actions/workflow-files.ts";
import { openFetch } from "../src/github/connections.ts";
import { openIncidents } from "../src/github/github-status.ts";
import type { StartedRun } from "../src/model/github.ts";
import { unchanging } from "../src/model/renewable.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { clientOf } from "./support/scripted-github.ts";

const REPOSITORY = "acme/shop";
const PATH = ".github/workflows/preview.yml";
const LISTENS = "on: { repository_dispatch: { types: [ready] } }\njobs: { a: { runs-on: x, steps: [] } }\n";
const SHOWS = `run-name: Preview \${{ github.event.client_payload.run }}\n${LISTENS}`;
const ready = { eventType: "ready" };

async function scene(t: TestContext, { incidents = [] as string[], token = {} } = {}) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token("token", token);
  const target = github.repository(REPOSITORY);
  const { actions } = clientOf(t, github.url, { incidents: async () => incidents });
  const since = new Date().toISOString();
  const started: StartedRun = { repository: REPOSITORY, event: "repository_dispatch", key: "k", since };
  return { github, target, actions, started, why: (what: object = ready) => actions.whyNothing(started, what) };
}

describe("why nothing has started", () => {
  it("no workflow on the default branch listens", async (t) => {
    const { target, why } = await scene(t);
    target.put(PATH, LISTENS, "feature");
    target.put(".github/workflows/other.yml", LISTENS.replace("ready", "other"));
    target.put(".github/workflows/broken.yml", "on: [");
    assert.deepEqual(await why(), {
      happened: "no workflow on main of acme/shop listens to ready; .github/workflows/broken.yml is not valid YAML",
      remedy: "Add to a workflow there: on: { repository_dispatch: { types: [ready] } }.",
      sendAgain: false,
    });
  });

  it("no workflow of that name can be started", async (t) => {
    const { target, why } = await scene(t);
    target.put(PATH, LISTENS);
    const { happened, sendAgain } = await why({ workflow: "preview.yml" });
    assert.equal(happened, "main of acme/shop has no workflow preview.yml that workflow_dispatch can start");
    assert.equal(sendAgain, false);
    target.put(PATH, "on: workflow_dispatch");
    assert.match(
      (await why({ workflow: "preview.yml" })).happened,
      /^no run was found, although .*preview\.yml listens/,
    );
  });

  for (const [state, words] of [
    ["disabled_manually", "by a person"],
    ["disabled_inactivity", "because the repository had no activity for 60 days"],
  ] as const) {
    it(`the workflow is disabled, ${words}`, async (t) => {
      const { target, why } = await scene(t);
      target.put(PATH, SHOWS);
      target.workflowStates.set(PATH, state);
      assert.deepEqual(await why(), {
        happened: `${PATH} is disabled, ${words}`,
        remedy: "Enable it: gh workflow enable preview.yml -R acme/shop",
        sendAgain: false,
      });
    });
  }

  it("ignores one disabled workflow of two", async (t) => {
    const { target, why } = await scene(t);
    target.put(PATH, SHOWS);
    target.put(".github/workflows/second.yml", SHOWS);
    target.workflowStates.set(PATH, "disabled_manually");
    assert.match((await why()).happened, /GitHub shows no reason/);
  });

  it("Actions is off, or the repository is archived", async (t) => {
    const { target, why } = await scene(t);
    target.put(PATH, SHOWS);
    target.actionsDisabled = true;
    assert.deepEqual(await why(), {
      happened: "GitHub Actions is disabled in acme/shop",
      remedy: "Enable Actions in the repository's settings, under Actions.",
      sendAgain: false,
    });
    target.archived = true;
    assert.match((await why()).happened, /^acme\/shop is archived/);
  });

  it("more runs began at the same time than GitHub starts", async (t) => {
    const { github, target, why } = await scene(t);
    target.put(PATH, SHOWS);
    for (let at = 0; at < 499; at++) github.actions.start(target, PATH);
    assert.match((await why()).happened, /GitHub shows no reason/);
    github.actions.start(target, PATH);
    const { happened, sendAgain } = await why();
    assert.match(happened, /^500 runs began within 20 s of it in acme\/shop, and GitHub starts at most 500 in 10 s$/);
    assert.equal(sendAgain, true);
  });

  it("GitHub has an incident", async (t) => {
    const { target, why } = await scene(t, { incidents: ["Delays starting Actions runs", "Another"] });
    target.put(PATH, SHOWS);
    const { happened, sendAgain } = await why();
    assert.deepEqual([happened, sendAgain], ["GitHub has an incident: Delays starting Actions runs", false]);
  });

  it("is unknown: the same event may help", async (t) => {
    const { target, why } = await scene(t);
    target.put(PATH, SHOWS);
    assert.deepEqual(await why(), {
      happened: `no run has started, although ${PATH} listens, and GitHub shows no reason`,
      remedy: "See the Actions page of the repository, and https://www.githubstatus.com.",
      sendAgain: true,
    });
  });

  it("may be that no run name shows the key", async (t) => {
    const { github, target, why } = await scene(t);
    target.put(PATH, LISTENS);
    const { happened, remedy, sendAgain } = await why();
    assert.match(happened, /its run names do not show which event started them$/);
    assert.match(remedy, /run-name: Tests \$\{\{ github\.event\.client_payload\.run \}\}/);
    assert.equal(sendAgain, true);
    github.actions.start(target, PATH, { event: "push" });
    assert.equal((await why()).sendAgain, true);
    // It may be this one.
    github.actions.start(target, PATH, { event: "repository_dispatch", type: "ready" });
    assert.equal((await why()).sendAgain, false);
  });

  it("is searched with what the token may read", async (t) => {
    const { target, why } = await scene(t, { token: { permissions: { contents: "write" } } });
    target.put(PATH, SHOWS);
    target.workflowStates.set(PATH, "disabled_manually");
    assert.match((await why()).happened, /GitHub shows no reason/);
  });

  it("is searched later if a limit is reached", async (t) => {
    const { github, why } = await scene(t);
    github.fault({ method: "GET" }, { kind: "limit", retryAfterSeconds: 60, secondary: true });
    await assert.rejects(why(), { kind: "limit" });
  });
});

describe("the name of a workflow's runs", () => {
  // With < > instead of the braces of an expression.
  for (const [name, event, shown] of [
    ["Tests < github.event.client_payload.run >", "repository_dispatch", true],
    ["<github.event.client_payload['run']>", "repository_dispatch", true],
    ["Tests < format('{0}', github.event.client_payload.run) >", "repository_dispatch", true],
    ["Tests < github.event.client_payload.runner >", "repository_dispatch", false],
    ["Tests < github.event.client_payload.commitHash > run", "repository_dispatch", false],
    ["Tests github.event.client_payload.run", "repository_dispatch", false],
    ["Tests < inputs.run >", "repository_dispatch", false],
    ["Tests < inputs.run >", "workflow_dispatch", true],
    ["Tests < github.event.inputs.run >", "workflow_dispatch", true],
    ["< inputs.run || github.event.client_payload.run >", "workflow_dispatch", true],
    ["< inputs.run || github.event.client_payload.run >", "repository_dispatch", true],
  ] as const) {
    it(`${name} shows ${shown ? "the" : "no"} key of a ${event}`, async () => {
      const runName = name.replace("<", "${{").replace(">", "}}");
      const file = await workflowFile("a.yml", `run-name: ${JSON.stringify(runName)}\non: [${event}]`);
      assert.equal(showsKey(file, event), shown);
    });
  }

  it("is read from any file", async () => {
    for (const yaml of ["", "- a", "on: [", "run-name: [a]", "run-name: ~"]) {
      assert.equal(showsKey(await workflowFile("a.yml", yaml), "repository_dispatch"), false);
    }
  });
});

describe("GitHub's open incidents", () => {
  async function statusPage(t: TestContext, answer: string | undefined, status = 200) {
    const server = createServer((_, response) => {
      if (answer !== undefined) response.writeHead(status, { "content-type": "application/json" }).end(answer);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { fetch, close } = openFetch(unchanging({ httpProxy: undefined, httpsProxy: undefined, noProxy: undefined }));
    t.after(async () => {
      await close();
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/unresolved.json`;
    const { brief } = knownSecrets([]);
    const timeoutMs = answer === undefined ? 200 : 60_000;
    return openIncidents({ apiUrl: "https://api.github.com", url, brief, timeoutMs }, fetch) ?? assert.fail();
  }

  it("are only those about starting runs", async (t) => {
    const incidents = await statusPage(
      t,
      JSON.stringify({
        page: { id: "k" },
        incidents: [
          { name: "Packages are slow", components: [{ name: "Packages" }] },
          { name: "Delays starting Actions runs", components: [{ name: "Pages" }, { name: "Actions" }] },
          { name: 7, components: [{ name: "Actions" }] },
          null,
        ],
      }),
    );
    assert.deepEqual(await incidents(), ["Delays starting Actions runs"]);
  });

  for (const [what, answer, status] of [
    ["is no JSON", "<html>", 200],
    ["answers 503", "{}", 503],
    ["is endless", `{"incidents":[],"x":"${"x".repeat(600_000)}"}`, 200],
    ["says nothing", undefined, 200],
  ] as const) {
    it(`are unknown where the page ${what}`, async (t) => {
      const incidents = await statusPage(t, answer, status);
      assert.deepEqual(await incidents(), []);
    });
  }

  it("are those of github.com, and are not requested for another GitHub", () => {
    const given = { url: undefined, brief: knownSecrets([]).brief };
    const never = () => assert.fail("asked");
    assert.equal(openIncidents({ ...given, apiUrl: "https://ghe.example/api/v3" }, never), undefined);
    assert.ok(openIncidents({ ...given, apiUrl: "https://api.github.com" }, never));
  });
});
