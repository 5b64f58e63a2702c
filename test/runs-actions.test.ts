import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { deploy, type HttpAnswer, notify, send, startService, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const ALICE = "of-alice-0123456789abcdef";
const headers = { authorization: `Bearer ${ALICE}` };

const FILES = {
  "sleeper.ts": httpWorkflow("sleeper", "await sleep('long', '1h'); return {};"),
  "holds.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "holds",
  on: { http: { path: "/holds", body: z.object({ group: z.string() }) } },
  concurrency: ({ body }) => body.group,
  async run({ signal }) {
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  },
});`,
  "steps.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
let n = 0;
export default defineWorkflow({
  name: "steps",
  on: {
    http: { path: "/steps", body: z.object({ good: z.boolean().default(false), group: z.string().optional() }) },
    manual: { inputs: z.object({ ref: z.string().min(2) }) },
  },
  concurrency: ({ body }) => body?.group,
  async run({ body, inputs, step, trigger }) {
    if (trigger === "manual") return { ref: inputs.ref };
    const first = await step("first", () => ++n);
    if (!body.good && n < 100) throw new Error("no good");
    return { first };
  },
});`,
  "pushed.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "pushed",
  on: { github: { events: "push", filter: ({ payload }) => payload.ref === "refs/heads/main" } },
  async run({ event }) { return { ref: event.payload.ref }; },
});`,
};

async function service(t: TestContext) {
  const settings = {
    AUTH_TOKENS: `alice:${ALICE}`,
    WORKFLOWS_DIR: workflowsFolder(t, FILES),
    GITHUB_WEBHOOK_SECRET: "a secret of webhooks",
  };
  const started = await startService(t, { settings });
  const { url } = started;
  const post = (path: string, body: unknown = undefined, more: Record<string, string> = {}) =>
    send(url, {
      ...{ method: "POST", path, headers: { ...headers, ...more } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const get = async (path: string) => (await send(url, { path, headers })).json;
  const idOf = (answer: HttpAnswer) => String(answer.headers["x-run-id"]);
  return {
    ...started,
    post,
    get,
    idOf,
    begin: async (path: string, body: unknown = {}) => idOf(await post(path, body, { prefer: "respond-async" })),
    reaches: (id: string, status: string) =>
      until(`${id} is ${status}`, async () => (await get(`/api/runs/${id}`)).status === status),
    runs: (...args: string[]) => command(["runs", ...args], { GH_RUNNER_URL: url, GH_RUNNER_TOKEN: ALICE }),
  };
}

describe("POST /api/runs/{id}/cancel", () => {
  it("immediately ends a run that waits, and records who did it", async (t) => {
    const { begin, reaches, post, get, log } = await service(t);
    const id = await begin("/sleeper");
    await reaches(id, "waiting");
    const answer = await post(`/api/runs/${id}/cancel`);
    assert.deepEqual([answer.status, answer.json.status], [200, "cancelled"]);
    const { actions, reason } = await get(`/api/runs/${id}`);
    assert.match(reason, /token alice/);
    assert.deepEqual(
      actions.map(({ at: _, ...action }: { at: string }) => action),
      [{ actor: "token alice", action: "cancelled" }],
    );
    const [record] = log().filter(({ msg, run }) => msg === "run cancelled" && run === id);
    assert.equal(record?.actor, "token alice");
    const again = await post(`/api/runs/${id}/cancel`);
    assert.equal(again.status, 409);
    assert.match(again.json.detail, /has already ended: cancelled/);
  });

  it("answers for a running one when its attempt has ended", async (t) => {
    const { begin, reaches, post, get } = await service(t);
    const id = await begin("/holds", { group: "a" });
    await reaches(id, "running");
    const answer = await post(`/api/runs/${id}/cancel`);
    assert.deepEqual([answer.status, answer.json.status], [200, "cancelled"]);
    assert.equal((await get(`/api/runs/${id}`)).attempts[0].outcome, "cancelled");
  });

  it("knows only existing runs", async (t) => {
    const { post } = await service(t);
    assert.equal((await post("/api/runs/8c3c1f2e-0000-4000-8000-000000000000/cancel")).status, 404);
  });
});

describe("POST /api/runs/cancel", () => {
  it("cancels the open runs of a group or a workflow, and begins nothing while it does", async (t) => {
    const { begin, reaches, post, get } = await service(t);
    const running = await begin("/holds", { group: "a" });
    const queued = await begin("/holds", { group: "a" });
    const other = await begin("/holds", { group: "b" });
    await reaches(other, "running");
    const { status, json } = await post("/api/runs/cancel?workflow=holds&group=a");
    assert.equal(status, 200);
    assert.deepEqual(
      json.runs.map(({ run, result }: { run: { id: string }; result: string }) => [run.id, result]),
      [
        [queued, "cancelled"],
        [running, "cancelled"],
      ],
    );
    assert.equal(json.more, false);
    assert.equal((await get(`/api/runs/${queued}`)).attemptCount, 0);
    assert.equal((await get(`/api/runs/${other}`)).status, "running");
    await post("/api/runs/cancel?workflow=holds");
    await reaches(other, "cancelled");
  });

  it("needs a selection", async (t) => {
    const { post } = await service(t);
    const answers = [
      await post("/api/runs/cancel"),
      await post("/api/runs/rerun"),
      await post("/api/runs/rerun?status=failure"),
    ];
    for (const { status, json } of answers) {
      assert.equal(status, 400);
      assert.match(json.detail, /must select runs/);
    }
    for (const query of ["since=yesterday", "status=running&since=2h", "workflw=holds"]) {
      assert.equal((await post(`/api/runs/rerun?${query}`)).status, 400, query);
      for (const action of ["rerun", "cancel"]) {
        const { status, json } = await post(`/api/runs/${action}?workflow=misspelt`);
        assert.equal(status, 404);
        assert.match(json.detail, /^There is no workflow "misspelt", and it has no runs\. Workflows: /);
      }
    }
  });
});

describe("POST /api/runs/{id}/rerun", () => {
  it("repeats all steps, or continues from the failure", async (t) => {
    const { begin, reaches, post, get } = await service(t);
    const id = await begin("/steps");
    await reaches(id, "failure");
    const steps = async () => (await get(`/api/runs/${id}`)).steps.map(({ attempt }: { attempt: number }) => attempt);
    assert.equal((await post(`/api/runs/${id}/rerun?from=failure`)).status, 202);
    await until("it has failed again", async () => (await get(`/api/runs/${id}`)).attempts.length === 2);
    await reaches(id, "failure");
    assert.deepEqual(await steps(), [1], "the step is not done again");
    await post(`/api/runs/${id}/rerun`);
    await until("it has failed again", async () => (await get(`/api/runs/${id}`)).attempts.length === 3);
    await reaches(id, "failure");
    assert.deepEqual(await steps(), [1, 3]);
    assert.equal((await post(`/api/runs/${id}/rerun?from=middle`)).status, 400);
    assert.deepEqual(
      (await get(`/api/runs/${id}`)).actions.map(({ details, actor }: Record<string, string>) => [details, actor]),
      [
        ["from the failure", "token alice"],
        ["from the start", "token alice"],
      ],
    );
  });

  it("starts a new run with another input, which refers to the old one", async (t) => {
    const { begin, reaches, post, get, idOf } = await service(t);
    const old = await begin("/steps", { group: "g" });
    await reaches(old, "failure");
    const answer = await post(`/api/runs/${old}/rerun`, { input: { good: true, group: "g" } });
    assert.equal(answer.status, 202);
    const id = idOf(answer);
    assert.notEqual(id, old);
    await reaches(id, "success");
    const run = await get(`/api/runs/${id}`);
    assert.deepEqual(
      [run.rerunOf, run.trigger, run.actor, run.input],
      [old, "http", "token alice", { good: true, group: "g" }],
    );
    assert.match(run.actions[0].details, new RegExp(`as a re-run of ${old} with another input`));
    assert.match((await get(`/api/runs/${old}`)).actions[0].details, new RegExp(`as ${id} with another input`));
    const late = await post(`/api/runs/${old}/rerun`);
    assert.equal(late.status, 409, "the new one is the newest of the group");
  });

  it("checks that input as it checks a new event of the trigger", async (t) => {
    const { begin, reaches, post } = await service(t);
    const http = await begin("/steps");
    await reaches(http, "failure");
    const wrong = await post(`/api/runs/${http}/rerun`, { input: { good: "yes" } });
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.detail, /good/);
    const manual = String((await post("/api/workflows/steps/runs", { inputs: { ref: "main" } })).headers["x-run-id"]);
    assert.equal((await post(`/api/runs/${manual}/rerun`, { inputs: { ref: "x" } })).status, 400);
    const good = await post(`/api/runs/${manual}/rerun`, { inputs: { ref: "v2" } });
    await reaches(String(good.headers["x-run-id"]), "success");
    const leak = await post(`/api/runs/${manual}/rerun`, { inputs: { ref: TOKEN } });
    assert.equal(leak.status, 400);
    assert.match(leak.json.detail, /contains a token/);
    assert.ok(!leak.text.includes(TOKEN));
    for (const body of [{ inptu: {} }, { input: null }, { input: "text" }, { input: {}, inputs: {} }, []]) {
      assert.equal((await post(`/api/runs/${http}/rerun`, body)).status, 400, JSON.stringify(body));
    }
    assert.equal((await post(`/api/runs/${http}/rerun?from=failure`, { input: {} })).status, 400);
  });

  it("checks an event of GitHub with the filters of the workflow", async (t) => {
    const { post, url, reaches } = await service(t);
    const { createHmac } = await import("node:crypto");
    const body = JSON.stringify({ ref: "refs/heads/main" });
    const signature = createHmac("sha256", "a secret of webhooks").update(body).digest("hex");
    const delivered = await send(url, {
      ...{ method: "POST", path: "/webhooks/github", body },
      headers: { "x-github-event": "push", "x-github-delivery": "d1", "x-hub-signature-256": `sha256=${signature}` },
    });
    const id = delivered.json.runs[0].run;
    await reaches(id, "success");
    const event = (ref: string) => ({ input: { name: "push", payload: { ref, by: "hand" } } });
    const good = await post(`/api/runs/${id}/rerun`, event("refs/heads/main"));
    await reaches(String(good.headers["x-run-id"]), "success");
    const unwanted = await post(`/api/runs/${id}/rerun`, event("refs/heads/other"));
    assert.equal(unwanted.status, 400);
    assert.match(unwanted.json.detail, /an event that pushed does not handle/);
    assert.equal((await post(`/api/runs/${id}/rerun`, { input: [1] })).status, 400);
    const large = { input: { name: "push", payload: { ref: "refs/heads/main", commits: "x".repeat(200_000) } } };
    assert.equal((await post(`/api/runs/${id}/rerun`, large)).status, 202, "events of GitHub may be large");
    assert.equal((await post(`/api/runs/${id}/rerun`, { input: "x".repeat(1_100_000) })).status, 413);
  });

  it("has no input for a run with the caller's token", async (t) => {
    const { url, post, github } = await service(t);
    deploy(github, "pr-1", "abc");
    const id = String((await notify(url, { application: "pr-1", github_token: TOKEN }, headers)).headers["x-run-id"]);
    const answer = await post(`/api/runs/${id}/rerun`, { input: { application: "pr-1" } });
    assert.equal(answer.status, 409);
    assert.match(answer.json.detail, /brought its token/);
    const other = String((await notify(url, { application: "pr-1" }, headers)).headers["x-run-id"]);
    const withToken = { input: { application: "pr-1", github_token: TOKEN } };
    const rejected = await post(`/api/runs/${other}/rerun`, withToken);
    assert.equal(rejected.status, 400);
    assert.match(rejected.json.detail, /^github_token is a token, which is never stored/);
  });
});

describe("POST /api/runs/rerun", () => {
  it("re-runs the newest of each group, newest first, and reports why not the others", async (t) => {
    const { begin, reaches, post } = await service(t);
    const ids: string[] = [];
    for (const group of ["a", "a", "b"]) {
      const id = await begin("/steps", { group });
      ids.push(id);
      await reaches(id, "failure");
    }
    const { json } = await post("/api/runs/rerun?workflow=steps&since=1h&from=failure");
    assert.deepEqual(
      json.runs.map(({ run, result }: { run: { id: string }; result: string }) => [run.id, result]),
      [
        [ids[2], "queued"],
        [ids[1], "queued"],
        [ids[0], "notNeeded"],
      ],
    );
    assert.ok(json.runs[2].reason.includes(ids[1]));
    assert.deepEqual((await post("/api/runs/rerun?status=cancelled&since=1h")).json, { runs: [], more: false });
    assert.deepEqual(
      (await post(`/api/runs/rerun?since=${new Date(Date.now() + 60_000).toISOString()}`)).json.runs,
      [],
    );
  });
});

describe("gh-runner runs cancel", () => {
  it("cancels one by the beginning of its id", async (t) => {
    const { begin, reaches, runs } = await service(t);
    const id = await begin("/sleeper");
    await reaches(id, "waiting");
    const { code, stdout } = await runs("cancel", id.slice(0, 8));
    assert.deepEqual([code, stdout], [0, `${id} is cancelled\n`]);
    const again = await runs("cancel", id);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /has already ended: cancelled/);
  });

  it("cancels those of a workflow or a group when asked to", async (t) => {
    const { begin, reaches, runs } = await service(t);
    const running = await begin("/holds", { group: "a" });
    const queued = await begin("/holds", { group: "a" });
    await reaches(running, "running");
    const asked = await runs("cancel", "--workflow", "holds");
    assert.deepEqual([asked.code, asked.stderr], [1, "This cancels 2 runs: add --yes to do it.\n"]);
    const { code, stdout } = await runs("cancel", "--workflow", "holds", "--group", "a", "--yes");
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[1] ?? "", new RegExp(`^${queued} +cancelled +holds +a`));
    assert.match(lines[2] ?? "", new RegExp(`^${running} +cancelled +holds +a`));
    assert.equal(lines[3], "2 cancelled, 0 not needed, 0 failed");
    assert.equal((await runs("cancel", "--group", "a", "--yes")).stdout, "0 cancelled, 0 not needed, 0 failed\n");
    assert.equal((await runs("cancel")).code, 1);
  });
});

describe("gh-runner runs rerun", () => {
  it("continues from the failure, or starts with another input", async (t) => {
    const { begin, reaches, runs, get } = await service(t);
    const id = await begin("/steps");
    await reaches(id, "failure");
    assert.equal((await runs("rerun", id, "--from", "failure")).stdout, `${id} is queued\n`);
    await until("it has failed again", async () => (await get(`/api/runs/${id}`)).attempts.length === 2);
    assert.equal((await get(`/api/runs/${id}`)).steps.length, 1);
    const { stdout, code } = await runs("rerun", id, "--input", '{"good":true}');
    assert.equal(code, 0);
    const [, other = ""] = /^(\S+) is \w+\n$/.exec(stdout) ?? [];
    await reaches(other, "success");
    assert.equal((await get(`/api/runs/${other}`)).rerunOf, id);
    for (const args of [
      ["--input", "{"],
      ["--input", "{}", "--from", "start"],
    ]) {
      assert.equal((await runs("rerun", id, ...args)).code, 1);
    }
    const failed = await runs("rerun", "--failed", "--since", "1h", "--workflow", "steps", "--from", "failure");
    assert.match(failed.stdout, /^1 re-run, 0 not needed, 0 rejected, 0 failed$/m);
  });
});
