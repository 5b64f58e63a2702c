import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { movedClock, until } from "./support/clock.ts";
import { send, startService, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const APPROVAL = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "approval",
  on: { http: { path: "/approval", body: z.object({}) } },
  async run({ github, callback }) {
    const { url, result } = await callback("approval", {
      body: z.object({ approved: z.boolean(), by: z.string().min(2), mail: z.email().optional() }),
      timeout: "2d",
    });
    await github.dispatch("acme/shop", "asked", { url });
    return await result();
  },
});`;

async function service(t: TestContext, settings: Record<string, string> = {}, options = {}) {
  const started = await startService(t, {
    options,
    settings: {
      PUBLIC_URL: "https://runner.example",
      WORKFLOWS_DIR: workflowsFolder(t, { "approval.ts": APPROVAL }),
      ...settings,
    },
  });
  const { github, url } = started;
  const headers = settings.AUTH_TOKENS ? { authorization: `Bearer ${settings.AUTH_TOKENS}` } : {};
  const get = async (id: string) => (await send(url, { path: `/api/runs/${id}`, headers })).json;
  return {
    ...started,
    get,
    async asked() {
      const sent = { method: "POST", path: "/approval", body: "{}", headers: { ...headers, prefer: "respond-async" } };
      const { run } = (await send(url, sent)).json;
      await until("the run waits", async () => (await get(run)).status === "waiting");
      const { pathname } = new URL(String(github.dispatches.at(-1)?.payload.url));
      return { run, path: pathname, secret: pathname.split("/").at(-1) as string };
    },
    answer: (path: string, body: unknown, sent: Record<string, string> = {}) =>
      send(url, { method: "POST", path, body: typeof body === "string" ? body : JSON.stringify(body), headers: sent }),
  };
}

describe("POST /callbacks/{token}", () => {
  it("gives the run its answer once, without any other token", async (t) => {
    const { asked, answer, get, logLines } = await service(t, { AUTH_TOKENS: "of-the-service" });
    const { run, path, secret } = await asked();
    const first = await answer(path, { approved: true, by: "alice" });
    assert.deepEqual([first.status, first.json], [202, { status: "answered", run }]);
    await until("the run has ended", async () => (await get(run)).status === "success");
    const { outputs, actions } = await get(run);
    assert.deepEqual(outputs, { approved: true, by: "alice" });
    assert.deepEqual(
      actions.map(({ action, actor, details }: Record<string, string>) => [action, actor, details]).slice(-1),
      [["answered", "callback", "approval"]],
    );

    const second = await answer(path, { approved: false, by: "mallory" });
    assert.equal(second.status, 409);
    assert.match(
      second.json.detail,
      /^This callback was already answered at 2\d{3}-.*Z\. It can be answered only once\.$/,
    );
    assert.ok(!logLines.some((line) => line.includes(secret)), "the secret is in no log");
  });

  it("names every problem of the body, and keeps waiting", async (t) => {
    const { asked, answer, get, logLines } = await service(t);
    const { run, path, secret } = await asked();
    const wrong = await answer(path, { approved: "yes", by: "x" });
    assert.equal(wrong.status, 400);
    assert.equal(wrong.json.problems.length, 2);
    assert.match(wrong.json.detail, /^approved .*; by .*\.$/);
    const withToken = await answer(path, { approved: true, by: TOKEN });
    assert.deepEqual([withToken.status, withToken.json.problems.length], [400, 1]);
    assert.match(withToken.json.detail, /^by contains a token/);
    const mail = await answer(path, { approved: true, by: "al", mail: "none" });
    assert.deepEqual(mail.json.problems, ["mail Invalid email address"]);
    assert.equal((await answer(path, "{")).status, 400);
    assert.equal((await answer(path, "x".repeat(70_000))).status, 413);
    assert.equal((await answer(path, { approved: true, by: "al" }, { "sec-fetch-site": "cross-site" })).status, 403);
    assert.equal((await get(run)).status, "waiting");
    assert.ok(!logLines.some((line) => line.includes(secret) || line.includes(TOKEN)), "no secret is in the log");
    assert.ok(
      logLines.some((line) => line.includes("/callbacks/…")),
      "it was logged that it was rejected",
    );
    assert.equal((await answer(path, { approved: false, by: "al" })).status, 202);
  });

  it("is not used up by opening the link", async (t) => {
    const { url, asked, answer } = await service(t);
    const { path } = await asked();
    for (const method of ["GET", "HEAD", "GET"]) {
      assert.equal((await send(url, { method, path })).status, 200, method);
    }
    assert.equal((await answer(path, { approved: true, by: "alice" })).status, 202);
  });

  it("accepts one of several answers that come at the same time", async (t) => {
    const { asked, answer, get } = await service(t);
    const { run, path } = await asked();
    const names = ["alice", "bob", "carol", "dave", "eve"];
    const answers = await Promise.all(names.map((by) => answer(path, { approved: true, by })));
    const statuses = answers.map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [202, 409, 409, 409, 409]);
    await until("the run has ended", async () => (await get(run)).status === "success");
    assert.equal((await get(run)).outputs.by, names[statuses.indexOf(202)]);
  });

  it("is 410 when the run does not wait for it any more", async (t) => {
    const { url, asked, answer } = await service(t);
    const { run, path } = await asked();
    assert.equal((await send(url, { method: "POST", path: `/api/runs/${run}/cancel` })).status, 200);
    const late = await answer(path, { approved: true, by: "alice" });
    assert.deepEqual([late.status, late.json.detail], [410, "The run no longer waits for this callback."]);
  });

  it("is 410 after its timeout, and the run reports that no answer came", async (t) => {
    const clock = movedClock();
    const { asked, answer, get } = await service(t, {}, { clock });
    const { run, path } = await asked();
    clock.move(2 * 86_400_000 + 1000);
    await until("the run has ended", async () => (await get(run)).status === "failure");
    assert.match((await get(run)).reason, /approval.* not answered within 2d/);
    assert.equal((await answer(path, { approved: true, by: "alice" })).status, 410);
  });

  it("is 404 for a URL that no run has created", async (t) => {
    const { asked, answer } = await service(t);
    const { path } = await asked();
    const wrong = await answer(`${path.slice(0, -1)}${path.endsWith("A") ? "B" : "A"}`, {
      approved: true,
      by: "alice",
    });
    assert.equal(wrong.status, 404);
  });
});
