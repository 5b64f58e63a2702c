import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../src/service/config/config.ts";
import { deploy, type HttpAnswer, notify, send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ARGOCD = "of-argocd-0123456789abcdef";
const ALICE = "of-alice:with-a-colon-0123456789";
const OLD = "old:0123456789abcdef01234567";
const PLAIN = "9a8b7c6d5e4f30211202";
const AUTH_TOKENS = [`argocd:${ARGOCD}`, `alice.smith:operator:${ALICE}`, OLD, PLAIN].join(",");

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function started(t: TestContext, settings: Record<string, string> = {}, files: Record<string, string> = {}) {
  const WORKFLOWS_DIR = workflowsFolder(t, files);
  const service = await startService(t, { settings: { AUTH_TOKENS, WORKFLOWS_DIR, ...settings } });
  deploy(service.github, "pr-1", "abc");
  const { url } = service;
  const runOf = async (answer: HttpAnswer) =>
    (await send(url, { path: `/api/runs/${answer.headers["x-run-id"]}`, headers: bearer(PLAIN) })).json;
  return { ...service, runOf };
}

describe("A token", () => {
  it("has a name, which the run shows as who started it", async (t) => {
    const { url, runOf } = await started(t);
    const actorWith = async (headers: Record<string, string>) =>
      (await runOf(await notify(url, { application: "pr-1" }, headers))).actor;
    assert.equal(await actorWith(bearer(ARGOCD)), "token argocd");
    assert.equal(await actorWith(bearer(ALICE)), "token alice.smith");
    const basic = Buffer.from(`argocd:${ARGOCD}`).toString("base64");
    assert.equal(await actorWith({ authorization: `Basic ${basic}` }), "token argocd");
  });

  it("without a name is named by eight digits of its SHA-256", async (t) => {
    const { url, runOf } = await started(t);
    const { actor } = await runOf(await notify(url, { application: "pr-1" }, bearer(PLAIN)));
    assert.equal(actor, `token ${createHash("sha256").update(PLAIN).digest("hex").slice(0, 8)}`);
  });

  it("with a colon in it stays valid unchanged", async (t) => {
    const { url } = await started(t);
    assert.equal((await notify(url, { application: "pr-1" }, bearer(OLD))).status, 200);
  });

  it("with a colon and a short rest has no name: the rest alone authenticates no caller", async (t) => {
    const old = "an-old-token-0123456789:x";
    const { url, runOf } = await started(t, { AUTH_TOKENS: `${old},${PLAIN}` });
    const { actor } = await runOf(await notify(url, { application: "pr-1" }, bearer(old)));
    assert.equal(actor, `token ${createHash("sha256").update(old).digest("hex").slice(0, 8)}`);
    assert.equal((await notify(url, { application: "pr-1" }, bearer("x"))).status, 401);
  });

  it("is invalid without its beginning, with another name, or with its role", async (t) => {
    const { url } = await started(t);
    const wrong = [
      "argocd",
      "alice.smith",
      `alice:${ARGOCD}`,
      `operator:${ALICE}`,
      "with-a-colon-0123456789",
      PLAIN.slice(1),
    ];
    for (const token of wrong) {
      assert.equal((await notify(url, { application: "pr-1" }, bearer(token))).status, 401, token);
    }
  });

  it("from the variable of a workflow is named by the variable", async (t) => {
    const files = {
      "door.ts": httpWorkflow("door", "return {};").replace('path: "/door",', 'path: "/door", token: "DOOR_TOKEN",'),
    };
    const { url, runOf } = await started(t, { DOOR_TOKEN: "of-the-door-0123456789" }, files);
    const answer = await send(url, {
      ...{ method: "POST", path: "/door", body: "{}" },
      headers: { "content-type": "application/json", ...bearer("of-the-door-0123456789") },
    });
    assert.equal((await runOf(answer)).actor, "token of DOOR_TOKEN");
  });

  it("that is not set makes callers anonymous", async (t) => {
    const { url, runOf } = await started(t, { AUTH_TOKENS: "" });
    assert.equal((await runOf(await notify(url, { application: "pr-1" }))).actor, "anonymous");
  });

  it("never appears anywhere, with or without a name", async (t) => {
    const { url, logLines, runOf } = await started(t, { LOG_LEVEL: "debug" });
    for (const token of [ARGOCD, ALICE, OLD, PLAIN]) {
      const run = await runOf(await notify(url, { application: "pr-1" }, bearer(token)));
      assert.ok(!JSON.stringify(run).includes(token));
      assert.ok(!logLines.join("").includes(token));
    }
  });
});

describe("AUTH_TOKENS", () => {
  const textsOf = (text: string) => readConfig({ AUTH_TOKENS: text }).auth.tokens.map((each) => each.text);

  it("names the known roles, and repeats no part of a token", () => {
    assert.throws(
      () => readConfig({ AUTH_TOKENS: `plain-0123456789,argocd:admin:${ARGOCD}` }),
      (error: Error) => {
        assert.match(
          error.message,
          /AUTH_TOKENS: entry 2 .*; the roles are: caller, viewer, operator\. .*my-name:operator:TOKEN/,
        );
        assert.ok(!/argocd|admin/.test(error.message));
        return true;
      },
    );
  });

  it("limits a role to workflows, and accepts no token twice with different roles", () => {
    const grantsOf = (text: string) => readConfig({ AUTH_TOKENS: text }).auth.tokens.map((each) => each.grants);
    assert.deepEqual(grantsOf(`ci:caller@deploy+Release-2:${ARGOCD},bob:viewer:${ALICE}`), [
      [{ role: "caller", workflows: ["deploy", "Release-2"] }],
      [{ role: "viewer" }],
    ]);
    for (const role of ["viewer@", "viewer@a+", "viewer@a/b", "operator@*"]) {
      assert.throws(
        () => grantsOf(`ci:${role}:${ARGOCD}`),
        (error: Error) =>
          /AUTH_TOKENS: entry 1: expected names of workflows/.test(error.message) && !error.message.includes(ARGOCD),
      );
    }
    assert.throws(
      () => grantsOf(`ci:caller:${ARGOCD},${ARGOCD}`),
      (error: Error) =>
        /AUTH_TOKENS: token ci and token [0-9a-f]{8} are the same token with different roles/.test(error.message) &&
        !error.message.includes(ARGOCD),
    );
    assert.equal(grantsOf(`${ARGOCD},${ARGOCD}`).length, 2);
    // What only looks like a limit is still a part of the token.
    assert.deepEqual(textsOf(`abc:defg@hijk:${ARGOCD}`)[0], `defg@hijk:${ARGOCD}`);
  });

  it("reads a beginning that cannot be a name as a part of the token, and hex digits not as a role", () => {
    for (const token of ["1abc:secret", ":secret", "a/b:secret", `${"n".repeat(41)}:secret`]) {
      assert.deepEqual(textsOf(token), [token]);
    }
    assert.deepEqual(textsOf("ab:cd:ef:01"), ["ab:cd:ef:01"]);
    const long = "cd:ef:01:23:45:67:89";
    assert.deepEqual(textsOf(`ab:${long}`), [long, `ab:${long}`]);
  });
});
