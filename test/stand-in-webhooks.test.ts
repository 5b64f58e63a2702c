import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { describedWebhooks } from "../sandbox/webhook-descriptions.ts";
import { startReceiver } from "./support/receiver.ts";
import { send } from "./support/service.ts";

const START = Date.UTC(2026, 10, 28, 12);
const SECRET = "what GitHub signs with";

/** A stand-in that sends its webhooks to a receiver. By default the test moves its clock. */
async function scene(t: TestContext, { system = false, ...options }: GitHubOptions & { system?: boolean } = {}) {
  const clock = { now: START };
  const github = await startGitHub({ ...(system ? {} : { now: () => clock.now }), ...options });
  t.after(() => github.close());
  const receiver = await startReceiver(t);
  github.token("t", { login: "mona" });
  const shop = github.repository("acme/shop");
  shop.put(".github/workflows/tests.yml", "on: repository_dispatch\njobs: { test: { runs-on: ubuntu-latest } }\n");
  github.actions.script(() => ({ startsAfterMs: 1000, takesMs: 1000 }));
  const ask = (method: string, path: string, body?: object) =>
    send(github.url, {
      ...{ method, path: path.startsWith("/app") || path.startsWith("/orgs") ? path : `/repos/acme/shop${path}` },
      headers: { "user-agent": "test", authorization: "Bearer t" },
      body: body === undefined ? "" : JSON.stringify(body),
    });
  const names = () =>
    receiver.received.map(({ headers, body }) =>
      [headers["x-github-event"], JSON.parse(body).action ?? []].flat().join(" "),
    );
  return {
    ...{ github, clock, shop, receiver, ask, names },
    dispatch: () => ask("POST", "/dispatches", { event_type: "environment_ready" }),
    /** Lets time pass, and everything happen that is due by then. */
    async pass(milliseconds: number) {
      clock.now += milliseconds;
      await github.settle();
    },
    log: async (hook: number) => (await ask("GET", `/hooks/${hook}/deliveries?per_page=100`)).json,
  };
}

describe("the webhooks of the stand-in", () => {
  it("report a run from its beginning to its end, signed, as GitHub describes them", async (t) => {
    const { github, receiver, dispatch, pass, names, shop, ask } = await scene(t);
    const { url } = receiver;
    const hook = github.hook("acme/shop", `${url}/webhooks/github`, { secret: SECRET });
    await dispatch();
    await pass(0);
    assert.deepEqual(names(), ["workflow_run requested", "workflow_job queued"]);
    await pass(60_000);
    assert.deepEqual(names().slice(2), [
      "workflow_run in_progress",
      "workflow_job in_progress",
      "workflow_job completed",
      "workflow_run completed",
    ]);
    shop.addCommit("5".repeat(40));
    await ask("POST", `/statuses/${"5".repeat(40)}`, { state: "success", context: "preview" });
    shop.openPull({ number: 7 });
    github.closePull(shop, 7, { merged: true });
    await pass(0);
    assert.deepEqual(names().slice(6), ["status", "pull_request closed"]);

    const { validate } = describedWebhooks();
    for (const { headers, body, path } of receiver.received) {
      assert.deepEqual(validate(String(headers["x-github-event"]), JSON.parse(body)), []);
      assert.equal(headers["x-hub-signature-256"], `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);
      assert.equal(path, "/webhooks/github");
    }
    const [begun, ended] = [0, 5].map((at) => JSON.parse(receiver.received[at]?.body ?? "").workflow_run);
    assert.deepEqual([begun.status, begun.conclusion], ["queued", null]);
    assert.deepEqual(
      [ended.status, ended.conclusion, ended.updated_at],
      ["completed", "success", "2026-11-28T12:00:02Z"],
    );
    assert.deepEqual(
      hook.deliveries.map(({ guid, status }) => [guid, status]),
      receiver.received.map(({ headers }) => [headers["x-github-delivery"], 200]),
    );
  });

  it("reach every webhook that listens, under one GUID", async (t) => {
    const { github, receiver, dispatch, pass } = await scene(t);
    const options = { secret: SECRET, events: ["workflow_run"] };
    for (const owner of ["acme/shop", "acme", "app", "acme/other", "other"]) github.hook(owner, receiver.url, options);
    const silent = github.hook("acme/shop", receiver.url);
    await dispatch();
    await pass(0);
    assert.equal(receiver.received.length, 3);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers["x-github-delivery"])).size, 1);
    assert.deepEqual(silent.deliveries, []);
  });

  it("do not report a re-run as requested, or one without jobs as in progress", async (t) => {
    const { github, receiver, dispatch, pass, names, shop } = await scene(t);
    github.hook("acme/shop", receiver.url, { secret: SECRET, events: ["workflow_run"] });
    github.actions.script(({ attempt }) => ({ takesMs: 0, conclusion: attempt === 1 ? "skipped" : "failure" }));
    await dispatch();
    await pass(0);
    assert.deepEqual(names(), ["workflow_run requested", "workflow_run completed"]);
    github.actions.rerun(shop, [...shop.runs.keys()][0] ?? 0);
    await pass(0);
    assert.deepEqual(names().slice(2), ["workflow_run in_progress", "workflow_run completed"]);
    assert.equal(JSON.parse(receiver.received.at(-1)?.body ?? "").workflow_run.run_attempt, 2);
  });

  it("reach an App if it is installed, and name the installation", async (t) => {
    const { github, receiver, pass, shop } = await scene(t);
    github.app({ id: 7, publicKey: "", installations: [{ id: 70, owner: "acme" }] });
    const app = github.hook("app", receiver.url, { secret: SECRET });
    const ofRepository = github.hook("acme/shop", receiver.url, { secret: SECRET });
    github.emit(shop, "push", { ref: "refs/heads/main" });
    github.emit(github.repository("other/shop"), "push", { ref: "refs/heads/main" });
    await pass(0);
    const told = [app, ofRepository].map(({ deliveries }) =>
      deliveries.map((each) => [each.installationId, each.repositoryId]),
    );
    assert.deepEqual(told, [[[70, shop.id]], [[null, shop.id]]]);
    assert.deepEqual(app.deliveries[0]?.payload?.installation, { id: 70, node_id: "I_1" });
    assert.equal(ofRepository.deliveries[0]?.payload?.installation, undefined);
  });

  it("can be lost, doubled and late", async (t) => {
    const { github, receiver, dispatch, pass, names, log } = await scene(t);
    const hook = github.hook("acme/shop", receiver.url, { secret: SECRET, events: ["workflow_run"] });
    const upsets = [{ lateMs: 5000 }, "lost", "twice"] as const;
    let at = 0;
    hook.upset = () => upsets[at++];
    await dispatch();
    for (let second = 0; second < 6; second++) await pass(1000);
    assert.deepEqual(names(), ["workflow_run completed", "workflow_run completed", "workflow_run requested"]);
    const [, , , lost] = await log(hook.id);
    assert.deepEqual([lost.action, lost.status_code, lost.status], ["in_progress", 502, "failed to connect to host"]);
    hook.upset = () => "unlogged";
    await dispatch();
    await pass(60_000);
    assert.equal(hook.deliveries.length, 4);
  });

  it("are recorded with their answer, and redelivered under the same GUID on request", async (t) => {
    const { github, receiver, dispatch, pass, log, ask } = await scene(t);
    const hook = github.hook("acme/shop", receiver.url, { secret: SECRET, events: ["workflow_run"] });
    receiver.status = 503;
    await dispatch();
    await pass(0);
    const [failed] = await log(hook.id);
    assert.deepEqual([failed.status_code, failed.redelivery], [503, false]);
    receiver.status = 202;
    const again = `/hooks/${hook.id}/deliveries/${hook.deliveries[0]?.id}/attempts`;
    assert.equal((await ask("POST", again)).status, 202);
    await pass(0);
    const [redelivered] = await log(hook.id);
    assert.deepEqual([redelivered.guid, redelivered.status_code, redelivered.redelivery], [failed.guid, 202, true]);
    const found = async (status: string) => (await ask("GET", `/hooks/${hook.id}/deliveries?status=${status}`)).json;
    assert.deepEqual([(await found("failure")).length, (await found("success")).length], [1, 1]);
  });

  it("are sent automatically with the system's clock", async (t) => {
    const { github, receiver, dispatch, names } = await scene(t, { system: true });
    github.actions.script(() => ({ startsAfterMs: 20, takesMs: 20 }));
    github.hook("acme/shop", receiver.url, { secret: SECRET, events: ["workflow_run"] });
    await dispatch();
    while (receiver.received.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(names(), ["workflow_run requested", "workflow_run in_progress", "workflow_run completed"]);
  });

  it("contain the test's payload, with the fields that all events have", async (t) => {
    const { github, receiver, pass, shop } = await scene(t);
    github.hook("acme", receiver.url, { secret: SECRET });
    github.emit(shop, "push", { ref: "refs/heads/main" });
    await pass(0);
    const { ref, repository, sender } = JSON.parse(receiver.received[0]?.body ?? "");
    assert.deepEqual([ref, repository.full_name, sender.login], ["refs/heads/main", "acme/shop", "octocat"]);
  });

  it("allow thousands of lines in their log, and list them", async (t) => {
    const { github, ask } = await scene(t);
    const hook = github.hook("acme/shop", "http://127.0.0.1:9");
    const payload = { action: "opened" };
    const begun = process.cpuUsage();
    for (let at = 0; at < 7000; at++) hook.note("pull_request", payload, { at: START - at });
    assert.ok(process.cpuUsage(begun).user < 1_000_000);
    let [path, count] = [`/hooks/${hook.id}/deliveries?per_page=100`, 0];
    for (; path; count++) {
      const { headers } = await ask("GET", path);
      path = /shop(\/[^>]*)>; rel="next"/.exec(String(headers.link))?.[1] ?? "";
    }
    assert.equal(count, 70);
  });
});
