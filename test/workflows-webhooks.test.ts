import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { send, startService } from "./support/service.ts";
import { deliver, EXAMPLES, payloadOf, WEBHOOK_SECRET as SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const workflow = (name: string, trigger: string, body: string) => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "${name}", on: { github: ${trigger} }, async run({ event, github }) { ${body} } });`;

const FILES = {
  "opened.ts": workflow(
    "opened",
    '{ events: "pull_request", actions: ["opened"], filter: ({ payload }) => payload.sender.type !== "Bot" }',
    "return { number: event.payload.number, delivery: event.delivery };",
  ),
  "several.ts": workflow("several", '{ events: ["push", "workflow_run"] }', "return { name: event.name };"),
};

function serviceWith(t: TestContext, settings: Record<string, string> = {}) {
  return startService(t, {
    settings: { WORKFLOWS_DIR: workflowsFolder(t, FILES), GITHUB_WEBHOOK_SECRET: SECRET, ...settings },
  });
}

async function runsOf(url: string) {
  return (await send(url, { path: "/api/runs?limit=100" })).json.runs;
}

async function ended(url: string, id: string) {
  for (;;) {
    const run = (await send(url, { path: `/api/runs/${id}` })).json;
    if (run.status !== "queued" && run.status !== "running") return run;
  }
}

describe("a webhook of GitHub", () => {
  it("may be signed with any of several secrets, one per line, even with commas", async (t) => {
    const { url, log } = await serviceWith(t, { GITHUB_WEBHOOK_SECRET: "the old, with a comma\n the new one \n" });
    for (const secret of ["the old, with a comma", "the new one"]) {
      assert.equal((await deliver(url, "push", payloadOf("push"), { secret })).status, 202, secret);
    }
    for (const secret of ["the old", "the old, with a comma\nthe new one", ""]) {
      assert.equal((await deliver(url, "push", payloadOf("push"), { secret })).status, 401, secret);
    }
    const shown = log().filter(({ msg }) => /without a valid credential/.test(String(msg)));
    assert.deepEqual(
      shown.map(({ credential, path, address }) => [credential, path, address]),
      [["github_signature", "/webhooks/github", "127.0.0.1"]],
    );
  });

  it("must have a signature of exactly 64 hexadecimal digits", async (t) => {
    const { url } = await serviceWith(t);
    const body = JSON.stringify(payloadOf("push"));
    const digits = createHmac("sha256", SECRET).update(body).digest("hex");
    for (const [signature, status] of [
      [`sha256=${digits}`, 202],
      [`sha256=${digits.toUpperCase()}`, 202],
      [`sha256=${digits}0`, 401],
      [`sha256=${digits}00`, 401],
      [`sha256=${digits.slice(0, 63)}`, 401],
      [`sha256= ${digits}`, 401],
      [`SHA256=${digits}`, 401],
      ["sha256=", 401],
    ] as const) {
      const headers = { "x-hub-signature-256": signature };
      assert.equal((await deliver(url, "push", body, { headers })).status, status, signature);
    }
  });

  it("starts the workflows for its event, with its payload", async (t) => {
    const { url } = await serviceWith(t);
    const payload = payloadOf("pull_request", "opened");
    const answer = await deliver(url, "pull_request", payload, { delivery: "d-1" });
    assert.equal(answer.status, 202);
    assert.deepEqual(
      answer.json.runs.map((each: { workflow: string }) => each.workflow),
      ["opened"],
    );
    const run = await ended(url, answer.json.runs[0].run);
    assert.deepEqual([run.status, run.outputs], ["success", { number: payload.number, delivery: "d-1" }]);
  });

  it("is matched by event, action and filter, and the answer says if no workflow handles it", async (t) => {
    const { url } = await serviceWith(t);
    const opened = payloadOf("pull_request", "opened");
    for (const [name, payload] of [
      ["pull_request", payloadOf("pull_request", "closed")],
      ["issues", payloadOf("issues", "opened")],
      ["pull_request", { ...opened, sender: { ...(opened.sender as object), type: "Bot" } }],
    ] as const) {
      const answer = await deliver(url, name, payload);
      assert.deepEqual([answer.status, answer.json.status], [200, "ignored"]);
    }
    assert.equal((await runsOf(url)).length, 0);
  });

  it("of every example of GitHub is accepted or ignored, never rejected", async (t) => {
    const { url } = await serviceWith(t);
    let taken = 0;
    for (const { name, examples } of EXAMPLES) {
      for (const payload of examples) {
        const answer = await deliver(url, name, payload);
        assert.ok([200, 202].includes(answer.status), `${name} ${answer.text}`);
        if (answer.status === 202) taken++;
      }
    }
    const count = (name: string) => EXAMPLES.find((each) => each.name === name)?.examples.length ?? 0;
    const opened = EXAMPLES.find(({ name }) => name === "pull_request")!.examples.filter(
      ({ action, sender }) => action === "opened" && (sender as { type: string }).type !== "Bot",
    );
    assert.equal(taken, count("push") + count("workflow_run") + opened.length);
  });

  it("that is delivered again is recognised by its id, even after a restart", async (t) => {
    const dataDir = workflowsFolder(t, {});
    const first = await serviceWith(t, { DATA_DIR: dataDir });
    const payload = payloadOf("push");
    const once = await deliver(first.url, "push", payload, { delivery: "same" });
    const twice = await deliver(first.url, "push", payload, { delivery: "same" });
    assert.deepEqual(twice.json, once.json);
    await first.app.close();
    const { url } = await serviceWith(t, { DATA_DIR: dataDir });
    assert.deepEqual((await deliver(url, "push", payload, { delivery: "same" })).json, once.json);
    assert.equal((await runsOf(url)).length, 1);
    await deliver(url, "push", payload, { delivery: "another" });
    assert.equal((await runsOf(url)).length, 2);
  });

  it("with a wrong signature, or none, is a 401 and nothing is stored", async (t) => {
    const { url } = await serviceWith(t);
    const payload = payloadOf("push");
    for (const wrong of [
      await deliver(url, "push", payload, { secret: "another secret" }),
      await deliver(url, "push", payload, { headers: { "x-hub-signature-256": "" } }),
      await deliver(url, "push", payload, { headers: { "x-hub-signature-256": "sha256=00" } }),
      await deliver(url, "push", payload, { headers: { "x-hub-signature-256": `sha1=${"0".repeat(40)}` } }),
    ]) {
      assert.equal(wrong.status, 401);
      assert.match(wrong.json.detail, /GITHUB_WEBHOOK_SECRET/);
    }
    assert.equal((await runsOf(url)).length, 0);
  });

  it("goes to the other workflows when one of them throws, and the answer to GitHub reports it", async (t) => {
    const files = {
      "angry.ts": workflow("angry", '{ events: "push", filter() { throw new Error("no!"); } }', ""),
      ...FILES,
    };
    const { url } = await serviceWith(t, { WORKFLOWS_DIR: workflowsFolder(t, files) });
    const answer = await deliver(url, "push", payloadOf("push"));
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /angry \(no!\)/);
    assert.deepEqual(
      (await runsOf(url)).map((run: { workflow: string }) => run.workflow),
      ["several"],
    );
  });

  it("that is only a ping gets an answer", async (t) => {
    const { url } = await serviceWith(t);
    assert.deepEqual((await deliver(url, "ping", payloadOf("ping"))).json, { status: "pong" });
  });

  it("is rejected with what to change when it is a form, is not JSON, or is too large", async (t) => {
    const { url } = await serviceWith(t);
    const form = await deliver(url, "push", "payload=%7B%7D", {
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    assert.equal(form.status, 400);
    assert.match(form.json.detail, /content type at GitHub to application\/json/);
    assert.equal((await deliver(url, "push", "{")).status, 400);
    assert.equal((await deliver(url, "push", { commits: "x".repeat(5_000_000) })).status, 413);
    assert.equal((await send(url, { path: "/webhooks/github" })).status, 405);
  });

  it("has no route in a service without the secret", async (t) => {
    const { url } = await startService(t);
    assert.equal((await deliver(url, "push", payloadOf("push"))).status, 404);
  });
});
