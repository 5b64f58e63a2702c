import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { GitHub, Workflow } from "../src/index.ts";
import type { AppOptions } from "../src/service/ground.ts";
import { appKey } from "./support/apps.ts";
import { send, startService, TARGET, TOKEN } from "./support/service.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };

const bot = appKey();
const release = appKey();
const READER = "ghp_readerToken0123456789abcdefABCDEF01";

const BOT = { BOT_ID: "7", BOT_PRIVATE_KEY: bot.privateKey };
const RELEASE = { RELEASE_APP_ID: "Iv1.release", RELEASE_APP_PRIVATE_KEY: release.privateKey };

type Permissions = Readonly<Record<string, "read" | "write">>;

/** A service with one workflow at /w, whose `run` is the test's, and a GitHub with two Apps. */
async function scene(
  t: TestContext,
  run: (github: GitHub, body: { readonly n?: number }) => Promise<unknown>,
  {
    workflow = {},
    settings = {},
    granted = { contents: "write", issues: "write", pull_requests: "write" },
    options = {},
  }: {
    workflow?: Partial<Workflow>;
    settings?: Record<string, string>;
    granted?: Permissions;
    options?: AppOptions;
  } = {},
) {
  const under: Workflow = {
    name: "w",
    on: { http: { path: "/w", body: ANYTHING, tokenField: "github_token" } },
    run: ({ github, body }) => run(github, body),
    ...workflow,
  };
  const service = await startService(t, {
    settings: { ...BOT, ...RELEASE, READER_TOKEN: READER, ...settings },
    options: { ...options, workflows: [{ workflow: under, file: "w.ts" }] },
  });
  const { github, url } = service;
  github.token(READER, { login: "reader" });
  github.app({ id: 7, publicKey: bot.publicKey, installations: [{ id: 42, owner: "acme", permissions: granted }] });
  const installations = [{ id: 43, owner: "acme", permissions: granted }];
  github.app({ id: 8, clientId: "Iv1.release", slug: "release", publicKey: release.publicKey, installations });
  const start = (body: object = {}) => send(url, { method: "POST", path: "/w", body: JSON.stringify(body) });
  /** Who has asked for a repository's things, in order. */
  const askers = () =>
    github.requests.filter(({ path }) => path.startsWith("/repos/acme/shop/contents")).map(({ account }) => account);
  return { ...service, start, askers };
}

const read = (github: GitHub) => github.readFile(TARGET, "a.md");

describe("a workflow that names a GitHub App", () => {
  it("asks GitHub as that App, and the other workflows as the service", async (t) => {
    const { start, askers } = await scene(t, read, { workflow: { githubApp: "RELEASE_APP" } });
    assert.equal((await start()).status, 200);
    assert.deepEqual(askers(), ["installation 43"]);
  });

  it("has other identities beside it, each whole, and the service's", async (t) => {
    const { start, askers, github } = await scene(
      t,
      async (all) => {
        for (const name of ["bot", "reader", "service", "bot"]) await read(all.as(name));
        await read(all.as("bot").as("reader"));
        await read(all);
        await all.as("bot").dispatch(TARGET, "released", {}, { once: "tell" });
      },
      {
        workflow: {
          githubApp: "RELEASE_APP",
          identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } },
        },
      },
    );
    const answer = await start();
    assert.equal(answer.status, 200, answer.text);
    const [app, service] = ["installation 42", TOKEN];
    assert.deepEqual(askers(), [app, "reader", service, app, "reader", "installation 43"]);
    assert.equal(github.dispatches.length, 1);
    assert.match(github.dispatches[0]?.token ?? "", /^ghs_/);
  });

  it("says which identities there are where there is no such one", async (t) => {
    const { start } = await scene(t, async (github) => github.as("bto"), {
      workflow: { identities: { bot: { githubApp: "BOT" } } },
    });
    const { status, json } = await start();
    assert.equal(status, 500);
    assert.equal(
      json.detail,
      'Asking GitHub as "bto" failed: w has no such identity. It has bot, service. Use one of these, or add it to the workflow\'s `identities`.',
    );
  });

  it("uses the token that an event brought instead, and its identities as always", async (t) => {
    const { start, askers, github } = await scene(
      t,
      async (all) => {
        await read(all);
        await read(all.as("bot"));
        await read(all.as("service"));
      },
      { workflow: { githubApp: "RELEASE_APP", identities: { bot: { githubApp: "BOT" } } } },
    );
    github.token("ghp_callersToken0123456789abcdefABCDEF01", { login: "caller" });
    const answer = await start({ github_token: "ghp_callersToken0123456789abcdefABCDEF01" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(askers(), ["caller", "installation 42", TOKEN]);
  });
});
