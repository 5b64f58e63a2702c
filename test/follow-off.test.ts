import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { deploy, notify, type Service, send, startService } from "./support/service.ts";

const COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567";

const SENT = [
  ["GET", "/repos/acme/deployment/contents/configs%2Fpr%2Fheavy%2Fpr-1%2Fvalues.yaml", ""],
  ["GET", "/repos/acme/deployment/contents/configs%2Fpr%2Flight%2Fpr-1%2Fvalues.yaml", ""],
  [
    "POST",
    "/repos/acme/shop/dispatches",
    `{"event_type":"environment_ready","client_payload":{"commitHash":"${COMMIT}","sourceName":"pr-1"}}`,
  ],
];

async function dispatched(service: Service, more: object = {}) {
  const { github, url, app } = service;
  deploy(github, "pr-1", COMMIT);
  github.requests.length = 0;
  const answer = await notify(url, { application: "pr-1", ...more });
  const { runs } = (await send(url, { path: "/api/runs" })).json;
  const { steps } = (await app.engine.store.get(String(answer.headers["x-run-id"]))) as never as {
    steps: unknown[];
    lines: unknown;
  };
  return {
    answer,
    runs,
    steps,

    sent: github.requests.map(({ method, path, body }) => [method, path, body]).sort(),
  };
}

describe("without FOLLOW", () => {
  for (const [what, settings] of [
    ["nothing is set", {}],
    [
      "it is empty, and all that goes with it is set",
      {
        FOLLOW: "",
        FOLLOW_CONTEXT: "x",
        FOLLOW_TIMEOUT: "1h",
        NOTHING_AFTER: "1m",
        ARGOCD_URL: "https://a.example",
        ENVIRONMENT_URL: "https://{application}.example",
        GITHUB_WEBHOOK_SECRET: "a-secret-of-the-webhook",
      },
    ],
  ] as const) {
    it(`there are no more requests, steps and runs than before, and the same bytes, when ${what}`, async (t) => {
      const service = await startService(t, { settings });
      const { answer, sent, runs, steps } = await dispatched(service);
      assert.equal(answer.text, `{"status":"success","commitHash":"${COMMIT}","sourceName":"pr-1"}`);
      assert.deepEqual(sent, SENT);
      assert.deepEqual([runs.length, steps], [1, []]);
      const { workflows } = (await send(service.url, { path: "/api/workflows" })).json;
      assert.deepEqual(
        workflows.map(({ name }: { name: string }) => name),
        ["environment-ready"],
      );
    });
  }
});

describe("a request with the caller's token", () => {
  it("is dispatched as without FOLLOW, and the run's log reports that its tests are not followed", async (t) => {
    const service = await startService(t, { settings: { FOLLOW: "status,comment", PUBLIC_URL: "https://ci.example" } });
    service.github.token("own-token-of-the-caller");
    const { answer, sent, runs, steps } = await dispatched(service, { github_token: "own-token-of-the-caller" });
    assert.equal(answer.text, `{"status":"success","commitHash":"${COMMIT}","sourceName":"pr-1"}`);
    assert.deepEqual(sent, SENT);
    assert.deepEqual([runs.length, steps], [1, []]);
    assert.ok(
      service.logLines.some((line) => line.includes("the request brought a GitHub token: the tests are not followed")),
    );
  });
});

it("the documentation says that a request with the caller's token is not followed", () => {
  const docs = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
  assert.match(docs, /`FOLLOW`.*github_token/);
});

describe("the start", () => {
  it("warns about missing settings for reports", async (t) => {
    const { logLines } = await startService(t, { settings: { FOLLOW: "check,deployment" } });
    const warned = logLines.filter((line) => line.includes("FOLLOW"));
    assert.equal(warned.length, 3, warned.join("\n"));
    const whole = {
      FOLLOW: "deployment",
      PUBLIC_URL: "https://ci.example",
      GITHUB_WEBHOOK_SECRET: "a-secret-of-the-webhook",
    };
    const { logLines: none, url } = await startService(t, { settings: whole });
    assert.deepEqual(
      none.filter((line) => line.includes("FOLLOW")),
      [],
    );
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    assert.deepEqual(
      workflows.map(({ name }: { name: string }) => name),
      ["environment-ready", "preview-tests", "preview-closed"],
    );
  });
});
