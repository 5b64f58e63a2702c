import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow } from "gh-runner";
import { testRun } from "gh-runner/testing";

const SLACK = "https://hooks.slack.com/services/T0/B0/X0";

const announce = defineWorkflow({
  name: "announce",
  on: { manual: true },
  env: ["SLACK_URL"],
  async run({ fetch, notify, env }) {
    const answer = await fetch("https://status.acme.dev/api?since=today");
    const { open } = (await answer.json()) as { open: number };
    await fetch("https://status.acme.dev/api/seen", { method: "PUT", body: JSON.stringify({ open }) });
    await notify(env.SLACK_URL, `${open} incidents`);
    return { status: answer.status, open };
  },
});

describe("other hosts in the test kit", () => {
  it("give the test's answers, and nothing is really sent", async () => {
    const asked: string[] = [];
    const { run, posted, sent } = await testRun(
      announce,
      { inputs: {} },
      {
        env: { SLACK_URL: SLACK },
        outside: {
          "GET https://status.acme.dev/api": ({ url }) => {
            asked.push(url);
            return { status: 202, body: { open: 2 } };
          },
        },
      },
    );
    assert.deepEqual(run.outputs, { status: 202, open: 2 });
    assert.deepEqual(asked, ["https://status.acme.dev/api?since=today"]);
    assert.deepEqual(posted, [
      { method: "PUT", url: "https://status.acme.dev/api/seen", body: { open: 2 } },
      { method: "POST", url: SLACK, body: { text: "2 incidents" } },
    ]);
    assert.deepEqual(sent, []);
  });

  it("get nothing for an address that fetch rejects", async () => {
    const outside = { "GET https://status.acme.dev/api": { body: { open: 2 } } };
    const { run, posted } = await testRun(
      announce,
      { inputs: {} },
      { env: { SLACK_URL: "https://name:pass@chat.acme.dev/hook" }, outside },
    );
    assert.match(run.reason ?? "", /cannot be made.*no user or password/);
    assert.equal(posted.length, 1);
  });

  it("fail as the test says", async () => {
    const { run } = await testRun(
      announce,
      { inputs: {} },
      {
        env: { SLACK_URL: SLACK },
        outside: {
          "GET https://status.acme.dev/api": { body: { open: 1 } },
          [`POST ${SLACK}`]: { status: 404, body: "no_service" },
        },
      },
    );
    assert.match(run.reason ?? "", /it answered 404 "no_service"/);
    const wrong = { "status.acme.dev": {} };
    await assert.rejects(
      testRun(announce, { inputs: {} }, { outside: wrong }),
      /outside: status\.acme\.dev is not a method and an address/,
    );
  });
});
