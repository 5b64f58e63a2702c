import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GitHub } from "../src/index.ts";
import { identityScene as scene } from "./support/identities.ts";
import { TARGET, TOKEN } from "./support/service.ts";

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
