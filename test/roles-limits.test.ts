import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { until } from "./support/clock.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const TOKENS = {
  argocd: "caller",
  other: "caller",
  root: "operator",
  eve: "viewer",
  lee: "viewer@deploy",
  max: "operator@deploy+gone",
} as const;

type Name = keyof typeof TOKENS;

const tokenOf = (name: Name) => `${name}-0123456789abcdef`;
const bearer = (name: Name) => ({ authorization: `Bearer ${tokenOf(name)}` });

const manual = (name: string, run = "return 7;") => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "${name}", on: { manual: true }, retry: false, async run({ log }) { log.info("in ${name}"); ${run} } });`;

/** A service with a run of `deploy` and one of `secret`, both failed, and one of environment-ready, of the token argocd. */
async function started(t: TestContext) {
  const broken = `throw new Error("no way");`;
  const files = {
    "deploy.ts": manual("deploy", broken),
    "secret.ts": manual("secret", broken),
    "broken.ts": "export default 7;",
  };
  const AUTH_TOKENS = Object.entries(TOKENS)
    .map(([name, role]) => `${name}:${role}:${tokenOf(name as Name)}`)
    .join(",");
  const service = await startService(t, {
    settings: { AUTH_TOKENS, WORKFLOWS_DIR: workflowsFolder(t, files), WORKFLOWS_STRICT: "false" },
  });
  const { url } = service;
  const as =
    (name: Name) =>
    async (path: string, method = "GET") =>
      send(url, { method, path, headers: { ...bearer(name), accept: "*/*" } });
  const start = async (workflow: string) =>
    (await send(url, { method: "POST", path: `/api/workflows/${workflow}/runs`, headers: bearer("root") })).json
      .id as string;
  const [deployed, secret] = [await start("deploy"), await start("secret")];
  deploy(service.github, "pr-1", "1234567");
  const answered = await notify(url, { application: "pr-1" }, { ...bearer("argocd"), prefer: "respond-async" });
  assert.equal(answered.status, 202);
  const ready = String(answered.headers["x-run-id"]);
  await until("all runs have ended", async () => {
    const { runs } = (await as("root")("/api/runs")).json;
    return runs.length === 3 && runs.every(({ endedAt }: { endedAt?: string }) => endedAt !== undefined);
  });
  return { ...service, as, deployed, secret, ready, location: String(answered.headers.location) };
}

describe("a caller", () => {
  it("reads the run that it has started, at the address in its 202, with its log and its page, and no other run", async (t) => {
    const { as, location, ready, deployed } = await started(t);
    const paths = (id: string) => [
      `/api/runs/${id}`,
      `/api/runs/${id}/logs`,
      `/runs/${id}`,
      `/runs/${id}/log`,
      `/runs/${id}/log.txt`,
    ];
    assert.equal(location, `/api/runs/${ready}`);
    for (const path of paths(ready)) {
      assert.equal((await as("argocd")(path)).status, 200, path);
      assert.equal((await as("other")(path)).status, 404, path);
    }
    for (const path of paths(deployed)) assert.equal((await as("argocd")(path)).status, 404, path);
    const page = (await as("argocd")(`/runs/${ready}`)).text;
    assert.doesNotMatch(page, /<form method="post" action="\/runs|aria-label="Pages"/);
    assert.equal((await as("argocd")(`/api/runs/${ready}/rerun`, "POST")).status, 403);
  });

  it("reads who it is, without the token", async (t) => {
    const { as } = await started(t);
    const { status, json, text } = await as("lee")("/api/me");
    assert.equal(status, 200);
    assert.deepEqual(json, {
      ...{ actor: "token lee", role: "viewer", grants: [{ role: "viewer", workflows: ["deploy"] }], via: "bearer" },
    });
    assert.ok(!text.includes(tokenOf("lee")));
  });

  it("who signs in to the page sees why it shows nothing, and can sign out", async (t) => {
    const { url } = await started(t);
    const signedIn = await send(url, {
      ...{ method: "POST", path: "/sign-in", headers: { "content-type": "application/x-www-form-urlencoded" } },
      body: new URLSearchParams({ token: tokenOf("argocd"), next: "/" }).toString(),
    });
    const cookie = String(signedIn.headers["set-cookie"]?.[0]).replace(/;.*/, "");
    const { status, text } = await send(url, { path: "/", headers: { cookie, accept: "text/html" } });
    assert.equal(status, 403);
    assert.match(text, /token argocd is a caller; this needs a viewer or an operator\./);
    assert.match(text, /action="\/sign-out"/);
    assert.doesNotMatch(text, /<nav aria-label="Pages">|Show all runs/);
  });
});

describe("a reader who is limited to workflows", () => {
  it("finds only their runs, with any query", async (t) => {
    const { as, deployed, secret, ready } = await started(t);
    const ask = as("lee");
    const idsIn = async (query: string) =>
      (await ask(`/api/runs?${query}`)).json.runs.map(({ id }: { id: string }) => id);
    for (const query of ["", "text=way", "status=failure", "workflow=deploy", `id=${deployed.slice(0, 8)}`, "since=1h"])
      assert.deepEqual(await idsIn(query), [deployed], query);
    for (const query of ["text=pr-1", `id=${secret.slice(0, 8)}`, `text=${ready.slice(0, 8)}`])
      assert.deepEqual(await idsIn(query), [], query);
    const { status, json } = await ask("/api/runs?workflow=secret");
    assert.deepEqual(
      [status, json.detail],
      [404, 'There is no workflow "secret", and it has no runs. Workflows: deploy.'],
    );
    for (const id of [secret, ready]) {
      for (const path of [
        `/api/runs/${id}`,
        `/api/runs/${id}/logs`,
        `/runs/${id}`,
        `/runs/${id}/log`,
        `/runs/${id}/log.txt`,
      ])
        assert.equal((await ask(path)).status, 404, path);
    }
    const { workflows, broken } = (await ask("/api/workflows")).json;
    assert.deepEqual([workflows.map(({ name }: { name: string }) => name), broken], [["deploy"], []]);
    assert.deepEqual((await ask("/api/previews")).json.previews, []);
    assert.equal((await as("eve")("/api/previews")).json.previews.length, 1);
    for (const path of ["/api/why?text=pr-1", "/api/events", "/metrics", "/api/outage", "/openapi.json", "/events"])
      assert.equal((await ask(path)).status, 403, path);
  });

  it("sees no other workflows and no figures of the whole service on any page", async (t) => {
    const { as, deployed, secret, ready } = await started(t);
    await as("root")("/workflows/secret/pause", "POST");
    for (const path of [
      "/",
      "/?status=failure",
      "/?text=way",
      "/workflows",
      "/workflows/deploy",
      "/previews",
      `/runs/${deployed}`,
    ]) {
      const { status, text } = await as("lee")(path);
      assert.equal(status, 200, path);
      for (const other of [
        secret,
        ready,
        "secret",
        "environment-ready",
        "pr-1<",
        "broken.ts",
        'class="strip"',
        'href="/events"',
        "(2)",
        "(3)",
      ])
        assert.ok(!text.includes(other), `${path} holds ${other}`);
    }
    const { text } = await as("lee")("/");
    assert.ok(text.includes(deployed));
    assert.match(text, /<span class="count" id="count-failure">1<\/span>/);
    const ids = [deployed, secret, ready].join(",");
    const { count, ended } = (await as("lee")(`/live/state?runs=${ids}`)).json;
    assert.deepEqual([count, ended.map(({ id }: { id: string }) => id)], ["", [deployed]]);
    assert.equal((await as("lee")("/workflows/secret")).status, 403);
    assert.equal((await as("eve")(`/live/state?runs=${ids}`)).json.ended.length, 3);
  });

  it("sees no button that would be rejected, and appears with its role", async (t) => {
    const { as, deployed } = await started(t);
    const buttons = /<form method="post" action="\/(?!sign-out)|href="\/bulk\/|\/changed"/;
    const pages = ["/", "/?status=failure", "/workflows", "/workflows/deploy", `/runs/${deployed}`];
    for (const path of pages) {
      for (const name of ["lee", "eve"] as const)
        assert.doesNotMatch((await as(name)(path)).text, buttons, `${name} ${path}`);
      for (const name of ["max", "root"] as const)
        assert.match((await as(name)(path)).text, buttons, `${name} ${path}`);
    }
    assert.match((await as("lee")("/")).text, /<p class="who" title="token lee: viewer of deploy">/);
    assert.match((await as("root")("/")).text, /<p class="who" title="token root: operator">/);
    assert.doesNotMatch((await as("max")("/workflows")).text, /Pause all|workflows\/secret/);
    assert.match((await as("root")("/workflows")).text, /Pause all/);
  });
});

it("a limited reader reads about its limit when nothing is found, and others do not", async (t) => {
  const { as } = await started(t);
  for (const path of ["/?text=pr-1", "/previews", "/previews?text=pr-1"])
    assert.match((await as("lee")(path)).text, /You can only see runs of [^.]*deploy[^.]*\./, path);
  for (const path of ["/?text=nowhere", "/previews?text=nowhere"])
    assert.doesNotMatch((await as("eve")(path)).text, /You may read/, path);
});

describe("an operator who is limited to workflows", () => {
  it("may act only on these, also on many runs together", async (t) => {
    const { as, deployed, secret } = await started(t);
    const act = (path: string) => as("max")(path, "POST");
    const statuses = async (...paths: string[]) => Promise.all(paths.map(async (path) => (await act(path)).status));
    assert.deepEqual(
      await statuses("/api/pause", "/api/workflows/secret/pause", "/api/workflows/*/pause", "/workflows/*/pause"),
      [403, 403, 403, 403],
    );
    assert.deepEqual(
      await statuses(`/api/runs/${secret}/rerun`, `/runs/${secret}/rerun`, `/api/runs/${secret}/cancel`),
      [404, 404, 404],
    );
    assert.deepEqual(
      await statuses(
        "/api/runs/rerun?workflow=secret",
        "/bulk/rerun?workflow=secret&status=failure",
        "/api/runs/cancel?workflow=secret",
      ),
      [403, 403, 403],
    );
    const { runs } = (await act("/api/runs/rerun?since=1h")).json;
    assert.deepEqual(
      runs.map(({ run }: { run: { id: string } }) => run.id),
      [deployed],
    );
    const page = (await act("/bulk/rerun?status=failure&since=1h")).text;
    assert.ok(!page.includes(secret));
    const { text } = await as("root")(`/api/runs/${secret}`);
    assert.ok(!text.includes("token max"), text);
    const { json } = await act("/api/workflows/gone/runs");
    assert.equal(json.detail, 'There is no workflow "gone" to start.');
    assert.equal((await act("/api/workflows/deploy/pause")).json.changed, true);
  });
});

it("a rejection by role is in the log, with the caller and the missing permission, and is not a failed authentication", async (t) => {
  const { as, log } = await started(t);
  assert.equal((await as("eve")("/api/pause", "POST")).status, 403);
  assert.equal((await as("eve")("/workflows/deploy/pause", "POST")).status, 403);
  const rejected = log().filter(({ status }) => status === 403);
  assert.deepEqual(
    rejected.map(({ path, reason }) => [path, reason]),
    [
      ["/api/pause", "token eve is a viewer; this needs an operator."],
      ["/workflows/deploy/pause", "token eve is a viewer; this needs an operator."],
    ],
  );
  assert.match(
    (await as("eve")("/metrics")).text,
    /gh_runner_\w*authentication\w*\{credential="bearer"\} 0|^((?!credential="bearer"\} [1-9]).)*$/s,
  );
});

it("a token that is limited to a missing workflow causes a warning at the start", async (t) => {
  const { log } = await startService(t, {
    settings: {
      AUTH_TOKENS: `ci:caller@environment-raedy:${tokenOf("argocd")},ok:viewer@environment-ready:${tokenOf("eve")}`,
    },
  });
  const warned = log()
    .map(({ msg }) => String(msg))
    .filter((msg) => msg.includes("is limited to"));
  assert.deepEqual(warned, [
    "AUTH_TOKENS: token ci is limited to environment-raedy, but this service has no such workflow. Did you mean environment-ready?",
  ]);
});
